"""What is decided once, before the first record is painted: the plan that this start works by.

Either the output has a frozen plan, which this start must agree with, or a new one is made from the class
map, a survey of the export and a look at where its images are.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtmask._version import __version__
from gtmask.errors import StrictError, UsageError
from gtmask.findings import CODES, Finding
from gtmask.formats.base import refuse_lost_classes, suggested
from gtmask.formats.export import ARCHIVES
from gtmask.groundtruth import classes as class_maps
from gtmask.images.present import Present, exists
from gtmask.images.resolve import ImageRule, RuleChoice, choose_rule
from gtmask.loops import run_async
from gtmask.manifest.unfinished import PARTIAL
from gtmask.manifest.writer import creation_date, manifest_name
from gtmask.model import ClassMap
from gtmask.run.class_findings import alike_classes, foreign_classes, merged_labels, shared_class_ids
from gtmask.run.commit import CLASSES, CLASSES_TYPE, MASKS, REJECTS
from gtmask.run.no_images import has_labels, none_found
from gtmask.run.overwrite import remove_begun, remove_run
from gtmask.run.plan import Plan, freeze, load_plan, refuse_other
from gtmask.run.survey import SAMPLE, decide_claims, survey, units_tell_names
from gtmask.run.update_classes import extended
from gtmask.run.worker import STRICT_LEVELS
from gtmask.storage import is_s3, open_storage
from gtmask.storage.usable import check_copies, check_overwrite
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from gtmask.formats.base import Reader
    from gtmask.model import ImageNames
    from gtmask.run.commit import Tally
    from gtmask.run.comparison import Comparison
    from gtmask.run.places import RunRequest
    from gtmask.run.survey import Glance
    from gtmask.storage.base import Storage
    from gtmask.workers import Pool

#: What is told of the class map: a reader does not know of it.
_OF_CLASS_MAP = ("classes-foreign", "label-duplicate", "label-alike")


def decide(
    request: RunRequest,
    reader: Reader[Any],
    classes: str | PathLike[str] | ClassMap | None,
    pool: Pool,
    fingerprint: Callable[[], str],
) -> Plan:
    """Return the plan to work by, frozen in the output unless this is a dry run.

    Raises
    ------
    UsageError
        If the output belongs to another run, the class map cannot be used, or no image can be found.
    """
    class_map = given_classes(classes)
    if class_map is None and reader.labels is not None:
        class_maps.check_count(len(set(reader.labels)))
    earlier, occupied = run_async(_look_at_output(request))
    if earlier is not None and not request.execution.overwrite:
        wanted = {
            **request.settings.frozen(),
            **request.prefixes(),
            "fingerprint": fingerprint(),
            "version": __version__,
            "classes": None if class_map is None else class_maps.format_class_map(class_map),
        }
        if wanted["size"] == "auto":
            wanted["size"] = earlier.settings["size"]
        refuse_other(earlier, wanted, request.out)
        if request.execution.strict:
            refuse_lossy([Finding(**item) for item in earlier.findings], request.source)
        return earlier
    if not request.execution.dry_run:
        if occupied and not request.execution.overwrite:
            raise UsageError(
                f"{request.out} holds {occupied} that no gtmask run wrote: choose another --out, or "
                "--overwrite to let files of the same names be replaced."
            )
        if not isinstance(classes, ClassMap | None):
            kept = f"{request.out}/{CLASSES}"
            check_overwrite(request.out, "--out", kept, os.fspath(classes), "the class map")
    plan = new_plan(request, reader, class_map, pool, fingerprint)
    if request.execution.strict:
        # Only now: some readers learn what they leave out while they list their records.
        of_map = [Finding(**item) for item in plan.findings if item["code"] in _OF_CLASS_MAP]
        refuse_lossy([*reader.findings, *of_map], request.source)
    if request.execution.dry_run:
        return plan
    request.interrupted.before_freezing(request.execution)
    return run_async(_freeze(request, plan, earlier))


def refuse_lossy(findings: list[Finding], source: str) -> None:
    """Refuse, for ``--strict``, an export of which something as a whole is lost or guessed.

    Raises
    ------
    StrictError
        With the first such finding.
    """
    for finding in findings:
        if finding.level in STRICT_LEVELS:
            raise StrictError(
                f"{source}: {finding.code} ({finding.detail}); without --strict such findings are counted "
                "and the run goes on."
            )


def refuse_counted(tally: Tally, out: str) -> None:
    """Refuse, for ``--strict``, a run of which an earlier start without it has lost or guessed something.

    Raises
    ------
    StrictError
        With the first such finding.
    """
    for code, count in sorted(tally.findings.items()):
        if CODES[code].level in STRICT_LEVELS:
            example = (tally.examples.get(code) or [""])[0]
            raise StrictError(
                f"{out}: {code} x {count}, counted by an earlier start without --strict, such as {example}; "
                "without --strict such findings are counted and the run goes on."
            )


def given_classes(classes: str | PathLike[str] | ClassMap | None) -> ClassMap | None:
    """Return the class map that the user gave, if any.

    Raises
    ------
    UsageError
        If the file cannot be read or is no class map.
    """
    if classes is None or isinstance(classes, ClassMap):
        return classes
    path = Path(classes)
    try:
        return class_maps.parse_class_map(path.read_text("utf-8-sig"), str(path))
    except OSError as error:
        raise UsageError(f"--classes {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--classes {path} is not UTF-8 text: save it as UTF-8.") from error


async def _look_at_output(request: RunRequest) -> tuple[Plan | None, str]:
    """Return the earlier run's plan, and what is there without one of that which a run writes."""
    async with open_storage(request.out, request.execution.s3) as out:
        try:
            plan = await load_plan(out)
        except UsageError:
            if not request.execution.overwrite:
                raise
            plan = None
        if plan is not None:
            return plan, ""
        occupied = await _what_is_there(out, manifest_name(request.settings.label_attribute))
        if occupied and not request.execution.overwrite:
            # Another machine that has begun the same run meanwhile wrote its plan before anything else.
            plan = await load_plan(out)
        return plan, occupied


