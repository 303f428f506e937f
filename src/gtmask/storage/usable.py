"""What a command refuses before it works: impossible outputs, outputs that it reads, inputs that are nowhere.

Each function names the option that gave the location, and looks at local paths only: what is in S3 is found
out by reading or writing there.
"""

from __future__ import annotations

import re
from pathlib import Path

from gtmask.errors import NotFoundError, UsageError
from gtmask.storage import check_location, is_s3, split_location

#: What the references of a manifest can begin with.
_URI_PREFIX = re.compile(r"s3://[^/]|/|[A-Za-z]:[/\\]")


def check_folder(location: str, option: str = "--out") -> None:
    """Refuse as an output folder what is empty, a URI of another kind, or a file.

    Raises UsageError with the option.
    """
    check_location(location, option)
    path = Path(location)
    if not is_s3(location) and path.exists() and not path.is_dir():
        raise UsageError(f"{option} {location} is a file: name a folder or an s3:// prefix.")


def check_file(path: str, option: str, reads: str, what: str = "the manifest") -> None:
    """Refuse as a file to write what is empty, a URI of another kind, a folder, or what is read.

    Raises UsageError with the option.
    """
    if not path.strip():
        raise UsageError(f"{option} is empty: name a file.")
    check_location(path, option)
    split_location(path)
    if not is_s3(path) and Path(path).is_dir():
        raise UsageError(f"{option} {path} cannot be written: it is a folder.")
    check_overwrite(path, option, path, reads, what)


def check_overwrite(given: str, option: str, written: str, reads: str, what: str = "the manifest") -> None:
    """Refuse an output of which a file, ``written``, would take the place of ``what`` is read.

    Raises UsageError with the option.
    """
    if _same(written, reads):
        raise UsageError(f"{option} {given} would overwrite {what} {reads}: choose another.")


def check_copies(prefix: str | None, option: str) -> None:
    """Refuse a prefix with copies of images or masks that is empty or no folder.

    Raises UsageError or NotFoundError with the option.
    """
    if prefix is None:
        return
    check_location(prefix, option)
    if not is_s3(prefix) and not Path(prefix).is_dir():
        raise NotFoundError(f"{option} {prefix} is no folder: check the path.")


def check_uri_prefix(uri: str | None, option: str) -> None:
    """Refuse what references in a manifest cannot begin with; raises UsageError with the option."""
    if uri is not None and not _URI_PREFIX.match(uri):
        raise UsageError(f"{option} {uri!r} must be an s3://bucket/prefix or an absolute path.")


def _same(one: str, other: str) -> bool:
    if is_s3(one) or is_s3(other):
        return one.rstrip("/") == other.rstrip("/")
    try:
        return Path(one).samefile(other)
    except OSError:
        return False
