"""One chunk of an answer: masks of images made of what was labeled, and written; then the commit."""

from __future__ import annotations

import asyncio
import posixpath
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import orjson

from gtmask.answers.instances import instances_of
from gtmask.answers.labeled import Labeled, LabeledReader, Line, Outcome
from gtmask.answers.originals import Whole, in_grid
from gtmask.errors import PASSING, StorageError
from gtmask.findings import Finding, is_reject
from gtmask.groundtruth.media import MediaReader, MediaSettings, with_media
from gtmask.images.prepared import PreparedImage, parse_line
from gtmask.images.references import is_possible
from gtmask.images.resolve import mask_key
from gtmask.loops import side_by_side
from gtmask.manifest.color_map import make_color_map
from gtmask.manifest.contract import (
    BACKGROUND_COLOR,
    COLOR_MAP,
    CREATION_DATE,
    HUMAN_ANNOTATED,
    JOB_NAME_KEY,
    METADATA_SUFFIX,
    SEGMENTATION_TYPE,
    SOURCE_REF,
)
from gtmask.manifest.names import CONFIDENCE_DEFAULT
from gtmask.manifest.newest import age_of
from gtmask.png import count_values, encode_png
from gtmask.run.commit import MASKS, ChunkResult, Tally, commit, reject_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.answers.options import AnswerOptions
    from gtmask.class_map import ClassMap
    from gtmask.manifest.label import Label

#: Tiles of one image whose masks are on their way at a time.
_AT_ONCE = 16
#: Tiles without a label that a finding names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class AnswerJob:
    """What every chunk of an answer has in common; ``prepared`` is the table's location, "" without one."""

    options: AnswerOptions
    before: str
    after: str
    classes: ClassMap
    image_prefix: str
    mask_prefix: str
    out: str
    media: MediaSettings
    prepared: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One image: the lines about it, and whether its mask's key keeps its extension.

    ``prepared`` is the image's line in the table of prepared images, empty where there is none.
    """

    lines: tuple[Line, ...]
    long_key: bool
    prepared: bytes = b""


def answer_chunk(job: AnswerJob, number: int, items: list[Item]) -> Tally:
    """Do one chunk in a worker, and return its counts."""

    async def work(media: MediaReader) -> Tally:
        return await _Chunk(job, media).run(number, items)

    return with_media(job.media, work)


class _Chunk:
    def __init__(self, job: AnswerJob, media: MediaReader) -> None:
        self.job, self.media = job, media
        self.reader = LabeledReader(job.options, job.before, job.after, job.classes, media)
        self.color_map = make_color_map(job.classes, CONFIDENCE_DEFAULT)
        colors = {0: BACKGROUND_COLOR, **{entry.id: entry.color for entry in job.classes.classes}}
        self.palette = colors if job.options.png == "palette" else None
        #: Of images that were cut one at a time is in memory.
        self.large = asyncio.Lock()

    async def run(self, number: int, items: list[Item]) -> Tally:
        result = ChunkResult(number, Tally())
        for outcomes in await self.media.each(self.image, items):
            for outcome in outcomes:
                _gather(result, outcome)
        await commit(await self.media.storage(self.job.out), [result])
        return result.tally

    async def image(self, item: Item) -> list[Outcome]:
        """Return what became of an image and its copies; its mask is written by then."""
        seen = sorted(map(self.reader.look_at, item.lines), key=lambda labeled: labeled.piece)
        if item.prepared:
            image = parse_line(item.prepared)
            found = Outcome(self.job.image_prefix + image.source, seen[0].outcome.where, {})
            for labeled in seen:
                piece = image.images[labeled.piece]
                labeled.outcome.row["change"] |= {"original": image.source, "x": piece.x, "y": piece.y}
            if len(image.images) == 1:
                await self._copy(image, seen[0], found, item)
            else:
                async with self.large:
                    await self._tiles(image, seen, found, item)
            return [*(labeled.outcome for labeled in seen), found]
        await self._itself(seen[0], item)
        return [seen[0].outcome]

    async def _itself(self, seen: Labeled, item: Item) -> None:
        """Write the mask of an image that was itself labeled."""
        outcome, prefix = seen.outcome, self.job.image_prefix
        if self.job.prepared:
            outcome.findings.append(Finding("prepared-unknown", self.job.prepared))
            return
        key = outcome.image.removeprefix(prefix)
        if seen.label is not None and (key == outcome.image or not is_possible(key)):
            outcome.findings.append(Finding("image-name-bad", f"not below {prefix}"))
            return
        made = await self.reader.read(seen)
        if made is not None and seen.label is not None:
            await self._write(made.mask, made.counts, seen.label, key, item, outcome)

    async def _copy(self, image: PreparedImage, seen: Labeled, found: Outcome, item: Item) -> None:
        """Write the mask of an image of which there is one copy, turned as the image is."""
        made = await self.reader.read(seen)
        if made is None or seen.label is None or not _fits(made.mask, image, seen):
            return
        mask = in_grid(image, made.mask, self.job.options.orientation)
        await self._write(mask, made.counts, seen.label, image.source, item, found)

    async def _tiles(self, image: PreparedImage, seen: list[Labeled], found: Outcome, item: Item) -> None:
        """Write the mask of an image that was cut, or tell which tiles are missing."""
        open_ = set(range(len(image.images))) - {labeled.piece for labeled in seen if labeled.label}
        whole = None if open_ else Whole(image)

        async def one(labeled: Labeled) -> None:
            made = await self.reader.read(labeled)
            if made is None or not _fits(made.mask, image, labeled):
                open_.add(labeled.piece)
            elif whole is not None:
                whole.add(labeled.piece, made.mask)

        await side_by_side(one, seen, _AT_ONCE)
        if whole is None or open_:
            named = [image.images[number].key for number in sorted(open_)]
            more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
            told = f"{len(named)} of {len(image.images)}: {', '.join(named[:_NAMED])}{more}"
            found.findings.append(Finding("tiles-missing", told))
            return
        if whole.differing:
            found.findings.append(Finding("tiles-differ", f"{whole.differing} pixels"))
        labels = [labeled.label for labeled in seen if labeled.label is not None]
        newest = max(labels, key=lambda label: age_of(label).created)
        mask = whole.mask(self.job.options.orientation)
        await self._write(mask, count_values(mask), newest, image.source, item, found)

    async def _write(
        self, mask: NDArray[np.uint8], counts: NDArray[np.int64], label: Label, key: str, item: Item,
        outcome: Outcome,
    ) -> None:  # fmt: skip
        job, target = self.job, mask_key(key, keep_extension=item.long_key)
        if item.long_key:
            outcome.findings.append(Finding("key-collision", target))
        data = encode_png(mask, palette=self.palette)
        out = await self.media.storage(job.out)
        await out.put(MASKS + target, data, "image/png")
        outcome.mask_bytes, outcome.pixels = len(data), counts
        metadata = {
            COLOR_MAP: self.color_map,
            "type": SEGMENTATION_TYPE,
            JOB_NAME_KEY: label.job_name or "",
            HUMAN_ANNOTATED: label.metadata.get(HUMAN_ANNOTATED, "yes"),
            CREATION_DATE: label.creation_date or "",
        }
        height, width = mask.shape
        outcome.row |= {
            "key": key, "mask": target, "width": width, "height": height,
            "line": {SOURCE_REF: outcome.image, job.after: job.mask_prefix + target,
                     job.after + METADATA_SUFFIX: metadata},
        }  # fmt: skip
        if job.options.layout is not None:
            await self._lay_out(key, target, data, outcome)
        if job.options.coco is not None:
            areas, lost = instances_of(mask, polygons=job.options.coco == "polygon")
            outcome.row["instances"] = areas
            if lost:
                if "change" in outcome.row:
                    outcome.row["change"]["polygon_pixels"] = lost
                outcome.findings.append(Finding("polygon-differs", f"{lost} pixels"))

    async def _lay_out(self, key: str, target: str, data: bytes, outcome: Outcome) -> None:
        """Put image and mask where SageMaker's algorithm looks for them."""
        options = self.job.options
        image, mask = _places(key, target, options.split, options.seed)
        if not image.lower().endswith((".jpg", ".jpeg")):
            outcome.findings.append(Finding("image-not-jpeg", key))
        try:
            if self.job.prepared:
                pixels = await (await self.media.storage(self.job.image_prefix.rstrip("/"))).get(key)
            else:
                pixels, _ = await self.media.read_image(outcome.image)
        except PASSING:
            raise
        except StorageError as error:
            outcome.findings.append(Finding("layout-image-missing", f"{error}"[:300]))
            return
        out = await self.media.storage(self.job.out)
        await out.put(image, pixels, "application/octet-stream")
        await out.put(mask, data, "image/png")


