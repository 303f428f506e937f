"""One chunk in one process: read, probe, paint, encode, put, commit.

Everything a worker needs travels as one pickled :class:`Job`; a thread keeps its worker for the next chunk
(:mod:`gtmask.workers.kept`).
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from gtmask import raster
from gtmask.errors import GtmaskError, NotFoundError, ProbeError, StrictError
from gtmask.findings import Finding, is_reject
from gtmask.formats.export import take_read
from gtmask.formats.versions import expect
from gtmask.images.present import exists, refuse_lost_place
from gtmask.images.resolve import GUESSED, mask_key
from gtmask.loops import in_bursts, side_by_side
from gtmask.manifest.contract import BACKGROUND_COLOR, IMAGE_EXTENSIONS
from gtmask.manifest.unfinished import RUN_FILE
from gtmask.png import encode_counted
from gtmask.run.ahead import heads_of
from gtmask.run.bursts import MOST, Bursts
from gtmask.run.clashes import narrowed, rivals
from gtmask.run.commit import ChunkResult, commit
from gtmask.run.journal import Journal, run_lost
from gtmask.run.journal_s3 import ObjectJournal
from gtmask.run.outcomes import Drawing, MaskPlace, Outcome, gather, holds_pixels, place
from gtmask.run.paint import paint
from gtmask.run.plan import parse_plan, read_plan, understood
from gtmask.run.sizes import MOST_PREPARED, fit
from gtmask.run.states import Meaning, content, state_of
from gtmask.storage import is_s3, open_storage
from gtmask.workers import is_ending, run_kept

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from gtmask.images.prepared import PreparedImages
    from gtmask.images.probe import ImageInfo
    from gtmask.model import Record
    from gtmask.run.ahead import Heads
    from gtmask.run.earlier import EarlierParts, KeptLine
    from gtmask.run.job import Chunk, Job
    from gtmask.run.stats import Sampler
    from gtmask.storage.base import Storage

    Encoder = Literal["fast", "pypng"]

#: Levels of findings at which ``--strict`` stops.
STRICT_LEVELS = frozenset({"guess", "loss", "reject"})


class Worker:
    """Serves the chunks of one job; enter it inside its event loop, for the storages that stay open."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stack = contextlib.AsyncExitStack()
        self._plan = b""
        #: How often what was read of the export, for whichever chunk, may have been other bytes.
        self._doubts = 0
        self._at_once = 1
        self._waits = is_s3(job.images) or is_s3(job.out)
        #: Held by the chunk whose records are converted, where that waits for nothing.
        self._turn = asyncio.Lock()
        self.images: Storage
        self.heads: Heads
        self.table: PreparedImages | None = None
        self.out: Storage
        self.earlier: EarlierParts | None = None
        self.sampler: Sampler | None = None
        # By id: a class map may leave ids out.
        colors = {0: BACKGROUND_COLOR, **{entry.id: entry.color for entry in job.classes.classes}}
        self.palette = colors if job.settings.png == "palette" else None
        self.encoder = cast("Encoder", job.settings.png_encoder)
        self.meaning = Meaning.of(job.classes, job.settings)
        #: Which grid masks fit, and how many pixels one may have.
        self.grid = (job.settings.orientation, job.settings.max_pixels)

    async def __aenter__(self) -> Worker:
        if self.job.measured:
            from gtmask.run.stats import Sampler  # noqa: PLC0415 - few runs are measured

            self.sampler = self.stack.enter_context(Sampler())
        # One storage per location and client: two roots in S3 still share nothing but settings.
        self.images = await self.stack.enter_async_context(open_storage(self.job.images, self.job.s3))
        self.heads = await heads_of(self.images, self.job.known, self.job.s3)
        self.stack.callback(self.heads.close)
        if self.job.table:
            await self._open_table()
        self.out = await self.stack.enter_async_context(open_storage(self.job.out, self.job.s3))
        return self

    async def _open_table(self) -> None:
        from gtmask.images.prepared import open_prepared  # noqa: PLC0415 - most images were not prepared
        from gtmask.run.prepared import Copies  # noqa: PLC0415

        self.table = await open_prepared(self.job.prepared, self.job.images, self.job.s3, self.job.table)
        away = self.job.settings.image_uri is not None
        # Prepared images are stored as they are shown; what is too large has been cut.
        self.grid = ("display", MOST_PREPARED)
        self.copies = Copies(self.heads.probe, self.images, self.job.s3, self.stack, may_be_away=away)

    async def __aexit__(self, *exc: object) -> None:
        await self.stack.aclose()

    async def convert_all(self, chunks: Sequence[Chunk]) -> list[ChunkResult]:
        """Convert chunks, two at a time: one goes on while the other waits for last answers, or the disk."""
        # As many records again wait for another attempt, or for their turn.
        self._at_once = (2 if len(chunks) == 1 else 1) * self.job.s3.in_flight
        take_read()
        expect({uri: version for chunk in chunks for uri, version in chunk.versions.items()})
        found = await side_by_side(self._unless_ending, chunks, 2)
        return [result for result in found if result is not None]

    async def _unless_ending(self, chunk: Chunk) -> ChunkResult | None:
        """Convert a chunk, unless the run is being ended: what has begun is then waited for, and no more."""
        return None if is_ending() else await self.convert(chunk)

    async def convert(self, chunk: Chunk) -> ChunkResult:
        """Convert a chunk's records with a bounded number in flight, then commit."""
        outcomes: list[Outcome | None] = [None] * len(chunk.units)

        def begin(position: int) -> Coroutine[Any, Any, Drawing | Outcome]:
            return self.convert_record(chunk, position, masks)

        async def end(position: int, begun: Drawing | Outcome) -> None:
            outcomes[position] = begun if isinstance(begun, Outcome) else await self.write(begun, masks)

        async def whole(position: int) -> None:
            await end(position, await begin(position))

        async def watched(work: Coroutine[Any, Any, None]) -> None:
            try:
                await work
            except GtmaskError:
                self.job.watch.check(take_read())
                raise

        wanted = [position for position in range(len(chunk.units)) if position not in chunk.kept]
        async with self._journal(chunk.number) as journal:
            masks = None if journal is None else Bursts(self.out, journal)
            if masks is not None and isinstance(journal, ObjectJournal):
                # It looks whether the run is lost before the first mask, while images are read.
                journal.announce(self._likely_masks(chunk, wanted, masks.told))
            else:
                await self._refuse_lost_run()
            while True:
                doubts, ahead = self._doubts, self._looking_ahead(chunk, wanted)
                if self._waits:
                    await side_by_side(lambda position: watched(whole(position)), ahead, self._at_once)
                else:
                    async with self._turn:
                        await watched(in_bursts(begin, end, ahead, MOST, holds_pixels))
                if masks is not None:
                    await masks.end()
                self._doubts += not self.job.watch.check(take_read())
                if self._doubts == doubts:
                    break
            for position, outcome in zip(chunk.kept, await self._keep(chunk.kept.values()), strict=True):
                outcomes[position] = outcome
            result = gather(chunk.number, outcomes)
            if not self.job.dry_run:
                await commit(self.out, [result], self.job.run, self._refuse_lost_run)
                # The parent reads lines back from the part file where it needs them: results stay small.
                result = ChunkResult(result.chunk, result.tally)
        if self.sampler is not None:
            result.report = self.sampler.take()
        result.heads = self.heads.take()
        return result

    def _looking_ahead(self, chunk: Chunk, wanted: list[int]) -> Iterable[int]:
        """Return the positions of records; of those that follow, heads of images may be read meanwhile."""

        def key(position: int) -> str | None:
            found = self._likely_image(chunk, position)
            return found and found[1]

        return self.heads.with_heads(wanted, key)

    def _likely_image(self, chunk: Chunk, position: int) -> tuple[str, str] | None:
        """Return the own key of a record's image and the one it is looked for by first, if its unit tells."""
        names = self.job.reader.names_of(chunk.units[position])
        if names is None or (own := self.job.rule.key(names)) is None:
            return None
        choice = chunk.choices.get(position)
        return own, own if choice is None else next(iter(narrowed(self.job.rule.keys(names), choice)), own)

    def _likely_masks(self, chunk: Chunk, wanted: list[int], told: set[int]) -> Iterator[str]:
        """Yield the keys of the masks of records whose names their units tell, were all images there.

        The positions of these records are added to ``told``.
        """
        for position in wanted:
            if (found := self._likely_image(chunk, position)) is not None:
                told.add(position)
                yield from self._masks_of(chunk, position, *found)

    def _masks_of(self, chunk: Chunk, position: int, own: str, key: str) -> Iterator[str]:
        """Yield the keys of a record's masks if its image is the one with this key."""
        for goal in self._places(key, self._target(chunk, position, own, key)):
            yield goal.mask

    def _target(self, chunk: Chunk, position: int, own: str, key: str) -> str:
        """Return the key of the mask of a whole image."""
        return mask_key(own if self.job.sifted else key, keep_extension=position in chunk.long_keys)

    async def _keep(self, kept: Collection[KeptLine]) -> list[Outcome]:
        """Return the outcomes of records whose masks an earlier run has made: these have the same bytes."""
        if not kept:
            return []
        if self.earlier is None:
            from gtmask.run.earlier import EarlierParts  # noqa: PLC0415 - most runs are no updates

            self.earlier = EarlierParts(self.out)
        found = zip(kept, await self.earlier.find(kept), strict=True)
        renewed = self.job.writer.renewed
        return [Outcome(line=renewed(line), state=one.state, known=counts) for one, (line, counts) in found]

    def _journal(self, chunk: int) -> AbstractAsyncContextManager[Journal | ObjectJournal | None]:
        """Return the journal of a chunk; a dry run has none."""
        if self.job.dry_run:
            return contextlib.nullcontext()
        if is_s3(self.job.out):
            return ObjectJournal(self.out, chunk, self.job.run, self._refuse_lost_run)
        return Journal(self.out, chunk, self._is_mine)

    def _is_mine(self) -> bool:
        """Say whether a local output's plan is still that of this run."""
        try:
            return parse_plan(Path(self.out.root, RUN_FILE).read_bytes()).identity == self.job.run
        except (OSError, ValueError, TypeError):
            return False

    async def _refuse_lost_run(self) -> None:
        """Stop where another start has replaced the run: no chunk of this one counts any more."""
        if self.job.dry_run:
            return
        data = await read_plan(self.out)
        if data is not None and data == self._plan:
            return
        if data is None or understood(self.out, data).identity != self.job.run:
            raise run_lost(self.job.out)
        # It is asked for several times a chunk, and it never changes unless the run is lost.
        self._plan = data

    async def convert_record(self, chunk: Chunk, position: int, masks: Bursts | None) -> Drawing | Outcome:
        """Read one record and look at its image; return what :meth:`write` shall write, or its reject."""
        job = self.job
        record = job.reader.record(chunk.units[position])
        read = content(record, self.meaning)
        findings = record.findings
        if position in chunk.duplicates:
            findings.append(Finding("image-duplicate", record.image))
        if position in chunk.ambiguous:
            findings.append(Finding("image-ambiguous", record.image))
        names = record.names
        keys, own = job.rule.keys(names), job.rule.key(names)
        if own is None:
            findings.append(Finding("image-name-bad", repr(record.image)))
        if own is None or is_reject(findings):
            return self._rejected(record)
        choice = chunk.choices.get(position)
        keys = narrowed(keys, choice)
        key, info = own if choice is None else next(iter(keys), own), None
        if masks is not None and isinstance(masks.journal, ObjectJournal) and position not in masks.told:
            masks.journal.announce(self._masks_of(chunk, position, own, key))
        if job.settings.size != "annotation":
            found = await self._probe(record, keys, key)
            if found is None:
                return self._rejected(record)
            key, info = found
            if keys.get(key) == GUESSED:
                findings.append(Finding("image-renamed", f"{key} for {own}"))
        target = self._target(chunk, position, own, key)
        if position in chunk.long_keys:
            findings.append(Finding("key-collision", target))
        if self.table is None and not key.lower().endswith(IMAGE_EXTENSIONS):
            findings.append(Finding("image-format", key))
        fitting = fit(record, info, job.settings.size, *self.grid)
        findings += fitting.findings
        if self.table is not None and (image := self.table.find(key)) is not None:
            findings += await self.copies.look_at(image)
        if is_reject(findings):
            return self._rejected(record)
        # The reader has made it for us alone.
        record.width, record.height = fitting.width, fitting.height
        state = state_of(read, key, target, info.version if info is not None else "")
        return Drawing(record, fitting.turn, key, target, state)

    async def _probe(self, record: Record, keys: dict[str, int], own: str) -> tuple[str, ImageInfo] | None:
        """Read the header of the first of the record's images that is there."""
        for key in keys:
            try:
                info = await self._header(key)
            except NotFoundError as error:
                if self.table is None:
                    refuse_lost_place(self.images, error)
                continue
            except ProbeError as error:
                record.findings.append(Finding("image-unreadable", str(error)))
                return None
            for other in keys:
                if rivals(keys, key, other) and await exists(self.table or self.images, other):
                    record.findings.append(Finding("image-ambiguous", f"{key} and {other} are both there"))
                    return None
            return key, info
        record.findings.append(Finding("image-missing", own))
        return None

    async def _header(self, key: str) -> ImageInfo:
        """Return an image's header: that of the image that was labeled."""
        return await self.heads.probe(key) if self.table is None else self.table.probe(key)

    async def write(self, drawing: Drawing, masks: Bursts | None) -> Outcome:
        """Paint, encode and put one mask, or one for each tile of its image; return its manifest lines."""
        record, settings = drawing.record, self.job.settings
        painting = paint(record, self.job.classes, fill=settings.fill, stroke=settings.stroke,
                         overlap=settings.overlap, crowd=settings.crowd)  # fmt: skip
        record.findings += painting.findings
        if is_reject(painting.findings):
            return self._rejected(record)
        outcome = Outcome(record.image, record.where, record.findings, b"", state=drawing.state)
        outcome.painted = painting.painted
        if settings.count_covered:
            from gtmask.run.covered import findings_of, measure  # noqa: PLC0415 - few runs count this

            rule = record.source_fill if settings.fill == "source" else settings.fill
            coverage = measure(record, painting.shapes, rule, settings.stroke)
            record.findings += findings_of(coverage)
            outcome.covered = Counter()
            for item in coverage:
                outcome.covered[item.label] += item.painted - item.visible
        self._strict(record)
        mask = raster.turn(painting.mask, drawing.turn) if drawing.turn != 1 else painting.mask
        human = self._human(record)
        files: list[tuple[str, bytes]] = []
        for goal in self._places(drawing.key, drawing.target):
            data, counts = encode_counted(goal.cut(mask), palette=self.palette, encoder=self.encoder)
            line = self.job.writer.line(goal.image, self.job.mask_prefix + goal.mask, human=human)
            outcome.add(line, len(data), counts)
            files.append((goal.mask, data))
        # While this waits, others paint: of many records in flight only one has its pixels in memory.
        del painting, mask
        if masks is not None:
            for name, data in files:
                await masks.put(name, data)
        return outcome

    def _places(self, key: str, target: str) -> list[MaskPlace]:
        """Return where the masks of an image go: one, unless the image was prepared and split."""
        prefix, given = self.job.image_prefix, self.job.settings.image_uri is not None
        image = None if self.table is None else self.table.find(key)
        if image is None:
            return [MaskPlace(prefix + key, target)]
        from gtmask.run.prepared import mask_places  # noqa: PLC0415 - loaded with the table

        return list(mask_places(image, target, prefix, is_given=given))

    def _human(self, record: Record) -> bool:
        """Say whether people annotated an image: as the settings say, else as the export does."""
        told = self.job.settings.human_annotated
        return not record.predicted if told == "auto" else told == "yes"

    def _rejected(self, record: Record) -> Outcome:
        self._strict(record)
        return Outcome(record.image, record.where, record.findings)

    def _strict(self, record: Record) -> None:
        if not self.job.strict:
            return
        for finding in record.findings:
            if finding.level in STRICT_LEVELS:
                raise StrictError(
                    f"{place(record)}: {finding.code} ({finding.detail}); without --strict such findings "
                    "are counted and the run goes on."
                )


def run_chunks(pickled_job: bytes, *chunks: Chunk) -> list[ChunkResult]:
    """Convert chunks; what a pool calls. The thread's worker is kept for the next ones."""

    def make() -> Worker:
        return Worker(pickle.loads(pickled_job))

    async def work(worker: Worker) -> list[ChunkResult]:
        return await worker.convert_all(chunks)

    return run_kept(pickled_job, make, work)


def warm_up() -> None:
    """Do nothing: by the time this runs, the process has imported what a worker needs."""
