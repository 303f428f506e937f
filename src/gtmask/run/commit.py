"""What a chunk leaves behind, and how the finished parts become the manifest.

A chunk's part file holds its manifest lines; its commit record holds its counts and is written last, in
one atomic step, once everything it promises is durable. A chunk is done when its commit record exists.
Nothing here carries a time or a machine's name: the same chunk leaves the same bytes wherever and
however often it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from base64 import b64decode, b64encode
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from gtmask.errors import GtmaskError, NotFoundError
from gtmask.findings import EXAMPLES, Finding, FindingCounts
from gtmask.manifest.unfinished import PARTS, committed_chunk
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Sequence

    from gtmask.images.known_heads import Seen
    from gtmask.storage.base import Storage

T = TypeVar("T")
#: What a single record counts: values of :meth:`Tally.to_json`.
Counts = dict[str, Any]

REJECTS = "rejects.jsonl"
CLASSES = "classes.toml"
CLASSES_TYPE = "text/plain; charset=utf-8"
MASKS = "masks/"

#: Parts that are read ahead of the one that is wanted.
AHEAD = 8


def lines_key(chunk: int, run: str) -> str:
    """Return the key of a chunk's manifest lines; no other run than that with this identity has it.

    What cannot be replaced while it works needs no identity: "".
    """
    return f"{PARTS}{chunk:06d}-{run}.jsonl" if run else f"{PARTS}{chunk:06d}.jsonl"


def commit_key(chunk: int) -> str:
    """Return the key of a chunk's commit record."""
    return f"{PARTS}{chunk:06d}.json"


