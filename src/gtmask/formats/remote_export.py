"""Exports below an ``s3://`` prefix: of what they were when they were first looked at, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.errors import ChangedError, ExportError, NotFoundError
from gtmask.formats.export import Rooted, checked_name, glob_pattern, is_own
from gtmask.formats.versions import MOST_KEPT, expected
from gtmask.storage.names import split_bucket

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from gtmask.storage.base import Entry, S3Settings


class StorageExport(Rooted):
    """Files below an ``s3://`` prefix (or any root that :mod:`gtmask.storage` opens).

    ``versions`` are the ETags that objects had when they were first looked at, by name: whoever reads one
    that has another by now gets a ``ChangedError``.
    """

    is_remote = True

    def __init__(
        self,
        location: str,
        root: str,
        s3: S3Settings,
        *,
        names: tuple[str, ...] | None = None,
        pattern: str | None = None,
    ) -> None:
        super().__init__(location, names, pattern)
        self.root = root
        self.s3 = s3
        self.versions: dict[str, str] = {}
        self._storage: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_storage": None}

    def select(self, names: Iterable[str] | None) -> StorageExport:
        """Return the same export with only these files; None means every file below its root."""
        picked = None if names is None else tuple(names)
        selected = StorageExport(self.location, self.root, self.s3, names=picked)
        selected.versions = self.versions
        return selected

    def path(self, name: str) -> Path | None:  # noqa: ARG002 (the protocol's signature)
        """Return None: the files are not local."""
        return None

    def size(self, name: str) -> int:
        """Return a file's size in bytes."""
        storage, key = self._at(name)
        try:
            entry: Entry = storage.look(key)
        except NotFoundError as error:
            raise self._missing(name, error) from error
        self.keep(name, entry.etag)
        return entry.size

    def keep(self, name: str, etag: str) -> None:
        """Keep an object's ETag, if it is the first one.

        Raises ChangedError: the object had another one before.
        """
        known = self._known(name)
        if known and etag != known:
            raise self._changed(name)
        if not known and len(self.versions) < MOST_KEPT:
            self.versions[checked_name(name)] = etag

    def _known(self, name: str) -> str:
        name = checked_name(name)
        return self.versions.get(name) or expected(f"{self.root}/{name}")

    def _changed(self, name: str) -> ChangedError:
        return ChangedError(
            f"{self.root}/{name} was changed while it was read: nothing that was made from it since is kept. "
            "Bring it back to what it was and run again to go on, or take it as it is now with --update."
        )

    def _missing(self, name: str, error: NotFoundError) -> ChangedError | NotFoundError:
        """Return the error of an object that is not there, which may be one that was there."""
        return self._changed(name) if self._known(name) else error

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        try:
            self.size(name)
        except (NotFoundError, ExportError):
            return False
        return True

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes [start, stop)."""
        storage, key = self._at(name)
        try:
            return bytes(storage.get(key, start, stop, self._known(name)))
        except NotFoundError as error:
            raise self._missing(name, error) from error
        except ChangedError as error:
            raise self._changed(name) from error

    def close(self) -> None:
        """Close the connections; the export can be used again."""
        if self._storage is not None:
            self._storage.close()
            self._storage = None

    def _at(self, name: str) -> tuple[Any, str]:
        """Return the storage and the key of a file; the storage is rooted at the bucket."""
        base = split_bucket(self.root)[1]
        parts = base.split("/") if base else []
        wanted = checked_name(name).split("/")
        while wanted[0] == "..":
            if not parts:
                raise NotFoundError(f"There is no {name} above {self.root}.")
            parts, wanted = parts[:-1], wanted[1:]
        return self._connected(), "/".join([*parts, *wanted])

    def _connected(self) -> Any:
        if self._storage is None:
            from gtmask.storage import open_storage  # noqa: PLC0415 (boto loads only for S3)
            from gtmask.storage.blocking import BlockingStorage  # noqa: PLC0415

            bucket = split_bucket(self.root)[0]
            self._storage = BlockingStorage(open_storage(f"s3://{bucket}", self.s3))
        return self._storage

    def _walk(self) -> Iterator[str]:
        return (entry.key for entry in self._listed())

    def entries(self) -> Iterator[Entry]:
        """Yield the entries of :meth:`names`, in one listing unless they were picked."""
        if self.picked is not None:
            for name in self.picked:
                storage, key = self._at(name)
                yield storage.look(key)._replace(key=name)
            return
        fits = glob_pattern(self.pattern).match if self.pattern else None
        for entry in self._listed():
            if fits is None or fits(entry.key):
                yield entry

    def _listed(self) -> Iterator[Entry]:
        """Yield the entries of all files below the root, their keys as names."""
        base = split_bucket(self.root)[1]
        prefix = f"{base}/" if base else ""
        for entry in self._connected().list(prefix):
            name = entry.key[len(prefix) :]
            if name and not name.endswith("/") and is_own(name):
                yield entry._replace(key=name)
