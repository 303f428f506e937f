"""Which format an export has, told from names and the first 64 KiB of its files.

No reader is ever tried. A file that nothing fits, or that several formats fit, stops with one sentence
that says what was seen and which ``--format`` values could be meant.
"""

from __future__ import annotations

import codecs
import difflib
import json
import re
from dataclasses import dataclass
from itertools import islice
from posixpath import splitext
from typing import TYPE_CHECKING

from gtmask.errors import DamagedExportError, UnknownFormatError, UsageError
from gtmask.findings import Finding
from gtmask.formats.base import Sample
from gtmask.formats.export import ARCHIVES
from gtmask.formats.keys import scan_keys
from gtmask.formats.masks import looks_like_masks
from gtmask.formats.reading.per_image import COMPANIONS
from gtmask.formats.registry import FORMATS
from gtmask.formats.text import decode_json, decode_text
from gtmask.png.header import SIGNATURE as PNG_SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtmask.formats.base import Format
    from gtmask.formats.export import Export

HEAD = 1 << 16
#: Names looked at in a folder, and files opened in it, before the format is known.
MOST_NAMES = 20_000
MOST_SAMPLES = 60
#: Files per folder and extension that are opened: annotation folders are uniform.
PER_GROUP = 3
#: Documents of one export (COCO's train and val files): each is opened.
MOST_DOCUMENTS = 1_000

_CANDIDATES = (".json", ".jsonl", ".ndjson", ".manifest", ".xml", ".txt", ".csv")
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


@dataclass(frozen=True, slots=True)
class Detection:
    """What an export is: its format, one line for people, and the files that hold its records.

    ``names`` is empty for formats with one file per image: there the reader chooses by name, and tells of
    the files that it leaves out; elsewhere ``findings`` do.
    """

    format: Format
    title: str
    names: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def take_sample(export: Export, name: str, siblings: tuple[str, ...] = ()) -> Sample:
    """Read the first 64 KiB of a file and what they show."""
    head = export.read(name, 0, HEAD)
    text = decode_text(head).replace("\ufeff", "", 1) if head else ""
    keys, element = scan_keys(text) if text.lstrip()[:1] in {"{", "["} else ({}, {})
    return Sample(name, head, text, keys, element, siblings)


def detect(export: Export, format: str = "auto") -> Detection:  # noqa: A002 (the option's name)
    """Tell an export's format.

    Parameters
    ----------
    export
        The files.
    format
        A name of :data:`FORMATS` skips detection, and chooses this format's files in a mixed folder.

    Raises
    ------
    UsageError
        There is no format of this name.
    UnknownFormatError
        Nothing fits, or several formats do; the sentence says what was seen.
    DamagedExportError
        Nothing fits a file that breaks off or is malformed.
    """
    wanted = None if format == "auto" else named(format)
    listing = iter(export.names())
    names = list(islice(listing, MOST_NAMES))
    if not names:
        raise UnknownFormatError(f"{export.location} holds no files: check the path.")
    if len(names) == 1 and (wanted is not None or not _holds_picture(export, names[0])):
        return _detect_file(export, names[0], wanted)
    return _detect_folder(export, names, listing, wanted)


def _holds_picture(export: Export, name: str) -> bool:
    """Say whether a folder, an archive or a glob holds one PNG, which may be a mask."""
    return name.lower().endswith(".png") and not export.location.endswith(name)


def named(name: str) -> Format:
    """Return the format of this name (hyphens or underscores)."""
    key = name.strip().lower().replace("-", "_")
    if key in FORMATS:
        return FORMATS[key]
    near = difflib.get_close_matches(key, FORMATS, 1)
    known = f"the nearest is {near[0]}" if near else f"known are {', '.join(FORMATS)}"
    raise UsageError(f"--format {name!r:.100} is no format that can be read: {known}.")


def _detect_file(export: Export, name: str, wanted: Format | None) -> Detection:
    sample = take_sample(export, name)
    if wanted is not None:
        return Detection(wanted, wanted.sniff(sample) or wanted.title, () if wanted.per_image else (name,))
    _refuse(export, sample)
    fits = matches(sample)
    if len(fits) > 1:
        several = ", ".join(entry.name for entry, _ in fits)
        raise UnknownFormatError(f"{_where(export, name)} could be one of {several}: choose with --format.")
    if not fits:
        if damage := _damage(sample):
            seen, offset = damage
            raise DamagedExportError(
                f"{_where(export, name)} {seen}; nothing before tells which tool wrote it: export it again.",
                offset,
            )
        raise UnknownFormatError(f"{_where(export, name)} is of no known format: {describe(sample)}.")
    entry, title = fits[0]
    if not entry.per_image and _is_wide(sample.head):
        raise UnknownFormatError(f"{_where(export, name)} is {title} in UTF-16 or UTF-32: save it as UTF-8.")
    return Detection(entry, title, () if entry.per_image else (name,))


