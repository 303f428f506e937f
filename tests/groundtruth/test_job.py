"""Adjustment jobs: requests, templates, splitting, and the order of submission."""

from __future__ import annotations

import contextlib
import gzip
import html
import inspect
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aioboto3
import botocore.loaders
import botocore.model
import botocore.validate
import liquid
import orjson
import pytest
from botocore.stub import Stubber

from gtmask.errors import GtmaskError, ManifestError, UsageError
from gtmask.findings import Problem
from gtmask.groundtruth import aws, job, labeling_jobs, request, submission
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.groundtruth.job_files import worker_template
from gtmask.groundtruth.validation import validate
from gtmask.manifest.contract import MAX_JOB_OBJECTS
from gtmask.manifest.writer import ManifestWriter
from gtmask.storage.base import S3Settings
from tests.support.progress import Heard

ROLE = "arn:aws:iam::123456789012:role/service-role/GroundTruth"
TEAM = "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/street"
LABELS = ['Car "old"', "Wild Boar", "Fußgänger", "Rock & Roll", "it's", "<b>", "{{ x }}", "back\\slash"]
GOOD = {"role": ROLE, "workteam": TEAM, "output": "s3://out/answers"}


def write_manifest(
    folder: Path, count: int, labels: list[str] | None = None, prefix: str = "s3://data"
) -> Path:
    writer = ManifestWriter(
        class_map_from_labels(labels or LABELS), creation_date="2024-01-01T00:00:00.000000"
    )
    path = folder / "labeling-qa.manifest"
    path.write_bytes(
        b"".join(writer.line(f"{prefix}/images/{i}.jpg", f"{prefix}/masks/{i}.png") for i in range(count))
    )
    return path


@pytest.fixture
def shape() -> Any:
    """Return the service model of CreateLabelingJob's request."""
    model = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
    return botocore.model.ServiceModel(model).operation_model("CreateLabelingJob").input_shape


