"""Overlays to look at: one HTML file of images with their masks in the class colours of the worker UI.

The page stands alone: pictures are embedded, nothing is fetched. An image is shown in its *stored* pixel
grid, since that is the grid that Ground Truth shows and the mask must fit.
"""

from __future__ import annotations

import base64
import html
import io
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import CredentialsError, GtmaskError, ManifestError, UsageError
from gtmask.groundtruth.manifest_file import RawLine, open_manifest
from gtmask.groundtruth.media import MediaReader, MediaSettings, media_settings
from gtmask.loops import run_async
from gtmask.png import decode_png
from gtmask.storage.usable import check_file

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from gtmask.groundtruth.manifest_file import ManifestReader
    from gtmask.manifest.line import ManifestLine
    from gtmask.storage.base import S3Settings

#: Longest side of an embedded picture, in pixels.
SIDE = 720
#: What stands for pixels whose value the color map does not know: the UI would lose them.
UNKNOWN = (255, 0, 255)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 0; color: #222; background: #f5f5f4; }}
header {{ position: sticky; top: 0; background: #fff; padding: .6em 1em; z-index: 1;
  border-bottom: 1px solid #ccc; max-height: 40vh; overflow: auto; }}
h1 {{ font-size: 1em; margin: 0 0 .3em; }}
.legend span {{ display: inline-block; margin-right: 1em; white-space: nowrap; }}
.legend i {{ display: inline-block; width: 1em; height: 1em; margin-right: .35em; vertical-align: -.12em;
  border: 1px solid #888; }}
main {{ display: grid; gap: 1em; padding: 1em;
  grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); }}
figure {{ margin: 0; background: #fff; border: 1px solid #ddd; }}
.pair {{ position: relative; }}
.pair img {{ display: block; width: 100%; }}
.pair img + img {{ position: absolute; inset: 0; height: 100%; opacity: var(--opacity, .55);
  image-rendering: pixelated; }}
figcaption {{ padding: .4em .6em; font-size: .85em; overflow-wrap: anywhere; }}
.trouble {{ color: #b00020; padding: 0 .6em; }}
</style></head><body>
<header><h1>{title}</h1>
<label>mask <input id="opacity" type="range" min="0" max="100" value="55"></label>
<div class="legend">{legend}</div></header>
<main>{figures}</main>
<script>
document.getElementById("opacity").addEventListener("input", function (event) {{
  document.documentElement.style.setProperty("--opacity", event.target.value / 100);
}});
</script></body></html>
"""


@dataclass(slots=True)
class Preview:
    """What was written: the page's path, how many images it shows, and what could not be shown.

    ``unfinished`` says that the manifest's run is not finished, and how far it is.
    """

    path: str
    shown: int
    troubles: list[str]
    unfinished: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "page": self.path,
            "shown": self.shown,
            "troubles": self.troubles,
            "unfinished": self.unfinished,
        }


def preview(
    manifest: str | PathLike[str],
    out: str | PathLike[str],
    *,
    count: int = 24,
    partial: bool = False,
    images: str | None = None,
    masks: str | None = None,
    s3: S3Settings | None = None,
) -> Preview:
    """Write an HTML page with overlays of a manifest's images and masks.

    Parameters
    ----------
    manifest
        Path or ``s3://`` URI.
    out
        Path of the page.
    count
        How many lines are shown, evenly spread over the manifest.
    partial
        Take a manifest of a run that is not finished; that it is not is told in the result.
    images, masks
        Folder or prefix with copies of what the references name.
    s3
        How to reach S3.

    Raises
    ------
    UsageError
        A count below 1, or a page that cannot be written or would take the manifest's place.
    ManifestError
        The file is no manifest.

    Examples
    --------
    >>> import gtmask
    >>> made = gtmask.convert("export.json", "masks-run5", images="images", workers=1)
    >>> gtmask.preview(made.manifest, "look.html", count=2).shown
    2
    """
    if count < 1:
        raise UsageError(f"--count {count} must be at least 1.")
    check_file(str(out), "--out", str(manifest))
    with open_manifest(str(manifest), s3, partial=partial) as source:
        source.require_manifest()
        settings = media_settings([source], s3, images=images, masks=masks, deep=True)
        total, chosen = _choose(source, count)
    figures, troubles, legend = run_async(_figures(source, chosen, settings))
    page = _PAGE.format(
        title=html.escape(f"{Path(str(manifest)).name}: {len(chosen):,} of {total:,} images"),
        legend=legend,
        figures="\n".join(figures),
    )
    try:
        Path(out).write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}.") from error
    return Preview(str(out), len(figures) - len(troubles), troubles, source.unfinished)


def _choose(manifest: ManifestReader, count: int) -> tuple[int, list[RawLine]]:
    """Return how many lines have anything on them, and so many of these, evenly spread."""
    spans = array("Q")
    for raw in manifest.filled_lines():
        spans.extend((raw.number, raw.offset, len(raw.data)))
    total = len(spans) // 3
    shown = min(count, total)
    chosen = []
    for index in range(shown):
        number, offset, length = spans[index * total // shown * 3 :][:3]
        chosen.append(RawLine(number, offset, manifest.read(offset, length)))
    return total, chosen


async def _figures(
    manifest: ManifestReader, chosen: list[RawLine], settings: MediaSettings
) -> tuple[list[str], list[str], str]:
    """Return the figures as HTML, the troubles among them as sentences, and the legend.

    Raises
    ------
    ManifestError
        None of the lines can be used.
    """
    figures: list[str] = []
    troubles: list[str] = []
    legend = ""
    broken: list[ManifestError] = []
    async with MediaReader(settings) as media:
        for raw in chosen:
            name = f"line {raw.number:,}"
            try:
                line = manifest.parse(raw)
                name = line.source_ref
                colors = {number: (entry.name, entry.color) for number, entry in line.newest.classes.items()}
                legend = legend or _legend(colors)
                body = await _pair(line, colors, media)
            except CredentialsError:
                raise
            except (GtmaskError, ValueError, OSError) as error:
                if isinstance(error, ManifestError):
                    broken.append(error)
                troubles.append(f"{name}: {error}")
                body = f'<p class="trouble">{html.escape(str(error))}</p>'
            figures.append(f"<figure>{body}<figcaption>{html.escape(name)}</figcaption></figure>")
    if broken and len(broken) == len(chosen):
        raise broken[0]
    return figures, troubles, legend


async def _pair(line: ManifestLine, colors: dict[int, tuple[str, str]], media: MediaReader) -> str:
    """Return an image and its coloured mask as two embedded pictures, one over the other."""
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    data, _ = await media.read_image(line.source_ref)
    mask = decode_png((await media.read_mask(str(line.newest.mask)))[0])
    picture: Image.Image = Image.open(io.BytesIO(data))
    if picture.size != mask.shape[::-1]:
        raise ValueError(
            f"the mask is {mask.shape[1]}x{mask.shape[0]}, the image {picture.size[0]}x{picture.size[1]}"
        )
    overlay = Image.fromarray(paint_colors(mask, colors))
    picture = picture.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    # Nearest neighbour: any other filter would invent colours that stand for no class.
    overlay = overlay.resize(picture.size, Image.Resampling.NEAREST)
    return f'<div class="pair">{_embedded(picture, "JPEG")}{_embedded(overlay, "PNG")}</div>'


def paint_colors(mask: NDArray[np.uint8], colors: dict[int, tuple[str, str]]) -> NDArray[np.uint8]:
    """Return a mask in class colours, uint8 (height, width, 4); background is transparent.

    ``colors`` has (class name, ``#rrggbb``) by class id; other values get a glaring colour.
    """
    table = np.full((256, 4), (*UNKNOWN, 255), np.uint8)
    for value, (_, color) in colors.items():
        if 0 <= value <= 255:
            table[value] = (*bytes.fromhex(color.removeprefix("#")), 255)
    table[0] = 0
    return np.asarray(table[mask])


def _embedded(picture: Any, kind: str) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=80)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="" src="data:image/{kind.lower()};base64,{encoded}">'


def _legend(colors: dict[int, tuple[str, str]]) -> str:
    return " ".join(
        f'<span><i style="background:{html.escape(color)}"></i>{value} {html.escape(name)}</span>'
        for value, (name, color) in sorted(colors.items())
    )
