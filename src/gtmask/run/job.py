"""What a worker is given: what all chunks of a run have in common, and one chunk."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.images.resolve import Rule, rule_from
from gtmask.progress import notice
from gtmask.run.places import RunRequest, absolute_location
from gtmask.run.settings import ExecutionOptions, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.class_map import ClassMap
    from gtmask.formats.base import Reader
    from gtmask.manifest.writer import ManifestWriter
    from gtmask.run.earlier import KeptLine
    from gtmask.run.plan import Plan
    from gtmask.run.probe_cache import ProbeCache
    from gtmask.run.probe_snapshot import Snapshot
    from gtmask.run.watch import Watches
    from gtmask.storage.base import S3Settings


class Job(NamedTuple):
    """What every chunk of a run has in common."""

    reader: Reader[Any]
    settings: Settings
    classes: ClassMap
    rule: Rule
    writer: ManifestWriter
    images: str
    out: str
    image_prefix: str
    mask_prefix: str
    s3: S3Settings
    watch: Watches
    run: str
    #: Location and digest of the table of prepared images, "" where they were not prepared.
    prepared: str = ""
    table: str = ""
    sifted: bool = False
    strict: bool = False
    dry_run: bool = False
    #: Whether workers tell what they are at.
    measured: bool = False
    #: Where what is known of heads is found; None where nobody keeps it.
    known: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records: their units, and what was decided about some of them, by their positions.

    ``versions`` are ETags of the objects that the units name; ``kept`` says of records that an earlier run
    has masks of, by their positions, where their lines are; the rest is as in
    :class:`gtmask.run.clashes.Verdict`.
    """

    number: int
    units: tuple[Any, ...]
    choices: dict[int, int] = field(default_factory=dict)
    long_keys: frozenset[int] = frozenset()
    duplicates: frozenset[int] = frozenset()
    ambiguous: frozenset[int] = frozenset()
    versions: dict[str, str] = field(default_factory=dict)
    kept: dict[int, KeptLine] = field(default_factory=dict)


def probe_cache_of(execution: ExecutionOptions) -> ProbeCache | None:
    """Return what keeps heads of images, where that is asked for."""
    if execution.probe_cache is None:
        return None
    from gtmask.run.probe_cache import ProbeCache  # noqa: PLC0415 - only who asks for it pays for it

    return ProbeCache(absolute_location(execution.probe_cache, "--probe-cache"), execution.s3)


@contextlib.contextmanager
def known_heads(request: RunRequest, plan: Plan, chunks: int) -> Iterator[Snapshot | None]:
    """Yield where workers find what is known of heads, None where nobody keeps it.

    - ``chunks``: how many are to be done.
    """
    probes, execution = request.probes, request.execution
    if probes is None or not chunks:
        yield None
    elif plan.settings["size"] == "annotation":
        notice(f"--probe-cache {probes.location} is not used, as no image is looked at.")
        yield None
    else:
        records = plan.records * chunks // plan.chunks
        shared = execution.executor != "local"
        keep = not execution.dry_run
        with probes.serving(request.images, request.out, records, shared=shared, keep=keep) as snapshot:
            yield snapshot


def job_of(
    request: RunRequest, reader: Reader[Any], plan: Plan, watch: Watches, known: Snapshot | None = None
) -> Job:
    """Return what every chunk of a run has in common."""
    settings = Settings(**plan.settings)
    return Job(
        reader=reader,
        settings=settings,
        classes=plan.class_map(),
        rule=rule_from(plan.rule),
        sifted=plan.sifted,
        writer=plan.writer(),
        images=request.images,
        out=request.out,
        image_prefix=plan.image_prefix,
        mask_prefix=plan.mask_prefix,
        s3=request.execution.s3,
        watch=watch.for_workers(),
        run=plan.identity,
        strict=request.execution.strict,
        dry_run=request.execution.dry_run,
        measured=request.stats is not None,
        known=known,
        prepared=request.prepared or "",
        table=plan.prepared,
    )
