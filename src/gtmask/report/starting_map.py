"""``gtmask classes``: the class map to start with, made of the labels that are found in an export."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.findings import Finding
from gtmask.formats.base import ReadOptions, refuse_lost_classes
from gtmask.formats.sources import source_list, spoken
from gtmask.groundtruth.class_map_file import format_class_map
from gtmask.report.inspection import inspect
from gtmask.storage.outputs import refuse_foreign, write_file
from gtmask.storage.usable import check_file

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence
    from os import PathLike

    from gtmask.class_map import ClassMap
    from gtmask.progress import Progress
    from gtmask.storage.base import S3Settings


@dataclass(frozen=True, slots=True)
class StartingMap:
    """A class map to start with.

    Attributes
    ----------
    classes
        The classes.
    labels
        How many shapes each label has.
    out
        The file that was written, if any.
    """

    classes: ClassMap
    labels: Counter[str]
    out: str | None

    @property
    def toml(self) -> bytes:
        """The class map as a TOML file in UTF-8."""
        return format_class_map(self.classes, self.labels).encode(errors="backslashreplace")

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "out": self.out,
            "labels": self.labels,
            "classes": [
                {"id": item.id, "name": item.name, "color": item.color} for item in self.classes.classes
            ],
        }


def classes(
    source: str | PathLike[str] | Sequence[str | PathLike[str]],
    out: str | PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    format: str = "auto",  # noqa: A002 - the command line's word
    options: ReadOptions | None = None,
    s3: S3Settings | None = None,
    workers: int | None = None,
    only: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> StartingMap:
    """Make a class map of the labels in an export, to edit and to give to a conversion.

    Parameters
    ----------
    source
        The export, or several, as for :func:`gtmask.convert`.
    out
        Path or ``s3://`` URI of a file to write; None writes none.
    overwrite
        Replace a file of that name, which may have been edited.
    format, options, s3, workers, only, progress
        As in :func:`gtmask.inspect`.

    Returns
    -------
    StartingMap
        The class map, also where no file was asked for.

    Raises
    ------
    UsageError
        A file that is there, before anything is read; or an export in which no label was found.

    Examples
    --------
    >>> import gtmask
    >>> made = gtmask.classes("export.json", workers=1)
    >>> [entry.name for entry in made.classes.classes]
    ['Car', 'Road', 'Person']
    """
    sources = source_list(source)
    if out is not None:
        for one in sources:
            check_file(os.fspath(out), "--out", one, "the export")
        refuse_foreign(os.fspath(out), "--out", s3, lambda _: False, overwrite=overwrite)
    seen = inspect(
        source, format=format, options=options, s3=s3, workers=workers, only=only, progress=progress
    )
    if "classes-lost" in seen.findings:
        refuse_lost_classes(spoken(sources), [Finding("classes-lost")])
    if not (seen.labels or seen.declared):
        doubt = "" if format == "auto" else f" read as --format {format}, which may be the wrong one,"
        raise UsageError(
            f"{spoken(sources)}{doubt} names no label that could become a class: look at it with `gtmask "
            "inspect`."
        )
    made = StartingMap(seen.class_map(), seen.labels, None if out is None else os.fspath(out))
    if made.out is not None:
        write_file(made.out, made.toml, "application/toml", s3)
    return made
