"""Things worth telling about the data: every code there is, and how findings are counted.

A finding is data, never an exception. :data:`CODES` holds the codes of all commands.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

# Importing the two tables declares their codes.
from gtmask.findings import contract as contract
from gtmask.findings import conversion as conversion
from gtmask.findings.registry import CODES, Code, Level
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["CODES", "EXAMPLES", "Code", "Finding", "FindingCounts", "Level", "Problem", "is_reject"]

#: Examples of each finding code that are kept, for people.
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, with its code and a short detail for people (label, coordinates, sizes)."""

    code: str
    detail: str = ""

    @property
    def level(self) -> Level:
        """The level of the finding's code."""
        return CODES[self.code].level


class Problem(NamedTuple):
    """One finding about a manifest: code, line (0 for all of it), the reference it is about, details."""

    code: str
    line: int = 0
    uri: str = ""
    detail: str = ""


def is_reject(findings: Collection[Finding]) -> bool:
    """Say whether any of these findings keeps a record from becoming a mask."""
    return bool(findings) and any(finding.level == "reject" for finding in findings)


@dataclass(slots=True)
class FindingCounts:
    """Findings by code, and the first few of each; counts of several parts add up.

    ``findings`` counts codes, ``examples`` keeps the first :data:`EXAMPLES` details of each.
    """

    findings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def count_findings(self, findings: Iterable[Finding], where: str) -> None:
        """Count the findings of the record, or of whatever else, that stands at ``where``."""
        for finding in findings:
            self.findings[finding.code] += 1
            examples = self.examples.setdefault(finding.code, [])
            if len(examples) < EXAMPLES:
                examples.append(escape_unprintable(f"{where}: {finding.detail}" if finding.detail else where))

    def add_findings(self, other: FindingCounts) -> None:
        """Add the counts of another part."""
        self.findings.update(other.findings)
        for code, examples in other.examples.items():
            mine = self.examples.setdefault(code, [])
            mine += examples[: EXAMPLES - len(mine)]

    def without(self, codes: Iterable[str]) -> FindingCounts:
        """Return what was counted of other codes than these."""
        left = set(self.findings).difference(codes)
        counts = Counter({code: self.findings[code] for code in left})
        return FindingCounts(counts, {code: self.examples[code] for code in left})