def test_a_job_writes_what_the_api_takes(tmp_path: Path, shape: Any) -> None:
    plan = job.job(write_manifest(tmp_path, 3), tmp_path / "job", **GOOD)
    names = sorted(path.name for path in (tmp_path / "job").iterdir() if path.is_file())
    assert names == [
        "labeling-qa-adjustment.manifest", "labeling-qa-adjustment.request.json", "labels.json",
        "template.liquid.html",
    ]  # fmt: skip
    wanted = orjson.loads((tmp_path / "job" / "labeling-qa-adjustment.request.json").read_bytes())
    assert botocore.validate.ParamValidator().validate(wanted, shape).generate_report() == ""
    assert wanted == plan.requests["labeling-qa-adjustment"]
    human = wanted["HumanTaskConfig"]
    start = "arn:aws:lambda:eu-west-1:568282634449:function:"
    assert human["PreHumanTaskLambdaArn"] == start + "PRE-AdjustmentSemanticSegmentation"
    assert (
        human["AnnotationConsolidationConfig"]["AnnotationConsolidationLambdaArn"]
        == start + "ACS-AdjustmentSemanticSegmentation"
    )
    assert wanted["LabelAttributeName"] == "labeling-qa-adjusted-ref"
    prefix = "s3://out/answers/_gtmask/labeling-qa-adjustment/"
    assert wanted["LabelCategoryConfigS3Uri"] == prefix + "labels.json"
    manifest = wanted["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
    assert manifest == prefix + "labeling-qa-adjustment.manifest"
    copied = tmp_path / "job" / "labeling-qa-adjustment.manifest"
    assert copied.read_bytes() == (tmp_path / "labeling-qa.manifest").read_bytes()
    assert orjson.loads((tmp_path / "job" / "labels.json").read_bytes()) == {
        "document-version": "2018-11-28",
        "labels": [{"label": label} for label in LABELS],
    }


def test_key_and_tags_stand_in_the_request_where_they_are_given(tmp_path: Path, shape: Any) -> None:
    path = write_manifest(tmp_path, 1)
    more = {"kms_key": "alias/answers", "tags": (("team", "street"), ("cost", "12"))}
    (request_,) = job.job(path, None, **GOOD, **more).requests.values()
    assert botocore.validate.ParamValidator().validate(request_, shape).generate_report() == ""
    assert request_["OutputConfig"] == {"S3OutputPath": "s3://out/answers", "KmsKeyId": "alias/answers"}
    assert request_["Tags"] == [{"Key": "team", "Value": "street"}, {"Key": "cost", "Value": "12"}]
    (plain,) = job.job(path, None, **GOOD).requests.values()
    assert "Tags" not in plain
    assert plain["OutputConfig"] == {"S3OutputPath": "s3://out/answers"}


def test_the_table_of_functions_is_that_of_the_api() -> None:
    folder = Path(botocore.loaders.Loader.BUILTIN_DATA_PATH) / "sagemaker" / "2017-07-24"
    found = list(folder.glob("service-2.json*"))
    text = (
        gzip.decompress(found[0].read_bytes()).decode() if found[0].suffix == ".gz" else found[0].read_text()
    )
    for kind in ("PRE", "ACS"):
        pairs = re.findall(rf"lambda:([a-z0-9-]+):(\d+):function:{kind}-AdjustmentSemanticSegmentation", text)
        assert dict(pairs) == request.FUNCTION_ACCOUNTS


def test_more_objects_than_a_job_takes_are_split(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, 2 * MAX_JOB_OBJECTS + 1, ["Car"])
    plan = job.job(path, tmp_path / "job", **GOOD, name="qa")
    assert [part.objects for part in plan.parts] == [MAX_JOB_OBJECTS, MAX_JOB_OBJECTS, 1]
    assert list(plan.requests) == ["qa-1-of-3", "qa-2-of-3", "qa-3-of-3"]
    pieces = [(tmp_path / "job" / f"qa-{i}-of-3.manifest").read_bytes() for i in (1, 2, 3)]
    assert b"".join(pieces) == path.read_bytes()
    assert [piece.count(b"\n") for piece in pieces] == [MAX_JOB_OBJECTS, MAX_JOB_OBJECTS, 1]


def test_settings_are_checked_before_the_manifest_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the ARN of a role"):
        job.job(tmp_path / "nothing.manifest", None, **{**GOOD, "role": "x"})


def test_a_vendors_team_is_of_another_account(tmp_path: Path) -> None:
    team = "arn:aws:sagemaker:eu-west-1:394669845002:workteam/vendor-crowd/x"
    plan = job.job(write_manifest(tmp_path, 1), None, **{**GOOD, "workteam": team})
    assert plan.settings.region == "eu-west-1"


def test_jobs_with_one_upload_prefix_have_folders_of_their_own(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, 1)
    for prefix in ("s3://upload/there", "s3://upload/there/"):
        plans = [job.job(path, None, **GOOD, upload=prefix, name=name) for name in ("a", "b")]
        assert [plan.settings.prefix for plan in plans] == ["s3://upload/there/a", "s3://upload/there/b"]
        template = plans[0].requests["a"]["HumanTaskConfig"]["UiConfig"]["UiTemplateS3Uri"]
        assert template == "s3://upload/there/a/template.liquid.html"


def test_a_server_of_ones_own_may_be_in_any_region(tmp_path: Path) -> None:
    s3 = S3Settings(region="here", endpoint_url="http://127.0.0.1:9")
    assert job.job(write_manifest(tmp_path, 1), None, **GOOD, s3=s3).objects == 1


def test_the_same_job_is_written_again_but_not_beside_another(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, 3)
    out = tmp_path / "job"
    for _ in range(2):
        job.job(path, out, **GOOD)
    before = {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()}
    other = write_manifest(tmp_path, 2, ["Car"])
    with pytest.raises(UsageError, match=r"files of another job \(labeling-qa-adjustment\.request\.json\)"):
        job.job(other, out, **GOOD, name="second")
    assert {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()} == before


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    plan = job.job(write_manifest(tmp_path, 2), None, **GOOD)
    assert [path.name for path in tmp_path.iterdir()] == ["labeling-qa.manifest"]
    shown = plan.to_json()
    assert shown["labels"] == LABELS
    assert shown["buckets"] == ["data"]
    assert orjson.dumps(shown)


BAD = {
    "role": ({"role": "GroundTruthRole"}, "--role 'GroundTruthRole' is not the ARN of a role"),
    "work team": ({"workteam": "my-team"}, "--workteam 'my-team' is not the ARN of a work team"),
    "public": (
        {"workteam": "arn:aws:sagemaker:eu-west-1:394669845002:workteam/public-crowd/default"},
        "public crowd",
    ),
    "region": (
        {"workteam": "arn:aws:sagemaker:eu-north-1:123456789012:workteam/private-crowd/x"},
        "eu-north-1, where Ground Truth has no",
    ),
    "output": ({"output": "/tmp/x"}, "--output '/tmp/x' is not an s3:// prefix"),
    "name blank": ({"name": "my job"}, "--name 'my job'"),
    "name long": ({"name": "x" * 64}, "--name 'x"),
    "name underscore": ({"name": "my_job"}, "--name 'my_job'"),
    "attribute": ({"label_attribute": "adjusted"}, "must end in -ref"),
    "attribute underscore": ({"label_attribute": "ad_justed-ref"}, "no _, dot or blank"),
    "attribute same": ({"label_attribute": "labeling-qa-ref"}, "is on the lines already"),
    "adjust": ({"adjust": "other-ref"}, "--adjust other-ref is none of"),
    "keyword": ({"keywords": ("a-b",)}, "--keyword 'a-b'"),
    "keywords": ({"keywords": ()}, "--keyword must be given 1 to 5"),
    "workers": ({"workers_per_object": 10}, "1 to 9"),
    "time": ({"time_limit": 29}, "30 to 28800"),
    "availability": ({"availability": 59}, "60 to 2592000"),
    "partition of the role": (
        {"role": ROLE.replace("arn:aws:", "arn:aws-cn:")},
        "--role .* partition aws-cn",
    ),
    "partition of the team": (
        {"workteam": TEAM.replace("arn:aws:", "arn:aws-us-gov:")},
        "--workteam .* partition aws-us-gov",
    ),
    "account": (
        {"role": ROLE.replace("1234", "9999")},
        "account 999956789012 and --workteam of 123456789012",
    ),
    "S3's region": (
        {"s3": S3Settings(region="us-east-1")},
        "--region is us-east-1, and --workteam is in eu-west-1",
    ),
    "title emoji": ({"title": "Review \N{AUTOMOBILE}"}, "--title .* emoji"),
    "description lines": ({"description": "a\nb"}, "--description must be one line"),
    "tag twice": ({"tags": (("a", "1"), ("a", "2"))}, "same key"),
    "tag character": ({"tags": (("team", "a & b"),)}, "--tag 'team'"),
    "tag long": ({"tags": (("team", "x" * 257),)}, "--tag 'team'"),
    "title": ({"title": "x" * 129}, "--title"),
    "description": ({"description": ""}, "--description"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_the_api_would_refuse_is_refused_first(case: str, tmp_path: Path) -> None:
    options, sentence = BAD[case]
    with pytest.raises(UsageError, match=sentence) as caught:
        job.job(write_manifest(tmp_path, 2), tmp_path / "job", **{**GOOD, **options})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "job").exists()


def test_nothing_is_overwritten_unless_it_is_asked_for() -> None:
    for call in (job.job, submission.submit_job, validate):
        assert inspect.signature(call).parameters["overwrite"].default is False


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (b"", "has no lines"),
        (b"hello\n", "line 1: line-not-json"),
        (b'{"source-ref":"s3://b/a.jpg"}\n', "line 1: mask-key-missing"),
        (b"{" + b" " * 200_000 + b"}\n", "is no manifest: no line has"),
    ],
)
def test_a_bad_manifest_makes_no_job(lines: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "m.manifest").write_bytes(lines)
    with pytest.raises(ManifestError, match=sentence) as caught:
        job.job(tmp_path / "m.manifest", tmp_path / "job", **GOOD)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "job").exists()


