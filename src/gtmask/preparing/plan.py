"""What a start works by, in ``_gtmask/prepare.json``, and what it takes over from an earlier one.

A repeat goes on by the same plan. Where the images are others than before, a new plan takes its place, and
lines of images that are what they were are kept, in ``_gtmask/known.jsonl``: their copies are not made again.
While a plan is worked on there is no table.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from gtmask._version import __version__
from gtmask.errors import NotFoundError, RunConflictError, UsageError
from gtmask.images.prepared import PREPARING, TABLE, parse_line
from gtmask.manifest.unfinished import STATE
from gtmask.run.commit import commit_key, committed, read_commit, read_lines
from gtmask.run.dropped import remove_all

if TYPE_CHECKING:
    from gtmask.preparing.listing import Listing
    from gtmask.storage import Storage

#: Lines of the table that an earlier plan has, of images that did not change.
KNOWN = STATE + "known.jsonl"
REJECTS = "rejects.jsonl"


@dataclass(frozen=True)
class PreparePlan:
    """All that decides the bytes: the options, and a digest of all images with their versions."""

    images: str
    options: dict[str, Any]
    digest: str
    count: int
    version: str = __version__

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        size: int = self.options["chunk_size"]
        return -(-self.count // size)

    @cached_property
    def identity(self) -> str:
        """What tells this plan from others."""
        return blake2b(orjson.dumps(asdict(self)), digest_size=8).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the plan as JSON."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2) + b"\n"


async def settle(out: Storage, plan: PreparePlan, listing: Listing, *, overwrite: bool) -> set[int]:
    """Make the output this plan's; return the chunks that are done.

    Raises RunConflictError where it was made with other options. Raises UsageError where it holds files that
    nobody has prepared.
    """
    earlier = await _load(out)
    if earlier is None:
        if not overwrite and (there := await anext(aiter(out.list()), None)):
            raise UsageError(
                f"--out {out.root} holds files that gtmask prepare did not write, such as {there.key}: name "
                "a folder of its own, or --overwrite to let files of the same names be replaced."
            )
    elif earlier == plan and not overwrite:
        return await committed(out)
    elif not overwrite:
        _refuse_other(earlier, plan, out)
        await _keep(out, listing)
    if overwrite:
        await out.delete(KNOWN)
    await remove_all(out, (TABLE, REJECTS))
    await remove_all(out, map(commit_key, await committed(out)))
    await out.put(PREPARING, plan.to_bytes(), "application/json")
    await out.sync()
    return set()


async def refuse_lost(out: Storage, identity: str) -> None:
    """Refuse to go on where another start has put its plan into the output.

    Raises RunConflictError where another one has.
    """
    plan = await _load(out)
    if plan is None or plan.identity != identity:
        raise RunConflictError(
            f"Another start of gtmask prepare has taken over {out.root}: let it finish, or choose another "
            "--out."
        )


async def _load(out: Storage) -> PreparePlan | None:
    try:
        data = await out.get(PREPARING)
    except NotFoundError:
        return None
    try:
        return PreparePlan(**orjson.loads(data))
    except (ValueError, TypeError):
        raise RunConflictError(
            f"{out.uri(PREPARING)} was not written by this version of gtmask ({__version__}): choose another "
            "--out, or start anew with --overwrite."
        ) from None


def _refuse_other(earlier: PreparePlan, plan: PreparePlan, out: Storage) -> None:
    """Refuse other images, options or versions of gtmask than those of the earlier start."""

    def named(one: PreparePlan) -> dict[str, Any]:
        options = {"--" + name.replace("_", "-"): value for name, value in one.options.items()}
        return {"the folder of the images": one.images, "gtmask's version": one.version, **options}

    before = named(earlier)
    changes = [
        f"{name} was {before.get(name)} and is {value}"
        for name, value in named(plan).items()
        if before.get(name) != value
    ]
    if changes:
        raise RunConflictError(
            f"{out.root} holds images that were prepared in another way: {'; '.join(changes)}. Use the same "
            "again to go on, choose another --out, or start anew with --overwrite."
        )


async def _keep(out: Storage, listing: Listing) -> None:
    """Keep the lines of images that are what they were, in order; the newest line of each counts."""
    lines: dict[str, bytes] = {}
    try:
        known = await out.get(KNOWN)
    except NotFoundError:
        known = b""
    chunks = sorted(await committed(out))
    parts = [await read_lines(out, chunk, await read_commit(out, chunk)) for chunk in chunks]
    for line in b"".join([known, *parts]).splitlines(keepends=True):
        image = parse_line(line)
        # A newer line takes the place of an older one also where it is of no use itself.
        lines[image.source] = line if listing.has(image.source, image.version) else b""
    ordered = sorted(lines.items(), key=lambda item: item[0].encode())
    await out.put(KNOWN, b"".join(line for _, line in ordered), "application/x-ndjson")
