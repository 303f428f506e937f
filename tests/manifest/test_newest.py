"""Which label attribute is the newest: by metadata, over all lines, in whatever order the keys stand."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest

from gtmask.errors import ManifestError
from gtmask.manifest.line import parse_line, require_line
from gtmask.manifest.newest import Attributes

if TYPE_CHECKING:
    from gtmask.manifest.line import ManifestLine

KIND = "groundtruth/semantic-segmentation"


def line(labels: dict[str, dict[str, str]], order: list[str] | None = None) -> ManifestLine:
    """Return a line with these attributes; those without metadata beside the type are given as {}."""
    values: dict[str, object] = {"source-ref": "s3://b/a.png"}
    for name in order or labels:
        if "failure-reason" not in labels[name]:
            values[name] = f"s3://b/{name}.png"
        values[f"{name}-metadata"] = {"type": KIND, "internal-color-map": {}, **labels[name]}
    return parse_line(json.dumps(values).encode())


DATED = {"creation-date": "2026-01-02T00:00:00.000000", "job-name": "labeling-job/a"}
EARLIER = {"creation-date": "2026-01-01T23:59:59"}
ADJUSTED = {"creation-date": "2025-01-01T00:00:00Z", "adjustment-status": "unadjusted"}
FAILED = {"failure-reason": "x", "creation-date": "2026-01-01T00:00:00"}


@pytest.mark.parametrize("order", list(itertools.permutations(["a-ref", "b-ref", "c-ref", "d-ref"])))
def test_age_orders_attributes_and_keys_do_not(order: tuple[str, ...]) -> None:
    labels = {"a-ref": FAILED, "b-ref": ADJUSTED, "c-ref": DATED, "d-ref": EARLIER}
    got = line(labels, list(order))
    assert [label.attribute for label in got.labels] == ["d-ref", "c-ref", "b-ref", "a-ref"]
    assert got.newest.attribute == "b-ref"
    attributes = Attributes()
    attributes.add(got.labels)
    assert attributes.newest_first() == ["a-ref", "b-ref", "c-ref", "d-ref"]
    assert attributes.answer == "a-ref"


def test_what_failed_at_an_unknown_time_is_newer_only_than_what_no_job_has_answered() -> None:
    for other, newest in ((ADJUSTED, "b-ref"), (DATED, "a-ref"), ({}, "a-ref")):
        attributes = Attributes()
        attributes.add(line({"a-ref": {"failure-reason": "x"}, "b-ref": other}).labels)
        assert attributes.answer == newest


def test_other_lines_tell_what_one_does_not() -> None:
    attributes = Attributes()
    attributes.add(line({"a-ref": {}, "b-ref": {}}).labels)
    assert attributes.newest_of(line({"a-ref": {}, "b-ref": {}}).labels) is None
    attributes.add(line({"a-ref": ADJUSTED}).labels)
    newest = attributes.newest_of(line({"a-ref": {}, "b-ref": {}}).labels)
    assert newest is not None
    assert newest.attribute == "a-ref"


def test_equally_old_masks_are_refused_by_name() -> None:
    values = line({"b-ref": DATED, "a-ref": DATED}).values
    with pytest.raises(ManifestError, match="which of b-ref and a-ref is the newest"):
        require_line(json.dumps(values).encode(), "m.manifest, line 1")


def test_what_failed_before_a_later_answer_is_not_the_newest() -> None:
    """Where all objects of one job failed, the next one adjusts them under another name."""
    failed = {"failure-reason": "x", "creation-date": "2026-01-02T00:00:00.000000"}
    later = {"creation-date": "2026-01-03T00:00:00.000000", "adjustment-status": "adjusted"}
    for first, second in ((failed, later), (later, failed)):
        attributes = Attributes()
        attributes.add(line({"a-ref": first, "b-ref": second}).labels)
        assert attributes.answer == ("b-ref" if first is failed else "a-ref")
    attributes = Attributes()
    attributes.add(line({"a-ref": failed | {"creation-date": "2026-01-04"}, "b-ref": later}).labels)
    assert attributes.answer == "a-ref"
