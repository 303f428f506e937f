"""The rules of manifest lines: their form, their keys, their metadata and their references.

Sources: Developer Guide, sms-input-data-input-manifest (lines, lengths, $), sms-data-output and
sms-verification-data (keys, metadata); API, LabelAttributeName. All lines of a job share their metadata
but for dates, so a line whose metadata has the bytes of the line before is only parsed up to there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gtmask.groundtruth.colormap import check_metadata, class_id
from gtmask.groundtruth.contract import (
    ADJUSTMENT_STATUS,
    ATTRIBUTE_SUFFIX,
    COLOR_MAP,
    FAILURE_REASON,
    IMAGE_EXTENSIONS,
    MAX_ATTRIBUTE_CHARACTERS,
    MAX_LINE_CHARACTERS,
    METADATA_SUFFIX,
    SEGMENTATION_TYPE,
    SOURCE_REF,
)
from gtmask.groundtruth.names import label_attribute_problem
from gtmask.groundtruth.references import split
from gtmask.groundtruth.report import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    Attributes
    ----------
    attributes
        Label attributes of the first line that has any.
    classes
        Class name by class id of that line.
    status
        ``adjustment-status`` of the newest attribute of the line checked last, or None.
    """

    def __init__(self) -> None:
        self.attributes: tuple[str, ...] = ()
        self.classes: dict[int, str] = {}
        self.status: str | None = None
        self._maps: dict[str, object] = {}
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
            values = self._parse(head + b"}") if head.count(b'":') == 2 else None
            if values is not None and values.keys() == {SOURCE_REF, self.attributes[-1]}:
                return self._known(number, values)
        problems = list(_form(number, data))
        if problems:
            return problems, None
        values = self._parse(data)
        if values is None:
            return [Problem("line-not-json", number, "", _json_error(data))], None
        problems = [Problem(code, number, "", detail) for code, detail in _lengths(data)]
        repeated = [Problem("key-duplicate", number, "", key) for key in duplicate_keys(data, values)]
        found, task = self._fresh(number, data, values, problems + repeated)
        if repeated:
            self._tail = b""  # or the lines that follow would be taken for right
        return found, task

    @staticmethod
    def _parse(data: bytes) -> dict[str, Any] | None:
        try:
            values = orjson.loads(data)
        except orjson.JSONDecodeError:
            return None
        return values if isinstance(values, dict) else None

    def _known(self, number: int, values: dict[str, Any]) -> tuple[list[Problem], Task | None]:
        """Finish a line whose last metadata object is that of the line before."""
        attribute = self.attributes[-1]
        problems = [problem._replace(line=number) for problem in self._tail_problems]
        metadata = self._tail_values
        self.status = metadata.get(ADJUSTMENT_STATUS)
        mask = values.get(attribute)
        return self._references(number, values, ((mask, self._tail_colors),), problems)

    def _fresh(
        self, number: int, data: bytes, values: dict[str, Any], problems: list[Problem]
    ) -> tuple[list[Problem], Task | None]:
        problems += [Problem("key-dollar", number, "", key) for key in values if key.startswith("$")]
        pairs = list(_attributes_of(values))
        if not pairs:
            problems += (Problem(code, number, "", detail) for code, detail in _why_no_pair(values))
            return self._references(number, values, (), problems)
        problems += (Problem(code, number, "", detail) for code, detail in self._attributes(pairs))
        masks = []
        found: list[Problem] = []
        for key in pairs:
            name = key if key + METADATA_SUFFIX in values else _without_suffix(key)
            metadata = values[name + METADATA_SUFFIX]
            self.status = metadata.get(ADJUSTMENT_STATUS)
            if FAILURE_REASON in metadata:
                detail = f"{key}: {metadata[FAILURE_REASON]!s:.200}"
                problems.append(Problem("object-failed", number, "", detail))
                continue
            found = [Problem(code, number, "", detail) for code, detail in check_metadata(metadata)]
            found += self._same_map(number, key, metadata.get(COLOR_MAP))
            problems += found
            masks.append((values.get(key), _colors(metadata.get(COLOR_MAP))))
        if len(pairs) == len(masks) == 1 and tuple(pairs) == self.attributes:
            self._remember(data, pairs[0], values[pairs[0] + METADATA_SUFFIX], found, masks[0][1])
        return self._references(number, values, tuple(masks), problems)

    def _remember(
        self, data: bytes, key: str, metadata: dict[str, Any], found: list[Problem], colors: Colors
    ) -> None:
        """Keep the bytes of a metadata object that ends its line, for the lines that follow."""
        start = data.rfind(b"," + orjson.dumps(key + METADATA_SUFFIX) + b":")
        if (
            start > 0
            and len(data) <= MAX_ATTRIBUTE_CHARACTERS
            and self._parse(data[:start] + b"}") is not None
        ):
            self._tail = data[start:]
            self._tail_values, self._tail_problems, self._tail_colors = metadata, tuple(found), colors

    def _attributes(self, pairs: list[str]) -> Iterator[tuple[str, str]]:
        for key in pairs:
            if not key.endswith(ATTRIBUTE_SUFFIX):
                yield "attribute-suffix", key
            elif problem := label_attribute_problem(key):
                yield "attribute-name", f"{key} {problem}"
        if not self.attributes:
            self.attributes = tuple(pairs)
        elif self.attributes != tuple(pairs):
            yield "attribute-differs", f"{', '.join(pairs)} instead of {', '.join(self.attributes)}"

    def _same_map(self, number: int, attribute: str, color_map: object) -> Iterator[Problem]:
        """Compare with the first color map of this attribute: an answer's may have classes of its own."""
        if not isinstance(color_map, dict):
            return
        essence = {
            key: (entry.get("class-name"), str(entry.get("hex-color")).lower())
            for key, entry in color_map.items()
            if isinstance(entry, dict)
        }
        if self._maps.setdefault(attribute, essence) != essence:
            yield Problem("color-map-differs", number, "", f"{attribute}: unlike that of the first line")
        elif not self.classes and attribute == self.attributes[-1]:
            ids = {class_id(key): str(name) for key, (name, _) in essence.items()}
            self.classes = {number: name for number, name in ids.items() if number is not None}

    def _references(
        self,
        number: int,
        values: dict[str, Any],
        masks: tuple[tuple[Any, Colors], ...],
        problems: list[Problem],
    ) -> tuple[list[Problem], Task | None]:
        source = values.get(SOURCE_REF)
        if not isinstance(source, str) or not source:
            problems.append(Problem("source-key-missing", number, "", _near_miss(values)))
            source = ""
        else:
            problems += (Problem(code, number, source, detail) for code, detail in _source(source))
        good = []
        for mask, colors in masks:
            if not isinstance(mask, str) or not mask:
                problems.append(Problem("mask-key-missing", number, "", f"it is {mask!r:.60}"))
            else:
                found = list(_mask(mask))
                problems += (Problem(code, number, mask, detail) for code, detail in found)
                if not any(code in {"mask-is-json", "reference-form"} for code, _ in found):
                    good.append((mask, colors))
        if not source and not good:
            return problems, None
        return problems, Task(number, source if split(source) else "", tuple(good))


