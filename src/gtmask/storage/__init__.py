"""Local folders and S3 prefixes behind one small protocol: how a location becomes a storage.

A location is a path or an ``s3://bucket/prefix``; nothing in it is percent-decoded, so that blanks,
``#``, ``%``, ``+`` and non-ASCII letters stand for themselves.
"""

from __future__ import annotations

from gtmask.errors import UsageError
from gtmask.storage.base import Entry, S3Settings, Storage, check_key
from gtmask.storage.blocking import BlockingStorage
from gtmask.storage.local import LocalStorage

__all__ = [
    "BlockingStorage",
    "Entry",
    "LocalStorage",
    "S3Settings",
    "Storage",
    "blocking",
    "check_key",
    "is_s3",
    "open_storage",
    "split_location",
]


def is_s3(location: str) -> bool:
    """Say whether a location is an ``s3://`` URI."""
    return location[:5].lower() == "s3://"


def open_storage(location: str, settings: S3Settings | None = None) -> Storage:
    """Return the storage of a folder or an ``s3://`` prefix, not yet entered.

    Parameters
    ----------
    location
        A folder, which need not exist yet, or ``s3://bucket`` or ``s3://bucket/prefix``.
    settings
        How to reach S3; the defaults if None.

    Raises
    ------
    UsageError
        If the URI has no valid bucket name, the client is unknown, or its package is not installed.
    """
    if not is_s3(location):
        return LocalStorage(location)
    settings = settings or S3Settings()
    # The clients cost up to half a second to import: only who names S3 pays for one.
    if settings.client == "aioboto3":
        from gtmask.storage.s3 import S3Storage  # noqa: PLC0415 - as said

        return S3Storage(location, settings)
    if settings.client == "obstore":
        from gtmask.storage.obstore import ObstoreStorage  # noqa: PLC0415 - as said

        return ObstoreStorage(location, settings)
    msg = f"there is no S3 client {settings.client!r}: choose aioboto3 or obstore"
    raise UsageError(msg)


def split_location(location: str) -> tuple[str, str]:
    """Split the location of one file into the location of its folder or prefix, and its key there.

    Raises
    ------
    UsageError
        If the location names a bucket or ends in a slash, so that there is no file name.
    """
    folder, slash, name = location.rpartition("/")
    if not name or (is_s3(location) and folder.lower() in {"s3:/", "s3:"}):
        msg = f"{location} names no file: give the path or URI of one"
        raise UsageError(msg)
    return folder or slash or ".", name


def blocking(storage: Storage) -> BlockingStorage:
    """Return a facade for code that is not asynchronous; close it, or use it in a ``with`` statement."""
    return BlockingStorage(storage)
