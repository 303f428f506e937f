"""What a run makes of an export, without its processes and files: masks by image, and all that it tells.

The steps are those of ``gtmask convert``: open, choose the rule for images, find clashes, fit the size,
paint; a test holds that both give the same masks and the same findings.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import GtmaskError
from gtmask.findings import Finding, is_reject
from gtmask.formats import open_reader
from gtmask.groundtruth.classes import class_map_from_labels, in_order
from gtmask.images.probe import ImageInfo
from gtmask.images.resolve import choose_rule, mask_key
from gtmask.run.clashes import Claims, find, settle
from gtmask.run.paint import paint
from gtmask.run.sizes import fit

if TYPE_CHECKING:
    from pathlib import Path

    from gtmask.class_map import ClassMap
    from gtmask.images.resolve import ImageRule
    from gtmask.model import Record

_loop: asyncio.AbstractEventLoop | None = None
#: Numbers of class names in masks: the same for all exports of this process.
_numbers: dict[str, int] = {"BACKGROUND": 0}


@dataclass
class Seen:
    """Masks by image key, as (height, width, bytes of numbered class names), and counts of what was told."""

    masks: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    error: GtmaskError | None = None
    crash: BaseException | None = None

    def names(self) -> set[str]:
        """Return the class names that have pixels."""
        known = {number: name for name, number in _numbers.items()}
        return {
            known[number]
            for *_, data in self.masks.values()
            for number in set(np.frombuffer(data, np.uint16))
        }


def look(source: Path, format_name: str, images: dict[str, tuple[int, int]]) -> Seen:
    """Read and paint an export."""
    seen = Seen()
    try:
        _convert(seen, source, format_name, images)
    except GtmaskError as error:
        seen.error = error
    except Exception as error:
        seen.crash = error
    return seen


def _convert(seen: Seen, source: Path, format_name: str, images: dict[str, tuple[int, int]]) -> None:
    reader = open_reader(source, format_name)
    units = list(reader.units())
    records = [reader.record(unit) for unit in units]
    seen.told.update(finding.code for finding in reader.findings)
    rule = _rule(records, images)
    labels = reader.labels
    if labels is None:
        labels = in_order({shape.label for record in records for shape in record.shapes})
    classes = class_map_from_labels(labels)
    if not classes.classes:
        seen.told["no-class"] += 1
        return
    claims = Claims()
    for record in records:
        claims.add(rule.keys(record.names))
    verdict = settle(
        claims,
        lambda ordinals: [[(number, records[number].names) for number in ordinals.tolist()]],
        rule,
        images.keys().__and__,
    )
    choices = dict(zip(verdict.contested, verdict.choices, strict=True))
    for number, record in enumerate(records):
        for code, numbers in (
            ("image-duplicate", verdict.duplicates),
            ("image-ambiguous", verdict.ambiguous),
            ("key-collision", verdict.long_keys),
        ):
            if number in numbers:
                record.findings.append(Finding(code))
        keys = rule.keys(record.names)
        if number in choices:
            keys = dict(list(keys.items())[choices[number] :][:1])
        _one(seen, record, keys, classes, images)
        seen.told.update(finding.code for finding in record.findings)


def _rule(records: list[Record], images: dict[str, tuple[int, int]]) -> ImageRule:
    global _loop  # noqa: PLW0603 - one loop per process
    _loop = _loop or asyncio.new_event_loop()

    async def exists(key: str) -> bool:
        return key in images

    names = [record.names for record in records[:20]]
    return _loop.run_until_complete(choose_rule(names, exists, "/images")).rule


def _one(
    seen: Seen, record: Record, keys: dict[str, int], classes: ClassMap, images: dict[str, tuple[int, int]]
) -> None:
    if not keys:
        record.findings.append(Finding("image-name-bad"))
    if is_reject(record.findings):
        return
    found = find(keys, set(images))
    if len(found) != 1:
        record.findings.append(Finding("image-ambiguous" if found else "image-missing"))
        return
    key = found[0]
    fitting = fit(record, ImageInfo(*images[key], 1, "JPEG"), "header", "stored")
    record.findings += fitting.findings
    if is_reject(record.findings):
        return
    record.width, record.height = fitting.width, fitting.height
    painting = paint(record, classes, fill="opencv", stroke=0.0, overlap="order", crowd="paint")
    record.findings += painting.findings
    numbers = np.zeros(256, np.uint16)
    for entry in classes.classes:
        numbers[entry.id] = _numbers.setdefault(entry.name, len(_numbers))
    seen.masks[mask_key(key, keep_extension=True)] = (
        fitting.height, fitting.width, numbers[painting.mask].tobytes(),
    )  # fmt: skip


def judge(before: Seen, after: Seen, *, meaningless: bool) -> str | None:
    """Return what is wrong with a change, or None: see the package's first lines."""
    if after.crash is not None:
        return f"crash: {type(after.crash).__name__}: {after.crash}"[:200]
    if after.error is not None:
        return f"refused: {after.error}"[:200] if meaningless else None
    if after.masks == before.masks:
        return None
    if meaningless:
        return f"other masks: {difference(before, after)}"
    if after.told - before.told:
        return None
    return f"silent: {difference(before, after)}"


def difference(before: Seen, after: Seen) -> str:
    """Say in a few words how masks differ."""
    said = []
    for key in sorted(before.masks.keys() | after.masks.keys()):
        one, two = before.masks.get(key), after.masks.get(key)
        if one is None or two is None:
            said.append(f"{key} is {'new' if one is None else 'gone'}")
        elif one[:2] != two[:2]:
            said.append(f"{key} is {two[1]} x {two[0]}, not {one[1]} x {one[0]}")
        elif one != two:
            other = np.count_nonzero(np.frombuffer(one[2], np.uint16) != np.frombuffer(two[2], np.uint16))
            said.append(f"{key}: {other} pixels")
    names = before.names() ^ after.names()
    return ", ".join(said) + (f"; classes {sorted(names)}" if names else "")