def test_blank_lines_at_the_end_are_left_out_and_others_make_no_job(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, 3)
    lines = path.read_bytes()
    path.write_bytes(lines + b"\n  \n")
    job.job(path, tmp_path / "job", **GOOD)
    assert (tmp_path / "job" / "labeling-qa-adjustment.manifest").read_bytes() == lines
    path.write_bytes(b"\n\n" + lines)
    with pytest.raises(ManifestError, match="line 1: line-blank: Ground Truth expects"):
        job.job(path, tmp_path / "job", **GOOD)


def test_a_job_never_takes_the_place_of_its_manifest(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, 3)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"--out .* would overwrite the manifest"):
        job.job(path, tmp_path, **GOOD, name=path.stem)
    with pytest.raises(UsageError, match=r"--out .* is a file"):
        job.job(path, path, **GOOD)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_local_references_make_no_job(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="line 1: reference-local"):
        job.job(write_manifest(tmp_path, 1, prefix="/data"), tmp_path / "job", **GOOD)


def test_an_object_that_failed_makes_no_job(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, 2)
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    lines[1]["labeling-qa-ref-metadata"]["failure-reason"] = "the worker gave up"
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    with pytest.raises(ManifestError, match=r"line 2: object-failed .*the worker gave up"):
        job.job(path, tmp_path / "job", **GOOD)
    assert not (tmp_path / "job").exists()


