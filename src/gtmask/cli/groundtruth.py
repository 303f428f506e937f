"""``gtmask validate``, ``gtmask pilot`` and ``gtmask job``."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gtmask.cli import options

if TYPE_CHECKING:
    from gtmask.groundtruth.job import JobPlan
    from gtmask.groundtruth.report import Report
    from gtmask.groundtruth.submission import JobStatus

opt = typer.Option
Manifest = Annotated[str, typer.Argument(metavar="MANIFEST", help="Augmented manifest: path or s3:// URI.")]


def _s3(endpoint_url: str | None, profile: str | None, region: str | None) -> Any:
    from gtmask.storage.base import S3Settings

    return S3Settings(endpoint_url=endpoint_url, profile=profile, region=region)


def validate(
    manifest: Manifest,
    quick: Annotated[bool, opt("--quick", metavar="", help="The manifest only.")] = False,
    deep: Annotated[bool, opt("--deep", metavar="", help="Every pixel of every mask.")] = False,
    images: options.Images = None,
    masks: options.Masks = None,
    strict: Annotated[bool, opt("--strict", metavar="", help="Warnings count as errors.")] = False,
    findings: Annotated[
        str | None, opt("--findings", metavar="FILE", help="Write every finding here, as JSON Lines.")
    ] = None,
    workers: options.Workers = None,
    endpoint_url: options.Endpoint = None,
    profile: options.Profile = None,
    region: options.Region = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Check every rule of the Ground Truth contract, on the manifest and its masks."""
    import gtmask
    from gtmask.cli.console import Bar, print_json
    from gtmask.errors import UsageError

    if quick and deep:
        raise UsageError("--quick and --deep are two levels: choose one.")
    with Bar(quiet=quiet or as_json) as bar:
        report = gtmask.validate(
            manifest,
            level="quick" if quick else "deep" if deep else "default",
            images=images,
            masks=masks,
            strict=strict,
            findings=findings,
            s3=_s3(endpoint_url, profile, region),
            workers=workers,
            progress=bar.steps("validate"),
        )
    if as_json:
        print_json(report.to_json())
    else:
        _render_report(report, findings)
    raise typer.Exit(report.exit_code)


def _render_report(report: Report, findings: str | None) -> None:
    from rich.console import Console

    from gtmask.cli.console import plain

    screen = Console(highlight=False)
    for rule in report.rules:
        color = {"error": "red", "warning": "yellow"}.get(rule.level, "cyan")
        screen.print(f"[bold {color}]{rule.level}[/] [bold]{rule.code}[/] x {rule.count:,}")
        screen.print(plain(f"  why   {rule.meaning}"))
        screen.print(plain(f"  mend  {rule.remedy}"))
        for problem in rule.examples:
            place = f"line {problem.line:,}" if problem.line else "manifest"
            screen.print(
                plain(f"  seen  {place}: {' '.join(filter(None, (problem.uri, problem.detail)))}"),
                soft_wrap=True,
            )
    screen.print(plain(
        f"{report.lines:,} lines, {report.masks:,} mask headers, {report.images:,} image headers, {report.decoded:,} "
        f"masks decoded ({report.depth}): {report.count('error'):,} errors, {report.count('warning'):,} warnings, "
        f"{report.count('note'):,} notes."
    ))  # fmt: skip
    manifest = shlex.quote(report.manifest)
    if findings:
        screen.print(plain(f"all findings  {findings}"), soft_wrap=True)
    elif any(rule.count > len(rule.examples) for rule in report.rules):
        screen.print(plain("Every finding with its line: the same command with --findings FILE"))
    if report.adjustments:
        screen.print(plain(f"next  gtmask inspect {manifest}"), soft_wrap=True)
    elif report.exit_code == 0:
        screen.print(plain(f"next  gtmask pilot {manifest} --out DEST"), soft_wrap=True)


