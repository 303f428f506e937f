"""What can be known of a job before it is created, beside its manifest and its buckets: limits, key, role.

None of it stops a job: quotas can be raised, and what a role may do is decided by policies that cannot all be
read. Sources: API, CreateLabelingJob (MaxConcurrentTaskCount, LabelingJobStoppingConditions, KmsKeyId);
Developer Guide, sms-security-permission-execution-role; IAM API, SimulatePrincipalPolicy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.errors import GtmaskError, NotFoundError
from gtmask.findings import Problem
from gtmask.groundtruth import aws
from gtmask.loops import run_async
from gtmask.manifest.contract import DEFAULT_CONCURRENT_TASKS, JOB_OUTPUT, MAX_JOB_DAYS
from gtmask.manifest.references import bucket_of
from gtmask.storage.base import S3Settings
from gtmask.storage.names import split_bucket
from gtmask.storage.s3_answers import Action
from gtmask.storage.s3_errors import translate_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gtmask.groundtruth.request import JobSettings

#: The service that must be able to assume the role.
_SERVICE = "sagemaker.amazonaws.com"
_DAY = 86_400


def check_limits(settings: JobSettings, objects: int) -> list[Problem]:
    """Check what the settings alone tell; ``objects`` are those of the largest job."""
    problems = []
    parts = (settings.kms_key or "").split(":")
    if len(parts) > 3 and parts[3] != settings.region:
        problems.append(
            Problem("kms-region", 0, "", f"the key is in {parts[3]}, the job in {settings.region}")
        )
    if settings.max_concurrent > DEFAULT_CONCURRENT_TASKS:
        problems.append(Problem("tasks-quota", 0, "", f"--max-concurrent {settings.max_concurrent:,}"))
    rounds = -(-objects // settings.max_concurrent)
    days = rounds * settings.availability / _DAY
    if days > MAX_JOB_DAYS:
        problems.append(Problem("job-days", 0, "", f"{rounds:,} x {settings.availability / _DAY:g} days"))
    return problems


def check_role(settings: JobSettings, examples: Sequence[str], s3: S3Settings | None = None) -> list[Problem]:
    """Check that SageMaker may assume a job's role, and that the role reaches the job's data.

    What could not be asked is among the problems as ``role-unchecked``.

    - ``examples``: references to an image or a mask in each bucket.
    - ``s3``: profile with which AWS is reached; it takes ``iam:GetRole`` and ``iam:SimulatePrincipalPolicy``.
    """
    return run_async(_check_role(settings, examples, s3 or S3Settings()))


async def _check_role(settings: JobSettings, examples: Sequence[str], s3: S3Settings) -> list[Problem]:
    problems: list[Problem] = []
    async with aws.open_client("iam", s3, settings.region) as client:
        for check in (_trust(client, settings), _reach(client, settings, examples)):
            try:
                problems += await check
            except NotFoundError as error:
                problems.append(Problem("role-missing", 0, settings.role, str(error)))
            except GtmaskError as error:
                problems.append(Problem("role-unchecked", 0, settings.role, str(error)))
    return list(dict.fromkeys(problems))


def _asking(words: str, permission: str) -> Action:
    return Action(words, permission, missing="there is no such role", service="IAM")


async def _trust(client: Any, settings: JobSettings) -> list[Problem]:
    """Ask who may assume the role."""
    with translate_errors(_asking(f"look at the role {settings.role}", "iam:GetRole")):
        answer = await client.get_role(RoleName=settings.role.rpartition("/")[2])
    policy = answer["Role"].get("AssumeRolePolicyDocument", {})
    statements = policy.get("Statement", []) if isinstance(policy, dict) else []
    if any(_lets_in(statement) for statement in _listed(statements)):
        return []
    return [Problem("role-trust", 0, settings.role, f"no statement allows {_SERVICE} sts:AssumeRole")]


def _lets_in(statement: Any) -> bool:
    """Say whether a statement of a trust policy allows SageMaker to assume the role."""
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    services = principal.get("Service") if isinstance(principal, dict) else principal
    actions = {str(action).lower() for action in _listed(statement.get("Action"))}
    return bool({_SERVICE, "*"} & {*_listed(services)}) and bool({"sts:assumerole", "sts:*", "*"} & actions)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


async def _reach(client: Any, settings: JobSettings, examples: Sequence[str]) -> list[Problem]:
    """Ask what the role's own policies allow it to do with the job's data."""
    read = [*examples, f"{settings.prefix}/template.liquid.html"]
    written = [f"{settings.output.rstrip('/')}/{settings.name}/{JOB_OUTPUT}"]
    wanted = {
        "s3:GetObject": [_object_arn(uri) for uri in read],
        "s3:PutObject": [_object_arn(uri) for uri in written],
        "s3:ListBucket": sorted({f"arn:aws:s3:::{bucket_of(uri)}" for uri in [*read, *written]}),
    }
    problems = []
    for action, resources in wanted.items():
        with translate_errors(_asking(f"ask what {settings.role} may do", "iam:SimulatePrincipalPolicy")):
            answer = await client.simulate_principal_policy(
                PolicySourceArn=settings.role, ActionNames=[action], ResourceArns=resources
            )
        for result in _decisions(answer["EvaluationResults"]):
            if result["EvalDecision"] != "allowed":
                resource = str(result.get("EvalResourceName", ""))
                uri = "s3://" + resource.removeprefix("arn:aws:s3:::")
                problems.append(Problem("role-access", 0, uri, f"{action} is {result['EvalDecision']}"))
    return problems


def _decisions(results: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield a decision for each resource; several of one action may come below one result."""
    for result in results:
        inner = result.get("ResourceSpecificResults") or []
        yield from (
            {"EvalDecision": one["EvalResourceDecision"], "EvalResourceName": one["EvalResourceName"]}
            for one in inner
        )
        if not inner:
            yield result


def _object_arn(uri: str) -> str:
    return f"arn:aws:s3:::{'/'.join(split_bucket(uri))}"
