"""One file per labeling tool: exports become records.

``read`` gives the records of an export, ``open_reader`` the reader that a run spreads over processes,
``FORMATS`` what can be read.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.errors import ExportError, ManifestError, UsageError
from gtmask.findings import Finding
from gtmask.formats.base import Reader, ReadOptions, Sample
from gtmask.formats.conditions import holds
from gtmask.formats.format import Format
from gtmask.formats.registry import FORMATS
from gtmask.formats.sources import source_list
from gtmask.storage.base import S3Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from gtmask.formats.detect import Detection
    from gtmask.formats.export import Export
    from gtmask.model import Record

__all__ = [
    "FORMATS",
    "Format",
    "OpenedExport",
    "OpenedExports",
    "ReadOptions",
    "Reader",
    "Sample",
    "open_reader",
    "open_source",
    "open_sources",
    "read",
]

#: Folders of masks in an export that may be a run's.
_MOST_OUTPUTS = 20


class OpenedExport(NamedTuple):
    """An export, its format, the files that hold its records (none: the reader chooses), and its reader."""

    export: Export
    format: Format
    names: tuple[str, ...]
    reader: Reader[Any]


class OpenedExports(NamedTuple):
    """Exports that are read as one, and what reads them: of one alone, its own reader."""

    parts: tuple[OpenedExport, ...]
    reader: Reader[Any]


def open_reader(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    format: str = "auto",  # noqa: A002 (the command line's word)
    options: ReadOptions | None = None,
    s3: S3Settings | None = None,
) -> Reader[Any]:
    """Open an export, or several as one, and return the reader; errors as of :func:`open_source`."""
    sources = source_list(source)
    return open_sources(sources, format, [options or ReadOptions()] * len(sources), s3).reader


def open_sources(
    sources: Sequence[str],
    format: str,  # noqa: A002 (the command line's word)
    options: Sequence[ReadOptions],
    s3: S3Settings | None = None,
    exports: Sequence[Export] | None = None,
) -> OpenedExports:
    """Open exports that are read as one.

    Raises UnknownFormatError, ExportError, StorageError or UsageError as of :func:`open_source`, with the
    export's name; an option that none of the formats knows.

    - ``sources``, ``options``, ``exports``: of each export: where it is, how it is read, and what it was
      opened as already; the options differ in ``images`` alone.
    - ``format``, ``s3``: as of :func:`open_source`, for all of them.
    """
    if len(sources) == 1:
        only = open_source(sources[0], format, options[0], s3, exports[0] if exports else None)
        return OpenedExports((only,), only.reader)
    from gtmask.formats.several import JoinedReader, naming, short_names  # noqa: PLC0415 (few need it)

    found = []
    for number, source in enumerate(sources):
        with naming(source):
            found.append(_open(source, format, options[number], s3, exports[number] if exports else None))
    names = short_names(sources)
    told = [
        Finding("option-partial", f"{option} counts for {', '.join(names[at] for at in knowing)} only")
        for option, knowing in check_options([one.format for one in found], options[0])
    ]
    return OpenedExports(tuple(found), JoinedReader(names, [one.reader for one in found], told))


def open_source(
    source: str | os.PathLike[str],
    format: str = "auto",  # noqa: A002 (the command line's word)
    options: ReadOptions | None = None,
    s3: S3Settings | None = None,
    export: Export | None = None,
) -> OpenedExport:
    """Open an export.

    Raises UnknownFormatError: no known format, or several, look like this; the sentence says what was seen.
    Raises ExportError, StorageError or UsageError: the export cannot be read; there is no such format, or it
    does not know an option that is given.

    - ``source``: a file, folder, glob or archive, local or ``s3://``.
    - ``format``: a name of :data:`FORMATS`; "auto" detects it.
    - ``export``: what the source was opened as already.
    """
    opened = _open(source, format, options or ReadOptions(), s3, export)
    check_options([opened.format], options or ReadOptions())
    return opened


def _open(
    source: str | os.PathLike[str],
    format: str,  # noqa: A002 (the command line's word)
    options: ReadOptions,
    s3: S3Settings | None,
    export: Export | None,
) -> OpenedExport:
    """Open an export, whatever options its format knows."""
    from gtmask.formats.locate import open_export  # noqa: PLC0415 (listing formats needs none of this)

    options = replace(options, s3=s3 or S3Settings())
    export = export or open_export(source, s3)
    found, readers = _read_detected(export, format, options, early=True)
    if found.format.name == "sagemaker" and found.names:
        from gtmask.formats.sagemaker import compare  # noqa: PLC0415

        compare(readers)
    alone = not found.names or (len(readers) == 1 and "/" not in found.names[0] and not found.findings)
    reader = readers[0]
    if not alone:
        from gtmask.formats.multi_document import ManyReader  # noqa: PLC0415 (few need it)

        reader = ManyReader(export, found.names, readers, found.findings)
    # Pixels of ready-made masks are of a value where they are of no class.
    if options.default_label is not None and found.format.name != "masks":
        from gtmask.formats.reading.default_label import DefaultLabelReader  # noqa: PLC0415 (few need it)

        reader = DefaultLabelReader(reader, options.default_label)
    return OpenedExport(export, found.format, found.names, reader)


def _read_detected(
    export: Export,
    format: str,  # noqa: A002 (the command line's word)
    options: ReadOptions,
    *,
    early: bool,
) -> tuple[Detection, list[Reader[Any]]]:
    """Detect an export's format and open its documents, or the export as a whole."""
    from gtmask.formats.detect import confirmed, detect  # noqa: PLC0415 (listing formats needs none of this)

    found = detect(export, format, options.memory_limit, early=early)
    if found.format.name == "sagemaker":
        unfinished = unfinished_manifests(export, found.names or tuple(export.names()), options)
        found = found._replace(findings=(*found.findings, *unfinished))
    if not found.names:
        half = list(unfinished_manifests(export, None, options)) if found.format.name == "masks" else []
        reader = found.format.read(export, options)
        reader.findings.extend(half)
        return found, [reader]
    try:
        readers = [found.format.read(export.select([name]), options) for name in found.names]
        if not found.early or confirmed(export, found, readers, options.memory_limit):
            return found, readers
    except ExportError:
        if not found.early:
            raise
    return _read_detected(export, format, options, early=False)


