"""An AWS on loopback: S3 in memory, SageMaker's labeling jobs and IAM. It records all calls.

Requests of SageMaker are checked against botocore's model as the service checks them: members, lengths,
ranges and patterns. Signatures are not looked at. What AWS would answer otherwise is set by attributes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import botocore.loaders
import botocore.model

from tests.support.loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

ACCOUNT = "123456789012"
#: CORS as Ground Truth asks for it.
GOOD_CORS = [
    {"AllowedMethod": ["GET"], "AllowedOrigin": ["*"], "ExposeHeader": ["Access-Control-Allow-Origin"]}
]
_POINT = re.compile(rf"([a-z0-9-]+)-{ACCOUNT}\.(?:s3-accesspoint\.)?")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the IAM action that it takes, what it names, and its headers in lower case."""

    action: str
    name: str
    headers: dict[str, str] = field(compare=False)


@dataclass
class Answer:
    """An error answer of AWS."""

    status: int
    code: str
    message: str = "Access Denied"
    headers: dict[str, str] = field(default_factory=dict)


@functools.cache
def service_model() -> botocore.model.ServiceModel:
    """Return botocore's model of SageMaker."""
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("sagemaker", "service-2"))


def breaches(shape: Any, value: Any, path: str = "") -> list[str]:
    """Return what the service would refuse of a value, by the model of its shape."""
    rules, kind = shape.metadata, shape.type_name
    least, most = rules.get("min", -(10**12)), rules.get("max", 10**12)
    if kind == "structure":
        found = [f"{path}.{name} is required" for name in shape.required_members if name not in value]
        for name, inner in value.items():
            member = shape.members.get(name)
            found += (
                [f"{path}.{name} is unknown"] if member is None else breaches(member, inner, f"{path}.{name}")
            )
        return found
    if kind == "list":
        found = [] if least <= len(value) <= most else [f"{path} has {len(value)} members"]
        return found + [
            text
            for place, inner in enumerate(value)
            for text in breaches(shape.member, inner, f"{path}[{place}]")
        ]
    if kind in {"integer", "long"}:
        return [] if least <= value <= most else [f"{path} is {value}"]
    if kind == "string":
        found = [] if least <= len(value) <= most else [f"{path} has {len(value)} characters"]
        pattern = rules.get("pattern")
        if pattern and not re.fullmatch(_python(pattern), value):
            found.append(f"{path} {value!r:.60} does not fit {pattern}")
        return found
    return []


def _python(pattern: str) -> str:
    """Translate a pattern of the service, which is Java's, to Python's."""
    pattern = pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w \u00a0\u2003")
    return re.sub(r"\\u([0-9A-F]{4})", lambda found: re.escape(chr(int(found[1], 16))), pattern)


