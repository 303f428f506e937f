"""The rules of one metadata object: its fields, and its ``internal-color-map``.

Sources: Developer Guide, sms-data-output and sms-verification-data (hex colours, type); Lookout for
Vision, manifest-file-segmentation (BACKGROUND, class-name, human-annotated); what real files show is
said where it is used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gtmask.manifest.color_map import class_id
from gtmask.manifest.contract import (
    ADJUSTMENT_STATUS,
    BACKGROUND,
    BACKGROUND_COLOR,
    COLOR_MAP,
    CREATION_DATE,
    HEX_COLOR,
    HUMAN_ANNOTATED,
    MAX_AUTOMATED_LABELS,
    MAX_CLASS_NAME,
    MAX_CONSOLE_LABELS,
    SEGMENTATION_TYPE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?")

#: A code and its detail.
Breach = tuple[str, str]


def check_metadata(metadata: dict[str, Any]) -> Iterator[Breach]:
    """Yield what is wrong with a label attribute's metadata."""
    if metadata.get("type") != SEGMENTATION_TYPE:
        yield "metadata-type", f"type is {metadata.get('type')!r}"
    if metadata.get(HUMAN_ANNOTATED) not in ("yes", "no"):
        yield "human-annotated", f"it is {metadata.get(HUMAN_ANNOTATED)!r}"
    date = metadata.get(CREATION_DATE)
    if date is not None and not (isinstance(date, str) and _DATE.fullmatch(date)):
        yield "creation-date", f"it is {date!r}"
    status = metadata.get(ADJUSTMENT_STATUS)
    if status not in (None, "adjusted", "unadjusted"):
        yield "adjustment-status", f"it is {status!r}"
    yield from check_color_map(metadata.get(COLOR_MAP))


def check_color_map(color_map: object) -> Iterator[Breach]:
    """Yield what is wrong with an ``internal-color-map``."""
    if not isinstance(color_map, dict) or not color_map:
        yield "color-map-missing", "" if color_map is None else f"it is {color_map!r:.60}"
        return
    entries: dict[int, dict[str, Any]] = {}
    for key, entry in color_map.items():
        number = class_id(key)
        if number is None or not isinstance(entry, dict):
            yield "color-map-key", f"{key!r}: {entry!r:.60}"
        else:
            entries[number] = entry
    yield from _background(entries.get(0))
    yield from _names(entries)
    yield from _colors(entries)
    yield from _confidences(entries)
    if not entries.keys() - {0}:
        yield "labels-none", ""
    gap = next((number for number in range(max(entries, default=0)) if number not in entries), None)
    if gap:
        yield "class-gap", f"there is no class {gap}, but a class {max(entries)}"
    labels = len(entries) - (0 in entries)
    # Limits of the page input-data-limits (Developer Guide).
    if labels > MAX_AUTOMATED_LABELS:
        yield "labels-automated", f"{labels} labels"
    if labels > MAX_CONSOLE_LABELS:
        yield "labels-console", f"{labels} labels"


def _background(entry: dict[str, Any] | None) -> Iterator[Breach]:
    if entry is None:
        yield "background-bad", "there is no entry 0"
    elif entry.get("class-name") != BACKGROUND:
        yield "background-bad", f"class 0 is named {entry.get('class-name')!r}"
    elif isinstance(entry.get("hex-color"), str) and entry["hex-color"].lower() != BACKGROUND_COLOR:
        yield "background-bad", f"class 0 has the colour {entry['hex-color']!r}"


def _names(entries: dict[int, dict[str, Any]]) -> Iterator[Breach]:
    seen: dict[str, int] = {}
    for number, entry in entries.items():
        name = entry.get("class-name")
        if number == 0:
            continue
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_CLASS_NAME:
            yield "class-name-bad", f"class {number}: {name!r:.60}"
        elif name.strip().casefold() == BACKGROUND.casefold():
            yield "background-reserved", f"class {number} is named {name!r}"
        elif seen.setdefault(name, number) != number:
            yield "class-name-duplicate", f"classes {seen[name]} and {number} are both named {name!r}"


def _colors(entries: dict[int, dict[str, Any]]) -> Iterator[Breach]:
    seen: dict[str, int] = {}
    for number, entry in entries.items():
        color = entry.get("hex-color")
        if not isinstance(color, str) or not HEX_COLOR.fullmatch(color):
            yield "color-bad", f"class {number}: {color!r:.60}"
            continue
        if color != color.lower():
            yield "color-case", f"class {number}: {color}"
        color = color.lower()
        if number == 0:
            continue
        if color == BACKGROUND_COLOR:
            yield "color-white", f"class {number} ({entry.get('class-name')!r})"
        elif seen.setdefault(color, number) != number:
            yield "color-duplicate", f"classes {seen[color]} and {number} both have {color}"


def _confidences(entries: dict[int, dict[str, Any]]) -> Iterator[Breach]:
    """Yield the first class without a confidence (Lookout for Vision: a float; real files: 0 to 1)."""
    for number, entry in entries.items():
        given = entry.get("confidence")
        if "confidence" not in entry:
            yield "confidence-missing", f"class {number}"
        elif isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given <= 1:
            yield "confidence-missing", f"class {number}: it is {given!r:.60}"
        else:
            continue
        return
