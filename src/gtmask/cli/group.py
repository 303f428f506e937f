"""The commands as a group: each is imported when it is first asked for, and a list of them imports none."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer.main
from typer.core import TyperCommand, TyperGroup

from gtmask.cli.help import GUIDES, epilog
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
