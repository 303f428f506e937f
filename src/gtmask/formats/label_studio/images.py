"""Which images a Label Studio task speaks of: the labeling configuration that says so is not exported.

The rule: a region's ``to_name`` is the name of an image tag, and by convention the key of its data; else
the data's values that look like an image count, well-known keys first. A list of images under one key is
one image per item (``item_index``, or ``page_0``-like tag names of repeaters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.typed import get_any, get_object, get_text

if TYPE_CHECKING:
    from gtmask.formats.reading.typed import Teller

_USUAL = ("image", "img", "images", "image_url", "url", "photo", "picture", "pages", "frame")
_PICTURE = re.compile(
    r"\.(jpe?g|png|bmp|gif|webp|tiff?|avif|heic)(\?|#|$)|^/data/(upload|local-files)/|^(s3|gs|azure-blob)://"
    r"|/(presign|resolve)/\?fileuri=",
    re.IGNORECASE,
)
_GEOMETRY = frozenset({"points", "rle", "imageDataURL", "radiusX", "vertices", "x"})
_REPEATED = re.compile(r"\D(\d+)\Z")


@dataclass(frozen=True, slots=True)
class TaskImage:
    """One image of a task: its reference, other names for it, and what regions on it carry."""

    reference: str
    aliases: tuple[str, ...] = ()
    to_name: str | None = None
    item: int | None = None

    def holds(self, result: dict[str, Any]) -> bool:
        """Say whether a region lies on this image."""
        to_name = get_any(result, "to_name")
        if self.item is None:
            return self.to_name is None or to_name is None or to_name == self.to_name
        index = get_any(result, "item_index")
        if index is None and isinstance(to_name, str) and (match := _REPEATED.search(to_name)):
            index = int(match[1])
        return (index or 0) == self.item


def images_of(told: Teller, task: dict[str, Any], results: list[dict[str, Any]]) -> list[TaskImage]:
    """Return the images of a task, in the order of its data; empty where none can be told."""
    data = get_object(told, task, "data")
    named_by = [(name, item) for item in results if (name := get_text(told, item, "to_name"))]
    tags = {name: None for name, _ in named_by}
    if len(tags) > 1:
        tags = {name: None for name, item in named_by if draws(item)}
    named = [(tag, data[tag]) for tag in tags if _references(data.get(tag))]
    if len(named) > 1:
        found = [TaskImage(_references(value)[0], to_name=tag) for tag, value in named]
        return sorted(found, key=lambda image: list(data).index(image.to_name or ""))
    value = named[0][1] if named else _guessed(data)
    if isinstance(value, list) and len(value) > 1:
        # Items without a reference keep their number: regions name items by it.
        items = [(number, _references(item)) for number, item in enumerate(value)]
        return [TaskImage(found[0], item=number) for number, found in items if found]
    references = _references(value)
    upload = get_text(told, task, "file_upload")
    aliases = (upload,) if upload else ()
    if references:
        return [TaskImage(references[0], tuple(name for name in aliases if name != references[0]))]
    return [TaskImage(aliases[0])] if aliases and _PICTURE.search(aliases[0]) else []


def draws(result: dict[str, Any]) -> bool:
    """Say whether a result is a region: text and choices may have tags of their own."""
    value = get_any(result, "value")
    return isinstance(value, dict) and not _GEOMETRY.isdisjoint(value)


def _guessed(data: dict[str, Any]) -> Any:
    """Return the value of a task's data that is its image: by its look, by its key, or the only text."""
    keys = sorted(data, key=lambda key: _USUAL.index(key.lower()) if key.lower() in _USUAL else len(_USUAL))
    for key in keys:
        if any(_PICTURE.search(reference) for reference in _references(data[key])):
            return data[key]
    for key in keys:
        if key.lower() in _USUAL and _references(data[key]):
            return data[key]
    texts = [value for value in data.values() if isinstance(value, str) and value]
    return texts[0] if len(texts) == 1 else None


def _references(value: Any) -> list[str]:
    """Return the image references in a value: text, a list of texts, or a list of ``{"url": ...}``."""
    items = value if isinstance(value, list) else [value]
    found = []
    for item in items:
        reference = next(iter(item.values()), None) if isinstance(item, dict) else item
        if isinstance(item, dict):
            texts = [text for text in item.values() if isinstance(text, str)]
            reference = next((text for text in texts if _PICTURE.search(text)), reference)
        if isinstance(reference, str) and reference:
            found.append(reference)
    return found