def check_options(entries: Sequence[Format], options: ReadOptions) -> list[tuple[str, list[int]]]:
    """Return which given options only some of these formats know, with the numbers of those formats.

    Raises UsageError where none of them knows an option: it would have no effect, and nobody would be told.
    The sentence has the formats that know the first such option.
    """
    asked = [
        (
            f"--{item.name.replace('_', '-')}",
            [row.name for row in FORMATS.values() if item.name in row.known_options],
        )
        for item in fields(options)
        if getattr(options, item.name) != item.default
    ]
    if options.asks_attributes:
        asked.append(
            ("--where attribute:NAME=VALUE", [row.name for row in FORMATS.values() if row.attributes])
        )
    partial = []
    for option, names in asked:
        knowing = [at for at, entry in enumerate(entries) if entry.name in names]
        if names and not knowing:
            these = "the format of this export" if len(entries) == 1 else "the formats of these exports"
            given = ", ".join(dict.fromkeys(entry.name for entry in entries))
            raise UsageError(
                f"{option} has no effect on {these}, {given}: leave it out; the formats that know it are "
                f"{', '.join(names)}."
            )
        if names and len(knowing) < len(entries):
            partial.append((option, knowing))
    return partial


def unfinished_manifests(
    export: Export, names: tuple[str, ...] | None, options: ReadOptions
) -> Iterator[Finding]:
    """Tell of manifests of ours whose runs are not finished; without names, of the run whose masks these are.

    Raises ManifestError where there is one, and they are not allowed.
    """
    from gtmask.manifest.unfinished import (  # noqa: PLC0415 (few need it)
        find_manifest,
        is_growing,
        manifest_of_run,
    )

    growing = None if names is not None else next((name for name in export.names() if is_growing(name)), None)
    # An archive is of one moment: a manifest in it has its name because its run was finished.
    root = getattr(export, "root", "").rstrip("/")
    manifests = [f"{root}/{name}" for name in names or ()] if root else []
    if names is None and root:
        # The output of a run, or its folder of masks.
        folders = {root, root.removesuffix("/masks"), *(f"{root}/{folder}" for folder in _outputs(export))}
        manifests = sorted(filter(None, (manifest_of_run(folder, options.s3) for folder in folders)))
    for manifest in manifests:
        _, unfinished = find_manifest(manifest, options.s3, partial=options.partial)
        if unfinished:
            growing = None
            yield Finding("manifest-partial", unfinished)
    if growing is not None:
        unfinished = f"{growing} is the manifest of a run of `gtmask convert` that is not finished"
        if not options.partial:
            raise ManifestError(
                f"{export.location}: {unfinished}: finish the run, or take what there is with --partial."
            )
        yield Finding("manifest-partial", unfinished)


def _outputs(export: Export) -> list[str]:
    """Return the first folders in which a run may have put its folder of masks."""
    found: dict[str, None] = {}
    for name in export.names():
        folder, within, _ = name.partition("/masks/")
        if within:
            found[folder] = None
        if len(found) == _MOST_OUTPUTS:
            break
    return list(found)


def read(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    format: str = "auto",  # noqa: A002 (the command line's word)
    *,
    options: ReadOptions | None = None,
    s3: S3Settings | None = None,
) -> Iterator[Record]:
    """Read an export: yield one record per image, in the export's order.

    The export is opened at the call, so that what is wrong with it as a whole is raised there.

    Parameters
    ----------
    source
        A file, folder, glob or archive, local or ``s3://``; or several, which are read one after the other.
    format
        A name of :data:`gtmask.formats.FORMATS`; "auto" detects it.
    options
        Which annotations count.
    s3
        How to reach S3.

    Returns
    -------
    Iterator[Record]
        Vertices are float64 image pixels, (0, 0) being the top-left corner of the top-left pixel; what is
        wrong with a record is among its ``findings``.

    Raises
    ------
    UnknownFormatError
        No known format, or several, look like this; the sentence says what was seen.
    ExportError, StorageError, UsageError
        The export cannot be read; there is no such format, or it does not know an option that is given.
        DamagedExportError also while records are read.

    Examples
    --------
    >>> import gtmask
    >>> sorted(record.image for record in gtmask.read("export.json"))[:2]
    ['0.jpg', '1.jpg']
    """
    reader = open_reader(source, format, options, s3)
    wanted = () if options is None else options.conditions
    records = (reader.record(unit) for unit in reader.units())
    return (record for record in records if holds(wanted, record)) if wanted else records
