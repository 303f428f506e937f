"""``gtmask pilot``: the micro-batch that comes before a bulk job.

It answers in one small job, in a private workforce, what cannot be known before: whether the team's
portal shows the masks. With ``compare_png`` each image comes twice, once with a gray and once with a
palette mask, because nobody has published which of them every portal renders.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from gtmask.errors import PASSING, ManifestError, PngError, ProbeError, StorageError, UsageError
from gtmask.groundtruth.manifest_file import ManifestReader, open_manifest
from gtmask.groundtruth.media import (
    MediaReader,
    MediaSettings,
    checking_pool,
    each_with_media,
    in_batches,
    media_settings,
)
from gtmask.groundtruth.picture_rules import check_size
from gtmask.groundtruth.pilot_result import Chosen, PilotResult
from gtmask.groundtruth.sampling import Candidate, Pick, Sampling
from gtmask.loops import run_async
from gtmask.manifest.contract import HEX_COLOR, SOURCE_REF
from gtmask.manifest.grid import GRID, PILOT_FILES
from gtmask.manifest.line import ManifestLine, parse_line
from gtmask.manifest.located import locate_manifest
from gtmask.manifest.references import bucket_of
from gtmask.png import decode_png, encode_png
from gtmask.progress import Progress, Silent, advancing
from gtmask.storage import open_storage
from gtmask.storage.outputs import OwnFiles
from gtmask.storage.usable import check_folder, check_overwrite, check_uri_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.storage.base import S3Settings, Storage
    from gtmask.workers import Pool

BATCH = 128
#: PNG modes of masks, in the order of the copies of one image.
_MODES = ("gray", "palette")
#: The small manifest's name below the output.
PILOT_MANIFEST = "pilot.manifest"

LOOK_FOR = (
    "Start a labeling adjustment job on this manifest in a private workforce, and open its tasks.",
    "Every image must open with its labels painted, in the colours that the label list shows.",
    "Each class of the list below must appear somewhere, under its own name, and BACKGROUND must not.",
    "Edges must sit on the objects; a shift or a turn means that mask and image differ in size or EXIF.",
    "Submit one task unchanged and one changed, then run `gtmask validate` on the output manifest.",
)
LOOK_FOR_COMPARED = (
    "Each image comes twice: -gray has a gray mask, -palette one with the class colours. If only one of "
    "the two shows labels, convert everything with that --png mode."
)


#: Line, its byte offset and length, its image's and its mask's reference.
_Item = tuple[int, tuple[int, int], str, str]


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a pilot is written, and how references are made."""

    out: str
    copy_masks: bool
    compare_png: bool
    image_uri: str | None
    mask_uri: str | None
    overwrite: bool = False

    @property
    def manifest(self) -> str:
        """Path or URI of the small manifest."""
        return f"{self.out.rstrip('/')}/{PILOT_MANIFEST}"

    def check(self, reads: str) -> None:
        """Refuse an output that cannot be, or that is the manifest ``reads``, and prefixes of no copies."""
        check_folder(self.out)
        check_overwrite(self.out, "--out", self.manifest, reads)
        check_uri_prefix(self.image_uri, "--image-uri")
        check_uri_prefix(self.mask_uri, "--mask-uri")
        if self.image_uri is not None and not self.compare_png:
            raise UsageError("--image-uri is for copies of images: give --compare-png, too.")
        if self.mask_uri is not None and not self.copy_masks:
            raise UsageError("--mask-uri is for copies of masks: give --copy-masks or --compare-png, too.")


