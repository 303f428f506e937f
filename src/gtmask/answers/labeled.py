"""What one labeled image, or tile of one, came to: its status, its masks before and after, what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.answers.relabel import Relabeled, Relabeler
from gtmask.answers.survey import FAILED, UNANSWERED, old_label, status_of
from gtmask.errors import PASSING, PngError, StorageError
from gtmask.findings import Finding
from gtmask.manifest.contract import COLOR_MAP, METADATA_SUFFIX, SOURCE_REF
from gtmask.manifest.parser import LineParser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gtmask.answers.options import AnswerOptions
    from gtmask.class_map import ClassMap
    from gtmask.groundtruth.media import MediaReader
    from gtmask.manifest.label import Label
    from gtmask.manifest.line import ManifestLine


@dataclass(frozen=True, slots=True)
class Line:
    """A manifest's line: its bytes, where it stands, and which copy of its image it is about.

    ``is_tied`` says that another answer of this copy was given at the same moment.
    """

    data: bytes
    where: str
    piece: int = 0
    is_tied: bool = False


@dataclass(slots=True)
class Outcome:
    """What one object, or an image of several, came to; ``row`` is what the outputs are assembled from."""

    image: str
    where: str
    row: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    mask_bytes: int = 0
    pixels: NDArray[np.int64] | None = None


@dataclass(slots=True)
class Labeled:
    """An object before its masks are read: ``label`` is the one that counts, None where none does.

    ``old`` is the label to compare it with, None where ``label`` is the old one itself.
    """

    outcome: Outcome
    piece: int
    label: Label | None
    old: Label | None


class LabeledReader:
    """Looks at labeled objects, and reads their masks with the run's class ids."""

    def __init__(
        self, options: AnswerOptions, before: str, after: str, classes: ClassMap, media: MediaReader
    ) -> None:
        self.options, self.before, self.after, self.media = options, before, after, media
        self.names = {entry.id: entry.name for entry in classes.classes}
        self.relabeler = Relabeler({entry.name: entry.id for entry in classes.classes})
        self.parser = LineParser()

    def look_at(self, item: Line) -> Labeled:
        """Return what a line says of its object."""
        line = self.parser.parse(item.data)
        status = status_of(line, self.after)
        new, old = line.label(self.after), old_label(line, self.after, self.before)
        outcome = Outcome(line.source_ref, item.where, {"status": status, "image": line.source_ref})
        if status == FAILED and new is not None:
            outcome.row["reason"] = new.failure_reason
            kept = _kept(self.options.failed, old)
            outcome.findings.append(Finding("answer-failed", f"{new.failure_reason!s:.200}; {kept}"))
        elif status == UNANSWERED:
            kept = _kept(self.options.unreviewed, old)
            why = f"no {self.after}"
            if new is not None and new.mask is not None:
                why = f"{self.after} has no {COLOR_MAP} that says what its values are"
            outcome.findings.append(Finding("answer-missing", f"{why}; {kept}"))
        if item.is_tied and new is not None:
            outcome.findings.append(Finding("answer-tied", f"{new.mask}, {new.creation_date or 'no date'}"))
        if self._is_again(line, status):
            outcome.row["again"] = _again(line, old)
        outcome.row["change"] = {
            "image": line.source_ref, "status": status, "reason": outcome.row.get("reason"),
            "before": None if old is None else old.mask, "after": None if new is None else new.mask,
        }  # fmt: skip
        if status in {FAILED, UNANSWERED}:
            choice = self.options.failed if status == FAILED else self.options.unreviewed
            return Labeled(outcome, item.piece, old if choice == "keep" else None, None)
        return Labeled(outcome, item.piece, new, old)

    def _is_again(self, line: ManifestLine, status: str) -> bool:
        if status == FAILED:
            return self.options.failed == "again"
        bad = self.options.again_verified
        return status == UNANSWERED or (
            bad is not None
            and any(
                isinstance(value, dict)
                and str(value.get("type", "")).endswith("label-verification")
                and value.get("class-name") == bad
                for value in line.values.values()
            )
        )

    async def read(self, seen: Labeled) -> Relabeled | None:
        """Return the mask of the label that counts, compared with the old one; None where there is none.

        Both files are there before one of them is decoded: no object that waits has its pixels in memory.
        """
        label, old, outcome = seen.label, seen.old, seen.outcome
        if label is None:
            return None
        after = await self._fetch(label)
        before = await self._fetch(old) if old is not None else None
        made = self._decode(after, label, outcome, "mask-missing")
        if made is None or old is None or before is None:
            return made
        known = self._decode(before, old, outcome, "before-missing")
        if known is None:
            return made
        if known.mask.shape != made.mask.shape:
            sizes = (f"{mask.shape[1]}x{mask.shape[0]}" for mask in (known.mask, made.mask))
            outcome.findings.append(Finding("answer-size", "{}, and {} after the job".format(*sizes)))
            return None
        outcome.row["change"] |= compare(known, made, self.names)
        return made

    async def _fetch(self, label: Label) -> bytes | StorageError:
        """Return a mask's bytes, or why they cannot be had."""
        try:
            data, _ = await self.media.read_mask(str(label.mask))
        except PASSING:
            raise
        except StorageError as error:
            return error
        return data

    def _decode(
        self, data: bytes | StorageError, label: Label, outcome: Outcome, code: str
    ) -> Relabeled | None:
        """Give a mask the run's ids, or tell why that cannot be."""
        reference = str(label.mask)
        try:
            if isinstance(data, StorageError):
                raise data
            made = self.relabeler.relabel(data, label)
        except (StorageError, PngError) as error:
            outcome.findings.append(Finding(code, f"{reference:.300}: {error}"[:500]))
            return None
        for doubt in made.doubts:
            outcome.findings.append(Finding("mask-reading-guessed", f"{reference:.300}: {doubt}"[:500]))
        for doubt in made.shared:
            outcome.findings.append(Finding("segment-id-shared", f"{doubt} in {reference:.300}"))
        for name, pixels in sorted(made.strange.items()):
            outcome.findings.append(
                Finding("bitmap-value-unknown", f"{reference:.300}: {pixels} pixels of {name}")
            )
        for name, pixels in sorted(made.foreign.items()):
            outcome.findings.append(
                Finding("shape-unknown-label", f"{name}: {pixels} pixels in {reference:.300}")
            )
        return made


