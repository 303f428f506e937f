r"""What an image is called in an export, brought to one form: a relative path with forward slashes.

Tools write image references as Windows paths, URLs of their own servers, bucket URIs, presigned links and
plain names. Which is which is told by the form alone, so that the same reference always gives the same
path; docs/images.md lists the forms. Whether percent signs are an encoding depends on it: they are in
URLs, they are literal in plain paths and bucket URIs.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import parse_qs, unquote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_DRIVE = re.compile(r"[A-Za-z]:(?=[/\\])")
#: Label Studio: files that it serves from the annotator's disk, and cloud files that it signs.
_LOCAL_FILES = re.compile(r"(?:^|/)data/local-files/?\?(.*)", re.DOTALL)
_SIGNED = re.compile(r"(?:^|/)(?:presign|resolve)/?\?(.*)", re.DOTALL)
#: Label Studio: files uploaded to it; the path is a URL.
_UPLOAD = re.compile(r"(?:^|/)data/upload/")

#: Nearly every reference: a relative path in which nothing has a second meaning, short enough as it is.
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]*(?:/[A-Za-z0-9_-][A-Za-z0-9_. -]*)*")

_LONGEST_KEY = 1024  # bytes, S3 User Guide, "Naming Amazon S3 objects"
_LONGEST_NAME = 255  # bytes, NAME_MAX of Linux's file systems


def normalize(reference: str) -> str | None:
    """Bring an image reference to a relative path.

    Returns path with forward slashes, without ``.``, ``..`` and empty parts, whose first part is the bucket
    where the reference is a bucket's URI; None if nothing is left that could be a key: an empty reference,
    image data in a ``data:`` URL, NUL or half characters, or a name that is too long.

    - ``reference``: the image as the export names it.
    """
    if len(reference) <= _LONGEST_NAME and _PLAIN.fullmatch(reference):
        return reference
    path = _path_of(reference, depth=3)
    if path is None:
        return None
    parts: list[str] = []
    for part in path.replace("\\", "/").split("/"):
        if part == "..":
            # Exports are moved away from where a path led; what is above the root has no meaning here.
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    path = "/".join(parts)
    return path if is_possible(path) else None


def is_possible(path: str) -> bool:
    """Say whether a path could be the key of an object and the name of a file."""
    try:
        data = path.encode()
    except UnicodeEncodeError:  # lone surrogates, which JSON can spell
        return False
    return (
        0 < len(data) <= _LONGEST_KEY
        and b"\0" not in data
        and max(map(len, data.split(b"/"))) <= _LONGEST_NAME
    )


def _path_of(reference: str, depth: int) -> str | None:
    """Return the path inside a reference, not yet cleaned; references may hold others up to ``depth``."""
    if not depth or reference[:5].lower() == "data:":
        return None
    scheme = _SCHEME.match(reference)
    kind = scheme[1].lower() if scheme else ""
    if kind in {"", "http", "https"}:
        if (held := _held_reference(reference)) is not None:
            return _path_of(held, depth - 1)
        if kind:
            return _url_path(reference[len(kind) + 3 :])
        if _UPLOAD.search(reference):
            return unquote(_without_query(reference))
        return _DRIVE.sub("", reference, count=1) if _DRIVE.match(reference) else reference
    if kind == "file":
        path = _url_path(reference[7:])
        return path if path is None else re.sub(r"^/?[A-Za-z]:(?=[/\\])", "", path)
    return reference[len(kind) + 3 :]


def _held_reference(reference: str) -> str | None:
    """Return the reference that a Label Studio URL carries in its query, or None if it is none."""
    if found := _LOCAL_FILES.search(reference):
        return next(iter(parse_qs(found[1]).get("d", ())), "")
    if found := _SIGNED.search(reference):
        coded = next(iter(parse_qs(found[1]).get("fileuri", ())), None)
        if coded is not None:
            return _decoded(coded)
    return None


def _decoded(coded: str) -> str:
    """Decode URL-safe base64 with or without its padding; what is none stands for itself."""
    try:
        return base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return coded


def _url_path(rest: str) -> str | None:
    """Return the decoded path of what follows ``scheme://``: host, query and fragment are dropped."""
    _, slash, path = rest.partition("/")
    return unquote(_without_query(path)) if slash else None


def _without_query(path: str) -> str:
    return re.split(r"[?#]", path, maxsplit=1)[0]
