"""What a manifest's run knows about the whole of it: its commit records have areas and findings by chunk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gtmask.errors import GtmaskError
from gtmask.loops import run_async
from gtmask.manifest.writer import manifest_name
from gtmask.run.commit import read_ahead, read_commit
from gtmask.run.plan import load_plan
from gtmask.storage import open_storage, split_location

if TYPE_CHECKING:
    from gtmask.storage.base import S3Settings, Storage

#: A run of more chunks is not asked: reading a record of each would take longer than looking at masks.
MOST_CHUNKS = 4000


class ChunkFacts(NamedTuple):
    """One chunk: where its lines are in the manifest (byte offsets), and which class ids its masks have."""

    start: int
    end: int
    classes: frozenset[int]


@dataclass(slots=True)
class RunFacts:
    """A finished run: pixels by class id, findings by code, examples of each, and its chunks in order."""

    pixels: Counter[int] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    chunks: list[ChunkFacts] = field(default_factory=list)

    def codes_of(self, reference: str) -> list[tuple[str, str]]:
        """Return the findings, as (code, text), of which an image is told as an example."""
        parts = reference.split("/")
        names = ["/".join(parts[start:]) for start in range(len(parts))]
        return [
            (code, text)
            for code, texts in self.examples.items()
            for text in texts
            if any(text == name or text.startswith((f"{name}: ", f"{name} (")) for name in names)
        ]


def read_run_facts(location: str, size: int, s3: S3Settings | None) -> RunFacts | None:
    """Return what the commit records beside a manifest tell; None where none of them are of this manifest.

    - ``location``, ``size``: the manifest, and its bytes: a file that was changed since is not the run's.
    """
    folder, name = split_location(location)

    async def read() -> RunFacts | None:
        async with open_storage(folder, s3) as storage:
            return await _read(storage, name, size)

    try:
        return run_async(read())
    except GtmaskError:  # another version's run, or one whose state may not be read
        return None


async def _read(storage: Storage, name: str, size: int) -> RunFacts | None:
    plan = await load_plan(storage)
    if plan is None or manifest_name(plan.settings["label_attribute"]) != name or plan.chunks > MOST_CHUNKS:
        return None
    facts = RunFacts(findings=Counter(item["code"] for item in plan.findings))
    start = 0

    async for record in read_ahead(partial(read_commit, storage), range(plan.chunks)):
        end = start + record["lines"]["bytes"]
        pixels = {int(value): count for value, count in record["pixels"].items()}
        facts.chunks.append(ChunkFacts(start, end, frozenset(pixels)))
        facts.pixels.update(pixels)
        facts.findings.update(record["findings"])
        for code, examples in record["examples"].items():
            facts.examples.setdefault(code, []).extend(examples)
        start = end
    return facts if start == size else None
