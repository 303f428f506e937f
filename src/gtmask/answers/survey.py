"""Which manifests are read, and one look at all lines: the attribute of the answer, and which lines count.

Split jobs and further rounds give several lines of one image: the one that was answered last counts.
"""

from __future__ import annotations

import posixpath
from array import array
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import ManifestError, NotFoundError, UsageError
from gtmask.formats.locate import open_export
from gtmask.groundtruth.manifest_file import ManifestReader, mask_references
from gtmask.images.mask_keys import hash_mask_key, needing_long
from gtmask.manifest.contract import BACKGROUND, JOB_OUTPUT
from gtmask.manifest.line import ManifestLine, describe_problem
from gtmask.manifest.newest import Attributes, age_of
from gtmask.manifest.parser import LineParser
from gtmask.manifest.references import NOTHING_SHARED, SharedEnds, find_shared_ends
from gtmask.manifest.unfinished import PARTIAL
from gtmask.text import text_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gtmask.answers.originals import Originals
    from gtmask.formats.export import Export
    from gtmask.manifest.label import Label
    from gtmask.storage.base import S3Settings


FAILED, UNANSWERED = "failed", "unanswered"


@dataclass(slots=True)
class Look:
    """What the lines of an answer say together.

    ``statuses`` counts objects by what became of them, ``skipped`` are the numbers (from 0, over all
    manifests) of lines that another line of the same image stands for, and ``tied`` those of lines that stand
    for another answer of the same moment; ``classes`` are id and colour of the old attribute's classes by
    name; ``prefix`` is what all images' references begin with; ``digest`` stands for every byte.

    Lines with one number in ``images`` make one mask: those of the copies of one image, by its line in the
    table. All other lines have numbers of their own, below 0. ``pieces`` tells which copy of its image each
    line is of, ``ends`` whether it is the last line of its image; ``long_keys`` are the images whose mask's
    key keeps their extension, and ``masks`` counts images.
    """

    before: str
    after: str
    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    skipped: frozenset[int] = frozenset()
    tied: frozenset[int] = frozenset()
    images: array[int] = field(default_factory=lambda: array("q"))
    pieces: array[int] = field(default_factory=lambda: array("i"))
    ends: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    long_keys: frozenset[int] = frozenset()
    masks: int = 0
    classes: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    prefix: str = ""
    digest: str = ""
    shared: SharedEnds = NOTHING_SHARED


def each_line(manifests: Sequence[ManifestReader]) -> Iterator[tuple[str, bytes]]:
    """Yield where each filled line stands, and its bytes."""
    for manifest in manifests:
        for raw in manifest.filled_lines():
            yield f"{manifest.location}, line {raw.number}", raw.data


def is_good(label: Label | None) -> bool:
    """Say whether a label has a mask that can be read."""
    return (
        label is not None
        and label.failure_reason is None
        and label.mask is not None
        and label.color_map is not None
    )


def status_of(line: ManifestLine, after: str) -> str:
    """Return what became of an object: its adjustment-status, ``answered``, ``failed`` or ``unanswered``."""
    label = line.label(after)
    if label is not None and label.failure_reason is not None:
        return FAILED
    if label is None or not is_good(label):
        return UNANSWERED
    return label.adjustment_status or "answered"


def old_label(line: ManifestLine, look_after: str, before: str) -> Label | None:
    """Return the label that a job was to adjust on this line."""
    named = line.label(before)
    if named is not None and is_good(named):
        return named
    older = [label for label in line.labels if label.attribute != look_after and is_good(label)]
    return older[-1] if older else None