@dataclass(slots=True)
class Tally(FindingCounts):
    """Counts of a chunk or of a whole run; tallies add up.

    ``pixels`` counts mask pixels by class id, ``shapes`` painted shapes by source label, ``mask_bytes``
    the PNGs' sizes; ``covered`` the pixels, by source label, that later shapes lie over, with
    ``--count-covered``.
    """

    records: int = 0
    masks: int = 0
    rejects: int = 0
    mask_bytes: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.records += other.records
        self.masks += other.masks
        self.rejects += other.rejects
        self.mask_bytes += other.mask_bytes
        self.pixels.update(other.pixels)
        self.shapes.update(other.shapes)
        self.covered.update(other.covered)
        self.add_findings(other)

    def counts(self) -> Counts:
        """Return the values of :meth:`to_json` that are not zero or empty."""
        return {name: value for name, value in self.to_json().items() if value}

    def to_json(self) -> dict[str, Any]:
        """Return plain values, in a fixed order."""
        return {
            "records": self.records,
            "masks": self.masks,
            "rejects": self.rejects,
            "mask_bytes": self.mask_bytes,
            "findings": dict(sorted(self.findings.items())),
            "examples": dict(sorted(self.examples.items())),
            "pixels": {str(value): count for value, count in sorted(self.pixels.items())},
            "shapes": dict(sorted(self.shapes.items())),
            "covered": dict(sorted(self.covered.items())),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        """Read what :meth:`to_json` returned."""
        return cls(
            Counter(data["findings"]), dict(data["examples"]),
            data["records"], data["masks"], data["rejects"], data["mask_bytes"],
            Counter({int(value): count for value, count in data["pixels"].items()}), Counter(data["shapes"]),
            Counter(data["covered"]),
        )  # fmt: skip


@dataclass(slots=True)
class ChunkResult:
    """What became of one chunk: its tally, its manifest lines, and its rejects as JSON values.

    ``states`` and ``counts`` are of all lines: what the records were, and what each counts, packed.
    ``report`` is what the worker tells of itself, where somebody asks (:mod:`gtmask.run.stats`), ``heads``
    what it has seen of heads of images, where that is kept (:mod:`gtmask.run.probe_cache`).
    """

    chunk: int
    tally: Tally
    lines: list[bytes] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    states: bytes = b""
    counts: str = ""
    report: dict[str, Any] | None = None
    heads: Seen | None = None


def reject_of(image: str, findings: Iterable[Finding], **place: str) -> dict[str, Any]:
    """Return the line of a rejected record; ``place`` says where it stands, beside its image."""
    told = [{"code": found.code, "detail": escape_unprintable(found.detail)} for found in findings]
    where = {name: escape_unprintable(text) for name, text in {"image": image, **place}.items()}
    return {**where, "findings": told}


async def commit(
    out: Storage,
    results: Sequence[ChunkResult],
    run: str = "",
    refuse_lost: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Make masks and lines of chunks durable, then write their commit records, of the run with this identity.

    ``refuse_lost`` raises where the output is no longer that run's: syncing may have taken a while.
    """
    lines = {result.chunk: b"".join(result.lines) for result in results}
    await _together(
        [out.put(lines_key(chunk, run), data, "application/x-ndjson") for chunk, data in lines.items()]
    )
    await out.sync()
    if refuse_lost is not None:
        await refuse_lost()
    records = [(result.chunk, _record(result, run, lines[result.chunk])) for result in results]
    await _together([out.put(commit_key(chunk), data, "application/json") for chunk, data in records])
    await out.sync()


async def _together(puts: list[Coroutine[Any, Any, None]]) -> None:
    """Put files; a lone one at once: other chunks would be converted between the look at the run and it."""
    if len(puts) == 1:
        await puts[0]
    else:
        await asyncio.gather(*puts)


def _record(result: ChunkResult, run: str, lines: bytes) -> bytes:
    """Return a chunk's commit record."""
    record = {
        "chunk": result.chunk,
        "run": run,
        **result.tally.to_json(),
        "lines": {"bytes": len(lines), "crc32": zlib.crc32(lines)},
        "rejected": result.rejects,
        "states": b64encode(result.states).decode(),
        "counts": result.counts,
    }
    return orjson.dumps(record) + b"\n"


def pack_counts(counts: list[Counts]) -> str:
    """Return what single records count as a text: for commit records, which are not read by people."""
    return b64encode(zlib.compress(orjson.dumps(counts), 1)).decode()


def unpack_counts(packed: str) -> list[Counts]:
    """Read what :func:`pack_counts` returned."""
    counts: list[Counts] = orjson.loads(zlib.decompress(b64decode(packed)))
    return counts


def add_counts(counts: Iterable[Counts]) -> Tally:
    """Return the tally of records that count these."""
    total = Tally().to_json()
    for one in counts:
        for name, value in one.items():
            mine = total[name]
            if isinstance(value, int):
                total[name] += value
            elif name == "examples":
                for code, examples in value.items():
                    known = mine.setdefault(code, [])
                    known += examples[: EXAMPLES - len(known)]
            else:
                for key, count in value.items():
                    mine[key] = mine.get(key, 0) + count
    return Tally.from_json(total)


#: What every commit record has.
_MEMBERS = {"chunk", "run", *Tally().to_json(), "lines", "rejected", "states", "counts"}


async def read_commit(out: Storage, chunk: int) -> dict[str, Any]:
    """Return a chunk's commit record.

    Raises NotFoundError if the chunk is not done. Raises GtmaskError if the commit record is damaged.
    """
    return parse_commit(out, commit_key(chunk), await out.get(commit_key(chunk)))


def parse_commit(out: Storage, key: str, data: bytes) -> dict[str, Any]:
    """Return the commit record that these bytes of the file ``key`` are; raises as :func:`read_commit`."""
    try:
        record = orjson.loads(data)
    except ValueError:
        record = None
    if not isinstance(record, dict) or not record.keys() >= _MEMBERS:
        raise GtmaskError(f"{out.uri(key)} is damaged: delete it and run again to redo that chunk.")
    return record


async def committed(out: Storage) -> set[int]:
    """Return the numbers of the chunks that are done, from one listing of the part files."""
    numbers = [committed_chunk(entry) async for entry in out.list(PARTS)]
    return {number for number in numbers if number is not None}


async def take_back_rejects(out: Storage, chunks: Iterable[int]) -> set[int]:
    """Take back the chunks among these that have rejects, so that they are done again; return them."""
    taken: set[int] = set()
    async with contextlib.aclosing(read_ahead(partial(read_commit, out), sorted(chunks))) as records:
        async for record in records:
            if record["rejects"]:
                await out.delete(commit_key(record["chunk"]))
                taken.add(record["chunk"])
    return taken


async def read_lines(out: Storage, chunk: int, record: dict[str, Any]) -> bytes:
    """Return a committed chunk's manifest lines, checked against its commit record.

    Raises GtmaskError if the part file is missing or was changed.
    """
    try:
        lines = await out.get(lines_key(chunk, record["run"]))
    except NotFoundError:
        lines = b""
    if len(lines) != record["lines"]["bytes"] or zlib.crc32(lines) != record["lines"]["crc32"]:
        part = out.uri(lines_key(chunk, record["run"]))
        raise GtmaskError(
            f"{part} is missing or not what its commit record promises: delete "
            f"{out.uri(commit_key(chunk))} and run again to redo that chunk."
        )
    return lines


async def each_part(
    out: Storage,
    chunks: int,
    read: Callable[[Storage, int], Coroutine[Any, Any, dict[str, Any]]] = read_commit,
) -> AsyncIterator[tuple[dict[str, Any], bytes]]:
    """Yield (commit record, manifest lines) of all chunks in order; ``read`` returns a chunk's record."""

    async def part(chunk: int) -> tuple[dict[str, Any], bytes]:
        record = await read(out, chunk)
        return record, await read_lines(out, chunk, record)

    async with contextlib.aclosing(read_ahead(part, range(chunks))) as parts:
        async for found in parts:
            yield found


async def read_ahead(
    read: Callable[[int], Coroutine[Any, Any, T]], chunks: Iterable[int]
) -> AsyncGenerator[T, None]:
    """Yield what ``read`` returns for each chunk, in order, while the next ones are on their way."""
    reading: deque[asyncio.Task[T]] = deque()
    try:
        for chunk in chunks:
            reading.append(asyncio.create_task(read(chunk)))
            if len(reading) > AHEAD:
                yield await reading.popleft()
        while reading:
            yield await reading.popleft()
    finally:
        for task in reading:
            task.cancel()


def reject_lines(record: dict[str, Any]) -> bytes:
    """Return a commit record's rejects as JSON Lines."""
    return b"".join(orjson.dumps(reject) + b"\n" for reject in record["rejected"])
