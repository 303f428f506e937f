"""How a run opens its exports, and whether they are still what it was planned for: asked for every chunk.

Objects in S3 tell by their ETags, which every read asks for (:mod:`gtmask.formats.versions`).

Local files tell when they were last changed, by their own file system's clock: none that a chunk was made
from may have changed since the export was first looked at, nor have another size, for a file that is cut
loses its bytes before its time changes (of many files, another one than it was read with). A later time alone
proves nothing (permissions, copies of the same bytes); the fingerprint of an export of few files, which is of
all bytes, is then taken again.
"""

from __future__ import annotations

import os
from copy import copy
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.errors import GtmaskError
from gtmask.formats import open_sources
from gtmask.formats.base import Reader, ReadOptions
from gtmask.formats.export import Export, LocalExport
from gtmask.formats.locate import open_export
from gtmask.formats.remote_export import StorageExport
from gtmask.formats.versions import MOST_KEPT
from gtmask.run.listed_versions import JoinedVersions, ListedVersions
from gtmask.run.places import RunRequest, default_images, real
from gtmask.run.plan import FILES_READ_WHOLE, fingerprint
from gtmask.storage import is_s3
from gtmask.workers import thread_pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtmask.storage.base import S3Settings


@dataclass(slots=True)
class Watches:
    """Watches the exports of a run: one for each."""

    parts: tuple[Watch, ...]

    @classmethod
    def begin(cls, sources: Sequence[str], s3: S3Settings, exports: Sequence[Export]) -> Watches:
        """Look at exports before anything of them is read."""
        pairs = zip(sources, exports, strict=True)
        parts = tuple(Watch.begin(source, s3, export) for source, export in pairs)
        # A file below the folders of two exports may be of both: none is newer than the newest of them.
        latest = [max(two.latest for two in parts if one.meets(two)) for one in parts]
        for part, moment in zip(parts, latest, strict=True):
            part.latest = moment
        return cls(parts)

    @property
    def listed(self) -> ListedVersions | JoinedVersions | None:
        """The ETags of exports of many objects; None where there are none."""
        found = [part.listed for part in self.parts]
        if len(found) == 1:
            return found[0]
        return JoinedVersions(found) if any(found) else None

    def know(self, digests: Sequence[str]) -> None:
        """Take the fingerprints of the exports."""
        for part, digest in zip(self.parts, digests, strict=True):
            part.digest = digest

    def for_workers(self) -> Watches:
        """Return what a worker needs."""
        return Watches(tuple(replace(part, listed=None) for part in self.parts))

    def check(self, touched: Mapping[str, int]) -> bool:
        """Look at the files of all exports again: see :meth:`Watch.check`."""
        good = [
            part.check({path: size for path, size in touched.items() if path.startswith(part.root)})
            for part in self.parts
        ]
        return all(good)

    def check_all(self) -> None:
        """Look at all of the exports again: see :meth:`Watch.check_all`."""
        for part in self.parts:
            part.check_all()