async def _what_is_there(out: Storage, manifest: str) -> str:
    """Return in words which of the files that a run writes are there."""
    async for _ in out.list(MASKS):
        return "masks"
    for key in (manifest, manifest + PARTIAL, REJECTS, CLASSES):
        if await exists(out, key):
            return f"a file {key}"
    return ""


async def _freeze(request: RunRequest, plan: Plan, earlier: Plan | None) -> Plan:
    async with open_storage(request.out, request.execution.s3) as out:
        if request.execution.overwrite:
            if earlier is not None:
                request.progress.stage("remove", earlier.records)
            await remove_run(out, earlier, request.progress.advance)
        frozen = await freeze(out, plan)
        if request.execution.overwrite:
            # Of chunks that an earlier start has begun since it was removed.
            await remove_begun(out, frozen, earlier)
        await out.put(CLASSES, frozen.classes.encode(), CLASSES_TYPE)
        return frozen


def new_plan(
    request: RunRequest,
    reader: Reader[Any],
    class_map: ClassMap | None,
    pool: Pool,
    fingerprint: Callable[[], str],
    comparison: Comparison | None = None,
) -> Plan:
    """Survey the export and decide everything that the data decides.

    A ``comparison`` with an earlier run is made on the way; a class map that is made then continues the
    earlier one.
    """
    found_any, doubt = True, ""
    unfound: list[ImageNames] = []

    def choose(images: list[ImageNames]) -> ImageRule:
        nonlocal found_any, doubt
        (rule, doubt), found_any = run_async(_choose_rule(request, images))
        if not found_any and (request.images_option is not None or request.settings.size != "auto"):
            unfound.extend(images)
            if class_map is not None or reader.labels or has_labels(reader):
                _refuse_elsewhere(request, reader, unfound)
        return rule

    def notice(rule: ImageRule, found: Glance) -> None:
        assert comparison is not None
        comparison.notice(rule, found, sized=_size(request, found_any) != "annotation")

    if request.settings.size != "annotation" and not (is_s3(request.images) or Path(request.images).is_dir()):
        if request.images.lower().endswith(ARCHIVES) and Path(request.images).is_file():
            raise UsageError(f"--images {request.images} is an archive: unpack it, and name the folder.")
        check_copies(request.images, "--images")
    settings = request.settings.frozen()
    limit = request.settings.limit
    count = reader.count()
    request.progress.stage("survey", count if limit is None or count is None else min(count, limit))
    units_tell = units_tell_names(reader)
    read_records = (class_map is None and reader.labels is None) or not units_tell
    outcome = survey(
        reader,
        limit,
        read_records=read_records,
        pool=pool,
        choose_rule=choose,
        progress=request.progress.advance,
        meaning=b"" if comparison is None else comparison.meaning(),
        notice=None if comparison is None else notice,
    )
    classes_made = class_map is None
    if class_map is None:
        refuse_lost_classes(request.source, reader.findings)
        labels = class_maps.in_order(outcome.labels) if reader.labels is None else reader.labels
        found = suggested(reader, labels)
        if comparison is None:
            class_map = class_maps.class_map_from_suggestions(found)
        else:
            class_map = extended(comparison.classes, found)
        if not class_map.classes:
            lost = outcome.lost or next((one for one in reader.findings if one.level == "loss"), None)
            raise UsageError(_no_label(request, outcome.labels.get("", 0), lost))
    _refuse_elsewhere(request, reader, unfound)
    settings["creation_date"] = request.settings.creation_date or creation_date(datetime.now(UTC))
    settings["size"] = _size(request, found_any)
    look = None if settings["size"] == "annotation" else partial(_present, request, Present())
    verdict = decide_claims(reader, limit, outcome, read_records=not units_tell, pool=pool, look=look)
    labels = class_maps.in_order(outcome.labels) or reader.labels or []
    told = [*reader.findings, *foreign_classes(class_map, labels), *shared_class_ids(outcome.class_ids)]
    if classes_made:
        told += [*merged_labels(class_map), *alike_classes(class_map)]
    if doubt:
        told.append(Finding("images-two-ways", doubt))
    if (request.settings.size, settings["size"]) == ("auto", "annotation"):
        told.append(Finding("images-unread", _unread(request, outcome.records)))
    plan = Plan(
        settings=settings,
        **request.prefixes(),
        classes=class_maps.format_class_map(class_map),
        rule=asdict(outcome.rule),
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
        classes_given=not classes_made,
    )
    # What the manifest cannot hold is refused before anything is frozen.
    plan.writer()
    if comparison is not None:
        comparison.complete(
            reader, plan, class_map, verdict, outcome.rule, pool, sized=settings["size"] != "annotation"
        )
    return plan


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
    packed = request.source.lower().endswith(ARCHIVES)
    return f"{told}, and those in an archive are not looked at: unpack it" if packed else told


