"""What every format module offers, and what it is given.

A format module has two public functions and no state:

- ``sniff(sample) -> str | None`` looks at the first kilobytes of one file and says what it recognizes
  ("COCO instances, CVAT dialect"), or None;
- ``read(export, options) -> Reader`` opens an export of that format.

Reading has two halves, so that many processes can share one export: :meth:`Reader.units` runs in the
parent and says cheaply *where* each record's bytes are, :meth:`Reader.record` runs in a worker and
turns those bytes into a record. Readers are pickled to workers: they hold header tables (labels,
options) but neither open files nor an index of the records; units carry what is specific to a record.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from gtmask.choices import fold
from gtmask.class_map import SuggestedClass
from gtmask.errors import ClassesLostError
from gtmask.formats.conditions import Condition, conditions
from gtmask.storage.base import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from gtmask.findings import Finding
    from gtmask.formats.jsonstream.texts import Texts
    from gtmask.model import ImageNames, Record


@dataclass(frozen=True, slots=True)
class Sample:
    """What detection may look at: a file's name and its first kilobytes, decoded where it is JSON.

    ``head`` is at most 64 KiB; ``text`` the same as text without BOM; ``keys`` the keys seen at the
    top level of the first JSON value, in order, each with the keys seen in its first object element;
    ``element`` the keys of the first element where the top level is an array; ``siblings`` the names
    of other files in the same folder or archive (at most 100). ``whole`` says that there are no other keys
    than these, ``more`` that detection can look at more of the document than it did; ``early`` that all of it
    must be looked at before the judgement counts; ``damage`` where the document was found to break off or to
    be malformed on the way.
    """

    name: str
    head: bytes
    text: str
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    element: dict[str, tuple[str, ...]] = field(default_factory=dict)
    siblings: tuple[str, ...] = ()
    whole: bool = True
    more: bool = False
    early: bool = False
    damage: str = ""

    def signs(self) -> set[str]:
        """Return what tells at once which formats the file cannot have.

        Its keys and those below them; how its name ends; and "<" where its text begins so, as XML does, or
        "no JSON" where it does not begin like JSON either.
        """
        begins = self.text.lstrip()[:1]
        kind = begins if begins == "<" else "" if begins in {"{", "["} else "no JSON"
        inner = (*self.keys.values(), *self.element.values())
        return {kind, f".{self.name.lower().rpartition('.')[2]}", *self.keys, *self.element, *chain(*inner)}


#: Of ``void``; all else is the name of a class.
VOID_WORDS = ("background", "keep")


@dataclass(frozen=True, slots=True)
class AnnotationChoices:
    """The choices of :class:`ReadOptions` that decide what the records are: a run freezes them."""

    annotator: str | None = None
    include_predictions: bool = False
    include_unannotated: bool = False
    interpolate: bool = False
    class_attribute: str | None = None
    image_tags: str | None = None
    default_label: str | None = None
    keep_going: bool = False
    masks: str | None = None
    partial: bool = False
    void: str = "background"
    where: tuple[str, ...] = ()
    status: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "void", fold(self.void, VOID_WORDS) or self.void)
        # One text for one meaning: what is chosen is part of what a run is.
        for one in (found := conditions(self.where, self.status)):
            if one.what == "status":
                object.__setattr__(self, "status", ",".join(one.values))
        texts = {one.text.removeprefix("--where ") for one in found if one.what != "status"}
        object.__setattr__(self, "where", tuple(sorted(texts)))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What images must meet."""
        return conditions(self.where, self.status)

    @property
    def asks_attributes(self) -> bool:
        """Whether the attributes of shapes are looked at."""
        return any(one.attribute for one in self.conditions)

    def chosen(self) -> dict[str, Any]:
        """Return these choices by name, whatever else an object of a subclass holds."""
        return {item.name: getattr(self, item.name) for item in fields(AnnotationChoices)}


