"""Every change that the files of a variant can suffer, one at a time, and how it is made.

A change is named by its kind, the file and the place in it: that is enough to repeat it. Which of them are
tried is drawn with a fixed seed. Kinds that begin with ``same-`` have no meaning: masks stay equal.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from tests.silence import pictures, texts, trees
from tests.silence.variant import LINED, as_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.silence.variant import Variant

PICTURES = (".png", ".webp")
SEED = 12
#: A key stands twice, the wrong value before or after the right one.
TWICE = ("twice-before", "twice-after")
_MARK = "(twice)"


@dataclass(frozen=True, order=True)
class Change:
    """One change of one file of a variant."""

    variant: str
    kind: str
    file: str
    place: str = "."

    @property
    def meaningless(self) -> bool:
        return self.kind.startswith("same-")

    def __str__(self) -> str:
        return f"{self.variant} {self.kind} {self.file.replace(' ', '~')} {self.place}"


@cache
def every_change(variant: Variant) -> tuple[Change, ...]:
    """Return all changes of a variant, in an order that only depends on it."""
    return tuple(
        Change(variant.key, kind, file, place)
        for file, data in variant.files.items()
        for kind, place in _of_file(variant, file, data)
    )


def drawn(variant: Variant, count: int, seed: int = SEED) -> list[Change]:
    """Return ``count`` changes of a variant (all where there are fewer), drawn with a seed.

    More of one seed begin with fewer of it.
    """
    every = every_change(variant)
    return random.Random(f"{seed} {variant.key}").sample(every, len(every))[:count]


@cache
def doubled_keys(variant: Variant) -> tuple[Change, ...]:
    """Return the changes that give a key of a JSON document twice, in an order that only depends on it.

    They are drawn apart from the others: no parsed document can hold them.
    """
    every = [
        Change(variant.key, kind, file, place)
        for file, data in variant.files.items()
        if file.lower().endswith((".json", ".geojson", *LINED))
        for place in _members(variant, file)
        for kind in TWICE
    ]
    return tuple(random.Random(f"{SEED} {variant.key}").sample(every, len(every)))


@cache
def _members(variant: Variant, file: str) -> dict[str, tuple[Any, ...]]:
    return {
        trees.spell((number, *path)): (number, *path)
        for number, document in enumerate(_load(file, variant.files[file]))
        for path, _ in trees.places(document)
        if isinstance(path[-1], str)
    }


def _of_file(variant: Variant, file: str, data: bytes) -> Iterator[tuple[str, str]]:
    name = file.lower()
    if name.endswith(PICTURES):
        yield from ((kind, ".") for kind in pictures.changes(data) if kind not in variant.free)
        return
    yield from ((kind, ".") for kind in ("nul", "same-bom"))
    if not name.endswith((".txt", ".names")):
        # Lines of numbers and names are whole wherever they end.
        yield "cut-file", "."
    if name.endswith(".xml"):
        yield from texts.xml_changes(data, variant)
        yield "same-reversed", "."
    elif name.endswith(".csv"):
        yield from texts.csv_changes(data, variant)
        yield "same-crlf", "."
    elif name.endswith((".txt", ".names")):
        yield from texts.line_changes(data)
        yield from ((kind, ".") for kind in ("same-crlf", "same-end"))
    else:
        for number, document in enumerate(_load(file, data)):
            for kind, path in trees.changes(document, variant):
                yield kind, trees.spell((number, *path))
        yield from ((kind, ".") for kind in ("same-reversed", "same-blank"))
        if name.endswith(LINED):
            yield from (("double-document", str(n)) for n in range(len(_load(file, data))))
            yield "same-crlf", "."
            if len(_load(file, data)) > 2:
                yield "same-order", "."


@cache
def _paths(variant: Variant, file: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (kind, trees.spell((number, *path))): (number, *path)
        for number, document in enumerate(_load(file, variant.files[file]))
        for kind, path in trees.changes(document, variant)
    }


def apply(variant: Variant, change: Change) -> bytes | None:
    """Return the changed file, None where it is taken away."""
    file, kind, place = change.file, change.kind, change.place
    data, name = variant.files[file], file.lower()
    if name.endswith(PICTURES):
        return pictures.apply(data, kind)
    if place == "." and kind in _WHOLE:
        return _WHOLE[kind](file, data)
    if name.endswith(".xml"):
        return texts.xml_apply(data, kind, place)
    if name.endswith(".csv"):
        return texts.csv_apply(data, kind, place, variant)
    if name.endswith((".txt", ".names")):
        return texts.line_apply(data, kind, place)
    documents = _load(file, data)
    if kind in TWICE:
        number, *path = _members(variant, file)[place]
        trees.double_key(documents[number], tuple(path), _MARK, first=kind == TWICE[0])
        return _dump(file, documents).replace(f'"{_MARK}'.encode(), b'"')
    if kind == "double-document":
        documents.insert(int(place), documents[int(place)])
    else:
        number, *path = _paths(variant, file)[kind, place]
        documents[number] = trees.apply(documents[number], kind, tuple(path))
    return _dump(file, documents)


def _load(file: str, data: bytes) -> list[Any]:
    if file.lower().endswith((".yaml", ".yml")):
        return [yaml.safe_load(data)]
    if file.lower().endswith(LINED):
        return [json.loads(line) for line in data.splitlines() if line.strip()]
    return [json.loads(data)]


def _dump(file: str, documents: list[Any], **options: Any) -> bytes:
    if file.lower().endswith((".yaml", ".yml")):
        return yaml.safe_dump(documents[0], sort_keys=False).encode()
    if file.lower().endswith(LINED):
        return as_bytes(file, documents)
    return json.dumps(documents[0], ensure_ascii=False, **options).encode()


def _reversed(file: str, data: bytes) -> bytes:
    if file.lower().endswith(".xml"):
        return texts.xml_reversed(data)
    return _dump(file, [trees.reversed_keys(document) for document in _load(file, data)])


def _blank(file: str, data: bytes) -> bytes:
    if file.lower().endswith(LINED):
        return data.replace(b"\n", b"\n\n")
    return b" \n" + _dump(file, _load(file, data), indent=2) + b"\n \n"


_WHOLE = {
    "cut-file": lambda file, data: data[: len(data) * 2 // 3],
    "nul": lambda file, data: data[: len(data) // 2] + b"\0" + data[len(data) // 2 :],
    "same-bom": lambda file, data: b"\xef\xbb\xbf" + data,
    "same-crlf": lambda file, data: data.replace(b"\n", b"\r\n"),
    "same-end": lambda file, data: data.rstrip(b"\n"),
    # The first line may be about the whole, as Ultralytics writes it.
    "same-order": lambda file, data: b"\n".join([*data.splitlines()[:-2], *data.splitlines()[:-3:-1], b""]),
    "same-reversed": _reversed,
    "same-blank": _blank,
}