@dataclass(slots=True)
class Watch:
    """Watches one export for one start of a run, in each of its workers.

    ``files`` are the paths of an export of few files and what each of them is (:func:`look`): all of them are
    looked at. Of one of many files those that were read since the last look are, and ``latest`` is the last
    change of any file when the run began, in nanoseconds.
    """

    source: str
    s3: S3Settings
    files: tuple[tuple[str, tuple[int, int]], ...] = ()
    latest: int = 0
    digest: str = ""
    #: Of an export of many objects, for who leads the run only.
    listed: ListedVersions | None = None
    #: Of a local export, the folder that its files are in.
    root: str = ""

    @classmethod
    def begin(cls, source: str, s3: S3Settings, export: Export) -> Watch:
        """Look at an export before anything of it is read."""
        watch = cls(source, s3)
        if isinstance(export, StorageExport):
            first = list(islice(export.entries(), MOST_KEPT + 1))
            if len(first) > MOST_KEPT:
                watch.listed = ListedVersions(export.entries(), f"{export.root}/")
            else:
                for entry in first:
                    export.keep(entry.key, entry.etag)
        elif not is_s3(source):
            watch.root = export.root.rstrip("/") + "/" if isinstance(export, LocalExport) else ""
            few: list[tuple[str, tuple[int, int]]] = []
            for path in _paths(export, source):
                found = look(path)
                watch.latest = max(watch.latest, found[0])
                if len(few) <= FILES_READ_WHOLE:
                    few.append((path, found))
            watch.files = tuple(few) if len(few) <= FILES_READ_WHOLE else ()
        return watch

    def meets(self, other: Watch) -> bool:
        """Say whether the folder of one of two exports is, or is in, that of the other."""
        return self is other or bool(
            self.root and other.root
            and (self.root.startswith(other.root) or other.root.startswith(self.root))
        )  # fmt: skip

    def check(self, touched: Mapping[str, int]) -> bool:
        """Look at the files again, after ``touched`` ones of them were read; say whether that may count.

        ``touched`` has the size that each of them had when it was read, -1 where that is not known.

        False where the files are what they were, but were written or given other permissions meanwhile: what
        was read since the last look may have been other bytes, and is to be read again. Raises GtmaskError:
        the export is not what it was.
        """
        if not self.latest:
            return True
        if not self.files:
            looks = {path: look(path) for path in touched}
            if any(looks[path][0] > self.latest or size not in {-1, looks[path][1]}
                   for path, size in touched.items()):  # fmt: skip
                # Its fingerprint is of names, sizes and times, and times can be set back.
                raise self._changed()
            return True
        # Any other time, also an earlier one: clocks are set back.
        files = tuple((path, look(path)) for path, _ in self.files)
        if files == self.files:
            return True
        self._compare()
        self.files = files
        return False

    def check_all(self) -> None:
        """Look at the whole export again: what was read of it in other processes is to count.

        Raises GtmaskError: the export is not what it was.
        """
        if self.files:
            self.check({})
        else:
            self._compare()

    def _compare(self) -> None:
        if fingerprint(open_export(self.source, self.s3)) != self.digest:
            raise self._changed()

    def _changed(self) -> GtmaskError:
        return GtmaskError(
            f"{self.source} was changed while it was converted: nothing that was made from it since is "
            "kept. Bring it back to what it was and run again to go on, or take it as it is now with "
            "--update."
        )


def look(path: str) -> tuple[int, int]:
    """Return when a file was last changed, its permissions included, and its size; far away where it is gone.

    That is the time that nobody can set: copies keep their originals' times of modification.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - for every file of every chunk
    except OSError:
        return 1 << 62, 0
    return status.st_ctime_ns, status.st_size


def _paths(export: Export, source: str) -> Iterator[str]:
    """Yield the paths of an export's files; an archive is one file, whatever is in it."""
    for name in export.names():
        path = export.path(name)
        if path is None:
            yield source
            return
        yield str(path)


class Opened(NamedTuple):
    """The exports of a run."""

    reader: Reader[Any]
    watch: Watches
    digests: list[str]


def open_exports(request: RunRequest) -> Opened:
    """Open the exports of a run, having looked at them before anything of them is read."""
    s3 = request.execution.s3
    exports = [open_export(source, s3) for source in request.sources]
    watch = Watches.begin(request.sources, s3, exports)
    with thread_pool(1, "gtmask-fingerprint") as beside:
        # Beside the structural scan, which lets other threads run: both read every byte.
        marks = [beside.submit(fingerprint, copy(export)) for export in exports]
        reader = open_run_reader(request, exports)
    digests = [mark.result() for mark in marks]
    watch.know(digests)
    return Opened(reader, watch, digests)


def open_run_reader(request: RunRequest, exports: Sequence[Export]) -> Reader[Any]:
    """Open exports as the settings of a run say."""
    chosen, given = request.settings, request.images_option
    options = [
        ReadOptions(
            **chosen.chosen(),
            images=None if given is None or real(given) == real(default_images(source)) else given,
            memory_limit=request.execution.memory_limit,
        )
        for source in request.sources
    ]
    return open_sources(request.sources, chosen.format, options, request.execution.s3, exports).reader