def test_a_job_knows_the_buckets_of_images_and_of_masks(tmp_path: Path) -> None:
    writer = ManifestWriter(class_map_from_labels(LABELS), creation_date="2024-01-01T00:00:00.000000")
    (tmp_path / "qa.manifest").write_bytes(writer.line("s3://photos/1.jpg", "s3://labels/1.png"))
    assert job.job(tmp_path / "qa.manifest", None, **GOOD).buckets == ("labels", "photos")


# --- the worker template ----------------------------------------------------------------------------


def render(folder: Path) -> str:
    """Render the template as Ground Truth does: HTML-escaped by default, with its two filters."""
    environment = liquid.Environment(autoescape=True)
    environment.filters["to_json"] = json.dumps
    environment.filters["grant_read_access"] = lambda uri: f"https://x.example/{uri[5:]}?a=1&b='2'"
    line = orjson.loads(write_manifest(folder, 1).read_bytes())
    template = worker_template("labeling-qa-ref", "Check <all> {{ labels }}", "It's 'this' & \"that\"")
    task = {"taskObject": line["source-ref"], "manifestLine": line, "labels": LABELS}
    return environment.from_string(template).render(task={"input": task})


class Elements(HTMLParser):
    """Collects elements and their attributes, and whether they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: dict[str, dict[str, str | None]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] = dict(attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def expected_value() -> dict[str, Any]:
    classes = class_map_from_labels(LABELS).classes
    return {
        "src": "https://x.example/data/masks/0.png?a=1&b='2'",
        "labelMappings": {entry.name: {"color": entry.color} for entry in classes},
    }


def test_the_rendered_page_hands_names_and_colors_to_the_widget(tmp_path: Path) -> None:
    page = Elements()
    page.feed(render(tmp_path))
    assert page.open == []
    widget = page.found["crowd-semantic-segmentation"]
    assert json.loads(widget["initial-value"] or "") == expected_value()
    assert json.loads(widget["labels"] or "") == LABELS
    assert widget["src"] == "https://x.example/data/images/0.jpg?a=1&b='2'"
    assert widget["name"] == "crowd-semantic-segmentation"
    assert widget["header"] == "Check <all> {{ labels }}"


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
READ_WIDGET = """<script>
const w = document.querySelector("crowd-form > crowd-semantic-segmentation");
document.title = JSON.stringify({value: JSON.parse(w.getAttribute("initial-value")),
  labels: JSON.parse(w.getAttribute("labels")), parts: w.children.length});
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_reads_the_same_names_and_colors(tmp_path: Path) -> None:
    # The widget's own script is on the network; what is tested is what the browser would hand to it.
    page = re.sub(r"<script src=.*?</script>", "", render(tmp_path)).replace("</body>", READ_WIDGET)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    dumped = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "page.html").as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    title = re.search("<title>(.*?)</title>", dumped, re.DOTALL)
    assert title is not None
    assert json.loads(html.unescape(title[1])) == {"value": expected_value(), "labels": LABELS, "parts": 2}


