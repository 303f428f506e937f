"""What a job may ask for, at the ends of what the API takes, and what is told of quotas before."""

from __future__ import annotations

from typing import Any

import pytest

from gtmask.errors import UsageError
from gtmask.groundtruth.job_rules import check_limits
from gtmask.groundtruth.request import JobSettings, build_request, check_job_name

ROLE = "arn:aws:iam::123456789012:role/GroundTruth"
TEAM = "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/a"


def settings(**changes: Any) -> JobSettings:
    given: dict[str, Any] = {
        "role": ROLE, "workteam": TEAM, "output": "s3://out/answers", "name": "qa",
        "label_attribute": "qa-adjusted-ref",
    }  # fmt: skip
    return JobSettings(**given | changes)


def padded(text: str, length: int) -> str:
    return text + "x" * (length - len(text))


#: The option, and values that are just right or just wrong, as the API's documentation has its limits.
ENDS: list[tuple[str, list[Any], list[Any]]] = [
    ("role", [padded(ROLE, 2048)], [padded(ROLE, 2049), ROLE.replace("9012", "901")]),
    ("workteam", [padded(TEAM, 256)], [padded(TEAM, 257)]),
    ("output", ["s3://abc", "s3://" + "b" * 63, padded("s3://out/", 824)],
     ["s3://ab", "s3://" + "b" * 64, padded("s3://out/", 825), "s3://-ab"]),
    ("upload", ["", "s3://upl", padded("s3://out/", 824)], ["up", padded("s3://out/", 825)]),
    ("name", ["a", "a" * 63], ["", "a" * 64, "-a", "a-", "a_b"]),
    ("label_attribute", ["a-ref"], ["-ref", "a"]),
    ("title", ["x", "x" * 128, "\t\n"], ["", "x" * 129, "\0", "\x1f", "\U00010000"]),
    ("description", ["x", "x" * 255], ["", "x" * 256, "a\nb"]),
    ("keywords", [("a",), tuple("abcde"), ("a" * 30,)], [(), tuple("abcdef"), ("a" * 31,), ("a  b",), ("",)]),
    ("workers_per_object", [1, 9], [0, 10]),
    ("time_limit", [30, 28_800], [29, 28_801]),
    ("availability", [60, 2_592_000], [59, 2_592_001]),
    ("max_concurrent", [1, 5000], [0, 5001]),
    ("kms_key", [None, "a", "k" * 2048], ["", "k" * 2049, "a b"]),
    ("tags", [(), tuple((str(n), "") for n in range(50)), (("k" * 128, "v" * 256),), (("_.:/=+-@", "ü 1"),)],
     [tuple((str(n), "") for n in range(51)), (("", "v"),), (("k" * 129, ""),), (("k", "v" * 257),),
      (("k", "1"), ("k", "2")), (("AWS:k", ""),), (("k!", ""),)]),
]  # fmt: skip


@pytest.mark.parametrize(("option", "right", "wrong"), ENDS, ids=[row[0] for row in ENDS])
def test_options_end_where_the_api_says(option: str, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        assert getattr(settings(**{option: value}), option) == value
    for value in wrong:
        with pytest.raises(UsageError):
            settings(**{option: value})


def test_a_name_is_checked_as_the_api_does() -> None:
    check_job_name("a" * 63)
    for name in ("a" * 64, "", "a b"):
        with pytest.raises(UsageError, match="must be 1 to 63 letters"):
            check_job_name(name)


def test_a_request_has_a_key_and_tags_only_where_they_are_given() -> None:
    bare = build_request(settings(), "qa-1", "s3://m", "s3://c", "s3://t")
    assert "Tags" not in bare
    assert bare["OutputConfig"] == {"S3OutputPath": "s3://out/answers"}
    full = build_request(
        settings(kms_key="k", tags=(("a", "1"), ("b", ""))), "qa", "s3://m", "s3://c", "s3://t"
    )
    assert full["OutputConfig"]["KmsKeyId"] == "k"
    assert full["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]


KEY = "arn:aws:kms:{}:123456789012:key/a"


@pytest.mark.parametrize(
    ("changes", "objects", "found"),
    [
        ({}, 3000, []),
        ({}, 3001, [("job-days", "4 x 10 days")]),
        ({"kms_key": "a"}, 1, []),
        ({"kms_key": "alias/a"}, 1, []),
        ({"kms_key": KEY.format("eu-west-1")}, 1, []),
        ({"kms_key": KEY.format("us-east-1")}, 1,
         [("kms-region", "the key is in us-east-1, the job in eu-west-1")]),
        ({"max_concurrent": 1000}, 1, []),
        ({"max_concurrent": 1001}, 1, [("tasks-quota", "--max-concurrent 1,001")]),
        ({"availability": 86_400, "max_concurrent": 1}, 30, []),
        ({"availability": 86_400, "max_concurrent": 1}, 31, [("job-days", "31 x 1 days")]),
        ({"availability": 43_200, "max_concurrent": 2}, 120, []),
        ({"availability": 43_200, "max_concurrent": 2}, 121, [("job-days", "61 x 0.5 days")]),
    ],
)  # fmt: skip
def test_what_quotas_may_stop_is_told(
    changes: dict[str, Any], objects: int, found: list[tuple[str, str]]
) -> None:
    problems = check_limits(settings(**changes), objects)
    assert [(problem.code, problem.detail) for problem in problems] == found
