"""What AWS answers about jobs, documented and observed, and what is made of it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import gtmask
from gtmask.errors import AccessError, GtmaskError, StorageError, TransientError, UsageError
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.groundtruth.request import JobSettings, build_request
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import encode_png
from tests.support.fake_aws import GOOD_CORS, Answer, FakeAws, breaches, service_model

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/team/GroundTruth"
TEAM = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/x"
GOOD: dict[str, Any] = {"role": ROLE, "workteam": TEAM, "output": "s3://answer/out"}
TRUST = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
}
SETTINGS = gtmask.S3Settings(attempts=1)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws() as server:
        server.lead_here(monkeypatch)
        server.roles["GroundTruth"] = TRUST
        server.buckets = {"data": {}, "answer": {}}
        server.cors = {"data": list(GOOD_CORS)}
        fill(server)
        yield server


def fill(server: FakeAws, count: int = 2) -> None:
    """Put a small data set and its manifest into the bucket data."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 6)).save(stream, "JPEG")
    writer = ManifestWriter(class_map_from_labels(["Car"]), creation_date="2024-01-01T00:00:00.000000")
    objects, lines = server.buckets["data"], []
    for number in range(count):
        mask = np.zeros((6, 8), np.uint8)
        mask[number, 2:5] = 1
        objects[f"in/{number}.jpg"], objects[f"masks/{number}.png"] = stream.getvalue(), encode_png(mask)
        lines.append(writer.line(f"s3://data/in/{number}.jpg", f"s3://data/masks/{number}.png"))
    objects["qa.manifest"] = b"".join(lines)


def plan(**options: Any) -> gtmask.JobPlan:
    return gtmask.job("s3://data/qa.manifest", s3=SETTINGS, **{**GOOD, "name": "QA", **options})


def submit(
    told: list[str] | None = None, unchecked: bool = False, level: gtmask.Depth = "quick", **options: Any
) -> dict[str, str]:
    tell = None if told is None else told.append
    return gtmask.submit_job(
        plan(**options), s3=SETTINGS, level=level, unchecked=unchecked, tell=tell, workers=1
    )


# --- is there such a job?

