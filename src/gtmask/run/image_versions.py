"""Which version of an image there is, for many images: files are asked one by one, S3 is listed once.

The version of a file is its size and when it was changed last, that of an object its ETag: what
:meth:`gtmask.storage.base.Storage.get_versioned` returns with an image's first bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.errors import NotFoundError
from gtmask.run.listed_versions import ListedVersions
from gtmask.storage import is_s3, open_storage
from gtmask.storage.blocking import BlockingStorage
from gtmask.storage.local import version_of_file

if TYPE_CHECKING:
    from gtmask.images.prepared import PreparedImages
    from gtmask.storage.base import S3Settings


class ImageVersions:
    """Tells the versions of images below a folder or prefix, in 50 bytes for each object of a listing.

    Those of prepared images are those of their lines in the table.
    """

    def __init__(self, images: str, s3: S3Settings, table: PreparedImages | None = None) -> None:
        self._images = images
        self._table = table
        self._s3 = s3
        self._listed: ListedVersions | None = None

    def find(self, key: str) -> str | None:
        """Return an image's version, or None where there is no image of this key.

        Raises StorageError where it cannot be told.
        """
        if self._table is not None:
            return self._table.version(key)
        if is_s3(self._images):
            return self._objects().of_unit(key).get(key)
        try:
            return version_of_file(f"{self._images}/{key}")
        except NotFoundError:
            return None

    def _objects(self) -> ListedVersions:
        if self._listed is None:
            with BlockingStorage(open_storage(self._images, self._s3)) as images:
                self._listed = ListedVersions(images.list())
        return self._listed
