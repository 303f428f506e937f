"""By its location an export is opened: which class reads it, and what of it belongs to the export."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gtmask.errors import ExportError, NotFoundError
from gtmask.formats.export import ARCHIVES, Export, LocalExport
from gtmask.formats.remote_export import StorageExport
from gtmask.storage.base import S3Settings
from gtmask.storage.names import split_bucket

_MAGIC = re.compile(r"[*?\[]")
#: Ends of keys that name a file; in S3 any other key is taken for a folder.
FILE_SUFFIX = re.compile(
    r"\.(json|geojson|jsonl|ndjson|manifest|xml|txt|csv|ya?ml|zip|tar|tar\.gz|tgz|gz)$", re.IGNORECASE
)


def open_export(source: str | os.PathLike[str], s3: S3Settings | None = None) -> Export:
    """Open an export by its location.

    Raises NotFoundError where there is nothing at this location. Raises ExportError: the location cannot be
    one.

    - ``source``: a file, a folder, a glob (``*``, ``?``, ``[...]``, ``**``), a ``.zip``, ``.tar``,
      ``.tar.gz`` or ``.tgz``; local, or the same below ``s3://bucket/``.
    """
    location = os.fspath(source)
    if not location:
        raise ExportError("The location of the export is empty: name a file, a folder or an s3:// prefix.")
    if location[:5].lower() == "s3://":
        return _open_remote("s3://" + location[5:], s3 or S3Settings())
    try:
        path = Path(location).expanduser()
    except RuntimeError as error:
        raise NotFoundError(
            f"There is no export at {location}: there is no such user's home folder."
        ) from error
    if path.is_file():
        return _open_file(LocalExport(location, path.parent, names=(path.name,)), path.name)
    if path.is_dir():
        return LocalExport(location, path)
    if _MAGIC.search(location):
        root, pattern = _split_glob(path.as_posix())
        if Path(root).is_dir():
            return LocalExport(location, Path(root), pattern=pattern)
    if path.exists():
        raise ExportError(f"{location} is neither a file nor a folder: name one.")
    raise NotFoundError(f"There is no export at {location}: check the path.")


def _open_remote(location: str, s3: S3Settings) -> Export:
    bucket, key = split_bucket(location)
    if not bucket:
        raise ExportError(f"{location} names no bucket: write s3://bucket/prefix.")
    if _MAGIC.search(key):
        root, pattern = _split_glob(key)
        return StorageExport(location, f"s3://{bucket}/{root.strip('./')}", s3, pattern=pattern)
    folder, _, name = key.rpartition("/")
    if name and FILE_SUFFIX.search(name):
        export = StorageExport(location, f"s3://{bucket}/{folder}", s3, names=(name,))
        if export.exists(name):
            return _open_file(export, name)
    return StorageExport(location, f"s3://{bucket}/{key}".rstrip("/"), s3)


def _open_file(export: Export, name: str) -> Export:
    """Return an export of one file; of an archive that of what is in it."""
    if not name.lower().endswith(ARCHIVES):
        return export
    from gtmask.formats.archive import ArchiveExport  # noqa: PLC0415 (only exports in archives need it)

    return ArchiveExport(export.location, export, name)


def _split_glob(location: str) -> tuple[str, str]:
    """Split a glob into the folder before its first wildcard and the pattern below that folder."""
    parts = location.split("/")
    first = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
    return ("/".join(parts[:first]) or ("/" if location.startswith("/") else ".")), "/".join(parts[first:])
