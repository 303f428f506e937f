"""Options that several commands share, so that they read the same everywhere.

A command that takes ``s3: S3Settings``, ``reading: ReadOptions`` or ``talk: Talk`` is wrapped by
:func:`one_by_one`, which offers every field of these classes as an option of its own, with the class's default.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from gtmask import ReadOptions, S3Settings
from gtmask.cli.settings import borrowed, misspelt, typed
from gtmask.cli.talk import MODES, Talk
from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

#: A value as it is typed; words in capitals stand for what the user knows.
_CHOICE = re.compile(r"[a-z][a-z0-9:]*|[A-Z]+[0-9]+")

opt = typer.Option
READ, PAINT, WRITE, RUN, S3, TALK = "Reading", "Painting", "Output", "The run", "S3", "Messages"


def _workers(given: int | None) -> int | None:
    """Refuse a number below 1 in every command, also where it has nothing to share out."""
    from gtmask import ExecutionOptions

    ExecutionOptions(workers=given)
    return given


def choice_of(values: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what tells a shell which of some values begin like what was typed."""
    known = tuple(values)

    def complete(incomplete: str) -> list[str]:
        return [value for value in known if value.startswith(incomplete)]

    return complete


def format_names(incomplete: str) -> list[str]:
    """Return the names of formats that begin so, for a shell's completion."""
    from gtmask.formats import FORMATS

    return [name for name in ("auto", *FORMATS) if name.startswith(incomplete)]


def statuses(incomplete: str) -> list[str]:
    """Return what a list of statuses may go on with, for a shell's completion."""
    from gtmask.formats import FORMATS

    before, comma, last = incomplete.rpartition(",")
    # Tools differ in upper and lower case, which does not count.
    known = dict.fromkeys(value.lower() for row in FORMATS.values() for value in row.status_values)
    return [before + comma + value for value in known if value.startswith(last.lower())]


def command_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of commands that begin so, for a shell's completion."""
    group: Any = context.find_root().command
    return [name for name in group.commands if name.startswith(incomplete)]


# fmt: off
Sources = Annotated[list[str], typer.Argument(metavar="SOURCE", help="The export: a file, folder, glob or archive, local or s3://; several become one, in this order.")]
Manifest = Annotated[str, typer.Argument(metavar="MANIFEST", help="The augmented manifest, or the folder that it is in: a path or an s3:// URI.")]
Overwrite = Annotated[bool, opt("--overwrite", help="Replace files of these names that gtmask did not write.")]
Format = Annotated[str, opt("--format", metavar="NAME", autocompletion=format_names, help="Format of the export, where detection gets it wrong; `gtmask formats` lists the names.", rich_help_panel=READ)]
Partial = Annotated[bool, opt("--partial", help="Take a manifest of a run that is not finished as far as it goes; otherwise it is refused.")]
Only = Annotated[str | None, opt("--only", metavar="FILE", help="Take only the images that this file names: a name or glob on each line, or a manifest (source-ref).", rich_help_panel=READ)]
Workers = Annotated[int | None, opt("--workers", metavar="N", callback=_workers, help="Workers: this process, and others beside it (default: one per core, where the work is worth it).")]
Images = Annotated[str | None, opt("--images", metavar="PREFIX", help="Folder or s3:// prefix with copies of the images that the manifest names.")]
Masks = Annotated[str | None, opt("--masks", metavar="PREFIX", help="Folder or s3:// prefix with copies of the masks that the manifest names.")]
Before = Annotated[str | None, opt("--before", metavar="NAME", help="Manifest key of the masks that workers corrected (default: found by the manifest's metadata).")]
After = Annotated[str | None, opt("--after", metavar="NAME", help="Manifest key of the masks that the job wrote (default: found by the manifest's metadata).")]
# fmt: on


def _concurrency(given: str) -> Any:
    """Take the value of --concurrency; what it may be is :class:`S3Settings`' business."""
    if str(given).lower() == "auto":
        return "auto"
    try:
        return int(given)
    except ValueError as error:
        raise typer.BadParameter(f"{given} is neither a number nor auto") from error


