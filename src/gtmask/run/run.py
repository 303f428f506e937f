"""A run from start to end: look, decide, freeze, convert chunk by chunk, assemble.

Nothing here touches pixels. The order of the steps is the promise: everything that can refuse the run does
so before the first mask is written, and everything that was committed stays whatever happens after.
"""

from __future__ import annotations

import contextlib
import pickle
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gtmask import jit
from gtmask.errors import GtmaskError, NotFoundError, UsageError
from gtmask.findings import Finding
from gtmask.formats import open_reader
from gtmask.formats.base import ReadOptions
from gtmask.groundtruth import classes as class_maps
from gtmask.groundtruth.manifest import ManifestWriter, creation_date
from gtmask.images.resolve import ImageRule, choose_rule
from gtmask.run.assemble import GrowingManifest, assemble
from gtmask.run.commit import (
    CLASSES,
    MASKS,
    RUN_FILE,
    Tally,
    commit_key,
    committed,
    manifest_key,
    read_commit,
)
from gtmask.run.executors import Pool
from gtmask.run.overwrite import remove_run
from gtmask.run.plan import Plan, fingerprint, freeze, load_plan, refuse_other
from gtmask.run.settings import Means, Settings, split_options
from gtmask.run.shards import parse_shard
from gtmask.run.survey import SAMPLE, Survey, batches, survey
from gtmask.run.worker import Chunk, Job, run_async, run_chunk
from gtmask.storage import is_s3, open_storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from gtmask.formats.base import Reader
    from gtmask.model import ClassMap

#: Kernels that a conversion needs before workers start: compiled once, by the parent.
KERNELS = ("gtmask.formats.build", "gtmask.raster", "gtmask.png")


class Progress(Protocol):
    """Hears how a run gets on; what the command line's progress bar is made of."""

    def stage(self, name: str, total: int | None) -> None:
        """Tell that a stage begins ("survey", "convert", ...), with its number of records if known."""
        ...

    def advance(self, records: int, rejects: int = 0) -> None:
        """Tell that so many more records of this stage are done."""
        ...


class _Silent:
    def stage(self, name: str, total: int | None) -> None: ...

    def advance(self, records: int, rejects: int = 0) -> None: ...


@dataclass(slots=True)
class Summary:
    """What a run came to.

    ``tally`` covers the whole run where it is ``complete``, else the chunks of this start; ``resumed`` is
    the number of chunks that earlier starts had committed; ``manifest`` is None until it is assembled.
    """

    title: str
    out: str
    manifest: str | None
    tally: Tally
    classes: ClassMap
    chunks: int
    resumed: int
    complete: bool
    findings: list[Finding] = field(default_factory=list)
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """0 everything converted, 3 finished with rejects."""
        return 3 if self.tally.rejects else 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "format": self.title, "out": self.out, "manifest": self.manifest, "complete": self.complete,
            "dry_run": self.dry_run, "chunks": self.chunks, "resumed": self.resumed, **self.tally.to_json(),
            "export_findings": [{"code": item.code, "detail": item.detail} for item in self.findings],
            "classes": {entry.id: entry.name for entry in self.classes.classes},
        }  # fmt: skip