def pilot(
    manifest: Manifest,
    out: Annotated[str, opt("--out", metavar="DEST", help="Folder or s3:// prefix of the pilot.")],
    count: Annotated[int, opt("--count", metavar="N", help="How many images.")] = 5,
    seed: Annotated[int, opt(metavar="N", help="The same seed chooses the same images.")] = 0,
    compare_png: Annotated[
        bool, opt("--compare-png", metavar="", help="Each image twice, with a gray and with a palette mask.")
    ] = False,
    copy_masks: Annotated[
        bool, opt("--copy-masks", metavar="", help="Copy the masks to DEST and refer to the copies.")
    ] = False,
    images: options.Images = None,
    masks: options.Masks = None,
    image_uri: Annotated[
        str | None, opt(metavar="PREFIX", help="Stands in references to copied images.")
    ] = None,
    mask_uri: Annotated[
        str | None, opt(metavar="PREFIX", help="Stands in references to copied masks.")
    ] = None,
    workers: options.Workers = None,
    endpoint_url: options.Endpoint = None,
    profile: options.Profile = None,
    region: options.Region = None,
    quiet: options.Quiet = False,
) -> None:
    """Choose a few images that together show every class: the micro-batch before the bulk job."""
    import gtmask
    from gtmask.cli.console import Bar, console, plain, table

    with Bar(quiet=quiet) as bar:
        result = gtmask.pilot(
            manifest, out, count=count, seed=seed, compare_png=compare_png, copy_masks=copy_masks, images=images,
            masks=masks, image_uri=image_uri, mask_uri=mask_uri, s3=_s3(endpoint_url, profile, region),
            workers=workers, progress=bar.steps("look"),
        )  # fmt: skip
    if quiet:
        return
    screen = console()
    shown = table("pilot", "image", "why")
    for chosen in result.chosen:
        shown.add_row(plain(chosen.source_ref), plain(chosen.reason))
    screen.print(shown)
    if result.missing:
        names = ", ".join(result.classes[number] for number in result.missing)
        screen.print(plain(f"no room for {names}: raise --count"))
    if result.unusable:
        screen.print(plain(f"{result.unusable:,} lines cannot be used: gtmask validate tells why"))
    screen.print(plain("look for"))
    for sentence in result.look_for:
        screen.print(plain(f"  - {sentence}"))
    missing = set(result.missing)
    names = ", ".join(name for number, name in result.classes.items() if number not in missing)
    screen.print(plain(f"classes   {names}"), soft_wrap=True)
    screen.print(plain(f"manifest  {result.manifest}"), soft_wrap=True)
    if result.local:
        screen.print(
            plain("It refers to local paths; a job needs s3:// URIs: see --image-uri and --mask-uri.")
        )
    else:
        screen.print(
            plain(f"next      gtmask job {shlex.quote(result.manifest)} --out DIR …"), soft_wrap=True
        )


