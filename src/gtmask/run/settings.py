"""What a user can choose, in two heaps: what decides the output's bytes, and what does not.

:class:`Settings` is frozen into ``run.json``; a second start with others is refused.
:class:`ExecutionOptions` say how the work is done (processes, requests in flight, machines) and may differ on
every start.
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
from gtmask.run.shards import parse_shard
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
    chunk_size: int = 128

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
        if not 1 <= self.chunk_size <= 100_000:
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
    local or ``s3://``, to which is written what this start took.
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
    chunk_size: int
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
