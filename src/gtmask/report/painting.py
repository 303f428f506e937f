"""The page of an export: its records painted in memory as a conversion would paint them."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from gtmask import kernels, raster
from gtmask.errors import CredentialsError, ProbeError, StorageError, TransientError
from gtmask.findings import is_reject
from gtmask.formats.locate import open_export
from gtmask.loops import run_async
from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR
from gtmask.png import count_values, encode_png
from gtmask.report.choosing import LOOKED_AT, Choice
from gtmask.report.naming import shorten, title_of
from gtmask.report.page import ClassKey, Layer, Page, Tile
from gtmask.report.pictures import shrink
from gtmask.report.tiles import picture_bytes
from gtmask.run.chosen import choose
from gtmask.run.decide import decide
from gtmask.run.job import Chunk, Job, job_of
from gtmask.run.outcomes import Drawing, Outcome
from gtmask.run.paint import paint
from gtmask.run.places import RunRequest, absolute_location
from gtmask.run.settings import ExecutionOptions, Settings
from gtmask.run.survey import names_in
from gtmask.run.watch import Watches, open_run_reader
from gtmask.run.worker import Worker
from gtmask.storage.base import S3Settings
from gtmask.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from os import PathLike

    from gtmask.class_map import ClassMap
    from gtmask.formats.base import Reader, ReadOptions
    from gtmask.progress import Progress
    from gtmask.run.bursts import Bursts
    from gtmask.run.plan import Plan


@dataclass(frozen=True, slots=True)
class Painting:
    """Which export is painted, and how: as of :func:`gtmask.preview`."""

    sources: tuple[str, ...]
    images: str | None
    classes: str | PathLike[str] | ClassMap | None
    format: str
    fill: str
    orientation: str
    options: ReadOptions | None
    s3: S3Settings | None
    workers: int | None

    def request(self, out: str, progress: Progress) -> RunRequest:
        """Return the run that would convert the export, and that writes nothing."""
        reading = {} if self.options is None else self.options.chosen()
        return RunRequest(
            tuple(absolute_location(source, "SOURCE") for source in self.sources),
            out,
            None if self.images is None else absolute_location(self.images, "--images"),
            Settings(format=self.format, fill=self.fill, orientation=self.orientation, **reading),
            ExecutionOptions(dry_run=True, workers=self.workers, s3=self.s3 or S3Settings()),
            progress,
        )


def export_page(painting: Painting, choice: Choice, progress: Progress) -> Page:
    """Return the page of an export, as a conversion with the same options would paint it.

    Raises UnknownFormatError where it is no export that is known. Raises UsageError, ExportError or
    StorageError as :func:`gtmask.convert` raises them.

    - ``choice``: which images are shown; finding codes are those of reading and painting.
    """
    with tempfile.TemporaryDirectory(prefix="gtmask-preview-") as nothing:
        request = painting.request(f"{nothing}/out", progress)
        location, s3 = request.source, request.execution.s3
        exports = [open_export(source, s3) for source in request.sources]
        reader = open_run_reader(request, exports)
        kernels.compile_kernels(kernels.KERNEL_MODULES)
        with Pool(painting.workers) as pool:
            reader = choose(location, reader, None, request.settings, pool, progress)
            plan = decide(request, reader, painting.classes, pool, str)
        job = job_of(request, reader, plan, Watches(()))
        places = _choose(reader, plan, job, choice, location)
        progress.stage("paint", len(places))
        tiles = run_async(_paint(job, _chunks(reader, plan, places), choice, progress))
    title = f"{' and '.join(map(title_of, painting.sources))}: {len(tiles):,} of {plan.records:,} images"
    page = Page(title, tiles, grid=job.settings.orientation)
    page.notes = [f"{plan.title}, not converted yet: painted as `gtmask convert` would paint it."]
    if choice.cover or choice.only:
        page.notes.append(f"Chosen among {min(LOOKED_AT, plan.records):,} of {plan.records:,} images.")
    page.counts = Counter(item["code"] for item in plan.findings)
    page.findings_of = (
        f"Counted over the {len(tiles):,} images shown, and over the export as a whole where a finding is of "
        "all of it; `gtmask inspect` reads every record."
    )
    shorten(tiles, request.sources[0])
    return page


def _choose(reader: Reader[Any], plan: Plan, job: Job, choice: Choice, source: str) -> list[int]:
    """Return which records are shown, by their places in the export."""
    if choice.names:
        names = [names_in(reader, unit).image for unit in islice(reader.units(), plan.records)]
        choice.refuse_missing(names, source)
        return [place for place, name in enumerate(names) if choice.matches(name)][: choice.count]
    if choice.only:
        return choice.spread(plan.records, LOOKED_AT)
    if choice.cover:
        return _covering(reader, plan, job, choice)
    return choice.spread(plan.records)


def _covering(reader: Reader[Any], plan: Plan, job: Job, choice: Choice) -> list[int]:
    """Return records that show as many classes as there is room for: each time that with most new ones."""
    looked = choice.spread(plan.records, LOOKED_AT)
    shows = {
        place: {job.classes.id_of(shape.label, shape.marks) for shape in reader.record(unit).shapes}
        for place, unit in _units(reader, looked)
    }
    seen: set[int | None] = {None, 0}
    picked: list[int] = []
    while len(picked) < choice.count:
        best = max(shows, key=lambda place: len(shows[place] - seen), default=None)
        if best is None or not shows[best] - seen:
            break
        seen |= shows[best]
        picked.append(best)
    rest = [place for place in choice.spread(plan.records) if place not in picked]
    return sorted([*picked, *rest][: choice.count])


def _units(reader: Reader[Any], places: Sequence[int]) -> Iterable[tuple[int, Any]]:
    wanted = set(places)
    last = max(wanted, default=-1) + 1
    return ((place, unit) for place, unit in enumerate(islice(reader.units(), last)) if place in wanted)


def _chunks(reader: Reader[Any], plan: Plan, places: Sequence[int]) -> list[Chunk]:
    """Return chunks of one record each, with what was decided about it."""
    choices = dict(zip(plan.contested, plan.choices, strict=True))
    here, nowhere = frozenset({0}), frozenset[int]()

    def mark(marked: Sequence[int], place: int) -> frozenset[int]:
        return here if place in marked else nowhere

    return [
        Chunk(
            place,
            (unit,),
            {0: choices[place]} if place in choices else {},
            mark(plan.long_keys, place),
            mark(plan.duplicates, place),
            mark(plan.ambiguous, place),
        )
        for place, unit in _units(reader, places)
    ]


async def _paint(job: Job, chunks: Sequence[Chunk], choice: Choice, progress: Progress) -> list[Tile]:
    """Return the tiles of records; with ``--only`` of those that have one of the findings."""
    tiles: list[Tile] = []
    wanted = frozenset(choice.only)
    painter = _Painter(job, picture_bytes(min(choice.count, len(chunks))))
    async with painter:
        for chunk in chunks:
            tile = await painter.tile(chunk)
            progress.advance(1)
            if not wanted or wanted & {found.code for found in tile.findings}:
                await painter.add_picture(tile)
                tiles.append(tile)
            if len(tiles) == choice.count:
                break
    return tiles


class _Painter(Worker):
    """A run's worker that keeps its masks for a page."""

    def __init__(self, job: Job, limit: int) -> None:
        super().__init__(job)
        self._limit = limit
        self._table: dict[int, ClassKey] = {0: (BACKGROUND, BACKGROUND_COLOR)}
        self._table |= {entry.id: (entry.name, entry.color) for entry in job.classes.classes}
        self._made: Tile | None = None

    async def tile(self, chunk: Chunk) -> Tile:
        """Return a record as a tile; what keeps it from becoming a mask is among the tile's findings."""
        self._made = None
        made = await self.convert_record(chunk, 0, None)
        outcome = made if isinstance(made, Outcome) else await self.write(made, None)
        tile = self._made or Tile(outcome.image)
        tile.findings = outcome.findings
        return tile

    async def write(self, drawing: Drawing, masks: Bursts | None) -> Outcome:  # noqa: ARG002 - none is written
        """Paint a record, and keep its mask and picture instead of writing them."""
        record, settings = drawing.record, self.job.settings
        painting = paint(record, self.job.classes, fill=settings.fill, stroke=settings.stroke,
                         overlap=settings.overlap, crowd=settings.crowd)  # fmt: skip
        record.findings += painting.findings
        outcome = Outcome(record.image, record.where, record.findings)
        if is_reject(painting.findings):
            return outcome
        mask = raster.turn(painting.mask, drawing.turn) if drawing.turn != 1 else painting.mask
        self._made = Tile(drawing.key, height=mask.shape[0], width=mask.shape[1])
        self._made.layers = [Layer("mask", encode_png(mask), self._table, count_values(mask))]
        return outcome

    async def add_picture(self, tile: Tile) -> None:
        """Read the image of a tile, where it became a mask; say on it where that cannot be."""
        if not tile.layers:
            return
        try:
            data = await self.images.get(tile.name)
            tile.picture = await asyncio.to_thread(shrink, data, self._limit, self.job.settings.orientation)
        except (CredentialsError, TransientError):
            raise
        except (StorageError, ProbeError) as error:
            tile.note = str(error)