def job(
    manifest: Manifest,
    role: Annotated[str, opt(metavar="ARN", help="Role that Ground Truth assumes.")],
    workteam: Annotated[str, opt(metavar="ARN", help="Work team; its region is the job's.")],
    output: Annotated[str, opt(metavar="S3-PREFIX", help="Where Ground Truth puts its answer.")],
    out: Annotated[str | None, opt("--out", metavar="DIR", help="Folder for the job's files.")] = None,
    name: Annotated[str | None, opt(metavar="NAME", help="Job name (the manifest's, with -adjustment).")] = None,
    label_attribute: Annotated[str | None, opt(metavar="NAME", help="The new attribute (the adjusted one's, with -adjusted-ref).")] = None,
    adjust: Annotated[str | None, opt(metavar="NAME", help="The attribute to adjust (the newest).")] = None,
    upload: Annotated[str, opt(metavar="S3-PREFIX", help="Below it, in a folder of the job's name, manifest and template are uploaded (--output/_gtmask).")] = "",
    title: Annotated[str, opt(metavar="TEXT", help="What workers read.")] = "Review and adjust segmentation labels",
    description: Annotated[str, opt(metavar="TEXT", help="What workers read.")] = "Check the painted labels against the image and correct them where they are wrong.",
    keyword: Annotated[list[str] | None, opt("--keyword", metavar="WORD", help="1 to 5 times.")] = None,
    workers_per_object: Annotated[int, opt(metavar="1..9", help="Workers per image; more than one are merged by votes.")] = 1,
    time_limit: Annotated[int, opt(metavar="SECONDS", help="For one image.")] = 3600,
    availability: Annotated[int, opt(metavar="SECONDS", help="How long a task is offered.")] = 864_000,
    max_concurrent: Annotated[int, opt(metavar="N", help="Tasks offered at a time.")] = 1000,
    kms_key: Annotated[str | None, opt(metavar="KEY", help="Encrypts the answer.")] = None,
    tag: Annotated[list[str] | None, opt("--tag", metavar="KEY=VALUE", help="Any number of times.")] = None,
    dry_run: Annotated[bool, opt("--dry-run", metavar="", help="Show the request(s) as JSON; write nothing.")] = False,
    submit: Annotated[bool, opt("--submit", metavar="", help="Check everything, upload, and create the job(s).")] = False,
    wait: Annotated[bool, opt("--wait", metavar="", help="Follow the job(s) until they end.")] = False,
    fix_cors: Annotated[bool, opt("--fix-cors", metavar="", help="Add the CORS rule to the buckets, after asking.")] = False,
    yes: Annotated[bool, opt("--yes", metavar="", help="Consent to what is asked.")] = False,
    images: options.Images = None,
    masks: options.Masks = None,
    endpoint_url: options.Endpoint = None,
    profile: options.Profile = None,
    region: options.Region = None,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Write (and submit) the adjustment job: label categories, worker template, request(s)."""
    from gtmask.cli.console import Bar, console, plain, print_json
    from gtmask.errors import UsageError
    from gtmask.groundtruth.job import make_job
    from gtmask.groundtruth.submission import submit_job

    if not (out or dry_run or submit or fix_cors):
        raise UsageError("Nothing to do: give --out DIR, --dry-run, --submit or --fix-cors.")
    if wait and not submit:
        raise UsageError("--wait follows a job that --submit created: give both.")
    s3 = _s3(endpoint_url, profile, region)
    plan = make_job(
        manifest, None if dry_run else out, role=role, workteam=workteam, output=output, name=name,
        label_attribute=label_attribute, adjust=adjust, s3=s3, upload=upload, title=title, description=description,
        workers_per_object=workers_per_object, time_limit=time_limit, availability=availability,
        max_concurrent=max_concurrent, kms_key=kms_key, tags=_tags(tag or []),
        **({"keywords": tuple(keyword)} if keyword else {}),
    )  # fmt: skip
    if dry_run:
        print_json(plan.to_json())
        return
    screen = console()
    if fix_cors:
        _fix_cors(plan, s3, yes=yes)
    if submit:
        with Bar(quiet=quiet) as bar:
            created = submit_job(
                plan, s3=s3, images=images, masks=masks, progress=bar.steps("check"),
                tell=lambda sentence: screen.print(plain(sentence), soft_wrap=True),
            )  # fmt: skip
        for job_name, arn in created.items():
            screen.print(plain(f"created  {job_name}  {arn}"), soft_wrap=True)
        if wait:
            _wait(list(created), plan, s3, quiet=quiet)
    elif out and not quiet:
        screen.print(
            plain(f"{plan.objects:,} objects in {len(plan.parts)} job(s); files in {out}"), soft_wrap=True
        )
        _say_next(plan, out)


def _say_next(plan: JobPlan, out: str) -> None:
    """Say how to go on, with gtmask or, where the files are at hand, with AWS's own command line."""
    from gtmask.cli.console import console, plain
    from gtmask.storage import is_s3

    screen = console()
    screen.print(plain("next  the same command with --submit; it checks every pixel first"), soft_wrap=True)
    if is_s3(out):
        return
    folder = out.rstrip("/")
    upload, to = shlex.quote(folder), shlex.quote(plan.settings.prefix)
    screen.print(plain(f"or    aws s3 cp --recursive {upload} {to}"), soft_wrap=True)
    for name in plan.requests:
        request = shlex.quote(f"file://{folder}/{name}.request.json")
        screen.print(plain(
            f"      aws sagemaker create-labeling-job --region {plan.settings.region} --cli-input-json {request}"
        ), soft_wrap=True)  # fmt: skip


def _tags(given: list[str]) -> tuple[tuple[str, str], ...]:
    from gtmask.errors import UsageError

    pairs = [item.partition("=") for item in given]
    wrong = [key for key, equals, _ in pairs if not (key and equals)]
    if wrong:
        raise UsageError(f"--tag {wrong[0]!r} must be KEY=VALUE.")
    return tuple((key, value) for key, _, value in pairs)


def _fix_cors(plan: JobPlan, s3: Any, *, yes: bool) -> None:
    from gtmask.cli.console import console, plain
    from gtmask.errors import UsageError
    from gtmask.groundtruth.submission import buckets_without_cors, fix_cors
    from gtmask.manifest.contract import CORS_RULE

    screen = console()
    missing = buckets_without_cors(plan, s3=s3)
    if not missing:
        screen.print(plain("cors  every bucket has the rule"))
        return
    rule = json.dumps([CORS_RULE])
    screen.print(plain(f"cors  this rule would be added to {', '.join(missing)}: {rule}"), soft_wrap=True)
    try:
        agreed = yes or typer.confirm("Add it?", err=True)
    except typer.Abort:
        raise UsageError("Nobody is there to consent to the CORS rule: give --yes.") from None
    if agreed:
        fix_cors(missing, s3=s3)
    screen.print(plain("cors  added" if agreed else "cors  not added"))


def _wait(names: list[str], plan: JobPlan, s3: Any, *, quiet: bool) -> None:
    from gtmask.cli.console import Bar, console, plain
    from gtmask.groundtruth.submission import wait_for_jobs

    with Bar(quiet=quiet) as bar:
        heard = bar.steps("label")

        def show(statuses: list[JobStatus]) -> None:
            heard(sum(s.labeled + s.failed for s in statuses), sum(s.total for s in statuses))

        ended = wait_for_jobs(names, plan.settings.region, s3=s3, progress=show)
    for status in ended:
        told = f"{status.status}  {status.name}: {status.labeled:,} labeled, {status.failed:,} failed {status.reason}"
        console().print(plain(told), soft_wrap=True)
        if status.output:
            console().print(plain(f"next  gtmask inspect {status.output}"), soft_wrap=True)
    raise typer.Exit(0 if all(s.status == "Completed" and not s.failed for s in ended) else 3)
