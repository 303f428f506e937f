"""Reads the masks and images that manifest lines name, and applies the rules of pictures to them.

One :class:`MediaReader` serves one event loop: it keeps one open storage per bucket or folder. Batches of
lines are the unit of work; :func:`check_batch` runs them in workers, each of which keeps its reader.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gtmask.errors import PASSING, NotFoundError, PngError, ProbeError, StorageError, UsageError
from gtmask.findings import Problem
from gtmask.groundtruth.manifest_file import ManifestReader, mask_references, parsed_lines
from gtmask.groundtruth.picture_rules import (
    SMALL_IMAGE_PIXELS,
    can_decode,
    check_bytes,
    check_image,
    check_mask,
    check_size,
    check_values,
)
from gtmask.images.probe import ImageInfo, probe
from gtmask.kernels import CHECKER_MODULES, compile_kernels
from gtmask.loops import side_by_side
from gtmask.manifest.references import NOTHING_SHARED, Locator, Place, SharedEnds, find_shared_ends
from gtmask.png import PngHeader, count_png, read_header
from gtmask.png.header import SIGNATURE
from gtmask.storage import open_storage
from gtmask.storage.base import S3Settings, Storage
from gtmask.storage.usable import check_copies
from gtmask.workers import Pool, run_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from gtmask.groundtruth.line_rules import Colors, Task

T = TypeVar("T")
U = TypeVar("U")

#: Bytes that hold every header and palette, and whole small masks.
HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """What a reader of images and masks needs to know, picklable.

    ``images`` and ``masks`` are where copies are; ``shared_images`` and ``shared_masks`` the ends of paths
    that do not tell of which reference; ``mirrors`` are folders in which a mirror of the masks may lie.
    ``grid`` is the pixel grid that the masks fit where EXIF turns an image: "stored" or "display".
    """

    s3: S3Settings
    images: str | None = None
    masks: str | None = None
    deep: bool = False
    shared_images: SharedEnds = NOTHING_SHARED
    shared_masks: SharedEnds = NOTHING_SHARED
    mirrors: tuple[str, ...] = ()
    grid: str = "stored"


def media_settings(
    manifests: Sequence[ManifestReader],
    s3: S3Settings | None,
    *,
    images: str | None = None,
    masks: str | None = None,
    deep: bool = False,
    mirrors: tuple[str, ...] = (),
) -> MediaSettings:
    """Return settings for what some manifests name; which are read for it where copies count.

    Raises UsageError or NotFoundError: ``images`` or ``masks`` is no folder.
    """
    check_copies(images, "--images")
    check_copies(masks, "--masks")
    shared_images = shared_masks = NOTHING_SHARED
    if images is not None:
        shared_images = find_shared_ends(lambda: (line.source_ref for line in parsed_lines(manifests)))
    if masks is not None or mirrors:
        shared_masks = find_shared_ends(partial(mask_references, manifests))
    return MediaSettings(
        s3 or S3Settings(),
        images,
        masks,
        deep,
        shared_images,
        shared_masks,
        mirrors,
        manifests[0].grid if len(manifests) == 1 else "stored",
    )


@dataclass(slots=True)
class MediaReport:
    """What was seen of some lines: problems, counts, and pixels by value (int64 (256,))."""

    problems: list[Problem] = field(default_factory=list)
    images: int = 0
    masks: int = 0
    decoded: int = 0
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask that was read: its header, its bytes as far as read, and its pixels by value where wanted."""

    header: PngHeader
    data: bytes
    counts: NDArray[np.int64] | None = None


