"""What is true when Ctrl-C stops a run: it depends on how far the run has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gtmask.run.settings import ExecutionOptions


@dataclass(slots=True)
class Interrupted:
    """Keeps the sentence that is true now: whoever goes a step further says so before the step."""

    sentence: str = (
        "The run was stopped while it looked at the export, before it wrote anything; what earlier starts "
        "wrote is as it was. Run the same command again."
    )

    def before_freezing(self, execution: ExecutionOptions) -> None:
        """Note that the plan is written now, after the earlier run is removed if that was asked for."""
        self.sentence = (
            "The run was stopped before its first mask, and may have removed files of the earlier run: run "
            "the same command again, with --overwrite."
            if execution.overwrite
            else "The run was stopped before its first mask: run the same command again."
        )

    def before_converting(self, execution: ExecutionOptions) -> None:
        """Note that chunks are committed from now on."""
        again = "again, without --overwrite," if execution.overwrite else "again"
        self.sentence = (
            "The run was stopped; it was a dry run, of which nothing is kept."
            if execution.dry_run
            else f"The run was stopped; what was committed is kept. Run the same command {again} to go on."
        )