def _kept(choice: str, old: Label | None) -> str:
    if choice == "keep" and old is not None:
        return f"{old.attribute} is used"
    return "it is left out"


def _again(line: ManifestLine, old: Label | None) -> dict[str, Any]:
    """Return a line for another job: the image and its old label alone."""
    again: dict[str, Any] = {SOURCE_REF: line.source_ref}
    if old is not None:
        again |= {old.attribute: old.mask, old.attribute + METADATA_SUFFIX: old.metadata}
    return again


def compare(old: Relabeled, new: Relabeled, names: Mapping[int, str]) -> dict[str, Any]:
    """Return ``classes``, ``changed``, ``pixels`` and ``box`` of a line of ``changes.jsonl``.

    - ``old``, ``new``: masks of one shape.
    - ``names``: class names by class id, the background left out; ids that neither mask has are left out,
      too.
    """
    changed = old.mask != new.mask
    box = _box(changed)
    lost = gained = np.zeros(256, np.int64)
    if box is not None:
        # What changed is seldom more than a part of the image: only its box is counted pixel by pixel.
        changed = changed[box]
        lost = np.bincount(old.mask[box][changed], minlength=256)
        gained = np.bincount(new.mask[box][changed], minlength=256)
    here = [i for i in sorted(names) if old.counts[i] or new.counts[i]]
    classes = [(names[i], int(old.counts[i]), int(lost[i]), int(gained[i])) for i in here]
    return {
        "classes": {
            name: {"gained": more, "lost": less, "iou": round((before - less) / (before + more), 6)}
            for name, before, less, more in classes
        },
        "changed": int(lost.sum()),
        "pixels": new.mask.size,
        "box": box and [box[1].start, box[0].start, changed.shape[1], changed.shape[0]],
    }


def _box(changed: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return rows and columns of what changed; None where nothing did."""
    rows = np.flatnonzero(changed.any(axis=1))
    if not rows.size:
        return None
    lines = slice(int(rows[0]), int(rows[-1]) + 1)
    columns = np.flatnonzero(changed[lines].any(axis=0))
    return lines, slice(int(columns[0]), int(columns[-1]) + 1)
