"""What was decided about adjustment jobs: how the manifest is shared out, their files and their requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtmask.findings import CODES, Problem

if TYPE_CHECKING:
    from gtmask.groundtruth.request import JobSettings


@dataclass(frozen=True, slots=True)
class JobShare:
    """One job's share of the manifest: the bytes [start, stop), with so many objects."""

    job: str
    start: int
    stop: int
    objects: int

    @property
    def file(self) -> str:
        """Name of this share as a file."""
        return f"{self.job}.manifest"


@dataclass(frozen=True, slots=True)
class JobPlan:
    """One or more adjustment jobs, ready to be written and submitted.

    Attributes
    ----------
    manifest
        The manifest that was read.
    settings
        What the user decided.
    adjusts
        The label attribute whose masks workers will see.
    labels
        Class names, in the order of the class map, BACKGROUND left out.
    parts
        The jobs and their shares of the manifest.
    buckets
        Buckets of images and masks.
    files
        The small files by name: label categories and worker template.
    requests
        The CreateLabelingJob requests by job name.
    unfinished
        Says that the manifest's run is not finished, and how far it is; then not all images are submitted.
    problems
        What may make the job fail and stops nothing: limits, the key's region, and the role where it was
        looked at.
    examples
        A reference in each bucket of images and masks.
    role_checked
        Whether AWS was asked about the role.
    """

    manifest: str
    settings: JobSettings
    adjusts: str
    labels: tuple[str, ...]
    parts: tuple[JobShare, ...]
    buckets: tuple[str, ...]
    files: dict[str, bytes]
    requests: dict[str, dict[str, Any]]
    unfinished: str = ""
    problems: tuple[Problem, ...] = ()
    examples: tuple[str, ...] = ()
    role_checked: bool = False

    @property
    def unasked(self) -> list[str]:
        """What planning does not ask AWS: creating the job, or ``--check-role``, does."""
        buckets = ", ".join(self.buckets)
        return [
            f"whether there is a labeling job {', '.join(self.requests)} already",
            f"region and CORS rules of the buckets {buckets}",
            *([] if self.role_checked else ["whether SageMaker may assume the role, and what it reaches"]),
        ]

    @property
    def objects(self) -> int:
        """Images of all jobs."""
        return sum(part.objects for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Return what ``--dry-run`` shows."""
        return {
            "manifest": self.manifest,
            "adjusts": self.adjusts,
            "region": self.settings.region,
            "labels": list(self.labels),
            "objects": self.objects,
            "upload": self.settings.prefix,
            "buckets": list(self.buckets),
            "requests": list(self.requests.values()),
            "unfinished": self.unfinished,
            "findings": [
                {
                    "code": problem.code,
                    "level": CODES[problem.code].level,
                    "uri": problem.uri,
                    "detail": problem.detail,
                    "meaning": CODES[problem.code].meaning,
                    "remedy": CODES[problem.code].remedy,
                }
                for problem in self.problems
            ],
            "unasked": self.unasked,
        }
