"""Label Studio's brush PNGs: one gray picture per region, drawn where it is not 0.

Source: ``label_studio_sdk/converter/brush.py``:
``task-<id>-annotation-<id>-by-<who>-<tag>-<labels joined by hyphens>-<count>.png``. No name tells the image:
a JSON export of the same project beside the pictures does; else images are looked for as ``<task>.jpg`` and
``task-<task>.jpg``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import basename
from typing import TYPE_CHECKING, Any

from gtmask.formats.masks.layout import TRIED
from gtmask.formats.reading.per_image import unread_classes
from gtmask.formats.text import decode_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.formats.export import Export
    from gtmask.formats.reading.typed import Header

_NAME = re.compile(
    r"task-(?P<task>\d+)-annotation-(?P<annotation>\d+)-by-(?P<who>[^-]*)-(?P<tag>[^-]+)-(?P<label>.+)-(?P<n>\d+)"
    r"\.png"
)
_PICTURE = re.compile(r"\.(?:jpe?g|png|bmp|tiff?|webp|gif)(?:$|[?#])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Region:
    """One picture, and what its name tells."""

    name: str
    task: int
    annotation: int
    who: str
    label: str
    number: int


@dataclass(frozen=True, slots=True)
class Task:
    """The regions of one task, where its image may be, and how many annotations were not used.

    ``pictures`` is how many images the task has by the JSON: no name tells which one a region lies on.
    """

    number: int
    image: str
    aliases: tuple[str, ...]
    regions: tuple[Region, ...]
    others: int = 0
    pictures: int = 1


def region_of(name: str) -> Region | None:
    """Return what a picture's name tells, or None where Label Studio did not write it."""
    found = _NAME.fullmatch(basename(name))
    if found is None:
        return None
    task, annotation, number = int(found["task"]), int(found["annotation"]), int(found["n"])
    return Region(name, task, annotation, found["who"], found["label"], number)


def tasks_of(regions: Iterable[Region], images: dict[int, list[str]], annotator: str | None) -> list[Task]:
    """Put regions together by task: those of the annotator, else those of the newest annotation."""
    by_task: dict[int, dict[int, list[Region]]] = {}
    for region in regions:
        by_task.setdefault(region.task, {}).setdefault(region.annotation, []).append(region)
    return [_task(number, found, images.get(number), annotator) for number, found in sorted(by_task.items())]


def _task(
    number: int, by_annotation: dict[int, list[Region]], images: list[str] | None, annotator: str | None
) -> Task:
    theirs = [key for key, found in by_annotation.items() if annotator in {None, found[0].who}]
    chosen = by_annotation[max(theirs)] if theirs else []
    ordered = sorted(chosen, key=lambda region: (region.label, region.number))
    known = images or [f"{stem}{end}" for end in TRIED for stem in (f"{number}", f"task-{number}")]
    others = len(by_annotation) - bool(theirs)
    return Task(number, known[0], tuple(known[1:]), tuple(ordered), others, len(images or known[:1]))


def images_of_tasks(
    reporter: Header, export: Export, names: Iterable[str], limit: int
) -> dict[int, list[str]]:
    """Return the images of tasks by their ids, from JSON exports that lie beside the pictures."""
    found: dict[int, list[str]] = {}
    for name in names:
        document: Any = []
        with unread_classes(reporter, name):
            if export.size(name) > limit:
                raise ValueError(f"it has more than {limit >> 20:,} MiB")
            document = decode_json(export.read(name))
        for task in document if isinstance(document, list) else [document]:
            number = reporter.get_whole(task, "id") if isinstance(task, dict) else None
            if number is not None:
                values = reporter.get_object(task, "data").values()
                named = (value for value in values if isinstance(value, str) and _PICTURE.search(value))
                found[number] = list(dict.fromkeys(named))
    return {number: pictures for number, pictures in found.items() if pictures}
