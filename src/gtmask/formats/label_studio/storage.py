"""Label Studio's target storage: one object per annotation, its task inside.

Whoever connects a bucket for the results gets there one JSON object for each annotation, called by the
annotation's id and without an extension, with the regions under ``result`` and the task under ``task``
(label_studio/io_storages, ``StorageAnnotationSerializer``). The annotations of one task are brought together
here, and are then a task as in JSON: one of them counts.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.errors import NotFoundError
from gtmask.findings import Finding
from gtmask.formats.keys import scan_keys
from gtmask.formats.reading.companions import COMPANIONS
from gtmask.formats.reading.per_image import BadFile, load_part, rejected
from gtmask.formats.reading.reader import BaseReader
from gtmask.formats.reading.typed import get_any
from gtmask.formats.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gtmask.formats.base import ReadOptions
    from gtmask.formats.export import Export
    from gtmask.model import Record

#: Objects that are looked at, and their bytes, before the form of an export is known.
FIRST, HEAD = 3, 1 << 16
TITLE = "Label Studio target storage"


class Stored(NamedTuple):
    """The objects of one task, and the number of one of its images."""

    names: tuple[str, ...]
    part: int = 0


def is_stored(keys: dict[str, Any]) -> bool:
    """Say by the keys of a JSON object whether it is an annotation with its task inside."""
    return {"result", "task"} <= keys.keys() and not {"data", "annotations"} & keys.keys()


def as_task(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the stored annotations of one task as the task that they belong to."""
    task = next((value["task"] for value in values if isinstance(value["task"], dict)), {})
    annotations = [{key: item for key, item in value.items() if key != "task"} for value in values]
    return {**task, "annotations": annotations}


class StorageReader(BaseReader):
    """Reads a folder of stored annotations; a unit is the names of one task's objects.

    - ``images``: returns how many images a task has.
    - ``parse``: builds the record of one image of a task: the task, options, where it stands, which image.
    """

    def __init__(
        self,
        export: Export,
        options: ReadOptions,
        images: Callable[[dict[str, Any], ReadOptions], int],
        parse: Callable[[dict[str, Any], ReadOptions, str, int], Record],
    ) -> None:
        super().__init__(export, options, TITLE)
        self._images = images
        self._parse = parse

    def units(self) -> Iterator[Stored]:
        """Yield one unit per image of a task, in the order of the tasks' first objects."""
        tasks: dict[Any, list[str]] = {}
        parts: dict[Any, int] = {}
        skipped: list[str] = []
        for name in self.export.names():
            if not is_wanted(name):
                skipped += [] if name.lower().endswith(COMPANIONS) else [name]
                continue
            key, count = self._look(name)
            tasks.setdefault(key, []).append(name)
            parts[key] = count
        self.findings = []
        if skipped:
            self.findings.append(Finding("file-skipped", f"{len(skipped)} files, the first one {skipped[0]}"))
        for key, names in tasks.items():
            count = parts[key]
            if len(names) > 1:
                count = self._images(as_task(self._load(tuple(names))), self.options)
            yield from (Stored(tuple(names), part) for part in range(count))

    def _look(self, name: str) -> tuple[Any, int]:
        """Return which task an object belongs to, and how many images its annotation alone tells of."""
        try:
            value = load_stored(self.export.read(name))
        except (BadFile, NotFoundError):
            return ("", name), 1
        task = value["task"]
        identity = get_any(task, "id") if isinstance(task, dict) else task
        known = isinstance(identity, int | str)
        count = self._images(as_task([value]), self.options)
        return (type(identity), identity) if known else ("", name), count

    def _load(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        return [load_stored(self.export.read(name)) for name in names]

    def record(self, unit: Stored) -> Record:
        """Read one task's objects and build the record of one of its images."""
        try:
            task = as_task(self._load(unit.names))
        except NotFoundError:
            return rejected(unit.names[0], "the file is gone")
        except BadFile as error:
            return rejected(unit.names[0], str(error))
        return self._parse(task, self.options, unit.names[-1], unit.part)


def has_stored(export: Export) -> bool:
    """Say by the beginnings of an export's first objects whether it is a folder of stored annotations."""
    first = islice(filter(is_wanted, export.names()), FIRST)
    heads = (decode_text(export.read(name, 0, HEAD)) for name in first)
    return any('"task"' in head and is_stored(scan_keys(head)[0]) for head in heads)


def load_stored(data: bytes) -> dict[str, Any]:
    """Parse one stored annotation; raises BadFile where it is something else."""
    value = load_part(data)
    if not is_stored(value):
        raise BadFile("an annotation with `result` and `task` was expected")
    return value


def is_wanted(name: str) -> bool:
    """Say by its name whether an object may be an annotation."""
    base = name.rpartition("/")[2]
    return "." not in base or base.lower().endswith(".json")
