"""The CreateLabelingJob request of an adjustment job, and the checks that the AWS client leaves out.

Source: API, CreateLabelingJob. Its client checks types and lengths but no patterns, so that a wrong
name or ARN is found only by the service, when files are uploaded already.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from gtmask.errors import UsageError
from gtmask.manifest.contract import JOB_NAME, MAX_JOB_NAME
from gtmask.manifest.names import check_label_attribute

#: Accounts of the functions PRE- and ACS-AdjustmentSemanticSegmentation by region (API,
#: PreHumanTaskLambdaArn and AnnotationConsolidationLambdaArn: the same accounts in both).
FUNCTION_ACCOUNTS = {
    "us-east-1": "432418664414",
    "us-east-2": "266458841044",
    "us-west-2": "081040173940",
    "ca-central-1": "918755190332",
    "eu-west-1": "568282634449",
    "eu-west-2": "487402164563",
    "eu-central-1": "203001061592",
    "ap-northeast-1": "477331159723",
    "ap-northeast-2": "845288260483",
    "ap-south-1": "565803892007",
    "ap-southeast-1": "377565633583",
    "ap-southeast-2": "454466003867",
}

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/?[a-zA-Z_0-9+=,.@\-/]+")
_WORKTEAM = re.compile(r"arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):[0-9]{12}:workteam/(.+)")
#: API, TaskTitle: no control characters but tab and line breaks, and nothing beyond U+FFFD such as emoji.
_TITLE = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd]*")
#: API, Tag: letters, separators and numbers of Unicode, and these.
_TAG_SIGNS = frozenset("_.:/=+-@")
_S3_URI = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?")
_KEYWORD = re.compile(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*")
_KMS = re.compile(r"[a-zA-Z0-9:/_-]+")
_MAX_URI = 1024
_MAX_ARN = 2048


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What a user decides about an adjustment job.

    Parameters
    ----------
    role
        ARN of the role that Ground Truth assumes.
    workteam
        ARN of the work team; its region is the job's.
    output
        ``s3://`` prefix for Ground Truth's answer.
    name
        LabelingJobName; numbered where the manifest is split.
    label_attribute
        The new attribute, other than the one being adjusted.
    upload
        ``s3://`` prefix for manifest, template and label categories, in a folder of the job's name; by
        default ``<output>/_gtmask``.
    title, description, keywords
        What workers read in the list of tasks, and 1 to 5 words by which they find it.
    workers_per_object
        1 to 9. With more than one, Ground Truth merges by votes and smooths edges.
    time_limit, availability
        Seconds that a worker has for a task (30 to 28,800), and that a task is offered (60 to 2,592,000).
    max_concurrent
        Images that are offered at a time, 1 to 5,000.
    kms_key
        Id or ARN of the KMS key that encrypts the output; None: as the bucket says.
    tags
        (key, value) pairs for the labeling job, at most 50.

    Raises
    ------
    UsageError
        One sentence that names the option, what was given and what the API takes.
    """

    role: str
    workteam: str
    output: str
    name: str
    label_attribute: str
    upload: str = ""
    title: str = "Review and adjust segmentation labels"
    description: str = "Check the painted labels against the image and correct them where they are wrong."
    keywords: tuple[str, ...] = ("image", "segmentation", "adjustment")
    workers_per_object: int = 1
    time_limit: int = 3600
    availability: int = 864_000
    max_concurrent: int = 1000
    kms_key: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        _need(_ROLE.fullmatch(self.role), f"--role {self.role!r} is not the ARN of a role, such as "
              "arn:aws:iam::123456789012:role/GroundTruth")  # fmt: skip
        _need(len(self.role) <= _MAX_ARN, f"--role {self.role!r:.80} has more than 2,048 characters")
        team = _WORKTEAM.fullmatch(self.workteam)
        _need(team and len(self.workteam) <= 256, f"--workteam {self.workteam!r} is not the ARN of a work "
              "team, such as arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/a")  # fmt: skip
        _need(not (team and team[2].startswith("public-crowd")), "--workteam is the public crowd, which "
              "needs a price and content flags: start such a job in the console")  # fmt: skip
        _need(self.region in FUNCTION_ACCOUNTS, f"--workteam is in {self.region}, where Ground Truth has no "
              f"adjustment functions; there are {', '.join(FUNCTION_ACCOUNTS)}")  # fmt: skip
        self._check_accounts()
        check_job_name(self.name)
        check_label_attribute(self.label_attribute)
        for option, uri in (("--output", self.output), ("--upload", self.upload or self.output)):
            _need(_S3_URI.fullmatch(uri) and len(uri) <= _MAX_URI - 200, f"{option} {uri!r} is not an s3:// "
                  "prefix: a bucket's name has 3 to 63 characters, the whole at most 824")  # fmt: skip
        _need(1 <= len(self.title) <= 128, "--title must have 1 to 128 characters")
        _need(_TITLE.fullmatch(self.title), f"--title {self.title!r} has a character that the API does not "
              "take: emoji, or a control character")  # fmt: skip
        _need(1 <= len(self.description) <= 255, "--description must have 1 to 255 characters")
        _need("\n" not in self.description, "--description must be one line")
        _need(1 <= len(self.keywords) <= 5, "--keyword must be given 1 to 5 times")
        for word in self.keywords:
            _need(_KEYWORD.fullmatch(word) and len(word) <= 30, f"--keyword {word!r} must be letters, digits "
                  "and single blanks, at most 30")  # fmt: skip
        _need(1 <= self.workers_per_object <= 9, "--workers-per-object must be 1 to 9")
        _need(30 <= self.time_limit <= 28_800, "--time-limit must be 30 to 28800 seconds")
        _need(60 <= self.availability <= 2_592_000, "--availability must be 60 to 2592000 seconds")
        _need(1 <= self.max_concurrent <= 5000, "--max-concurrent must be 1 to 5000 tasks")
        _need(
            self.kms_key is None or (_KMS.fullmatch(self.kms_key) and len(self.kms_key) <= _MAX_ARN),
            f"--kms-key {self.kms_key!r:.80} is neither a key id nor an ARN of at most 2,048 characters",
        )
        _need(len(self.tags) <= 50, "--tag may be given at most 50 times")
        _need(len(dict(self.tags)) == len(self.tags), "--tag is given twice with the same key")
        for key, value in self.tags:
            _need(not key.lower().startswith("aws:"), f"--tag {key!r} begins with aws:, which AWS reserves: "
                  "choose another key")  # fmt: skip
            _need(_is_tag(key + value) and 1 <= len(key) <= 128 and len(value) <= 256,
                  f"--tag {key!r}: keys have 1 to 128 and values up to 256 letters, digits, blanks and "
                  "_.:/=+-@")  # fmt: skip

    def _check_accounts(self) -> None:
        """Check that role and work team can belong to one job.

        The functions exist in the partition ``aws`` only (API, PreHumanTaskLambdaArn), a role can be
        passed on within its account only (IAM User Guide, id_roles_use_passrole), and a private work team
        belongs to the account of the job.
        """
        for option, arn in (("--role", self.role), ("--workteam", self.workteam)):
            _need(arn.startswith("arn:aws:"), f"{option} {arn!r} is of the partition {arn.split(':')[1]}, "
                  "where Ground Truth has no adjustment functions: it must begin with arn:aws:")  # fmt: skip
        role, team = self.role.split(":")[4], self.workteam.split(":")[4]
        _need(role == team or "workteam/private-crowd/" not in self.workteam, f"--role is of the account "
              f"{role} and --workteam of {team}: a private work team's jobs take a role of its own "
              "account")  # fmt: skip

    @property
    def region(self) -> str:
        """The job's region: that of the work team."""
        return self.workteam.split(":")[3]

    @property
    def prefix(self) -> str:
        """Where manifest, template and label categories are uploaded."""
        above = self.upload or f"{self.output.rstrip('/')}/_gtmask"
        return f"{above.rstrip('/')}/{self.name}"