def _form(number: int, data: bytes) -> Iterator[Problem]:
    """Yield what keeps a line from being read at all, at most one problem."""
    if number == 1 and data.startswith(b"\xef\xbb\xbf"):
        yield Problem("manifest-bom", number)
    elif number == 1 and (data.startswith((b"\xff\xfe", b"\xfe\xff")) or data[:2].count(0) == 1):
        yield Problem("manifest-encoding", number, "", "UTF-16")
    elif not data.strip():
        yield Problem("line-blank", number)
    else:
        try:
            length = len(data) if len(data) <= MAX_LINE_CHARACTERS else len(data.decode())
            if length > MAX_LINE_CHARACTERS:
                yield Problem("line-too-long", number, "", f"{length:,} characters")
            elif not data.isascii():
                data.decode()
        except UnicodeDecodeError as error:
            yield Problem("manifest-encoding", number, "", f"byte {error.start + 1}: {error.reason}")


def _json_error(data: bytes) -> str:
    """Say why a line is no JSON object, and show the place."""
    if b"\r{" in data:
        return r"its lines end in \r alone: write \n or \r\n"
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        text = data.decode(errors="replace")
        return f"{error.msg}, character {error.pos + 1:,}: {_shown(text[max(error.pos - 40, 0) :])}"
    return f"no object: {_shown(data.decode(errors='replace'))}"


