"""Which chunks are this machine's: all of them, or every N-th one of an array job.

Environment variables: AWS Batch, "Array jobs" (AWS_BATCH_JOB_ARRAY_INDEX, AWS_BATCH_JOB_ARRAY_SIZE);
Slurm, "Job Array Support" (SLURM_ARRAY_TASK_ID, _MIN, _MAX, _STEP, _COUNT); Kubernetes, "Jobs", "Completion
mode" (JOB_COMPLETION_INDEX). Kubernetes tells no pod how many there are, and Batch not on every platform.
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
    """Read ``--shard``: ``I/N`` with I from 0 to N - 1, ``auto``, ``auto/N``, or None for everything.

    Raises UsageError if the text is none of them, or ``auto`` finds no array job, or not how many tasks it
    has.
    """
    if text is None:
        return Shard()
    index, slash, count = text.lower().partition("/")
    if index == "auto" and (not slash or (count.isdecimal() and int(count))):
        return _from_environment(environment, count)
    if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise UsageError(
            f"--shard {text!r} must be I/N with I from 0 to N - 1, such as 0/8, or auto, or auto/N."
        )
    return Shard(int(index), int(count))


def _from_environment(environment: Mapping[str, str], count: str) -> Shard:
    """Return the shard of an array job's task, of which there are ``count``, where somebody said so."""
    try:
        if "AWS_BATCH_JOB_ARRAY_INDEX" in environment:
            # Without the size every child would do everything.
            count = count or environment["AWS_BATCH_JOB_ARRAY_SIZE"]
            return parse_shard(f"{environment['AWS_BATCH_JOB_ARRAY_INDEX']}/{count}")
        if "SLURM_ARRAY_TASK_ID" in environment:
            found = _from_slurm(environment)
            return parse_shard(f"{found.index}/{count or found.count}")
        if "JOB_COMPLETION_INDEX" in environment:
            if not count:
                raise UsageError(
                    "--shard auto cannot know how many pods an indexed job has: give auto/N with the N of "
                    "its completions, such as --shard auto/8."
                )
            return parse_shard(f"{environment['JOB_COMPLETION_INDEX']}/{count}")
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise UsageError(
            f"--shard auto cannot read the array job's environment ({error}): give I/N or auto/N."
        ) from None
    raise UsageError(
        "--shard auto finds no array job: none of AWS_BATCH_JOB_ARRAY_INDEX, SLURM_ARRAY_TASK_ID and "
        "JOB_COMPLETION_INDEX is set; give I/N."
    )


def _from_slurm(environment: Mapping[str, str]) -> Shard:
    """Return the shard of a Slurm array's task: arrays may begin anywhere and have a step."""
    count = int(environment["SLURM_ARRAY_TASK_COUNT"])
    first = int(environment.get("SLURM_ARRAY_TASK_MIN", "0"))
    step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
    last = int(environment.get("SLURM_ARRAY_TASK_MAX", first + (count - 1) * step))
    if (last - first) // step + 1 != count:
        # Of --array=1,3,4 no task is told the others' numbers; all of them must stop, not only the last.
        raise UsageError(
            f"--shard auto needs an array of evenly spaced tasks, such as --array=0-7; this one has {count} "
            f"from {first} to {last} with step {step}: give I/N."
        )
    return parse_shard(f"{(int(environment['SLURM_ARRAY_TASK_ID']) - first) // step}/{count}")
