"""Manifest lines, written, and the checks of what a user decides about them.

A line is compact UTF-8 JSON with its keys in one fixed order and the whole class map on it,
as real Ground Truth jobs write them (Developer Guide, sms-input-data-input-manifest and
sms-data-output). Everything but the two references is the same on all lines and serialized once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from gtmask.errors import ClassMapError, UsageError
from gtmask.manifest.color_map import make_color_map
from gtmask.manifest.contract import (
    ATTRIBUTE_SUFFIX,
    COLOR_MAP,
    CREATION_DATE,
    HUMAN_ANNOTATED,
    JOB_NAME_KEY,
    MAX_ATTRIBUTE_CHARACTERS,
    METADATA_SUFFIX,
    SEGMENTATION_TYPE,
    SOURCE_REF,
)
from gtmask.manifest.names import (
    CONFIDENCE_DEFAULT,
    JOB_NAME_DEFAULT,
    LABEL_ATTRIBUTE_DEFAULT,
    check_confidence,
    check_creation_date,
    check_label_attribute,
)

if TYPE_CHECKING:
    from gtmask.class_map import ClassMap


class ManifestWriter:
    """Makes manifest lines; a line costs about a microsecond.

    Raises UsageError: a label attribute that the API refuses, a confidence outside 0 to 1, a creation date of
    another form. Raises ClassMapError: the metadata exceeds the 20,000 characters that Ground Truth takes per
    attribute.

    - ``class_map``: becomes the ``internal-color-map`` of every line.
    - ``label_attribute``: the key of the mask; must end in ``-ref``.
    - ``job_name``, ``creation_date``, ``confidence``: metadata values: any text;
      ``2024-01-01T00:00:00.000000`` as :func:`creation_date` makes it; 0 to 1, the same for every class.
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
            COLOR_MAP: make_color_map(class_map, confidence),
            "type": SEGMENTATION_TYPE,
            JOB_NAME_KEY: job_name,
            HUMAN_ANNOTATED: "yes",
            CREATION_DATE: creation_date,
        }
        packed = _dump(metadata)
        _check_metadata_length(packed)
        self._attribute = label_attribute
        self._head = b'{"%s":' % SOURCE_REF.encode()
        self._middle = b"," + _dump(label_attribute) + b":"
        key = b"," + _dump(label_attribute + METADATA_SUFFIX) + b":"
        self._tail = key + packed + b"}\n"
        self._tail_of_predictions = key + _dump(metadata | {HUMAN_ANNOTATED: "no"}) + b"}\n"

    def line(self, source_ref: str, mask_ref: str, *, human: bool = True) -> bytes:
        """Return one line, newline included, for an image's and its mask's path or ``s3://`` URI.

        ``human`` says whether people annotated the image, and not a model. Raises UsageError: a reference
        that cannot be UTF-8 (a file name that the system cannot decode).
        """
        tail = self._tail if human else self._tail_of_predictions
        return b"".join((self._head, _dump(source_ref), self._middle, _dump(mask_ref), tail))

    def renewed(self, line: bytes) -> bytes:
        """Return the line, or lines, that this writer makes for the references of another one's."""
        if line.endswith((self._tail, self._tail_of_predictions)):
            return line
        return b"".join(map(self._renewed, line.splitlines()))

    def _renewed(self, line: bytes) -> bytes:
        value = orjson.loads(line)
        human = value[self._attribute + METADATA_SUFFIX][HUMAN_ANNOTATED] == "yes"
        return self.line(value[SOURCE_REF], value[self._attribute], human=human)


def manifest_name(label_attribute: str) -> str:
    """Return the manifest's file name: the label attribute without ``-ref``, and ``.manifest``."""
    return label_attribute.removesuffix(ATTRIBUTE_SUFFIX) + ".manifest"


def creation_date(moment: datetime) -> str:
    """Return a moment as Ground Truth writes it: UTC, microseconds, no zone (observed in real lines).

    A moment without a zone is taken as UTC.
    """
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds")


def _dump(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise UsageError(f"{value!a} cannot be written as UTF-8 ({error}): rename it.") from error


def _check_metadata_length(packed: bytes) -> None:
    length = len(packed.decode())
    if length > MAX_ATTRIBUTE_CHARACTERS:
        raise ClassMapError(
            f"The class map needs {length:,} characters on every manifest line, and Ground Truth takes "
            f"{MAX_ATTRIBUTE_CHARACTERS:,} per attribute: shorten class names or merge classes."
        )
