"""What is in an export: format, images, shapes by kind, labels with counts, findings.

Every record is read, as a conversion would read it; a sample is painted, too (:mod:`gtmask.report.sampled`).
For the output manifest of a finished adjustment job, what the workers changed is summed up as well.
"""

from __future__ import annotations

import pickle
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask import kernels
from gtmask.errors import ClassMapError
from gtmask.findings import CODES, Finding, FindingCounts, is_reject
from gtmask.formats import OpenedExport, open_sources
from gtmask.formats.base import Reader, ReadOptions, suggested
from gtmask.formats.sagemaker.held import held_shapes
from gtmask.formats.sampling import take_sample
from gtmask.formats.several import Joins
from gtmask.formats.sources import source_list, spoken
from gtmask.groundtruth import classes as class_maps
from gtmask.groundtruth.job_output import JobOutput, summarize_job_output
from gtmask.groundtruth.manifest_file import ManifestReader
from gtmask.images.listed import read_listed
from gtmask.images.references import normalize
from gtmask.manifest.contract import IMAGE_EXTENSIONS
from gtmask.model import Balance
from gtmask.progress import Progress, Silent
from gtmask.report.sampled import Reservoir, Sampled, local_images, look_closer
from gtmask.run.chosen import choose
from gtmask.run.classes import alike_classes, merged_labels, shared_class_ids
from gtmask.run.survey import BATCH, batches, kept_reader
from gtmask.storage import is_s3
from gtmask.storage.base import S3Settings
from gtmask.text import escape_unprintable
from gtmask.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from gtmask.class_map import ClassMap, SuggestedClass
    from gtmask.formats.export import Export

#: Names of an export among which one is looked for that can be an annotation.
_LISTED = 100


