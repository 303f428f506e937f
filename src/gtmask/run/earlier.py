"""What an update takes over from the run before it: lines of masks, with what each counts.

The run before is kept as one file, a commit record on each line, until the update is complete; the part files
that these name stay where they are. So the update has commit records of its own from its first chunk on, and
a chunk that is done is told from one that is not as in any other run.
"""

from __future__ import annotations

import contextlib
from base64 import b64decode, b64encode
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from gtmask.errors import GtmaskError, NotFoundError
from gtmask.manifest.unfinished import STATE
from gtmask.run.commit import (
    Counts,
    commit_key,
    committed,
    parse_commit,
    read_ahead,
    read_lines,
    unpack_counts,
)
from gtmask.run.dropped import mask_key_of
from gtmask.run.journal import begun
from gtmask.run.lost_masks import FileSizes, still_there
from gtmask.run.states import CONTINUED, SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from numpy.typing import NDArray

    from gtmask.run.plan import Plan
    from gtmask.storage.base import Storage

#: Commit records of the run that is being updated.
EARLIER = STATE + "earlier.jsonl"
#: Chunks whose lines a worker holds: records move, but mostly together.
_HELD = 8
#: Bytes of the file that are read at a time.
_PIECE = 8 << 20


class Place(NamedTuple):
    """Where a commit record stands: bytes [start, stop) of a file; ``stop`` None: to its end."""

    key: str
    start: int = 0
    stop: int | None = None


class KeptLine(NamedTuple):
    """A line of an earlier run: its chunk's commit record, its number in the part file, and its state."""

    place: Place
    line: int
    state: bytes


class EarlierParts:
    """Reads lines of an earlier run, for one worker."""

    def __init__(self, out: Storage) -> None:
        self._out = out
        self._held: OrderedDict[Place, tuple[list[bytes], bytes, list[Counts]]] = OrderedDict()

    async def find(self, kept: Iterable[KeptLine]) -> list[tuple[bytes, Counts]]:
        """Return the manifest lines of records, mostly one of each, and what they count.

        Raises GtmaskError: a part file is missing or was changed, or a line is not of the record that is
        looked for.
        """
        found: list[tuple[bytes, Counts]] = []
        last: Place | None = None
        for place, at, state in kept:
            if place != last:
                lines, states, counts = await self._open(place)
                last = place
            if states[at * SIZE : (at + 1) * SIZE] != state:
                raise _changed(self._out, place)
            end = at + 1
            while states[end * SIZE : (end + 1) * SIZE] == CONTINUED:
                end += 1
            found.append((b"".join(lines[at:end]), counts[at]))
        return found

    async def _open(self, place: Place) -> tuple[list[bytes], bytes, list[Counts]]:
        """Return the lines of a chunk, their states, and what their records count."""
        if place not in self._held:
            record = orjson.loads(await self._out.get(*place))
            lines = (await read_lines(self._out, record["chunk"], record)).splitlines(keepends=True)
            self._held[place] = lines, b64decode(record["states"]), unpack_counts(record["counts"])
            if len(self._held) > _HELD:
                self._held.popitem(last=False)
        return self._held[place]


