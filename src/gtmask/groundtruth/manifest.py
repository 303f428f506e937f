"""The augmented manifest: one line per image, written and read.

A written line is compact UTF-8 JSON with its keys in one fixed order and the whole class map on it,
as real Ground Truth jobs write them (Developer Guide, sms-input-data-input-manifest and
sms-data-output). Everything but the two references is the same on all lines and serialized once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from gtmask.errors import ClassMapError, ManifestError, UsageError
from gtmask.groundtruth.classes import color_map
from gtmask.groundtruth.colormap import class_id
from gtmask.groundtruth.contract import (
    ATTRIBUTE_SUFFIX,
    COLOR_MAP,
    MAX_ATTRIBUTE_CHARACTERS,
    METADATA_SUFFIX,
    SEGMENTATION_TYPE,
    SOURCE_REF,
)
from gtmask.groundtruth.names import (
    CONFIDENCE_DEFAULT,
    JOB_NAME_DEFAULT,
    LABEL_ATTRIBUTE_DEFAULT,
    check_confidence,
    check_creation_date,
    check_label_attribute,
)

if TYPE_CHECKING:
    from gtmask.model import ClassMap


class ManifestWriter:
    """Makes manifest lines; a line costs about a microsecond.

    Parameters
    ----------
    class_map
        Becomes the ``internal-color-map`` of every line.
    label_attribute
        The key of the mask; must end in ``-ref``.
    job_name, creation_date, confidence
        Metadata values: any text; ``2024-01-01T00:00:00.000000`` as :func:`creation_date` makes it;
        0 to 1, the same for every class.

    Raises
    ------
    UsageError
        A label attribute that the API refuses, a confidence outside 0 to 1, a creation date of
        another form.
    ClassMapError
        The metadata exceeds the 20,000 characters that Ground Truth takes per attribute.
    """

    def __init__(
        self,
        class_map: ClassMap,
        *,
        creation_date: str,
        label_attribute: str = LABEL_ATTRIBUTE_DEFAULT,
        job_name: str = JOB_NAME_DEFAULT,
        confidence: float = CONFIDENCE_DEFAULT,
    ) -> None:
        check_label_attribute(label_attribute)
        check_creation_date(creation_date)
        check_confidence(confidence)
        metadata = {
            COLOR_MAP: color_map(class_map, confidence),
            "type": SEGMENTATION_TYPE,
            "job-name": job_name,
            "human-annotated": "yes",
            "creation-date": creation_date,
        }
        packed = _dump(metadata)
        _check_metadata_length(packed)
        #: Manifest name without folder: the label attribute without ``-ref``.
        self.name = manifest_name(label_attribute)
        self._head = b'{"%s":' % SOURCE_REF.encode()
        self._middle = b"," + _dump(label_attribute) + b":"
        self._tail = b"," + _dump(label_attribute + METADATA_SUFFIX) + b":" + packed + b"}\n"

    def line(self, source_ref: str, mask_ref: str) -> bytes:
        """Return one line, newline included, for an image's and its mask's path or ``s3://`` URI.

        Raises
        ------
        UsageError
            A reference that cannot be UTF-8 (a file name that the system cannot decode).
        """
        return b"".join((self._head, _dump(source_ref), self._middle, _dump(mask_ref), self._tail))


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """One parsed line: all of it, and the label attributes found on it.

    ``attributes`` are the keys that have a ``-metadata`` twin whose ``type`` is semantic segmentation,
    in the order of the line; the last one is the most recent answer.
    """

    values: dict[str, Any]
    attributes: tuple[str, ...]

    @property
    def source_ref(self) -> str:
        """The image's reference."""
        return str(self.values[SOURCE_REF])

    def mask_ref(self, attribute: str | None = None) -> str:
        """Return the mask's reference under this attribute, or under the last one."""
        return str(self.values[attribute or self.attributes[-1]])

    def metadata(self, attribute: str | None = None) -> dict[str, Any]:
        """Return the metadata object of this attribute, or of the last one."""
        metadata: dict[str, Any] = self.values[(attribute or self.attributes[-1]) + METADATA_SUFFIX]
        return metadata

    def color_map(self, attribute: str | None = None) -> dict[int, tuple[str, str]]:
        """Return (class name, lower-case hex colour) by class id; entries that are none are left out."""
        entries = self.metadata(attribute).get(COLOR_MAP)
        return {
            number: (str(entry.get("class-name", "")), str(entry.get("hex-color", "")).lower())
            for key, entry in (entries.items() if isinstance(entries, dict) else ())
            if isinstance(entry, dict) and (number := class_id(key)) is not None
        }


def parse_line(data: bytes) -> ManifestLine:
    """Parse one manifest line.

    Raises
    ------
    ManifestError
        Not a JSON object, or one without an image reference, or without any mask and its metadata.
    """
    try:
        values = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        msg = f"the line is no JSON: {error}"
        raise ManifestError(msg) from error
    if not isinstance(values, dict):
        msg = "the line is no JSON object"
        raise ManifestError(msg)
    if not isinstance(values.get(SOURCE_REF), str):
        msg = f"the line has no {SOURCE_REF}"
        raise ManifestError(msg)
    attributes = tuple(
        key
        for key, value in values.items()
        if isinstance(value, str) and _is_segmentation(values.get(key + METADATA_SUFFIX))
    )
    if not attributes:
        msg = f"the line has no mask with metadata of type {SEGMENTATION_TYPE}"
        raise ManifestError(msg)
    return ManifestLine(values, attributes)


def manifest_name(label_attribute: str) -> str:
    """Return the manifest's file name: the label attribute without ``-ref``, and ``.manifest``."""
    return label_attribute.removesuffix(ATTRIBUTE_SUFFIX) + ".manifest"


def creation_date(moment: datetime) -> str:
    """Return a moment as Ground Truth writes it: UTC, microseconds, no zone (observed in real lines).

    A moment without a zone is taken as UTC.
    """
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds")


def _is_segmentation(metadata: object) -> bool:
    return isinstance(metadata, dict) and metadata.get("type") == SEGMENTATION_TYPE


def _dump(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        msg = f"{value!a} cannot be written as UTF-8: rename it ({error})"
        raise UsageError(msg) from error


def _check_metadata_length(packed: bytes) -> None:
    length = len(packed.decode())
    if length > MAX_ATTRIBUTE_CHARACTERS:
        msg = (
            f"the class map needs {length:,} characters on every manifest line, and Ground Truth takes "
            f"{MAX_ATTRIBUTE_CHARACTERS:,} per attribute: shorten class names or merge classes"
        )
        raise ClassMapError(msg)