@dataclass(slots=True)
class Inspection(FindingCounts):
    """What was seen in an export.

    ``title`` names the format, and ``why`` says by what it was told. ``images`` can become masks, of which
    ``empty`` have no shape, and ``unusable`` records cannot. ``labels`` and ``kinds`` count shapes (of the
    masks of a manifest those classes that have pixels), ``findings`` codes, of a sample those that only
    painting shows; ``examples`` keeps the first few details of each code; ``declared`` is the export's own
    label list, if it has one; ``suggested`` are the classes to start with, with the ids and colours that the
    export brings, and ``class_ids`` the pairs of id and label by which it tells them apart; ``sizes`` counts
    image sizes as the export tells them; ``balance`` sums up what became of the images' elements; ``answer``
    sums up a finished adjustment job.
    ``first_images`` are the first image of each label; ``sampled`` is what painting a sample shows, and
    ``estimate`` what a conversion would take (see :meth:`to_json`).
    """

    title: str = ""
    images: int = 0
    shapes: int = 0
    unusable: int = 0
    empty: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    balance: Balance = field(default_factory=Balance)
    declared: list[str] | None = None
    suggested: list[SuggestedClass] = field(default_factory=list)
    answer: JobOutput | None = None
    why: str = ""
    first_images: dict[str, str] = field(default_factory=dict)
    sampled: Sampled = field(default_factory=Sampled)
    estimate: dict[str, Any] | None = None
    class_ids: set[tuple[str, str]] = field(default_factory=set)
    colors: dict[str, str] = field(default_factory=dict)
    #: Hashes of the names of the records' images, each within its scope and folder; 8 bytes for each.
    names: bytearray = field(default_factory=bytearray)

    def add(self, other: Inspection) -> None:
        """Add what was seen in other records."""
        self.images += other.images
        self.shapes += other.shapes
        self.unusable += other.unusable
        self.empty += other.empty
        for name in ("labels", "kinds", "sizes"):
            getattr(self, name).update(getattr(other, name))
        self.balance.add(other.balance)
        self.first_images = other.first_images | self.first_images
        self.class_ids |= other.class_ids
        self.colors = other.colors | self.colors
        self.names += other.names
        self.add_findings(other)

    def class_map(self) -> ClassMap:
        """Return a starting class map: the export's own label list in its order, else labels sorted.

        Raises
        ------
        ClassMapError
            If there are more than 255 labels.
        """
        return class_maps.class_map_from_suggestions(self.suggested)

    @property
    def left_out(self) -> dict[str, int]:
        """What a conversion would leave out, by finding code."""
        return {
            code: count for code, count in self.findings.items() if CODES[code].level in {"loss", "reject"}
        }

    @property
    def guessed(self) -> dict[str, int]:
        """What a conversion would guess, by finding code."""
        return {code: count for code, count in self.findings.items() if CODES[code].level == "guess"}

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``, as ``inspection.schema.json`` in this folder describes them."""
        sampled = self.sampled
        return {
            "format": self.title,
            "images": self.images,
            "shapes": self.shapes,
            "unusable": self.unusable,
            "empty": self.empty,
            "labels": dict(self.labels.most_common()),
            "declared": self.declared,
            "kinds": dict(self.kinds.most_common()),
            "sizes": dict(self.sizes.most_common(20)),
            "balance": self.balance.to_json(),
            "findings": dict(sorted(self.findings.items())),
            "examples": dict(sorted(self.examples.items())),
            "answer": None if self.answer is None else self.answer.to_json(),
            "why": self.why,
            "first_images": dict(sorted(self.first_images.items())),
            "left_out": dict(sorted(self.left_out.items())),
            "guessed": dict(sorted(self.guessed.items())),
            "sampled": sampled.records,
            "areas": sampled.shares(),
            "overlaps": {
                "images": sampled.overlapping,
                "covered": {label: count for label, count in sampled.covered.most_common() if count},
            },
            "turned": {"looked_at": sampled.looked_at, "turned": sampled.turned},
            "estimate": self.estimate,
        }


def inspect(
    source: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    format: str = "auto",  # noqa: A002 - the command line's word
    options: ReadOptions | None = None,
    images: str | None = None,
    s3: S3Settings | None = None,
    workers: int | None = None,
    masks: str | None = None,
    before: str | None = None,
    after: str | None = None,
    only: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Read an export and say what is in it.

    Parameters
    ----------
    source
        File, folder, glob, archive or ``s3://`` location of an export, or of the output manifest of a
        finished adjustment job; or several, as for :func:`gtmask.convert`.
    format, options
        As for :func:`gtmask.read`.
    images
        Folder or prefix of the images: headers of a sample are read. By default the export's own folder, if
        it is local.
    s3
        How to reach S3.
    workers
        This process and others beside it; one per core by default, none beside it for small exports.
    masks
        The same as in ``options``.
    before, after
        The label attributes of a finished job that are compared; by default as the metadata says.
    only
        A file that names images, as for :func:`gtmask.convert`: no others are looked at, and what workers
        changed in a job is not summed up.
    progress
        Hears how the reading gets on.

    Returns
    -------
    Inspection
        Counts and findings of all records; its ``class_map`` is the one to start with.

    Raises
    ------
    GtmaskError
        If the export cannot be read.

    Examples
    --------
    >>> import gtmask
    >>> seen = gtmask.inspect("export.json", workers=1)
    >>> seen.title, seen.images, sorted(seen.labels)
    ('COCO instances', 6, ['Car', 'Person', 'Road'])
    """
    progress = progress or Silent()
    options = options or ReadOptions()
    if masks is not None:
        options = replace(options, masks=masks)
    sources = source_list(source)
    opened = open_sources(sources, format, [options] * len(sources), s3 or S3Settings())
    reservoir = Reservoir()
    listed = None if only is None else read_listed(only, "--only")
    with Pool(workers) as pool:
        reader = choose(spoken(sources), opened.reader, listed, options, pool, progress)
        where = local_images(sources, images)
        # In S3 each export has images of its own, for all that is known here.
        folders = tuple(map(str, range(len(sources)))) if where is None else where[1]
        seen = _read_all(reader, reservoir, folders, pool, progress)
    names = opened.reader.names if isinstance(opened.reader, Joins) else ("",)
    whys = zip(names, [_why(part, format) for part in opened.parts], strict=True)
    seen.why = " ".join(f"{name}: {why}" if name and why else why for name, why in whys)
    with suppress(ClassMapError):
        seen.sampled = look_closer(opened.reader, reservoir.units, seen.class_map(), where, s3)
        seen.add_findings(seen.sampled.found.without(seen.findings))
        seen.estimate = seen.sampled.estimate(seen.images, workers, in_s3=any(map(is_s3, sources)))
    if reader is opened.reader and all(part.format.name == "sagemaker" for part in opened.parts):
        manifests = [_manifest(part.export, name) for part in opened.parts for name in part.names]
        seen.answer = summarize_job_output(
            manifests, masks=options.masks, before=before, after=after, s3=s3, workers=workers,
            progress=progress,
        )  # fmt: skip
    return seen


