"""What is decided before a mask is read, frozen in ``_gtmask/answer.json``: a repeat goes on by it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson

from gtmask._version import __version__
from gtmask.class_map import ClassMap, LabelClass
from gtmask.errors import NotFoundError, RunConflictError, UsageError
from gtmask.groundtruth import class_map_file
from gtmask.groundtruth import classes as class_maps
from gtmask.manifest.grid import ANSWER_FILE
from gtmask.run.plan import Plan, load_plan
from gtmask.storage import open_storage, split_location

if TYPE_CHECKING:
    from gtmask.answers.options import AnswerOptions
    from gtmask.answers.originals import Originals
    from gtmask.answers.survey import Look
    from gtmask.storage.base import S3Settings, Storage

PLAN_FILE = ANSWER_FILE
MANIFEST = "answer.manifest"


#: What whoever gives the command calls the parts of a plan.
_SPOKEN = {
    "before": "masks before (--before)", "after": "masks after (--after)", "classes": "classes",
    "image_prefix": "references to images", "mask_prefix": "references to masks", "digest": "manifests",
    "lines": "manifests", "masks": "manifests", "prepared": "prepared images", "grid": "--orientation",
    "files": "manifests", "version": "version of gtmask",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """All that decides the bytes of an answer's outputs.

    ``lines`` counts labeled objects, and ``masks`` the images that they are: fewer where these became tiles.
    ``prepared`` is the digest of the table that tells which, "" where there is none. ``grid`` is that of the
    masks that ``files`` name (:mod:`gtmask.manifest.grid`).
    """

    options: dict[str, Any]
    before: str
    after: str
    classes: str
    image_prefix: str
    mask_prefix: str
    digest: str
    lines: int
    masks: int
    prepared: str
    grid: str
    files: tuple[str, ...]
    version: str = __version__

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        size: int = self.options["chunk_size"]
        return -(-self.masks // size)

    def to_bytes(self) -> bytes:
        """Return the plan as JSON."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2) + b"\n"


async def freeze(out: Storage, plan: AnswerPlan) -> None:
    """Write the plan, or hold that the one that is there is the same.

    Raises RunConflictError where it is another one; the sentence names what differs.
    """
    if await out.put_if_absent(PLAN_FILE, plan.to_bytes(), "application/json"):
        return
    there = await out.get(PLAN_FILE)
    if there == plan.to_bytes():
        return
    try:
        known: dict[str, Any] = orjson.loads(there)
    except orjson.JSONDecodeError:
        known = {}
    values = orjson.loads(plan.to_bytes())
    differing = dict.fromkeys(_SPOKEN.get(name, name) for name in values if known.get(name) != values[name])
    raise RunConflictError(
        f"{out.uri(PLAN_FILE)} is of an answer with other {', '.join(differing) or 'content'}: use the same "
        "again to go on, or choose another --out."
    )


async def plan_of_run(run: str, s3: S3Settings) -> Plan:
    """Return the plan of a conversion; raises UsageError: the folder has no run."""
    async with open_storage(run, s3) as storage:
        plan = await load_plan(storage)
    if plan is None:
        raise UsageError(f"--run {run} holds no run of `gtmask convert`: name its --out.")
    return plan


async def read_classes(location: str, s3: S3Settings) -> ClassMap:
    """Return the class map of a TOML file, local or in S3."""
    folder, name = split_location(location)
    async with open_storage(folder, s3) as storage:
        try:
            text = await storage.get(name)
        except NotFoundError as error:
            raise UsageError(f"--classes {location} is not there: check the path.") from error
    return class_map_file.parse_class_map(text.decode(errors="replace"), location)


def old_classes(look: Look) -> ClassMap:
    """Return the class map that the old attribute's color maps make; ids stay where they are free."""
    taken: set[int] = {0}
    made = []
    for name, (wanted, color) in look.classes.items():
        free = (number for number in count(1) if number not in taken)
        number = wanted if wanted is not None and wanted not in taken else next(free)
        class_maps.check_count(number)
        taken.add(number)
        made.append(LabelClass(number, name, color or f"#{number:06x}"))
    return ClassMap(tuple(sorted(made, key=lambda entry: entry.id)))


def make_plan(
    options: AnswerOptions, look: Look, classes: ClassMap, out: str, originals: Originals | None
) -> AnswerPlan:
    """Return the plan of an answer."""
    mask_prefix = (options.mask_uri or f"{out.rstrip('/')}/masks").rstrip("/") + "/"
    return AnswerPlan(
        asdict(options),
        look.before,
        look.after,
        class_map_file.format_class_map(classes),
        look.prefix if originals is None else originals.prefix,
        mask_prefix,
        look.digest,
        look.lines - len(look.skipped),
        look.masks,
        "" if originals is None else originals.table.digest,
        options.orientation,
        (MANIFEST,),
    )
