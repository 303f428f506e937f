"""The class map of an update: ids stay what they were, new labels get the next ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.class_map import ClassMap, LabelClass
from gtmask.errors import UsageError
from gtmask.groundtruth import classes as class_maps
from gtmask.groundtruth.colors import next_color
from gtmask.manifest.contract import BACKGROUND_COLOR, MAX_CLASS_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtmask.class_map import SuggestedClass


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
