"""One chunk in one process: looks at each image, copies it or makes new ones, commits."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import ChangedError, PrepareError, ProbeError, StorageError
from gtmask.findings import Finding, is_reject
from gtmask.images.prepared import CHANGES, Piece, PreparedImage, parse_line
from gtmask.images.probe import ImageInfo, probe
from gtmask.loops import side_by_side
from gtmask.manifest.contract import IMAGE_EXTENSIONS, IMAGE_FORMATS
from gtmask.preparing.listing import new_key, tile_key
from gtmask.preparing.make import Made, make_images
from gtmask.preparing.open import DAMAGED, open_pixels
from gtmask.preparing.plan import refuse_lost
from gtmask.preparing.tiles import Box
from gtmask.run.commit import ChunkResult, Tally, commit, reject_of
from gtmask.storage import S3Settings, Storage, is_s3, open_storage
from gtmask.text import escape_unprintable
from gtmask.workers import run_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.preparing.options import PrepareOptions

_PIECE = 8 << 20
#: Images of S3 that are on their way at a time; decoded is one of them.
_AT_ONCE = 4
_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}
#: Forms of pixels that every browser shows alike.
_PLAIN = frozenset({"", "1", "L", "P", "RGB", "I;16", "I;16B", "I"})

#: What ends the names of images, whether they can be read or not: a file of another kind is no loss.
IMAGE_NAMES = (
    *IMAGE_EXTENSIONS, ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".jp2", ".j2k",
    ".jpx", ".heic", ".heif", ".avif", ".jxl", ".dng", ".svs", ".ndpi", ".dcm",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PrepareJob:
    """What every chunk has in common; ``run`` is the plan's identity."""

    options: PrepareOptions
    images: str
    out: str
    s3: S3Settings
    run: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Item:
    """An image: its key, bytes and version, and what names of new ones begin with.

    ``trouble`` says why it can get no name with another extension, ``inside`` names an image in whose folder
    of tiles it is; ``line`` is its line of the table where an earlier start has made it.
    """

    key: str
    size: int
    version: str
    base: str
    trouble: str = ""
    inside: str = ""
    line: bytes = b""


@dataclass(slots=True)
class _Outcome:
    """What became of one file: its line of the table, or none where it is no image or was refused."""

    item: Item
    line: bytes = b""
    findings: list[Finding] = field(default_factory=list)
    written: int = 0


def prepare_chunk(job: PrepareJob, number: int, items: list[Item]) -> ChunkResult:
    """Do one chunk; what a pool calls."""

    async def work(worker: _Worker) -> ChunkResult:
        return await worker.run(number, items)

    return run_kept(("prepare", job), partial(_Worker, job), work)


