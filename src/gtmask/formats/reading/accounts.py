"""What became of each element that an export lists for an image: none is left out without a word.

A reader hands all of them to :meth:`Accounts.account` before anything is decided; what they came to stands in
:class:`gtmask.model.Balance`. An element that vanishes without a word is itself a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.malformed import MALFORMED, describe, type_name
from gtmask.formats.reading.typed import Reporter
from gtmask.model import Balance, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gtmask.findings import Finding


#: Members in which tools keep the ids of annotations.
_OWN_IDS = ("id", "objectHash", "mid", "feature_id", "featureId", "instanceId")
#: How tools call the angle by which a box or an ellipse is turned, and under what they keep its geometry.
_ROTATIONS = ("rotation", "angle", "theta")
_GEOMETRIES = (
    "value", "geometry", "shape_attributes", "coordinates", "points", "ellipse", "bbox", "box2d",
    "bounding_box", "boundingBox",
)  # fmt: skip


class Accounts(Reporter):
    """Counts the elements of one record, and books each of them by the shapes and findings that it left."""

    __slots__ = ("_balance", "_elements", "_ends", "_fate", "_first", "_shapes", "_what", "findings")

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        self._shapes: list[Shape] = []
        self._balance = Balance()
        #: How many shapes there were after each element.
        self._ends: list[int] = []
        self._fate = ""
        #: What is being accounted for: its name, its elements, and how many others went before.
        self._what, self._first = "", 0
        self._elements: Sequence[Any] = ()

    @property
    def place(self) -> str:
        """Which element is being looked at, for messages: ``"annotation 3 (id 17)"``; "" between elements."""
        if not self._what:
            return ""
        index = len(self._ends) - self._first
        element = self._elements[index]
        own = (element[key] for key in _OWN_IDS if key in element) if isinstance(element, dict) else ()
        identity = next(iter(own), None)
        shown = f" (id {identity!r:.40})" if isinstance(identity, str | int) else ""
        return f"{self._what} {index}{shown}"

    def tell_rotation(self, label: str) -> None:
        """Tell of a rotation that stands where the format keeps none: the shape at hand was added upright."""
        if not self._what:
            return
        element = self._elements[len(self._ends) - self._first]
        if not isinstance(element, dict):
            return
        inner = (element[key] for key in _GEOMETRIES if key in element)
        for holder in (element, *inner):
            for key in _ROTATIONS if isinstance(holder, dict) else ():
                turn = holder.get(key)
                if isinstance(turn, int | float) and not isinstance(turn, bool) and turn:
                    self.finding("rotation-unread", f"{label}: {self.place} has {key!r} {turn:g}")
                    return

    def account(self, elements: Sequence[Any], add: Callable[[Any], object], what: str) -> None:
        """Hand each element of a record to ``add``, and book what became of it.

        - ``elements``: all that the document lists for this record, before anything is decided about it.
        - ``add``: adds the shapes of one element, or tells a finding that says why there is none. It may
          raise any of :data:`gtmask.formats.reading.malformed.MALFORMED`, which becomes
          ``shape-bad-geometry``.
        - ``what``: what an element is called, for messages.

        Notes
        -----
        An element with several shapes counts once. One without any is booked under the code of the first
        finding that it caused; under :meth:`joins` or :meth:`describes` where ``add`` says so; else under
        ``element-unaccounted``, which is always a fault of the reader.
        """
        shapes, findings, ends = self._shapes, self.findings, self._ends
        self._balance.handed += len(elements)
        # Where an element stands is worked out when something is told of it (`place`): most are fine.
        self._what, self._elements, self._first = what, elements, len(ends)
        had, known = len(shapes), len(findings)
        for element in elements:
            try:
                add(element)
            except MALFORMED as error:
                self.finding("shape-bad-geometry", f"{what} {len(ends) - self._first}: {describe(error)}")
            now = len(shapes)
            if now == had:
                self._book(known)
            ends.append(now)
            had, known = now, len(findings)
        self._what = self._fate = ""
        self._elements = ()

    def each(self, items: Any, add: Callable[[dict[str, Any]], object], what: str = "object") -> None:
        """Account for every object of a list; what is no object is told, and counts as handed.

        - ``items``: the list as the document has it; None counts as empty.
        - ``add``, ``what``: as of :meth:`account`.
        """
        if items is None:
            return
        if not isinstance(items, list):
            self.report_type(f"{what}s", items, "a list")
            return
        if set(map(type, items)) <= {dict}:
            self.account(items, add, what)
            return

        def guarded(item: Any) -> None:
            if isinstance(item, dict):
                add(item)
            elif isinstance(item, ValueError):
                self.finding("annotation-bad", f"{self.place}: {item}")
            else:
                self.finding("annotation-bad", f"{self.place} is {type_name(item)}, not an object")

        self.account(items, guarded, what)

    def joins(self) -> None:
        """Say of the element at hand that another's shape is made of it, too (a part, a label, pixels)."""
        self._fate = "joined"

    def describes(self) -> None:
        """Say of the element at hand that by its kind it draws nothing (a choice, a text, a relation)."""
        self._fate = "describing"

    def _book(self, known: int) -> None:
        """Book an element that added no shape; ``known`` findings were there before it."""
        if len(self.findings) > known:
            self._balance.leave_out(self.findings[known].code)
        elif self._fate == "joined":
            self._balance.joined += 1
        elif self._fate == "describing":
            self._balance.describing += 1
        else:
            self.finding("element-unaccounted", self.place)
            self._balance.leave_out("element-unaccounted")
        self._fate = ""
