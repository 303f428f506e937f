"""What a user can choose, in two heaps: what decides the output's bytes, and what does not.

:class:`Settings` is frozen into ``run.json``; a second start with others is refused.
:class:`ExecutionOptions` say how the work is done (processes, requests in flight, machines) and may differ on
every start.

Array jobs tell a shard by variables: AWS Batch, "Array jobs" (AWS_BATCH_JOB_ARRAY_INDEX,
AWS_BATCH_JOB_ARRAY_SIZE); Slurm, "Job Array Support" (SLURM_ARRAY_TASK_ID, _MIN, _MAX, _STEP, _COUNT);
Kubernetes, "Jobs", "Completion mode" (JOB_COMPLETION_INDEX). Kubernetes tells no pod how many there are, and
Batch not on every platform.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypedDict, get_args

from gtmask.choices import choose, fold
from gtmask.errors import UsageError
from gtmask.formats.base import AnnotationChoices
from gtmask.machine import check_workers
from gtmask.manifest.contract import MAX_IMAGE_PIXELS
from gtmask.manifest.names import (
    CONFIDENCE_DEFAULT,
    JOB_NAME_DEFAULT,
    LABEL_ATTRIBUTE_DEFAULT,
    check_confidence,
    check_creation_date,
    check_label_attribute,
)
from gtmask.model import FillRule
from gtmask.storage.base import S3Settings
from gtmask.storage.usable import check_uri_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping


#: Rules that are not some tool's own; the others can be asked for by name, too.
_OWN_FILLS = ("opencv", "center")
CHOICES: dict[str, tuple[str, ...]] = {
    "png": ("gray", "palette"),
    "png_encoder": ("fast", "pypng"),
    "fill": ("opencv", "center", "source", *(rule for rule in get_args(FillRule) if rule not in _OWN_FILLS)),
    "size": ("auto", "header", "annotation", "check"),
    "orientation": ("stored", "display"),
    "overlap": ("order", "area", "priority"),
    "crowd": ("paint", "ignore"),
    "human_annotated": ("auto", "yes", "no"),
}  # fmt: skip

#: A mask beyond this would only exhaust memory.
MOST_PIXELS = 1 << 29


def check_choice(name: str, value: str) -> str:
    """Return a setting as its :data:`CHOICES` spell it; raises UsageError where it is none of them."""
    return choose(f"--{name.replace('_', '-')}", value, CHOICES[name])


@dataclass(frozen=True, slots=True)
class Settings(AnnotationChoices):
    """What decides the bytes of masks and manifest; see ``docs/cli.md`` for every one.

    ``only`` is the path of a file that names images; ``run.json`` has the digest of the names in its place.
    ``chunk_size`` None is worked out by the export (:mod:`gtmask.run.chunk_size`), ``creation_date`` None is
    the run's start: ``run.json`` has what they became, and later starts need not give them.

    Raises
    ------
    UsageError
        When a value cannot be meant; the sentence names the option.
    """

    format: str = "auto"
    image_uri: str | None = None
    mask_uri: str | None = None
    label_attribute: str = LABEL_ATTRIBUTE_DEFAULT
    job_name: str = JOB_NAME_DEFAULT
    creation_date: str | None = None
    confidence: float = CONFIDENCE_DEFAULT
    human_annotated: str = "auto"
    png: str = "gray"
    png_encoder: str = "fast"
    fill: str = "opencv"
    size: str = "auto"
    orientation: str = "stored"
    max_pixels: int = MAX_IMAGE_PIXELS
    overlap: str = "order"
    stroke: float = 0.0
    crowd: str = "paint"
    count_covered: bool = False
    limit: int | None = None
    only: str | None = None
    chunk_size: int | None = None

    def __post_init__(self) -> None:
        for name in CHOICES:
            object.__setattr__(self, name, check_choice(name, getattr(self, name)))
        AnnotationChoices.__post_init__(self)
        check_label_attribute(self.label_attribute)
        if not self.job_name.strip():
            raise UsageError("--job-name is empty: give one, or leave the option out.")
        if self.creation_date is not None:
            check_creation_date(self.creation_date)
        for option, uri in (("--image-uri", self.image_uri), ("--mask-uri", self.mask_uri)):
            check_uri_prefix(uri, option)
        check_confidence(self.confidence)
        if self.default_label is not None and not self.default_label.strip():
            raise UsageError("--default-label is empty: give a name, or leave the option out.")
        if not (math.isfinite(self.stroke) and 0 <= self.stroke <= 1000):
            raise UsageError(f"--stroke {self.stroke} must lie between 0 and 1000 pixels.")
        if not 1 <= self.max_pixels <= MOST_PIXELS:
            raise UsageError(f"--max-pixels {self.max_pixels} must lie between 1 and {MOST_PIXELS:,}.")
        if self.only is not None:
            object.__setattr__(self, "only", os.fspath(self.only))
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit} must be at least 1.")
        if self.chunk_size is not None and not 1 <= self.chunk_size <= 100_000:
            raise UsageError(f"--chunk-size {self.chunk_size} must lie between 1 and 100,000.")

    def frozen(self) -> dict[str, Any]:
        """Return the settings as they are kept in ``run.json``."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        # As JSON brings it back.
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """How the work is done; never changes a byte of the output.

    ``shard`` is ``"I/N"`` with I from 0, or ``"auto"`` (array jobs of AWS Batch and Slurm);
    ``executor`` is ``"local"`` or ``"dask://HOST:PORT"``; ``workers`` None means one per core. ``grace`` are
    the seconds that an interruption leaves to chunks that are worked on; None is as long as they need.
    ``worker_timeout`` are the seconds for which a Dask cluster may have no workers. ``stats`` is a file,
    local or ``s3://``, to which is written what this start took, and ``probe_cache`` one that keeps what
    heads of images say.
    """

    executor: str = "local"
    workers: int | None = None
    shard: str | None = None
    s3: S3Settings = field(default_factory=S3Settings)
    strict: bool = False
    dry_run: bool = False
    overwrite: bool = False
    retry_rejects: bool = False
    grace: float | None = None
    worker_timeout: float = 600.0
    update: bool = False
    prune: bool = False
    memory_limit: int = 2 << 30
    stats: str | None = None
    probe_cache: str | None = None

    def __post_init__(self) -> None:
        check_workers(self.workers)
        object.__setattr__(self, "executor", fold(self.executor, ("local",)) or self.executor)
        parse_shard(self.shard)
        if self.grace is not None and not self.grace >= 0:
            raise UsageError(f"--grace {self.grace} must be a number of seconds, 0 or more.")
        if not self.worker_timeout >= 0:
            raise UsageError(
                f"--worker-timeout {self.worker_timeout} must be a number of seconds, 0 or more."
            )
        if self.overwrite and self.shard is not None:
            raise UsageError(
                "--overwrite with --shard would let each machine remove what the others have done: choose "
                "another --out, or remove the earlier run's files first."
            )
        if self.update and self.overwrite:
            raise UsageError("--update goes on from the run in DEST, and --overwrite removes it: give one.")
        if self.update and self.shard is not None:
            raise UsageError(
                "--update with --shard would have each machine compare the whole export: leave --shard out; "
                "a Dask cluster shares the work of an update (--executor)."
            )
        if self.prune and not self.update:
            raise UsageError("--prune removes masks of images that an update dropped: give --update with it.")
        if self.executor != "local" and not self.executor.startswith("dask://"):
            raise UsageError(f"--executor {self.executor!r} must be local or dask://HOST:PORT.")