def look_at(
    manifests: Sequence[ManifestReader],
    before: str | None,
    after: str | None,
    prefixes: Sequence[str],
    originals: Originals | None,
    *,
    copies: bool,
) -> Look:
    """Look at all lines twice: for the attributes, then for the objects.

    Raises ManifestError: a line that is no manifest line, or manifests that no job wrote. Raises UsageError:
    the table knows none of the images.

    - ``before``, ``after``: overrule what the metadata says.
    - ``prefixes``: what image references may begin with; the first one with which any begins counts.
    - ``originals``: knows which images the copies are of, where copies were labeled.
    - ``copies``: masks are looked for below a folder of copies.
    """
    attributes = _attributes(manifests)
    newest = next(iter(attributes.newest_first()), "")
    by_job = newest if newest and attributes.age(newest).by_job else None
    written = after or attributes.answer or by_job
    if written is None:
        raise ManifestError(
            f"{manifests[0].location} is no answer of a segmentation job: no line has an adjustment-status, "
            "a failure-reason or a labeling job's name; name the new attribute with --after if it is one."
        )
    order = attributes.newest_first()
    older = order[order.index(written) + 1 :] if written in order else order
    found = Look(before or next(iter(older), ""), written)
    _Objects(found, prefixes, originals).run(manifests)
    if originals is not None and max(found.images, default=-1) < 0:
        raise UsageError(
            f"{originals.location} names none of the images of {manifests[0].location}: give the table of "
            "these copies, and with --images what references to them begin with."
        )
    if copies:
        found.shared = find_shared_ends(partial(mask_references, manifests))
    return found


def _attributes(manifests: Sequence[ManifestReader]) -> Attributes:
    attributes, parser = Attributes(), LineParser()
    for where, data in each_line(manifests):
        line = parser.parse(data)
        if not line.is_object or not line.source_ref:
            problem = line.problems[-1]
            raise ManifestError(f"{where}: {describe_problem(problem.code, problem.detail)}")
        attributes.add(line.labels)
    return attributes


class _Objects:
    """The second look: one entry of a few bytes per line."""

    def __init__(self, found: Look, prefixes: Sequence[str], originals: Originals | None) -> None:
        self.found, self.prefixes, self.originals = found, prefixes, originals
        self.sources, self.ranks = array("Q"), array("d")
        #: Of each line the mask that it answers with.
        self.masks = array("Q")
        #: Of each line the mask's key without and with the image's extension.
        self.mask_keys = array("Q")
        self.statuses: list[str] = []
        #: Classes of the new attribute: those that the old one lacks come after its own.
        self.new: dict[str, tuple[int | None, str]] = {}
        self.reasons: dict[int, str] = {}

    def run(self, manifests: Sequence[ManifestReader]) -> None:
        found, parser = self.found, LineParser()
        digest = blake2b(digest_size=16)
        shared: str | None = None
        begins: set[str] = set()
        for _, data in each_line(manifests):
            digest.update(data + b"\n")
            line = parser.parse(data)
            shared = _common(shared, line.source_ref)
            begins.update(prefix for prefix in self.prefixes if line.source_ref.startswith(prefix))
            self._one(line)
        found.digest = digest.hexdigest()
        found.prefix = next((prefix for prefix in self.prefixes if prefix in begins), shared or "")
        found.lines = len(self.ranks)
        for name, entry in self.new.items():
            found.classes.setdefault(name, entry)
        self._choose()

    def _one(self, line: ManifestLine) -> None:
        found = self.found
        status = status_of(line, found.after)
        label = line.label(found.after)
        answered = status not in {FAILED, UNANSWERED}
        self.ranks.append(age_of(label).created if label is not None and answered else -1.0)
        self.masks.append(text_hash(str(label.mask)) if label is not None else 0)
        self.statuses.append(status)
        if status == FAILED and label is not None:
            self.reasons[len(self.statuses) - 1] = str(label.failure_reason)
        copy = None if self.originals is None else self.originals.find(line.source_ref)
        if copy is None:
            image, name, place = line.source_ref, line.source_ref, (-len(self.statuses), 0)
        else:
            image, name, place = copy.image.source, copy.image.images[copy.piece].key, copy[:2]
        self.sources.append(text_hash(name))
        self.mask_keys.extend(map(hash_mask_key, (image, f"{image}.png")))
        found.images.append(place[0])
        found.pieces.append(place[1])
        for known, given in ((found.classes, old_label(line, found.after, found.before)), (self.new, label)):
            for entry in (given.color_map if given is not None else None) or ():
                if entry.name not in {"", BACKGROUND}:
                    known.setdefault(entry.name, (entry.id, entry.color))

    def _choose(self) -> None:
        """Keep the last answer of each image, and see whose masks would share a key."""
        sources = np.frombuffer(self.sources, np.uint64)
        ranks, masks = np.frombuffer(self.ranks), np.frombuffer(self.masks, np.uint64)
        order = np.lexsort((np.arange(len(sources)), -ranks, sources))
        ordered = sources[order]
        repeats = np.append(False, ordered[1:] == ordered[:-1])
        skipped = set(order[repeats].tolist())
        self.found.skipped = frozenset(skipped)
        chosen = order[~repeats][np.cumsum(~repeats) - 1]
        ties = (ranks[order] == ranks[chosen]) & (ranks[chosen] >= 0) & (masks[order] != masks[chosen])
        self.found.tied = frozenset(chosen[ties].tolist())
        kept = np.sort(order[~repeats])[::-1]
        images = np.frombuffer(self.found.images, np.int64)
        numbers, last = np.unique(images[kept], return_index=True)
        self.found.masks = len(numbers)
        ends = self.found.ends = np.zeros(len(sources), np.bool_)
        ends[kept[last]] = True
        short, long = np.frombuffer(self.mask_keys, np.uint64).reshape(-1, 2).T
        self.found.long_keys = frozenset(images[needing_long(short, long, ends)].tolist())
        for number, status in enumerate(self.statuses):
            if number not in skipped:
                self.found.statuses[status] += 1
                if status == FAILED:
                    self.found.failures[self.reasons[number]] += 1


