"""What a reference on a manifest line names: an object in S3, a local file, or its local copy.

Ground Truth takes ``s3://bucket/key`` with the key raw, not URL-encoded (Developer Guide,
sms-input-data-input-manifest, and observed: blanks, + and a literal %20 in keys work).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

#: A place in storage: the root that :func:`gtmask.storage.open_storage` takes, and the key below it.
Place = tuple[str, str]


def split(reference: str) -> Place | None:
    """Return (root, key) of an ``s3://`` URI or an absolute local path; None for anything else."""
    if reference.startswith("s3://"):
        bucket, _, key = reference[5:].partition("/")
        good = bucket and ":" not in bucket and key and not key.startswith("/") and not key.endswith("/")
        return (f"s3://{bucket}", key) if good else None
    if reference.startswith("/") and not reference.startswith("//") and len(reference) > 1:
        return "/", reference[1:]
    return None


def bucket_of(reference: str) -> str | None:
    """Return the bucket that a reference names, None where it names none."""
    return reference[5:].partition("/")[0] or None if reference.startswith("s3://") else None


@dataclass(slots=True)
class Locator:
    """Finds the local copies of what references name, below ``root`` (``--images``, ``--masks``).

    A reference ``s3://bucket/a/b/c.png`` may lie at ``a/b/c.png``, ``b/c.png`` or ``c.png`` below the
    root: the longest of these that is there counts. All references of a manifest usually lose the same
    number of leading folders, so the number that fitted last is tried first.
    """

    root: str | None = None
    _skip: int = field(default=0, init=False)

    def places(self, reference: str) -> list[tuple[Place, int]]:
        """Return where to look, best first, each with the number to give to :meth:`found`.

        Empty where the reference cannot name anything.
        """
        own = split(reference)
        if self.root is None:
            return [(own, 0)] if own else []
        if own is None:
            return []
        parts = PurePosixPath(own[1]).parts
        skips = sorted(range(len(parts)), key=lambda skip: (skip != self._skip, skip))
        return [((self.root, "/".join(parts[skip:])), skip) for skip in skips]

    def found(self, skip: int) -> None:
        """Remember how many leading folders fitted."""
        self._skip = skip
