"""Which format an export has, told from names and from what its files begin with.

A format's ``sniff`` looks at the first 64 KiB; where they do not tell, detection reads on until it knows.
A file that nothing fits, or that several formats fit, stops with one sentence that says what was seen. In a
folder, a document that is not recognised is told as a loss: what could not be judged is not taken for none.
"""

from __future__ import annotations

import codecs
import difflib
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.errors import DamagedExportError, ExportError, UnknownFormatError, UsageError
from gtmask.findings import Finding
from gtmask.formats import strangers
from gtmask.formats.base import Reader, Sample, WalksDocument
from gtmask.formats.export import ARCHIVES
from gtmask.formats.reading import companions
from gtmask.formats.registry import FORMATS
from gtmask.formats.sampling import read_on, take_sample
from gtmask.manifest.contract import JOB_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gtmask.formats.export import Export
    from gtmask.formats.format import Format

#: Names looked at in a folder, and files opened in it, before the format is known.
MOST_NAMES = 20_000
MOST_SAMPLES = 60
#: Files per folder and extension that are opened: annotation folders are uniform.
PER_GROUP = 3
#: Documents of one export (COCO's train and val files): each is opened.
MOST_DOCUMENTS = 1_000
#: Bytes that are looked at of a document, at most.
MOST_BYTES = 2 << 30
#: Folders of a labeling job beside its output manifest, which alone is the export.
_JOB = re.compile(
    r"(.*?/)??(?:activelearning|annotation-tool|annotations|inference|intermediate|manifests|temp|training)/"
)


class Detection(NamedTuple):
    """What an export is: its format, one line for people, and the files that hold its records.

    ``names`` is empty for formats with one file per image: there the reader chooses by name, and tells of
    the files that it leaves out; elsewhere ``findings`` do. ``early`` are samples of those files of which not
    all was looked at: see :func:`confirmed`.
    """

    format: Format
    title: str
    names: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    early: tuple[Sample, ...] = ()


def detect(
    export: Export,
    format: str = "auto",  # noqa: A002 (the option's name)
    memory_limit: int = MOST_BYTES,
    *,
    early: bool = False,
) -> Detection:
    """Tell an export's format.

    Raises UsageError where there is no format of this name. Raises UnknownFormatError where nothing fits, or
    several formats do; the sentence says what was seen. Raises DamagedExportError where nothing fits a file
    that breaks off or is malformed.

    - ``format``: a name of :data:`FORMATS` skips detection, and chooses this format's files in a mixed
      folder.
    - ``memory_limit``: bytes that are looked at of each document, at most.
    - ``early``: leave the rest of documents to readers that walk through them anyway: the caller must see to
      it that the detection is :func:`confirmed`.
    """
    wanted = None if format == "auto" else named(format)
    listing = _without_job_files(export)
    names = list(islice(listing, MOST_NAMES))
    if not names:
        names = list(islice(export.names(), MOST_NAMES))
        listing = iter(())
    if not names:
        raise UnknownFormatError(f"{export.location} holds no files: check the path.")
    judge = _Judge(export, tuple(names[:100]), wanted, memory_limit, early)
    alone = len(names) == 1 and (wanted is not None or not _holds_picture(export, names[0]))
    try:
        return _detect_file(judge, names[0]) if alone else _detect_folder(judge, names, listing)
    except ExportError:
        if not any(sample.early for sample, _ in judge.seen.values()):
            raise
    # What is wrong is told by all of the documents.
    return detect(export, format, memory_limit)


def confirmed(export: Export, found: Detection, readers: Sequence[Reader[Any]], memory_limit: int) -> bool:
    """Say whether what was told early holds now that the readers have walked through their documents."""
    walked = {name: reader.ends for name, reader in zip(found.names, readers, strict=True)
              if isinstance(reader, WalksDocument)}  # fmt: skip
    for sample in found.early:
        *_, whole = read_on(export, sample, memory_limit, walked.get(sample.name, {}))
        if [entry for entry, _ in matches(whole)] != [entry for entry, _ in matches(sample)]:
            return False
    return True


def _holds_picture(export: Export, name: str) -> bool:
    """Say whether a folder, an archive or a glob holds one PNG, which may be a mask."""
    return name.lower().endswith(".png") and not export.location.endswith(name)


def named(name: str) -> Format:
    """Return the format of this name (hyphens or underscores)."""
    key = name.strip().lower().replace("-", "_")
    if key in FORMATS:
        return FORMATS[key]
    near = difflib.get_close_matches(key, FORMATS, 1)
    known = f"the nearest is {near[0]}" if near else f"known are {', '.join(FORMATS)}"
    raise UsageError(f"--format {name!r:.100} is no format that can be read: {known}.")