#: For every class that stands for several options: its fields, and the option of each.
GROUPS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "reading": (ReadOptions, {
        "annotator": Annotated[str | None, opt("--annotator", metavar="NAME", help="Whose annotations to use, where several people annotated an image.", rich_help_panel=READ)],
        "include_predictions": Annotated[bool, opt("--include-predictions", help="Use the predictions of models as if people had made them.", rich_help_panel=READ)],
        "include_unannotated": Annotated[bool, opt("--include-unannotated", help="Give images that nobody annotated an all-background mask instead of rejecting them.", rich_help_panel=READ)],
        "interpolate": Annotated[bool, opt("--interpolate", help="Compute the shapes of video frames between keyframes.", rich_help_panel=READ)],
        "class_attribute": Annotated[str | None, opt("--class-attribute", metavar="NAME", help="The attribute that holds the class, where shapes have several attributes.", rich_help_panel=READ)],
        "image_tags": Annotated[str | None, opt("--image-tags", metavar="TAG=KEY,…", help="Which key of a task's data each image tag of a Label Studio project shows, where tasks have several images.", rich_help_panel=READ)],
        "default_label": Annotated[str | None, opt("--default-label", metavar="NAME", help="What shapes without a label are called; without this they are left out.", rich_help_panel=READ)],
        "keep_going": Annotated[bool, opt("--keep-going", help="Read a damaged document up to the damage instead of stopping.", rich_help_panel=READ)],
        "masks": Annotated[str | None, opt("--masks", metavar="PREFIX", help="Folder or s3:// prefix with copies of the masks that a Ground Truth manifest names (default: the masks are read where it says they are).", rich_help_panel=READ)],
        "partial": Annotated[bool, opt("--partial", help="Take a manifest or masks of a gtmask run that is not finished as far as it goes; otherwise they are refused.", rich_help_panel=READ)],
        "where": Annotated[list[str], opt("--where", metavar="label=NAME,…|attribute:NAME=VALUE,…", autocompletion=choice_of(["label=", "attribute:"]), help="Take only images that have a shape of one of these labels, or with this value of an attribute, with all their shapes; may be given several times: all must hold, each by some shape.", rich_help_panel=READ)],
        "status": Annotated[str | None, opt("--status", metavar="VALUE,…", autocompletion=statuses, help="Take only images of this status (completed, approved, …), or of one of several, where the export tells it; `gtmask formats NAME` says which statuses there are.", rich_help_panel=READ)],
        "void": Annotated[str, opt("--void", metavar="background|keep|NAME", help="What becomes of pixels of ready-made masks that nobody labeled (255, or a class called void or ignore): background, a class of their own, or the class NAME.", rich_help_panel=READ)],
    }),
    "s3": (S3Settings, {
        "client": Annotated[str, opt("--s3-client", metavar="aioboto3|obstore|auto", help="Client library that reaches S3; auto takes obstore, which needs less CPU time, where it is installed and can do what the other options ask for.", rich_help_panel=S3)],
        "endpoint_url": Annotated[str | None, opt("--endpoint-url", metavar="URL", help="Address of an S3 server other than AWS.", rich_help_panel=S3)],
        "profile": Annotated[str | None, opt("--profile", metavar="NAME", help="AWS profile (default: what the environment says).", rich_help_panel=S3)],
        "region": Annotated[str | None, opt("--region", metavar="NAME", help="AWS region (default: what the environment or the profile says).", rich_help_panel=S3)],
        "request_payer": Annotated[bool, opt("--request-payer", help="Pay for requests to buckets whose owner lets requesters pay.", rich_help_panel=S3)],
        "sse": Annotated[str | None, opt("--sse", metavar="AES256|aws:kms", help="Server-side encryption of what is written (default: as the bucket says).", rich_help_panel=S3)],
        "sse_kms_key_id": Annotated[str | None, opt("--sse-kms-key-id", metavar="KEY", help="KMS key for --sse aws:kms (default: AWS's own key for S3).", rich_help_panel=S3)],
        "acl": Annotated[str | None, opt("--acl", metavar="NAME", help="Canned ACL of what is written, such as bucket-owner-full-control.", rich_help_panel=S3)],
        "concurrency": Annotated[str, opt("--concurrency", metavar="N|auto", callback=_concurrency, help="Requests to S3 at a time, in each process; auto measures which number is fastest.", rich_help_panel=S3)],
    }),
    "talk": (Talk, {
        "quiet": Annotated[bool, opt("--quiet", "-q", help="Say nothing but errors, and write nothing but what --json or --out ask for.", rich_help_panel=TALK)],
        "json": Annotated[bool, opt("--json", help="Write the result as one JSON document to stdout.", rich_help_panel=TALK)],
        "progress": Annotated[str, opt("--progress", metavar="|".join(MODES), help="Progress on stderr: a bar, a line every 30 seconds, a JSON document a line, or none; auto is a bar on a terminal, a log elsewhere, and none with --json.", rich_help_panel=TALK)],
        "log_file": Annotated[str | None, opt("--log-file", metavar="FILE", help="Also append progress, the summary and errors to this file.", rich_help_panel=TALK)],
        "verbose": Annotated[bool, opt("--verbose", "-v", help="Say more: requests that are sent again and why, all examples of findings.", rich_help_panel=TALK)],
    }),
}  # fmt: skip


