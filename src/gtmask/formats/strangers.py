"""Files of no known format: what they are, what is wrong with them, and which reader could read them."""

from __future__ import annotations

import json
import re
from itertools import islice
from posixpath import splitext
from typing import TYPE_CHECKING

from gtmask.errors import PASSING, GtmaskError, UnknownFormatError
from gtmask.findings import is_reject
from gtmask.formats.base import ReadOptions, Sample
from gtmask.formats.export import ARCHIVES, Export
from gtmask.formats.reading.companions import DOCUMENTS
from gtmask.formats.registry import FORMATS
from gtmask.formats.sampling import HEAD
from gtmask.formats.text import decode_json
from gtmask.formats.unread import known_tool
from gtmask.png.header import SIGNATURE as PNG_SIGNATURE

if TYPE_CHECKING:
    from gtmask.formats.format import Format

#: Records that are read of a file to see whether a reader gets any.
_TRIES = 20
#: What may stand after the last comma, colon or bracket of a document that was cut off: half a literal.
_CUT = re.compile(r"[\w.+-]*\s*")
_SIGNATURES = (
    (b"\x1f\x8b", "a gzip file: a .tar.gz is read in place, a plain .gz is to be unpacked first"),
    (b"PK\x03\x04", "a zip file: give it the extension .zip and it is read in place"),
    (PNG_SIGNATURE, "a PNG image, not annotations"),
    (b"\xff\xd8\xff", "a JPEG image, not annotations"),
    (b"GIF8", "a GIF image, not annotations"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"\xfd7zXZ\0", "an xz file: unpack it first"),
    (b"BZh", "a bzip2 file: unpack it first"),
    (b"(\xb5/\xfd", "a zstd file: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
)


def describe(sample: Sample, export: Export | None = None) -> str:
    """Say what a file is or begins with, and which formats' readers get something out of it.

    Readers are only tried where the export is given.
    """
    if not sample.head:
        return "it is empty"
    if (tool := known_tool(sample)) is not None:
        return f"it is {tool[0]}, which gtmask does not read; {tool[1]}"
    for signature, what in _SIGNATURES:
        if sample.head.startswith(signature):
            return f"it is {what}"
    text = sample.text.lstrip()
    keys = sample.keys or sample.element
    if sample.element and "result" in keys and not {"data", "annotations"} & keys.keys():
        return "it holds Label Studio predictions without their tasks, so it names no images"
    if keys:
        seen = "".join(sign if sign.isprintable() else "?" for sign in ", ".join(list(keys)[:8]))
        kind = "objects in an array" if sample.element else "a JSON object"
        near = [] if export is None else _fitting(export, sample)
        hint = f"; --format {' or '.join(near)} could fit" if near else ""
        return f"{kind} with the keys {seen:.200}{hint}"
    if text[:1] in {"{", "["}:
        return f"JSON without keys that tell a tool, beginning with {text[:40]!r}"
    if text.startswith("<"):
        return f"XML or HTML that is not CVAT's, beginning with {text[:60]!r}"
    return f"it is no JSON object or array, it begins with {text[:40]!r}"


def _fitting(export: Export, sample: Sample) -> list[str]:
    """Return the formats with some of a file's keys whose readers get a shape out of it, the best first."""
    keys = sample.keys or sample.element
    every = set(keys).union(*keys.values())
    common = {entry.name: len(entry.marks & every) for entry in FORMATS.values()}
    near = [name for name in sorted(common, key=lambda name: -common[name]) if common[name]]
    return [name for name in near if gets_any(export, sample.name, FORMATS[name], shapes=True)][:3]


def gets_any(export: Export, name: str, entry: Format, *, shapes: bool = False) -> bool:
    """Say whether a format's reader gets a record out of a file, or one that has a shape."""
    try:
        reader = entry.read(export.select([name]), ReadOptions(keep_going=True))
        records = (reader.record(unit) for unit in islice(reader.units(), _TRIES))
        return any(not is_reject(record.findings) and (record.shapes or not shapes) for record in records)
    except PASSING:
        raise
    except GtmaskError:
        return False


def is_damaged(export: Export, sample: Sample) -> bool:
    """Say whether a file that should be one JSON value, and of which all can be seen, is none."""
    if not sample.name.lower().endswith(".json"):
        return False
    if export.size(sample.name) > HEAD:
        return bool(sample.damage)
    # JSON Lines are called .json, too: their first line is a value.
    lines = sample.head.splitlines()
    return not _is_json(sample.head) and not _is_json(lines[0] if len(lines) > 1 else b"")


def _is_json(line: bytes) -> bool:
    try:
        decode_json(line)
    except ValueError:
        return False
    return True


def damage(sample: Sample) -> tuple[str, int | None] | None:
    """Say where a JSON document of which all was seen breaks off or is malformed, and at which byte."""
    if sample.damage:
        return f"is damaged: {sample.damage}", None
    if len(sample.head) >= HEAD or sample.text.lstrip()[:1] not in {"{", "["}:
        return None
    if splitext(sample.name)[1].lower() not in {"", *DOCUMENTS}:  # TOML and INI begin with a bracket, too
        return None
    try:
        json.loads(sample.text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # one document per line
            return None
        if error.msg.startswith("Unterminated") or _CUT.fullmatch(sample.text, error.pos):
            return f"breaks off at byte {len(sample.head)}: it was cut off", len(sample.head)
        place = f"line {error.lineno}, column {error.colno}"
        return f"is no valid JSON: {error.msg[:1].lower()}{error.msg[1:]} at {place}", len(
            sample.text[: error.pos].encode("utf-8", "replace")
        )
    except RecursionError:
        pass
    return None


def refuse(export: Export, sample: Sample) -> None:
    """Refuse files whose first bytes say that they are something else.

    Raises UnknownFormatError with what the file is.
    """
    place = where(export, sample.name)
    if not sample.head:
        raise UnknownFormatError(f"{place} is empty: export again.")
    if not sample.text.strip(" \t\r\n\0"):
        raise UnknownFormatError(f"{place} holds only blanks or NUL bytes: export again.")
    if sample.name.lower().endswith(ARCHIVES):
        raise UnknownFormatError(f"{place} is an archive: name that itself, or unpack what it lies in.")
    for signature, what in _SIGNATURES:
        if sample.head.startswith(signature):
            raise UnknownFormatError(f"{place} is {what}.")
    start = sample.text.lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html")):
        raise UnknownFormatError(
            f"{place} is an HTML page, perhaps an error or login page saved in place of the export: "
            "download the export again."
        )


def nothing(export: Export, names: list[str], unknown: list[Sample]) -> UnknownFormatError:
    """Return the error that tells of a folder in which no file is recognised."""
    archive = next((name for name in names if name.lower().endswith(ARCHIVES)), None)
    if not unknown and archive is not None:
        return UnknownFormatError(
            f"{export.location} holds no annotation files, but the archive {archive}: name that itself."
        )
    if not unknown:
        first = ", ".join(names[:3])
        return UnknownFormatError(
            f"{export.location} holds no annotation files ({'/'.join(DOCUMENTS)}), only files such as "
            f"{first}: check the path."
        )
    sample = next((sample for sample in unknown if sample.keys or sample.element), unknown[0])
    broken = damage(sample)
    seen = broken[0] if broken else describe(sample, export)
    seen = seen.removeprefix("it ") if broken or seen.startswith("it ") else f"is {seen}"
    return UnknownFormatError(f"{export.location} holds no file of a known format; {sample.name} {seen}.")


def where(export: Export, name: str) -> str:
    """Return how a message calls a file of an export."""
    return export.location if export.location.endswith(name) else f"{export.location}: {name}"