def convert(
    source: str | PathLike[str],
    out: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    classes: str | PathLike[str] | ClassMap | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Summary:
    """Convert an export to masks and a manifest; resumes what an earlier start left unfinished.

    Parameters
    ----------
    source
        File, folder, glob, archive or ``s3://`` location of the export.
    out
        Folder or ``s3://`` prefix of the output.
    images
        Folder or prefix in which the images are read; the export's own folder by default.
    classes
        A class map or the path of its TOML file; by default made from the export's own label list.
    progress
        Hears how the run gets on.
    **options
        The fields of :class:`gtmask.run.settings.Settings` and :class:`gtmask.run.settings.Means`, and
        ``s3_client``, ``endpoint_url``, ``profile``, ``region``, ``concurrency``; the same names as the
        options of ``gtmask convert``.

    Returns
    -------
    Summary
        Its ``exit_code`` is 3 where records were rejected.

    Raises
    ------
    UsageError
        Settings that cannot be meant, or another run's output.
    GtmaskError
        The run stopped; what was committed is kept and the same call goes on.
    """
    settings, means = split_options(options)
    run = _Run(str(source), str(out), settings, means, progress or _Silent())
    with contextlib.ExitStack() as stack:
        return run.go(stack, None if images is None else str(images), classes)


class _Run:
    """The steps of one start."""

    def __init__(self, source: str, out: str, settings: Settings, means: Means, progress: Progress) -> None:
        self.source, self.out_location = source, out
        self.settings, self.means, self.progress = settings, means, progress
        self.shard = parse_shard(means.shard)

    def go(self, stack: contextlib.ExitStack, images: str | None, classes: Any) -> Summary:
        reader = self._open_reader()
        self.images_given = images is not None
        self.images = images if images is not None else default_images(self.source)
        _refuse_overlap(self.source, self.images, self.out_location)
        jit.compile_kernels(KERNELS)
        self.pool = Pool(self.means.executor, self.means.workers)
        stack.callback(self.pool.close)
        try:
            plan = self._plan(reader, classes)
            class_map = class_maps.load(plan.classes, CLASSES)
            return self._convert(reader, plan, class_map)
        except KeyboardInterrupt:
            # Chunks that run are waited for by the pool's close; a second Ctrl-C ends them.
            stack.pop_all()
            self._stop()
            raise

    def _stop(self) -> None:
        try:
            self.pool.close()
        except KeyboardInterrupt:
            self.pool.kill()

    def _open_reader(self) -> Reader:
        chosen = self.settings
        read = ReadOptions(
            annotator=chosen.annotator,
            include_predictions=chosen.include_predictions,
            include_unannotated=chosen.include_unannotated,
            interpolate=chosen.interpolate,
            class_attribute=chosen.class_attribute,
            keep_going=chosen.keep_going,
            memory_limit=self.means.memory_limit,
        )
        return open_reader(self.source, chosen.format, read, self.means.s3)

    # -- plan ------------------------------------------------------------------------------------------

    def _plan(self, reader: Reader, classes: Any) -> Plan:
        """Return the frozen plan: the one that is there, or a new one."""
        class_map = _given_classes(classes)
        text = None if class_map is None else class_maps.dumps(class_map)
        if reader.labels is not None and class_map is None:
            class_maps.check_count(len(set(reader.labels)))
        earlier, occupied = run_async(self._look_at_output())
        mark = fingerprint(reader.export)
        if earlier is not None and not self.means.overwrite:
            wanted = {**self.settings.frozen(), "fingerprint": mark, "classes": text, **self._prefixes()}
            refuse_other(earlier, _as_frozen(wanted, earlier), self.out_location)
            return earlier
        if occupied and not self.means.overwrite and not self.means.dry_run:
            raise UsageError(
                f"{self.out_location} holds masks that no gtmask run wrote: choose another --out, or --overwrite "
                "to let masks of the same names be replaced."
            )
        plan = self._new_plan(reader, class_map, mark)
        return plan if self.means.dry_run else run_async(self._freeze(plan, earlier))

    async def _look_at_output(self) -> tuple[Plan | None, bool]:
        async with open_storage(self.out_location, self.means.s3) as out:
            plan = None
            try:
                plan = await load_plan(out)
            except UsageError:
                if not self.means.overwrite:
                    raise
            if plan is not None:
                return plan, False
            async for _ in out.list(MASKS):
                return None, True
            return None, False

    async def _freeze(self, plan: Plan, earlier: Plan | None) -> Plan:
        async with open_storage(self.out_location, self.means.s3) as out:
            if self.means.overwrite:
                await remove_run(out, earlier)
            await out.put(CLASSES, plan.classes.encode(), "text/plain; charset=utf-8")
            return await freeze(out, plan)

    def _prefixes(self) -> dict[str, str]:
        """Return what stands before image keys and mask keys in the manifest."""
        image = self.settings.image_uri or _absolute(self.images)
        mask = self.settings.mask_uri or _absolute(self.out_location) + "/" + MASKS
        return {"image_prefix": image.rstrip("/") + "/", "mask_prefix": mask.rstrip("/") + "/"}

    def _new_plan(self, reader: Reader, class_map: ClassMap | None, mark: str) -> Plan:
        found_any = True

        def choose(references: list[tuple[str, tuple[str, ...]]]) -> ImageRule:
            nonlocal found_any
            rule, found_any = run_async(self._choose_rule(references))
            return rule

        needs_labels = class_map is None and reader.labels is None
        units = islice(reader.units(), 1)
        first = next(units, None)
        blind = first is not None and reader.image_of(first) is None
        count = reader.count()
        total = count if self.settings.limit is None or count is None else min(count, self.settings.limit)
        self.progress.stage("survey", total)
        outcome, rule = survey(
            reader,
            self.settings.limit,
            read_records=needs_labels or blind,
            pool=self.pool,
            choose_rule=choose,
            progress=self.progress.advance,
        )
        if class_map is None:
            class_map = class_maps.from_labels(
                reader.labels if reader.labels is not None else sorted(outcome.labels)
            )
        settings = self.settings.frozen()
        settings["creation_date"] = self.settings.creation_date or creation_date(datetime.now(UTC))
        settings["size"] = self._size(found_any, outcome)
        return Plan(
            settings=settings,
            **self._prefixes(),
            classes=class_maps.dumps(class_map),
            rule=rule.to_json(),
            fingerprint=mark,
            records=outcome.records,
            title=reader.title,
            long_keys=outcome.long_keys,
            duplicates=outcome.duplicates,
            findings=[{"code": item.code, "detail": item.detail} for item in reader.findings],
        )

    async def _choose_rule(self, references: list[tuple[str, tuple[str, ...]]]) -> tuple[ImageRule, bool]:
        """Choose how references become keys; say whether any image was found."""
        async with open_storage(self.images, self.means.s3) as storage:
            found: dict[str, bool] = {}

            async def exists(key: str) -> bool:
                if key not in found:
                    try:
                        await storage.size(key)
                        found[key] = True
                    except NotFoundError:
                        found[key] = False
                return found[key]

            rule = await choose_rule(references, exists, self.images)
            return rule, any(found.values())

    def _size(self, found_any: bool, outcome: Survey) -> str:
        """Decide where sizes come from: from image headers, where images can be read."""
        size = self.settings.size
        if found_any or size == "annotation":
            return "header" if size == "auto" else size
        if size == "auto" and not self.images_given:
            return "annotation"
        if outcome.records >= SAMPLE:
            raise UsageError(
                f"None of the first {SAMPLE} images is in {self.images}: check --images, or take the sizes from the "
                "export with --size annotation."
            )
        return "header" if size == "auto" else size

    # -- convert ---------------------------------------------------------------------------------------

    def _convert(self, reader: Reader, plan: Plan, class_map: ClassMap) -> Summary:
        job = self._job(reader, plan, class_map)
        done = set() if self.means.dry_run else run_async(self._done())
        mine = [chunk for chunk in range(plan.chunks) if chunk in self.shard and chunk not in done]
        resumed = len(done)
        size = plan.settings["chunk_size"]
        self.progress.stage(
            "convert", min(plan.records, sum(min(size, plan.records - c * size) for c in mine))
        )
        tally = self._run_chunks(reader, plan, job, mine, done)
        if self.means.dry_run:
            return self._summary(plan, class_map, tally, resumed, complete=True)
        if len(done) < plan.chunks:
            return self._summary(plan, class_map, tally, resumed, complete=False)
        self.progress.stage("assemble", None)
        whole = run_async(self._assemble(plan))
        return self._summary(plan, class_map, whole, resumed, complete=True)

    def _job(self, reader: Reader, plan: Plan, class_map: ClassMap) -> bytes:
        settings = Settings(**plan.settings)
        writer = ManifestWriter(
            class_map,
            creation_date=plan.settings["creation_date"],
            label_attribute=settings.label_attribute,
            job_name=settings.job_name,
            confidence=settings.confidence,
        )
        job = Job(
            reader, settings, class_map, ImageRule.from_json(plan.rule), writer, self.images, self.out_location,
            plan.image_prefix, plan.mask_prefix, self.means.s3, self.means.strict, self.means.dry_run,
        )  # fmt: skip
        return pickle.dumps(job)

    async def _done(self) -> set[int]:
        """Return the committed chunks, after taking back those with rejects if they are to be retried."""
        async with open_storage(self.out_location, self.means.s3) as out:
            done = await committed(out)
            for chunk in sorted(done) if self.means.retry_rejects else ():
                if chunk in self.shard and (await read_commit(out, chunk))["rejects"]:
                    await out.delete(commit_key(chunk))
                    done.discard(chunk)
            return done

    def _run_chunks(self, reader: Reader, plan: Plan, job: bytes, mine: list[int], done: set[int]) -> Tally:
        """Convert the chunks that are missing, and let a local manifest grow."""
        tally = Tally()
        if not mine:
            return tally
        growing = None
        if not (is_s3(self.out_location) or self.means.dry_run or self.shard.count > 1):
            growing = GrowingManifest(open_storage(self.out_location, self.means.s3), plan)
        results = self.pool.map(run_chunk, ((job, chunk) for chunk in _chunks(reader, plan, set(mine))))
        try:
            for result in results:
                tally.add(result.tally)
                done.add(result.chunk)
                self.progress.advance(result.tally.records, result.tally.rejects)
                if growing is not None:
                    run_async(growing.grow(done))
        finally:
            results.close()
            if growing is not None:
                growing.close()
        return tally

    async def _assemble(self, plan: Plan) -> Tally:
        async with open_storage(self.out_location, self.means.s3) as out:
            return await assemble(out, plan)

    def _summary(
        self, plan: Plan, class_map: ClassMap, tally: Tally, resumed: int, *, complete: bool
    ) -> Summary:
        findings = [Finding(item["code"], item["detail"]) for item in plan.findings]
        prefix = _absolute(self.out_location)
        manifest = f"{prefix}/{manifest_key(plan.settings['label_attribute'])}"
        return Summary(
            plan.title, prefix, manifest if complete and not self.means.dry_run else None, tally, class_map,
            plan.chunks, resumed, complete, findings, self.means.dry_run,
        )  # fmt: skip


def finish(out: str | PathLike[str], **options: Any) -> Summary:
    """Assemble the manifest of a run whose chunks were spread over machines.

    Parameters
    ----------
    out
        The run's output.
    **options
        S3 options, as for :func:`convert`.

    Raises
    ------
    GtmaskError
        If chunks are missing, or there is no run.
    """
    _, means = split_options(options)

    async def work() -> Summary:
        async with open_storage(str(out), means.s3) as storage:
            plan = await load_plan(storage)
            if plan is None:
                raise UsageError(f"There is no run in {out}: {storage.uri(RUN_FILE)} is missing.")
            tally = await assemble(storage, plan)
            findings = [Finding(item["code"], item["detail"]) for item in plan.findings]
            manifest = storage.uri(manifest_key(plan.settings["label_attribute"]))
            class_map = class_maps.load(plan.classes, CLASSES)
            return Summary(plan.title, _absolute(str(out)), manifest, tally, class_map, plan.chunks,
                           plan.chunks, complete=True, findings=findings)  # fmt: skip

    summary: Summary = run_async(work())
    return summary


def default_images(source: str) -> str:
    """Return the export's own folder: where images are looked for without ``--images``."""
    if is_s3(source):
        bucket, _, key = source.removeprefix("s3://").partition("/")
        folder = key if key.endswith("/") or not key else key.rpartition("/")[0]
        while any(char in folder for char in "*?["):
            folder = folder.rpartition("/")[0]
        return f"s3://{bucket}/{folder}".rstrip("/")
    path = Path(source).expanduser()
    while any(char in str(path) for char in "*?[") and not path.exists():
        path = path.parent
    return str(path if path.is_dir() else path.parent)


def _absolute(location: str) -> str:
    return location.rstrip("/") if is_s3(location) else str(Path(location).expanduser().absolute())


def _refuse_overlap(source: str, images: str, out: str) -> None:
    """Refuse an output that the next start would read as part of the export, or that hits the images."""
    if is_s3(out) != is_s3(source) and is_s3(out) != is_s3(images):
        return
    target = _absolute(out)
    if not is_s3(source) and not is_s3(out) and Path(source).is_dir() and _inside(target, _absolute(source)):
        raise UsageError(
            f"--out {out} lies inside the export {source}, so its files would be read as annotations on the next "
            "start: choose a folder beside it."
        )
    if _inside(_absolute(images), target + "/" + MASKS.rstrip("/")):
        raise UsageError(f"--out {out} would put masks among the images in {images}: choose another folder.")


def _inside(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(outer + "/")


def _given_classes(classes: Any) -> ClassMap | None:
    if classes is None or (not hasattr(classes, "__fspath__") and not isinstance(classes, str)):
        given: ClassMap | None = classes
        return given
    path = Path(classes)
    try:
        return class_maps.load(path.read_text("utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--classes {path} cannot be read: {error}") from error


def _as_frozen(wanted: dict[str, Any], earlier: Plan) -> dict[str, Any]:
    """Fill in what the earlier start decided by itself."""
    if wanted["size"] == "auto":
        wanted["size"] = earlier.settings["size"]
    return wanted


def _chunks(reader: Reader, plan: Plan, wanted: set[int]) -> Iterator[Chunk]:
    """Cut the export into chunks and yield the wanted ones."""
    size = plan.settings["chunk_size"]
    long_keys, duplicates = set(plan.long_keys), set(plan.duplicates)
    last = max(wanted)
    for number, units in enumerate(batches(reader, size, plan.records)):
        if number in wanted:
            ordinals = range(number * size, number * size + len(units))
            yield Chunk(
                number, units,
                frozenset(i - ordinals[0] for i in ordinals if i in long_keys),
                frozenset(i - ordinals[0] for i in ordinals if i in duplicates),
            )  # fmt: skip
        if number >= last:
            return
    raise GtmaskError("The export has fewer records than when the run began: start anew with --overwrite.")