def matches(sample: Sample) -> list[tuple[Format, str]]:
    """Return every format whose ``sniff`` recognizes the sample, in the order of the registry."""
    hits = [(entry, entry.sniff(sample)) for entry in FORMATS.values()]
    return [(entry, title) for entry, title in hits if title]


def _walkers(sample: Sample) -> list[Format]:
    """Return the formats that fit and whose readers walk through all of a document anyway."""
    return [entry for entry in FORMATS.values() if entry.walks and entry.sniff(sample)]


def _without_job_files(export: Export) -> Iterator[str]:
    """Yield an export's names, but of a labeling job's output folder only its output manifest."""
    jobs: dict[str, bool] = {}
    for name in export.names():
        found = _JOB.match(name)
        if found is not None:
            root = found[1] or ""
            if root not in jobs:
                jobs[root] = export.exists(root + JOB_OUTPUT)
            if jobs[root] and name != root + JOB_OUTPUT:
                continue
        yield name


@dataclass(frozen=True, slots=True)
class _Judge:
    """Looks at files of one export; what it read on in is kept, so that each is read on in once."""

    export: Export
    siblings: tuple[str, ...]
    wanted: Format | None
    most: int
    early: bool
    seen: dict[str, tuple[Sample, list[tuple[Format, str]]]] = field(default_factory=dict)

    def look(self, name: str) -> tuple[Sample, list[tuple[Format, str]]]:
        """Return a file's sample and the formats that fit, having read on where that was needed."""
        if name in self.seen:
            return self.seen[name]
        sample = take_sample(self.export, name, self.siblings)
        fits = matches(sample)
        if not fits and sample.more:
            for fuller in read_on(self.export, sample, self.most):
                if fuller.early and not (self.early and _walkers(fuller)):
                    continue
                sample, fits = fuller, matches(fuller)
                if fits and (not sample.early or all(entry.walks for entry, _ in fits)):
                    break
            self.seen[name] = sample, fits
        return sample, fits


def _detect_file(judge: _Judge, name: str) -> Detection:
    export, wanted = judge.export, judge.wanted
    if wanted is not None:
        title = wanted.sniff(take_sample(export, name)) or wanted.title
        return Detection(wanted, title, () if wanted.per_image else (name,))
    sample, fits = judge.look(name)
    strangers.refuse(export, sample)
    where = strangers.where(export, name)
    if len(fits) > 1:
        several = ", ".join(entry.name for entry, _ in fits)
        raise UnknownFormatError(f"{where} could be one of {several}: choose with --format.")
    if not fits:
        if damage := strangers.damage(sample):
            seen, offset = damage
            raise DamagedExportError(
                f"{where} {seen}; nothing before tells which tool wrote it: export it again.", offset
            )
        raise UnknownFormatError(f"{where} is of no known format: {strangers.describe(sample, export)}.")
    entry, title = fits[0]
    if not entry.per_image and _is_wide(sample.head):
        raise UnknownFormatError(f"{where} is {title} in UTF-16 or UTF-32: save it as UTF-8.")
    return Detection(entry, title, () if entry.per_image else (name,), early=(sample,) * sample.early)


def _detect_folder(judge: _Judge, names: list[str], others: Iterator[str]) -> Detection:
    """Tell a folder's format from its first names; ``others`` yields those after them, where they matter."""
    export, wanted = judge.export, judge.wanted
    candidates = [name for name in names if _candidate(name)]
    found, unknown = _recognized(judge, candidates)
    if not found and (wanted is None or not wanted.per_image):
        # The images of a data set may come before its annotations, however many they are.
        candidates += _more(others, candidates)
        found, unknown = _recognized(judge, candidates)
    if wanted is None and not found:
        from gtmask.formats.masks import looks_like_masks  # noqa: PLC0415 (few exports get here)

        if not _holds_packed(export, names, unknown) and looks_like_masks(export, names):
            return Detection(FORMATS["masks"], FORMATS["masks"].title)
        raise strangers.nothing(export, names, unknown)
    if len(found) > 1:
        several = "; ".join(f"{key} ({name})" for key, (name, _) in found.items())
        raise UnknownFormatError(
            f"{export.location} holds several formats: {several}: name one folder or file, or choose "
            "with --format."
        )
    entry = wanted or FORMATS[next(iter(found))]
    title = found[entry.name][1] if entry.name in found else entry.title
    if entry.per_image or title == entry.stored_as:
        return Detection(entry, title)
    strange = [
        name for name in names
        if not _candidate(name) and not name.lower().endswith(companions.COMPANIONS)
    ]  # fmt: skip
    candidates += _more(others, candidates)
    return _documents(judge, candidates, strange, entry, title)


