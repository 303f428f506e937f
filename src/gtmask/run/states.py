"""What decides a record's mask and manifest line, in 16 bytes: the record's *state*.

A commit record keeps the state of each mask, so that ``--update`` can tell which records of a later export
are those that it knows. A state covers everything that was read of the record, not the bytes that it stood
in: a category that was renamed in another table changes it, and a record that moved within the export keeps
it. Files of the export that are fetched while a record is painted count with their bytes, the image with its
version, the class map with the ids that the record's labels have.
"""

from __future__ import annotations

import marshal
from dataclasses import fields
from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.errors import CredentialsError, GtmaskError, NotFoundError, TransientError
from gtmask.findings import is_reject
from gtmask.images.resolve import Rule, mask_key
from gtmask.manifest.contract import BACKGROUND_COLOR
from gtmask.model import Bitmap, ImageNames, Record, Runs, Shape
from gtmask.run.clashes import narrowed, rivals
from gtmask.run.listed_versions import ListedVersions
from gtmask.storage import is_s3, open_storage
from gtmask.storage.blocking import BlockingStorage
from gtmask.storage.local_files import version_of_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gtmask.class_map import ClassMap
    from gtmask.images.prepared import PreparedImages
    from gtmask.run.settings import Settings
    from gtmask.storage.base import Entry, S3Settings


#: Bytes of a state.
SIZE = 16
#: In place of the state of a record that is to be converted in any case.
UNKNOWN = bytes(SIZE)
#: In place of the state of a line that goes on with the record of the line before it: a further tile.
CONTINUED = b"\xff" * SIZE


def _all_but(kind: type[Any], *names: str) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gets the values of a class's fields, also of those that it will have one day."""
    return attrgetter(*(item.name for item in fields(kind) if item.name not in names))


_of_record = _all_but(
    Record, "points", "ring_offsets", "part_offsets", "shapes", "findings", "where", "balance", "files",
    "class_ids", "source", "colors", "statuses", "attributes",
)  # fmt: skip
_of_shape = _all_but(Shape, "runs", "bitmap")
_of_runs = _all_but(Runs, "counts")
_of_bitmap = _all_but(Bitmap, "data", "plane")


class Meaning(NamedTuple):
    """What labels mean in a run, as far as it decides masks; ``is_whole`` unless classes may be added."""

    classes: ClassMap
    by_priority: bool = False
    palette: tuple[tuple[int, str], ...] = ()
    is_whole: bool = True

    @classmethod
    def of(cls, classes: ClassMap, settings: Settings) -> Meaning:
        """Return the meaning of labels by a class map; the colours count where masks have a palette."""
        colors = ((0, BACKGROUND_COLOR), *((entry.id, entry.color) for entry in classes.classes))
        return cls(classes, settings.overlap == "priority", colors if settings.png == "palette" else ())

    def of_shapes(self, shapes: list[Shape]) -> tuple[object, ...]:
        """Return the class id of each label, and its priority where that counts."""
        used = dict.fromkeys([(shape.label, shape.marks) for shape in shapes])
        ids = [self.classes.id_of(label, marks) for label, marks in used]
        if not self.by_priority:
            return (ids, self.palette)
        priorities = {entry.id: entry.priority for entry in self.classes.classes}
        return ([(number, priorities.get(number or 0, 0)) for number in ids], self.palette)

    def decides(self, record: Record) -> bool:
        """Say whether the class map tells all that it will ever tell of a record's labels."""
        return self.is_whole or all(
            self.classes.id_of(shape.label, shape.marks) is not None for shape in record.shapes
        )


def content(record: Record, meaning: Meaning) -> bytes:
    """Return a digest of all that was read of a record: call it before anything is added to it.

    Of what was found only the codes count: details tell places, which change where records move. A record
    that becomes no mask is :data:`UNKNOWN`. Files that are fetched are kept for whoever paints the record.
    """
    if is_reject(record.findings):
        return UNKNOWN
    codes = [finding.code for finding in record.findings]
    shapes = record.shapes
    told = (_of_record(record), codes, list(map(_of_shape, shapes)), meaning.of_shapes(shapes))
    points, rings, parts = record.points, record.ring_offsets, record.part_offsets
    pieces = (_spelled(told), b"%d:" % points.nbytes, points.tobytes(), b"%d:" % rings.nbytes,
              rings.tobytes(), b"%d:" % parts.nbytes, parts.tobytes())  # fmt: skip
    digest = blake2b(b"".join(pieces), digest_size=SIZE)
    files = dict.fromkeys(record.pictures)
    for shape in shapes:
        if shape.runs is not None:
            digest.update(repr(_of_runs(shape.runs)).encode())
            digest.update(shape.runs.counts.tobytes())
        if shape.bitmap is not None:
            _add_bitmap(digest.update, shape.bitmap)
            if shape.bitmap.file is not None:
                files[shape.bitmap.file] = None
    if files and record.files is not None:
        record.files = KeptFiles(record.files)
        for name in files:
            digest.update(_digest_of(record.files, name))
    return digest.digest()


