"""What is made of AWS's answers about roles and jobs, each by itself; whole calls are in test_on_aws."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gtmask.groundtruth import aws, job_rules, labeling_jobs
from gtmask.groundtruth.request import JobSettings
from gtmask.storage.base import S3Settings

ROLE = "arn:aws:iam::123456789012:role/service/GroundTruth"
SETTINGS = JobSettings(
    ROLE, "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/a", "s3://out/answers/", "qa",
    "qa-adjusted-ref",
)  # fmt: skip
ALLOW = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}


class Answering:
    """A client whose every call gives what was set, and notes what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        async def call(**asked: Any) -> Any:
            self.asked.append(asked)
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer(asked) if callable(answer) else answer

        return call


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        ([ALLOW], True),
        (ALLOW, True),
        ([{"Effect": "Deny"}, "text", ALLOW], True),
        ([{**ALLOW, "Principal": "*"}], True),
        ([{**ALLOW, "Principal": {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}}], True),
        ([{**ALLOW, "Action": ["sts:TagSession", "STS:*"]}], True),
        ([{**ALLOW, "Action": "*"}], True),
        ([{**ALLOW, "Effect": "Deny"}], False),
        ([{**ALLOW, "Action": "sts:TagSession"}], False),
        ([{**ALLOW, "Principal": {"AWS": "arn:aws:iam::1:root"}}], False),
        ([{**ALLOW, "Principal": {"Service": "lambda.amazonaws.com"}}], False),
        ([{key: ALLOW[key] for key in ("Effect", "Principal")}], False),
        (["text"], False),
        ([], False),
        (None, False),
    ],
)
def test_a_role_is_trusted_where_one_statement_lets_the_service_in(statements: object, trusted: bool) -> None:
    client = Answering(get_role={"Role": {"AssumeRolePolicyDocument": {"Statement": statements}}})
    problems = asyncio.run(job_rules._trust(client, SETTINGS))
    assert client.asked == [{"RoleName": "GroundTruth"}]
    assert [(problem.code, problem.line, problem.uri) for problem in problems] == (
        [] if trusted else [("role-trust", 0, ROLE)]
    )


def test_a_policy_that_is_a_text_lets_nobody_in() -> None:
    client = Answering(get_role={"Role": {"AssumeRolePolicyDocument": "%7B%7D"}})
    assert [problem.code for problem in asyncio.run(job_rules._trust(client, SETTINGS))] == ["role-trust"]


def test_each_thing_that_the_role_may_not_do_is_told() -> None:
    def decide(asked: dict[str, Any]) -> dict[str, Any]:
        (action,) = asked["ActionNames"]
        arns = asked["ResourceArns"]
        if action == "s3:ListBucket":  # one result for all resources
            inner = [
                {
                    "EvalResourceName": arn,
                    "EvalResourceDecision": "allowed" if "out" in arn else "explicitDeny",
                }
                for arn in arns
            ]
            return {"EvaluationResults": [{"EvalDecision": "allowed", "ResourceSpecificResults": inner}]}
        decision = "allowed" if action == "s3:GetObject" else "implicitDeny"
        return {"EvaluationResults": [{"EvalDecision": decision, "EvalResourceName": arn} for arn in arns]}

    client = Answering(simulate_principal_policy=decide)
    problems = asyncio.run(job_rules._reach(client, SETTINGS, ["s3://data/in/1.jpg", "s3://masks/1.png"]))
    below = "arn:aws:s3:::"
    assert [(each["ActionNames"][0], each["ResourceArns"]) for each in client.asked] == [
        ("s3:GetObject", [f"{below}data/in/1.jpg", f"{below}masks/1.png",
                          f"{below}out/answers/_gtmask/qa/template.liquid.html"]),
        ("s3:PutObject", [f"{below}out/answers/qa/manifests/output/output.manifest"]),
        ("s3:ListBucket", [f"{below}data", f"{below}masks", f"{below}out"]),
    ]  # fmt: skip
    assert [(problem.code, problem.line, problem.uri, problem.detail) for problem in problems] == [
        ("role-access", 0, "s3://out/answers/qa/manifests/output/output.manifest",
         "s3:PutObject is implicitDeny"),
        ("role-access", 0, "s3://data", "s3:ListBucket is explicitDeny"),
        ("role-access", 0, "s3://masks", "s3:ListBucket is explicitDeny"),
    ]  # fmt: skip


def serve(monkeypatch: pytest.MonkeyPatch, client: Answering) -> None:
    @contextlib.asynccontextmanager
    async def open_client(*args: Any) -> Any:
        yield client

    monkeypatch.setattr(aws, "open_client", open_client)


def test_a_role_that_is_missing_or_that_nobody_may_look_at_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = ClientError({"Error": {"Code": "NoSuchEntity", "Message": "none"}}, "GetRole")
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SimulatePrincipalPolicy")
    serve(monkeypatch, Answering(get_role=gone, simulate_principal_policy=denied))
    problems = job_rules.check_role(SETTINGS, ["s3://data/1.jpg"])
    assert [(found.code, found.line, found.uri) for found in problems] == [
        ("role-missing", 0, ROLE), ("role-unchecked", 0, ROLE),
    ]  # fmt: skip


def test_each_job_says_where_its_output_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def describe(asked: dict[str, Any]) -> dict[str, Any]:
        place = f"s3://out/{asked['LabelingJobName']}/output.manifest"
        return {"LabelingJobStatus": "Completed", "LabelingJobOutput": {"OutputDatasetS3Uri": place}}

    serve(monkeypatch, Answering(describe_labeling_job=describe))
    assert labeling_jobs.output_manifests(["one", "two"], S3Settings()) == [
        "s3://out/one/output.manifest", "s3://out/two/output.manifest",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "message", "missing"),
    [
        ("ResourceNotFound", "", True),
        ("ResourceNotFoundException", "", True),
        ("ValidationException", "Requested resource not found.", True),
        ("ValidationException", "The job does not exist", True),
        ("ValidationException", "1 validation error detected", False),
        ("AccessDeniedException", "not found", False),
    ],
)
def test_answers_that_mean_that_there_is_no_such_job(code: str, message: str, missing: bool) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "DescribeLabelingJob")
    assert labeling_jobs._says_no_job(error) == missing


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {"LabelingJobStatus": "InProgress", "LabelCounters": {}},
            labeling_jobs.JobStatus("qa", "InProgress", 0, 0, 0),
        ),
        (
            {
                "LabelingJobStatus": "Failed", "FailureReason": "no",
                "LabelingJobOutput": {"OutputDatasetS3Uri": "s3://o"},
                "LabelCounters": {"TotalLabeled": 5, "FailedNonRetryableError": 20, "Unlabeled": 300},
            },
            labeling_jobs.JobStatus("qa", "Failed", 5, 20, 325, "no", "s3://o"),
        ),
    ],
)  # fmt: skip
def test_how_far_a_job_is(answer: dict[str, Any], expected: labeling_jobs.JobStatus) -> None:
    client = Answering(describe_labeling_job=answer)
    assert asyncio.run(labeling_jobs._status(client, "qa")) == expected
    assert expected.final == (expected.status == "Failed")
