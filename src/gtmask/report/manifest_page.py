"""The page of a manifest: which of its lines are shown, by what is seen on each, and what is known of all."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gtmask.errors import GtmaskError
from gtmask.findings import Finding
from gtmask.groundtruth.line_rules import LineChecker, Task
from gtmask.groundtruth.manifest_file import ManifestReader, RawLine
from gtmask.groundtruth.media import MediaReader, MediaSettings, checking_pool, each_with_media, in_batches
from gtmask.groundtruth.sampling import Candidate, Sampling
from gtmask.loops import run_async
from gtmask.manifest.parser import LineParser
from gtmask.manifest.writer import manifest_name
from gtmask.progress import Progress, advancing
from gtmask.report.choosing import LOOKED_AT, Choice
from gtmask.report.naming import shorten, title_of
from gtmask.report.page import ClassKey, Page, Tile
from gtmask.report.tiles import LineTiles, class_table
from gtmask.run.commit import read_ahead, read_commit
from gtmask.run.plan import load_plan
from gtmask.storage import open_storage, split_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gtmask.storage.base import S3Settings, Storage


VALIDATE = "`gtmask validate --deep` looks at all of them."


def manifest_page(
    manifest: ManifestReader, choice: Choice, settings: MediaSettings, workers: int | None, progress: Progress
) -> Page:
    """Return the page of a manifest.

    Raises ManifestError where none of the lines that were chosen can be used. Raises UsageError: the choice
    names an image that no line has.
    """
    facts = read_run_facts(manifest.location, manifest.size, settings.s3)
    lines = _Lines(manifest)
    look = _Look(lines, choice, settings, workers, progress, facts)
    places = look.choose()
    tiles = run_async(_tiles(manifest, [lines[place] for place in places], settings))
    page = Page(
        f"{title_of(manifest.location)}: {len(tiles):,} of {len(lines):,} images",
        tiles,
        notes=look.notes,
        grid=settings.grid,
    )
    if facts is not None:
        first = LineParser().parse(lines[0].data)
        _add_facts(page, facts, class_table(first.newest.classes) if first.masks else {})
    else:
        page.findings_of = f"Counted over the {len(tiles):,} images shown; {VALIDATE}"
        if len(tiles) < len(lines):
            page.areas_of = f"Pixels in the masks of the {len(tiles):,} images shown, of {len(lines):,}."
    if prefix := shorten(tiles, manifest.location):
        page.notes.append(f"Images are in {prefix}.")
    return page


class _Lines:
    """The lines of a manifest that have anything on them, by place; 24 bytes each."""

    def __init__(self, manifest: ManifestReader) -> None:
        self._manifest, self.location = manifest, manifest.location
        spans = array("Q")
        for raw in manifest.filled_lines():
            spans.extend((raw.number, raw.offset, len(raw.data)))
        self._spans = np.frombuffer(spans, np.uint64).reshape(-1, 3).astype(np.int64)

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, place: int) -> RawLine:
        number, offset, length = self._spans[place].tolist()
        return RawLine(number, offset, self._manifest.read(offset, length))

    def within(self, start: int, end: int) -> range:
        """Return the places of the lines in a range of bytes."""
        first, last = np.searchsorted(self._spans[:, 1], (start, end)).tolist()
        return range(first, last)

    def place_of(self, offset: int) -> int:
        """Return the place of the line that begins at an offset."""
        return int(np.searchsorted(self._spans[:, 1], offset))


class _Look:
    """Chooses lines; ``notes`` say by what."""

    def __init__(
        self,
        lines: _Lines,
        choice: Choice,
        settings: MediaSettings,
        workers: int | None,
        progress: Progress,
        facts: RunFacts | None,
    ) -> None:
        self.lines, self.choice, self.facts = lines, choice, facts
        self._settings, self._workers, self._progress = settings, workers, progress
        self.notes: list[str] = []

    def choose(self) -> list[int]:
        """Return the places of the lines to show, ascending."""
        if self.choice.names:
            return self._named()
        if self.choice.only:
            return self._with_findings()
        if self.choice.cover:
            return self._covering()
        return self.choice.spread(len(self.lines))

    def _named(self) -> list[int]:
        references = self._references()
        self.choice.refuse_missing(references, self.lines.location)
        found = [place for place, reference in enumerate(references) if self.choice.matches(reference)]
        return found[: self.choice.count]

    def _references(self) -> list[str]:
        parser = LineParser()
        return [parser.parse(self.lines[place].data).source_ref for place in range(len(self.lines))]

    def _with_findings(self) -> list[int]:
        wanted, codes = self.choice.count, frozenset(self.choice.only)
        found: list[int] = []
        if self.facts is not None and codes & self.facts.examples.keys():
            told = {code for code in codes if code in self.facts.examples}
            for place, reference in enumerate(self._references()):
                if told & {code for code, _ in self.facts.codes_of(reference)}:
                    found.append(place)
            self.notes.append(
                "Of findings of the conversion, a run keeps the first three images of each chunk."
            )
        for glance in self._glances(range(len(self.lines))):
            if glance.codes & codes:
                found.append(self.lines.place_of(glance.offset))
            if len(set(found)) >= wanted:
                break
        self.notes.append(f"Images with {' or '.join(self.choice.only)}, the first {wanted:,} of them.")
        return sorted(set(found))[:wanted]

    def _covering(self) -> list[int]:
        """Return lines whose masks show every class that is known to occur, as far as there is room."""
        total = len(self.lines)
        looked = self.choice.spread(total, LOOKED_AT)
        glances = list(self._glances(looked))
        seen = _classes(glances)
        occurring = set(seen)
        if self.facts is not None:
            occurring |= {value for value, pixels in self.facts.pixels.items() if pixels}
            glances += self._glances(self._lines_with(occurring - seen))
        elif total > len(looked):
            self.notes.append(f"Classes were looked for in a sample of {len(looked):,} of {total:,} masks.")
        sampling = Sampling()
        for glance in glances:
            place, counts = self.lines.place_of(glance.offset), np.array(glance.counts, np.int64)
            sampling.add(Candidate.of(place, (glance.offset, 0), counts))
        picks = sampling.choose(self.choice.count, self.choice.seed or 0)
        places = {pick.line for pick in picks}
        shown = _classes([glance for glance in glances if self.lines.place_of(glance.offset) in places])
        if missing := len(occurring - {0} - shown):
            told = "class that occurs is" if missing == 1 else "classes that occur are"
            self.notes.append(f"{missing} {told} on none of these images: raise --count.")
        else:
            self.notes.append("Every class that occurs is on one of these images at least.")
        return sorted(places | set(self.choice.spread(total, self.choice.count - len(places))))

    def _lines_with(self, classes: set[int]) -> list[int]:
        """Return the lines of the first chunk that has each of some classes."""
        assert self.facts is not None
        places: set[int] = set()
        for value in classes:
            chunk = next((chunk for chunk in self.facts.chunks if value in chunk.classes), None)
            if chunk is not None:
                places |= set(self.lines.within(chunk.start, chunk.end))
        return sorted(places)

    def _glances(self, places: Sequence[int] | range) -> Iterator[Glance]:
        lines = (self.lines[place] for place in places)
        return look_at(lines, len(places), self._settings, self._workers, self._progress)


def _classes(glances: Sequence[Glance]) -> set[int]:
    return {value for glance in glances for value, pixels in enumerate(glance.counts) if pixels}


async def _tiles(manifest: ManifestReader, lines: list[RawLine], settings: MediaSettings) -> list[Tile]:
    """Return the tiles of lines; raises the first of the errors where none of them can be used."""
    async with MediaReader(settings) as media:
        maker = LineTiles(manifest, media, len(lines))
        tiles = await maker.make(lines)
    if maker.broken and len(maker.broken) == len(lines):
        raise maker.broken[0]
    return tiles


def _add_facts(page: Page, facts: RunFacts, table: dict[int, ClassKey]) -> None:
    """Say what the run's commit records know of all of its images."""
    page.areas = Counter({table[value]: pixels for value, pixels in facts.pixels.items() if value in table})
    page.areas_of = "Pixels in all masks of the run, as its part files say."
    page.counts = facts.findings
    page.findings_of = (
        "Findings of the conversion are counted over the whole run, as its part files say; those of "
        f"validation over the {len(page.tiles):,} images shown, and {VALIDATE}"
    )
    for tile in page.tiles:
        told = facts.codes_of(tile.name)
        tile.findings += [Finding(code, text) for code, text in told]
        # Those of the tiles are among those of the run, and the page adds them up.
        page.counts -= Counter({code for code, _ in told})