def _places(key: str, target: str, split: float, seed: int) -> tuple[str, str]:
    """Return where SageMaker's built-in semantic segmentation algorithm looks for an image and its mask.

    ``train``, ``validation`` hold images, ``train_annotation``, ``validation_annotation`` their masks under
    the same names, all without folders (Developer Guide, semantic-segmentation, Input/Output Interface). A
    ``/`` of an image's path becomes ``~1`` and a ``~`` becomes ``~0``, so that no two images meet.

    - ``key``, ``target``: the image's path and its mask's below their prefixes.
    - ``split``, ``seed``: which share of images is for training, and what draws it: by the path alone.
    """
    drawn = int.from_bytes(blake2b(f"{seed}:{key}".encode(), digest_size=8).digest()) / 2**64
    channel = "train" if drawn < split else "validation"
    name = posixpath.splitext(target)[0].replace("~", "~0").replace("/", "~1")
    return f"{channel}/{name}{posixpath.splitext(key)[1]}", f"{channel}_annotation/{name}.png"


def _fits(mask: NDArray[np.uint8], image: PreparedImage, seen: Labeled) -> bool:
    """Say whether a mask has the size that the table tells of its copy; tell it where it has not."""
    piece = image.images[seen.piece]
    if mask.shape == (piece.height, piece.width):
        return True
    told = (
        f"{mask.shape[1]}x{mask.shape[0]}, and {piece.width}x{piece.height} in the table of prepared images"
    )
    seen.outcome.findings.append(Finding("answer-size", told))
    return False


def _gather(result: ChunkResult, outcome: Outcome) -> None:
    tally = result.tally
    tally.records += "status" in outcome.row
    tally.count_findings(outcome.findings, f"{outcome.image} ({outcome.where})")
    if is_reject(outcome.findings):
        tally.rejects += 1
        result.rejects.append(reject_of(outcome.image, outcome.findings, where=outcome.where))
        outcome.row.pop("line", None)
    if outcome.pixels is not None:
        tally.masks += 1
        tally.mask_bytes += outcome.mask_bytes
        for value in np.flatnonzero(outcome.pixels).tolist():
            tally.pixels[value] += int(outcome.pixels[value])
    if outcome.row:
        result.lines.append(orjson.dumps(outcome.row) + b"\n")
