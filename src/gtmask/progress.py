"""Who hears how long work gets on: the command line's reporter, a caller's own object, or nobody.

Besides the stages, which whoever starts the work hands on, there are things that happen deep inside it, and
which the whole process may hear: notices, such as that kernels are being compiled, and requests that had to
be sent again.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

#: Items after which it is told how many were taken.
_TOLD = 128

_listeners: list[Callable[[str], None]] = []
_counting = threading.Lock()
_retries = 0


class Progress(Protocol):
    """Hears how long work gets on, in stages that follow each other; called by one thread at a time.

    Any object with these two methods will do.
    """

    def stage(self, name: str, total: int | None) -> None:
        """Tell that a stage begins.

        Parameters
        ----------
        name
            "survey", "convert", "assemble", "validate", ...
        total
            How many records, or lines of a manifest, it has; an estimate where only reading all of them
            would tell, and None where nothing is known.
        """
        ...

    def advance(self, records: int, rejects: int = 0) -> None:
        """Tell that so many more records of this stage are done, and how many of these were rejected."""
        ...


class Silent:
    """Hears and says nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """Ignore the stage."""

    def advance(self, records: int, rejects: int = 0) -> None:
        """Ignore the advance."""


def advancing(items: Iterable[T], progress: Progress) -> Iterator[T]:
    """Yield items, and tell the present stage now and then how many were taken."""
    count = 0
    for count, item in enumerate(items, 1):
        yield item
        if count % _TOLD == 0:
            progress.advance(_TOLD)
    if count % _TOLD:
        progress.advance(count % _TOLD)


def notice(text: str) -> None:
    """Tell whoever listens something that happens now and takes its time."""
    for listener in _listeners:
        listener(text)


@contextlib.contextmanager
def hearing_notices(listener: Callable[[str], None]) -> Iterator[None]:
    """Have a function called with every notice of this process, such as that kernels are being compiled.

    Parameters
    ----------
    listener
        Is called with one sentence or clause, by whatever thread gives notice.

    Yields
    ------
    None
        While it is called.

    Examples
    --------
    >>> import gtmask
    >>> with gtmask.hearing_notices(print):
    ...     _ = gtmask.warmup()
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def count_retries(count: int = 1) -> None:
    """Note that so many requests had to be sent again."""
    global _retries  # noqa: PLW0603 - of the whole process
    with _counting:
        _retries += count


def retries() -> int:
    """Return how many requests were sent again so far, by this process and for tasks that it gave away.

    Examples
    --------
    >>> import gtmask
    >>> gtmask.retries() >= 0
    True
    """
    return _retries


def counted(function: Callable[..., T], *arguments: Any) -> tuple[T, int]:
    """Call a function and return with its result how many retries are to be noted where that arrives.

    For tasks of worker processes: what they have counted is taken away there, and counted again here.
    """
    result = function(*arguments)
    taken = retries()
    count_retries(-taken)
    return result, taken
