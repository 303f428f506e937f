"""Masks, images and manifests in S3: against a real server, and what AWS says about buckets."""

from __future__ import annotations

import asyncio
import contextlib
import io
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import orjson
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from PIL import Image

import gtmask
from gtmask.errors import (
    AccessError,
    CredentialsError,
    GtmaskError,
    NoPlaceError,
    StorageError,
    ThrottledError,
    TransientError,
    UnreachableError,
    UsageError,
)
from gtmask.groundtruth import aws, submission
from gtmask.groundtruth.aws import check_buckets
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.groundtruth.job import job
from gtmask.manifest.contract import CORS_RULE
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import encode_png
from gtmask.storage.base import S3Settings
from gtmask.storage.s3_errors import translate_errors

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server


def fill(server: S3Server, bucket: str, count: int = 3) -> str:
    """Put images, masks and their manifest into a bucket, and return the manifest's URI."""
    stream = io.BytesIO()
    Image.new("RGB", (40, 30)).save(stream, "JPEG")
    writer = ManifestWriter(
        class_map_from_labels(["Car", "Road"]), creation_date="2024-01-01T00:00:00.000000"
    )
    objects, lines = {}, []
    for i in range(count):
        mask = np.zeros((30, 40), np.uint8)
        mask[4:9, 4:20] = 1 + i % 2
        objects[f"in/a b+ü%20{i}.jpg"] = stream.getvalue()
        objects[f"masks/a b+ü%20{i}.png"] = encode_png(mask)
        lines.append(writer.line(f"s3://{bucket}/in/a b+ü%20{i}.jpg", f"s3://{bucket}/masks/a b+ü%20{i}.png"))
    objects["qa.manifest"] = b"".join(lines)
    server.put(bucket, objects)
    return f"s3://{bucket}/qa.manifest"


@pytest.fixture
def s3(s3_server: S3Server) -> S3Settings:
    return S3Settings(endpoint_url=s3_server.endpoint, attempts=2)


def test_what_is_in_s3_is_validated_there(s3_server: S3Server, bucket: str, s3: S3Settings) -> None:
    manifest = fill(s3_server, bucket)
    report = gtmask.validate(manifest, level="deep", s3=s3)
    assert report.codes == {"bucket-cors": 1, "key-encoded": 6}
    assert (report.masks, report.images, report.decoded) == (3, 3, 3)
    assert report.exit_code == 3
    submission.fix_cors([bucket], s3=s3)
    assert gtmask.validate(manifest, s3=s3).codes == {"key-encoded": 6}


def test_fixing_cors_keeps_the_rules_that_are_there(s3_server: S3Server, bucket: str, s3: S3Settings) -> None:
    own = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://example.com"]}
    client = s3_server.client()
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [own]})
    for _ in range(2):
        submission.fix_cors([bucket], s3=s3)
    rules = client.get_bucket_cors(Bucket=bucket)["CORSRules"]
    assert len(rules) == 2
    assert rules[0]["AllowedOrigins"] == ["https://example.com"]
    assert aws.cors_allows(rules)


def test_a_bucket_that_is_not_there_is_told(s3_server: S3Server, bucket: str, s3: S3Settings) -> None:
    manifest = fill(s3_server, bucket, 1)
    line = orjson.loads(s3_server.objects(bucket)["qa.manifest"])
    line["labeling-qa-ref"] = "s3://no-such-bucket-here/x.png"
    s3_server.put(bucket, {"qa.manifest": orjson.dumps(line)})
    codes = gtmask.validate(manifest, s3=s3).codes
    assert codes == {"bucket-cors": 1, "bucket-missing": 1, "mask-not-found": 1, "key-encoded": 1}


def test_local_copies_are_found_by_their_last_folders(
    s3_server: S3Server, bucket: str, s3: S3Settings, tmp_path: Path
) -> None:
    fill(s3_server, bucket)
    for key, data in s3_server.objects(bucket).items():
        path = tmp_path / key.replace("masks/", "copies/deep/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    report = gtmask.validate(
        tmp_path / "qa.manifest", images=str(tmp_path / "in"), masks=str(tmp_path / "copies" / "deep"), s3=s3
    )
    assert report.codes == {"key-encoded": 6}
    assert (report.masks, report.images) == (3, 3)


