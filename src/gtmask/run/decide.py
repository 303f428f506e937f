"""What is decided once, before the first record is painted: the plan that this start works by.

Either the output has a frozen plan, which this start must agree with, or a new one is made from the class
map, a survey of the export and a look at where its images are.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtmask._version import __version__
from gtmask.class_map import ClassMap
from gtmask.errors import StrictError, UsageError
from gtmask.findings import CODES, Finding
from gtmask.groundtruth import class_map_file
from gtmask.groundtruth import classes as class_maps
from gtmask.loops import run_async
from gtmask.manifest.unfinished import PARTIAL
from gtmask.manifest.writer import manifest_name
from gtmask.run.commit import CLASSES, CLASSES_TYPE, REJECTS, Tally
from gtmask.run.new_plan import new_plan
from gtmask.run.overwrite import occupied, remove_begun, remove_run, what_is_there
from gtmask.run.plan import FILLED_IN, Plan, freeze, load_plan, refuse_other
from gtmask.run.worker import STRICT_LEVELS
from gtmask.storage import open_storage
from gtmask.storage.usable import check_overwrite

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from gtmask.formats.base import Reader
    from gtmask.run.places import RunRequest
    from gtmask.workers import Pool

#: What is told of the class map, or of the images: a reader does not know of it.
_OF_THE_RUN = ("prepared-assumed", "classes-foreign", "label-duplicate", "label-alike")


def decide(
    request: RunRequest,
    reader: Reader[Any],
    classes: str | PathLike[str] | ClassMap | None,
    pool: Pool,
    fingerprint: Callable[[], str],
) -> Plan:
    """Return the plan to work by, frozen in the output unless this is a dry run.

    Raises UsageError if the output belongs to another run, the class map cannot be used, or no image can be
    found.
    """
    class_map = given_classes(classes)
    if class_map is None and reader.labels is not None:
        class_maps.check_count(len(set(reader.labels)))
    earlier, there = run_async(_look_at_output(request))
    if earlier is not None and not request.execution.overwrite:
        wanted = {
            **request.settings.frozen(),
            **request.prefixes(),
            "fingerprint": fingerprint(),
            "version": __version__,
            "classes": None if class_map is None else class_map_file.format_class_map(class_map),
            "prepared": "" if request.table is None else request.table.digest,
        }
        if wanted["size"] == "auto":
            wanted["size"] = earlier.settings["size"]
        refuse_other(earlier, wanted, request.out)
        if request.execution.strict:
            refuse_lossy([Finding(**item) for item in earlier.findings], request.source)
        return earlier
    if not request.execution.dry_run:
        if there and not request.execution.overwrite:
            raise occupied(request.out, there, "gtmask run")
        if not isinstance(classes, ClassMap | None):
            kept = f"{request.out}/{CLASSES}"
            check_overwrite(request.out, "--out", kept, os.fspath(classes), "the class map")
    plan = new_plan(request, reader, class_map, pool, fingerprint)
    if request.execution.strict:
        # Only now: some readers learn what they leave out while they list their records.
        others = [Finding(**item) for item in plan.findings if item["code"] in _OF_THE_RUN]
        refuse_lossy([*reader.findings, *others], request.source)
    if request.execution.dry_run:
        return plan
    request.interrupted.before_freezing(request.execution)
    return run_async(_freeze(request, plan, earlier))


def refuse_lossy(findings: list[Finding], source: str) -> None:
    """Refuse, for ``--strict``, an export of which something as a whole is lost or guessed.

    Raises StrictError with the first such finding.
    """
    for finding in findings:
        if finding.level in STRICT_LEVELS:
            raise StrictError(
                f"{source}: {finding.code} ({finding.detail}); without --strict such findings are counted "
                "and the run goes on."
            )


def refuse_counted(tally: Tally, out: str) -> None:
    """Refuse, for ``--strict``, a run of which an earlier start without it has lost or guessed something.

    Raises StrictError with the first such finding.
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

    Raises UsageError if the file cannot be read or is no class map.
    """
    if classes is None or isinstance(classes, ClassMap):
        return classes
    path = Path(classes)
    try:
        return class_map_file.parse_class_map(path.read_text("utf-8-sig"), str(path))
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
        manifest = manifest_name(request.settings.label_attribute)
        there = await what_is_there(out, (manifest, manifest + PARTIAL, REJECTS, CLASSES))
        if there and not request.execution.overwrite:
            # Another machine that has begun the same run meanwhile wrote its plan before anything else.
            plan = await load_plan(out)
        return plan, there


async def _freeze(request: RunRequest, plan: Plan, earlier: Plan | None) -> Plan:
    async with open_storage(request.out, request.execution.s3) as out:
        if request.execution.overwrite:
            if earlier is not None:
                request.progress.stage("remove", earlier.records)
            await remove_run(out, earlier, request.progress.advance)
        filled_in = [name for name in FILLED_IN if getattr(request.settings, name) is None]
        frozen = await freeze(out, plan, filled_in)
        if request.execution.overwrite:
            # Of chunks that an earlier start has begun since it was removed.
            await remove_begun(out, frozen, earlier)
        await out.put(CLASSES, frozen.classes.encode(), CLASSES_TYPE)
        return frozen
