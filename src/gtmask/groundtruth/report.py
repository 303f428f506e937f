"""What ``gtmask validate`` found: counted by code, with a few examples each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gtmask.findings import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.findings import Level, Problem
    from gtmask.groundtruth.findings_file import FindingsFile

#: Examples that are kept of each code.
MAX_EXAMPLES = 5

_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(slots=True)
class Rule:
    """One code of a report: how often it was found (``count``), and its first examples."""

    code: str
    count: int = 0
    examples: list[Problem] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """``error``, ``warning`` or ``note``."""
        return CODES[self.code].level

    @property
    def meaning(self) -> str:
        """Why it matters in the worker UI."""
        return CODES[self.code].meaning

    @property
    def remedy(self) -> str:
        """How to mend it."""
        return CODES[self.code].remedy


@dataclass(slots=True)
class Report:
    """The outcome of a validation.

    Attributes
    ----------
    manifest, depth
        What was checked, and how: ``quick``, ``default`` or ``deep``.
    strict
        Whether warnings count as errors.
    lines, images, masks, decoded
        Lines of the manifest; images and masks whose headers were read; masks whose every pixel was.
    attributes
        The label attributes of the first good line; the last one is the newest.
    classes
        Class name by class id, of the newest attribute on the first good line.
    pixels
        Pixels by class id over the decoded masks, the newest of each line; ids without pixels left out.
    adjustments
        ``adjustment-status`` values of an answer and their counts.
    """

    manifest: str
    depth: str
    strict: bool = False
    lines: int = 0
    images: int = 0
    masks: int = 0
    decoded: int = 0
    attributes: tuple[str, ...] = ()
    classes: dict[int, str] = field(default_factory=dict)
    pixels: dict[int, int] = field(default_factory=dict)
    adjustments: Counter[str] = field(default_factory=Counter)
    _findings_file: FindingsFile | None = field(default=None, repr=False)
    _rules: dict[str, Rule] = field(default_factory=dict)

    def add(self, problems: Iterable[Problem]) -> None:
        """Count problems; the examples kept are those of the lowest lines."""
        for problem in problems:
            if self._findings_file is not None:
                self._findings_file.write(problem)
            rule = self._rules.setdefault(problem.code, Rule(problem.code))
            rule.count += 1
            if len(rule.examples) < MAX_EXAMPLES or problem.line < rule.examples[-1].line:
                rule.examples.append(problem)
                rule.examples.sort()
                del rule.examples[MAX_EXAMPLES:]

    @property
    def rules(self) -> list[Rule]:
        """What was found, errors first, then warnings and notes, each the most frequent first."""
        return sorted(self._rules.values(), key=lambda r: (_ORDER[r.level], -r.count, r.code))

    def count(self, level: Level) -> int:
        """Return the number of problems of one level."""
        return sum(rule.count for rule in self._rules.values() if rule.level == level)

    @property
    def codes(self) -> dict[str, int]:
        """Count by code."""
        return {rule.code: rule.count for rule in self.rules}

    @property
    def exit_code(self) -> int:
        """0 clean, 3 errors found; with ``strict`` warnings are errors."""
        wrong = self.count("error") + (self.count("warning") if self.strict else 0)
        return 3 if wrong else 0

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain dicts and lists, ready for any JSON writer."""
        return {
            "manifest": self.manifest,
            "level": self.depth,
            "strict": self.strict,
            "ok": self.exit_code == 0,
            "lines": self.lines,
            "images": self.images,
            "masks": self.masks,
            "decoded": self.decoded,
            "attributes": list(self.attributes),
            "classes": {str(number): name for number, name in sorted(self.classes.items())},
            "pixels": {str(number): count for number, count in sorted(self.pixels.items())},
            "adjustments": dict(sorted(self.adjustments.items())),
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "notes": self.count("note"),
            "findings": [
                {
                    "code": rule.code,
                    "level": rule.level,
                    "count": rule.count,
                    "meaning": rule.meaning,
                    "remedy": rule.remedy,
                    "examples": [{"line": p.line, "uri": p.uri, "detail": p.detail} for p in rule.examples],
                }
                for rule in self.rules
            ],
        }