def _detect_folder(
    export: Export, names: list[str], others: Iterator[str], wanted: Format | None
) -> Detection:
    """Tell a folder's format from its first names; ``others`` yields those after them, where they matter."""
    candidates = [name for name in names if _candidate(name)]
    siblings = tuple(names[:100])
    found, unknown = _recognized(export, candidates, siblings, wanted)
    if not found and (wanted is None or not wanted.per_image):
        # The images of a data set may come before its annotations, however many they are.
        candidates += _more(others, candidates)
        found, unknown = _recognized(export, candidates, siblings, wanted)
    if wanted is None and not found:
        if looks_like_masks(export, names):
            return Detection(FORMATS["masks"], FORMATS["masks"].title)
        raise _nothing(export, names, unknown)
    if len(found) > 1:
        several = "; ".join(f"{key} ({name})" for key, (name, _) in found.items())
        raise UnknownFormatError(
            f"{export.location} holds several formats: {several}: name one folder or file, or choose "
            "with --format."
        )
    entry = wanted or FORMATS[next(iter(found))]
    title = found[entry.name][1] if entry.name in found else entry.title
    if entry.per_image or title == entry.stored_as:
        return Detection(entry, title)
    strange = [name for name in names if not _candidate(name) and not name.lower().endswith(COMPANIONS)]
    candidates += _more(others, candidates)
    return _documents(export, candidates, strange, siblings, entry, title)


def _more(others: Iterator[str], candidates: list[str]) -> list[str]:
    """Return further names that may be annotations, up to one more than can be documents."""
    return list(islice(filter(_candidate, others), max(MOST_DOCUMENTS + 1 - len(candidates), 0)))


def _recognized(
    export: Export, candidates: list[str], siblings: tuple[str, ...], wanted: Format | None
) -> tuple[dict[str, tuple[str, str]], list[Sample]]:
    """Look at some candidates: the first file and title of each format found, and what fits none."""
    found: dict[str, tuple[str, str]] = {}
    unknown: list[Sample] = []
    for name in _spread(candidates):
        sample = take_sample(export, name, siblings)
        fits = [fit for fit in matches(sample) if wanted is None or fit[0] is wanted]
        for entry, title in fits:
            found.setdefault(entry.name, (name, title))
        if not fits:
            unknown.append(sample)
    return found, unknown


def _documents(
    export: Export,
    candidates: list[str],
    strange: list[str],
    siblings: tuple[str, ...],
    entry: Format,
    title: str,
) -> Detection:
    """Choose the files of a folder that are documents of one format, and tell of the others."""
    if len(candidates) > MOST_DOCUMENTS:
        raise UnknownFormatError(
            f"{export.location} holds more than {MOST_DOCUMENTS} files beside {entry.title} documents: "
            "name the document itself."
        )
    hits: list[str] = []
    skipped = list(strange)
    damaged: list[str] = []
    for name in candidates:
        sample = take_sample(export, name, siblings)
        if entry.sniff(sample):
            hits.append(name)
        else:
            (damaged if _is_damaged(export, sample) else skipped).append(name)
    if not hits:
        raise UnknownFormatError(
            f"{export.location} holds no file that looks like {entry.title}: check the path, or --format."
        )
    findings = [Finding("document-damaged", f"{name} is empty or no whole JSON") for name in damaged]
    if skipped:
        findings.append(Finding("file-skipped", f"{len(skipped)} files, the first one {skipped[0]}"))
    return Detection(entry, title, tuple(hits), tuple(findings))


def _is_damaged(export: Export, sample: Sample) -> bool:
    """Say whether a file that should be one JSON value, and of which all can be seen, is none."""
    if not sample.name.lower().endswith(".json") or export.size(sample.name) > HEAD:
        return False
    try:
        decode_json(sample.head)
    except ValueError:
        # JSON Lines are called .json, too: their first line is a value.
        lines = sample.head.splitlines()
        return not _is_json(lines[0] if len(lines) > 1 else b"")
    return False


def _is_json(line: bytes) -> bool:
    try:
        decode_json(line)
    except ValueError:
        return False
    return True


