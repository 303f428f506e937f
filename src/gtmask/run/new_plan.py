"""A new plan: the survey of the export, and everything that the data decides."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.findings import Finding
from gtmask.formats.base import Reader, refuse_lost_classes, suggested
from gtmask.formats.export import ARCHIVES
from gtmask.formats.several import Joins
from gtmask.groundtruth import class_map_file
from gtmask.groundtruth import classes as class_maps
from gtmask.images.present import Present, exists
from gtmask.images.resolve import JoinedChoice, Rule, choose_rules, rule_values
from gtmask.loops import run_async
from gtmask.manifest.writer import creation_date
from gtmask.run.chunk_size import fitting_size, kept_size
from gtmask.run.classes import (
    alike_classes,
    extended,
    foreign_classes,
    merged_labels,
    shared_class_ids,
)
from gtmask.run.no_images import has_labels, none_found
from gtmask.run.plan import Plan
from gtmask.run.survey import (
    SAMPLE,
    Glance,
    Survey,
    decide_claims,
    first_names,
    load_of,
    survey,
    units_tell_names,
)
from gtmask.storage import is_s3
from gtmask.storage.usable import check_copies
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Callable

    from gtmask.class_map import ClassMap
    from gtmask.model import ImageNames
    from gtmask.run.clashes import Verdict
    from gtmask.run.comparison import Comparison
    from gtmask.run.places import RunRequest
    from gtmask.workers import Pool


def new_plan(
    request: RunRequest,
    reader: Reader[Any],
    class_map: ClassMap | None,
    pool: Pool,
    fingerprint: Callable[[], str],
    comparison: Comparison | None = None,
    earlier: Plan | None = None,
) -> Plan:
    """Survey the export and decide everything that the data decides.

    A ``comparison`` with an ``earlier`` run is made on the way; a class map that is made then continues the
    earlier one, and chunks keep their size while it is near the one that fits.
    """
    _refuse_images(request)
    search = _Search(request, reader, labeled=class_map is not None)
    units_tell = units_tell_names(reader)
    read_records = (class_map is None and reader.labels is None) or not units_tell
    outcome = _survey(request, reader, search, pool, comparison, read_records=read_records)
    given = class_map is not None
    if class_map is None:
        class_map = _make_classes(request, reader, outcome, comparison)
    search.refuse_elsewhere()
    look = partial(_present, request, Present()) if search.sized else None
    limit = request.settings.limit
    verdict = decide_claims(reader, limit, outcome, read_records=not units_tell, pool=pool, look=look)
    told = [*reader.findings, *_of_classes(class_map, reader, outcome, given=given)]
    told += [*search.findings(outcome.records), *_shared(reader, verdict)]
    if request.table is not None:
        code = "prepared-assumed" if request.assumed else "images-prepared"
        told.append(Finding(code, f"{len(request.table):,} images in {request.prepared}"))
    size = request.settings.chunk_size
    if size is None:
        gets, puts = search.sized and is_s3(request.images), is_s3(request.out)
        load = load_of(reader, outcome, was_read=read_records, gets=gets, puts=puts)
        size = fitting_size(load) if earlier is None else kept_size(earlier.settings["chunk_size"], load)
    dated = request.settings.creation_date or creation_date(datetime.now(UTC))
    decided = {"creation_date": dated, "size": search.size, "chunk_size": size}
    plan = Plan(
        settings=request.settings.frozen() | decided,
        **request.prefixes(),
        classes=class_map_file.format_class_map(class_map),
        rule=rule_values(outcome.rule),
        fingerprint=fingerprint(),
        records=outcome.records,
        title=reader.title,
        contested=verdict.contested,
        choices=verdict.choices,
        long_keys=verdict.long_keys,
        duplicates=verdict.duplicates,
        ambiguous=verdict.ambiguous,
        sifted=outcome.claims is None,
        findings=[{"code": item.code, "detail": escape_unprintable(item.detail)} for item in told],
        classes_given=given,
        prepared="" if request.table is None else request.table.digest,
    )
    # What the manifest cannot hold is refused before anything is frozen.
    plan.writer()
    if comparison is not None:
        comparison.complete(reader, plan, class_map, verdict, outcome.rule, pool, sized=search.sized)
    return plan


def _refuse_images(request: RunRequest) -> None:
    """Refuse a place of images that can be none."""
    if request.settings.size == "annotation" or is_s3(request.images) or Path(request.images).is_dir():
        return
    if request.images.lower().endswith(ARCHIVES) and Path(request.images).is_file():
        raise UsageError(f"--images {request.images} is an archive: unpack it, and name the folder.")
    check_copies(request.images, "--images")


class _Search:
    """How the images are found: chosen by the first records that the survey sees.

    - ``labeled``: classes are given, so that something of the export can become a mask.
    """

    def __init__(self, request: RunRequest, reader: Reader[Any], *, labeled: bool) -> None:
        self._request, self._reader, self._labeled = request, reader, labeled
        self._unfound: list[ImageNames] = []
        self._found_any, self._doubts = True, [""]

    def choose(self, images: list[ImageNames]) -> Rule:
        """Choose the rule by which references become keys."""
        samples = first_names(self._reader, self._request.settings.limit, images)
        rule, doubts, found = run_async(_choose_rules(self._request, samples))
        names = self._reader.names if isinstance(self._reader, Joins) and len(samples) > 1 else ("",)
        self._doubts = [f"{name}: {doubt}" if name and doubt else doubt
                        for name, doubt in zip(names, doubts, strict=True)]  # fmt: skip
        self._found_any = any(found)
        needed = self._request.names_images or self._request.settings.size != "auto"
        # Where there are images of one export, those of the others are looked for, too.
        if needed or self._found_any:
            lost = (one for one, there in zip(samples, found, strict=True) if one and not there)
            self._unfound = next(lost, [])
        if self._unfound and (self._labeled or self._reader.labels or has_labels(self._reader)):
            self.refuse_elsewhere()
        return rule

    def refuse_elsewhere(self) -> None:
        """Refuse a folder of images in which none of the first ones was found, if there are any.

        Raises UsageError with the folder where they are, if that can be seen.
        """
        if self._unfound and self._request.settings.size != "annotation":
            raise UsageError(none_found(self._request, self._reader, self._unfound))

    @property
    def size(self) -> str:
        """Where sizes come from: from image headers, where images can be read."""
        size = self._request.settings.size
        if size != "auto":
            return size
        return "header" if self._found_any or self._request.names_images else "annotation"

    @property
    def sized(self) -> bool:
        """Whether images are looked at."""
        return self.size != "annotation"

    def findings(self, records: int) -> list[Finding]:
        """Return what is told of the search in an export of so many records."""
        told = [Finding("images-two-ways", doubt) for doubt in self._doubts if doubt]
        if self._request.settings.size == "auto" and not self.sized:
            told.append(Finding("images-unread", _unread(self._request, records)))
        elif not self.sized:
            told.append(Finding("sizes-trusted", "--size annotation"))
        return told


def _survey(
    request: RunRequest,
    reader: Reader[Any],
    search: _Search,
    pool: Pool,
    comparison: Comparison | None,
    *,
    read_records: bool,
) -> Survey:
    """Count the records, and see what of them decides about the whole run."""

    def notice(rule: Rule, found: Glance) -> None:
        assert comparison is not None
        comparison.notice(rule, found, sized=search.sized)

    limit, count = request.settings.limit, reader.count()
    request.progress.stage("survey", count if limit is None or count is None else min(count, limit))
    return survey(
        reader,
        limit,
        read_records=read_records,
        pool=pool,
        choose_rule=search.choose,
        progress=request.progress.advance,
        meaning=b"" if comparison is None else comparison.meaning(),
        notice=None if comparison is None else notice,
    )


def _make_classes(
    request: RunRequest, reader: Reader[Any], outcome: Survey, comparison: Comparison | None
) -> ClassMap:
    """Return the class map of the labels that were found; in an update it continues the earlier one.

    Raises UsageError where there is no label.
    """
    refuse_lost_classes(request.source, reader.findings)
    labels = class_maps.in_order(outcome.labels) if reader.labels is None else reader.labels
    found = suggested(reader, labels, outcome.colors)
    if comparison is None:
        made = class_maps.class_map_from_suggestions(found)
    else:
        made = extended(comparison.classes, found)
    if not made.classes:
        lost = outcome.lost or next((one for one in reader.findings if one.level == "loss"), None)
        raise UsageError(_no_label(request, outcome.labels.get("", 0), lost))
    return made


def _of_classes(class_map: ClassMap, reader: Reader[Any], outcome: Survey, *, given: bool) -> list[Finding]:
    """Return what is told of the classes."""
    labels = class_maps.in_order(outcome.labels) or reader.labels or []
    told = [*foreign_classes(class_map, labels), *shared_class_ids(outcome.class_ids)]
    return told if given else [*told, *merged_labels(class_map), *alike_classes(class_map)]


def _shared(reader: Reader[Any], verdict: Verdict) -> list[Finding]:
    """Tell of images that stand in several exports."""
    if not isinstance(reader, Joins):
        return []
    told = []
    for (first, other), count in sorted(verdict.shared.items()):
        what = "1 image" if count == 1 else f"{count:,} images"
        pair = f"{reader.names[first]} and {reader.names[other]}"
        told.append(Finding("images-shared", f"{pair} have {what} in common"))
    return told


def _no_label(request: RunRequest, bare: int, lost: Finding | None) -> str:
    attribute = request.settings.class_attribute
    if bare and attribute is not None:
        return (
            f"None of the {bare:,} shapes of {request.source} has the attribute {attribute!r:.60} that "
            "--class-attribute names: look at the names of attributes in the export."
        )
    if bare:
        return (
            f"No shape of {request.source} has a label, and there are {bare}: say what they are called with "
            "--default-label NAME."
        )
    forced = request.settings.format
    doubt = "" if forced == "auto" else f" read as --format {forced}, which may be the wrong one,"
    why = f" (what was left out first: {lost.code}, {escape_unprintable(lost.detail):.200})" if lost else ""
    return (
        f"{request.source}{doubt} names no label that could become a class{why}: look at it with "
        "`gtmask inspect`, or give a class map with --classes."
    )


def _unread(request: RunRequest, records: int) -> str:
    told = f"none of the first {min(SAMPLE, records)} images is in {request.images}"
    packed = any(source.lower().endswith(ARCHIVES) for source in request.sources)
    return f"{told}, and those in an archive are not looked at: unpack it" if packed else told


async def _choose_rules(request: RunRequest, samples: list[list[ImageNames]]) -> JoinedChoice:
    """Choose how references become keys, by looking for the first images of each export."""
    if request.settings.size == "annotation":
        return await choose_rules(samples, _nothing_exists, request.images, request.folders)
    async with request.look() as storage:
        found: dict[str, bool] = {}

        async def is_there(key: str) -> bool:
            if key not in found:
                found[key] = await exists(storage, key)
            return found[key]

        choice = await choose_rules(samples, is_there, request.images, request.folders)
        if not any(found.values()) and is_s3(request.images):
            # A bucket that does not exist is told from one that lacks these images.
            async for _ in storage.list():
                break
        return choice


def _present(request: RunRequest, present: Present, keys: list[str]) -> set[str]:
    """Return the keys of which there are images."""

    async def look() -> set[str]:
        async with request.look() as storage:
            return await present.among(storage, keys)

    return run_async(look())


async def _nothing_exists(_key: str) -> bool:
    return False
