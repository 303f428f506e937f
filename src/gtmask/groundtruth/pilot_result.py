"""What a pilot consists of: the images that were chosen, and what they show and lack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gtmask.text import plain_values


@dataclass(frozen=True, slots=True)
class Chosen:
    """One image of a pilot: its line in the big manifest, ``source_ref``, the reason and its ``classes``."""

    line: int
    source_ref: str
    reason: str
    classes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PilotResult:
    """What a pilot consists of.

    Attributes
    ----------
    manifest
        Path or URI of the small manifest.
    chosen
        The images, in the order of the manifest.
    classes
        Class name by class id, of all classes that occur in the big manifest's masks.
    missing
        Class ids that occur but found no room: raise ``count``.
    unused
        Class ids of the map that occur nowhere.
    unusable
        Lines left out since their image or mask could not be read: `gtmask validate` tells why.
    local
        Whether references are local paths, with which no job can be started.
    look_for
        What to look for, sentence by sentence.
    unfinished
        Says that the big manifest's run is not finished, and how far it is.
    """

    manifest: str
    chosen: tuple[Chosen, ...]
    classes: dict[int, str]
    missing: tuple[int, ...]
    unused: tuple[int, ...]
    unusable: int
    local: bool
    look_for: tuple[str, ...]
    unfinished: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        values: dict[str, Any] = plain_values(self)
        return values