def check_job_name(name: str) -> None:
    """Check a LabelingJobName as the API does; raises UsageError."""
    _need(len(name) <= MAX_JOB_NAME and JOB_NAME.fullmatch(name), f"--name {name!r} must be 1 to "
          f"{MAX_JOB_NAME} letters, digits and hyphens between them")  # fmt: skip


def build_request(
    settings: JobSettings, name: str, manifest: str, categories: str, template: str
) -> dict[str, Any]:
    """Return the CreateLabelingJob request of one job; the last three are ``s3://`` URIs.

    Label categories, template and the two functions are optional for the API in general, but not for
    an image job that takes existing labels (Developer Guide, sms-create-labeling-job-api).
    """
    functions = f"arn:aws:lambda:{settings.region}:{FUNCTION_ACCOUNTS[settings.region]}:function:"
    output = {"S3OutputPath": settings.output}
    if settings.kms_key:
        output["KmsKeyId"] = settings.kms_key
    request: dict[str, Any] = {
        "LabelingJobName": name,
        "LabelAttributeName": settings.label_attribute,
        "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": manifest}}},
        "OutputConfig": output,
        "RoleArn": settings.role,
        "LabelCategoryConfigS3Uri": categories,
        "HumanTaskConfig": {
            "WorkteamArn": settings.workteam,
            "UiConfig": {"UiTemplateS3Uri": template},
            "PreHumanTaskLambdaArn": f"{functions}PRE-AdjustmentSemanticSegmentation",
            "TaskKeywords": list(settings.keywords),
            "TaskTitle": settings.title,
            "TaskDescription": settings.description,
            "NumberOfHumanWorkersPerDataObject": settings.workers_per_object,
            "TaskTimeLimitInSeconds": settings.time_limit,
            "TaskAvailabilityLifetimeInSeconds": settings.availability,
            "MaxConcurrentTaskCount": settings.max_concurrent,
            "AnnotationConsolidationConfig": {
                "AnnotationConsolidationLambdaArn": f"{functions}ACS-AdjustmentSemanticSegmentation"
            },
        },
    }
    if settings.tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in settings.tags]
    return request


def _is_tag(text: str) -> bool:
    return all(char in _TAG_SIGNS or unicodedata.category(char)[0] in "LZN" for char in text)


def _need(good: object, sentence: str) -> None:
    if not good:
        raise UsageError(f"{sentence}.")
