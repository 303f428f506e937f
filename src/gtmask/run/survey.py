"""What must be known of all records before the first one is painted.

Two things cannot be decided chunk by chunk: the class map, where the export has no label list of its own,
and which image is whose, since two records may claim one. Where the export tells both without reading its
records (COCO's tables) the survey costs one pass over the units, and not even that where no two names are
alike; otherwise every record is read once, in the same processes that will convert them. Records whose
images may go by the same name are gone through once more, to look which images are there. The outcome is
frozen in ``run.json``, so a resumed run does not repeat it.
"""

from __future__ import annotations

import pickle
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from gtmask.formats.base import NamesImages, Reader, WeighsRecords
from gtmask.formats.export import take_read
from gtmask.formats.several import Joins
from gtmask.images.references import normalize
from gtmask.images.resolve import ImageRule, Rule
from gtmask.model import ImageNames
from gtmask.run.chunk_size import PIXELS, SHAPE_BYTES, Load
from gtmask.run.clashes import Claims, Sieve, Verdict, settle
from gtmask.run.states import UNKNOWN, Meaning, StateRule, content
from gtmask.workers import Pool, kept_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from gtmask.findings import Finding
    from gtmask.run.clashes import Look

#: Records that are read by one task of a survey.
BATCH = 512
#: Image references that the rule for finding images is chosen from.
SAMPLE = 20
#: Records that are read to learn how much work they are, where none was read.
TASTE = 8
#: Below this number of records, loading the kernels that look for clashes takes longer than doing without.
WORTH_SIFTING = 10_000


@dataclass(slots=True)
class Glance:
    """What one batch of records tells: what they call their images, labels, and what was lost first.

    ``pixels`` are those of the images whose size records tell, and ``sized`` is how many these are.
    ``contents`` are digests of the records where they were asked for, b"" where the class map, as far as it
    is known, leaves one open; ``states`` follow from them where a rule for that was handed in; see
    :mod:`gtmask.run.states`.
    """

    images: list[ImageNames] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    lost: Finding | None = None
    contents: list[bytes] = field(default_factory=list)
    states: list[bytes] = field(default_factory=list)
    class_ids: set[tuple[str, str]] = field(default_factory=set)
    colors: dict[str, str] = field(default_factory=dict)
    pixels: int = 0
    sized: int = 0


@dataclass(slots=True)
class Survey:
    """The outcome: number of records, labels with counts, the rule for images, and all names of images.

    ``claims`` is None where the images' own names alone show that no two records share one; ``lost`` is the
    first finding that left something out; ``class_ids`` and ``colors`` are those of all records, and so are
    ``pixels`` and ``sized``, as in :class:`Glance`, where records were read.
    """

    records: int
    labels: Counter[str]
    rule: Rule
    claims: Claims | None = None
    lost: Finding | None = None
    class_ids: set[tuple[str, str]] = field(default_factory=set)
    colors: dict[str, str] = field(default_factory=dict)
    pixels: int = 0
    sized: int = 0


def kept_reader(pickled: bytes) -> Reader[Any]:
    """Return the reader that a task brings: one object for all tasks of an export that a thread does.

    So files and connections that it opened, and documents that it copied, serve the next task, too; readers
    keep notes while they read.
    """
    return kept_object(pickled, lambda: cast("Reader[Any]", pickle.loads(pickled)))


def glance(pickled_reader: bytes, units: tuple[Any, ...], pickled_meaning: bytes = b"") -> Glance:
    """Read a batch of records for their image references and labels; what a pool calls.

    With a pickled :class:`gtmask.run.states.Meaning` it tells their contents, too, and with a
    :class:`gtmask.run.states.StateRule` their states.
    """
    asked = pickle.loads(pickled_meaning) if pickled_meaning else (None, None)
    return _glance(kept_reader(pickled_reader), units, *asked)


def _glance(
    reader: Reader[Any],
    units: tuple[Any, ...],
    meaning: Meaning | None = None,
    state_rule: StateRule | None = None,
) -> Glance:
    """Do what :func:`glance` does."""
    found = Glance()
    for unit in units:
        record = reader.record(unit)
        if meaning is not None:
            found.contents.append(content(record, meaning) if meaning.decides(record) else b"")
            if state_rule is not None:
                found.states.append(state_rule.state(record.names, found.contents[-1] or UNKNOWN))
        found.images.append(record.names)
        for shape in record.shapes:
            found.labels[shape.label] += 1
        found.class_ids |= record.class_ids
        found.colors = record.colors | found.colors
        if record.width and record.height:
            found.pixels += int(record.width * record.height)
            found.sized += 1
        if found.lost is None:
            found.lost = next((one for one in record.findings if one.level in {"loss", "reject"}), None)
    # What a chunk reads is looked at again; what was read here need not be kept in mind.
    take_read()
    return found


