"""What is told of a class map beside an export's labels: a reader does not know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import category, normalize

from gtmask.findings import Finding
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gtmask.class_map import ClassMap, LabelClass


def foreign_classes(class_map: ClassMap, labels: Sequence[str]) -> list[Finding]:
    """Tell of a class map that knows none of the labels: all masks will be background from edge to edge.

    Labels that the map ignores or paints as background are known to it.
    """
    if not labels or any(class_map.id_of(label) is not None for label in labels):
        return []
    known = [label for entry in class_map.classes for label in entry.labels or (entry.name,)]
    theirs = _some(labels) if any(label.strip() for label in labels) else "only shapes without a label"
    detail = f"The class map has {_some(known)}, and the export has {theirs}: all masks are background"
    return [Finding("classes-foreign", detail)]


def shared_class_ids(class_ids: Collection[tuple[str, str]]) -> list[Finding]:
    """Tell of several classes of one name, and of classes that have several names, by the tool's own ids."""
    names: dict[str, set[str]] = {}
    ids: dict[str, set[str]] = {}
    for identity, label in class_ids:
        names.setdefault(identity, set()).add(label)
        ids.setdefault(label, set()).add(identity)
    return [
        Finding(code, f"{key}: {', '.join(sorted(found))}"[:200])
        for code, table in (("label-duplicate", ids), ("label-id-shared", names))
        for key, found in sorted(table.items())
        if len(found) > 1
    ]


def merged_labels(class_map: ClassMap) -> list[Finding]:
    """Tell of labels that differ in blanks only, and so became one class of a map that was made of them."""
    return [
        Finding("label-duplicate", f"{entry.name}: {', '.join(map(repr, entry.labels))}"[:200])
        for entry in class_map.classes
        if len(entry.labels) > 1
    ]


def alike_classes(class_map: ClassMap) -> list[Finding]:
    """Tell of classes of a map made of labels whose names differ in case or in Unicode's form only.

    So do names of which one has characters that are not seen (a zero width space, a direction mark).
    """
    alike: dict[str, list[LabelClass]] = {}
    for entry in class_map.classes:
        seen = "".join(one for one in entry.name if not _is_unseen(one))
        alike.setdefault(normalize("NFKC", normalize("NFKC", seen).casefold()), []).append(entry)
    return [
        Finding("label-alike", ", ".join(map(_shown, group))[:200])
        for group in alike.values()
        if len(group) > 1
    ]


def _is_unseen(character: str) -> bool:
    return not character.isascii() and category(character) == "Cf"


def _shown(entry: LabelClass) -> str:
    name = "".join(f"\\u{ord(one):04x}" if _is_unseen(one) else one for one in entry.name)
    return f"{name} (class {entry.id})"


def _some(labels: Sequence[str]) -> str:
    shown = ", ".join(escape_unprintable(label) for label in labels[:4])
    return f"{shown} and {len(labels) - 4} more" if len(labels) > 4 else shown
