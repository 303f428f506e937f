"""Which chunks are this machine's: all of them, or every N-th one of an array job.

Environment variables: AWS Batch, "Array jobs" (AWS_BATCH_JOB_ARRAY_INDEX, AWS_BATCH_JOB_ARRAY_SIZE);
Slurm, "Job Array Support" (SLURM_ARRAY_TASK_ID, _MIN, _STEP, _COUNT).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Shard:
    """The chunks whose number leaves ``index`` when divided by ``count``."""

    index: int = 0
    count: int = 1

    def __contains__(self, chunk: int) -> bool:
        return chunk % self.count == self.index


def parse_shard(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard:
    """Read ``--shard``: ``I/N`` with I from 0 to N - 1, ``auto``, or None for everything.

    Raises
    ------
    UsageError
        If the text is neither, or ``auto`` finds no array job.
    """
    if text is None:
        return Shard()
    if text == "auto":
        return _from_environment(environment)
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise UsageError(f"--shard {text!r} must be I/N with I from 0 to N - 1, such as 0/8, or auto.")
    return Shard(int(index), int(count))


def _from_environment(environment: Mapping[str, str]) -> Shard:
    try:
        if "AWS_BATCH_JOB_ARRAY_INDEX" in environment:
            # Batch sets the size on newer platforms only; without it every child would do everything.
            size = environment["AWS_BATCH_JOB_ARRAY_SIZE"]
            return parse_shard(f"{environment['AWS_BATCH_JOB_ARRAY_INDEX']}/{size}")
        if "SLURM_ARRAY_TASK_ID" in environment:
            first = int(environment.get("SLURM_ARRAY_TASK_MIN", "0"))
            step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
            index = (int(environment["SLURM_ARRAY_TASK_ID"]) - first) // step
            return parse_shard(f"{index}/{environment['SLURM_ARRAY_TASK_COUNT']}")
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"--shard auto cannot read the array job's environment ({error}): give I/N."
        ) from None
    raise UsageError(
        "--shard auto finds no array job: neither AWS_BATCH_JOB_ARRAY_INDEX nor SLURM_ARRAY_TASK_ID is set; "
        "give I/N."
    )
