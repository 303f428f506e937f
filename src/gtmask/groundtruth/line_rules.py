"""The rules of manifest lines: their form, their keys, their metadata and their references.

Sources: Developer Guide, sms-input-data-input-manifest (lines, lengths, $), sms-data-output and
sms-verification-data (keys, metadata); API, LabelAttributeName. All lines of a job share their metadata
but for dates, so a line whose metadata has the bytes of the line before is only parsed up to there.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gtmask.findings import Problem
from gtmask.groundtruth.metadata_rules import check_metadata
from gtmask.manifest.contract import (
    ATTRIBUTE_SUFFIX,
    IMAGE_EXTENSIONS,
    MAX_ATTRIBUTE_CHARACTERS,
    MAX_LINE_CHARACTERS,
    METADATA_SUFFIX,
    SOURCE_REF,
)
from gtmask.manifest.line import ManifestLine, load_object, parse_line, read_values
from gtmask.manifest.names import label_attribute_problem
from gtmask.manifest.newest import Attributes
from gtmask.manifest.references import bucket_of, split
from gtmask.storage.names import is_access_point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.manifest.color_map import ColorMapEntry
    from gtmask.manifest.label import Label

#: (hex colour, lower-case) by class id, as far as the color map is well-formed.
Colors = dict[int, str]

_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
#: What gives JSON its form: texts, brackets, colons and commas.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}:,]')
#: Seldom written, and then colons are to be counted another way.
_SPACED_COLON = re.compile(rb'"\s+:')


class Task(NamedTuple):
    """What is left to look at once a line is read: its image and its masks with their color maps."""

    line: int
    source: str
    masks: tuple[tuple[str, Colors], ...]


class LineChecker:
    """Checks the lines of one manifest, in order.

    - ``attributes``: label attributes of the first line that has any.
    - ``classes``: class name by class id of that line.
    - ``ages``: how old the label attributes are, and whether a job wrote one.
    - ``jobs``: what ``job-name`` says of the newest attribute of each line.
    - ``status``: ``adjustment-status`` of the newest attribute of the line checked last, or None.
    """

    def __init__(self) -> None:
        self.attributes: tuple[str, ...] = ()
        self.classes: dict[int, str] = {}
        self.status: str | None = None
        self.ages = Attributes()
        self.jobs: set[str] = set()
        #: Lines seen before any that a job answered.
        self._unanswered = array("q")
        self._maps: dict[str, list[ColorMapEntry]] = {}
        self._tail = b""
        self._tail_values: dict[str, Any] = {}
        self._tail_problems: tuple[Problem, ...] = ()
        self._tail_colors: Colors = {}

    def check(self, number: int, data: bytes) -> tuple[list[Problem], Task | None]:
        """Check one line (without its newline), and return its problems and what it names.

        The task is None where the line names neither an image nor a mask.
        """
        self.status = None
        if self._tail and len(data) <= MAX_ATTRIBUTE_CHARACTERS and data.endswith(self._tail):
            head = data[: -len(self._tail)]
            values = load_object(head + b"}") if head.count(b'":') == 2 else None
            if values is not None and values.keys() == {SOURCE_REF, self.attributes[-1]}:
                return self._known(number, values)
        if problem := _form(number, data):
            return [problem], None
        line = parse_line(data)
        if not line.is_object:
            return [Problem(found.code, number, "", found.detail) for found in line.problems], None
        problems = [Problem(code, number, "", detail) for code, detail in _lengths(data)]
        repeated = [Problem("key-duplicate", number, "", key) for key in duplicate_keys(data, line.values)]
        found, task = self._fresh(number, data, line, problems + repeated)
        if repeated:
            self._tail = b""  # or the lines that follow would be taken for right
        return found, task

    def _known(self, number: int, values: dict[str, Any]) -> tuple[list[Problem], Task | None]:
        """Finish a line whose last metadata object is that of the line before."""
        key = self.attributes[-1]
        values[key + METADATA_SUFFIX] = self._tail_values
        line = read_values(values)
        self.status = line.labels[-1].adjustment_status
        self._unanswered.append(number)
        problems = [problem._replace(line=number) for problem in self._tail_problems]
        return self._references(number, line, [(line.labels[-1], self._tail_colors)], problems)

    def _fresh(
        self, number: int, data: bytes, line: ManifestLine, problems: list[Problem]
    ) -> tuple[list[Problem], Task | None]:
        problems += [Problem("key-dollar", number, "", key) for key in line.values if key.startswith("$")]
        problems += self._attributes(number, line.labels)
        masks: list[tuple[Label, Colors]] = []
        found: list[Problem] = []
        if line.labels and line.labels[-1].job_name:
            self.jobs.add(line.labels[-1].job_name)
        for label in line.labels:
            self.status = label.adjustment_status
            if label.failure_reason is not None:
                detail = f"{label.attribute}: {label.failure_reason:.200}"
                problems.append(Problem("object-failed", number, "", detail))
                continue
            found = [Problem(code, number, "", detail) for code, detail in check_metadata(label.metadata)]
            found += self._same_map(number, label)
            problems += found
            masks.append((label, {number: entry.color for number, entry in label.classes.items()}))
        if len(line.labels) == len(masks) == 1:
            self._remember(data, line.labels[0], found, masks[0][1])
        return self._references(number, line, masks, problems)

    def _remember(self, data: bytes, label: Label, found: list[Problem], colors: Colors) -> None:
        """Keep the bytes of a metadata object that ends its line, for the lines that follow."""
        start = data.rfind(b"," + orjson.dumps(label.attribute + METADATA_SUFFIX) + b":")
        short = len(data) <= MAX_ATTRIBUTE_CHARACTERS and self.attributes == (label.attribute,)
        if start > 0 and short and load_object(data[:start] + b"}") is not None:
            self._tail = data[start:]
            self._tail_values, self._tail_problems, self._tail_colors = label.metadata, tuple(found), colors

    def _attributes(self, number: int, labels: tuple[Label, ...]) -> Iterator[Problem]:
        names = tuple(label.attribute for label in labels)
        for name in names:
            if not name.endswith(ATTRIBUTE_SUFFIX):
                yield Problem("attribute-suffix", number, "", name)
            elif problem := label_attribute_problem(name):
                yield Problem("attribute-name", number, "", f"{name} {problem}")
        self.ages.add(labels)
        if not names:
            return
        if not self.attributes:
            self.attributes = names
        answer = self.ages.answer
        if set(names) == set(self.attributes):
            if answer is None:
                self._unanswered.append(number)
        elif answer in names and set(names) - {answer} == set(self.attributes):
            # The lines before were not answered: the first one that was shows it.
            self.attributes = names
            for line in self._unanswered:
                yield Problem("object-open", line, "", f"no {answer}")
            del self._unanswered[:]
        elif answer in self.attributes and set(self.attributes) - {answer} == set(names):
            yield Problem("object-open", number, "", f"no {answer}")
        else:
            detail = f"{', '.join(names)} instead of {', '.join(self.attributes)}"
            yield Problem("attribute-differs", number, "", detail)

    def _same_map(self, number: int, label: Label) -> Iterator[Problem]:
        """Compare with the first color map of this attribute: an answer's may have classes of its own."""
        entries = label.color_map
        if entries is None:
            return
        first = self._maps.setdefault(label.attribute, entries)
        if first != entries and sorted(first) != sorted(entries):  # JSON has no order
            detail = f"{label.attribute}: unlike that of the first line"
            yield Problem("color-map-differs", number, "", detail)
        elif not self.classes and label.attribute == self.attributes[-1]:
            self.classes = {number: entry.name for number, entry in label.classes.items()}

    def _references(
        self, number: int, line: ManifestLine, masks: list[tuple[Label, Colors]], problems: list[Problem]
    ) -> tuple[list[Problem], Task | None]:
        problems += (Problem(found.code, number, "", found.detail) for found in line.problems)
        source = line.source_ref
        if source:
            problems += (Problem(code, number, source, detail) for code, detail in _source(source))
        good = []
        for label, colors in masks:
            if label.mask is not None:
                found = list(_mask(label.mask))
                problems += (Problem(code, number, label.mask, detail) for code, detail in found)
                if not any(code in {"mask-is-json", "reference-form"} for code, _ in found):
                    good.append((label.mask, colors))
        if not source and not good:
            return problems, None
        return problems, Task(number, source if split(source) else "", tuple(good))


