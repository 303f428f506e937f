"""How two masks of one image differ: pixels gained and lost by class, intersection over union, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gtmask.answers.relabel import Relabeled


def compare(old: Relabeled, new: Relabeled, names: Mapping[int, str]) -> dict[str, Any]:
    """Return ``classes``, ``changed``, ``pixels`` and ``box`` of a line of ``changes.jsonl``.

    - ``old``, ``new``: masks of one shape.
    - ``names``: class names by class id, the background left out; ids that neither mask has are left out,
      too.
    """
    differs = old.mask != new.mask
    box = _box(differs)
    lost = gained = np.zeros(256, np.int64)
    if box is not None:
        # What changed is seldom more than a part of the image: only its box is counted pixel by pixel.
        changed = differs[box]
        lost = np.bincount(old.mask[box][changed], minlength=256)
        gained = np.bincount(new.mask[box][changed], minlength=256)
    return {
        "classes": {
            names[i]: _shift(int(old.counts[i]), int(lost[i]), int(gained[i]))
            for i in sorted(names)
            if old.counts[i] or new.counts[i]
        },
        "changed": int(lost.sum()),
        "pixels": new.mask.size,
        "box": None if box is None else _sides(*box),
    }


def _box(changed: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return rows and columns of what changed; None where nothing did."""
    rows = np.flatnonzero(changed.any(axis=1))
    if not rows.size:
        return None
    lines = slice(int(rows[0]), int(rows[-1]) + 1)
    columns = np.flatnonzero(changed[lines].any(axis=0))
    return lines, slice(int(columns[0]), int(columns[-1]) + 1)


def _sides(rows: slice, columns: slice) -> list[int]:
    """Return x, y, width and height."""
    return [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]


def _shift(old: int, lost: int, gained: int) -> dict[str, Any]:
    """Return pixels gained and lost of a class, and intersection over union."""
    return {"gained": gained, "lost": lost, "iou": round((old - lost) / (old + gained), 6)}