class _Worker:
    def __init__(self, job: PrepareJob) -> None:
        self.job = job
        self._stack = contextlib.AsyncExitStack()
        self.images: Storage
        self.out: Storage

    async def __aenter__(self) -> _Worker:
        self.images = await self._stack.enter_async_context(open_storage(self.job.images, self.job.s3))
        self.out = await self._stack.enter_async_context(open_storage(self.job.out, self.job.s3))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def run(self, number: int, items: list[Item]) -> ChunkResult:
        """Do a chunk's images, some at a time, and commit them."""
        at_once = _AT_ONCE if is_s3(self.job.images) or is_s3(self.job.out) else 1
        result = _gather(number, await side_by_side(self.image, items, at_once))
        if not self.job.dry_run:
            await commit(self.out, [result], self.job.run, partial(refuse_lost, self.out, self.job.run))
        return result

    async def image(self, item: Item) -> _Outcome:
        """Look at one file, and write what becomes of it."""
        if item.line:
            return _Outcome(item, item.line, self._told(parse_line(item.line)))
        outcome = _Outcome(item)
        try:
            info = await probe(self.images, item.key)
        except ProbeError as error:
            damaged = item.key.lower().endswith(IMAGE_NAMES)
            outcome.findings.append(Finding("image-unreadable", str(error)) if damaged else
                                    Finding("prepare-no-image"))  # fmt: skip
            return outcome
        if info.version != item.version:
            raise _changed(self.images, item)
        outcome.findings += self._refusals(item, info)
        if is_reject(outcome.findings):
            return outcome
        changes = changes_of(info, item.key, item.size, self.job.options)
        if changes in {(), ("renamed",)}:
            await self._copy(outcome, info, changes)
        else:
            await self._make(outcome, info, changes)
        return outcome

    def _refusals(self, item: Item, info: ImageInfo) -> Iterator[Finding]:
        """Yield what keeps an image from being prepared, by its name and its header."""
        if escape_unprintable(item.key) != item.key:
            yield Finding("image-name-bad", escape_unprintable(item.key))
        if item.trouble and new_key(item.key, item.base, extension_of(info)) != item.key:
            yield Finding("prepare-name-taken", item.trouble)
        if item.inside:
            yield Finding("prepare-name-taken", f"{item.inside} is an image, and its tiles go there")
        most = self.job.options.max_pixels
        if info.width * info.height > most:
            yield Finding(
                "image-too-large", f"{info.width}x{info.height} pixels are more than --max-pixels {most:,}"
            )

    async def _copy(self, outcome: _Outcome, info: ImageInfo, changes: tuple[str, ...]) -> None:
        """Copy an image byte by byte, or leave it where it is."""
        item, at = outcome.item, ""
        key = new_key(item.key, item.base, extension_of(info)) if changes else item.key
        if self.job.options.changed_only and not changes:
            at = self.job.images
        else:
            data, version = await self.images.get_versioned(item.key)
            if version != item.version:
                raise _changed(self.images, item)
            await self._put(key, data, _TYPES[extension_of(info)])
            outcome.written = 1
        outcome.line = _line(item, info, changes, (Piece(key, 0, 0, *info.shown, at),)).to_line()

    async def _make(self, outcome: _Outcome, info: ImageInfo, changes: tuple[str, ...]) -> None:
        """Write new images in place of one that cannot stay as it is."""
        item = outcome.item
        pieces: list[Piece] = []
        try:
            with contextlib.ExitStack() as until:
                path = await self._local(item, until)
                pixels, tables = open_pixels(path, info, self.job.options.sixteen_bit, until)
                for made in make_images(pixels, tables, info, self.job.options):
                    await self._put_made(item, made, info, pieces)
        except PrepareError as error:
            outcome.findings.append(Finding(error.code, str(error)))
        except DAMAGED as error:
            if isinstance(error, OSError) and error.errno is not None:  # of the disk, not of the image
                raise StorageError(f"{self.images.uri(item.key)}: {error.strerror}.") from error
            outcome.findings.append(Finding("image-unreadable", f"{info.format}: {error}"[:300]))
        if is_reject(outcome.findings):
            for piece in pieces if not self.job.dry_run else ():
                await self.out.delete(piece.key)
            return
        if (await self.images.get_versioned(item.key, 0, 1))[1] != item.version:
            raise _changed(self.images, item)
        image = _line(item, info, changes, tuple(pieces), pixels.levels, pixels.pages)
        outcome.findings += self._told(image)
        outcome.written, outcome.line = len(pieces), image.to_line()

    async def _put_made(self, item: Item, made: Made, info: ImageInfo, pieces: list[Piece]) -> None:
        """Write a new image, and add it to those that there are."""
        extension = extension_of(info)
        is_whole = made.box == Box(0, 0, *info.shown)
        key = new_key(item.key, item.base, extension) if is_whole else tile_key(item.key, made.box, extension)
        pieces.append(Piece(key, *made.box))
        await self._put(key, made.data, _TYPES[extension])
        await asyncio.sleep(0)  # Ctrl-C is heard here

    def _told(self, image: PreparedImage) -> list[Finding]:
        """Return what is worth telling about an image that was prepared."""
        found = []
        if image.levels is not None:
            low, high = image.levels
            found.append(Finding("prepare-levels", f"{self.job.options.sixteen_bit}: {low} to {high}"))
        if image.pages > 1:
            found.append(Finding("prepare-first-page", f"{image.pages} pages"))
        return found

    async def _local(self, item: Item, until: contextlib.ExitStack) -> str:
        """Return the path of an image: its own, or that of a copy that ends with ``until``."""
        if not is_s3(self.job.images):
            return self.images.uri(item.key)
        folder = until.enter_context(tempfile.TemporaryDirectory(prefix="gtmask-"))
        path = Path(folder, "image")
        with path.open("wb") as file:  # noqa: ASYNC230 - decoding it waits for nothing, either
            for start in range(0, item.size, _PIECE):
                file.write(await self.images.get(item.key, start, start + _PIECE, item.version))
        return str(path)

    async def _put(self, key: str, data: bytes, content_type: str) -> None:
        if not self.job.dry_run:
            await self.out.put(key, data, content_type)


def changes_of(info: ImageInfo, key: str, size: int, options: PrepareOptions) -> tuple[str, ...]:
    """Return what has to be done with an image, in the words of the table; nothing where it is fine.

    By its header: formats and limits are in :mod:`gtmask.manifest.contract`; EXIF: Developer Guide,
    sms-cors-update. ``options``: whose limits count.
    """
    shown = info.format in IMAGE_FORMATS and not info.coding
    too_large = info.width * info.height > options.split_pixels
    # What is written anew has another number of bytes, which is looked at then.
    heavy = size > options.split_bytes and shown
    found = {
        "turned": info.orientation != 1,
        "converted": not shown,
        "eight-bit": info.bits > 8,
        "rgb": shown and info.mode not in _PLAIN,
        "split": too_large or heavy,
        "renamed": shown and not key.lower().endswith(IMAGE_EXTENSIONS),
    }
    return tuple(name for name, holds in found.items() if holds)


def extension_of(info: ImageInfo) -> str:
    """Return what the name of a new image ends with: photos stay JPEG, all else becomes lossless PNG."""
    return ".jpg" if info.format == "JPEG" else ".png"


def _line(
    item: Item,
    info: ImageInfo,
    changes: tuple[str, ...],
    pieces: tuple[Piece, ...],
    levels: tuple[float, float] | None = None,
    pages: int = 1,
) -> PreparedImage:
    """Return an image's line of the table; what was done is known better than it was foreseen."""
    holds = {"eight-bit": levels is not None, "split": len(pieces) > 1}
    done = tuple(name for name in CHANGES if holds.get(name, name in changes))
    return PreparedImage(item.key, item.version, info.width, info.height, info.orientation, info.format,
                         done, pieces, levels, pages)  # fmt: skip


def _changed(images: Storage, item: Item) -> ChangedError:
    return ChangedError(f"{images.uri(item.key)} was changed while it was read: run again to go on.")


def _gather(number: int, outcomes: list[_Outcome]) -> ChunkResult:
    """Add up what became of a chunk's files; its "masks" are new images."""
    result = ChunkResult(number, Tally())
    for outcome in outcomes:
        tally, findings = result.tally, outcome.findings
        tally.records += 1
        tally.masks += outcome.written
        tally.count_findings(findings, outcome.item.key)
        if outcome.line:
            result.lines.append(outcome.line)
        if is_reject(findings):
            tally.rejects += 1
            result.rejects.append(reject_of(outcome.item.key, findings))
    return result
