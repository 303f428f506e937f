"""Silence is gone: an export that is changed gives the same masks, or something is told that was not before.

Documents of every format, made by the tests and real, are changed by machine, one change at a time. Masks
are compared by image and class name, the set of images included. What may be told is a finding, a reject or
a refusal; any other exception is a fault, and so is a change without meaning that changes a mask.

``GTMASK_CHANGES`` sets how many changes are tried (the share of each document is the same),
``GTMASK_CHANGES_SEED`` draws others.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import gtmask
from gtmask.formats import FORMATS
from tests.silence.changes import SEED, doubled_keys, drawn, every_change
from tests.silence.documents import made
from tests.silence.known import FOLDER, known
from tests.silence.reading import look
from tests.silence.samples import CHANGES, FOLDERS, found
from tests.silence.trial import Trial, Violation, smallest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.silence.changes import Change
    from tests.silence.variant import Variant

COUNT = int(os.environ.get("GTMASK_CHANGES", "5000"))
CHOSEN = int(os.environ.get("GTMASK_CHANGES_SEED", str(SEED)))
#: Violations of a format that are shown with their document.
SHOWN = 5
#: Keys of each document that are given twice.
DOUBLED = int(os.environ.get("GTMASK_DOUBLED", "6"))


def of_format(name: str) -> list[Variant]:
    return [variant for variant in made().values() if variant.format == name]


@cache
def share() -> int:
    """Return how many changes of each document are tried, so that together they are as many as wanted."""
    sizes = sorted(len(every_change(variant)) for variant in made().values())
    for number, size in enumerate(sizes):
        left = len(sizes) - number
        if sum(sizes[:number]) + left * size >= COUNT:
            return -(-(COUNT - sum(sizes[:number])) // left)
    return sizes[-1]


def problems(variant: Variant, changes: list[Change], listed: frozenset[str]) -> list[str]:
    """Return what a person has to look at: violations not listed, lines that are none any more."""
    trial = Trial(variant)
    try:
        new = {
            str(violation.change): violation for violation in [*trial.unchanged(), *trial.violations(changes)]
        }
    finally:
        trial.close()
    shown = [told(variant, violation) for name, violation in new.items() if name not in listed]
    mended = [str(change) for change in changes if str(change) in listed and str(change) not in new]
    return shown + [
        f"no violation any more, take it from {FOLDER.name}/{variant.format}.txt: {line}" for line in mended
    ]


def told(variant: Variant, violation: Violation) -> str:
    return f"{violation}\n    seed {CHOSEN}"


def check(variants: list[Variant], count: int, listed: frozenset[str]) -> None:
    """Fail with every problem, the first ones with the smallest document that shows them."""
    found_problems: list[str] = []
    for variant in variants:
        changes = drawn(variant, count, CHOSEN)
        here = problems(variant, changes, listed)
        for change in changes:
            for index, problem in enumerate(here):
                if len(found_problems) < SHOWN and problem.startswith(f"{change}   "):
                    here[index] = f"{problem}\n    {smallest(variant, change)}"
        found_problems += here
    assert not found_problems, "\n".join([f"{len(found_problems)} problems", *found_problems])


def test_every_format_has_documents_and_enough_changes_are_tried() -> None:
    assert {variant.format for variant in made().values()} == set(FORMATS)
    tried = sum(len(drawn(variant, share(), CHOSEN)) for variant in made().values())
    assert tried >= min(COUNT, sum(len(every_change(variant)) for variant in made().values()))


@pytest.mark.parametrize("name", FORMATS)
def test_no_change_is_silent(name: str) -> None:
    check(of_format(name), share(), known(name))


@pytest.mark.parametrize("name", FORMATS)
def test_no_key_that_stands_twice_is_silent(name: str) -> None:
    assert not [
        told(variant, violation)
        for variant in of_format(name)
        for violation in in_trial(variant, doubled_keys(variant)[:DOUBLED])
    ]


def in_trial(variant: Variant, changes: Sequence[Change]) -> list[Violation]:
    if not changes:
        return []
    trial = Trial(variant)
    try:
        return list(trial.violations(changes))
    finally:
        trial.close()


@pytest.mark.parametrize("name", FORMATS)
def test_no_change_of_a_real_export_is_silent(name: str, samples: Path) -> None:
    homes = {FOLDERS.get(home.name, home.name) for home in samples.iterdir()}
    if name not in homes:
        pytest.skip(f"there is no real export of {name}")
    check(found(samples, name), min(share() // 4, CHANGES), known(name))


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_makes_the_same_masks_and_tells_the_same(name: str, tmp_path: Path) -> None:
    """What is compared above is what ``gtmask convert`` makes of the unchanged documents."""
    for number, variant in enumerate(of_format(name)):
        export, images, out = (tmp_path / f"{number}" / part for part in ("export", "images", "out"))
        for file, data in variant.files.items():
            (export / file).parent.mkdir(parents=True, exist_ok=True)
            (export / file).write_bytes(data)
        for key, size in variant.images.items():
            (images / key).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", size).save(images / key)
        seen = look(export, variant.format, variant.images)
        summary = gtmask.convert(export, out, images=images, format=variant.format, workers=1)
        assert summary.tally.masks == len(seen.masks)
        counts = {code: count for code, count in summary.tally.findings.items() if count}
        for finding in summary.findings:
            counts[finding.code] = counts.get(finding.code, 0) + 1
        assert counts == dict(seen.told), variant.key
        for line in map(json.loads, (out / "labeling-qa.manifest").read_text().splitlines()):
            mask = np.asarray(Image.open(line["labeling-qa-ref"]))
            height, width, data = seen.masks[line["source-ref"].removeprefix(f"{images}/") + ".png"]
            numbers = np.frombuffer(data, np.uint16).reshape(height, width)
            pairs = set(zip(mask.ravel().tolist(), numbers.ravel().tolist(), strict=True))
            assert len(pairs) == len(np.unique(mask)) == len(np.unique(numbers))