def pilot(
    manifest: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    count: int = 5,
    seed: int = 0,
    compare_png: bool = False,
    copy_masks: bool = False,
    partial: bool = False,
    images: str | None = None,
    masks: str | None = None,
    image_uri: str | None = None,
    mask_uri: str | None = None,
    overwrite: bool = False,
    s3: S3Settings | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PilotResult:
    """Choose a few images that together show every class that occurs, and write their manifest.

    Parameters
    ----------
    manifest
        Path or ``s3://`` URI, of the manifest or of its folder.
    out
        Folder or ``s3://`` prefix for ``pilot.manifest``, and for ``masks/`` and ``images/`` where they
        are copied.
    count
        Images, at least 1.
    seed
        Draws among equals; the same seed chooses the same images.
    compare_png
        Write each image and mask twice under two names, with a gray and with a palette mask.
    copy_masks
        Copy the masks to ``out`` and refer to the copies.
    partial
        Take a manifest of a run that is not finished; that it is not is told in the result.
    images, masks
        Folder or prefix with copies of what the references name.
    image_uri, mask_uri
        What references to copies begin with, in place of ``out/images`` and ``out/masks``.
    overwrite
        Replace files of the output that no pilot wrote, or that were edited since.
    s3, workers, progress
        As in :func:`gtmask.validate`.

    Returns
    -------
    PilotResult
        The images that were chosen, why, and what to look for.

    Raises
    ------
    UsageError
        A count below 1, a seed below 0, an output that is a file or where the manifest itself lies under the
        name of the small one, files there that no pilot wrote, a prefix of references where nothing is
        copied.
    ManifestError
        A broken manifest, or no line whose image and mask can be read.

    Examples
    --------
    >>> import gtmask
    >>> made = gtmask.convert("export.json", "masks-run4", images="images", workers=1)
    >>> small = gtmask.pilot(made.manifest, "pilot", count=2, workers=1)
    >>> small.manifest, len(small.chosen)
    ('pilot/pilot.manifest', 2)
    """
    if count < 1:
        raise UsageError(f"--count {count} must be at least 1.")
    if seed < 0:
        raise UsageError(f"--seed {seed} must be at least 0.")
    location = locate_manifest(os.fspath(manifest), s3)
    target = _Target(os.fspath(out), copy_masks or compare_png, compare_png, image_uri, mask_uri, overwrite)
    target.check(location)
    with open_manifest(location, s3, partial=partial) as source:
        source.require_manifest()
        settings = media_settings([source], s3, images=images, masks=masks, deep=True)
        look = _Look(source, settings)
        with checking_pool(workers) as pool:
            look.run(pool, progress or Silent())
        picks = look.choice.choose(count, seed)
        lines = [source.read(*pick.span) for pick in picks]
    if not picks:
        why = look.reason.rstrip(".") or "`gtmask validate` tells what they lack"
        raise ManifestError(
            f"{location}: none of {look.unusable:,} lines has an image and a mask that can be read: {why}."
        )
    chosen, local = run_async(_write(settings, target, picks, lines))
    return look.result(target, chosen, local=local)


class _Look:
    """One pass over the manifest: what each mask shows."""

    def __init__(self, source: ManifestReader, settings: MediaSettings) -> None:
        self.source = source
        self.settings = settings
        self.choice = Sampling()
        self.names: dict[int, str] = {}
        self.unusable = 0
        #: Why the first of them cannot be used.
        self.reason = ""

    def run(self, pool: Pool, progress: Progress) -> None:
        lines = self.source.estimate_lines()
        progress.stage("look", lines)
        items = in_batches(self._items(progress), BATCH)
        batches = ((self.settings, _candidate_of, batch) for batch in items)
        for glances in pool.map(each_with_media, batches, lines // BATCH):
            for candidate in glances:
                if isinstance(candidate, str):
                    self.unusable += 1
                    self.reason = self.reason or candidate
                else:
                    self.choice.add(candidate)

    def _items(self, progress: Progress) -> Iterator[_Item]:
        for raw, line in advancing(self.source.lines(), progress):
            label = line.newest
            self.names.update((i, entry.name) for i, entry in label.classes.items() if i)
            yield raw.number, (raw.offset, len(raw.data)), line.source_ref, str(label.mask)

    def result(self, target: _Target, chosen: list[Chosen], *, local: bool) -> PilotResult:
        occurring = self.choice.classes()
        shown = {number for entry in chosen for number in entry.classes}
        look_for = (*LOOK_FOR, LOOK_FOR_COMPARED) if target.compare_png else LOOK_FOR
        return PilotResult(
            manifest=target.manifest,
            chosen=tuple(chosen),
            classes={number: self.names.get(number, f"value {number}") for number in sorted(occurring)},
            missing=tuple(sorted(occurring - shown)),
            unused=tuple(sorted(set(self.names) - occurring)),
            unusable=self.unusable,
            local=local,
            look_for=look_for,
            unfinished=self.source.unfinished,
        )


async def _candidate_of(media: MediaReader, item: _Item) -> Candidate | str:
    """Look at one line's image and mask in a worker, or say why that cannot be."""
    line, span, source, mask = item
    try:
        image, _ = await media.look_at_image(source)
        seen = await media.look_at_mask(mask, decode=True)
    except PASSING:
        raise
    except (StorageError, ProbeError, PngError) as error:
        return str(error)
    if seen.counts is None:
        return f"{mask} is not a mask of one channel"
    if any(check_size(seen.header, image, media.settings.grid)):
        return f"{mask} is of another size than its image"
    return Candidate.of(line, span, seen.counts, image.orientation)


async def _write(
    settings: MediaSettings, target: _Target, picks: list[Pick], lines: list[bytes]
) -> tuple[list[Chosen], bool]:
    """Write the small manifest and the copies it names; say whether its references are local, too."""
    chosen, written = [], []
    parsed = [parse_line(raw) for raw in lines]
    keys = [PILOT_MANIFEST]
    for number, line in enumerate(parsed, 1):
        keys += _copies(target, number, line)
    async with MediaReader(settings) as media, open_storage(target.out, settings.s3) as out:
        own = OwnFiles(out, PILOT_FILES, {GRID: settings.grid})
        await own.begin(keys, "--out", overwrite=target.overwrite)
        for number, (pick, raw, line) in enumerate(zip(picks, lines, parsed, strict=True), 1):
            data, _ = await media.read_mask(str(line.newest.mask))
            mask = decode_png(data)
            classes = tuple(i for i in np.unique(mask).tolist() if i)
            chosen.append(Chosen(pick.line, line.source_ref, pick.reason, classes))
            if target.compare_png:
                written += await _write_both_forms(media, out, target, number, line, mask)
            elif target.copy_masks:
                (key,) = _copies(target, number, line)
                await out.put(key, data, "image/png")
                written.append(_line(line, line.source_ref, _uri(out, key, target.mask_uri)))
            else:
                written.append(raw + b"\n")
        await out.put(PILOT_MANIFEST, b"".join(written), "application/x-ndjson")
        await own.end(keys)
        await out.sync()
    ready = [parse_line(line) for line in written]
    references = [ref for line in ready for ref in (line.source_ref, str(line.newest.mask))]
    return chosen, any(bucket_of(reference) is None for reference in references)


def _copies(target: _Target, number: int, line: ManifestLine) -> list[str]:
    """Return the keys of a line's copies: its mask, or image and mask once for each PNG mode."""
    name = f"{number:02}-{PurePosixPath(line.source_ref).stem}"
    if target.compare_png:
        suffix = PurePosixPath(line.source_ref).suffix
        return [
            key for mode in _MODES for key in (f"images/{name}-{mode}{suffix}", f"masks/{name}-{mode}.png")
        ]
    return [f"masks/{name}.png"] if target.copy_masks else []


async def _write_both_forms(
    media: MediaReader, out: Storage, target: _Target, number: int, line: ManifestLine, mask: Any
) -> list[bytes]:
    """Write one image and its mask under two names, and return their lines."""
    image, _ = await media.read_image(line.source_ref)
    suffix = PurePosixPath(line.source_ref).suffix
    colors = {number: entry.color for number, entry in line.newest.classes.items()}
    if wrong := [color for color in colors.values() if not HEX_COLOR.fullmatch(color)]:
        raise ManifestError(
            f"{line.source_ref}: {wrong[0]!r} is not a colour such as #2ca02c; `gtmask validate` tells more."
        )
    written = []
    copies = _copies(target, number, line)
    for image_key, mask_key, palette in zip(copies[::2], copies[1::2], (None, colors), strict=True):
        kind = "image/png" if suffix.lower() == ".png" else "image/jpeg"
        await out.put(image_key, image, kind)
        await out.put(mask_key, encode_png(mask, palette=palette), "image/png")
        image_ref = _uri(out, image_key, target.image_uri)
        written.append(_line(line, image_ref, _uri(out, mask_key, target.mask_uri)))
    return written


def _uri(out: Storage, key: str, prefix: str | None) -> str:
    return f"{prefix.rstrip('/')}/{key.partition('/')[2]}" if prefix else out.uri(key)


def _line(line: ManifestLine, source_ref: str, mask_ref: str) -> bytes:
    """Return a line with other references, all else as it was."""
    changed = {SOURCE_REF: source_ref, line.newest.attribute: mask_ref}
    try:
        return orjson.dumps({**line.values, **changed}) + b"\n"
    except orjson.JSONEncodeError as error:
        raise ManifestError(
            f"The line of {line.source_ref} cannot be written with other references: {error}."
        ) from error