def matches(sample: Sample) -> list[tuple[Format, str]]:
    """Return every format whose ``sniff`` recognizes the sample, in the order of the registry."""
    hits = [(entry, entry.sniff(sample)) for entry in FORMATS.values()]
    return [(entry, title) for entry, title in hits if title]


def describe(sample: Sample) -> str:
    """Say what a file begins with, and which formats have such keys."""
    if not sample.head:
        return "it is empty"
    text = sample.text.lstrip()
    keys = sample.keys or sample.element
    if sample.element and "result" in keys and not {"data", "annotations"} & keys.keys():
        return "it holds Label Studio predictions without their tasks, so it names no images"
    if keys:
        seen = "".join(sign if sign.isprintable() else "?" for sign in ", ".join(list(keys)[:8]))
        kind = "objects in an array" if sample.element else "a JSON object"
        every = set(keys).union(*keys.values())
        common = {name: len(entry.marks & every) for name, entry in FORMATS.items()}
        near = [name for name in sorted(common, key=lambda name: -common[name]) if common[name]][:3]
        hint = f"; --format {' or '.join(near)} could fit" if near else ""
        return f"{kind} with the keys {seen:.200}{hint}"
    if text[:1] in {"{", "["}:
        return f"JSON without keys that tell a tool, beginning with {text[:40]!r}"
    if text.startswith("<"):
        return f"XML or HTML that is not CVAT's, beginning with {text[:60]!r}"
    return f"it is no JSON object or array, it begins with {text[:40]!r}"


def _damage(sample: Sample) -> tuple[str, int] | None:
    """Say where a JSON document of which all was seen breaks off or is malformed, and at which byte."""
    if len(sample.head) >= HEAD or sample.text.lstrip()[:1] not in {"{", "["}:
        return None
    if splitext(sample.name)[1].lower() not in {"", *_CANDIDATES}:  # TOML and INI begin with a bracket, too
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


def _refuse(export: Export, sample: Sample) -> None:
    """Tell files whose first bytes say that they are something else."""
    where = _where(export, sample.name)
    if not sample.head:
        raise UnknownFormatError(f"{where} is empty: export again.")
    if not sample.text.strip(" \t\r\n\0"):
        raise UnknownFormatError(f"{where} holds only blanks or NUL bytes: export again.")
    if sample.name.lower().endswith(ARCHIVES):
        raise UnknownFormatError(f"{where} is an archive: name that itself, or unpack what it lies in.")
    for signature, what in _SIGNATURES:
        if sample.head.startswith(signature):
            raise UnknownFormatError(f"{where} is {what}.")
    start = sample.text.lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html")):
        raise UnknownFormatError(
            f"{where} is an HTML page, perhaps an error or login page saved in place of the export: "
            "download the export again."
        )


def _nothing(export: Export, names: list[str], unknown: list[Sample]) -> UnknownFormatError:
    archive = next((name for name in names if name.lower().endswith(ARCHIVES)), None)
    if not unknown and archive is not None:
        return UnknownFormatError(
            f"{export.location} holds no annotation files, but the archive {archive}: name that itself."
        )
    if not unknown:
        first = ", ".join(names[:3])
        return UnknownFormatError(
            f"{export.location} holds no annotation files ({'/'.join(_CANDIDATES)}), only files "
            f"such as {first}: check the path."
        )
    sample = next((sample for sample in unknown if sample.keys or sample.element), unknown[0])
    damage = _damage(sample)
    seen = damage[0] if damage else describe(sample)
    seen = seen.removeprefix("it ") if damage or seen.startswith("it ") else f"is {seen}"
    return UnknownFormatError(f"{export.location} holds no file of a known format; {sample.name} {seen}.")


def _candidate(name: str) -> bool:
    base = name.rpartition("/")[2]
    return base.lower().endswith(_CANDIDATES) or "." not in base


def _spread(names: Iterable[str]) -> list[str]:
    """Return a few names of each folder and extension."""
    groups: dict[tuple[str, str], int] = {}
    chosen: list[str] = []
    for name in names:
        folder, _, base = name.rpartition("/")
        group = (folder, base.rpartition(".")[2])
        groups[group] = groups.get(group, 0) + 1
        if groups[group] <= PER_GROUP:
            chosen.append(name)
            if len(chosen) == MOST_SAMPLES:
                break
    return chosen


def _is_wide(head: bytes) -> bool:
    """Say whether text is UTF-16 or UTF-32."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (
        len(head) > 3 and 0 in {head[0], head[1]}
    )


def _where(export: Export, name: str) -> str:
    return export.location if export.location.endswith(name) else f"{export.location}: {name}"
