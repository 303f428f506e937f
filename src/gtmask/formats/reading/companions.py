"""What stands beside annotations without being any: of which files it is a loss that they are not read.

A document is a file with an extension that some reader takes. One that is not read is told as a loss, unless
it is known for something else: a read-me, a list of images, a list of classes, or what a tool writes beside
its export.
"""

from __future__ import annotations

import re
from posixpath import basename, join, split
from typing import TYPE_CHECKING

from gtmask.errors import PASSING, ExportError, GtmaskError
from gtmask.findings import Finding
from gtmask.formats.export import ARCHIVES
from gtmask.formats.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.formats.base import Sample
    from gtmask.formats.export import Export

#: Extensions that some reader takes.
DOCUMENTS = (".json", ".geojson", ".jsonl", ".ndjson", ".manifest", ".xml", ".txt", ".csv")
_PACKED = re.compile(rf"({'|'.join(map(re.escape, DOCUMENTS))})\.(gz|bz2|xz|zst|zip)\Z")
#: Why an archive of documents that lies among the files is not read.
IN_ARCHIVE = "an archive among the files is not looked into: name it itself, or unpack it"
#: Names that stand beside annotations in folders: never counted as skipped.
COMPANIONS = (
    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".avif", ".heic", ".md", ".html",
    ".yaml", ".yml",
)  # fmt: skip
IMAGES = COMPANIONS[:10]
#: Lists of classes and images as tools name them, and what tools write beside an export: Label Studio's YOLO
#: export has notes.json, Supervisely meta.json and more, Roboflow _classes.csv, Darwin class_mapping.csv,
#: gtmask rejects.jsonl.
_KNOWN = frozenset({
    "labels.txt", "names.txt", "label_map.txt", "labelmap.txt", "obj_names.txt", "categories.txt",
    "train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt", "notes.txt", "notes.json",
    "meta.json", "key_id_map.json", "obj_class_to_machine_color.json", "class_mapping.csv", "rejects.jsonl",
    "requirements.txt",
})  # fmt: skip
_CLASS_LIST = re.compile(
    r"class(es|_names|-names|names)?\.(txt|csv)\Z|\w*[_.-]class(es|_names)?\.(txt|csv)\Z"
)
_PROSE = re.compile(r"(read_?me|licen[cs]e|changelog|changes|notice|copying|authors|citation)\b")
#: How a project of Label Studio is set up: what its labelers see, in Label Studio's own tags.
_LABELING_CONFIG = re.compile(r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<View\b", re.DOTALL)
#: Folders of Pascal VOC and its relatives that hold lists of images.
_LISTS = frozenset({"ImageSets"})
#: COCO publishes the same images three times: with instances, keypoints of people, and captions.
_TWIN = re.compile(r"(person_keypoints|captions)_")
#: Bytes looked at of a text file, to tell whether it is a list of images.
_HEAD = 1 << 16
#: Documents that are named one by one; of more, only the number is told.
MOST_NAMED = 20


def is_packed(name: str) -> bool:
    """Say by its name whether a file is a document that is packed alone."""
    return _PACKED.search(name.lower()) is not None


def is_document(export: Export, name: str) -> bool:
    """Say whether a file may hold annotations: by its extension, or where it has none by its first byte.

    An archive among the files may where it holds a document: it is not read.
    """
    base = basename(name).lower()
    if base.endswith(ARCHIVES):
        return is_packed(base) or _packs_documents(export, name)
    if "." in base:
        return base.endswith(DOCUMENTS) or is_packed(base)
    return _head(export, name, 64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[", b"<")


def _packs_documents(export: Export, name: str) -> bool:
    """Say whether an archive holds a document that is no companion; one in an archive in one may."""
    from gtmask.formats.archive import ArchiveExport, glance  # noqa: PLC0415 - few exports hold archives

    if isinstance(export, ArchiveExport) and isinstance(export.outer, ArchiveExport):
        return True
    try:
        members, inner = glance(export, name), ArchiveExport(name, export, name)
        zipped = name.lower().endswith(".zip")
        return any(
            is_document(inner, member) and not is_companion(inner, member) if zipped
            else member.lower().endswith((*DOCUMENTS, *ARCHIVES)) and not _is_companion_by_name(member)
            for member in members
        )  # fmt: skip
    except ExportError:
        return True


def is_companion(export: Export, name: str) -> bool:
    """Say whether a document is known for something other than annotations."""
    base = basename(name).lower()
    if _is_companion_by_name(base):
        return True
    if base.endswith(".xml"):
        return _LABELING_CONFIG.match(decode_text(_head(export, name))) is not None
    if base.endswith(".txt"):
        return bool(_LISTS & set(name.split("/")[:-1])) or _lists_images(export, name)
    return False


def _is_companion_by_name(name: str) -> bool:
    base = basename(name).lower()
    return bool(base in _KNOWN or _CLASS_LIST.match(base) or _PROSE.match(base))


def _head(export: Export, name: str, count: int = _HEAD) -> bytes:
    """Return the first bytes of a file, none where it cannot be read."""
    try:
        return export.read(name, 0, count)
    except PASSING:
        raise
    except GtmaskError:
        return b""


def _lists_images(export: Export, name: str) -> bool:
    """Say whether all that can be seen of a text file are names of images, one a line."""
    head = _head(export, name)
    lines = [line.strip() for line in decode_text(head).splitlines()]
    if len(head) == _HEAD:
        lines = lines[:-1]
    lines = [line for line in lines if line]
    return bool(lines) and all(line.lower().endswith(IMAGES) for line in lines)


def is_twin(sample: Sample) -> bool:
    """Say whether COCO's own instances file, which has the same images, stands beside this one."""
    folder, name = split(sample.name)
    kind = _TWIN.match(name)
    return kind is not None and join(folder, "instances_" + name[kind.end() :]) in sample.siblings


def is_other_coco(sample: Sample) -> bool:
    """Say whether a document is one of COCO's without areas: captions, images alone, a twin's key points."""
    keys = sample.keys
    listed = {"images", "categories"} <= keys.keys() and "annotations" not in keys and sample.whole
    return "caption" in keys.get("annotations", ()) or listed or is_twin(sample)


def left_out(export: Export, names: Iterable[str], own: str = "") -> list[Finding]:
    """Tell of the files of an export that its reader does not read.

    - ``own``: the extension that the reader takes: with it, it leaves out on purpose what it knows to be
      none.
    """
    skipped: list[str] = []
    lost: list[str] = []
    for name in names:
        if name.lower().endswith(COMPANIONS):
            continue
        known = bool(own) and name.lower().endswith(own)
        unread = not known and is_document(export, name) and not is_companion(export, name)
        (lost if unread else skipped).append(name)
    return [*note(skipped), *unrecognised([(name, _why_unread(name)) for name in lost])]


def _why_unread(name: str) -> str:
    return IN_ARCHIVE if name.lower().endswith(ARCHIVES) else "not of this format"


def note(skipped: list[str]) -> list[Finding]:
    """Tell of files that are no annotations, in one finding."""
    files = "1 file" if len(skipped) == 1 else f"{len(skipped)} files, the first one"
    return [Finding("file-skipped", f"{files} {skipped[0]}")] if skipped else []


def unrecognised(documents: list[tuple[str, str]]) -> list[Finding]:
    """Tell of documents that were not read, each with what it is; of very many the number."""
    found = [Finding("file-unrecognised", f"{name}: {what}") for name, what in documents[:MOST_NAMED]]
    if more := documents[MOST_NAMED:]:
        found.append(Finding("file-unrecognised", f"{len(more)} more, the first one {more[0][0]}"))
    return found
