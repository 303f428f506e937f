"""``gtmask answer``: looks at all lines, freezes the plan, does the chunks that are missing, assembles.

A repeat of the same command goes on where the last one stopped; commit records are those of ``convert``. The
output must hit nothing that is read, and nothing of others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gtmask.answers.assemble import AGAIN, CHANGES, COCO, assemble
from gtmask.answers.labeled import Line
from gtmask.answers.options import AnswerOptions
from gtmask.answers.originals import Originals, open_originals
from gtmask.answers.page import PAGE, put_page
from gtmask.answers.plan import (
    MANIFEST,
    PLAN_FILE,
    AnswerPlan,
    freeze,
    make_plan,
    old_classes,
    plan_of_run,
    read_classes,
)
from gtmask.answers.result import Answer
from gtmask.answers.survey import UNANSWERED, Look, each_line, look_at, open_manifests
from gtmask.answers.worker import AnswerJob, Item, answer_chunk
from gtmask.errors import StrictError, UsageError
from gtmask.findings import Finding
from gtmask.groundtruth.labeling_jobs import output_manifests
from gtmask.groundtruth.manifest_file import ManifestReader, mirror_folders
from gtmask.groundtruth.media import MediaSettings, in_batches
from gtmask.images.present import exists
from gtmask.kernels import CHECKER_MODULES, KERNEL_MODULES, compile_kernels
from gtmask.loops import run_async
from gtmask.manifest.unfinished import RUN_FILE
from gtmask.progress import Progress, Silent
from gtmask.run.commit import MASKS, committed, take_back_rejects
from gtmask.run.overwrite import occupied, what_is_there
from gtmask.run.places import NOT_PREPARED, absolute, is_inside, prepared_location, real
from gtmask.storage import check_location, open_storage, split_location
from gtmask.storage.base import S3Settings
from gtmask.storage.usable import check_folder, check_overwrite
from gtmask.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtmask.class_map import ClassMap
    from gtmask.run.plan import Plan


def answer(
    manifests: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    out: str | os.PathLike[str] = "answer",
    *,
    job: Sequence[str] | None = None,
    run: str | None = None,
    classes: str | os.PathLike[str] | None = None,
    images: str | None = None,
    masks: str | None = None,
    prepared: str | os.PathLike[str] | None = None,
    options: AnswerOptions | None = None,
    overwrite: bool = False,
    s3: S3Settings | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Turn what a finished adjustment job wrote into masks, labels to train with, and what to ask again.

    Parameters
    ----------
    manifests
        Output manifests, globs of them, or output folders of jobs, local or ``s3://``; one or several.
    out
        Folder or ``s3://`` prefix for the outputs; the same command goes on where it stopped.
    job
        Names of labeling jobs whose output manifests are read.
    run, classes
        The ``--out`` of the conversion that made the masks, or a class map: masks get its class ids, by
        class name. Without either the ids are those of the adjusted attribute.
    images
        What image references begin with, or a folder of copies; by default as the run knows it.
    masks
        Folder or prefix with copies of the masks.
    prepared
        Table of images that :func:`gtmask.prepare` made: masks are those of the images that it was given,
        of tiles put together. None: the table that the run was made with, if it was; ``"none"``: masks
        are those of the copies that were labeled.
    options
        Choices about failed and unanswered objects, and about outputs.
    overwrite
        Replace files in ``out`` of the same names that no answer wrote.
    s3, workers, progress
        As in :func:`gtmask.validate`.

    Returns
    -------
    Answer
        Its ``exit_code`` is 0 where every object was answered and all of its mask read, else 3.

    Raises
    ------
    ManifestError
        A broken manifest, or one that no segmentation job wrote.
    RunConflictError
        The output holds another answer.
    UsageError
        The output would hit what is read, or files of others; or the table cannot be used.
    StrictError
        Objects are unanswered, and ``unreviewed`` is ``stop``.

    Examples
    --------
    A job in which nobody had to correct anything:

    >>> import json
    >>> import gtmask
    >>> made = gtmask.convert("export.json", "out", images="images")
    >>> with open("out/labeling-qa.manifest") as sent, open("output.manifest", "w") as written:
    ...     for line in map(json.loads, sent):
    ...         line["adjusted-ref"] = line["labeling-qa-ref"]
    ...         metadata = line["labeling-qa-ref-metadata"]
    ...         line["adjusted-ref-metadata"] = metadata | {"adjustment-status": "unadjusted"}
    ...         print(json.dumps(line), file=written)
    >>> answer = gtmask.answer(["output.manifest"], "answer", run="out")
    >>> answer.answered, answer.changed, answer.exit_code
    (6, 0, 0)
    """
    options, settings, progress = options or AnswerOptions(), s3 or S3Settings(), progress or Silent()
    check_location(os.fspath(out), "--out")
    target = absolute(os.fspath(out))
    given = [manifests] if isinstance(manifests, str | os.PathLike) else manifests
    locations = [
        *(os.fspath(manifest) for manifest in given or ()),
        *(output_manifests(job, settings) if job else ()),
    ]
    sources = open_manifests(locations, settings)
    refuse_meeting(target, sources, masks)
    run_async(refuse_occupied(target, settings, overwrite=overwrite))
    progress.stage("survey", None)
    class_map, made_by = _given_classes(run, classes, settings)
    originals = _originals(prepared, made_by, images, options, settings)
    if originals is not None:
        refuse_images(target, originals)
    beside = mirror_folders(sources) if masks is None else ()
    begins = [start.rstrip("/") + "/" for start in (images, made_by and made_by.image_prefix) if start]
    look = look_at(
        sources, options.before, options.after, begins, originals, copies=masks is not None or bool(beside)
    )
    if options.unreviewed == "stop" and (count := look.statuses[UNANSWERED]):
        raise StrictError(
            f"{count:,} objects were not answered: --unreviewed drop leaves them out, --unreviewed keep "
            "takes their old masks."
        )
    class_map = class_map or old_classes(look)
    plan = make_plan(options, look, class_map, target, originals)
    elsewhere = images if images is not None and look.prefix != images.rstrip("/") + "/" else None
    media = MediaSettings(settings, elsewhere, masks, deep=True, shared_masks=look.shared, mirrors=beside)
    table = "" if originals is None else originals.location
    task = AnswerJob(
        options, look.before, look.after, class_map, plan.image_prefix, plan.mask_prefix, target, media, table
    )
    ids = f"--run {run}" if run else f"--classes {classes}" if classes else ""
    found = Answer(target, look.before, look.after, ids or f"the attribute {look.before or look.after}",
                   look.statuses, look.failures, plan.lines, table,
                   made_by.records if made_by else 0)  # fmt: skip
    _work(found, task, plan, _Work(look, sources, originals), Pool(workers, before=_compile), progress)
    coco, page = [COCO] if options.coco else [], [] if found.page_trouble else [PAGE]
    found.files = [f"{target.rstrip('/')}/{name}" for name in (MANIFEST, AGAIN, CHANGES, *coco, *page)]
    return found


