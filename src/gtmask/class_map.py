"""The class map of a run: which class id, class name and colour each label becomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class LabelClass:
    """One row of a class map: ``id`` 1..255, ``name``, ``color`` as ``#rrggbb``, and its source ``labels``.

    With ``--overlap priority`` the class of the higher ``priority`` lies on top. ``value`` is the pixel value
    that the class has in ready-made masks, where the class map tells it.
    """

    id: int
    name: str
    color: str
    labels: tuple[str, ...] = ()
    priority: int = 0
    value: int | None = None


@dataclass(frozen=True, slots=True)
class SuggestedClass:
    """A class that an export brings: its name, and the ``id`` and the ``color`` it should have, where told.

    ``value`` is the pixel value of a class that has no other name.
    """

    name: str
    id: int | None = None
    color: str | None = None
    value: int | None = None


@dataclass(frozen=True)
class ClassMap:
    """Class id, class name, colour and source labels: fixed once for a whole run.

    Class 0 is BACKGROUND and not listed in ``classes``. ``ignore`` are labels whose shapes are left
    out; ``background`` are labels whose shapes are painted as 0 (that is how users of tools without
    holes cut them); with ``ignore_case``, labels that differ in case alone are one. Its rules are checked
    where it is made: see :mod:`gtmask.groundtruth.classes`.
    """

    classes: tuple[LabelClass, ...]
    ignore: frozenset[str] = frozenset()
    background: frozenset[str] = frozenset()
    ignore_case: bool = False
    _ids: dict[str, int] = field(init=False, repr=False, compare=False, hash=False)
    _values: dict[str, int] = field(init=False, repr=False, compare=False, hash=False)
    _marks: dict[str, int] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        ids: dict[str, int] = {}
        values = {f"{entry.value}": entry.id for entry in self.classes if entry.value is not None}
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_marks", {entry.color.lower(): entry.id for entry in self.classes} | values)
        for entry in self.classes:
            for label in entry.labels or (entry.name,):
                ids[self._key(label)] = entry.id
        ids.update((self._key(label), 0) for label in self.background)
        ids.update((self._key(label), -1) for label in self.ignore)
        object.__setattr__(self, "_ids", ids)

    def _key(self, label: str) -> str:
        return label.casefold() if self.ignore_case else label

    def id_of(self, label: str, marks: Sequence[str] = ()) -> int | None:
        """Return the class id that a source label is painted with.

        Parameters
        ----------
        label
            As the export spells it.
        marks
            Of a pixel of a ready-made mask: its value, its colour; see :class:`gtmask.model.Shape`.
            A ``value`` of the class map counts before the label, a colour after it.

        Returns
        -------
        int | None
            0..255, -1 for a label to ignore, None for a label that the map does not know.
        """
        known = self._ids.get(label.casefold() if self.ignore_case else label)
        if self._values and (by_value := next(filter(None, map(self._values.get, marks)), None)):
            return by_value
        if known is None:
            known = next(filter(None, map(self._marks.get, (*marks, label))), None)
        return known
