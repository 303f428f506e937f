"""What only painting tells of an export: areas, overlaps, sizes and findings, from a sample of its records.

The sample's records are painted as a conversion would paint them by default, in memory; the headers of their
images are read where images can be found. What a whole conversion would take is reckoned from it.
"""

from __future__ import annotations

import pickle
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gtmask import kernels
from gtmask.errors import GtmaskError, NotFoundError, ProbeError, StorageError
from gtmask.findings import Finding, FindingCounts, is_reject
from gtmask.images.present import exists
from gtmask.images.probe import ImageInfo, probe
from gtmask.images.resolve import choose_rules
from gtmask.loops import run_async
from gtmask.machine import cores
from gtmask.png import encode_png
from gtmask.run.covered import measure
from gtmask.run.paint import paint
from gtmask.run.places import own_folders
from gtmask.run.sizes import fit
from gtmask.run.survey import kept_reader
from gtmask.storage import is_s3, open_storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gtmask.class_map import ClassMap
    from gtmask.formats.base import Reader
    from gtmask.model import Record
    from gtmask.storage.base import S3Settings

#: Records that are painted, at most.
SAMPLE = 64
#: Images of more pixels are not painted in a sample.
_MOST_PIXELS = 1 << 26
#: Images of an export that the rule for finding them is chosen from.
_LOOKED_FOR = 20
#: Seconds that a run takes before its first image.
_START = 1.0
#: Requests to S3 for each image (its header, its mask) and for each chunk of 128 (part file, commit record,
#: the plan before and after).
_PER_IMAGE, _PER_CHUNK, _CHUNK = 2, 4, 128


@dataclass(slots=True)
class Sampled:
    """What a sample of records shows.

    Attributes
    ----------
    records
        How many were painted.
    areas
        Pixels by source label, of shapes as they lie below others.
    covered
        Those of these pixels that other shapes cover.
    overlapping
        Records with a pixel that several shapes have.
    pixels
        Pixels of all painted masks.
    looked_at, turned
        Images whose headers were read, and those of them that EXIF turns.
    seconds, mask_bytes
        Processor time and bytes of PNG that the painted masks took.
    found
        What a conversion would tell of these records beyond what reading them tells.
    """

    records: int = 0
    areas: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    overlapping: int = 0
    pixels: int = 0
    looked_at: int = 0
    turned: int = 0
    seconds: float = 0.0
    mask_bytes: int = 0
    found: FindingCounts = field(default_factory=FindingCounts)

    def shares(self) -> dict[str, float]:
        """Return the share of all pixels by label, the largest first."""
        return {label: round(area / self.pixels, 6) for label, area in self.areas.most_common()}

    def estimate(self, images: int, workers: int | None, *, in_s3: bool) -> dict[str, Any] | None:
        """Return what a conversion of so many images would take; None where nothing could be painted."""
        if not self.records:
            return None
        processes = min(workers or cores(), max(1, images // _CHUNK))
        chunks = -(-images // _CHUNK)
        return {
            "seconds": round(_START + self.seconds / self.records * images / processes, 1),
            "requests": _PER_IMAGE * images + _PER_CHUNK * chunks if in_s3 else 0,
            "bytes": round(self.mask_bytes / self.records * images),
            "workers": processes,
        }


class Reservoir:
    """Keeps a sample of what goes by: each unit with the same chance, the same ones every time."""

    def __init__(self) -> None:
        self.units: list[Any] = []
        self._seen = 0
        self._random = random.Random(0)

    def watch(self, batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Yield batches of units as they come."""
        for batch in batches:
            for unit in batch:
                self._seen += 1
                if len(self.units) < SAMPLE:
                    self.units.append(unit)
                elif (place := self._random.randrange(self._seen)) < SAMPLE:
                    self.units[place] = unit
            yield batch


def look_closer(
    reader: Reader[Any],
    units: Sequence[Any],
    classes: ClassMap,
    images: tuple[str, tuple[str, ...]] | None,
    s3: S3Settings | None,
) -> Sampled:
    """Paint a sample of records and look at their images.

    - ``reader``, ``units``: whose records, and which.
    - ``images``: folder or prefix of the images, and of each export the folder in it; None where they are not
      looked for.
    """
    kernels.compile_kernels(kernels.KERNEL_MODULES)
    reader = kept_reader(pickle.dumps(reader))
    sampled = Sampled()
    records = [reader.record(unit) for unit in units]
    headers: dict[int, ImageInfo | ProbeError] = {}
    if images is not None:
        headers = run_async(_headers(records, *images, s3))
    for number, (record, unit) in enumerate(zip(records, units, strict=True)):
        header = headers.get(number)
        if is_reject(record.findings):
            continue
        if isinstance(header, ProbeError):
            sampled.found.count_findings([Finding("image-unreadable", str(header))], record.image)
            continue
        if header is not None:
            sampled.looked_at += 1
            sampled.turned += header.orientation != 1
        fitting = fit(record, header, "header", "stored")
        # Where no image was looked for, a conversion that has them knows more.
        missing = [Finding("image-missing")] if headers and header is None else fitting.findings
        sampled.found.count_findings(missing if images is not None else [], record.image)
        record.width, record.height = fitting.width, fitting.height
        if 0 < fitting.width * fitting.height <= _MOST_PIXELS:
            _paint(sampled, record, classes, lambda unit=unit: reader.record(unit))
    return sampled


def _paint(sampled: Sampled, record: Record, classes: ClassMap, read: Any) -> None:
    """Paint one record and count."""
    began = time.process_time()
    read()  # reading is a part of the time that is reckoned with
    try:
        painting = paint(record, classes, fill="opencv", stroke=0.0, overlap="order", crowd="paint")
        data = encode_png(painting.mask)
    except GtmaskError:  # a conversion tells why
        return
    sampled.found.count_findings(painting.findings, record.image)
    sampled.seconds += time.process_time() - began
    sampled.mask_bytes += len(data)
    sampled.records += 1
    sampled.pixels += painting.mask.size
    overlaps = False
    for item in measure(record, painting.shapes, "opencv", 0.0):
        sampled.areas[item.label] += item.painted
        sampled.covered[item.label] += item.painted - item.visible
        overlaps |= item.painted > item.visible
    sampled.overlapping += overlaps


async def _headers(
    records: Sequence[Record], images: str, folders: tuple[str, ...], s3: S3Settings | None
) -> dict[int, ImageInfo | ProbeError]:
    """Return the headers of those records' images that are there, or why not, by the records' places."""
    found: dict[int, ImageInfo | ProbeError] = {}
    async with open_storage(images, s3) as storage:

        async def is_there(key: str) -> bool:
            return await exists(storage, key)

        samples = [
            [record.names for record in records if record.source == number][:_LOOKED_FOR]
            for number in range(len(folders))
        ]
        rule = (await choose_rules(samples, is_there, images, folders)).rule
        for number, record in enumerate(records):
            for key in rule.keys(record.names):
                try:
                    found[number] = await probe(storage, key)
                except NotFoundError:
                    continue
                except ProbeError as error:
                    found[number] = error
                except StorageError:
                    pass
                break
    return found


def local_images(sources: Sequence[str], given: str | None) -> tuple[str, tuple[str, ...]] | None:
    """Return where to look for images, and of each export the folder in it; None for S3 where nobody asks."""
    if given is not None:
        return given, ("",) * len(sources)
    return None if any(map(is_s3, sources)) else own_folders(sources)