class ConvertOptions(TypedDict, total=False):
    """Keyword options of :func:`gtmask.convert`: the fields of its two option classes."""

    format: str
    image_uri: str | None
    mask_uri: str | None
    label_attribute: str
    job_name: str
    creation_date: str | None
    confidence: float
    human_annotated: str
    png: str
    png_encoder: str
    fill: str
    size: str
    orientation: str
    max_pixels: int
    overlap: str
    stroke: float
    crowd: str
    count_covered: bool
    limit: int | None
    only: str | None
    chunk_size: int | None
    annotator: str | None
    include_predictions: bool
    include_unannotated: bool
    interpolate: bool
    class_attribute: str | None
    image_tags: str | None
    default_label: str | None
    keep_going: bool
    masks: str | None
    partial: bool
    void: str
    where: tuple[str, ...]
    status: str | None
    executor: str
    workers: int | None
    shard: str | None
    strict: bool
    dry_run: bool
    overwrite: bool
    retry_rejects: bool
    grace: float | None
    worker_timeout: float
    update: bool
    prune: bool
    memory_limit: int
    stats: str | None
    probe_cache: str | None


def split_options(
    options: Mapping[str, Any], s3: S3Settings | None = None
) -> tuple[Settings, ExecutionOptions]:
    """Sort keyword options into settings and execution options.

    Raises UsageError for a name that is no option.
    """
    setting_names = {item.name for item in fields(Settings)}
    execution_names = {item.name for item in fields(ExecutionOptions)} - {"s3"}
    if unknown := options.keys() - setting_names - execution_names:
        raise UsageError(f"{min(unknown)} is no option of convert; see `gtmask convert --help`.")
    settings = {name: value for name, value in options.items() if name in setting_names}
    execution = {name: value for name, value in options.items() if name in execution_names}
    return Settings(**settings), ExecutionOptions(**execution, s3=s3 or S3Settings())