def survey(
    reader: Reader[Any],
    limit: int | None,
    *,
    read_records: bool,
    pool: Pool,
    choose_rule: Callable[[list[ImageNames]], Rule],
    progress: Callable[[int], None],
    meaning: bytes = b"",
    notice: Callable[[Rule, Glance], None] | None = None,
) -> Survey:
    """Survey an export.

    - ``reader``, ``limit``: the export, and how many of its records count.
    - ``read_records``: read every record, because the labels are wanted or the units do not tell the images.
    - ``choose_rule``: called once with what the first :data:`SAMPLE` records call their images.
    - ``progress``: called with the number of records that were surveyed since the last call.
    - ``meaning``, ``notice``: what :func:`glance` takes, and who hears of each batch of records that were
      read with it.
    """
    rule: Rule | None = None
    if not read_records and isinstance(reader, NamesImages) and (reader.count() or 0) >= WORTH_SIFTING:
        number, rule = _sift(reader, limit, choose_rule, progress)
        if number is not None and rule is not None:
            return Survey(number, Counter(), rule)
    claims = Claims()
    records, labels, pixels, sized = 0, Counter[str](), 0, 0
    lost: Finding | None = None
    class_ids: set[tuple[str, str]] = set()
    colors: dict[str, str] = {}
    for found in _read(reader, limit, pool, meaning) if read_records else _ask(reader, limit):
        if rule is None:
            rule = choose_rule(found.images[:SAMPLE])
        records += len(found.images)
        labels.update(found.labels)
        lost = lost or found.lost
        class_ids |= found.class_ids
        colors = found.colors | colors
        pixels += found.pixels
        sized += found.sized
        for names in found.images:
            claims.add([*rule.keys(names), *rule.longer(names)])
        if notice is not None and read_records:
            notice(rule, found)
        progress(len(found.images))
    rule = choose_rule([]) if rule is None else rule
    return Survey(records, labels, rule, claims, lost, class_ids, colors, pixels, sized)


def load_of(reader: Reader[Any], seen: Survey, *, was_read: bool, gets: bool, puts: bool) -> Load:
    """Return how much there is to convert of the records that a survey has seen.

    - ``was_read``: whether it has read the records. Where it has not, the first :data:`TASTE` are read, and
      stand for all in what the export does not tell otherwise.
    - ``gets``, ``puts``: as of :class:`Load`.
    """
    records, shapes, pixels, sized = seen.records, float(seen.labels.total()), seen.pixels, seen.sized
    if not was_read:
        sample = _glance(reader, tuple(islice(reader.units(), min(TASTE, records))))
        pixels, sized = sample.pixels, sample.sized
        weights = reader.weights(records) if isinstance(reader, WeighsRecords) and records else None
        if weights is not None and len(weights):
            shapes = int(weights[0]) / SHAPE_BYTES
        else:
            shapes = sample.labels.total() * records / max(1, len(sample.images))
    return Load(records, shapes, records * (pixels / sized if sized else PIXELS), gets, puts)


def first_names(
    reader: Reader[Any], limit: int | None, images: Sequence[ImageNames]
) -> list[list[ImageNames]]:
    """Return what the first records of each export call their images; ``images`` are the first one's."""
    if not isinstance(reader, Joins) or len(reader.names) == 1:
        return [list(images)]
    found: list[list[ImageNames]] = [[] for _ in reader.names]
    for unit in islice(reader.units(), limit):
        mine = found[reader.source_of(unit)]
        if len(mine) < SAMPLE:
            mine.append(names_in(reader, unit))
        if len(found[-1]) == SAMPLE:
            break
    return found


def units_tell_names(reader: Reader[Any]) -> bool:
    """Say whether the units of an export tell what its images are called, by the first one."""
    first = next(islice(reader.units(), 1), None)
    return first is not None and reader.names_of(first) is not None


def all_names(reader: Reader[Any], pool: Pool) -> Iterator[list[ImageNames]]:
    """Yield what all records call their images, in batches; records are read only where units do not tell."""
    for found in _ask(reader, None) if units_tell_names(reader) else _read(reader, None, pool, b""):
        yield found.images