async def read_whole(out: Storage, place: Place, states: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return a chunk's commit record and all its lines, which must be those of records with these states.

    Raises GtmaskError: the part file is missing, or one of both was changed.
    """
    record = orjson.loads(await out.get(*place))
    if b64decode(record["states"]) != states:
        raise _changed(out, place)
    return record, (await read_lines(out, record["chunk"], record)).splitlines(keepends=True)


def _changed(out: Storage, place: Place) -> GtmaskError:
    return GtmaskError(f"{out.uri(place.key)} was changed while the run was updated: run again to go on.")


@dataclass(slots=True)
class Earlier:
    """The masks of an earlier run by the states of their records, in 24 bytes for each.

    ``places`` are of its chunks; ``first`` is the number of each chunk's first line among all lines. ``lost``
    masks are gone since, or have another size: they have no line here.
    """

    places: list[Place]
    first: NDArray[np.int64]
    _states: NDArray[np.uint64]
    _order: NDArray[np.int64]
    lost: int

    @classmethod
    def of(cls, places: list[Place], counts: list[int], states: bytes, lost: int) -> Earlier:
        """Index the states of all lines of chunks with these numbers of lines."""
        halves = np.frombuffer(states, np.uint64).reshape(-1, 2)
        return cls(places, np.cumsum([0, *counts]), halves, halves[:, 0].argsort(kind="stable"), lost)

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return len(self._states)

    @property
    def _begins(self) -> NDArray[np.bool_]:
        """Say of each line whether it is the first one of its record."""
        continued = np.frombuffer(CONTINUED, np.uint64)
        begins: NDArray[np.bool_] = (self._states != continued).any(axis=1)
        return begins

    def first_lines(self) -> NDArray[np.int64]:
        """Return the numbers of the first lines of all records."""
        return np.flatnonzero(self._begins)

    def of_records(self, first: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say of each line what is said of the first line of its record."""
        numbers = np.where(self._begins, np.arange(self.lines), 0)
        return first[np.maximum.accumulate(numbers)]

    def lines_of(self, states: bytes) -> NDArray[np.int64]:
        """Return the number of the line with each of these states; -1 where there is none."""
        halves = np.frombuffer(states, np.uint64).reshape(-1, 2)
        if not self.lines:
            return np.full(len(halves), -1, np.int64)
        at = self._states[:, 0].searchsorted(halves[:, 0], sorter=self._order).clip(max=self.lines - 1)
        numbers = self._order[at]
        found = (self._states[numbers] == halves).all(axis=1) & halves.any(axis=1)
        return np.where(found, numbers, -1)

    def states_of(self, chunk: int) -> bytes:
        """Return the states of a chunk's lines, by its number among the indexed ones."""
        first, last = self.first[chunk : chunk + 2].tolist()
        return self._states[first:last].tobytes()

    def whole_chunk(self, lines: NDArray[np.int64]) -> int | None:
        """Return the number of the chunk that has just these lines in this order, if one has."""
        chunk = int(self.first.searchsorted(lines[0], "right")) - 1
        first, last = self.first[chunk : chunk + 2].tolist()
        return chunk if np.array_equal(lines, np.arange(first, last)) else None

    def kept(self, lines: NDArray[np.int64]) -> list[KeptLine]:
        """Return where lines stand, by their numbers among all lines."""
        chunks = self.first.searchsorted(lines, "right") - 1
        within = (lines - self.first[chunks]).tolist()
        states = self._states[lines].tobytes()
        return [
            KeptLine(self.places[chunk], number, states[at * SIZE : (at + 1) * SIZE])
            for at, (chunk, number) in enumerate(zip(chunks.tolist(), within, strict=True))
        ]


async def read_earlier(out: Storage, plan: Plan) -> Earlier:
    """Index the masks that the run with this plan has, and those of the one that it was updating.

    An update that did not come to its end has replaced masks of the run before it: those count no more. Nor
    do masks that are gone since, or that have another size than they had.
    """
    sizes = await FileSizes.listed(out)
    places: list[Place] = []
    counts: list[int] = []
    states, lost = bytearray(), 0
    own: set[tuple[int, str]] = set()
    chunks = [Place(commit_key(chunk)) for chunk in sorted(await committed(out))]
    kept = [place async for place in _kept(out)]
    replaced = await _replaced(out, plan) if kept else set()
    async for place, record, lines in _read(out, plan.identity, [*chunks, *kept]):
        name = record["chunk"], record["run"]
        if place.key != EARLIER:
            own.add(name)
        elif name in own:
            continue
        others = replaced if record["run"] != plan.identity else frozenset()
        known, gone = still_there(plan, record, lines, sizes, others)
        places.append(place)
        counts.append(len(known) // SIZE)
        states += known
        lost += gone
    return Earlier.of(places, counts, bytes(states), lost)


async def _read(
    out: Storage, run: str, places: list[Place]
) -> AsyncIterator[tuple[Place, dict[str, Any], list[bytes]]]:
    """Yield commit records with their places and lines; of commit records in parts, those of one run."""

    async def part(number: int) -> tuple[Place, dict[str, Any], list[bytes]] | None:
        place = places[number]
        record = parse_commit(out, place.key, await out.get(*place))
        if place.key != EARLIER and record["run"] != run:
            return None
        return place, record, (await read_lines(out, record["chunk"], record)).splitlines()

    async with contextlib.aclosing(read_ahead(part, range(len(places)))) as parts:
        async for found in parts:
            if found is not None:
                yield found


async def _kept(out: Storage) -> AsyncIterator[Place]:
    """Yield the places of the commit records that an update has kept of the run before it."""
    start, held = 0, b""
    while True:
        try:
            piece = await out.get(EARLIER, start + len(held), start + len(held) + _PIECE)
        except NotFoundError:
            return
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            yield Place(EARLIER, start, start + len(line))
            start += len(line) + 1
        if not piece:
            return


async def _replaced(out: Storage, plan: Plan) -> set[str | None]:
    """Return the keys of the masks that an unfinished update has written, or may have."""
    keys: set[str | None] = set(await begun(out))
    places = [Place(commit_key(chunk)) for chunk in sorted(await committed(out))]
    async for _, _, lines in _read(out, plan.identity, places):
        keys.update(mask_key_of(line, plan) for line in lines)
    return keys


async def keep_earlier(out: Storage, earlier: Earlier) -> Earlier:
    """Write the commit records of the masks that are indexed to a file of their own; return where they are.

    States that count no more are not kept.
    """
    places: list[Place] = []
    start = 0

    async def read(number: int) -> dict[str, Any]:
        record: dict[str, Any] = orjson.loads(await out.get(*earlier.places[number]))
        return record | {"states": b64encode(earlier.states_of(number)).decode()}

    async def lines() -> AsyncIterator[bytes]:
        nonlocal start
        async with contextlib.aclosing(read_ahead(read, range(len(earlier.places)))) as records:
            async for record in records:
                line = orjson.dumps(record)
                places.append(Place(EARLIER, start, start + len(line)))
                start += len(line) + 1
                yield line + b"\n"

    await out.put_stream(EARLIER, lines(), "application/x-ndjson")
    return replace(earlier, places=places)


async def lines_without(out: Storage, plan: Plan, earlier: Earlier, kept: NDArray[np.bool_]) -> list[str]:
    """Return the keys of the masks of lines that are not ``kept``, by their numbers."""
    keys: list[str] = []
    for number, place in enumerate(earlier.places):
        here = kept[earlier.first[number] : earlier.first[number + 1]]
        if here.all():
            continue
        record = orjson.loads(await out.get(*place))
        lines = (await read_lines(out, record["chunk"], record)).splitlines()
        found = (mask_key_of(line, plan) for line, stays in zip(lines, here, strict=True) if not stays)
        keys += [key for key in found if key is not None]
    return keys