# --- submission -------------------------------------------------------------------------------------


class Recorder:
    """Stands for the AWS clients and the storage: records what was done, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.stubs: list[Any] = []
        self.fail_upload = False
        self.problems: list[Any] = []
        monkeypatch.setattr(submission, "check_buckets", self.check_buckets)
        monkeypatch.setattr(submission, "upload_files", self.upload_files)
        monkeypatch.setattr(submission, "open_storage", self.open_storage)
        monkeypatch.setattr(submission, "validate", self.validate)
        monkeypatch.setattr(aws, "open_client", self.open_client)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")

    def validate(self, manifest: str, **options: Any) -> Any:
        self.done.append(f"validate {options['level']}")
        return validate(manifest, level="quick")

    async def check_buckets(self, buckets: set[str], *args: Any, **options: Any) -> list[Any]:
        self.done.append(f"buckets {' '.join(sorted(buckets))}")
        return self.problems

    @contextlib.asynccontextmanager
    async def open_storage(self, location: str, settings: S3Settings) -> Any:
        yield location

    async def upload_files(self, plan: Any, source: Any, storage: str, **options: Any) -> None:
        if self.fail_upload:
            raise GtmaskError("the upload failed")
        self.done.append(f"upload {storage}")

    @contextlib.asynccontextmanager
    async def open_client(self, service: str, settings: S3Settings, region: str | None = None) -> Any:
        async with aioboto3.Session(region_name=region).client(service) as client:
            stubber = Stubber(client)
            for method, answer, wanted in self.stubs:
                if isinstance(answer, str):
                    stubber.add_client_error(method, answer, "no such job", expected_params=wanted)
                else:
                    stubber.add_response(method, answer, wanted)
            with stubber:
                yield client
                stubber.assert_no_pending_responses()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


ARN = "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/qa"


def test_a_job_is_created_after_every_check_and_upload(recorder: Recorder, tmp_path: Path) -> None:
    plan = job.job(write_manifest(tmp_path, 2), None, **GOOD, name="qa")
    recorder.stubs = [
        ("describe_labeling_job", "ResourceNotFound", {"LabelingJobName": "qa"}),
        ("create_labeling_job", {"LabelingJobArn": ARN}, plan.requests["qa"]),
    ]
    assert submission.submit_job(plan) == {"qa": ARN}
    assert recorder.done == ["validate deep", "buckets data out", "upload s3://out/answers/_gtmask/qa"]


def test_what_stops_nothing_is_told(recorder: Recorder, tmp_path: Path) -> None:
    path = write_manifest(tmp_path, 2)
    path.write_bytes(path.read_bytes().replace(b"/1.jpg", b"/0.jpg"))
    plan = job.job(path, None, **GOOD, name="qa")
    recorder.problems = [
        Problem("bucket-unchecked", 0, "s3://data", "Cannot read the CORS rules of the bucket data")
    ]
    recorder.stubs = [
        ("describe_labeling_job", "ResourceNotFound", {"LabelingJobName": "qa"}),
        ("create_labeling_job", {"LabelingJobArn": ARN}, plan.requests["qa"]),
    ]
    told: list[str] = []
    with pytest.raises(UsageError, match="cannot be known: Cannot read the CORS rules of the bucket data;"):
        submission.submit_job(plan)
    submission.submit_job(plan, tell=told.append, unchecked=True)
    assert told[0].startswith("1 warnings, the most frequent source-duplicate: ")
    assert told[1] == "not checked: Cannot read the CORS rules of the bucket data"


def test_a_manifest_with_errors_stops_before_everything(recorder: Recorder, tmp_path: Path) -> None:
    path = write_manifest(tmp_path, 2)
    plan = job.job(path, None, **GOOD, name="qa")
    path.write_bytes(path.read_bytes().replace(b"masks/1.png", b"masks/1.json"))
    with pytest.raises(ManifestError, match="has 1 errors, the most frequent mask-is-json"):
        submission.submit_job(plan)
    assert recorder.done == ["validate deep"]


def test_an_existing_job_stops_before_any_upload(recorder: Recorder, tmp_path: Path) -> None:
    plan = job.job(write_manifest(tmp_path, 2), None, **GOOD, name="qa")
    recorder.stubs = [("describe_labeling_job", description("Completed"), {"LabelingJobName": "qa"})]
    with pytest.raises(UsageError, match=r"There is a labeling job qa already \(Completed\), with other"):
        submission.submit_job(plan)
    assert recorder.done == ["validate deep", "buckets data out"]


def test_a_failed_upload_creates_no_job(recorder: Recorder, tmp_path: Path) -> None:
    plan = job.job(write_manifest(tmp_path, 2), None, **GOOD, name="qa")
    recorder.stubs = [("describe_labeling_job", "ResourceNotFound", {"LabelingJobName": "qa"})]
    recorder.fail_upload = True
    with pytest.raises(GtmaskError, match="the upload failed"):
        submission.submit_job(plan)


@pytest.mark.parametrize(
    ("code", "detail", "sentence"),
    [
        ("bucket-region", "it is in us-east-1, the job in eu-west-1", "wrong region: it is in us-east-1"),
        ("bucket-cors", "", "--fix-cors"),
        ("bucket-missing", "", "There is no bucket s3://data"),
    ],
)
def test_a_bucket_that_will_not_do_stops_everything(
    code: str, detail: str, sentence: str, recorder: Recorder, tmp_path: Path
) -> None:
    plan = job.job(write_manifest(tmp_path, 2), None, **GOOD)
    recorder.problems = [Problem(code, 0, "s3://data", detail)]
    with pytest.raises(UsageError, match=sentence):
        submission.submit_job(plan)
    assert recorder.done == ["validate deep", "buckets data out"]


def test_what_aws_refuses_is_one_sentence_that_names_the_jobs_created(
    recorder: Recorder, tmp_path: Path
) -> None:
    path = write_manifest(tmp_path, MAX_JOB_OBJECTS + 1, ["Car"])
    plan = job.job(path, None, **GOOD, name="qa")
    recorder.stubs = [
        ("describe_labeling_job", "ResourceNotFound", {"LabelingJobName": "qa-1-of-2"}),
        ("describe_labeling_job", "ResourceNotFound", {"LabelingJobName": "qa-2-of-2"}),
        ("create_labeling_job", {"LabelingJobArn": ARN}, None),
        ("create_labeling_job", "AccessDeniedException", None),
    ]
    sentence = r"job qa-2-of-2 \(created before it: qa-1-of-2\): .* need sagemaker:CreateLabelingJob, and iam"
    with pytest.raises(GtmaskError, match=sentence) as caught:
        submission.submit_job(plan)
    assert caught.value.exit_code == 2


def description(status: str, **more: Any) -> dict[str, Any]:
    return {
        "LabelingJobStatus": status,
        "LabelCounters": {"TotalLabeled": 7, "FailedNonRetryableError": 1, "Unlabeled": 2},
        "LastModifiedTime": 0, "CreationTime": 0, "JobReferenceCode": "x", "LabelingJobName": "qa",
        "LabelingJobArn": ARN, "RoleArn": ROLE,
        "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://b/m"}}},
        "OutputConfig": {"S3OutputPath": "s3://b/o"},
        "HumanTaskConfig": {
            "WorkteamArn": TEAM, "UiConfig": {}, "TaskTitle": "t", "TaskDescription": "d",
            "NumberOfHumanWorkersPerDataObject": 1, "TaskTimeLimitInSeconds": 30,
        },
        **more,
    }  # fmt: skip


def test_waiting_follows_a_job_to_its_end(recorder: Recorder) -> None:
    wanted = {"LabelingJobName": "qa"}
    recorder.stubs = [
        ("describe_labeling_job", description("InProgress"), wanted),
        ("describe_labeling_job", description("Failed", FailureReason="no role"), wanted),
    ]
    heard = Heard()
    statuses = labeling_jobs.wait_for_jobs(["qa"], "eu-west-1", progress=heard, seconds=0)
    assert (heard.stages, heard.done) == ([("label", 10)], [8])
    assert statuses == [labeling_jobs.JobStatus("qa", "Failed", 7, 1, 10, "no role")]
