"""Which commands there are: each is imported when it is first asked for, and a list of them imports none."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer.main
from typer.core import TyperCommand, TyperGroup

from gtmask.cli.settings import Command
from gtmask.cli.values import read_plainly, show_plainly

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Of every command.
CONTEXT = {"help_option_names": ["-h", "--help"]}


class Commands(Mapping[str, Any]):
    """Commands by name; each is made when it is first taken."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name in GUIDES and name not in self._made:
            self._made[name] = _make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(GUIDES)

    def __len__(self) -> int:
        return len(GUIDES)


class Group(TyperGroup):
    """The group of all commands."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given | {"commands": {}})
        self.commands: Any = Commands()
        self._listed = False

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options of all commands, and --help."""
        return read_plainly(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with the commands' summaries."""
        show_plainly(self.get_params(ctx))
        self._listed = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listed = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's
        """Return the names of all commands."""
        return list(GUIDES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; for a list of them one that has nothing but its summary."""
        if self._listed and cmd_name in GUIDES:
            return TyperCommand(cmd_name, help=GUIDES[cmd_name].summary)
        return super().get_command(ctx, cmd_name)


def _make(name: str) -> Any:
    """Return a command: the function of its name in its module."""
    function = getattr(import_module(f"gtmask.cli.{GUIDES[name].module}"), name)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=CONTEXT)
    alone.command(name, cls=Command, epilog=epilog(name))(function)
    return typer.main.get_command(alone)


class Guide(NamedTuple):
    """A command's module below :mod:`gtmask.cli`, what its help begins with, examples, and where its page is."""

    module: str
    summary: str
    examples: tuple[str, str]
    page: str


GUIDES = {
    "convert": Guide(
        "convert", "Convert an export to masks and a manifest; run again to go on where a run stopped.",
        ("gtmask convert export.json --images images --out run1",
         "gtmask convert export.zip --images s3://data/images --out s3://data/run1"),
        "docs/guide.md, 3. Convert"),
    "prepare": Guide(
        "prepare", "Copy images so that Ground Truth can show them: upright, JPEG or PNG, 8 bits, in tiles where too large.",
        ("gtmask prepare images --out prepared",
         "gtmask prepare s3://data/images --out s3://data/prepared --tile 4096x2048"),
        "docs/prepare.md"),
    "inspect": Guide(
        "inspect", "Show what is in an export, or in the output manifest of a finished adjustment job.",
        ("gtmask inspect export.json", "gtmask inspect s3://data/export/ --json"),
        "docs/guide.md, 1. Look at the export"),
    "classes": Guide(
        "inspect", "Write a class map (TOML) of the labels found, to edit and to give to convert --classes.",
        ("gtmask classes export.json --out classes.toml", "gtmask classes labels/ --format yolo"),
        "docs/guide.md, 2. Decide on the classes"),
    "validate": Guide(
        "groundtruth", "Check that Ground Truth can use a manifest: every rule of its format, on the manifest and its masks.",
        ("gtmask validate s3://data/run1/labeling-qa.manifest --deep",
         "gtmask validate run1/labeling-qa.manifest --findings all.jsonl"),
        "docs/guide.md, 5. Check"),
    "pilot": Guide(
        "groundtruth", "Choose a few images that together show every class, for a small trial job before the large one.",
        ("gtmask pilot s3://data/run1/labeling-qa.manifest --out s3://data/pilot",
         "gtmask pilot run1/labeling-qa.manifest --out pilot --compare-png"),
        "docs/guide.md, 6. Five images first"),
    "job": Guide(
        "groundtruth", "Write an adjustment job, and create it with --submit: request, list of labels, worker template.",
        ('gtmask job s3://data/run1/labeling-qa.manifest --out job --role "$ROLE" --workteam "$TEAM" --output s3://data/answer',
         'gtmask job pilot/pilot.manifest --submit --wait --role "$ROLE" --workteam "$TEAM" --output s3://data/answer'),
        "docs/guide.md, 7. The job"),
    "answer": Guide(
        "answer", "Turn a finished job's output into masks, labels to train with, and a manifest of what to ask again.",
        ("gtmask answer s3://data/answer/labeling-qa-adjustment/ --run s3://data/run1 --out corrected",
         "gtmask answer --job labeling-qa-adjustment --out corrected --coco rle"),
        "docs/guide.md, 8. The answer"),
    "preview": Guide(
        "preview", "Write an HTML page of images with their masks on top, in the colours that workers will see.",
        ("gtmask preview run1/labeling-qa.manifest --out look.html",
         "gtmask preview s3://data/run1/labeling-qa.manifest --out look.html --count 50"),
        "docs/guide.md, 5. Check"),
    "finish": Guide(
        "convert", "Write the manifest of a run whose images were shared out among machines with --shard.",
        ("gtmask finish s3://data/run1", "gtmask finish run1 --json"),
        "docs/guide.md, 4. On many machines"),
    "status": Guide(
        "status", "Tell how far a run is, from anywhere, also while it works: what is done, by whom, and what is missing.",
        ("gtmask status s3://data/run1", "gtmask status run1 --json"),
        "docs/guide.md, 4. On many machines"),
    "formats": Guide(
        "formats", "List the formats of exports that can be read, or describe one in full.",
        ("gtmask formats", "gtmask formats coco"), "docs/formats.md"),
    "demo": Guide(
        "demo", "Draw a small data set, then convert, validate, preview and pilot it; needs no AWS account.",
        ("gtmask demo", "gtmask demo /tmp/demo --images 100"), "README.md"),
    "warmup": Guide(
        "warmup", "Compile the code that paints and encodes masks ahead of time, for container images and job scripts.",
        ("gtmask warmup", "gtmask warmup --all"), "docs/guide.md, 4. On many machines"),
    "config": Guide(
        "config", "Show the options in force and where they come from: a variable, the file of settings, or the default.",
        ("gtmask config", "gtmask config convert --json"), "docs/guide.md, Options that repeat"),
}  # fmt: skip


def epilog(command: str) -> str:
    """Return what the help of a command ends with; blank lines are line breaks to Typer."""
    guide = GUIDES[command]
    told = (
        f"Every option is also taken from its variable (GTMASK_{command.upper()}_… for this command alone) or from "
        "gtmask.toml; `gtmask config` shows them."
    )
    return "\n\n".join(["Examples", *guide.examples, told, f"To read on: {guide.page}"])
