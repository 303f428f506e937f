"""Try changes outside pytest: ``python -m tests.silence.fuzz [--write] [--listed] [FORMAT ...]``.

Every change of every document is tried, and some of each real export where ``GTMASK_SAMPLES`` or the default
place has them. What is silent is printed, grouped by format; ``--write`` writes the lists of known ones. With
``--listed`` only those are tried, to take out what was mended.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.formats import FORMATS
from tests.silence.changes import drawn, every_change
from tests.silence.documents import made
from tests.silence.known import known, write
from tests.silence.samples import CHANGES, REAL, found
from tests.silence.trial import Trial

if TYPE_CHECKING:
    from tests.silence.changes import Change
    from tests.silence.variant import Variant

ROOT = Path(__file__).resolve().parents[2]


def changes_of(variant: Variant, *, listed: bool) -> list[Change]:
    """Return which changes of an export are tried."""
    every = drawn(variant, CHANGES if variant.name.startswith(REAL) else len(every_change(variant)))
    return [change for change in every if str(change) in known(variant.format)] if listed else every


def main() -> int:
    """Try changes; return 1 where the lists of known violations are not true."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", choices=[*FORMATS, []], default=[])
    parser.add_argument("--write", action="store_true", help="write the lists of known violations")
    parser.add_argument("--listed", action="store_true", help="try only those that are in the lists")
    given = parser.parse_args()
    folder = Path(os.environ.get("GTMASK_SAMPLES") or ROOT.parent / "shared" / "samples")
    wrong = total = 0
    for name in given.formats or FORMATS:
        variants = [variant for variant in made().values() if variant.format == name]
        variants += found(folder, name) if folder.is_dir() else []
        # What is known of exports that are not here is left as it is.
        keys = {variant.key for variant in variants}
        before = {line for line in known(name) if line.partition(" ")[0] in keys}
        lines: set[str] = set()
        for variant in variants:
            changes = changes_of(variant, listed=given.listed)
            trial = Trial(variant)
            for violation in [*trial.unchanged(), *trial.violations(changes)]:
                lines.add(str(violation.change))
                print(violation)
            trial.close()
            total += len(changes)
        wrong += len(lines ^ before)
        said = f"{name}: {len(lines)} silent, {len(lines - before)} of them new, {len(before - lines)} mended"
        print(said, file=sys.stderr, flush=True)
        if given.write:
            write(name, sorted(lines | (known(name) - before)))
    print(f"{total} changes tried", file=sys.stderr)
    return int(bool(wrong) and not given.write)


if __name__ == "__main__":
    sys.exit(main())