def test_a_pilot_is_written_to_s3(s3_server: S3Server, bucket: str, s3: S3Settings) -> None:
    manifest = fill(s3_server, bucket)
    submission.fix_cors([bucket], s3=s3)
    out = f"s3://{bucket}/pilot"
    result = gtmask.pilot(manifest, out, count=2, compare_png=True, s3=s3)
    assert result.manifest == f"{out}/pilot.manifest"
    report = gtmask.validate(result.manifest, level="deep", s3=s3)
    assert report.codes == {"key-encoded": 8}
    assert report.lines == report.masks == 4


def test_a_job_is_uploaded_whole_before_it_is_created(
    s3_server: S3Server, bucket: str, s3: S3Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = fill(s3_server, bucket)
    plan = job(
        manifest, None, role="arn:aws:iam::123456789012:role/GroundTruth", output=f"s3://{bucket}/answers",
        workteam="arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/x", name="qa", s3=s3,
    )  # fmt: skip
    created: list[dict[str, Any]] = []

    class SageMaker:
        async def describe_labeling_job(self, **request: Any) -> None:
            raise ClientError({"Error": {"Code": "ResourceNotFound"}}, "DescribeLabelingJob")

        async def create_labeling_job(self, **request: Any) -> dict[str, str]:
            uploaded = s3_server.objects(bucket, "answers/_gtmask/qa/")
            assert sorted(uploaded) == [
                "_gtmask/job.json",
                "labels.json",
                "qa.manifest",
                "template.liquid.html",
            ]
            assert uploaded["qa.manifest"] == s3_server.objects(bucket)["qa.manifest"]
            created.append(request)
            return {"LabelingJobArn": "arn"}

    real = aws.open_client

    @contextlib.asynccontextmanager
    async def open_client(service: str, settings: S3Settings, region: str | None = None) -> Any:
        if service == "sagemaker":
            yield SageMaker()
        else:
            async with real(service, settings, region) as client:
                yield client

    monkeypatch.setattr(aws, "open_client", open_client)
    with pytest.raises(GtmaskError, match="bucket-cors"):
        submission.submit_job(plan, s3=s3)
    assert created == []
    assert s3_server.objects(bucket, "answers/") == {}
    assert submission.buckets_without_cors(plan, s3=s3) == [bucket]
    submission.fix_cors([bucket], s3=s3)
    # What somebody else has put there is not replaced, and no job is created.
    key = "answers/_gtmask/qa/labels.json"
    s3_server.put(bucket, {key: b"somebody's work"})
    with pytest.raises(UsageError) as refused:
        submission.submit_job(plan, s3=s3)
    assert str(refused.value) == (
        f"--upload s3://{bucket}/{key} exists, and gtmask did not write it: choose another, or replace it "
        "with --overwrite."
    )
    assert s3_server.objects(bucket, "answers/") == {"_gtmask/qa/labels.json": b"somebody's work"}
    assert created == []
    assert submission.submit_job(plan, s3=s3, overwrite=True) == {"qa": "arn"}
    assert submission.submit_job(plan, s3=s3) == {"qa": "arn"}, "its own files are replaced unasked"
    assert created == [plan.requests["qa"]] * 2
    files = f"s3://{bucket}/files"
    s3_server.put(bucket, {"files/template.liquid.html": b"somebody's work"})
    given = {"role": plan.settings.role, "workteam": plan.settings.workteam, "output": plan.settings.output}
    with pytest.raises(UsageError, match=f"--out {files}/template.liquid.html exists, and gtmask did not"):
        job(manifest, files, name="qa", s3=s3, **given)
    assert s3_server.objects(bucket, "files/") == {"template.liquid.html": b"somebody's work"}


class Jobs:
    """Stands for SageMaker: keeps the jobs that it was asked for, and breaks off before some."""

    def __init__(self) -> None:
        self.requests: dict[str, dict[str, Any]] = {}
        self.status = "InProgress"
        self.breaks_at = ""

    async def describe_labeling_job(self, LabelingJobName: str) -> dict[str, Any]:  # noqa: N803 - the client's
        if LabelingJobName not in self.requests:
            raise ClientError({"Error": {"Code": "ResourceNotFound"}}, "DescribeLabelingJob")
        answer = {"LabelingJobStatus": self.status, "LabelingJobArn": f"arn {LabelingJobName}"}
        return {**self.requests[LabelingJobName], **answer}

    async def create_labeling_job(self, **request: Any) -> dict[str, str]:
        name = request["LabelingJobName"]
        if name == self.breaks_at:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "CreateLabelingJob")
        assert name not in self.requests
        self.requests[name] = request
        return {"LabelingJobArn": f"arn {name}"}


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    made = Jobs()
    real = aws.open_client

    @contextlib.asynccontextmanager
    async def open_client(service: str, settings: S3Settings, region: str | None = None) -> Any:
        if service == "sagemaker":
            yield made
        else:
            async with real(service, settings, region) as client:
                yield client

    monkeypatch.setattr(aws, "open_client", open_client)
    return made


