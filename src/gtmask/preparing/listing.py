"""All files below the images, in the order of their keys, with what tells whether they were changed."""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import ChangedError, NotFoundError
from gtmask.preparing.names import Names
from gtmask.storage import is_s3, open_storage
from gtmask.storage.blocking import BlockingStorage
from gtmask.storage.local import version_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.storage import S3Settings


class Listing:
    """What must be known of all images before the first one is written, in 24 bytes for each.

    - ``images``, ``s3``: the folder or prefix, and how to reach it.
    """

    def __init__(self, images: str, s3: S3Settings) -> None:
        self._images, self._s3 = images, s3
        self.names = Names()
        self.count = 0
        versions = array("q")
        digest = blake2b(digest_size=16)
        for key, size, version in self.files():
            self.names.add(key)
            versions.append(hash((key, version)))
            digest.update(f"{key}\0{size}\0{version}\n".encode("utf-8", "surrogatepass"))
            self.count += 1
        self.digest = digest.hexdigest()
        self._versions = np.sort(np.array(versions, np.int64))

    def files(self) -> Iterator[tuple[str, int, str]]:
        """Yield key, bytes and version of each file."""
        with BlockingStorage(open_storage(self._images, self._s3)) as storage:
            for entry in storage.list():
                if is_s3(self._images):
                    if not entry.key.endswith("/"):  # what consoles write to show a folder
                        yield entry.key, entry.size, entry.etag
                    continue
                try:
                    yield entry.key, entry.size, version_of_file(f"{self._images}/{entry.key}")
                except NotFoundError:  # deleted since it was listed
                    continue

    def has(self, key: str, version: str) -> bool:
        """Say whether an image is there in this version."""
        wanted = hash((key, version))
        at = self._versions.searchsorted(wanted)
        return bool(at < len(self._versions) and self._versions[at] == wanted)

    def again(self) -> Iterator[tuple[str, int, str]]:
        """Yield the files once more; raises ChangedError where they are no longer what they were."""
        count = 0
        for key, size, version in self.files():
            if not self.has(key, version):
                break
            count += 1
            yield key, size, version
        if count != self.count:
            raise ChangedError(
                f"The files in {self._images} change while they are prepared: run again to go on."
            )