def _form(number: int, data: bytes) -> Problem | None:
    """Return what keeps a line from being read, beside its JSON."""
    if number == 1 and data.startswith(b"\xef\xbb\xbf"):
        return Problem("manifest-bom", number)
    if number == 1 and (data.startswith((b"\xff\xfe", b"\xfe\xff")) or data[:2].count(0) == 1):
        return Problem("manifest-encoding", number, "", "UTF-16")
    if len(data) > MAX_LINE_CHARACTERS and data.strip():
        try:
            length = len(data.decode())
        except UnicodeDecodeError:
            return None  # which parsing tells
        if length > MAX_LINE_CHARACTERS:
            return Problem("line-too-long", number, "", f"{length:,} characters")
    return None


def _lengths(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the attributes that are too long as they stand in the line, blanks included."""
    if len(data) <= MAX_ATTRIBUTE_CHARACTERS:
        return
    text = data.decode()
    depth, key, start = 0, "", 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        depth += (mark in "{[") - (mark in "}]")
        if depth == 1 and mark == ":":
            start = token.end()
        elif start and (depth == 0 or (depth == 1 and mark == ",")):
            length = len(text[start : token.start()].strip())
            if length > MAX_ATTRIBUTE_CHARACTERS:
                yield "attribute-too-long", f"{key}: {length:,} characters"
            start = 0
        elif depth == 1 and not start:
            key = mark.strip('"')


def duplicate_keys(data: bytes, values: dict[str, Any]) -> Iterator[str]:
    """Yield the keys that stand twice in one object, at any depth: parsers keep one of the two."""
    if data.count(b'":') == _count_keys(values) and not _SPACED_COLON.search(data):
        return  # the line has as many keys as its values
    keys: list[set[str]] = []
    text = ""
    for token in _TOKEN.finditer(data.decode()):
        mark = token[0]
        if mark in "{[":
            keys.append(set())
        elif mark in "}]":
            keys.pop()
        elif mark == ":":
            if text in keys[-1]:
                yield text
            keys[-1].add(text)
        else:
            text = mark


def _count_keys(value: Any) -> int:
    count = 0
    open_ = [value]
    while open_:
        value = open_.pop()
        if isinstance(value, dict):
            count += len(value)
            value = value.values()
        open_ += [inner for inner in value if isinstance(inner, (dict, list))]
    return count


def _source(reference: str) -> Iterator[tuple[str, str]]:
    yield from _reference(reference)
    if not reference.lower().endswith(IMAGE_EXTENSIONS):
        yield "source-format", "by its name"


def _mask(reference: str) -> Iterator[tuple[str, str]]:
    if reference.lower().endswith((".json", ".jsonl", ".ndjson", ".geojson")):
        yield "mask-is-json", ""
        return
    yield from _reference(reference)
    place = split(reference)
    if place is not None and ":" in place[1]:
        yield "key-colon", ""


def _reference(reference: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a reference's form: defects seen in real manifests."""
    if split(reference) is None:
        yield "reference-form", ""
        return
    if is_access_point(bucket_of(reference) or ""):
        yield "reference-form", "it names an access point: write its alias or the bucket"
        return
    if reference.startswith("/"):
        yield "reference-local", ""
    if "//" in reference.removeprefix("s3://"):
        yield "key-double-slash", ""
    if _ENCODED.search(reference):
        yield "key-encoded", ""
