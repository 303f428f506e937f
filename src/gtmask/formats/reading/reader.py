"""What readers have in common: what they read and how, what they tell, and how a damaged document ends."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from gtmask.class_map import SuggestedClass
from gtmask.errors import DamagedExportError
from gtmask.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gtmask.formats.base import ReadOptions
    from gtmask.formats.export import Export
    from gtmask.model import ImageNames


class Told(TypedDict, total=False):
    """What an export tells beside its records.

    ``labels`` are the class names that it lists, ``findings`` what was found in its header, ``colors`` the
    colours of classes that the header tells, as ``#rrggbb`` by label; ``context`` is whatever a format's
    parsing needs besides a record's bytes (class tables); picklable, found as ``reader.context``.
    """

    labels: Iterable[str] | None
    findings: Iterable[Finding]
    colors: Mapping[str, str] | None
    context: Any


class BaseReader:
    """What :class:`gtmask.formats.base.Reader` asks of every reader, where no more is known than at first.

    - ``title``: one line for people: format and dialect.
    """

    def __init__(self, export: Export, options: ReadOptions, title: str, **told: Unpack[Told]) -> None:
        self.export = export
        self.options = options
        self.title = title
        self.labels = list(dict.fromkeys(filter(None, told.get("labels") or ()))) or None
        self.context: Any = told.get("context")
        self.findings: list[Finding] = list(told.get("findings", ()))
        self._colors = dict(told.get("colors") or {})

    def count(self) -> int | None:
        """Return None: only a walk through the documents would tell."""
        return None

    def names_of(self, unit: Any) -> ImageNames | None:  # noqa: ARG002 (the protocol's signature)
        """Return None: only the record itself names its image."""
        return None

    def suggest(self, labels: Sequence[str]) -> list[SuggestedClass]:
        """Return the classes of these labels, with the colours that the header tells."""
        return [SuggestedClass(label, color=self._colors.get(label)) for label in labels]

    @contextmanager
    def up_to_damage(self) -> Iterator[None]:
        """Let a damaged document end at the damage, and tell of it, where ``keep_going`` is set.

        Raises DamagedExportError where it is not set.
        """
        try:
            yield
        except DamagedExportError as error:
            if not self.options.keep_going:
                raise
            self.findings.append(Finding("record-bad", str(error)[:300]))