NOT_THERE = [
    ("ResourceNotFound", "The labeling job does not exist."),
    ("ResourceNotFound", ""),
    ("ResourceNotFoundException", "Requested resource not found."),
    ("ValidationException", "Could not find the requested job with arn: arn:aws:sagemaker:x:1:qa"),
    ("ValidationException", "The labeling job QA does not exist."),
    ("ValidationException", "RecordNotFound: Labeling job not found"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message"), NOT_THERE)
def test_a_job_that_is_not_there_is_created(aws: FakeAws, code: str, message: str) -> None:
    aws.no_job = Answer(400, code, message)
    assert submit() == {"QA": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/qa"}
    assert aws.created == ["QA"]
    assert sorted(aws.buckets["answer"]) == [
        f"out/_gtmask/QA/{name}"
        for name in ("QA.manifest", "_gtmask/job.json", "labels.json", "template.liquid.html")
    ]
    with pytest.raises(UsageError, match="There is no labeling job QB: check --job"):
        gtmask.answer(out="s3://answer/back", job=["QB"], s3=SETTINGS)


DENIED = (
    "User: arn:aws:iam::123456789012:user/me is not authorized to perform: sagemaker:{} because no "
    "identity-based policy allows the action"
)


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (
            Answer(400, "AccessDeniedException", DENIED.format("DescribeLabelingJob")),
            AccessError,
            "no identity-based policy allows",
        ),
        (Answer(400, "ThrottlingException", "Rate exceeded"), TransientError, "asks for fewer requests"),
        (Answer(500, "InternalFailure", "x"), TransientError, "trouble of its own"),
        (Answer(400, "ExpiredTokenException", "The security token is expired"), AccessError, "has expired"),
        (Answer(400, "ValidationException", "Value 'x' failed"), StorageError, "Value 'x' failed"),
    ],
)
def test_what_keeps_from_looking_for_a_job_stops_before_any_upload(
    aws: FakeAws, answer: Answer, kind: type[GtmaskError], sentence: str
) -> None:
    aws.refusals["sagemaker:DescribeLabelingJob"] = answer
    with pytest.raises(kind, match=sentence) as caught:
        submit()
    assert "\n" not in str(caught.value)
    assert not aws.created
    assert not aws.buckets["answer"]


# --- a repeat, and jobs that ended early


def test_the_same_command_goes_on_where_it_stopped(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtmask.groundtruth.job.MAX_JOB_OBJECTS", 1)
    limit = "The account-level service limit 'Concurrent labeling jobs' is 1"
    aws.refusals["sagemaker:CreateLabelingJob QA-2-of-2"] = Answer(400, "ResourceLimitExceeded", limit)
    with pytest.raises(StorageError, match=rf"\(created before it: QA-1-of-2\).*{limit}"):
        submit()
    aws.refusals.clear()
    told: list[str] = []
    assert list(submit(told)) == ["QA-1-of-2", "QA-2-of-2"]
    assert "QA-1-of-2 was created before: InProgress" in told
    assert list(submit()) == ["QA-1-of-2", "QA-2-of-2"]
    assert aws.created == ["QA-1-of-2", "QA-2-of-2"]
    with pytest.raises(UsageError, match=r"already \(InProgress\), with other settings or data"):
        submit(label_attribute="other-ref")


@pytest.mark.parametrize("status", ["Failed", "Stopping", "Stopped"])
def test_a_job_that_ended_early_offers_the_next_one(aws: FakeAws, status: str) -> None:
    submit()
    counters = {"TotalLabeled": 1, "Unlabeled": 1, "FailedNonRetryableError": 0}
    aws.jobs["qa"] |= {"LabelingJobStatus": status, "LabelCounters": counters, "FailureReason": "No role."}
    sentence = rf"QA already \({status}\), with 1 objects labeled and 1 open \(No role\).*answer --job QA"
    with pytest.raises(UsageError, match=sentence):
        submit()
    assert aws.created == ["QA"]


def test_a_name_that_another_job_has_meanwhile_is_told_in_awss_words(aws: FakeAws) -> None:
    taken = Answer(400, "ResourceInUse", "Labeling job name must be unique within an AWS account and region")
    aws.refusals["sagemaker:CreateLabelingJob"] = taken
    with pytest.raises(StorageError, match=r"create the labeling job QA: .*must be unique within"):
        submit()


def test_a_role_that_may_not_be_passed_on_is_told_in_awss_words(aws: FakeAws) -> None:
    words = f"User: me is not authorized to perform: iam:PassRole on resource: {ROLE}"
    aws.refusals["sagemaker:CreateLabelingJob"] = Answer(400, "AccessDeniedException", words)
    with pytest.raises(AccessError, match=re.escape(words)):
        submit()


def test_which_key_is_disabled_is_told_in_awss_words(aws: FakeAws) -> None:
    words = "arn:aws:kms:us-east-1:123456789012:key/1234abcd is disabled by its owner"
    aws.refusals["s3:GetObject"] = Answer(400, "KMS.DisabledException", words)
    with pytest.raises(AccessError, match=rf"its encryption key is disabled \({words}\)"):
        plan()


def test_an_upload_that_kms_refuses_is_told_in_awss_words(aws: FakeAws) -> None:
    words = "User: me is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:x:1:key/2"
    aws.refusals["s3:PutObject"] = Answer(403, "AccessDenied", words)
    with pytest.raises(AccessError, match=re.escape(words)):
        submit()
    assert not aws.created


def test_a_failed_job_is_followed_to_its_end(aws: FakeAws) -> None:
    submit()
    aws.jobs["qa"] |= {"LabelingJobStatus": "Failed", "FailureReason": "ClientError: role"}
    (status,) = gtmask.wait_for_jobs(["QA"], "us-east-1")
    assert (status.status, status.reason) == ("Failed", "ClientError: role")
    assert status.output == "s3://answer/out/QA/manifests/output/output.manifest"


# --- buckets


def no_list(region: str | None) -> Answer:
    headers = {} if region is None else {"x-amz-bucket-region": region}
    return Answer(403, "Forbidden", "Forbidden", headers)


def test_a_refusal_that_tells_the_region_is_enough(aws: FakeAws) -> None:
    aws.refusals["s3:ListBucket"] = no_list("us-east-1")
    assert list(submit()) == ["QA"]
    assert "s3:GetBucketLocation" not in aws.actions()


def test_a_region_that_only_a_refusal_tells_stops_a_submission(aws: FakeAws) -> None:
    aws.refusals["s3:ListBucket"] = no_list("eu-west-1")
    for unchecked in (False, True):
        with pytest.raises(
            UsageError, match="is in the wrong region: it is in eu-west-1, the job in us-east-1"
        ):
            submit(unchecked=unchecked)
    assert not aws.created


def test_where_a_refusal_tells_no_region_the_location_is_asked_for(aws: FakeAws) -> None:
    aws.refusals["s3:ListBucket"] = no_list(None)
    assert list(submit()) == ["QA"]
    assert "s3:GetBucketLocation" in aws.actions()


@pytest.mark.parametrize("hidden", ["region", "cors"])
def test_what_cannot_be_known_of_a_bucket_stops_unless_unchecked(aws: FakeAws, hidden: str) -> None:
    if hidden == "region":
        aws.refusals["s3:ListBucket"] = no_list(None)
        aws.refusals["s3:GetBucketLocation"] = Answer(403, "AccessDenied")
    else:
        aws.refusals["s3:GetBucketCORS"] = Answer(403, "AccessDenied")
    with pytest.raises(UsageError, match=r"cannot be known.*--unchecked"):
        submit()
    assert not aws.buckets["answer"]
    told: list[str] = []
    assert list(submit(told, unchecked=True)) == ["QA"]
    assert any(sentence.startswith("not checked: ") for sentence in told)


ORIGIN = "https://*.labeling.us-east-1.sagemaker.aws"
CORS_THAT_WORKS = [
    [{"AllowedMethod": ["GET"], "AllowedOrigin": ["*"]}],
    [{"AllowedMethod": ["GET"], "AllowedOrigin": [ORIGIN], "ExposeHeader": ["Access-Control-Allow-Origin"]}],
    [{"AllowedMethod": ["GET", "HEAD"], "AllowedOrigin": ["*"], "ExposeHeader": ["ETag"]}],
    [{"AllowedMethod": ["GET"], "AllowedOrigin": ["https://*"]}],
]


@pytest.mark.parametrize("rules", CORS_THAT_WORKS)
def test_a_cors_rule_that_works_stops_nothing(aws: FakeAws, rules: list[dict[str, list[str]]]) -> None:
    aws.cors["data"] = rules
    report = gtmask.validate("s3://data/qa.manifest", s3=SETTINGS, workers=1)
    assert not set(report.codes) - {"cors-header-hidden"}
    assert list(submit()) == ["QA"]


def test_no_cors_rule_stops_unless_unchecked(aws: FakeAws) -> None:
    del aws.cors["data"]
    with pytest.raises(GtmaskError, match="bucket-cors"):
        submit(level="deep")
    with pytest.raises(UsageError, match="has no CORS rule for the worker UI: run `gtmask job --fix-cors`"):
        submit()
    assert gtmask.buckets_without_cors(plan(), s3=SETTINGS) == ["data"]
    assert list(submit(unchecked=True)) == ["QA"]
    gtmask.fix_cors(["data"], s3=SETTINGS)
    assert aws.cors["data"] == GOOD_CORS
    assert list(submit()) == ["QA"]


# --- the role, the key and the limits: told, and they stop nothing


def codes(found: gtmask.JobPlan) -> list[str]:
    return [problem.code for problem in found.problems]


def test_a_good_role_is_found_good(aws: FakeAws) -> None:
    found = plan(check_role=True)
    assert (codes(found), found.role_checked) == ([], True)
    assert len(found.unasked) == 2
    assert {"iam:GetRole", "iam:SimulatePrincipalPolicy"} <= aws.actions()
    aws.calls.clear()
    assert codes(plan()) == []
    assert not any(action.startswith("iam:") for action in aws.actions())


def test_what_is_wrong_with_a_role_is_told_and_stops_nothing(aws: FakeAws) -> None:
    aws.roles["GroundTruth"] = {
        "Statement": {**TRUST["Statement"][0], "Principal": {"Service": "ec2.amazonaws.com"}}
    }
    aws.allowed = lambda action, resource: resource != "arn:aws:s3:::data/in/0.jpg"
    found = plan(check_role=True)
    assert codes(found) == ["role-trust", "role-access"]
    assert found.problems[1][2:] == ("s3://data/in/0.jpg", "s3:GetObject is implicitDeny")
    assert found.to_json()["findings"][0]["level"] == "warning"
    aws.allowed = lambda action, resource: action != "s3:PutObject"
    assert codes(plan(check_role=True)) == ["role-trust", "role-access"]
    assert list(submit(check_role=True)) == ["QA"]


def test_a_role_that_is_not_there_or_cannot_be_asked_about_is_told(aws: FakeAws) -> None:
    aws.refusals["iam:SimulatePrincipalPolicy"] = Answer(403, "AccessDenied", DENIED.format("x"))
    assert codes(plan(check_role=True)) == ["role-unchecked"]
    aws.refusals["iam:GetRole"] = aws.refusals["iam:SimulatePrincipalPolicy"]
    found = plan(check_role=True)
    assert set(codes(found)) == {"role-unchecked"}
    assert "no identity-based policy allows the action" in found.problems[0].detail
    aws.refusals.clear()
    aws.roles.clear()
    assert codes(plan(check_role=True))[0] == "role-missing"


KEY = "arn:aws:kms:{}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_key_and_limits_are_told_and_stop_nothing(aws: FakeAws) -> None:
    assert codes(plan(kms_key=KEY.format("us-east-1"), max_concurrent=1000)) == []
    assert codes(plan(kms_key="alias/mine")) == []
    wrong = {"kms_key": KEY.format("eu-west-1"), "max_concurrent": 1001}
    found = plan(**wrong)
    assert codes(found) == ["kms-region", "tasks-quota"]
    assert found.problems[0].detail == "the key is in eu-west-1, the job in us-east-1"
    assert codes(plan(max_concurrent=1, availability=1_296_000)) == []
    assert codes(plan(max_concurrent=1, availability=1_296_001)) == ["job-days"]
    assert list(submit(**wrong)) == ["QA"]


# --- a dry run

STRANGE = [
    "x" * 20_000, "", " ", "a b", "ä", "🦊", "a\nb", "a\tb", "a_b", "a-b", "-a", "a--b", "½", "Ⅷ", "a\u0301",
    "\u200b", "<", "&", "aws:x", "AWS:x", "x" * 257, "x" * 129, "x" * 65, "x" * 31,
]  # fmt: skip
TEXTS = ["name", "title", "description", "kms_key"]


@pytest.mark.parametrize(
    "field", [*TEXTS, "role", "workteam", "output", "upload", "keywords", "tags", "tags by value"]
)
def test_what_the_model_of_the_api_refuses_is_refused_without_a_connection(field: str) -> None:
    good = {**GOOD, "name": "qa", "label_attribute": "adjusted-ref"}
    shape = service_model().operation_model("CreateLabelingJob").input_shape
    taken = 0
    for text in STRANGE:
        value: Any = {
            "keywords": (text,), "tags": ((text, "x"),), "tags by value": (("k", text),), "role": ROLE + text,
            "workteam": TEAM + text, "output": "s3://answer/" + text, "upload": "s3://answer/" + text,
        }.get(field, text)  # fmt: skip
        try:
            settings = JobSettings(**{**good, field.partition(" ")[0]: value})
        except UsageError:
            continue
        prefix = f"{settings.prefix}/"
        request = build_request(
            settings, settings.name, prefix + "qa-10-of-10.manifest", prefix + "labels.json",
            prefix + "template.liquid.html",
        )  # fmt: skip
        assert breaches(shape, request) == [], text
        assert not any(tag["Key"].lower().startswith("aws:") for tag in request.get("Tags", ()))
        taken += 1
    assert taken


def test_a_dry_run_asks_nobody_and_tells_what_it_did_not_ask(aws: FakeAws, tmp_path: Path) -> None:
    path = tmp_path / "qa.manifest"
    path.write_bytes(aws.buckets["data"]["qa.manifest"])
    shown = gtmask.job(path, **GOOD).to_json()
    assert not aws.calls
    assert [sentence.split()[0] for sentence in shown["unasked"]] == ["whether", "region", "whether"]
    line = json.loads(path.read_bytes().splitlines()[0])
    path.write_bytes(json.dumps({"source": "a text", **line}).encode() + b"\n")
    with pytest.raises(GtmaskError, match="line 1: source-both") as caught:
        gtmask.job(path, **GOOD)
    assert caught.value.exit_code == 2
    assert gtmask.validate(path, level="quick").codes == {"source-both": 1}


# --- names of further rounds


# --- the guide's table of permissions

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide.md"
#: What a command needs only in a case that is not played: for large files, and for passing a role on.
UNPLAYED = {"iam:PassRole", "s3:AbortMultipartUpload"}


def table() -> dict[str, set[str]]:
    """Return the permissions of the guide's table by the first words of its rows."""
    rows = re.findall(r"^\| you, to ([^|]+?) \|([^|]+)\|", GUIDE.read_text(), re.MULTILINE)
    return {name: set(re.findall(r"`((?:s3|sagemaker|iam):\w+)`", needs)) for name, needs in rows}


def test_the_guide_lists_the_permissions_of_the_calls_that_are_made(aws: FakeAws, tmp_path: Path) -> None:
    listed = table()
    made: dict[str, set[str]] = {}

    def record(name: str) -> None:
        made[name] = made.get(name, set()) | aws.actions()
        aws.calls.clear()

    export = {
        "images": [{"id": 1, "file_name": "0.jpg", "width": 8, "height": 6}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 4]], "iscrowd": 0}
        ],
        "categories": [{"id": 1, "name": "Car"}],
    }
    aws.buckets["data"]["export/export.json"] = json.dumps(export).encode()
    where: dict[str, Any] = {"s3": SETTINGS, "workers": 1}
    for overwrite in (False, True):
        gtmask.convert(
            "s3://data/export", "s3://data/run", images="s3://data/in", overwrite=overwrite, **where
        )  # fmt: skip
    record("convert")
    gtmask.inspect("s3://data/export", **where)
    record("inspect")
    gtmask.validate("s3://data/run/labeling-qa.manifest", level="deep", **where)
    aws.refusals["s3:ListBucket data"] = no_list(None)
    gtmask.validate("s3://data/run/labeling-qa.manifest", **where)
    aws.refusals.clear()
    record("validate")
    gtmask.pilot("s3://data/run/labeling-qa.manifest", "s3://data/pilot", copy_masks=True, **where)
    record("make a pilot")
    gtmask.preview("s3://data/run/labeling-qa.manifest", tmp_path / "p.html", s3=SETTINGS)
    record("preview")
    submit(level="deep")
    aws.refusals["s3:ListBucket data"] = no_list(None)
    submit(level="deep")
    aws.refusals.clear()
    gtmask.wait_for_jobs([], "us-east-1")
    record("submit")
    gtmask.buckets_without_cors(plan(), s3=SETTINGS)
    aws.cors.clear()
    gtmask.fix_cors(["data"], s3=SETTINGS)
    record("mend CORS (`--fix-cors`)")
    plan(check_role=True)
    record("look at the role (`--check-role`)")
    line = json.loads(aws.buckets["data"]["qa.manifest"].splitlines()[0])
    line["adjusted-ref"] = line["labeling-qa-ref"]
    line["adjusted-ref-metadata"] = line["labeling-qa-ref-metadata"] | {"adjustment-status": "adjusted"}
    aws.buckets["answer"]["out/QA/manifests/output/output.manifest"] = json.dumps(line).encode() + b"\n"
    gtmask.answer(out="s3://answer/back", job=["QA"], run="s3://data/run", **where)
    record("read the answer")
    assert {name: needs - UNPLAYED for name, needs in listed.items()} == made