def decide_claims(
    reader: Reader[Any], limit: int | None, seen: Survey, *, read_records: bool, pool: Pool, look: Look | None
) -> Verdict:
    """Decide which image each record has that shares a name with another one.

    - ``reader``, ``limit``, ``read_records``, ``pool``: as for :func:`survey`.
    - ``seen``: what the survey found.
    - ``look``: says which images are there; None where none is looked for.
    """

    def names(ordinals: NDArray[np.int64]) -> Iterator[Sequence[tuple[int, ImageNames]]]:
        if not read_records:
            for numbers, units in _wanted(reader, limit, ordinals):
                yield list(zip(numbers, [names_in(reader, unit) for unit in units], strict=True))
            return
        for numbers, found in look_at(reader, limit, ordinals, pool):
            yield list(zip(numbers, found.images, strict=True))

    return Verdict() if seen.claims is None else settle(seen.claims, names, seen.rule, look)


def look_at(
    reader: Reader[Any],
    limit: int | None,
    ordinals: NDArray[np.int64] | None,
    pool: Pool,
    meaning: bytes = b"",
) -> Iterator[tuple[list[int], Glance]]:
    """Read the records with these ordinals, ascending (None: all), in batches; yield what they tell."""
    pickled = pickle.dumps(reader)
    numbered: deque[list[int]] = deque()

    def tasks() -> Iterator[tuple[bytes, tuple[Any, ...], bytes]]:
        for numbers, units in _wanted(reader, limit, ordinals):
            numbered.append(numbers)
            yield pickled, units, meaning

    if ordinals is None or len(ordinals):
        # Results come in the order of the tasks.
        for found in pool.map(glance, tasks()):
            yield numbered.popleft(), found


def _wanted(
    reader: Reader[Any], limit: int | None, ordinals: NDArray[np.int64] | None
) -> Iterator[tuple[list[int], tuple[Any, ...]]]:
    """Yield the units of the records with these ordinals, with the ordinals, in batches."""
    first = 0
    for batch in batches(reader, BATCH, limit):
        if ordinals is None:
            here = list(range(first, first + len(batch)))
        else:
            low, high = ordinals.searchsorted((first, first + len(batch))).tolist()
            here = ordinals[low:high].tolist()
        if here:
            yield here, tuple(batch[ordinal - first] for ordinal in here)
        first += len(batch)


def _sift(
    reader: NamesImages,
    limit: int | None,
    choose_rule: Callable[[list[ImageNames]], Rule],
    progress: Callable[[int], None],
) -> tuple[int | None, Rule | None]:
    """Return the number of records if none of their mask keys can clash, and the rule if it was chosen."""
    names = reader.image_names()
    if names is None:
        return None, None
    rule: Rule | None = None
    records = 0
    for texts in names:
        if texts is None:
            return None, rule
        taken = texts if limit is None else texts.first(limit - records)
        if rule is None:
            sample = [taken[i] for i in range(min(len(taken), SAMPLE))]
            if any(normalize(reference) is None for reference in sample):
                return None, None
            rule = choose_rule([ImageNames(reference) for reference in sample])
            # Only one export's reader tells its names so.
            assert isinstance(rule, ImageRule)
            sieve = Sieve(rule)
        sieve.add(taken)
        records += len(taken)
        if records == limit:
            break
    # What one image's shortened name is, another one's whole name may be.
    if rule is None or rule.shortens or not sieve.all_distinct():
        return None, rule
    progress(records)
    return records, rule


def batches(reader: Reader[Any], size: int, limit: int | None) -> Iterator[tuple[Any, ...]]:
    """Cut a reader's units into tuples of ``size``, the last one shorter."""
    units = islice(reader.units(), limit)
    while batch := tuple(islice(units, size)):
        yield batch


def _read(reader: Reader[Any], limit: int | None, pool: Pool, meaning: bytes) -> Iterator[Glance]:
    pickled = pickle.dumps(reader)
    return pool.map(glance, ((pickled, batch, meaning) for batch in batches(reader, BATCH, limit)))


def _ask(reader: Reader[Any], limit: int | None) -> Iterator[Glance]:
    for batch in batches(reader, BATCH, limit):
        yield Glance([names_in(reader, unit) for unit in batch])


def names_in(reader: Reader[Any], unit: Any) -> ImageNames:
    """Return what a record calls its image."""
    return reader.names_of(unit) or reader.record(unit).names
