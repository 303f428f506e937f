"""As what the objects of an export in S3 were first seen: the ETags that every later read asks for.

An export keeps those of few objects by name; a chunk of one of many objects brings along those that its units
name (:mod:`gtmask.run.listed_versions`).
"""

from __future__ import annotations

import threading

#: Names whose ETags an export keeps; it travels to the workers with every chunk.
MOST_KEPT = 4096

_chunk = threading.local()


def expect(versions: dict[str, str]) -> None:
    """Say which ETags this thread's next reads ask for, by the URIs of objects."""
    _chunk.versions = versions


def expected(uri: str) -> str:
    """Return the ETag that this thread is to ask for; "" where none is known."""
    versions: dict[str, str] = getattr(_chunk, "versions", {})
    return versions.get(uri, "")