def _spelled(value: tuple[Any, ...]) -> bytes:
    """Return bytes that equal values alone have, by the first of marshal's formats: the same everywhere.

    The later ones depend on which objects are shared. What marshal does not know is told by its ``repr``,
    which takes three times as long.
    """
    try:
        return marshal.dumps(value, 0)
    except ValueError:
        return repr(value).encode("utf-8", "surrogatepass")


def _add_bitmap(update: Callable[[bytes], None], bitmap: Bitmap) -> None:
    update(repr(_of_bitmap(bitmap)).encode("utf-8", "surrogatepass"))
    if bitmap.data is not None:
        update(bitmap.data)
    if bitmap.plane is not None:
        values = bitmap.plane.values
        update(bitmap.plane.digest or repr(values.shape).encode() + values.tobytes())


def _digest_of(files: Callable[[str], bytes], name: str) -> bytes:
    """Return the digest of a file of the export; that of a missing one is of no file."""
    try:
        return blake2b(files(name), digest_size=SIZE).digest()
    except (TransientError, CredentialsError):
        raise
    except GtmaskError:
        return UNKNOWN


class KeptFiles:
    """Fetches files of an export, each once."""

    def __init__(self, fetch: Callable[[str], bytes]) -> None:
        self._fetch = fetch
        self._kept: dict[str, bytes] = {}

    def __call__(self, name: str) -> bytes:
        """Return a file's bytes."""
        if name not in self._kept:
            self._kept[name] = self._fetch(name)
        return self._kept[name]


def state_of(content: bytes, key: str, target: str, version: str) -> bytes:
    """Return a record's state.

    - ``content``: see :func:`content`.
    - ``key``, ``version``: the image's key below ``--images``, and what tells that it is another one than
      before.
    - ``target``: the mask's key.
    """
    if content == UNKNOWN:
        return UNKNOWN
    rest = f"{key}\0{target}\0{version}".encode("utf-8", "surrogatepass")
    return blake2b(content + rest, digest_size=SIZE).digest()


class StateRule(NamedTuple):
    """What decides the states of all records of a run besides what they are.

    - ``rule``, ``versions``: which keys an image may have, and which version of it there is.
    - ``sized``: whether images are looked at.
    - ``sifted``: as in :class:`gtmask.run.plan.Plan`.
    """

    rule: Rule
    versions: ImageVersions
    sized: bool
    sifted: bool = False

    def state(
        self, names: ImageNames, content: bytes, choice: int | None = None, *, long_key: bool = False
    ) -> bytes:
        """Return the state of a record of which the survey decided this; see :class:`Verdict`."""
        if content == UNKNOWN:
            return UNKNOWN
        keys = narrowed(self.rule.keys(names), choice)
        own = self.rule.key(names)
        if own is None:
            return UNKNOWN
        found = self._image(keys) if self.sized else (own if choice is None else next(iter(keys), own), "")
        if found is None:
            return UNKNOWN
        key, version = found
        target = mask_key(own if self.sifted else key, keep_extension=long_key)
        return state_of(content, key, target, version)

    def _image(self, keys: dict[str, int]) -> tuple[str, str] | None:
        """Return the key of a record's image and its version; None where it is missing or ambiguous."""
        find = self.versions.find
        try:
            for key in keys:
                version = find(key)
                if version is None:
                    continue
                others = (other for other in keys if rivals(keys, key, other))
                return None if any(find(other) is not None for other in others) else (key, version)
        except GtmaskError:
            pass  # whoever converts the record will tell
        return None


class ImageVersions:
    """Tells the versions of images: files are asked one by one, S3 is listed once, in 50 bytes per object.

    The version of a file is its size and when it was changed last, that of an object its ETag: what
    :meth:`gtmask.storage.base.Storage.get_versioned` returns with an image's first bytes.

    Those of prepared images are those of their lines in the table.

    - ``passing``: the listing goes through it, where somebody else needs it, too.
    """

    def __init__(
        self,
        images: str,
        s3: S3Settings,
        table: PreparedImages | None = None,
        passing: Callable[[str, Iterator[Entry]], Iterator[Entry]] | None = None,
    ) -> None:
        self._images = images
        self._table = table
        self._s3 = s3
        self._listed: ListedVersions | None = None
        self._passing = passing

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
                entries = images.list()
                self._listed = ListedVersions(
                    self._passing(self._images, entries) if self._passing else entries
                )
        return self._listed
