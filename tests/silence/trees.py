"""Changes of values as JSON and YAML hold them: one place, one change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.silence.variant import Variant

Path = tuple[Any, ...]

#: Keys of image sizes that are exchanged with each other.
SIZES = (
    ("width", "height"), ("imageWidth", "imageHeight"), ("imgWidth", "imgHeight"),
    ("original_width", "original_height"),
)  # fmt: skip
#: An object with one of these keys is a box, and another box is another document.
_BOX = frozenset({"x", "y", "left", "top", "xtl", "value", "rle"})
_ID = re.compile(r"(^|[a-z_])(id|ID|Id|hash|mid|vid|fid)s?$")
#: Keys of texts that hold pixels or runs: half of them is no document.
_PACKED = frozenset({"counts", "data", "mask", "imageDataURL", "rleString", "coordinates", "rle"})
#: What makes a class of no table another class of none.
_ANOTHER = ("to-word", "unknown-id")
#: List elements beyond these are changed at the ends only: the middle of a ring is like its neighbours.
_SOME = 3


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the place of every value but the whole, of long lists those at the ends."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        numbers = range(len(value))
        for index in numbers if len(value) <= 2 * _SOME else (*numbers[:_SOME], *numbers[-1:]):
            yield from places(value[index], (*path, index))


def spell(path: Path) -> str:
    """Return a place as text without blanks."""
    said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return re.sub(r"\s", "~", said.removeprefix(".")) or "."


def changes(document: Any, variant: Variant) -> Iterator[tuple[str, Path]]:
    """Yield every change that a document can suffer, as (kind, place)."""
    for key in SIZES:
        if isinstance(document, dict) and _sized(document, key):
            yield f"exchange-{key[0]}", ()
    for path, value in places(document):
        key = path[-1]
        name = next((step for step in reversed(path) if isinstance(step, str)), "")
        if isinstance(_at(document, path[:-1]), list):
            yield "double", path
        elif key not in variant.free:
            # An image less is another document, where images stand under keys (VIA).
            if not (isinstance(value, dict) and {"filename", "regions"} <= value.keys()):
                yield "drop", path
            yield "rename", path
        another = _ANOTHER if key in variant.unlisted else ()
        kinds = [kind for kind in _kinds(value, name, key, variant) if kind not in another]
        # What users wrote as a class may be any other word.
        yield from ((kind, path) for kind in kinds if kind != "to-word" or "region_attributes" not in path)


def _kinds(value: Any, name: str, key: Any, variant: Variant) -> Iterator[str]:
    free = key in variant.free
    if not free and value is not None:
        yield "null"
    if isinstance(value, bool):
        yield from ("to-word", "to-list", "to-object")
    elif isinstance(value, int | float):
        yield from ("to-text", "to-word", "to-list", "to-object", "to-true")
        if key == name and (_ID.search(name) or name in variant.own_ids):
            yield "unknown-id"
    elif isinstance(value, str):
        yield from ("to-number", "to-list", "to-object", "to-true")
        if not free and value:
            yield "empty"
        if "/" in value or "\\" in value:
            yield "shorten"
        if name in variant.enums:
            yield "to-word"
        if key == name and _ID.search(name):
            yield "unknown-id"
        if name in _PACKED and len(value) > 5:
            yield "cut"
    elif isinstance(value, list):
        yield from ("to-word", "to-number", "to-object", "to-true", "wrap")
        if value and not free:
            yield "empty"
        if len(value) == 1:
            yield "unwrap"
        if len(value) == 2 and name == "size":
            yield "exchange-pair"
    elif isinstance(value, dict):
        yield from ("to-word", "to-number", "to-true", "to-list")
        if value and not free:
            yield "empty"
        yield from (f"exchange-{pair[0]}" for pair in SIZES if _sized(value, pair))
    else:
        yield from ("to-word", "to-number", "to-list", "to-object", "to-true")


def _at(document: Any, path: Path) -> Any:
    for step in path:
        document = document[step]
    return document


def _sized(value: dict[str, Any], pair: tuple[str, str]) -> bool:
    return all(isinstance(value.get(key), int) for key in pair) and (
        pair[0] == "original_width" or not _BOX & value.keys()
    )


def apply(document: Any, kind: str, path: Path) -> Any:
    """Change a document in place, and return it."""
    if kind.startswith("exchange-") and kind != "exchange-pair":
        holder = _at(document, path)
        one, two = next(pair for pair in SIZES if kind == f"exchange-{pair[0]}")
        holder[one], holder[two] = holder[two], holder[one]
        return document
    parent, key = _at(document, path[:-1]), path[-1]
    if kind == "drop":
        del parent[key]
    elif kind == "rename":
        # In its place: the order of keys is not what is changed.
        renamed = {f"{name}_x" if name == key else name: inner for name, inner in parent.items()}
        parent.clear()
        parent.update(renamed)
    elif kind == "double":
        parent.insert(key, parent[key])
    else:
        parent[key] = _VALUES[kind](parent[key])
    return document


def double_key(document: Any, path: Path, mark: str, *, first: bool) -> None:
    """Give a key twice, the other one marked, with a value of the same type that is another one."""
    parent, key = _at(document, path[:-1]), path[-1]
    other = {f"{mark}{key}": _other(parent[key])}
    members = [
        pair
        for name, value in parent.items()
        for pair in (
            [({name: value}, other), (other, {name: value})][first] if name == key else [{name: value}]
        )
    ]
    parent.clear()
    for pair in members:
        parent.update(pair)


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list):
        return value[:-1] or [7]
    return 7 if value is None else {} if value else {"qx": 7}


def _empty(value: Any) -> Any:
    return type(value)()


_VALUES: dict[str, Callable[[Any], Any]] = {
    "null": lambda value: None,
    "to-text": str,
    "to-word": lambda value: "qx",
    "to-number": lambda value: 7,
    "to-list": lambda value: [value],
    "to-object": lambda value: {"qx": value},
    "to-true": lambda value: True,
    "wrap": lambda value: [value],
    "unwrap": lambda value: value[0],
    "empty": _empty,
    "cut": lambda value: value[: len(value) // 2],
    "shorten": lambda value: re.split(r"[/\\]", value.rstrip("/\\"))[-1],
    "unknown-id": lambda value: "zzz-unknown" if isinstance(value, str) else 987654,
    "exchange-pair": lambda value: value[::-1],
}


def reversed_keys(value: Any) -> Any:
    """Return a value with the keys of all its objects in reverse order."""
    if isinstance(value, dict):
        return {key: reversed_keys(inner) for key, inner in reversed(value.items())}
    return [reversed_keys(inner) for inner in value] if isinstance(value, list) else value