async def _choose_rule(request: RunRequest, images: list[ImageNames]) -> tuple[RuleChoice, bool]:
    """Choose how references become keys, by looking for the first images; say whether any was found."""
    if request.settings.size == "annotation":
        return await choose_rule(images, _nothing_exists, request.images), False
    async with open_storage(request.images, request.execution.s3) as storage:
        found: dict[str, bool] = {}

        async def is_there(key: str) -> bool:
            if key not in found:
                found[key] = await exists(storage, key)
            return found[key]

        rule = await choose_rule(images, is_there, request.images)
        if not any(found.values()) and is_s3(request.images):
            await _refuse_missing_bucket(storage)
        return rule, any(found.values())


def _present(request: RunRequest, present: Present, keys: list[str]) -> set[str]:
    """Return the keys of which there are images."""

    async def look() -> set[str]:
        async with open_storage(request.images, request.execution.s3) as storage:
            return await present.among(storage, keys)

    return run_async(look())


async def _refuse_missing_bucket(storage: Storage) -> None:
    """Tell a bucket that does not exist from one that lacks these images.

    Raises
    ------
    NotFoundError
        If there is no such bucket.
    """
    async for _ in storage.list():
        return


async def _nothing_exists(_key: str) -> bool:
    return False


def _size(request: RunRequest, found_any: bool) -> str:
    """Decide where sizes come from: from image headers, where images can be read."""
    size = request.settings.size
    if found_any or size == "annotation":
        return "header" if size == "auto" else size
    return (
        "annotation"
        if size == "auto" and request.images_option is None
        else "header"
        if size == "auto"
        else size
    )


def _refuse_elsewhere(request: RunRequest, reader: Reader[Any], images: list[ImageNames]) -> None:
    """Refuse a folder of images in which none of the first ones was found, if there are any.

    Raises
    ------
    UsageError
        With the folder where they are, if that can be seen.
    """
    if images and request.settings.size != "annotation":
        raise UsageError(none_found(request, reader, images))
