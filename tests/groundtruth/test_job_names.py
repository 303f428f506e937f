"""What a job is called that nobody named."""

from __future__ import annotations

import pytest

from gtmask.groundtruth.job import next_name


@pytest.mark.parametrize(
    ("location", "jobs", "expected"),
    [
        ("s3://b/labeling-qa.manifest", ["labeling-qa"], "labeling-qa-adjustment"),
        ("answer.manifest", ["labeling-job/labeling-qa-adjustment"], "labeling-qa-adjustment-2"),
        (
            "output.manifest",
            ["labeling-job/qa-adjustment-2", "labeling-job/qa-adjustment"],
            "qa-adjustment-3",
        ),
        ("answer.manifest", ["labeling-job/qa-1-of-3", "labeling-job/qa-2-of-3"], "qa-2"),
        ("answer.manifest", ["labeling-job/qa", "labeling-job/qa-again-0123ab"], "qa-2"),
        ("answer.manifest", ["labeling-job/b", "labeling-job/a"], "b-2"),
        ("answer.manifest", ["labeling-job/b-7", "labeling-job/a-12", "labeling-job/c-2"], "a-13"),
        ("answer.manifest", ["labeling-job/qa-9999", "labeling-job/qa-10000"], "qa-10000"),
        ("answer.manifest", ["labeling-job/" + "x" * 45], "x" * 40 + "-2"),
        ("answer.manifest", ["labeling-job/" + "x" * 39 + "-yyy"], "x" * 39 + "-2"),
        ("x/my data_set (1).manifest", [], "my-data-set-1-adjustment"),
        ("x/--.manifest", [], "labels-adjustment"),
        ("x/again.manifest", ["labeling-qa"], "again-c0ffee"),
        ("x/again.manifest", ["labeling-job/qa"], "qa-again-c0ffee"),
        ("x/again.manifest", ["labeling-job/qa-again-0123ab"], "qa-again-c0ffee"),
    ],
)
def test_a_further_round_has_a_name_of_its_own(location: str, jobs: list[str], expected: str) -> None:
    assert next_name(location, jobs, "c0ffee") == expected