def _given_classes(
    run: str | None, classes: str | os.PathLike[str] | None, settings: S3Settings
) -> tuple[ClassMap | None, Plan | None]:
    """Return the class map that a run or a file gives, and the run's plan."""
    if run is not None and classes is not None:
        raise UsageError("--run and --classes both name a class map: give one of them.")
    if classes is not None:
        return run_async(read_classes(os.fspath(classes), settings)), None
    if run is None:
        return None, None
    plan = run_async(plan_of_run(run, settings))
    return plan.class_map(), plan


def _originals(
    prepared: str | os.PathLike[str] | None,
    plan: Plan | None,
    images: str | None,
    options: AnswerOptions,
    settings: S3Settings,
) -> Originals | None:
    """Return the images that were prepared, None where masks of the labeled images are wanted."""
    given = prepared_location(prepared)
    found = None
    if given != NOT_PREPARED:
        found = run_async(open_originals(given, plan, images, options.image_uri, settings))
    if found is None and (options.image_uri is not None or options.orientation != "stored"):
        name = "--orientation" if options.image_uri is None else "--image-uri"
        raise UsageError(
            f"{name} is about images that gtmask prepare was given: name their table with --prepared, or "
            "leave it out."
        )
    return found


_compile = partial(compile_kernels, (*KERNEL_MODULES, *CHECKER_MODULES))


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done: the lines of the manifests, and which of them are of one image."""

    look: Look
    sources: Sequence[ManifestReader]
    originals: Originals | None

    def chunks(self, size: int) -> Iterator[tuple[int, list[Item]]]:
        """Return the chunks of images, each with its number."""
        return enumerate(in_batches(self._items(), size))

    def _items(self) -> Iterator[Item]:
        """Yield each image with its last line: until then its other lines are held."""
        look, waiting = self.look, dict[int, list[Line]]()
        for place, (where, data) in enumerate(each_line(self.sources)):
            if place in look.skipped:
                continue
            image = look.images[place]
            waiting.setdefault(image, []).append(
                Line(data, where, look.pieces[place], is_tied=place in look.tied)
            )
            if look.ends[place]:
                table = None if self.originals is None else self.originals.table
                line = b"" if table is None or image < 0 else table.line(image)
                yield Item(tuple(waiting.pop(image)), image in look.long_keys, line)


def _work(
    found: Answer, job: AnswerJob, plan: AnswerPlan, work: _Work, pool: Pool, progress: Progress
) -> None:
    """Do the chunks that are not committed, and assemble; ``found`` gets what they came to."""
    settings = job.media.s3

    async def begin() -> set[int]:
        async with open_storage(job.out, settings) as out:
            await freeze(out, plan)
            done = await committed(out)
            # Masks that could not be read may have been fetched since.
            return done - await take_back_rejects(out, done)

    async def end() -> None:
        async with open_storage(job.out, settings) as out:
            await assemble(out, plan, job.classes, found, resumed=bool(done))
            if work.originals is not None and work.originals.code:
                found.tally.count_findings([Finding(work.originals.code, job.prepared)], "--run")
            found.page_trouble = await put_page(out, job, found, work.sources)
            await out.sync()

    done = run_async(begin())
    progress.stage("answer", plan.lines)
    chunks = (
        (job, number, items) for number, items in work.chunks(job.options.chunk_size) if number not in done
    )
    with pool:
        for tally in pool.map(answer_chunk, chunks, plan.chunks - len(done)):
            progress.advance(tally.records, tally.rejects)
    progress.stage("assemble", plan.lines)
    run_async(end())


def refuse_meeting(out: str, sources: Sequence[ManifestReader], masks: str | None) -> None:
    """Refuse an output whose files would take the place of the manifests or copies of masks that are read.

    Raises UsageError with the folder to change.
    """
    check_folder(out)
    for source in sources:
        for name in (MANIFEST, AGAIN):
            check_overwrite(out, "--out", f"{out.rstrip('/')}/{name}", source.location)
    target = f"{real(out)}/{MASKS}".rstrip("/")
    if masks is not None and (is_inside(real(masks), target) or is_inside(target, real(masks))):
        raise UsageError(f"--out {out} would overwrite the masks in {masks}: choose another.")


def refuse_images(out: str, originals: Originals) -> None:
    """Refuse an output in the folder of images that were prepared, or in that of their copies.

    Raises UsageError with the folder to change.
    """
    for images in (originals.prefix, split_location(originals.location)[0]):
        if real(out) == real(images.rstrip("/")):
            raise UsageError(f"--out {out} is the folder of the images: choose another.")


async def refuse_occupied(out: str, s3: S3Settings, *, overwrite: bool) -> None:
    """Refuse an output that holds a conversion, or files of an answer's names that no answer wrote.

    Raises UsageError with what is there.
    """
    async with open_storage(out, s3) as storage:
        if await exists(storage, RUN_FILE):
            raise UsageError(
                f"--out {out} holds a run of `gtmask convert`, whose masks would be overwritten: choose "
                "another."
            )
        if overwrite or await exists(storage, PLAN_FILE):
            return
        if there := await what_is_there(storage, (MANIFEST, AGAIN, CHANGES, COCO)):
            # Another machine that has begun the same answer meanwhile wrote its plan before anything else.
            if await exists(storage, PLAN_FILE):
                return
            raise occupied(out, there, "gtmask answer")