@dataclass(frozen=True, slots=True)
class Shard:
    """The chunks whose number leaves ``index`` when divided by ``count``."""

    index: int = 0
    count: int = 1

    def __contains__(self, chunk: int) -> bool:
        return chunk % self.count == self.index


def parse_shard(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard:
    """Read ``--shard``: ``I/N`` with I from 0 to N - 1, ``auto``, ``auto/N``, or None for everything.

    Raises UsageError if the text is none of them, or ``auto`` finds no array job, or not how many tasks it
    has.
    """
    if text is None:
        return Shard()
    index, slash, count = text.lower().partition("/")
    if index == "auto" and (not slash or (count.isdecimal() and int(count))):
        return _from_environment(environment, count)
    if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise UsageError(
            f"--shard {text!r} must be I/N with I from 0 to N - 1, such as 0/8, or auto, or auto/N."
        )
    return Shard(int(index), int(count))


def _from_environment(environment: Mapping[str, str], count: str) -> Shard:
    """Return the shard of an array job's task, of which there are ``count``, where somebody said so."""
    try:
        if "AWS_BATCH_JOB_ARRAY_INDEX" in environment:
            # Without the size every child would do everything.
            count = count or environment["AWS_BATCH_JOB_ARRAY_SIZE"]
            return parse_shard(f"{environment['AWS_BATCH_JOB_ARRAY_INDEX']}/{count}")
        if "SLURM_ARRAY_TASK_ID" in environment:
            found = _from_slurm(environment)
            return parse_shard(f"{found.index}/{count or found.count}")
        if "JOB_COMPLETION_INDEX" in environment:
            if not count:
                raise UsageError(
                    "--shard auto cannot know how many pods an indexed job has: give auto/N with the N of "
                    "its completions, such as --shard auto/8."
                )
            return parse_shard(f"{environment['JOB_COMPLETION_INDEX']}/{count}")
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise UsageError(
            f"--shard auto cannot read the array job's environment ({error}): give I/N or auto/N."
        ) from None
    raise UsageError(
        "--shard auto finds no array job: none of AWS_BATCH_JOB_ARRAY_INDEX, SLURM_ARRAY_TASK_ID and "
        "JOB_COMPLETION_INDEX is set; give I/N."
    )


def _from_slurm(environment: Mapping[str, str]) -> Shard:
    """Return the shard of a Slurm array's task: arrays may begin anywhere and have a step."""
    count = int(environment["SLURM_ARRAY_TASK_COUNT"])
    first = int(environment.get("SLURM_ARRAY_TASK_MIN", "0"))
    step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
    last = int(environment.get("SLURM_ARRAY_TASK_MAX", first + (count - 1) * step))
    if (last - first) // step + 1 != count:
        # Of --array=1,3,4 no task is told the others' numbers; all of them must stop, not only the last.
        raise UsageError(
            f"--shard auto needs an array of evenly spaced tasks, such as --array=0-7; this one has {count} "
            f"from {first} to {last} with step {step}: give I/N."
        )
    return parse_shard(f"{(int(environment['SLURM_ARRAY_TASK_ID']) - first) // step}/{count}")
