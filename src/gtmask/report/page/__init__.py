"""The page of overlays: from tiles to one HTML file that stands alone.

The template, its style and its scripts are files beside this one. Nothing is fetched when the page is opened:
pictures and masks are embedded, and its policy (a ``Content-Security-Policy``) allows no more than the page's
own script and style, by their digests. Whatever comes from data reaches the page as text: escaped by the
template, or by the script as ``textContent``.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from gtmask._version import __version__
from gtmask.findings import CODES, Finding
from gtmask.manifest.contract import BACKGROUND
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from gtmask.report.pictures import Picture

FOLDER = Path(__file__).parent
SCRIPTS = ("png.js", "drawing.js", "controls.js", "viewer.js")
#: Findings are listed as bad ones first.
_LEVELS = ("error", "reject", "loss", "guess", "warning", "note")

#: A class as the page knows it: its name and its colour (``#rrggbb``).
ClassKey = tuple[str, str]


@dataclass(slots=True)
class Layer:
    """One mask of a tile.

    - ``role``: ``mask``, or ``before`` and ``after`` where two are compared.
    - ``png``: a PNG of one channel; empty where there is none that could be drawn.
    - ``table``: the class that each sample value stands for; values that are missing stand for none.
    - ``counts``: int64 (256,): pixels by sample value; None where there is no mask to count.
    """

    role: str
    png: bytes = b""
    table: dict[int, ClassKey] = field(default_factory=dict)
    counts: NDArray[np.int64] | None = None

    def areas(self) -> Counter[ClassKey]:
        """Return pixels by class, those of values in no class left out."""
        areas: Counter[ClassKey] = Counter()
        for value, pixels in enumerate([] if self.counts is None else self.counts.tolist()):
            if pixels and value in self.table:
                areas[self.table[value]] += pixels
        return areas

    @property
    def unknown(self) -> int:
        """Pixels whose value stands for no class."""
        counts = [] if self.counts is None else self.counts.tolist()
        return sum(pixels for value, pixels in enumerate(counts) if value not in self.table)


@dataclass(slots=True)
class Tile:
    """One image with its masks, and what was found about it.

    ``width`` and ``height`` are the image's, in pixels; ``change`` counts pixels whose class changed;
    ``trouble`` is a sentence that says why nothing is shown; ``note`` one about the image.
    """

    name: str
    picture: Picture | None = None
    layers: list[Layer] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    width: int = 0
    height: int = 0
    change: int | None = None
    trouble: str = ""
    note: str = ""


@dataclass(slots=True)
class Page:
    """What a page shows: ``areas`` counts pixels by class where more than the tiles' own masks are known.

    ``notes`` are sentences for the top; ``counts`` are findings beyond the tiles' own, where they are known;
    ``areas_of`` and ``findings_of`` say what was counted; ``grid`` is the pixel grid that masks and pictures
    are in where EXIF turns an image, "stored" or "display".
    """

    title: str
    tiles: list[Tile]
    notes: list[str] = field(default_factory=list)
    areas: Counter[ClassKey] | None = None
    areas_of: str = "Pixels in the masks shown."
    counts: Counter[str] = field(default_factory=Counter)
    findings_of: str = "Counted over the images shown."
    grid: str = "stored"


def render(page: Page) -> str:
    """Return a page as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - pages alone need it

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.finalize = plain_text
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    script = '"use strict";\n' + "".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    classes = _classes(page)
    data = orjson.dumps(_data(page, classes)).decode()
    return environment.get_template("page.html").render(
        page=page, version=__version__, style=style, script=script, style_hash=_digest(style),
        script_hash=_digest(script), data=_inert(data), payloads=_payloads(page.tiles),
        classes=_legend(page, classes), findings=_findings(page), tiles=[_card(tile) for tile in page.tiles],
        sizes=_sizes(page.tiles), unknown_pixels=f"{sum(map(_unknown, page.tiles)):,}",
        changes=any(len(tile.layers) > 1 for tile in page.tiles),
        turned=any(_turn(tile) != 1 for tile in page.tiles),
    )  # fmt: skip


def plain_text(value: object) -> object:
    """Return text from data without what acts on how text is shown: controls, and marks of direction."""
    if type(value) is not str:  # markup of the template's own
        return value
    text = escape_unprintable(value, controls=True)
    return "".join(
        f"\\u{ord(one):04x}" if unicodedata.category(one) in {"Cf", "Zl", "Zp"} else one for one in text
    )


