"""Where the masks are that a manifest names: what it names is read, or a copy that can be of nothing else.

- With ``--masks`` they are below that folder or prefix, under an end of their path.
- Otherwise an ``s3://`` URI is read from S3, unless a mirror of it lies about the manifest: below its folder
  or one of two above, under the whole key or a name that Ground Truth itself gave.
- An absolute path is a local file, a relative one lies below the manifest's folder.

See :mod:`gtmask.manifest.references` for what a copy is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.errors import ExportError, NoCredentialsError, NotFoundError
from gtmask.manifest.references import SharedEnds, copies_of, mirrors_of, split
from gtmask.storage import is_s3, open_storage
from gtmask.storage.blocking import BlockingStorage
from gtmask.text import one_line

if TYPE_CHECKING:
    from gtmask.formats.export import Export
    from gtmask.storage.base import S3Settings

_ABOVE = ("", "../", "../../")
_FOLDERS = ("masks/", "labels/")


class MaskFiles:
    """Reads masks by what a manifest calls them. Picklable; storages are opened at the first use.

    - ``export``: the manifest's folder.
    - ``root``: folder or prefix with copies of the masks, or None.
    - ``shared``: the ends that several references of the manifest have.
    """

    def __init__(self, export: Export, root: str | None, s3: S3Settings | None, shared: SharedEnds) -> None:
        self.export, self.root, self.s3, self.shared = export, root, s3, shared
        self._storages: dict[str, BlockingStorage] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_storages": {}}

    def read(self, reference: str) -> bytes:
        """Return the bytes of a mask.

        Raises
        ------
        NotFoundError
            It is nowhere where it may be, or the reference cannot name anything.
        StorageError
            It cannot be read.
        """
        if self.root is not None:
            return self._copy(reference)
        own = split(reference)
        if own is None:
            return self._relative(reference)
        if is_s3(reference) and not self.export.is_remote:
            for name in self._mirrors(reference):
                if self.export.exists(name):
                    return self.export.read(name)
        try:
            return self._storage(own[0]).get(own[1])
        except NoCredentialsError as error:
            raise NotFoundError(f"{one_line(error)}, or give --masks with a folder of copies.") from error

    def _copy(self, reference: str) -> bytes:
        assert self.root is not None
        for key in copies_of(reference, self.shared):
            try:
                return self._storage(self.root).get(key)
            except NotFoundError:
                continue
        raise NotFoundError(f"{self.root} has no copy of it.")

    def _relative(self, reference: str) -> bytes:
        if "://" in reference or reference.startswith("/"):
            raise NotFoundError("It is neither an s3:// URI nor a path.")
        try:
            return self.export.read(reference)
        except ExportError as error:
            raise NotFoundError(str(error)) from error

    def _mirrors(self, reference: str) -> list[str]:
        keys = mirrors_of(reference, self.shared)
        places = [above + key for key in keys for above in _ABOVE]
        return places + [folder + key for key in keys if "/" not in key for folder in _FOLDERS]

    def _storage(self, root: str) -> BlockingStorage:
        if root not in self._storages:
            self._storages[root] = BlockingStorage(open_storage(root, self.s3))
        return self._storages[root]
