"""``gtmask validate``, ``gtmask pilot`` and ``gtmask job``."""

from __future__ import annotations

import functools
import json
import shlex
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

import gtmask
from gtmask import JobSettings, S3Settings
from gtmask.cli import options
from gtmask.cli.console import Rows, Screen, Words, console, plain, print_json, say, tell
from gtmask.cli.talk import Talk
from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask import JobPlan, PilotResult, Report

opt = typer.Option
#: The library's defaults of a job.
JOB: dict[str, Any] = {item.name: item.default for item in fields(JobSettings)}


@options.one_by_one
def validate(
    *,
    manifest: options.Manifest,
    quick: Annotated[bool, opt("--quick", help="Check the manifest only; open no image and no mask.")] = False,
    deep: Annotated[bool, opt("--deep", help="Check every pixel of every mask; otherwise headers are read and a sample is decoded.")] = False,
    images: options.Images = None,
    masks: options.Masks = None,
    strict: Annotated[bool, opt("--strict", help="Count warnings as errors.")] = False,
    partial: options.Partial = False,
    findings: Annotated[str | None, opt("--findings", metavar="FILE", help="Write every finding to this file, local or s3://, as JSON Lines.")] = None,
    overwrite: options.Overwrite = False,
    workers: options.Workers = None,
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Check that Ground Truth can use a manifest: every rule of its format, on the manifest and its masks."""
    if quick and deep:
        raise UsageError("--quick and --deep are two levels: choose one.")
    with talk.following(manifest) as progress:
        report = gtmask.validate(
            manifest, level="quick" if quick else "deep" if deep else "default", images=images, masks=masks,
            strict=strict, partial=partial, findings=findings, overwrite=overwrite, s3=s3, workers=workers, progress=progress,
        )  # fmt: skip
    talk.show(report, functools.partial(_render_report, findings=findings, talk=talk), as_data=True)
    raise typer.Exit(report.exit_code)


def _render_report(report: Report, screen: Screen, *, findings: str | None, talk: Talk) -> None:
    for rule in report.rules:
        color = {"error": "red", "warning": "yellow"}.get(rule.level, "cyan")
        title = ((rule.level, f"bold {color}"), (" ", ""), (rule.code, "bold"), (f" x {rule.count:,}", ""))
        screen.print(Words(*title))
        tell(screen, f"  why   {rule.meaning}")
        tell(screen, f"  do    {rule.remedy}")
        for problem in rule.examples:
            place = f"line {problem.line:,}" if problem.line else "manifest"
            say(screen, f"  seen  {place}: {' '.join(filter(None, (problem.uri, problem.detail)))}")
    tell(screen, f"{report.lines:,} lines, {report.masks:,} mask headers, {report.images:,} image headers, {report.decoded:,} "
        f"masks decoded ({report.depth}): {report.count('error'):,} errors, {report.count('warning'):,} warnings, "
        f"{report.count('note'):,} notes.")  # fmt: skip
    manifest = shlex.quote(report.manifest)
    if findings:
        say(screen, f"all findings  {findings}")
    elif any(rule.count > len(rule.examples) for rule in report.rules):
        tell(screen, "Every finding with its line: the same command with --findings FILE")
    if report.adjustments:
        say(screen, f"next  {talk.next_command(f'inspect {manifest}', '--images', '--masks')}")
    elif report.exit_code == 0:
        say(screen, f"next  {talk.next_command(f'pilot {manifest} --out DEST', '--images', '--masks')}")


@options.one_by_one
def pilot(
    *,
    manifest: options.Manifest,
    out: Annotated[str, opt("--out", metavar="DEST", help="Folder or s3:// prefix for the small manifest and what is copied.")],
    count: Annotated[int, opt("--count", metavar="N", help="How many images to choose.")] = 5,
    seed: Annotated[int, opt(metavar="N", help="Seed of the choice among equally good images; the same seed chooses the same ones.")] = 0,
    compare_png: Annotated[bool, opt("--compare-png", help="Write each image twice, with a grayscale and with a palette mask, to see which one the worker portal shows.")] = False,
    copy_masks: Annotated[bool, opt("--copy-masks", help="Copy the masks to DEST and refer to the copies.")] = False,
    partial: options.Partial = False,
    images: options.Images = None,
    masks: options.Masks = None,
    image_uri: Annotated[str | None, opt(metavar="PREFIX", help="What references to copied images begin with, such as s3://bucket/images (default: DEST/images).")] = None,
    mask_uri: Annotated[str | None, opt(metavar="PREFIX", help="What references to copied masks begin with, such as s3://bucket/masks (default: DEST/masks).")] = None,
    overwrite: options.Overwrite = False,
    workers: options.Workers = None,
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Choose a few images that together show every class, for a small trial job before the large one."""
    with talk.following(manifest) as progress:
        result = gtmask.pilot(
            manifest, out, count=count, seed=seed, compare_png=compare_png, copy_masks=copy_masks, partial=partial, images=images,
            masks=masks, image_uri=image_uri, mask_uri=mask_uri, overwrite=overwrite, s3=s3, workers=workers, progress=progress,
        )  # fmt: skip
    talk.show(result, functools.partial(_render_pilot, talk=talk))


def _render_pilot(result: PilotResult, screen: Screen, *, talk: Talk) -> None:
    shown = Rows("pilot", "image", "why")
    for chosen in result.chosen:
        shown.add_row(plain(chosen.source_ref), plain(chosen.reason))
    screen.print(shown)
    if result.unfinished:
        say(screen, result.unfinished)
    if result.missing:
        names = ", ".join(result.classes[number] for number in result.missing)
        tell(screen, f"no room for {names}: raise --count")
    if result.unusable:
        tell(screen, f"{result.unusable:,} lines cannot be used: gtmask validate tells why")
    tell(screen, "look for")
    for sentence in result.look_for:
        tell(screen, f"  - {sentence}")
    missing = set(result.missing)
    names = ", ".join(name for number, name in result.classes.items() if number not in missing)
    say(screen, f"classes   {names}")
    say(screen, f"manifest  {result.manifest}")
    if result.local and all(chosen.source_ref.lower().startswith("s3://") for chosen in result.chosen):
        tell(
            screen,
            "It refers to copies here, and a job needs s3:// URIs: choose an --out in S3, or upload them and "
            "give --image-uri and --mask-uri.",
        )
    elif result.local:
        tell(
            screen,
            "It refers to local paths, and a job needs s3:// URIs: convert with --image-uri and --mask-uri.",
        )
    else:
        command = talk.next_command(f"job {shlex.quote(result.manifest)} --out DIR", "--images", "--masks")
        say(screen, f"next      {command} …")


@options.one_by_one
def job(
    *,
    manifest: options.Manifest,
    role: Annotated[str, opt(metavar="ARN", help="IAM role with which Ground Truth reads the data and writes its output.")],
    workteam: Annotated[str, opt(metavar="ARN", help="Work team; the job runs in its region.")],
    output: Annotated[str, opt(metavar="S3-PREFIX", help="Where Ground Truth writes its output.")],
    out: Annotated[str | None, opt("--out", metavar="DIR", help="Folder for the requests, the worker template and the list of labels.")] = None,
    # Its name is written out: Typer 0.27.0 would call it --NAME.
    name: Annotated[str | None, opt("--name", metavar="NAME", help="Name of the labeling job (default: the manifest's name followed by -adjustment; in further rounds the last job's with the round's number).")] = None,
    label_attribute: Annotated[str | None, opt(metavar="NAME", help="Manifest key under which Ground Truth writes the corrected masks (default: the name given or found for --adjust, ending in -adjusted-ref).")] = None,
    adjust: Annotated[str | None, opt(metavar="NAME", help="Manifest key of the masks that workers correct (default: that of the newest masks in the manifest).")] = None,
    partial: options.Partial = False,
    upload: Annotated[str, opt(metavar="S3-PREFIX", help="Where manifest and template are uploaded, in a folder with the job's name (default: _gtmask below --output).")] = JOB["upload"],
    title: Annotated[str, opt(metavar="TEXT", help="Title of the task, which workers read.")] = JOB["title"],
    description: Annotated[str, opt(metavar="TEXT", help="Description of the task, which workers read.")] = JOB["description"],
    keyword: Annotated[list[str], opt("--keyword", metavar="WORD", help="Word by which workers find the task; may be given up to 5 times.")] = JOB["keywords"],
    workers_per_object: Annotated[int, opt(metavar="1..9", help="How many workers correct each image; the masks of several are merged by votes.")] = JOB["workers_per_object"],
    time_limit: Annotated[int, opt(metavar="SECONDS", help="Time that a worker has for one image.")] = JOB["time_limit"],
    availability: Annotated[int, opt(metavar="SECONDS", help="Time for which a task is offered to workers.")] = JOB["availability"],
    max_concurrent: Annotated[int, opt(metavar="N", help="Images that are offered to workers at a time.")] = JOB["max_concurrent"],
    kms_key: Annotated[str | None, opt(metavar="KEY", help="KMS key (id or ARN) that encrypts the output.")] = JOB["kms_key"],
    tag: Annotated[list[str] | None, opt("--tag", metavar="KEY=VALUE", help="Tag of the labeling job; may be given up to 50 times.")] = None,
    dry_run: Annotated[bool, opt("--dry-run", help="Show the requests as JSON and write nothing.")] = False,
    submit: Annotated[bool, opt("--submit", help="Check every pixel, upload the files and create the labeling jobs.")] = False,
    unchecked: Annotated[bool, opt("--unchecked", help="With --submit: go on where a bucket's region or CORS rules cannot be read, or no CORS rule fits.")] = False,
    wait: Annotated[bool, opt("--wait", help="With --submit: wait until the jobs have ended.")] = False,
    fix_cors: Annotated[bool, opt("--fix-cors", help="Add the missing CORS rule, without which browsers may not read the buckets; you are asked first.")] = False,
    check_role: Annotated[bool, opt("--check-role", help="Ask IAM whether SageMaker may assume the role, and whether the role reaches the data.")] = False,
    yes: Annotated[bool, opt("--yes", help="Do not ask before --fix-cors changes a bucket.")] = False,
    overwrite: options.Overwrite = False,
    images: options.Images = None,
    masks: options.Masks = None,
    workers: options.Workers = None,
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Write an adjustment job, and create it with --submit: request, list of labels, worker template.

    A manifest of more than 20,000 images becomes several jobs.
    """
    _refuse_idle(does_something=bool(out or dry_run or submit or fix_cors), waits_in_vain=wait and not submit)
    tags = _tags(tag or [])
    with talk.following(manifest):
        plan = gtmask.job(
            manifest, None if dry_run else out, role=role, workteam=workteam, output=output, name=name,
            label_attribute=label_attribute, adjust=adjust, partial=partial, overwrite=overwrite, check_role=check_role, s3=s3, upload=upload, title=title, description=description,
            keywords=tuple(keyword), workers_per_object=workers_per_object, time_limit=time_limit,
            availability=availability, max_concurrent=max_concurrent, kms_key=kms_key, tags=tags,
        )  # fmt: skip
    if dry_run:
        print_json(plan.to_json())
        return
    _tell_doubts(plan, talk)
    if fix_cors:
        _fix_cors(plan, s3, yes=yes)
    created: dict[str, str] = {}
    if submit:
        with talk.following(manifest) as progress:
            created = gtmask.submit_job(plan, s3=s3, images=images, masks=masks, unchecked=unchecked, overwrite=overwrite, workers=workers, progress=progress, tell=progress.notice)  # fmt: skip
    if talk.json:
        print_json(plan.to_json() | {"created": created})
    _tell_end(plan, created, "" if submit else out or "", talk)
    if wait:
        _wait(list(created), plan, s3, talk)


def _refuse_idle(*, does_something: bool, waits_in_vain: bool) -> None:
    if not does_something:
        raise UsageError("Nothing to do: give --out DIR, --dry-run, --submit or --fix-cors.")
    if waits_in_vain:
        raise UsageError("--wait follows a job that --submit created: give both.")


def _tell_doubts(plan: JobPlan, talk: Talk) -> None:
    """Say what stops nothing and may make the job fail."""
    from gtmask.findings import CODES

    if plan.unfinished:
        talk.say(plan.unfinished)
    for problem in plan.problems:
        code = CODES[problem.code]
        talk.say(f"{code.level}  {problem.code}: {problem.detail.rstrip('.')}. {code.meaning} {code.remedy}")


def _tell_end(plan: JobPlan, created: dict[str, str], out: str, talk: Talk) -> None:
    """Say which jobs were created, or where the files are and how to go on."""
    for job_name, arn in created.items():
        talk.say(f"created  {job_name}  {arn}")
    if out:
        talk.say(f"{plan.objects:,} objects in {len(plan.parts)} job(s); files in {out}")
        for line in _next_steps(plan, out):
            talk.say(line)


def _next_steps(plan: JobPlan, out: str) -> Iterator[str]:
    """Yield how to go on, with gtmask or, where the files are at hand, with AWS's own command line."""
    yield "next  the same command with --submit; it checks every pixel first"
    if out[:5].lower() == "s3://":
        return
    folder = out.rstrip("/")
    upload, to = shlex.quote(folder), shlex.quote(plan.settings.prefix)
    yield f"or    aws s3 cp --recursive {upload} {to}"
    for name in plan.requests:
        request = shlex.quote(f"file://{folder}/{name}.request.json")
        yield f"      aws sagemaker create-labeling-job --region {plan.settings.region} --cli-input-json {request}"


def _tags(given: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = [item.partition("=") for item in given]
    for item, (key, equals, _) in zip(given, pairs, strict=True):
        if not (key and equals):
            raise UsageError(f"--tag {item!r} must be KEY=VALUE.")
    return tuple((key, value) for key, _, value in pairs)


def _fix_cors(plan: JobPlan, s3: S3Settings, *, yes: bool) -> None:
    screen = console()
    missing = gtmask.buckets_without_cors(plan, s3=s3)
    if not missing:
        tell(screen, "cors  every bucket has the rule")
        return
    rule = json.dumps([gtmask.CORS_RULE])
    say(screen, f"cors  this rule would be added to {', '.join(missing)}: {rule}")
    try:
        agreed = yes or typer.confirm("Add it?", err=True)
    except typer.Abort:
        raise UsageError("Nobody is there to consent to the CORS rule: give --yes.") from None
    if agreed:
        gtmask.fix_cors(missing, s3=s3)
    tell(screen, "cors  added" if agreed else "cors  not added")


def _wait(names: list[str], plan: JobPlan, s3: S3Settings, talk: Talk) -> None:
    with talk.following(", ".join(names)) as progress:
        ended = gtmask.wait_for_jobs(names, plan.settings.region, s3=s3, progress=progress)
    for status in ended:
        told = f"{status.status}  {status.name}: {status.labeled:,} labeled, {status.failed:,} failed {status.reason}"
        talk.say(told)
        if status.output:
            talk.say(f"next  {talk.next_command(f'answer {shlex.quote(status.output)} --out DEST')}")
    raise typer.Exit(0 if all(s.status == "Completed" and not s.failed for s in ended) else 3)
