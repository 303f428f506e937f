"""What must be known of all records before the first one is painted.

Two things cannot be decided chunk by chunk: the class map, where the export has no label list of its own,
and the mask keys, since two images may claim one. Where the export tells both without reading its records
(COCO's tables) the survey costs one pass over the units, and not even that where no two names are alike;
otherwise every record is read once, in the same processes that will convert them. Its outcome is frozen in
``run.json``, so a resumed run does not repeat it.
"""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, cast

from gtmask.formats.base import NamesImages
from gtmask.images.references import normalize
from gtmask.run.clashes import Keys, Sieve
from gtmask.workers import kept_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gtmask.formats.base import Reader, Unit
    from gtmask.images.resolve import ImageRule
    from gtmask.workers import Pool

#: Records that are read by one task of a survey.
BATCH = 512
#: Image references that the rule for finding images is chosen from.
SAMPLE = 20
#: Below this number of records, loading the kernels that look for clashes takes longer than doing without.
WORTH_SIFTING = 10_000


@dataclass(slots=True)
class Glance:
    """What one batch of records tells: image references with their aliases, and labels."""

    images: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Survey:
    """The outcome: number of records, labels with counts, and the records whose keys clash.

    ``long_keys`` are ordinals of records whose mask key keeps the image's extension; ``duplicates`` are
    ordinals of records whose image an earlier record has already.
    """

    records: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    long_keys: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)


def kept_reader(pickled: bytes) -> Reader:
    """Return the reader that a task brings: one object for all tasks of an export that a thread does.

    So files and connections that it opened, and documents that it copied, serve the next task, too; readers
    keep notes while they read.
    """
    return kept_object(pickled, lambda: cast("Reader", pickle.loads(pickled)))


def glance(pickled_reader: bytes, units: tuple[Unit, ...]) -> Glance:
    """Read a batch of records for their image references and labels; what a pool calls."""
    reader = kept_reader(pickled_reader)
    found = Glance()
    for unit in units:
        record = reader.record(unit)
        found.images.append((record.image, record.aliases))
        for shape in record.shapes:
            found.labels[shape.label] += 1
    return found


def survey(
    reader: Reader,
    limit: int | None,
    *,
    read_records: bool,
    pool: Pool,
    choose_rule: Callable[[list[tuple[str, tuple[str, ...]]]], ImageRule],
    progress: Callable[[int], None],
) -> tuple[Survey, ImageRule]:
    """Survey an export.

    Parameters
    ----------
    reader, limit
        The export, and how many of its records count.
    read_records
        Read every record, because the labels are wanted or the units do not tell the images.
    pool
        Where records are read.
    choose_rule
        Called once with the first :data:`SAMPLE` image references.
    progress
        Called with the number of records that were surveyed since the last call.
    """
    outcome = Survey()
    rule: ImageRule | None = None
    if not read_records and isinstance(reader, NamesImages) and (reader.count() or 0) >= WORTH_SIFTING:
        records, rule = _sift(reader, limit, choose_rule, progress)
        if records is not None and rule is not None:
            outcome.records = records
            return outcome, rule
    keys = Keys()
    glances = _read(reader, limit, pool) if read_records else _ask(reader, limit)
    for found in glances:
        if rule is None:
            rule = choose_rule(found.images[:SAMPLE])
        outcome.records += len(found.images)
        outcome.labels.update(found.labels)
        for image, aliases in found.images:
            keys.add(rule.key(image, aliases))
        progress(len(found.images))
    outcome.long_keys, outcome.duplicates = keys.clashes()
    return outcome, rule if rule is not None else choose_rule([])


def _sift(
    reader: NamesImages,
    limit: int | None,
    choose_rule: Callable[[list[tuple[str, tuple[str, ...]]]], ImageRule],
    progress: Callable[[int], None],
) -> tuple[int | None, ImageRule | None]:
    """Return the number of records if none of their mask keys can clash, and the rule if it was chosen."""
    names = reader.image_names()
    if names is None:
        return None, None
    rule: ImageRule | None = None
    records = 0
    for texts in names:
        taken = texts if limit is None else texts.first(limit - records)
        if rule is None:
            sample = [taken[i] for i in range(min(len(taken), SAMPLE))]
            if any(normalize(reference) is None for reference in sample):
                return None, None
            rule = choose_rule([(reference, ()) for reference in sample])
            sieve = Sieve(rule)
        sieve.add(taken)
        records += len(taken)
        if records == limit:
            break
    if rule is None or not sieve.all_distinct():
        return None, rule
    progress(records)
    return records, rule


def batches(reader: Reader, size: int, limit: int | None) -> Iterator[tuple[Unit, ...]]:
    """Cut a reader's units into tuples of ``size``, the last one shorter."""
    units = islice(reader.units(), limit)
    while batch := tuple(islice(units, size)):
        yield batch


def _read(reader: Reader, limit: int | None, pool: Pool) -> Iterator[Glance]:
    pickled = pickle.dumps(reader)
    return pool.map(glance, ((pickled, batch) for batch in batches(reader, BATCH, limit)))


def _ask(reader: Reader, limit: int | None) -> Iterator[Glance]:
    for batch in batches(reader, BATCH, limit):
        yield Glance([_names(reader, unit) for unit in batch])


def _names(reader: Reader, unit: Unit) -> tuple[str, tuple[str, ...]]:
    """Return a unit's image reference, and its aliases where one of them has to stand in for it."""
    reference = reader.image_of(unit) or ""
    return reference, reader.record(unit).aliases if normalize(reference) is None else ()