class FakeAws(LoopbackServer):
    """Use it in a ``with`` statement; ``endpoint`` is its address.

    Attributes
    ----------
    buckets
        Objects by bucket and key; only buckets in here exist.
    regions, cors
        By bucket; without an entry "us-east-1", and no configuration.
    refusals
        What is answered instead, by action, or by action and name of bucket and key ("s3:GetObject data/a").
    requires
        Headers without which objects are refused, by action.
    jobs
        What DescribeLabelingJob answers, by the job's name in lower case.
    no_job
        What it answers for any other name.
    roles
        What GetRole answers: trust policies by the role's name; ``allowed`` says of action and resource ARN
        what SimulatePrincipalPolicy answers.
    calls
        All requests so far.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.buckets: dict[str, dict[str, bytes]] = {}
        self.regions: dict[str, str] = {}
        self.cors: dict[str, list[dict[str, list[str]]]] = {}
        self.refusals: dict[str, Answer] = {}
        self.requires: dict[str, str] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.created: list[str] = []
        self.no_job = Answer(400, "ResourceNotFound", "The labeling job does not exist.")
        self.roles: dict[str, dict[str, Any]] = {}
        self.allowed: Callable[[str, str], bool] = lambda action, resource: True
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.calls: list[Call] = []

    def lead_here(self, monkeypatch: pytest.MonkeyPatch, *services: str) -> None:
        """Make all AWS clients, or those of some services, ask this server."""
        from tests.support.s3_server import LEAVE_OUT, credentials  # noqa: PLC0415 - boto is slow to import

        for name in LEAVE_OUT:
            monkeypatch.delenv(name, raising=False)
        for name, value in credentials().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        for service in services or ("S3", "SAGEMAKER", "IAM"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", self.endpoint)

    def decision(self, action: str, resource: str) -> str:
        """Return what a simulation comes to."""
        return "allowed" if self.allowed(action, resource) else "implicitDeny"

    def actions(self) -> set[str]:
        """Return the IAM actions of all calls so far."""
        return {call.action for call in self.calls}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeAws

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""

    def handle_any(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        self.body = _plain(self.rfile.read(int(self.headers.get("Content-Length") or 0)), self.headers)
        target = self.headers.get("X-Amz-Target", "")
        with self.server.lock:
            if target:
                self.sagemaker(target.rpartition(".")[2], json.loads(self.body or b"{}"))
            elif self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
                self.iam({name: values[0] for name, values in parse_qs(self.body.decode()).items()})
            else:
                self.s3()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the names are http.server's

    def note(self, action: str, name: str) -> Answer | None:
        """Record a call; return the refusal that is set for it, if one is."""
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.calls.append(Call(action, name, headers))
        needed = self.server.requires.get(action)
        if needed is not None and needed not in headers:
            return Answer(403, "AccessDenied")
        return self.server.refusals.get(f"{action} {name}") or self.server.refusals.get(action)

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response_only(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # --- S3

    def s3(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        point = _POINT.match(self.headers.get("Host", ""))
        path = unquote(url.path).lstrip("/")
        bucket, _, key = (point[1], "", path) if point else path.partition("/")
        action = _action(self.command, key, query)
        listing = action == "s3:ListBucket" and self.command == "GET"
        refusal = self.note(action, f"{bucket}/{key}" if key else f"{bucket}?list" if listing else bucket)
        if refusal is not None:
            self.refuse(refusal)
        elif bucket not in self.server.buckets:
            self.refuse(Answer(404, "NoSuchBucket", "The specified bucket does not exist"))
        elif key:
            self.object(self.server.buckets[bucket], key, query)
        else:
            self.bucket(bucket, query)

    def refuse(self, refusal: Answer) -> None:
        body = (
            f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>".encode()
        )
        self.send(refusal.status, body, Content_Type="application/xml", **refusal.headers)

    def bucket(self, bucket: str, query: dict[str, str]) -> None:
        region = self.server.regions.get(bucket, "us-east-1")
        if self.command == "HEAD":
            self.send(200, x_amz_bucket_region=region)
        elif "location" in query:
            named = "" if region == "us-east-1" else region
            self.send(200, f"<LocationConstraint>{named}</LocationConstraint>".encode())
        elif "cors" in query and self.command == "PUT":
            found = re.findall(r"<CORSRule>(.*?)</CORSRule>", self.body.decode())
            self.server.cors[bucket] = [_rule(text) for text in found]
            self.send(200)
        elif "cors" in query:
            rules = self.server.cors.get(bucket)
            if rules is None:
                self.refuse(Answer(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist"))
                return
            made = "".join(f"<CORSRule>{_elements(rule)}</CORSRule>" for rule in rules)
            self.send(200, f"<CORSConfiguration>{made}</CORSConfiguration>".encode())
        elif "delete" in query:
            keys = re.findall(r"<Key>(.*?)</Key>", self.body.decode())
            for key in keys:
                self.server.buckets[bucket].pop(key, None)
            gone = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            self.send(200, f"<DeleteResult>{gone}</DeleteResult>".encode(), Content_Type="application/xml")
        else:
            self.list(self.server.buckets[bucket], query.get("prefix", ""), query.get("start-after", ""))

    def list(self, objects: dict[str, bytes], prefix: str, after: str) -> None:
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>{_tag(data)}</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>"
            for key, data in sorted(objects.items())
            if key.startswith(prefix) and key > after
        )
        self.send(
            200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
        )

    def object(self, objects: dict[str, bytes], key: str, query: dict[str, str]) -> None:
        if self.command == "POST" and "uploads" in query:
            self.server.uploads[key] = {}
            self.send(200, f"<R><UploadId>{escape(key)}</UploadId></R>".encode())
        elif self.command == "POST":
            parts = self.server.uploads.pop(key)
            objects[key] = b"".join(parts[number] for number in sorted(parts))
            self.send(200, f"<R><ETag>{_tag(objects[key])}</ETag></R>".encode())
        elif self.command == "PUT" and "partNumber" in query:
            self.server.uploads[key][int(query["partNumber"])] = self.body
            self.send(200, ETag=_tag(self.body))
        elif self.command == "PUT" and self.headers.get("If-None-Match") and key in objects:
            self.refuse(Answer(412, "PreconditionFailed", "At least one of the pre-conditions did not hold"))
        elif self.command == "PUT":
            objects[key] = self.body
            self.send(200, ETag=_tag(self.body))
        elif self.command == "DELETE":
            objects.pop(key, None)
            self.send(204)
        elif key not in objects:
            self.refuse(Answer(404, "NoSuchKey", "The specified key does not exist."))
        else:
            self.get(objects[key])

    def get(self, data: bytes) -> None:
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        dated = {"ETag": _tag(data), "Last_Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if span is None:
            self.send(200, data, **dated)
            return
        start, stop = int(span[1]), min(int(span[2] or len(data)) + 1, len(data))
        if start >= len(data):
            self.refuse(Answer(416, "InvalidRange", "The requested range is not satisfiable"))
            return
        self.send(206, data[start:stop], **dated, Content_Range=f"bytes {start}-{stop - 1}/{len(data)}")

    # --- SageMaker and IAM

    def sagemaker(self, operation: str, given: dict[str, Any]) -> None:
        name = given.get("LabelingJobName", "")
        refusal = self.note(f"sagemaker:{operation}", name)
        wrong = breaches(service_model().operation_model(operation).input_shape, given)
        jobs = self.server.jobs
        if refusal is None and wrong:
            refusal = Answer(
                400, "ValidationException", f"{len(wrong)} validation error detected: {'; '.join(wrong)}"
            )
        elif refusal is None and operation == "DescribeLabelingJob" and name.lower() not in jobs:
            refusal = self.server.no_job
        elif refusal is None and operation == "CreateLabelingJob" and name.lower() in jobs:
            refusal = Answer(
                400, "ResourceInUse", "Labeling job name must be unique within an AWS account and region"
            )
        if refusal is not None:
            answer = {"__type": refusal.code, "message": refusal.message}
        elif operation == "DescribeLabelingJob":
            answer = jobs[name.lower()]
        else:
            answer = {"LabelingJobArn": self.create(given)}
        self.send(
            400 if refusal else 200, json.dumps(answer).encode(), Content_Type="application/x-amz-json-1.1"
        )

    def create(self, given: dict[str, Any]) -> str:
        name = given["LabelingJobName"]
        region = self.headers["Authorization"].split("/")[2]
        arn = f"arn:aws:sagemaker:{region}:{ACCOUNT}:labeling-job/{name.lower()}"
        output = given["OutputConfig"]["S3OutputPath"].rstrip("/")
        self.server.created.append(name)
        self.server.jobs[name.lower()] = {
            **{key: value for key, value in given.items() if key != "Tags"},
            "LabelingJobStatus": "InProgress", "LabelCounters": {"TotalLabeled": 0, "Unlabeled": 1},
            "CreationTime": 1.7e9, "LastModifiedTime": 1.7e9, "JobReferenceCode": "x", "LabelingJobArn": arn,
            "LabelingJobOutput": {"OutputDatasetS3Uri": f"{output}/{name}/manifests/output/output.manifest"},
        }  # fmt: skip
        return arn

    def end(self, body: str) -> None:
        self.send(200, body.encode(), Content_Type="text/xml")

    def iam(self, given: dict[str, str]) -> None:
        operation = given["Action"]
        refusal = self.note(f"iam:{operation}", given.get("RoleName", given.get("PolicySourceArn", "")))
        role = given.get("RoleName")
        if refusal is None and role is not None and role not in self.server.roles:
            refusal = Answer(404, "NoSuchEntity", f"The role with name {role} cannot be found.")
        if refusal is not None:
            body = f"<Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
            self.send(refusal.status, f"<ErrorResponse><Error>{body}</Error></ErrorResponse>".encode())
        elif role is not None:
            policy = escape(json.dumps(self.server.roles[role]))
            self.end(
                "<R><GetRoleResult><Role><Path>/</Path><AssumeRolePolicyDocument>"
                f"{policy}</AssumeRolePolicyDocument></Role></GetRoleResult></R>"
            )
        else:
            actions = [value for name, value in given.items() if name.startswith("ActionNames.member")]
            resources = [value for name, value in given.items() if name.startswith("ResourceArns.member")]
            members = "".join(
                f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
                f"<EvalDecision>{self.server.decision(action, resource)}</EvalDecision></member>"
                for action in actions
                for resource in resources
            )
            self.end(
                "<R><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>"
                f"{members}</EvaluationResults></SimulatePrincipalPolicyResult></R>"
            )


def _action(method: str, key: str, query: dict[str, str]) -> str:
    """Return the IAM action that a request to S3 takes (Service Authorization Reference, Amazon S3)."""
    if not key:
        if "delete" in query:
            return "s3:DeleteObject"
        if "cors" in query:
            return "s3:PutBucketCORS" if method == "PUT" else "s3:GetBucketCORS"
        return "s3:GetBucketLocation" if "location" in query else "s3:ListBucket"
    if method == "DELETE":
        return "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject"
    return "s3:PutObject" if method in {"PUT", "POST"} else "s3:GetObject"


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _elements(rule: dict[str, list[str]]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, values in rule.items() for value in values)


def _rule(text: str) -> dict[str, list[str]]:
    rule: dict[str, list[str]] = {}
    for name, value in re.findall(r"<(\w+)>(.*?)</\1>", text):
        rule.setdefault(name, []).append(value)
    return rule


def _plain(body: bytes, headers: Any) -> bytes:
    """Return a body without the frames of ``aws-chunked``."""
    if "aws-chunked" not in headers.get("Content-Encoding", ""):
        return body
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            break
        found, body = found + rest[:length], rest[length + 2 :]
    return found
