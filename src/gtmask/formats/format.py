"""What a row of the registry says: how a format is called, what is read of it, and in which module."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import FillRule


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the registry: what the tool is called and what is read of it.

    ``reads`` and ``limits`` are sentences for ``gtmask formats`` and ``docs/formats.md``; ``source_fill`` is
    the rule of the tool's own exporter; ``per_image`` says that folders and globs of its files work like one
    export; ``order`` says who wins where shapes overlap and ``counts`` which annotations of an image count;
    ``image`` says which image a record is of, ``label`` which member is the class, ``holes`` what cuts a
    hole, and ``grid`` which pixels coordinates speak of. ``keys`` are keys that the format's documents have;
    before a semicolon its :attr:`signs`, without which it recognizes no file. ``stored_as`` is the title of a
    dialect that is read like a format of one file per image. ``options`` names the fields of
    :class:`ReadOptions` that not every format knows and this one does. ``module`` is where it stands below
    :mod:`gtmask.formats`, if not under its own name; it is imported when a file has one of the signs, or when
    the format is read. ``walks`` says that its readers walk through a whole document as they open it, so that
    detection need not (:class:`gtmask.formats.base.WalksDocument`). ``attributes`` and ``statuses`` say what
    ``--where`` and ``--status`` can look at, "" for nothing.
    """

    name: str
    title: str
    reads: str
    limits: str
    _: KW_ONLY
    image: str
    label: str
    source_fill: FillRule = "opencv"
    holes: str = "None."
    grid: str = "As stored."
    order: str = "List order: later shapes lie over earlier ones."
    counts: str = "All of them."
    keys: str = ""
    per_image: bool = False
    stored_as: str = ""
    options: frozenset[str] = frozenset()
    module: str = ""
    walks: bool = False
    attributes: str = ""
    statuses: str = ""

    @property
    def signs(self) -> frozenset[str]:
        """What a file must have one of, as :meth:`gtmask.formats.base.Sample.signs` names it."""
        return frozenset(filter(None, self.keys.partition(";")[0].split(", ")))

    @property
    def marks(self) -> frozenset[str]:
        """All keys: hints for sentences about a file, never used to choose a format."""
        return frozenset(filter(None, re.split("[,;] ", self.keys)))

    @property
    def known_options(self) -> frozenset[str]:
        """The fields of :class:`ReadOptions` that have an effect on this format and not on every one."""
        return self.options | {"status"} if self.statuses else self.options

    @property
    def status_values(self) -> list[str]:
        """The statuses that the tool has words of its own for."""
        return re.findall(r"(?<=[:,] )\w+(?=[,.]| \()", self.statuses)

    def facts(self) -> dict[str, str]:
        """Return what there is to know of the format, by titles, for people."""
        options = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(self.known_options))
        return {
            "Read": self.reads,
            "Limits": self.limits,
            "Image": self.image,
            "Class": self.label,
            "Holes": self.holes,
            "Pixels": self.grid,
            "Order": self.order,
            "Which annotations count": self.counts,
            "Attributes (--where)": self.attributes or "None.",
            "Statuses (--status)": self.statuses or "None.",
            "Options of its own": f"{options or 'none'}.",
            "--fill source": f"The {self.source_fill} rule.",
        }

    def sniff(self, sample: Sample) -> str | None:
        """Return what the format's module recognizes in a file, or None."""
        title: str | None = None if self.signs.isdisjoint(sample.signs()) else self._imported().sniff(sample)
        return title

    def read(self, export: Export, options: ReadOptions) -> Reader[Any]:
        """Open an export of this format."""
        reader: Reader[Any] = self._imported().read(export, options)
        return reader

    def _imported(self) -> Any:
        return import_module(f"gtmask.formats.{self.module or self.name}")
