"""Which label attribute of a manifest is the newest: what the metadata says, never the order of JSON keys.

What an adjustment job wrote (``adjustment-status``; Developer Guide, sms-verification-data) is newer than
what it adjusted; of several such, and of several without, the one with the latest ``creation-date``. The
lines of a manifest say it together: on a single one the newest attribute may be missing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtmask.manifest.label import Label

#: What begins the job-name that a labeling job writes (Developer Guide, sms-data-output).
_JOB = "labeling-job/"


class Age(NamedTuple):
    """What the metadata of an attribute says about its age; larger is newer.

    ``created`` is in seconds since 1970, 0 where no line tells it.
    """

    adjusts: bool = False
    created: float = 0.0
    by_job: bool = False

    def or_newer(self, other: Age) -> Age:
        """Return the newest that either says of each."""
        return Age(
            self.adjusts or other.adjusts, max(self.created, other.created), self.by_job or other.by_job
        )


#: What a job tried to write is newer than what no job wrote; without a date nothing says more.
_FAILED = Age(adjusts=True, by_job=True)


class Attributes:
    """The label attributes of a manifest, as all of its lines tell of them.

    - ``ages``: by attribute, from the lines that have it.
    - ``failures``, ``answers``: how many lines each attribute failed on, and on how many a job adjusted or
      confirmed it.
    """

    def __init__(self) -> None:
        self.ages: dict[str, Age] = {}
        self._tried: dict[str, Age] = {}
        self.failures: dict[str, int] = {}
        self.answers: dict[str, int] = {}

    def add(self, labels: Sequence[Label]) -> None:
        """Add what the labels of one line say."""
        for label in labels:
            name = label.attribute
            if label.failure_reason is not None:
                self.failures[name] = self.failures.get(name, 0) + 1
                tried, known = age_of(label), self._tried.get(name)
                self._tried[name] = tried if known is None else tried.or_newer(known)
            else:
                if label.adjustment_status is not None:
                    self.answers[name] = self.answers.get(name, 0) + 1
                age, known = age_of(label), self.ages.get(name)
                self.ages[name] = age if known is None else age.or_newer(known)

    def age(self, attribute: str) -> Age:
        """Return an attribute's age; one that only failed is what a job tried to write last."""
        return self.ages.get(attribute) or self._tried.get(attribute, _FAILED)

    def newest_first(self, names: Sequence[str] | None = None) -> list[str]:
        """Return all attributes, or those of ``names``, the newest first, equally old ones by name."""
        known = self.ages.keys() | self.failures.keys()
        return sorted(sorted(known if names is None else names), key=self.age, reverse=True)

    @property
    def answer(self) -> str | None:
        """The attribute that the last job wrote, where any line shows that a job answered or failed."""
        newest = next(iter(self.newest_first()), None)
        return newest if newest in self.answers or newest in self.failures else None

    def newest_of(self, labels: Sequence[Label]) -> Label | None:
        """Return the newest of some labels; None where nothing says which of the first ones that is."""
        ordered = sorted(labels, key=lambda label: self.age(label.attribute), reverse=True)
        if len(ordered) > 1 and self.age(ordered[0].attribute) == self.age(ordered[1].attribute):
            return None
        return ordered[0]


def age_of(label: Label) -> Age:
    """Return what one line says about an attribute's age."""
    if label.failure_reason is not None:
        return _FAILED._replace(created=_seconds(label.creation_date))
    return Age(
        label.adjustment_status is not None,
        _seconds(label.creation_date),
        (label.job_name or "").startswith(_JOB),
    )


def oldest_first(labels: Sequence[Label]) -> Sequence[Label]:
    """Return the labels of one line by their age, equally old ones in their order."""
    return sorted(labels, key=age_of) if len(labels) > 1 else labels


def _seconds(date: str | None) -> float:
    """Return a date of the metadata, which is in UTC unless it says otherwise; 0 where it is none."""
    try:
        moment = datetime.fromisoformat(date or "")
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
