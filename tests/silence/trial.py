"""One export in a folder in memory whose files are changed, looked at, and put back."""

from __future__ import annotations

import json
import shutil
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.silence.changes import Change, apply
from tests.silence.reading import Seen, judge, look
from tests.silence.variant import LINED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.silence.variant import Variant

MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Violation:
    """A change that nobody was told of, and what became of the masks."""

    change: Change
    said: str

    def __str__(self) -> str:
        return f"{self.change}   {self.said}"


class Trial:
    """The unchanged export, and what its changes come to."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self.root = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        for name, data in variant.files.items():
            self._put(name, data)
        self.before = {name: look(self.root, name, variant.images) for name in ("auto", variant.format)}

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.root)

    def unchanged(self) -> list[Violation]:
        """Return what is wrong with the unchanged export: each of its images has a mask with its shapes."""
        wanted = {f"{key}.png" for key in self.variant.images}
        out = []
        for name, seen in self.before.items():
            trouble = seen.error or seen.crash
            if trouble is not None or seen.masks.keys() != wanted:
                said = (
                    f"{trouble!r}" if trouble else f"masks of {sorted(seen.masks)}, wanted {sorted(wanted)}"
                )
                out.append(Violation(Change(self.variant.key, "unchanged", "*", name), said))
        return out

    def violations(self, changes: Iterable[Change]) -> Iterator[Violation]:
        """Yield the changes that are violations."""
        for change in changes:
            # Every fourth with detection, which may read another format into what is left.
            name = "auto" if zlib.crc32(str(change).encode()) % 4 == 3 else self.variant.format
            said = self.outcome(
                change.file, apply(self.variant, change), name, meaningless=change.meaningless
            )
            if said is not None:
                yield Violation(change, said)

    def outcome(self, file: str, data: bytes | None, name: str, *, meaningless: bool) -> str | None:
        """Return what is wrong after one file has become another, or None."""
        original = self.variant.files[file]
        if data == original:
            return None
        self._put(file, data)
        try:
            return judge(self.before[name], self._look(name), meaningless=meaningless)
        finally:
            self._put(file, original)

    def _look(self, name: str) -> Seen:
        return look(self.root, name, self.variant.images)

    def _put(self, name: str, data: bytes | None) -> None:
        path = self.root / name
        if data is None:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def changed_text(variant: Variant, change: Change, most: int = 3000) -> str:
    """Return the changed file as text, for people."""
    data = apply(variant, change)
    if data is None or not change.file.lower().endswith((".json", ".xml", ".csv", ".txt", ".yaml", *LINED)):
        return f"({'no' if data is None else 'changed'} {change.file})"
    return data.decode("utf-8", "replace")[:most]


def smallest(variant: Variant, change: Change, tries: int = 300) -> str:
    """Return the changed document with all taken away that the violation does not need.

    Elements of lists and keys of objects are dropped from both the unchanged and the changed document, one
    after the other, as long as the change at its place stays a violation.
    """
    if not change.file.endswith(".json") or change.place == ".":
        return changed_text(variant, change)
    from dataclasses import replace  # noqa: PLC0415

    document, left = json.loads(variant.files[change.file]), tries
    best = variant
    again = True
    while again and left:
        again = False
        for path in _droppable(document):
            if not left:
                break
            left -= 1
            smaller = json.loads(json.dumps(document))
            parent: Any = smaller
            for step in path[:-1]:
                parent = parent[step]
            del parent[path[-1]]
            candidate = replace(best, files={**variant.files, change.file: json.dumps(smaller).encode()})
            if _violates(candidate, change):
                document, best, again = smaller, candidate, True
                break
    return changed_text(best, change)


def _droppable(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(document, dict):
        for key, inner in document.items():
            yield (*path, key)
            yield from _droppable(inner, (*path, key))
    elif isinstance(document, list):
        for index in reversed(range(len(document))):
            yield (*path, index)
            yield from _droppable(document[index], (*path, index))


def _violates(variant: Variant, change: Change) -> bool:
    try:
        data = apply(variant, change)
    except (KeyError, StopIteration, IndexError):
        return False
    trial = Trial(variant)
    try:
        seen = trial.before[variant.format]
        if seen.error or seen.crash or not seen.masks:
            return False
        return trial.outcome(change.file, data, variant.format, meaningless=change.meaningless) is not None
    finally:
        trial.close()