def one_by_one(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the fields of its grouped parameters (:data:`GROUPS`) as single options."""
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        for annotation in GROUPS[name][1].values() if name in GROUPS else (hints[name],):
            _complete_choices(annotation.__metadata__[0])
        if name not in GROUPS:
            parameters.append(parameter.replace(annotation=hints[name]))
            continue
        kind, fields = GROUPS[name]
        defaults = kind()
        parameters += [
            inspect.Parameter(
                _name(name, field), parameter.kind, default=getattr(defaults, field), annotation=option
            )
            for field, option in fields.items()
        ]
    grouped = [name for name in signature.parameters if name in GROUPS]
    context_parameter = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    @functools.wraps(command)
    def run(*, context: typer.Context, **given: Any) -> None:
        for parameter in parameters:
            _refuse_empty(parameter, given[parameter.name])
        for name in grouped:
            kind, fields = GROUPS[name]
            values = {field: given.pop(_name(name, field)) for field in fields}
            if kind is Talk:
                values |= {"command": context.info_name or "", "borrowed": borrowed(context)}
                values |= {"misspelt": misspelt(context), "typed": typed(context)}
            given[name] = kind(**values)
        command(**given)

    shown = [*parameters, context_parameter]
    run.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run


def _complete_choices(shown: Any) -> None:
    """Have a shell complete the values of an option whose help names them all."""
    if "|" in (shown.metavar or "") and shown.autocompletion is None:
        words = [word.partition("[")[0] for word in shown.metavar.split("|")]
        shown.autocompletion = choice_of(word for word in words if _CHOICE.fullmatch(word))


def _refuse_empty(parameter: inspect.Parameter, value: Any) -> None:
    """Refuse a text without a character: what a script's unset variable gives is never meant."""
    texts = value if isinstance(value, list) else [value]
    if value == parameter.default or all(text.strip() for text in texts if isinstance(text, str)):
        return
    shown = parameter.annotation.__metadata__[0]
    if isinstance(shown, typer.models.ArgumentInfo):
        raise UsageError(f"{shown.metavar} is empty: give a value.")
    option = next(iter(shown.param_decls or ()), f"--{parameter.name.replace('_', '-')}")
    if parameter.default is inspect.Parameter.empty:
        raise UsageError(f"{option} is empty: give a value.")
    raise UsageError(f"{option} is empty: give a value, or leave the option out.")


def check(kind: type[Any], given: Mapping[str, Any]) -> None:
    """Have a class of the library refuse what it knows to be wrong, before anything else takes its time."""
    kind(**{item.name: given[item.name] for item in dataclasses.fields(kind) if item.name in given})


def _name(group: str, field: str) -> str:
    return "s3_client" if (group, field) == ("s3", "client") else field


def one_of(known: Mapping[str, T], name: str, title: str) -> T:
    """Return what has a name, whatever its case.

    Raises UsageError where there is none of this name; the sentence has the nearest ones.
    """
    import difflib

    if name.lower() in known:
        return known[name.lower()]
    near = difflib.get_close_matches(name.lower(), known, 3, 0.4) or list(known)
    raise UsageError(f"{title} {name!r} is not known: choose among {', '.join(near)}.")