class MediaReader:
    """Looks at images and masks through storages that stay open; enter it inside its event loop."""

    def __init__(self, settings: MediaSettings) -> None:
        self.settings = settings
        self._stack = AsyncExitStack()
        self._storages: dict[str, Storage] = {}
        self._opening = asyncio.Lock()
        self.images = Locator(settings.images, settings.shared_images)
        self.masks = Locator(settings.masks, settings.shared_masks, settings.mirrors)

    async def __aenter__(self) -> MediaReader:
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def storage(self, root: str) -> Storage:
        """Return the open storage of a root."""
        if root not in self._storages:
            async with self._opening:
                if root not in self._storages:
                    storage = self._open(root)
                    self._storages[root] = await self._stack.enter_async_context(storage)
        return self._storages[root]

    def _open(self, root: str) -> Storage:
        try:
            return open_storage(root, self.settings.s3)
        except UsageError as error:
            if root in (self.settings.images, self.settings.masks):
                raise
            # A line's reference and not what the user asked for: the other lines are looked at.
            raise StorageError(str(error)) from error

    async def check(self, tasks: list[tuple[Task, bool]]) -> MediaReport:
        """Look at the images and masks of lines, each with whether its masks are to be decoded."""
        found = MediaReport()
        await self.each(lambda task: self._line(*task, found), tasks)
        found.problems.sort()
        return found

    async def each(self, work: Callable[[U], Coroutine[Any, Any, T]], items: Iterable[U]) -> list[T]:
        """Do some work on each item, on as many at a time as requests may be; see :func:`side_by_side`."""
        return await side_by_side(work, items, self.settings.s3.in_flight)

    async def _line(self, task: Task, decode: bool, found: MediaReport) -> None:
        image = await self._image(task, found) if task.source else None
        for reference, colors in task.masks:
            counts = await self._mask(task.line, reference, colors, image, decode, found)
            if counts is not None and reference == task.masks[-1][0]:
                found.pixels += counts

    async def _image(self, task: Task, found: MediaReport) -> ImageInfo | None:
        def report(code: str, detail: str = "") -> None:
            found.problems.append(Problem(code, task.line, task.source, detail))

        try:
            image, size = await self.look_at_image(task.source)
        except NotFoundError:
            report("source-not-found", self._searched(self.images))
        except PASSING:
            raise
        except (ProbeError, StorageError) as error:
            report("source-unreadable", str(error))
        else:
            found.images += 1
            for code, detail in check_image(image, self.settings.grid):
                report(code, detail)
            for code, detail in check_bytes(size):
                report(code, detail)
            return image
        return None

    async def look_at_image(self, reference: str) -> tuple[ImageInfo, int]:
        """Return an image's header and its size in bytes, 0 where that cannot exceed the limit."""
        for root, key in self.images.places(reference):
            storage = await self.storage(root)
            try:
                image = await probe(storage, key)
            except NotFoundError:
                continue
            large = self.settings.deep or image.width * image.height > SMALL_IMAGE_PIXELS
            return image, await storage.size(key) if large else 0
        raise NotFoundError(f"There is no image {reference}{_below(self.images)}.")

    async def _mask(
        self,
        line: int,
        reference: str,
        colors: Colors,
        image: ImageInfo | None,
        decode: bool,
        found: MediaReport,
    ) -> NDArray[np.int64] | None:
        """Tell what is wrong with a mask; return its pixels by value where it was decoded."""

        def report(code: str, detail: str = "") -> None:
            found.problems.append(Problem(code, line, reference, detail))

        try:
            mask = await self.look_at_mask(reference, decode=decode or self.settings.deep)
        except NotFoundError:
            report("mask-not-found", self._searched(self.masks))
        except PASSING:
            raise
        except StorageError as error:
            report("mask-unreadable", str(error))
        except _NotPngError as error:
            report("mask-not-png", str(error))
        except PngError as error:
            report("mask-damaged", str(error))
        else:
            found.masks += 1
            breaches = [*check_mask(mask.header, colors)]
            if image is not None:
                breaches += check_size(mask.header, image, self.settings.grid)
            if mask.counts is not None:
                found.decoded += 1
                breaches += check_values(mask.header, mask.data, mask.counts, colors)
            for code, detail in breaches:
                report(code, detail)
            return mask.counts
        return None

    async def look_at_mask(self, reference: str, *, decode: bool) -> Mask:
        """Read a mask's header, and on request count its pixels by value."""
        data, _ = await self.read_mask(reference, None if decode else HEAD)
        try:
            header = read_header(data)
        except PngError as error:
            if data.startswith(SIGNATURE[:4]):
                raise
            raise _NotPngError(str(error)) from error
        if not decode and len(data) == HEAD and "IDAT" not in header.chunks:
            # Texts or a colour profile fill the first bytes: the palette stands behind them.
            data, _ = await self.read_mask(reference)
            header = read_header(data)
        elif not decode and len(data) < HEAD and header.chunks[-1] != "IEND":
            raise PngError(f"The PNG is cut off after {len(data)} bytes: write or upload the file again.")
        if not decode or not can_decode(header):
            return Mask(header, data)
        return Mask(header, data, count_png(data, header))

    async def read_mask(self, reference: str, stop: int | None = None) -> tuple[bytes, Place]:
        """Return a mask's bytes up to ``stop``, and where they were found.

        Raises NotFoundError: the mask is at none of the places where it may be.
        """
        return await self._read(self.masks, reference, stop)

    async def read_image(self, reference: str) -> tuple[bytes, Place]:
        """Return an image's bytes, and where they were found; raises as :meth:`read_mask`."""
        return await self._read(self.images, reference, None)

    async def _read(self, locator: Locator, reference: str, stop: int | None) -> tuple[bytes, Place]:
        for place in locator.places(reference):
            storage = await self.storage(place[0])
            try:
                data = await storage.get(place[1], 0, stop)
            except NotFoundError:
                continue
            return data, place
        raise NotFoundError(f"There is nothing at {reference}{_below(locator)}.")

    @staticmethod
    def _searched(locator: Locator) -> str:
        return f"searched below {locator.root}" if locator.root else ""


def _below(locator: Locator) -> str:
    return f" below {locator.root}" if locator.root else ""


class _NotPngError(PngError):
    """The bytes do not start as a PNG does."""


def in_batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of a size, of which the last may be shorter."""
    while batch := list(islice(items, size)):
        yield batch


def checking_pool(workers: int | None) -> Pool:
    """Return workers that look at the pixels of masks."""
    return Pool(workers, before=partial(compile_kernels, CHECKER_MODULES))


def check_batch(settings: MediaSettings, tasks: list[tuple[Task, bool]]) -> MediaReport:
    """Check the images and masks of a batch of lines in this thread; see :func:`with_media`."""
    return with_media(settings, lambda media: media.check(tasks))


def each_with_media(
    settings: MediaSettings, work: Callable[[MediaReader, U], Coroutine[Any, Any, T]], items: Iterable[U]
) -> list[T]:
    """Do some work on each item, on many at a time, in this thread; see :func:`with_media`."""
    return with_media(settings, lambda media: media.each(lambda item: work(media, item), items))


def with_media(settings: MediaSettings, work: Callable[[MediaReader], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine with this thread's reader, which stays open for the next one."""
    return run_kept(settings, lambda: MediaReader(settings), work)
