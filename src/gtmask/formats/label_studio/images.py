"""Which images a Label Studio task speaks of: the labeling configuration that says so is not exported.

A region's ``to_name`` is the name of an image tag. Which image that tag shows is known where a key of the
task's data has the same name, and where there is one tag and one image. Else it is concluded from names, and
told (``task-image-guessed``); what cannot be concluded is told and left out. The order of tags, regions and
keys never decides. A list of images under one key is one image per item (``item_index``, or ``page_0``-like
tag names of repeaters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.formats.reading.typed import Reporter, get_any

if TYPE_CHECKING:
    from collections.abc import Mapping


#: What people call the key of the image that is to be labeled; numbers at their end do not count.
_USUAL = frozenset({"image", "img", "images", "image_url", "url", "photo", "picture", "pages", "frame"})
_PICTURE = re.compile(r"\.(jpe?g|png|bmp|gif|webp|tiff?|avif|heic)(\?|#|$)", re.IGNORECASE)
#: Addresses that only files have; those of other files end in another extension.
_ADDRESS = re.compile(
    r"^/data/(upload|local-files)/|^(s3|gs|azure-blob)://|/(presign|resolve)/\?fileuri=", re.IGNORECASE
)
_OTHER_FILE = re.compile(r"\.[a-z]\w{1,4}(\?|#|$)", re.IGNORECASE)
_GEOMETRY = frozenset({"points", "rle", "imageDataURL", "radiusX", "vertices", "x"})
_REPEATED = re.compile(r"(.*\D)(\d+)\Z", re.DOTALL)


_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class TaskImage:
    """One image of a task: its reference, other names for it, and what regions on it carry.

    ``tags`` are the tags that show it; None where every region of the task lies on it. ``item`` is its
    number in a list, then ``tags`` are without the numbers of repeaters.
    """

    reference: str
    aliases: tuple[str, ...] = ()
    tags: frozenset[str] | None = None
    item: int | None = None

    @property
    def holds_all(self) -> bool:
        """Whether every region of the task lies on this image."""
        return self.tags is None and self.item is None

    def holds(self, result: dict[str, Any]) -> bool:
        """Say whether a region lies on this image."""
        tag = get_any(result, "to_name")
        if self.item is None:
            return self.tags is None or (isinstance(tag, str) and tag in self.tags)
        stem, number = _split(tag) if isinstance(tag, str) else ("", None)
        index = get_any(result, "item_index")
        index = number if index is None else index
        same = (index is None and self.item == 0) or (type(index) in {int, float} and index == self.item)
        return same and (self.tags is None or stem in self.tags)


def parse_tags(given: str | None) -> dict[str, str]:
    """Return the keys of the data that image tags show, by tag: ``TAG=KEY,TAG=KEY``.

    Raises UsageError where it is of another form.
    """
    if given is None:
        return {}
    pairs = [pair.partition("=") for pair in given.split(",")]
    tags = {tag.strip(): key.strip() for tag, _, key in pairs}
    if len(tags) < len(pairs) or any(not tag or not key or "=" in key for tag, key in tags.items()):
        raise UsageError(f"--image-tags {given!r:.100} must be TAG=KEY,TAG=KEY.")
    return tags


def images_of(
    reporter: Reporter,
    task: dict[str, Any],
    results: list[dict[str, Any]],
    given: Mapping[str, str] = _NOTHING,
) -> list[TaskImage]:
    """Return the images of a task, in the order of its data; empty where none can be told.

    - ``told``: takes what was guessed, and a reject where the task's regions lie on several images and
      nothing tells which of them is whose.
    - ``task``: the task; only its ``data`` and ``file_upload`` are looked at.
    - ``results``: the results of all its annotations: which tags there are.
    - ``given``: which key of the data each tag shows, where the user says so; then no other tag shows any.
    """
    data = reporter.get_object(task, "data")
    if len(data) == 1 and not given and _have_one_tag(results):
        # Nearly every task: one image, and all regions lie on it.
        reference = next(iter(data.values()))
        if type(reference) is str and _PICTURE.search(reference):
            return _of_value(reference, None, reporter.get_text(task, "file_upload"))
    listed = any(isinstance(value, list) and len(value) > 1 for value in data.values())
    tags = _tags(reporter, results, listed=listed)
    pictures = _pictures(reporter, data, [*tags, *given.values()])
    upload = reporter.get_text(task, "file_upload")
    if not pictures:
        return [TaskImage(upload)] if _is_picture(upload) else []
    shown: dict[str | None, str] = {None: next(iter(pictures))}
    if given:
        shown = {tag: key for tag, key in given.items() if key in pictures}
    elif len(pictures) > 1 or len(tags) > 1:
        shown = _match(reporter, tags, list(pictures))
    if not shown:
        reporter.finding("task-images-untold", f"tags {_list(tags)}, images {_list(pictures)}")
        # The first one gives the reject its name.
        return [TaskImage(_references(next(iter(pictures.values())))[0])]
    found: list[TaskImage] = []
    for key, value in pictures.items():
        mine = [tag for tag, shows in shown.items() if shows == key]
        if mine:
            tags_here = None if None in mine else frozenset(tag for tag in mine if tag is not None)
            found += _of_value(value, tags_here, upload)
        else:
            reporter.finding("picture-unlabeled", f"{key!r:.60}")
    return found


def draws(result: dict[str, Any]) -> bool:
    """Say whether a result is a region: text and choices may have tags of their own."""
    value = get_any(result, "value")
    return isinstance(value, dict) and not _GEOMETRY.isdisjoint(value)


def _have_one_tag(results: list[dict[str, Any]]) -> bool:
    """Say whether all results name the same tag."""
    first: Any = None
    for item in results:
        tag = get_any(item, "to_name")
        if tag is not first and tag != first:
            if first is not None or type(tag) is not str:
                return False
            first = tag
    return True


def _split(tag: str) -> tuple[str, int | None]:
    """Return a tag's name without the number that a repeater gave it, and that number."""
    match = _REPEATED.fullmatch(tag)
    return (match[1], int(match[2])) if match and len(match[2]) < 10 else (tag, None)