def _shown(text: str) -> str:
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:60]
    )


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


def _attributes_of(values: dict[str, Any]) -> Iterator[str]:
    """Yield a line's label attributes, those included that have a reason for failure instead of a mask.

    Their metadata may stand without ``-ref``.
    """
    for key, value in values.items():
        base = key.removesuffix(METADATA_SUFFIX)
        if _is_pair(values, key):
            yield key
        elif base != key and base not in values and isinstance(value, dict) and FAILURE_REASON in value:
            attribute = _without_suffix(base) + ATTRIBUTE_SUFFIX
            if attribute not in values and value.get("type", SEGMENTATION_TYPE) == SEGMENTATION_TYPE:
                yield attribute


def _without_suffix(attribute: str) -> str:
    return attribute.removesuffix(ATTRIBUTE_SUFFIX)


def _is_pair(values: dict[str, Any], key: str) -> bool:
    """Say whether a key is a label attribute: by its metadata's type, or at least by its name."""
    metadata = values.get(key + METADATA_SUFFIX)
    if key == SOURCE_REF or not isinstance(metadata, dict):
        return False
    return metadata.get("type") == SEGMENTATION_TYPE or (
        key.endswith(ATTRIBUTE_SUFFIX) and not str(metadata.get("type", "")).startswith("groundtruth/")
    )


def _why_no_pair(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield why a line has no label attribute with metadata."""
    masks = [key for key in values if key.endswith(ATTRIBUTE_SUFFIX) and key != SOURCE_REF]
    typed = [key for key in masks if isinstance(values.get(key + METADATA_SUFFIX), dict)]
    if typed:
        metadata = values[typed[0] + METADATA_SUFFIX]
        yield "metadata-type", f"{typed[0]}: type is {metadata.get('type')!r}"
    elif masks:
        yield "metadata-missing", f"there is {masks[0]}, but no {masks[0]}{METADATA_SUFFIX}"
    else:
        yield "mask-key-missing", f"the line has {', '.join(values) or 'no keys'}"[:200]


def _near_miss(values: dict[str, Any]) -> str:
    """Name a key that was probably meant to be source-ref."""
    close = [key for key in values if re.sub("[^a-z]", "", key.lower()) in {"sourceref", "source"}]
    return f"there is {close[0]!r}" if close else f"the line has {', '.join(values) or 'no keys'}"[:200]


def _colors(color_map: object) -> Colors:
    entries = color_map.items() if isinstance(color_map, dict) else ()
    return {
        number: str(entry.get("hex-color", "")).lower()
        for key, entry in entries
        if isinstance(entry, dict) and (number := class_id(key)) is not None
    }


def _source(reference: str) -> Iterator[tuple[str, str]]:
    yield from _reference(reference)
    if not reference.lower().endswith(IMAGE_EXTENSIONS):
        yield "source-format", "by its name"


def _mask(reference: str) -> Iterator[tuple[str, str]]:
    if reference.lower().endswith((".json", ".jsonl", ".ndjson", ".geojson")):
        yield "mask-is-json", ""
        return
    yield from _reference(reference)
    if split(reference) and ":" in reference.removeprefix("s3://"):
        yield "key-colon", ""


def _reference(reference: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a reference's form: defects seen in real manifests."""
    if split(reference) is None:
        yield "reference-form", ""
        return
    if reference.startswith("/"):
        yield "reference-local", ""
    if "//" in reference.removeprefix("s3://"):
        yield "key-double-slash", ""
    if _ENCODED.search(reference):
        yield "key-encoded", ""
