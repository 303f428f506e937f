"""Where the names of a YOLO data set's classes stand, and how each kind of file lists them.

- ``data.yaml``, ``dataset.yaml`` or a YAML of any other name with ``names``, a list or numbers and names
  (ultralytics; Roboflow);
- ``classes.txt``, also in the folder of the labels (labelImg, Label Studio), ``obj.names`` (Darknet, CVAT):
  one name per line, the first is class 0;
- ``_classes.csv``: number and name (Roboflow); ``notes.json``: ``categories`` (Label Studio).

They are looked for in the folder that is read, in ``labels/`` and up to two folders above, then under any
name among all files. Where several lists are found that differ, the first counts, and that is told. Where
folders lie beside each other, each with a list and labels of its own (splits, or data sets that were put into
one folder), the nearest list above a label counts instead.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from itertools import islice
from posixpath import basename, dirname
from typing import TYPE_CHECKING, Any

from gtmask.findings import Finding
from gtmask.formats.reading.classes import class_names, load_yaml, name_lines
from gtmask.formats.reading.per_image import (
    YAML,
    PerImageReader,
    encoding_findings,
    load_object,
    unread_classes,
)
from gtmask.formats.reading.typed import Header, get_any
from gtmask.formats.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gtmask.formats.export import Export

NAMES = (
    "data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "classes.txt", "obj.names", "_classes.txt",
    "_classes.csv", "class_names.txt", "obj_names.txt", "notes.json",
)  # fmt: skip
_FOLDERS = ("", "labels/", "../", "../../")
#: Lists beyond this number are not compared: tools write one beside each folder of labels.
_MOST = 50


@dataclass(frozen=True)
class Classes:
    """What the reader knows of all lines of a data set.

    - ``names``: class names by number.
    - ``pose``: lines hold key points behind a box (``kpt_shape``).
    - ``source``: the file that lists them; "" where the user named it.
    - ``behind``: how many columns stand behind the coordinates (confidence, track) where other files show it.
    - ``elsewhere``: lists of folders beside that of ``source``: each folder, with a slash, and its names.
    """

    names: dict[int, str] = field(default_factory=dict)
    pose: bool = False
    behind: int = 0
    source: str = ""
    elsewhere: tuple[tuple[str, dict[int, str]], ...] = ()

    def over(self, label_file: str) -> Classes:
        """Return the classes of a label file: of the nearest list, where folders have lists of their own."""
        if not self.elsewhere or label_file.startswith(folder_of(self.source)):
            return self
        above = [(len(folder), names) for folder, names in self.elsewhere if label_file.startswith(folder)]
        return replace(self, names=max(above)[1]) if above else self

    @property
    def labels(self) -> list[str]:
        """All names, in the order of the lists and of the numbers."""
        tables = (self.names, *(names for _, names in self.elsewhere))
        return [names[number] for names in tables for number in sorted(names)]


def folder_of(source: str) -> str:
    """Return the folder over which a list of classes stands, with a slash; "" for all that is read."""
    folder = dirname(source)
    return "" if not folder or folder.startswith("..") else f"{folder}/"


def read_classes(
    export: Export, reporter: Header, given: str | None, is_label: Callable[[str], bool]
) -> Classes:
    """Return the classes of a data set; what is odd about them is told.

    - ``given``: the YAML file that the user named: where it lists classes, no other is looked for.
    - ``is_label``: says by its name whether a file may hold labels.
    """
    if given is not None and (named := _read(export, reporter, given)).names:
        return named
    candidates = (name for name in _candidates(export) if name != given)
    for name in candidates:
        found = replace(_read(export, reporter, name), source=name)
        if found.names:
            late = _is_compared_late(export, found)
            return found if late else _with_others(export, reporter, found, candidates, is_label)
    reporter.finding("classes-missing", "none of " + ", ".join((*NAMES[:7:2], "...")) + " lists any")
    return Classes()


def _is_compared_late(export: Export, counting: Classes) -> bool:
    """Say whether other lists are only told: in S3 that waits until the objects are listed anyway."""
    return export.is_remote and not folder_of(counting.source)


def _with_others(
    export: Export, reporter: Header, counting: Classes, names: Iterable[str], is_label: Callable[[str], bool]
) -> Classes:
    """Add the lists of folders beside that of the list that counts; tell of others that differ from it."""
    own, listed = folder_of(counting.source), list(names)
    beside = {folder for name in listed if (folder := folder_of(name)) and _are_apart(folder, own)}
    empty = set(beside)
    for label_file in filter(is_label, export.names() if beside else ()):
        empty -= {folder for folder in empty if label_file.startswith(folder)}
        if not empty:
            break
    elsewhere: dict[str, dict[int, str]] = {}
    others = []
    for name in listed:
        folder = folder_of(name)
        if folder not in beside - empty:
            others.append(name)
        elif folder not in elsewhere and (found := _read(export, reporter, name).names):
            elsewhere[folder] = found
    reporter.findings += differing(export, counting, others)
    return replace(counting, elsewhere=tuple(elsewhere.items()))


def _are_apart(folder: str, other: str) -> bool:
    return not (folder.startswith(other) or other.startswith(folder))


def differing(export: Export, counting: Classes, names: Iterable[str]) -> list[Finding]:
    """Tell of the first of some lists that has other classes than the one that counts."""
    # The lists that do not count are read only to compare them.
    unheard = Header("")
    for name in names:
        found = _read(export, unheard, name).names
        if found and found != counting.names:
            return [Finding("classes-differ", f"{counting.source} counts, {name} has other classes")]
    return []


def other_lists(reader: PerImageReader, names: list[str]) -> list[Finding]:
    """Tell of class lists among the names of an export in S3 that differ from the one that counts."""
    export, counting = reader.export, reader.context
    if not counting.names or not _is_compared_late(export, counting):
        return []
    lists = (name for name in names if _may_list(name) and name != counting.source)
    return differing(export, counting, islice(lists, _MOST))


def _candidates(export: Export) -> Iterator[str]:
    """Yield the names of files that may list the classes, the likeliest first."""
    usual = [folder + name for folder in _FOLDERS for name in NAMES]
    yield from (name for name in usual if export.exists(name))
    others = []
    for name in export.names():
        if _may_list(name) and name not in usual:
            others.append(name)
            if len(others) == _MOST:
                break
    yield from others


def _may_list(name: str) -> bool:
    base = basename(name).lower()
    return base in NAMES or base.endswith((*YAML, ".names"))


def _read(export: Export, reporter: Header, name: str) -> Classes:
    """Read one file; one that cannot be read is told."""
    reporter.place = name
    extension = basename(name).lower().rpartition(".")[2]
    by_lines: Callable[[Header, bytes], Classes] = _from_lines
    read = {"yaml": _from_yaml, "yml": _from_yaml, "csv": _from_csv, "json": _from_json}
    with unread_classes(reporter, name):
        data = export.read(name)
        reporter.findings += encoding_findings(name, data)
        return read.get(extension, by_lines)(reporter, data)
    return Classes()


def _from_lines(reporter: Header, data: bytes) -> Classes:
    lines = name_lines(reporter, decode_text(data))
    if any("\0" in line for line in lines):
        raise ValueError("it has NUL bytes")
    return Classes(class_names(reporter, enumerate(lines)))


def _from_csv(reporter: Header, data: bytes) -> Classes:
    rows = [row for row in csv.reader(decode_text(data).splitlines()) if len(row) > 1]
    return _numbered(
        reporter, ((row[0].strip(), row[1]) for row in rows if row is not rows[0] or row[0].isdigit())
    )


def _from_json(reporter: Header, data: bytes) -> Classes:
    rows = reporter.get_objects(load_object(data), "categories")
    return _numbered(reporter, ((reporter.get_whole(row, "id"), get_any(row, "name")) for row in rows))


def _from_yaml(reporter: Header, data: bytes) -> Classes:
    document = load_yaml(decode_text(data))
    if not isinstance(document, dict) or (names := get_any(document, "names")) is None:
        return Classes()
    rows = enumerate(names) if isinstance(names, list) else reporter.as_object(names, "names").items()
    classes = _numbered(reporter, rows)
    count = get_any(document, "nc")
    if count is not None and str(count).isdigit() and int(str(count)) != len(classes.names):
        reporter.finding("classes-differ", f"nc is {count}, but there are {len(classes.names)} names")
    return Classes(classes.names, pose="kpt_shape" in document)


def _numbered(reporter: Header, rows: Iterable[tuple[Any, Any]]) -> Classes:
    """Return classes by their numbers, which must be numbers."""
    return Classes(class_names(reporter, numbered(reporter, rows)))


def numbered(reporter: Header, rows: Iterable[tuple[Any, Any]]) -> Iterator[tuple[int, Any]]:
    """Yield the rows whose key is a class number, as text or as a number; the others are told."""
    for key, name in rows:
        spelled = str(key)
        if spelled.isascii() and spelled.isdigit() and len(spelled) < 10:
            yield int(spelled), name
        else:
            reporter.finding("classes-unread", f"class {spelled:.40} has no number")