def _tags(reporter: Reporter, results: list[dict[str, Any]], *, listed: bool) -> list[str]:
    """Return the tags that have regions; where there are lists of images, without repeaters' numbers."""
    known: dict[str, None] = {}
    for item in results:
        name = get_any(item, "to_name")
        # Most regions have the tag of the one before.
        if not (type(name) is str and name in known) and draws(item):
            known[reporter.get_text(item, "to_name")] = None
    known.pop("", None)
    return list(dict.fromkeys(_split(name)[0] for name in known)) if listed else list(known)


def _pictures(reporter: Reporter, data: dict[str, Any], tags: list[str]) -> dict[str, Any]:
    """Return those values of a task's data that are images: by their tag, by their look, or by their key."""
    named = {key: references for key, value in data.items() if (references := _references(value))}
    there = {key: data[key] for key in named}
    found = {
        key: value for key, value in there.items()
        if key in tags or any(map(_is_picture, named[key]))
    }  # fmt: skip
    if found:
        return found
    usual = {key: value for key, value in there.items() if _is_usual(key)}
    texts = {key: value for key, value in there.items() if isinstance(value, str)}
    found = usual or (texts if len(texts) == 1 else {})
    for key in found:
        reporter.finding("task-image-guessed", f"{key!r:.60}, which does not look like an image's name")
    return found


def _match(reporter: Reporter, tags: list[str], keys: list[str]) -> dict[str | None, str]:
    """Return which image each tag shows; the key None stands for every region of the task.

    Tags that are not there show something that cannot be told.
    """
    shown: dict[str | None, str] = {tag: tag for tag in tags if tag in keys}
    for tag in tags:
        alike = [key for key in keys if key not in shown.values() and _plain(key) == _plain(tag)]
        if tag not in shown and len(alike) == 1:
            shown[tag] = _guessed(reporter, tag, alike[0])
    loose = [tag for tag in tags if tag not in shown]
    free = [key for key in keys if key not in shown.values()]
    if shown and len(loose) == len(free) == 1:
        shown[loose[0]] = _guessed(reporter, loose[0], free[0])
    elif not shown and len(tags) <= 1:
        usual = [key for key in keys if _is_usual(key)]
        if len(usual) == 1:
            shown[None] = _guessed(reporter, tags[0] if tags else "", usual[0])
    return shown


def _guessed(reporter: Reporter, tag: str, key: str) -> str:
    what = f"tag {tag!r:.60}" if tag else "the tag"
    reporter.finding("task-image-guessed", f"{what} was taken to show {key!r:.60}")
    return key


def _of_value(value: Any, tags: frozenset[str] | None, upload: str) -> list[TaskImage]:
    if isinstance(value, list) and len(value) > 1:
        # Items without a reference keep their number: regions name items by it.
        items = [(number, _references(item)) for number, item in enumerate(value)]
        return [TaskImage(found[0], tags=tags, item=number) for number, found in items if found]
    reference = _references(value)[0]
    aliases = (upload,) if upload and upload != reference and tags is None else ()
    return [TaskImage(reference, aliases, tags)]


def _is_usual(key: str) -> bool:
    return key.lower().rstrip("0123456789_- ") in _USUAL


def _is_picture(reference: str) -> bool:
    if _PICTURE.search(reference):
        return True
    return bool(_ADDRESS.search(reference)) and not _OTHER_FILE.search(reference.rpartition("/")[2])


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _list(names: Any) -> str:
    return ", ".join(f"{name!r:.40}" for name in list(names)[:6]) or "none"


def _references(value: Any) -> list[str]:
    """Return the image references in a value: text, a list of texts, or a list of ``{"url": ...}``."""
    if type(value) is str:
        return [value] if value else []
    items = value if isinstance(value, list) else [value]
    found = []
    for item in items:
        reference = next(iter(item.values()), None) if isinstance(item, dict) else item
        if isinstance(item, dict):
            texts = [text for text in item.values() if isinstance(text, str)]
            reference = next((text for text in texts if _is_picture(text)), reference)
        if isinstance(reference, str) and reference:
            found.append(reference)
    return found
