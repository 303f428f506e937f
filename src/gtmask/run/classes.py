"""What is told of a class map beside an export's labels, and the class map of an update.

In an update ids stay what they were, and new labels get the next ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import category, normalize

from gtmask.class_map import ClassMap, LabelClass, SuggestedClass
from gtmask.errors import UsageError
from gtmask.findings import Finding
from gtmask.groundtruth import classes as class_maps
from gtmask.groundtruth.classes import next_color
from gtmask.manifest.contract import BACKGROUND_COLOR, MAX_CLASS_ID
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


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


def refuse_moved(earlier: ClassMap, given: ClassMap) -> None:
    """Refuse a class map by which pixels of a mask that stays would mean something else.

    Raises UsageError with the first class whose id is another one, or whose id another class has.
    """
    ids = {entry.name: entry.id for entry in given.classes}
    names = {entry.id: entry.name for entry in given.classes}
    for entry in earlier.classes:
        number, name = ids.get(entry.name, entry.id), names.get(entry.id, entry.name)
        if number != entry.id:
            moved = f"{entry.name} was class {entry.id} and is class {number}"
        elif name != entry.name:
            moved = f"class {entry.id} was {entry.name} and is {name}"
        else:
            continue
        raise UsageError(
            f"--classes moves ids, and the masks that --update leaves as they are would show other classes: "
            f"{moved}. Keep the ids of DEST/classes.toml and give new classes new ones, or start anew with "
            "--overwrite."
        )


def extended(earlier: ClassMap, suggested: Sequence[SuggestedClass]) -> ClassMap:
    """Return a class map with a class more for each label that it does not know, in their order.

    Raises ClassMapError: more than 255 classes, or a label too long for a class name.
    """
    new = [entry for entry in suggested if earlier.id_of(entry.name) is None]
    if not new:
        return earlier
    found = class_maps.class_map_from_suggestions(new)
    classes = {entry.name: entry for entry in earlier.classes}
    class_maps.check_count(len(classes.keys() | {entry.name for entry in found.classes}))
    order = {label: place for place, label in enumerate(entry.name for entry in new)}
    for entry in sorted(found.classes, key=lambda entry: min(map(order.__getitem__, _labels(entry)))):
        known = classes.get(entry.name)
        if known is not None:  # a label that differs from its class's name in blanks only
            labels = (*_labels(known), *_labels(entry))
            classes[entry.name] = LabelClass(
                known.id, known.name, known.color, labels, known.priority, known.value
            )
            continue
        taken = {each.color.lower() for each in classes.values()} | {BACKGROUND_COLOR}
        color = entry.color if entry.color.lower() not in taken else next_color(taken)
        number = _next_id({each.id for each in classes.values()})
        classes[entry.name] = LabelClass(number, entry.name, color, entry.labels, value=entry.value)
    return ClassMap(
        tuple(sorted(classes.values(), key=lambda entry: entry.id)),
        earlier.ignore | found.ignore,
        earlier.background | found.background,
        earlier.ignore_case,
    )


def _labels(entry: LabelClass) -> tuple[str, ...]:
    return entry.labels or (entry.name,)


def _next_id(taken: set[int]) -> int:
    """Return the id after the last one; where that is 255, the first that is free."""
    last = max(taken, default=0)
    return last + 1 if last < MAX_CLASS_ID else min(set(range(1, MAX_CLASS_ID + 1)) - taken)
