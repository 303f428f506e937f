"""``gtmask prepare``: lists the images, settles what is to be done, does it in chunks, writes the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.findings import FindingCounts
from gtmask.groundtruth.media import in_batches
from gtmask.images.prepared import TABLE, PreparedImages, open_prepared, parse_line
from gtmask.images.present import exists
from gtmask.kernels import STRIP_MODULES, compile_kernels
from gtmask.loops import one_loop, run_async
from gtmask.manifest.unfinished import RUN_FILE
from gtmask.preparing.listing import Listing
from gtmask.preparing.options import PrepareOptions
from gtmask.preparing.plan import KNOWN, REJECTS, PreparePlan, refuse_lost, settle
from gtmask.preparing.worker import Item, PrepareJob, prepare_chunk
from gtmask.progress import Progress, Silent
from gtmask.run.commit import Tally, each_part, reject_lines
from gtmask.run.lost_masks import FileSizes, LostFiles, folds_case
from gtmask.run.places import absolute_location, is_inside, real
from gtmask.storage import Storage, open_storage
from gtmask.storage.base import S3Settings
from gtmask.storage.usable import check_copies, check_folder
from gtmask.text import plain_values
from gtmask.workers import Pool

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Iterator


@dataclass(slots=True)
class Preparation(FindingCounts):
    """What preparing images came to.

    Attributes
    ----------
    images, out, table
        Where the images are, where their copies are, and the table; None where it is not written yet.
    files
        Files that were looked at.
    prepared
        Images that have a line in the table.
    copied, left
        Those of them whose bytes were copied, and those that were left where they are.
    changes
        How many images were changed, by what was done.
    new_images
        Images that the table names, tiles among them.
    rejects
        Images that could not be prepared; ``rejects.jsonl`` says why.
    dry_run
        Whether nothing was written.
    """

    images: str = ""
    out: str = ""
    table: str | None = None
    files: int = 0
    prepared: int = 0
    copied: int = 0
    left: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    new_images: int = 0
    rejects: int = 0
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """0 where all images are prepared, else 3."""
        return 3 if self.rejects else 0

    def add_line(self, line: bytes) -> None:
        """Count an image by its line of the table."""
        image = parse_line(line)
        self.prepared += 1
        self.new_images += len(image.images)
        self.changes.update(image.changes)
        if not image.changes:
            self.left += bool(image.images[0].at)
            self.copied += not image.images[0].at

    def add_tally(self, tally: Tally) -> None:
        """Add the counts of a chunk."""
        self.files += tally.records
        self.rejects += tally.rejects
        self.add_findings(tally)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        values: dict[str, Any] = plain_values(self)
        return values


def prepare(
    images: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    options: PrepareOptions | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
    s3: S3Settings | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Preparation:
    """Copy images so that Ground Truth can show them, and write a table from old to new.

    Images that EXIF turns are turned, other formats than JPEG and PNG become PNG, samples of more than 8
    bits become 8, CMYK and transparent images RGB, and images beyond Ground Truth's limits become tiles. The
    images themselves are never touched. The same call goes on where an earlier one stopped, and prepares
    what is new or changed.

    Parameters
    ----------
    images
        Folder or ``s3://`` prefix; every file below it is looked at.
    out
        Folder or ``s3://`` prefix for the copies and for ``prepared.jsonl``.
    options
        How images are changed.
    dry_run
        Do everything but write.
    overwrite
        Start anew, and replace files of the same names that were not prepared.
    s3, workers, progress
        As in :func:`gtmask.validate`.

    Returns
    -------
    Preparation
        Its ``exit_code`` is 3 where images could not be prepared.

    Raises
    ------
    UsageError
        The output would hit the images or files of others, or was made with other options.
    StorageError
        Something cannot be read or written.

    Examples
    --------
    >>> import gtmask
    >>> done = gtmask.prepare("images", "prepared")
    >>> done.prepared, done.rejects
    (6, 0)
    """
    options, settings, listener = options or PrepareOptions(), s3 or S3Settings(), progress or Silent()
    source, target = absolute_location(images, "IMAGES"), absolute_location(out, "--out")
    _refuse_meeting(source, target)
    compile_kernels(STRIP_MODULES)
    listener.stage("survey", None)
    with one_loop():
        listing = Listing(source, settings)
        if not listing.count:
            raise UsageError(f"There are no files in {source}: name the folder of the images.")
        plan = PreparePlan(source, asdict(options), listing.digest, listing.count)
        job = PrepareJob(options, source, target, settings, plan.identity, dry_run)
        done, known = set[int](), None
        if not dry_run:
            done, known = run_async(_begin(job, plan, listing, overwrite=overwrite))
        result = Preparation(images=source, out=target, dry_run=dry_run)
        size = options.chunk_size
        listener.stage("prepare", plan.count - sum(min(size, plan.count - chunk * size) for chunk in done))
        chunks = ((job, *chunk) for chunk in _chunks(listing, known, size, done))
        with Pool(workers) as pool:
            for part in pool.map(prepare_chunk, chunks, plan.chunks - len(done)):
                listener.advance(part.tally.records, part.tally.rejects)
                if dry_run:
                    result.add_tally(part.tally)
                    for line in part.lines:
                        result.add_line(line)
        if not dry_run:
            listener.stage("assemble", plan.count)
            run_async(_assemble(job, plan, result, listener, resumed=bool(done or known)))
    return result


def _refuse_meeting(images: str, out: str) -> None:
    """Refuse an output inside or above the images, and images that are nowhere.

    Raises UsageError or NotFoundError with the folder to change.
    """
    check_copies(images, "IMAGES")
    check_folder(out)
    source, target = real(images), real(out)
    if is_inside(target, source) or is_inside(source, target):
        where = "lies inside" if is_inside(target, source) else "is above"
        if source == target:
            where = "is the folder of"
        raise UsageError(
            f"--out {out} {where} the images in {images}, which are never touched: take {source}-prepared, "
            "for example."
        )


async def _begin(
    job: PrepareJob, plan: PreparePlan, listing: Listing, *, overwrite: bool
) -> tuple[set[int], PreparedImages | None]:
    """Return the chunks that are done, and the lines that an earlier plan has left, if there are any."""
    async with open_storage(job.out, job.s3) as out:
        if await exists(out, RUN_FILE):
            raise UsageError(f"--out {job.out} holds a run of `gtmask convert`: choose another.")
        done = await settle(out, plan, listing, overwrite=overwrite)
        if not await exists(out, KNOWN):
            return done, None
    return done, await open_prepared(f"{job.out}/{KNOWN}", job.out, job.s3)


def _chunks(
    listing: Listing, known: PreparedImages | None, size: int, done: set[int]
) -> Iterator[tuple[int, list[Item]]]:
    """Yield the chunks that are missing, each with its number.

    Raises ChangedError: the files are no longer those that were listed.
    """
    for number, items in enumerate(in_batches(listing.again(), size)):
        if number not in done:
            yield number, [_item(listing, known, *item) for item in items]


def _item(listing: Listing, known: PreparedImages | None, key: str, size: int, version: str) -> Item:
    line = None if known is None else known.line_of(key)
    if line is not None and parse_line(line).version != version:
        line = None
    names = listing.names
    return Item(key, size, version, names.base(key), names.trouble(key), names.inside(key), line or b"")


async def _assemble(
    job: PrepareJob, plan: PreparePlan, result: Preparation, progress: Progress, *, resumed: bool
) -> None:
    """Write the table and what was rejected from the parts.

    Raises GtmaskError where images of earlier starts are gone, which is looked at where ``resumed`` says that
    there were any; their chunks are taken back.
    """
    rejects: list[bytes] = []
    images: LostFiles | None = None

    async def lines(out: Storage) -> AsyncIterator[bytes]:
        async for record, part in each_part(out, plan.chunks):
            result.add_tally(Tally.from_json(record))
            rejects.append(reject_lines(record))
            progress.advance(record["records"], record["rejects"])
            for line in part.splitlines():
                result.add_line(line)
            if images is not None:
                lines_of_chunk = map(parse_line, part.splitlines())
                copies = (piece for image in lines_of_chunk for piece in image.images if not piece.at)
                images.look(record["chunk"], [piece.key for piece in copies])
            yield part
        if images is not None:
            # The table of before would name them, and by lines that are kept they would not be made.
            await images.refuse(TABLE, KNOWN)

    async with open_storage(job.out, job.s3) as out:
        await refuse_lost(out, plan.identity)
        if resumed or folds_case(out):
            images = LostFiles(out, await FileSizes.listed(out, ""), "")
        # What it names is there by now: chunks are committed after their images.
        await out.put_stream(TABLE, lines(out), "application/x-ndjson")
        await out.put(REJECTS, b"".join(rejects), "application/x-ndjson")
        await out.sync()
    result.table = f"{job.out}/{TABLE}"
