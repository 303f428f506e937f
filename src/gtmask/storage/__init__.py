"""Local folders and S3 prefixes behind one small protocol: how a location becomes a storage.

A location is a path or an ``s3://bucket/prefix``; nothing in it is percent-decoded, so that blanks,
``#``, ``%``, ``+`` and non-ASCII letters stand for themselves.
"""

from __future__ import annotations

import re

from gtmask.errors import UsageError
from gtmask.storage.base import Entry, S3Settings, Storage, check_key
from gtmask.storage.s3_wishes import choose_client

__all__ = [
    "Entry",
    "S3Settings",
    "Storage",
    "check_key",
    "check_location",
    "is_s3",
    "open_storage",
    "split_location",
]


def is_s3(location: str) -> bool:
    """Say whether a location is an ``s3://`` URI."""
    return location[:5].lower() == "s3://"


#: Of two characters or more, for ``C:/`` is a drive; one slash is enough: pathlib leaves one of ``s3://``.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def check_location(location: str, title: str = "The location") -> None:
    """Refuse a location that cannot be meant: ``title`` begins the sentence.

    A script's unset variable gives an empty one, which as a path would be the current folder; and a URI of
    another kind would become a local folder named ``gs:``. Raises UsageError if the location is empty, or a
    URI other than ``s3://``.
    """
    if not location.strip():
        raise UsageError(f"{title} is empty: name a folder or an s3:// prefix.")
    if _SCHEME.match(location) and not is_s3(location):
        raise UsageError(
            f"{title} {location} is neither a local path nor an s3:// URI: write the path of a folder, or "
            "s3://bucket/prefix."
        )


def open_storage(location: str, settings: S3Settings | None = None) -> Storage:
    """Return the storage of a folder or an ``s3://`` prefix, not yet entered.

    Raises UsageError if the location is empty or a URI other than ``s3://``, the URI has no valid bucket
    name, or the client's package is not installed or cannot send what the settings ask for.

    - ``location``: a folder, which need not exist yet, or ``s3://bucket`` or ``s3://bucket/prefix``.
    - ``settings``: how to reach S3; the defaults if None.
    """
    check_location(location)
    if not is_s3(location):
        from gtmask.storage.local import LocalStorage  # noqa: PLC0415 - settings alone need no event loop

        return LocalStorage(location)
    settings = settings or S3Settings()
    # The clients cost up to half a second to import: only who names S3 pays for one.
    if choose_client(location, settings) == "aioboto3":
        from gtmask.storage.s3 import S3Storage  # noqa: PLC0415 - as said

        return S3Storage(location, settings)
    from gtmask.storage.obstore import ObstoreStorage  # noqa: PLC0415 - as said

    return ObstoreStorage(location, settings)


def split_location(location: str) -> tuple[str, str]:
    """Split the location of one file into the location of its folder or prefix, and its key there.

    Raises UsageError if the location names a bucket or ends in a slash, so that there is no file name.
    """
    folder, slash, name = location.rpartition("/")
    if not name or (is_s3(location) and folder.lower() in {"s3:/", "s3:"}):
        raise UsageError(f"{location} names no file: give the path or URI of one.")
    return folder or slash or ".", name