@dataclass(frozen=True, slots=True)
class ReadOptions(AnnotationChoices):
    """Choices about which annotations count; each has one documented default.

    ``annotator`` picks one annotator's work where a task has several; ``class_attribute`` names the
    attribute that holds the class where a tool has many (VIA); ``image_tags`` says which key of a Label
    Studio task's data each image tag shows (``TAG=KEY,TAG=KEY``); ``default_label`` is what shapes without a
    label are called; ``keep_going`` reads a damaged document up to the damage; ``masks`` is a folder or
    prefix with copies of the masks that a manifest names; ``partial`` takes a manifest of a run that is not
    finished; ``void`` is what pixels of ready-made masks become that nobody labeled: "background", "keep" (a
    class of their own) or the name of a class; ``where`` and ``status`` keep images of which the export says
    something (:mod:`gtmask.formats.conditions`). ``memory_limit`` is in bytes. ``images`` is where images are
    looked for, if not among the export's files, and ``s3`` says how files outside of the export are reached;
    whoever opens an export sets both.
    """

    images: str | None = None
    memory_limit: int = 2 << 30
    s3: S3Settings = field(default_factory=S3Settings)


#: What a reader needs to find one record's bytes: plain tuples of names, offsets and small values.
U = TypeVar("U")


class Reader(Protocol[U]):
    """One opened export, whose units are of one type of the reader's own. Picklable."""

    #: Class names that the export itself lists, in its order; None where it has no such list.
    labels: list[str] | None
    #: One line for people: format and dialect.
    title: str

    @property
    def findings(self) -> list[Finding]:
        """Findings about the export as a whole (duplicate names, orphaned annotations), after ``units``."""
        ...

    def count(self) -> int | None:
        """Return the number of records where it is known, None where only reading would tell."""
        ...

    def units(self) -> Iterator[U]:
        """Yield one unit per record, in source order, without parsing the records."""
        ...

    def names_of(self, unit: U) -> ImageNames | None:
        """Return what the record calls its image where the unit tells all of it, else None."""
        ...

    def record(self, unit: U) -> Record:
        """Read and build one record. What is wrong with it becomes findings, never an exception."""
        ...


@runtime_checkable
class NamesImages(Protocol):
    """A reader that can tell what its units call their images much sooner than by making the units."""

    def image_names(self) -> Iterator[Texts | None] | None:
        """Yield the image references of all units, in order, "" for those without; None: ask the units.

        That holds also for None among them: there are images that have several names. Records that are
        malformed may be given a reference here that their unit does not have.
        """
        ...


@runtime_checkable
class WalksDocument(Protocol):
    """A reader that has walked through its document when it is opened, of a format with ``walks``."""

    #: Where arrays at the top level end (the offset behind the bracket), by their keys.
    ends: dict[str, int]


@runtime_checkable
class WeighsRecords(Protocol):
    """A reader that can tell where the most annotations are, without making the units."""

    def weights(self, together: int) -> NDArray[np.int64] | None:
        """Return how many bytes the annotations of each ``together`` consecutive records take.

        Returns int64, one for each chunk of so many records; None where that is not known.
        """
        ...


@runtime_checkable
class BringsClasses(Protocol):
    """A reader whose export tells which ids or colours its classes have."""

    def suggest(self, labels: Sequence[str]) -> list[SuggestedClass]:
        """Return the classes of these labels, in their order."""
        ...


def suggested(
    reader: Reader[Any], labels: Sequence[str], colors: Mapping[str, str] | None = None
) -> list[SuggestedClass]:
    """Return the classes of these labels, with ids and colours where the reader's export tells them.

    ``colors`` are those that records told, by label.
    """
    found = reader.suggest(labels) if isinstance(reader, BringsClasses) else [*map(SuggestedClass, labels)]
    told = colors or {}
    return [replace(one, color=one.color or told.get(one.name)) for one in found]


def refuse_lost_classes(source: str, findings: Sequence[Finding]) -> None:
    """Refuse to name classes by their ids, where a damage has taken their names.

    Raises ClassesLostError with what to do.
    """
    if any(finding.code == "classes-lost" for finding in findings):
        raise ClassesLostError(
            f"The names of the classes of {source} stand behind its damage: export it again, or give a class "
            "map with --classes whose labels are the ids of the classes."
        )