def _read_all(
    reader: Reader[Any], reservoir: Reservoir, folders: tuple[str, ...], pool: Pool, progress: Progress
) -> Inspection:
    """Read all records, batch by batch, and say what was seen in them."""
    kernels.compile_kernels(("gtmask.formats.reading.rings",))
    count = reader.count()
    progress.stage("inspect", count)
    seen = Inspection(title=reader.title, declared=reader.labels)
    pickled = pickle.dumps(reader)
    parts = ((pickled, folders, batch) for batch in reservoir.watch(batches(reader, BATCH, None)))
    for part in pool.map(look, parts, None if count is None else -(-count // BATCH)):
        seen.add(part)
        progress.advance(part.images + part.unusable)
    seen.count_findings(reader.findings, "the export")
    names = np.frombuffer(bytes(seen.names), np.uint64)
    again = len(names) - len(np.unique(names))
    seen.count_findings([Finding("image-duplicate", "its image has an earlier record")] * again, "the export")
    seen.names.clear()
    labels = class_maps.in_order(seen.labels) if reader.labels is None else reader.labels
    seen.suggested = suggested(reader, labels, seen.colors)
    seen.count_findings(shared_class_ids(seen.class_ids), "the classes")
    # A class map of too many classes is told where one is asked for.
    with suppress(ClassMapError):
        class_map = seen.class_map()
        seen.count_findings([*merged_labels(class_map), *alike_classes(class_map)], "the classes")
    return seen


def _why(opened: OpenedExport, wanted: str) -> str:
    """Say in a sentence by what an export's format was told."""
    if wanted != "auto":
        return f"--format {wanted} says so."
    listed = list(islice(opened.names or opened.export.names(), _LISTED))
    if not listed:
        return ""
    # Images may stand among the annotations.
    name = next((one for one in listed if not one.lower().endswith(IMAGE_EXTENSIONS)), listed[0])
    sample = take_sample(opened.export, name)
    seen = [*sample.keys, *sample.element, *(key for keys in sample.keys.values() for key in keys)]
    own = [key for key in dict.fromkeys(seen) if key in opened.format.marks][:6]
    if own:
        return f"{name} has {', '.join(own)}, as documents of {opened.format.name} have."
    return f"{name} begins and is called like files of {opened.format.name}."


def _manifest(export: Export, name: str) -> ManifestReader:
    """Return a manifest among an export's files, read through the export."""
    location = export.location if name in export.location else f"{export.location}: {name}"

    def read(start: int, length: int) -> bytes:
        return export.read(name, start, start + length)

    return ManifestReader(location, export.size(name), read)


def look(pickled_reader: bytes, folders: tuple[str, ...], units: tuple[Any, ...]) -> Inspection:
    """Read a batch of records; what a pool calls. ``folders`` are those of the exports' images."""
    reader = kept_reader(pickled_reader)
    seen = Inspection()
    for unit in units:
        record = reader.record(unit)
        where = f"{record.image} ({record.where})" if record.where else record.image
        seen.count_findings(record.findings, where)
        if is_reject(record.findings):
            seen.unusable += 1
            continue
        seen.images += 1
        if (name := normalize(record.image)) is not None:
            seen.names += _hash(folders[record.source], record.scope, name)
        seen.balance.add(record.balance)
        seen.class_ids |= record.class_ids
        seen.colors = record.colors | seen.colors
        shapes = held_shapes(record)
        seen.empty += not shapes
        seen.shapes += len(shapes)
        if record.width and record.height:
            seen.sizes[f"{record.width}x{record.height}"] += 1
        for shape in shapes:
            if shape.label:
                seen.labels[shape.label] += 1
                seen.first_images.setdefault(shape.label, escape_unprintable(record.image))
                if shape.kind in {"polyline", "point"}:
                    thin = Finding("shape-no-area", f"{shape.label}: {shape.kind}")
                    seen.count_findings([thin], where)
            else:
                seen.count_findings([Finding("shape-no-label", shape.kind)], where)
            seen.kinds[shape.kind] += 1
    return seen


def _hash(*parts: str) -> bytes:
    """Return a hash of 8 bytes that is the same in every process."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