def is_background(key: ClassKey) -> bool:
    """Say whether a class is what lies below all others."""
    return key[0] == BACKGROUND


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inert(text: str) -> str:
    """Return JSON that ends no script element, whatever its texts say."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _classes(page: Page) -> list[ClassKey]:
    """Return all classes of a page, in the order of their values, background first."""
    values: dict[ClassKey, int] = {}
    for tile in page.tiles:
        for layer in tile.layers:
            for value, key in layer.table.items():
                values[key] = min(value, values.get(key, value))
    for key in page.areas or ():
        values.setdefault(key, 256)
    return sorted(values, key=lambda key: (not is_background(key), values[key], key))


def _areas(page: Page) -> Counter[ClassKey]:
    if page.areas is not None:
        return page.areas
    areas: Counter[ClassKey] = Counter()
    for tile in page.tiles:
        if tile.layers:
            areas += tile.layers[-1].areas()
    return areas


def _legend(page: Page, classes: Sequence[ClassKey]) -> list[dict[str, Any]]:
    areas = _areas(page)
    total = max(sum(areas.values()), 1)
    values: dict[ClassKey, set[int]] = {}
    for tile in page.tiles:
        for layer in tile.layers:
            for value, key in layer.table.items():
                values.setdefault(key, set()).add(value)
    return [
        {
            "name": key[0], "color": key[1], "background": is_background(key),
            "ids": ", ".join(map(str, sorted(values.get(key, ()))[:4])),
            "pixels": f"{areas[key]:,}", "width": f"{100 * areas[key] / total:.2f}",
            "share": _percent(areas[key], total),
        }
        for key in classes
    ]  # fmt: skip


def _percent(part: int, total: int) -> str:
    share = 100 * part / max(total, 1)
    return "0 %" if not part else "under 0.1 %" if share < 0.1 else f"{share:.1f} %"


def _data(page: Page, classes: Sequence[ClassKey]) -> dict[str, Any]:
    """Return what the script is given."""
    number = {key: place for place, key in enumerate(classes)}
    maps: dict[tuple[tuple[int, int], ...], int] = {}
    tiles = []
    for tile in page.tiles:
        layers = []
        for layer in tile.layers:
            pairs = tuple(sorted((value, number[key]) for value, key in layer.table.items()))
            layers.append({"role": layer.role, "drawn": bool(layer.png),
                           "map": maps.setdefault(pairs, len(maps))})  # fmt: skip
        areas = tile.layers[-1].areas() if tile.layers else Counter[ClassKey]()
        shown = sorted(number[key] for key in areas)
        tiles.append({
            "width": tile.width, "height": tile.height, "picture": tile.picture is not None, "layers": layers,
            "turn": _turn(tile),
            "classes": [*shown, *([-1] if _unknown(tile) else [])],
            "crowding": sum(not is_background(key) for key in areas), "painted": _painted(areas),
            "change": tile.change, "findings": sorted({found.code for found in tile.findings}),
        })  # fmt: skip
    return {
        "classes": [
            {"name": plain_text(key[0]), "color": key[1], "background": is_background(key)} for key in classes
        ],
        "maps": list(maps),
        "grid": page.grid,
        "tiles": tiles,
    }


def _painted(areas: Counter[ClassKey]) -> int:
    return sum(pixels for key, pixels in areas.items() if not is_background(key))


def _turn(tile: Tile) -> int:
    return tile.picture.turn if tile.picture is not None else 1


def _unknown(tile: Tile) -> int:
    return tile.layers[-1].unknown if tile.layers else 0


def _payloads(tiles: Sequence[Tile]) -> Iterable[tuple[str, str]]:
    """Yield the elements that hold pictures and masks: (id, text in base64)."""
    for number, tile in enumerate(tiles):
        if tile.picture is not None:
            yield f"picture-{number}", base64.b64encode(tile.picture.data).decode()
        for place, layer in enumerate(tile.layers):
            if layer.png:
                yield f"mask-{number}-{place}", base64.b64encode(layer.png).decode()


def _card(tile: Tile) -> dict[str, Any]:
    return {
        "name": tile.name, "width": tile.width, "height": tile.height, "facts": _facts(tile),
        "trouble": tile.trouble, "note": tile.note, "turned": _turn(tile) != 1,
        "drawable": bool(tile.width and tile.height and (tile.picture or any(x.png for x in tile.layers))),
        "findings": [
            {"code": found.code, "level": found.level, "detail": found.detail.rstrip("."),
             "meaning": CODES[found.code].meaning}
            for found in dict.fromkeys(tile.findings)
            # A note without a word of its own is the same on every image: the table of findings has it.
            if found.detail or found.level != "note"
        ],
    }  # fmt: skip


def _facts(tile: Tile) -> str:
    """Return a tile's figures as one sentence's part."""
    told = [f"{tile.width}x{tile.height}"] if tile.width else []
    areas = tile.layers[-1].areas() if tile.layers else Counter[ClassKey]()
    if areas:
        classes = sum(not is_background(key) for key in areas)
        told.append(f"{classes} {'class' if classes == 1 else 'classes'}")
        told.append(f"{_percent(_painted(areas), areas.total() + _unknown(tile))} painted")
    if tile.change is not None:
        told.append(f"{tile.change:,} pixels changed")
    if tile.picture is not None and tile.picture.width != tile.width:
        told.append(f"the picture is scaled to {tile.picture.width}x{tile.picture.height}, the mask is not")
    return ", ".join(told)


def _sizes(tiles: Sequence[Tile]) -> list[tuple[str, int]]:
    sizes = Counter((tile.width, tile.height) for tile in tiles if tile.width)
    return [(f"{width}x{height}", count) for (width, height), count in sizes.most_common(20)]


def _findings(page: Page) -> list[dict[str, Any]]:
    """Return the rows of the table of findings, the worst first."""
    counts = page.counts + Counter(
        code for tile in page.tiles for code in {found.code for found in tile.findings}
    )
    rows = [CODES[code] for code in counts]
    rows.sort(key=lambda row: (_LEVELS.index(row.level), -counts[row.code], row.code))
    return [
        {"code": row.code, "level": row.level, "meaning": row.meaning, "remedy": row.remedy,
         "count": f"{counts[row.code]:,}"}
        for row in rows
    ]  # fmt: skip