BATCH = 64


class Glance(NamedTuple):
    """What one line shows: its byte offset, the codes found about it, its pixels by value (int64 (256,))."""

    offset: int
    codes: frozenset[str]
    counts: list[int]


_Item = tuple[int, frozenset[str], "Task | None"]


def look_at(
    lines: Iterable[RawLine], total: int, settings: MediaSettings, workers: int | None, progress: Progress
) -> Iterator[Glance]:
    """Look at lines in their order, in as many processes as that is worth."""
    progress.stage("look", total)
    items = _checked(advancing(lines, progress))
    batches = ((settings, _one, batch) for batch in in_batches(items, BATCH))
    with checking_pool(workers) as pool:
        for glances in pool.map(each_with_media, batches, -(-total // BATCH)):
            yield from glances


def _checked(lines: Iterable[RawLine]) -> Iterator[_Item]:
    checker = LineChecker()
    for raw in lines:
        problems, task = checker.check(raw.number, raw.data)
        yield raw.offset, frozenset(problem.code for problem in problems), task


async def _one(media: MediaReader, item: _Item) -> Glance:
    offset, codes, task = item
    if task is None:
        return Glance(offset, codes, [0] * 256)
    report = await media.check([(task, True)])
    found = codes | {problem.code for problem in report.problems}
    return Glance(offset, found, np.asarray(report.pixels).tolist())


#: A run of more chunks is not asked: reading a record of each would take longer than looking at masks.
MOST_CHUNKS = 4000


class ChunkFacts(NamedTuple):
    """One chunk: where its lines are in the manifest (byte offsets), and which class ids its masks have."""

    start: int
    end: int
    classes: frozenset[int]


@dataclass(slots=True)
class RunFacts:
    """A finished run: pixels by class id, findings by code, examples of each, and its chunks in order."""

    pixels: Counter[int] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    chunks: list[ChunkFacts] = field(default_factory=list)

    def codes_of(self, reference: str) -> list[tuple[str, str]]:
        """Return the findings, as (code, text), of which an image is told as an example."""
        parts = reference.split("/")
        names = ["/".join(parts[start:]) for start in range(len(parts))]
        return [
            (code, text)
            for code, texts in self.examples.items()
            for text in texts
            if any(text == name or text.startswith((f"{name}: ", f"{name} (")) for name in names)
        ]


def read_run_facts(location: str, size: int, s3: S3Settings | None) -> RunFacts | None:
    """Return what the commit records beside a manifest tell; None where none of them are of this manifest.

    - ``location``, ``size``: the manifest, and its bytes: a file that was changed since is not the run's.
    """
    folder, name = split_location(location)

    async def read() -> RunFacts | None:
        async with open_storage(folder, s3) as storage:
            return await _read(storage, name, size)

    try:
        return run_async(read())
    except GtmaskError:  # another version's run, or one whose state may not be read
        return None


async def _read(storage: Storage, name: str, size: int) -> RunFacts | None:
    plan = await load_plan(storage)
    if plan is None or manifest_name(plan.settings["label_attribute"]) != name or plan.chunks > MOST_CHUNKS:
        return None
    facts = RunFacts(findings=Counter(item["code"] for item in plan.findings))
    start = 0

    async for record in read_ahead(partial(read_commit, storage), range(plan.chunks)):
        end = start + record["lines"]["bytes"]
        pixels = {int(value): count for value, count in record["pixels"].items()}
        facts.chunks.append(ChunkFacts(start, end, frozenset(pixels)))
        facts.pixels.update(pixels)
        facts.findings.update(record["findings"])
        for code, examples in record["examples"].items():
            facts.examples.setdefault(code, []).extend(examples)
        start = end
    return facts if start == size else None