def _common(known: str | None, reference: str) -> str:
    """Return the folders that all references so far are in."""
    folder = reference[: reference.rfind("/") + 1]
    if known is None or known == folder:
        return folder
    common = posixpath.commonprefix([known, folder])
    return common[: common.rfind("/") + 1]


def open_manifests(locations: Sequence[str], s3: S3Settings) -> list[ManifestReader]:
    """Open the output manifests at some locations: files, globs, and the output folders of jobs, each once.

    A job's folder holds manifests of its work in progress too; ``manifests/output/output.manifest`` is
    the one that counts (Developer Guide, sms-data-output).

    Raises UsageError: no location. Raises NotFoundError: a location without an output manifest. Raises
    ManifestError: only the growing manifest of an unfinished run is there.
    """
    if not locations:
        raise UsageError("No output manifest is given: name a MANIFEST, or a job with --job.")
    found: dict[str, ManifestReader] = {}
    for location in locations:
        export = open_export(location, s3)
        names = [name for name in export.names() if name.endswith(".manifest")]
        outputs = [name for name in names if name == JOB_OUTPUT or name.endswith("/" + JOB_OUTPUT)]
        single = list(export.names())[:2] == names[:2] and len(names) == 1
        chosen = names if single or not outputs else outputs
        if not chosen and (partial := next((name for name in export.names() if name.endswith(PARTIAL)), "")):
            raise ManifestError(
                f"{location}: {partial} is of a run of `gtmask convert` that is not finished, and no job "
                "has answered it: finish the run, send its manifest to a job, and name what that writes."
            )
        if not chosen:
            raise NotFoundError(
                f"{location} has no output manifest: name the file, or the job's output folder."
            )
        for name in chosen:
            reader = _reader(export, location, name)
            found.setdefault(reader.location, reader)
    return list(found.values())


def _reader(export: Export, location: str, name: str) -> ManifestReader:
    shown = location if location.endswith(name) else f"{location.rstrip('/')}/{name}"
    return ManifestReader(
        shown, export.size(name), lambda start, length: export.read(name, start, start + length)
    )
