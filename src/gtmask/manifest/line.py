"""One line of an augmented manifest, read: its image, its label attributes, and what is wrong with its form.

This is the only reader of manifest lines. It never refuses a line: what cannot be used is told as findings,
and :func:`require_line` is for callers that cannot go on without an image and a mask.

Keys: Developer Guide, sms-input-data-input-manifest, sms-data-output and sms-verification-data. The metadata
of an object that failed may stand without ``-ref`` (observed in output manifests).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gtmask.errors import ManifestError
from gtmask.findings import CODES, Finding
from gtmask.manifest.contract import (
    ATTRIBUTE_SUFFIX,
    FAILURE_REASON,
    METADATA_SUFFIX,
    SEGMENTATION_TYPE,
    SOURCE,
    SOURCE_REF,
)
from gtmask.manifest.label import Label
from gtmask.manifest.newest import age_of, oldest_first

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """One line: all of its values, its label attributes, and what is wrong with its form.

    - ``values``: the JSON object; empty where the line is none.
    - ``labels``: the label attributes, those that failed included, as old as their metadata says: the last
      one is the newest (:mod:`gtmask.manifest.newest`).
    - ``problems``: finding codes of :mod:`gtmask.findings.contract`: no JSON, no image, no label attribute or
      mask.
    - ``is_object``: whether the line is a JSON object at all.
    """

    values: dict[str, Any]
    labels: tuple[Label, ...] = ()
    problems: tuple[Finding, ...] = ()
    is_object: bool = True

    @property
    def source_ref(self) -> str:
        """The image's reference, empty where there is none."""
        value = self.values.get(SOURCE_REF)
        return value if isinstance(value, str) else ""

    @property
    def masks(self) -> tuple[Label, ...]:
        """The label attributes that have a mask and metadata that says so."""
        return tuple(label for label in self.labels if label.mask is not None and label.is_segmentation)

    @property
    def newest(self) -> Label:
        """The newest of :attr:`masks`; raises IndexError where there is none."""
        return self.masks[-1]

    def label(self, attribute: str) -> Label | None:
        """Return the label attribute of this name, None where the line has none."""
        return next((label for label in self.labels if label.attribute == attribute), None)


def parse_line(data: bytes) -> ManifestLine:
    """Parse one line, with or without its line end; what is wrong is told in ``problems``."""
    values = load_object(data)
    if values is None:
        return ManifestLine({}, problems=(_why_no_object(data),), is_object=False)
    return read_values(values)


def read_values(values: dict[str, Any]) -> ManifestLine:
    """Find the label attributes among the values of a line."""
    labels = tuple(oldest_first(list(_labels(values))))
    problems = [missing_mask(label, values) for label in labels if label.mask is None]
    if not labels:
        problems.append(_why_no_label(values))
    problems.append(missing_source(values))
    if SOURCE in values and SOURCE_REF in values:
        problems.append(Finding("source-both"))
    return ManifestLine(values, labels, tuple(problem for problem in problems if problem is not None))


def require_line(data: bytes, where: str) -> ManifestLine:
    """Parse a line of which an image and a mask are needed; ``where`` names it in the message.

    Raises ManifestError: not a JSON object, or one without an image reference, or without any mask and its
    metadata, or with several masks of which none is the newest.
    """
    line = parse_line(data)
    if line.source_ref and line.masks:
        if len(line.masks) > 1 and age_of(line.masks[-1]) == age_of(line.masks[-2]):
            names = " and ".join(label.attribute for label in line.masks[-2:])
            raise ManifestError(
                f"{where}: nothing in their metadata says which of {names} is the newest: take the one that "
                "does not count out of the manifest."
            )
        return line
    problem = next(iter(line.problems), Finding("metadata-type"))
    raise ManifestError(f"{where}: {describe_problem(problem.code, problem.detail)}")


def describe_problem(code: str, detail: str) -> str:
    """Return a problem as text: its code, what was seen, why it matters, what to do."""
    seen = f"{code} ({detail})" if detail else code
    return f"{seen}: {CODES[code].meaning} {CODES[code].remedy}"


def load_object(data: bytes) -> dict[str, Any] | None:
    """Return the JSON object that the bytes are, None where they are none."""
    try:
        values = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return values if isinstance(values, dict) else None


def missing_source(values: dict[str, Any]) -> Finding | None:
    """Return the finding of a line without a reference to an image."""
    if isinstance(values.get(SOURCE_REF), str) and values[SOURCE_REF]:
        return None
    close = [key for key in values if re.sub("[^a-z]", "", key.lower()) in {"sourceref", "source"}]
    return Finding("source-key-missing", f"there is {close[0]!r}" if close else _keys(values))


def missing_mask(label: Label, values: dict[str, Any]) -> Finding | None:
    """Return the finding of a label attribute that did not fail and has no reference to a mask."""
    if label.mask is not None or label.failure_reason is not None:
        return None
    return Finding("mask-key-missing", f"{label.attribute} is {values.get(label.attribute)!r:.60}")


def _labels(values: dict[str, Any]) -> Iterator[Label]:
    for key, value in values.items():
        base = key.removesuffix(METADATA_SUFFIX)
        metadata = values.get(key + METADATA_SUFFIX)
        if isinstance(metadata, dict):
            if _is_label(key, metadata):
                yield Label(key, value if isinstance(value, str) and value else None, metadata)
        elif base != key and base not in values and isinstance(value, dict):
            attribute = base
            if FAILURE_REASON in value:
                attribute = base.removesuffix(ATTRIBUTE_SUFFIX) + ATTRIBUTE_SUFFIX
            if (
                attribute.endswith(ATTRIBUTE_SUFFIX)
                and attribute not in values
                and _is_label(attribute, value)
            ):
                yield Label(attribute, None, value)


def _is_label(key: str, metadata: dict[str, Any]) -> bool:
    """Say whether a key is a label attribute: by its metadata's type, or at least by its name."""
    kind = metadata.get("type")
    named = key.endswith(ATTRIBUTE_SUFFIX) and not str(kind or "").startswith("groundtruth/")
    return key != SOURCE_REF and (kind == SEGMENTATION_TYPE or named)


def _why_no_label(values: dict[str, Any]) -> Finding:
    """Say why a line has no label attribute with metadata."""
    masks = [key for key in values if key.endswith(ATTRIBUTE_SUFFIX) and key != SOURCE_REF]
    typed = [key for key in masks if isinstance(values.get(key + METADATA_SUFFIX), dict)]
    if typed:
        kind = values[typed[0] + METADATA_SUFFIX].get("type")
        return Finding("metadata-type", f"{typed[0]}: type is {kind!r}")
    if masks:
        return Finding("metadata-missing", f"there is {masks[0]}, but no {masks[0]}{METADATA_SUFFIX}")
    return Finding("mask-key-missing", _keys(values))


def _why_no_object(data: bytes) -> Finding:
    """Say why a line is no JSON object, and show the place."""
    if not data.strip():
        return Finding("line-blank")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return Finding("manifest-encoding", f"byte {error.start + 1}: {error.reason}")
    if b"\r{" in data:
        return Finding("line-not-json", r"its lines end in \r alone: write \n or \r\n")
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        seen = _shown(text[max(error.pos - 40, 0) :])
        return Finding("line-not-json", f"{error.msg}, character {error.pos + 1:,}: {seen}")
    return Finding("line-not-json", f"no object: {_shown(text)}")


def _shown(text: str) -> str:
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:60]
    )


def _keys(values: dict[str, Any]) -> str:
    return f"the line has {', '.join(values) or 'no keys'}"[:200]
