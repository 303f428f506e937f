"""One label attribute of a manifest line, and what its metadata says.

Keys: Developer Guide, sms-data-output and sms-verification-data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gtmask.manifest.color_map import ColorMapEntry, ParsedColorMap, read_color_map
from gtmask.manifest.contract import (
    ADJUSTMENT_STATUS,
    COLOR_MAP,
    CREATION_DATE,
    FAILURE_REASON,
    JOB_NAME_KEY,
    SEGMENTATION_TYPE,
)


@dataclass(frozen=True, slots=True)
class Label:
    """One label attribute of a line.

    - ``attribute``: its key, such as ``labeling-qa-ref``.
    - ``mask``: what it refers to; None where there is no text, as where labeling failed.
    - ``metadata``: the object under ``<attribute>-metadata``.
    """

    attribute: str
    mask: str | None
    metadata: dict[str, Any]

    @property
    def is_segmentation(self) -> bool:
        """Whether the metadata says that this is a semantic segmentation mask."""
        return self.metadata.get("type") == SEGMENTATION_TYPE

    @property
    def color_map(self) -> list[ColorMapEntry] | None:
        """The entries of the color map in their order; None where there is no such object."""
        given = self.metadata.get(COLOR_MAP)
        if isinstance(given, ParsedColorMap):
            return given.entries
        return read_color_map(given) if isinstance(given, dict) else None

    @property
    def classes(self) -> dict[int, ColorMapEntry]:
        """The entries of the color map by class id, as far as they are well-formed."""
        return {entry.id: entry for entry in self.color_map or () if entry.id is not None}

    @property
    def failure_reason(self) -> str | None:
        """Why Ground Truth could not label this object; None where it did."""
        return str(self.metadata[FAILURE_REASON]) if FAILURE_REASON in self.metadata else None

    @property
    def adjustment_status(self) -> str | None:
        """What an adjustment job wrote: ``adjusted`` or ``unadjusted``."""
        return self._text(ADJUSTMENT_STATUS)

    @property
    def job_name(self) -> str | None:
        """The labeling job that wrote it."""
        return self._text(JOB_NAME_KEY)

    @property
    def creation_date(self) -> str | None:
        """When it was written."""
        return self._text(CREATION_DATE)

    def _text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return None if value is None else str(value)