def _holds_packed(export: Export, names: list[str], unknown: list[Sample]) -> bool:
    """Say whether annotations may be packed among pictures of which none is said to be a mask."""
    from gtmask.formats.masks.layout import says_masks  # noqa: PLC0415 (few exports get here)

    if any(companions.is_packed(sample.name) for sample in unknown):
        return True
    archives = (name for name in names if name.lower().endswith(ARCHIVES))
    return not says_masks(names) and any(companions.is_document(export, name) for name in archives)


def _more(others: Iterator[str], candidates: list[str]) -> list[str]:
    """Return further names that may be annotations, up to one more than can be documents."""
    return list(islice(filter(_candidate, others), max(MOST_DOCUMENTS + 1 - len(candidates), 0)))


def _recognized(judge: _Judge, candidates: list[str]) -> tuple[dict[str, tuple[str, str]], list[Sample]]:
    """Look at some candidates: the first file and title of each format found, and what fits none."""
    found: dict[str, tuple[str, str]] = {}
    unknown: list[Sample] = []
    for name in _spread(candidates):
        sample, fits = judge.look(name)
        fits = [fit for fit in fits if judge.wanted is None or fit[0] is judge.wanted]
        for entry, title in fits:
            found.setdefault(entry.name, (name, title))
        if not fits:
            unknown.append(sample)
    return found, unknown


def _documents(
    judge: _Judge, candidates: list[str], strange: list[str], entry: Format, title: str
) -> Detection:
    """Choose the files of a folder that are documents of one format, and tell of the others."""
    export = judge.export
    if len(candidates) > MOST_DOCUMENTS:
        raise UnknownFormatError(
            f"{export.location} holds more than {MOST_DOCUMENTS} files beside {entry.title} documents: "
            "name the document itself."
        )
    hits: list[str] = []
    skipped: list[str] = []
    damaged: list[str] = []
    lost: list[tuple[str, str]] = []
    for name in strange:
        if companions.is_document(export, name):
            lost.append((name, companions.IN_ARCHIVE))
        else:
            skipped.append(name)
    early: list[Sample] = []
    for name in candidates:
        sample, fits = judge.look(name)
        early += [sample] * sample.early
        if any(fit is entry for fit, _ in fits):
            hits.append(name)
        elif (judge.wanted is not None and fits) or _is_none(export, sample):
            skipped.append(name)
        elif strangers.is_damaged(export, sample):
            damaged.append(name)
        elif judge.wanted is not None and strangers.gets_any(export, name, entry):
            hits.append(name)
        else:
            lost.append((name, fits[0][1] if fits else strangers.describe(sample)))
    if not hits:
        raise UnknownFormatError(
            f"{export.location} holds no file that looks like {entry.title}: check the path, or --format."
        )
    findings = [
        *(Finding("document-damaged", f"{name} is empty or no whole JSON") for name in damaged),
        *companions.unrecognised(lost),
        *companions.note(skipped),
    ]
    return Detection(entry, title, tuple(hits), tuple(findings), tuple(early))


def _is_none(export: Export, sample: Sample) -> bool:
    """Say whether a file that no reader knows is known to hold no annotations."""
    return (
        not companions.is_document(export, sample.name)
        or companions.is_companion(export, sample.name)
        or companions.is_other_coco(sample)
    )


def _candidate(name: str) -> bool:
    base = name.rpartition("/")[2]
    return base.lower().endswith(companions.DOCUMENTS) or "." not in base or companions.is_packed(base)


def _spread(names: Iterable[str]) -> list[str]:
    """Return a few names of each folder and extension."""
    groups: dict[tuple[str, str], int] = {}
    chosen: list[str] = []
    for name in names:
        folder, _, base = name.rpartition("/")
        group = (folder, base.rpartition(".")[2])
        groups[group] = groups.get(group, 0) + 1
        if groups[group] <= PER_GROUP:
            chosen.append(name)
            if len(chosen) == MOST_SAMPLES:
                break
    return chosen


def _is_wide(head: bytes) -> bool:
    """Say whether text is UTF-16 or UTF-32."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (
        len(head) > 3 and 0 in {head[0], head[1]}
    )
