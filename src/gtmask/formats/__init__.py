"""One file per labeling tool: exports become records.

``read`` gives the records of an export, ``open_reader`` the reader that a run spreads over processes,
``FORMATS`` what can be read.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.errors import ManifestError, UsageError
from gtmask.findings import Finding
from gtmask.formats.base import BringsClasses, Reader, ReadOptions, Sample
from gtmask.formats.conditions import holds
from gtmask.formats.format import Format
from gtmask.formats.registry import FORMATS
from gtmask.storage.base import S3Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from gtmask.formats.export import Export
    from gtmask.model import Record

__all__ = [
    "FORMATS",
    "Format",
    "OpenedExport",
    "ReadOptions",
    "Reader",
    "Sample",
    "open_reader",
    "open_source",
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


def open_reader(
    source: str | os.PathLike[str],
    format: str = "auto",  # noqa: A002 (the command line's word)
    options: ReadOptions | None = None,
    s3: S3Settings | None = None,
    export: Export | None = None,
) -> Reader[Any]:
    """Open an export and return its reader; parameters and errors as of :func:`open_source`."""
    return open_source(source, format, options, s3, export).reader


def open_source(
    source: str | os.PathLike[str],
    format: str = "auto",  # noqa: A002 (the command line's word)
    options: ReadOptions | None = None,
    s3: S3Settings | None = None,
    export: Export | None = None,
) -> OpenedExport:
    """Open an export.

    Parameters
    ----------
    source
        A file, folder, glob or archive, local or ``s3://``.
    format
        A name of :data:`FORMATS`; "auto" detects it.
    options
        Which annotations count.
    s3
        How to reach S3.
    export
        What the source was opened as already.

    Raises
    ------
    UnknownFormatError
        No known format, or several, look like this; the sentence says what was seen.
    ExportError, StorageError, UsageError
        The export cannot be read; there is no such format, or it does not know an option that is given.
    """
    from gtmask.formats.detect import detect  # noqa: PLC0415 (listing formats needs none of this)
    from gtmask.formats.locate import open_export  # noqa: PLC0415
    from gtmask.formats.multi_document import ManyReader  # noqa: PLC0415
    from gtmask.formats.reading.default_label import DefaultLabelReader  # noqa: PLC0415

    options = replace(options or ReadOptions(), s3=s3 or S3Settings())
    export = export or open_export(source, s3)
    found = detect(export, format, options.memory_limit)
    check_options(found.format, options)
    if found.format.name == "sagemaker":
        unfinished = unfinished_manifests(export, found.names or tuple(export.names()), options)
        found = replace(found, findings=(*found.findings, *unfinished))
    if not found.names:
        half = list(unfinished_manifests(export, None, options)) if found.format.name == "masks" else []
        reader = found.format.read(export, options)
        reader.findings.extend(half)
    else:
        readers = [found.format.read(export.select([name]), options) for name in found.names]
        if found.format.name == "sagemaker":
            from gtmask.formats.sagemaker import compare  # noqa: PLC0415

            compare(readers)
        alone = len(readers) == 1 and "/" not in found.names[0] and not found.findings
        reader = readers[0] if alone else ManyReader(export, found.names, readers, found.findings)
    if options.default_label is not None and not isinstance(reader, BringsClasses):
        reader = DefaultLabelReader(reader, options.default_label)
    return OpenedExport(export, found.format, found.names, reader)


def check_options(entry: Format, options: ReadOptions) -> None:
    """Refuse options that a format does not know: they would have no effect, and nobody would be told.

    Raises
    ------
    UsageError
        With the formats that know the first such option.
    """
    for item in fields(options):
        knowing = [row.name for row in FORMATS.values() if item.name in row.known_options]
        if knowing and entry.name not in knowing and getattr(options, item.name) != item.default:
            raise UsageError(
                f"--{item.name.replace('_', '-')} has no effect on the format of this export, {entry.name}: "
                f"leave it out; the formats that know it are {', '.join(knowing)}."
            )
    if options.asks_attributes and not entry.attributes:
        knowing = [row.name for row in FORMATS.values() if row.attributes]
        raise UsageError(
            f"--where attribute:NAME=VALUE has no effect on the format of this export, {entry.name}, whose "
            f"shapes have no attributes; the formats that have some are {', '.join(knowing)}."
        )


def unfinished_manifests(
    export: Export, names: tuple[str, ...] | None, options: ReadOptions
) -> Iterator[Finding]:
    """Tell of manifests of ours whose runs are not finished; without names, of the run whose masks these are.

    Raises
    ------
    ManifestError
        There is one, and they are not allowed.
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
    source: str | os.PathLike[str],
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
        A file, folder, glob or archive, local or ``s3://``.
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