def test_the_same_command_goes_on_where_it_stopped(
    s3_server: S3Server, bucket: str, s3: S3Settings, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gtmask.groundtruth.job.MAX_JOB_OBJECTS", 2)
    manifest = fill(s3_server, bucket)
    submission.fix_cors([bucket], s3=s3)

    def plan(**options: Any) -> Any:
        return job(
            manifest, None, role="arn:aws:iam::123456789012:role/GroundTruth", output=f"s3://{bucket}/answers",
            workteam="arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/x", name="qa", s3=s3,
            **options,
        )  # fmt: skip

    jobs.breaks_at = "qa-2-of-2"
    with pytest.raises(TransientError, match="created before it: qa-1-of-2"):
        submission.submit_job(plan(), s3=s3)
    jobs.breaks_at = ""
    told: list[str] = []
    arns = {"qa-1-of-2": "arn qa-1-of-2", "qa-2-of-2": "arn qa-2-of-2"}
    assert submission.submit_job(plan(), s3=s3, tell=told.append) == arns
    assert "qa-1-of-2 was created before: InProgress" in told
    before = dict(jobs.requests)
    assert submission.submit_job(plan(), s3=s3) == arns
    assert jobs.requests == before

    for changed in (
        plan(label_attribute="other-ref"),
        plan(adjust="labeling-qa-ref", upload=f"s3://{bucket}/up"),
    ):
        with pytest.raises(
            UsageError, match=r"qa-1-of-2 already \(InProgress\), with other settings or data"
        ):
            submission.submit_job(changed, s3=s3)
    lines = s3_server.objects(bucket)["qa.manifest"]
    s3_server.put(bucket, {"qa.manifest": lines.replace(b'"confidence":0.9', b'"confidence":0.8')})
    with pytest.raises(UsageError, match="with other settings or data"):
        submission.submit_job(plan(), s3=s3)
    s3_server.put(bucket, {"qa.manifest": lines})
    jobs.status = "Failed"
    with pytest.raises(UsageError, match=r"already \(Failed\)"):
        submission.submit_job(plan(), s3=s3)


def test_credentials_that_are_refused_are_one_sentence(
    s3_server: S3Server, bucket: str, s3: S3Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = fill(s3_server, bucket)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(AccessError) as caught:
        gtmask.validate(manifest, s3=s3)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("call", ["validate", "pilot", "preview"])
def test_a_local_manifest_without_credentials_stops_at_once(
    s3_server: S3Server,
    bucket: str,
    s3: S3Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    missing: bool,
) -> None:
    fill(s3_server, bucket)
    manifest = tmp_path / "qa.manifest"
    manifest.write_bytes(s3_server.objects(bucket)["qa.manifest"])
    if missing:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    else:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    out = {"pilot": {"out": str(tmp_path / "pilot")}, "preview": {"out": str(tmp_path / "p.html")}}
    with pytest.raises(CredentialsError, match=r"(credentials|secret key)"):
        getattr(gtmask, call)(manifest, **out.get(call, {}), s3=s3)
    assert not list(tmp_path.glob("p*"))


# --- what AWS says -----------------------------------------------------------------------------------


class FakeS3:
    """Answers as S3 does for buckets of several regions."""

    _refused: ClassVar[Any] = {
        "Error": {"Code": "403", "Message": "Forbidden"}, "ResponseMetadata": {"HTTPStatusCode": 403},
    }  # fmt: skip

    def __init__(self, **regions: str) -> None:
        self.regions = regions | {"half shut": "refused"}

    async def head_bucket(self, Bucket: str) -> dict[str, Any]:  # noqa: N803 - the client's own name
        region = self.regions[Bucket]
        if region == "refused":
            raise ClientError(self._refused, "HeadBucket")
        if region == "gone":
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadBucket")
        if region == "busy":
            raise ClientError({"Error": {"Code": "503", "Message": "Slow Down"}}, "HeadBucket")
        if region.startswith("moved "):
            headers = {"x-amz-bucket-region": region.removeprefix("moved ")}
            error = {"Error": {"Code": "301"}, "ResponseMetadata": {"HTTPHeaders": headers}}
            raise ClientError(error, "HeadBucket")
        return {"BucketRegion": region, "ResponseMetadata": {}}

    async def get_bucket_location(self, Bucket: str) -> dict[str, Any]:  # noqa: N803 - the client's own name
        if Bucket == "half shut":
            return {"LocationConstraint": "eu-north-1"}
        raise ClientError(self._refused, "GetBucketLocation")

    async def get_bucket_cors(self, Bucket: str) -> dict[str, Any]:  # noqa: N803 - the client's own name
        if Bucket == "mute":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "GetBucketCors")
        if Bucket == "slow":
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce."}}, "GetBucketCors")
        if Bucket in {"bare", "closed"}:
            return {"CORSRules": [{**CORS_RULE, "ExposeHeaders": []}] if Bucket == "bare" else []}
        return {"CORSRules": [CORS_RULE]}


@pytest.fixture
def fake_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeS3(
        here="eu-west-1", there="us-east-1", far="moved ap-south-1", shut="refused", mute="us-east-1",
        gone="gone", busy="busy", slow="eu-west-1", bare="eu-west-1", closed="eu-west-1",
    )  # fmt: skip

    @contextlib.asynccontextmanager
    async def open_client(*args: Any) -> Any:
        yield client

    monkeypatch.setattr(aws, "open_client", open_client)


DENIED = "Cannot {}: permission is denied; these credentials need s3:{}."


@pytest.mark.usefixtures("fake_s3")
@pytest.mark.parametrize(
    ("buckets", "region", "expected"),
    [
        (["here"], "eu-west-1", []),
        (["there"], "eu-west-1", [("bucket-region", "it is in us-east-1, the job in eu-west-1")]),
        (["far"], "eu-west-1", [("bucket-region", "it is in ap-south-1, the job in eu-west-1")]),
        (["here", "there"], None, [("bucket-region", "it is in us-east-1, the job in eu-west-1")]),
        (
            ["mute"],
            "eu-west-1",
            [
                ("bucket-region", "it is in us-east-1, the job in eu-west-1"),
                (
                    "bucket-unchecked",
                    DENIED.format("read the CORS rules of the bucket mute", "GetBucketCORS"),
                ),
            ],
        ),
        (["half shut"], "eu-west-1", [("bucket-region", "it is in eu-north-1, the job in eu-west-1")]),
        (
            ["shut"],
            "eu-west-1",
            [("bucket-unchecked", DENIED.format("look at the bucket shut", "ListBucket"))],
        ),
    ],
)
def test_buckets_must_be_in_the_jobs_region(
    buckets: list[str], region: str | None, expected: list[tuple[str, str]]
) -> None:
    problems = asyncio.run(check_buckets(buckets, S3Settings(), region))
    assert [(problem.code, problem.detail) for problem in problems] == expected


@pytest.mark.usefixtures("fake_s3")
def test_where_no_region_is_given_the_manifests_bucket_tells_it() -> None:
    problems = asyncio.run(check_buckets(["here", "there"], S3Settings(), home="there"))
    assert [(problem.uri, problem.detail) for problem in problems] == [
        ("s3://here", "it is in eu-west-1, the job in us-east-1")
    ]


@pytest.mark.usefixtures("fake_s3")
@pytest.mark.parametrize(
    ("buckets", "options", "expected"),
    [
        (["gone", "here"], {}, [("bucket-missing", "s3://gone")]),
        (
            ["closed", "bare", "here"],
            {},
            [("cors-header-hidden", "s3://bare"), ("bucket-cors", "s3://closed")],
        ),
        (["closed", "bare", "here"], {"cors": ["bare"]}, [("cors-header-hidden", "s3://bare")]),
        (["closed", "bare", "mute"], {"cors": []}, [("bucket-region", "s3://mute")]),
        # A manifest may lie where no image or mask is: that bucket only tells the region, where it can.
        (["here"], {"home": "gone"}, []),
        (["here"], {"home": "shut"}, []),
        (["here"], {"home": "closed"}, []),
        (
            ["here", "shut"],
            {"home": "there"},
            [("bucket-unchecked", "s3://shut"), ("bucket-region", "s3://here")],
        ),
        (["here"], {"region": "us-east-1", "home": "closed"}, [("bucket-region", "s3://here")]),
    ],
)
def test_each_bucket_is_told_what_it_lacks(
    buckets: list[str], options: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    problems = asyncio.run(check_buckets(buckets, S3Settings(), **options))
    assert [(problem.code, problem.uri) for problem in problems] == expected
    assert {problem.line for problem in problems} <= {0}  # of no line


@pytest.mark.usefixtures("fake_s3")
@pytest.mark.parametrize("bucket", ["busy", "slow"])
def test_a_server_that_is_busy_says_nothing_about_a_bucket(bucket: str) -> None:
    with pytest.raises(TransientError):
        asyncio.run(check_buckets([bucket], S3Settings()))


PORTAL = "https://*.labeling.eu-west-1.sagemaker.aws"


@pytest.mark.parametrize(
    ("rule", "allowed", "exposed"),
    [
        (CORS_RULE, True, True),
        ({**CORS_RULE, "AllowedMethods": ["GET", "HEAD", "PUT"], "AllowedHeaders": ["*"]}, True, True),
        ({**CORS_RULE, "AllowedMethods": ["PUT"]}, False, False),
        ({**CORS_RULE, "AllowedOrigins": ["https://example.com"]}, False, False),
        ({**CORS_RULE, "AllowedOrigins": ["https://*.example.com"]}, False, False),
        ({**CORS_RULE, "ExposeHeaders": []}, True, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}, True, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*"]}, True, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["http://*"]}, False, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["https://x.org", PORTAL]}, True, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": [PORTAL.replace("eu-west", "us-east")]}, False, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": [PORTAL.replace("*", "ab12")]}, True, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["https://ab12.labeling.eu-west-1.sagemaker.aws.x"]},
         False, False),
    ],
)  # fmt: skip
def test_a_cors_rule_must_let_the_portal_read(rule: dict[str, Any], allowed: bool, exposed: bool) -> None:
    assert aws.cors_allows([rule], "eu-west-1") is allowed
    assert aws.cors_exposes([rule]) is exposed


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "X"), AccessError),
        (ClientError({"Error": {"Code": "NoSuchBucket"}}, "X"), NoPlaceError),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "X"), ThrottledError),
        (ClientError({"Error": {"Code": "ValidationException", "Message": "bad"}}, "X"), StorageError),
        (EndpointConnectionError(endpoint_url="https://x"), UnreachableError),
    ],
)
def test_errors_of_the_client_become_ours(error: Exception, kind: type[Exception]) -> None:
    with (
        pytest.raises(kind, match=r"^Cannot do this: .*\.$") as caught,
        translate_errors(aws.job_action("do this", "sagemaker:DoThis")),
    ):
        raise error
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
