"""What a job is called that nobody named: after its manifest, and in further rounds after the last job.

Job names are unique per account and region (API, LabelingJobName): no two rounds may have one by default.
"""

from __future__ import annotations

import re
from operator import itemgetter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A job's name: what it is called in all rounds, its round, and its share where several were needed.
_JOB = "labeling-job/"
_ROUND = re.compile(r"(.+?)(?:-again-[0-9a-f]{6})?(?:-([0-9]{1,4}))?(?:-[0-9]+-of-[0-9]+)?")
#: The name of the manifest that holds what an answer says is to be asked again.
_AGAIN = "again"


def next_name(location: str, jobs: Iterable[str], digest: str) -> str:
    """Return a job's default name, other than those of the rounds before it.

    - ``jobs``: what ``job-name`` says of the labels: a job's own begin with ``labeling-job/``.
    - ``digest``: stands for the manifest's bytes: what is asked again has no round of its own.
    """
    stem = PurePosixPath(location).name.removesuffix(".manifest")
    rounds = [_ROUND.fullmatch(job.removeprefix(_JOB)) for job in jobs if job.startswith(_JOB)]
    base, number = max(
        ((found[1], int(found[2] or 1)) for found in rounds if found), default=("", 0), key=itemgetter(1, 0)
    )
    name = re.sub("[^a-zA-Z0-9]+", "-", base or stem).strip("-")[:40].strip("-") or "labels"
    if stem == _AGAIN:
        return f"{name}-{digest}" if name == _AGAIN else f"{name}-again-{digest}"
    return f"{name}-{number + 1}" if base else f"{name}-adjustment"
