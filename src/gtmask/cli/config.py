"""``gtmask config``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gtmask.cli import options
from gtmask.cli.console import Rows, console, plain, print_json, say
from gtmask.cli.settings import flag, origin, settable, settings_file, strangers, variables

if TYPE_CHECKING:
    from collections.abc import Iterator


def config(
    context: typer.Context,
    command: Annotated[str | None, typer.Argument(metavar="COMMAND", autocompletion=options.command_names, help="The command whose options to show, all of them (default: what is set, of every command).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as one JSON document to stdout.")] = False,
) -> None:  # fmt: skip
    """Show the options in force and where they come from: a variable, the file of settings, or the default.

    What is typed counts first, then GTMASK_COMMAND_OPTION, then GTMASK_OPTION, then gtmask.toml: the command's
    table, then its top.
    """
    assert context.parent is not None
    group: Any = context.parent.command
    chosen = dict(group.commands)
    if command is not None:
        chosen = {command.lower(): options.one_of(chosen, command, "COMMAND")}
    rows = [row for item in chosen.values() for row in _rows(context.parent, item)]
    if command is None:
        rows = [row for row in rows if row["from"]]
    path = settings_file(context.parent.params.get("config"))
    unknown = strangers(group)
    if as_json:
        print_json({"file": None if path is None else str(path), "options": rows, "unknown": unknown})
        return
    screen = console(stdout=True)
    say(screen, f"file      {path or 'none: gtmask.toml in the working folder, or --config FILE'}")
    shown = Rows("options", "command", "option", "value", "from", "variables")
    for row in rows:
        values = (
            row["command"],
            row["option"],
            row["value"],
            row["from"] or "default",
            " ".join(row["variables"]),
        )
        shown.add_row(*map(plain, values))
    if rows:
        screen.print(shown)
    else:
        say(screen, "options   nothing is set: every option has its default")
    for name in unknown:
        say(screen, f"unknown   {name} is set and belongs to no option")


def _rows(root: Any, command: Any) -> Iterator[dict[str, Any]]:
    """Yield the options of a command with their values, as a call without any would have them."""
    context = command.make_context(command.name, [], parent=root, resilient_parsing=True)
    for option in settable(command):
        yield {
            "command": command.name,
            "option": flag(option),
            "value": context.params.get(option.name),
            "from": origin(context, option),
            "variables": [name for name in variables(command.name, option) if os.environ.get(name)]
            or list(option.envvar),
        }
