"""What is asked of S3, where somebody counts: requests by verb, bytes, refusals, and how long answers take.

Nobody counts unless :func:`count` was called in the process; until then a request costs one comparison more.
"""

from __future__ import annotations

from collections import defaultdict

#: Requests by "read", "write", "list" and "delete", each attempt counts; "throttled" of them; "seconds" of
#: all together; "bytes_read" and "bytes_written". None while nobody counts.
counts: defaultdict[str, float] | None = None


def count() -> None:
    """Count from now on, in all threads of this process."""
    global counts  # noqa: PLW0603 - of the whole process
    if counts is None:
        counts = defaultdict(float)


def take() -> dict[str, float]:
    """Return what was counted since this was called last; nothing where nobody counts."""
    return {} if counts is None else {name: counts.pop(name) for name in list(counts)}


def stop() -> dict[str, float]:
    """Return what was counted since :func:`take` was called last, and count no more."""
    global counts  # noqa: PLW0603 - of the whole process
    taken = take()
    counts = None
    return taken
