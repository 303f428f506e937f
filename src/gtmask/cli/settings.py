"""What stands in for options that were not typed: ``GTMASK_`` variables, and a file of settings.

What is typed comes first, then a command's own variable (``GTMASK_CONVERT_WORKERS``), then that of all commands
(``GTMASK_WORKERS``), then the command's own table in the file, then the file's top, then the default.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from typer import BadParameter
from typer.core import TyperCommand

from gtmask.cli.values import read_plainly, show_plainly
from gtmask.errors import UsageError

#: Read from the working folder, unless ``--config`` or the variable names another file.
FILE, FILE_VARIABLE = "gtmask.toml", "GTMASK_CONFIG"
PREFIX = "GTMASK"
#: Between the values that one variable gives to an option that may be given several times: labels have blanks.
SEPARATOR = ";"

_ALL = frozenset({"*"})
#: Options that mean something else in these commands: there only the command's own variable and table set them.
_OWN = {
    "--out": _ALL,
    "--count": _ALL,
    "--only": _ALL,
    "--overwrite": _ALL,
    "--stats": _ALL,
    "--strict": _ALL,
    "--images": {"answer", "demo"},
    "--max-pixels": {"prepare"},
    "--overlap": {"prepare"},
    "--label-attribute": {"job"},
    "--image-uri": {"pilot", "answer"},
    "--mask-uri": {"pilot", "answer"},
    "--orientation": {"answer"},
    "--job": _ALL,
    "--output": _ALL,
}


def flag(option: Any) -> str:
    """Return what an option is called: the longest of its names."""
    return str(max(option.opts, key=len))


def is_general(command: str, option: Any) -> bool:
    """Say whether what is set for all commands holds for this command's option."""
    own = _OWN.get(flag(option), frozenset())
    return command not in own and own is not _ALL


def variables(command: str, option: Any) -> tuple[str, ...]:
    """Return the variables that set an option, the first one set counts."""
    name = flag(option).removeprefix("--").replace("-", "_").upper()
    own = f"{PREFIX}_{command.upper()}_{name}"
    return (own, f"{PREFIX}_{name}") if is_general(command, option) else (own,)


def settable(command: Any) -> list[Any]:
    """Return a command's options that can be set without typing them."""
    return [item for item in command.params if item.param_type_name == "option" and item.name != "help"]


class Command(TyperCommand):
    """A command whose options take their values from variables and the file, too."""

    def __init__(self, name: str | None, **rest: Any) -> None:
        super().__init__(name, **rest)
        for option in settable(self):
            option.envvar = variables(name or "", option)
            option.get_error_hint = partial(_spelled, option)
            if option.multiple:
                option.value_from_envvar = partial(_several, option)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's parameters, and --help."""
        return read_plainly(super().get_params(ctx))

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of a call, with the file's settings as defaults."""
        if parent is not None:
            path = settings_file(parent.params.get("config"))
            extra["default_map"] = defaults_of(path, self, parent.command) if path else None
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BadParameter as error:
            if error.ctx is not None and error.param is not None and (where := _source(error)):
                error.message = f"{error.message.rstrip('.')} (it comes from {where})."
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with the one variable of each option that is worth remembering."""
        show_plainly(self.get_params(ctx))
        before = {option: option.envvar for option in settable(self)}
        for option, names in before.items():
            option.envvar = names[-1]
        try:
            super().format_help(ctx, formatter)
        finally:
            for option, names in before.items():
                option.envvar = names


def _spelled(option: Any) -> str:
    """Return how an error names an option: with the one variable that is worth remembering."""
    return f"{' / '.join(map(repr, option.opts))} (env var: {option.envvar[-1]!r})"


def _several(option: Any, context: Any) -> list[str] | None:
    """Return the values that a variable gives to an option that may be given several times."""
    text = option.resolve_envvar_value(context)
    if text is None:
        return None
    # Separators alone are what a script makes of unset variables: refused as any other text that means nothing.
    return [part for part in map(str.strip, text.split(SEPARATOR)) if part] or [text]


def settings_file(named: str | None) -> Path | None:
    """Return the file of settings: the one named, or that in the working folder; None where there is none.

    Raises UsageError: the one named is not there.
    """
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UsageError(f"--config {named} is not there: name a file of settings, or leave it out.")
        return path
    here = Path(FILE)
    return here if here.is_file() else None


def read_file(path: Path) -> dict[str, Any]:
    """Return what stands in a file of settings, options by their names.

    Raises UsageError where it cannot be read, or is no TOML.
    """
    import tomllib

    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read as settings ({error}): correct it, or take it away."
        ) from error
    tables = {name: _keys(path, value) if isinstance(value, dict) else value for name, value in found.items()}
    return _keys(path, tables)


def defaults_of(path: Path, command: Any, group: Any) -> dict[str, Any]:
    """Return a file's settings for a command, by the names of its parameters.

    Raises UsageError: the file names an option that there is not, or sets one to what it cannot be.
    """
    found = read_file(path)
    _refuse_unknown(path, found, group)
    own = found.get(command.name, {})
    chosen: dict[str, Any] = {}
    for option in settable(command):
        name = flag(option).removeprefix("--")
        if name in own:
            chosen[option.name] = _checked(path, f"{command.name}.{name}", option, own[name])
        elif name in found and is_general(command.name, option):
            chosen[option.name] = _checked(path, name, option, found[name])
    return chosen


def origin(context: Any, option: Any) -> str:
    """Return where an option's value came from: "" for a default, "the command line", a variable, or a file."""
    source = context.get_parameter_source(option.name)
    kind = "DEFAULT" if source is None else source.name
    if kind == "ENVIRONMENT":
        return str(next(name for name in option.envvar if os.environ.get(name)))
    if kind == "DEFAULT_MAP":
        named = context.parent.params.get("config") if context.parent else None
        return str(settings_file(named))
    return "the command line" if kind == "COMMANDLINE" else ""


def _source(error: BadParameter) -> str:
    """Return where a value came from that is refused, if not from the command line."""
    option: Any = error.param
    where = origin(error.ctx, option) if option.param_type_name == "option" else ""
    return "" if where == "the command line" else where


def borrowed(context: Any) -> tuple[tuple[str, str], ...]:
    """Return the options that were not typed and yet have a value from somewhere, each with its origin."""
    found = ((flag(option), origin(context, option)) for option in settable(context.command))
    return tuple((name, where) for name, where in found if where not in {"", "the command line"})


def typed(context: Any) -> tuple[tuple[str, str], ...]:
    """Return the options that were typed once, each with its value; "" for a flag."""
    found = [(flag(option), context.params.get(option.name)) for option in settable(context.command)
             if origin(context, option) == "the command line"]  # fmt: skip
    return tuple(
        (name, "" if value is True else str(value)) for name, value in found if not isinstance(value, list)
    )


def strangers(group: Any) -> list[str]:
    """Return the variables in the environment that look like ours and set nothing."""
    return _not_among(known_variables(group))


def misspelt(context: Any) -> tuple[tuple[str, str], ...]:
    """Return the variables in the environment that set nothing, each with the nearest one that does, or ""."""
    import difflib

    own = {name for option in settable(context.command) for name in option.envvar}
    if context.parent is None or not _not_among(own | {FILE_VARIABLE}):
        return ()
    known = known_variables(context.parent.command)
    return tuple(
        (name, next(iter(difflib.get_close_matches(name.upper(), sorted(known), 1, 0.8)), ""))
        for name in _not_among(known)
    )


def known_variables(group: Any) -> set[str]:
    """Return the variables of all options of all commands."""
    found = {
        name for command in group.commands.values() for item in settable(command) for name in item.envvar
    }
    return found | {FILE_VARIABLE}


def _not_among(known: set[str]) -> list[str]:
    """Return the variables with our prefix, in any case, that are none of these and are not empty."""
    return sorted(
        name for name in os.environ
        if name.upper().startswith(f"{PREFIX}_") and name not in known and os.environ[name]
    )  # fmt: skip


def _refuse_unknown(path: Path, found: dict[str, Any], group: Any) -> None:
    names: dict[str, set[str]] = {}
    for title, command in group.commands.items():
        for option in settable(command):
            if is_general(title, option):
                names.setdefault("", set()).add(flag(option).removeprefix("--"))
            names.setdefault(title, set()).add(flag(option).removeprefix("--"))
    for name, value in found.items():
        tables = {"": {name: value}} if not isinstance(value, dict) else {name: value}
        for title, options in tables.items():
            if title not in names and title:
                raise UsageError(f"{path}: [{title}] is no command of gtmask{_near(title, names)}.")
            for option in options:
                if option not in names[title]:
                    raise UsageError(_unknown(path, title, option, names))


def _unknown(path: Path, title: str, option: str, names: dict[str, set[str]]) -> str:
    having = sorted(command for command, options in names.items() if command and option in options)
    if not title and having:
        return f"{path}: {option} means something else in each command: set it in a table, such as [{having[0]}]."
    where = f"gtmask {title}" if title else "any command"
    return f"{path}: {option} is no option of {where}{_near(option, names[title])}."


def _near(name: str, known: Any) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _checked(path: Path, name: str, option: Any, value: Any) -> Any:
    """Return a value from the file as an option takes it: a list only where there may be several."""
    is_flag = bool(getattr(option, "is_flag", False))
    if (
        is_flag != isinstance(value, bool)
        or isinstance(value, dict)
        or (isinstance(value, list) and not option.multiple)
    ):
        wanted = "true or false" if is_flag else "a list" if option.multiple else "a text or a number"
        raise UsageError(f"{path}: {name} is {value!r} and must be {wanted}.")
    if option.multiple:
        return [str(item) for item in (value if isinstance(value, list) else [value])]
    return value if is_flag else str(value)


def _keys(path: Path, table: dict[str, Any]) -> dict[str, Any]:
    """Return a table with hyphens in its keys; refuse one that names an option in both ways."""
    spelled: dict[str, str] = {}
    for name in table:
        if (other := spelled.setdefault(name.replace("_", "-"), name)) != name:
            raise UsageError(f"{path}: {other} and {name} are one option: leave one of them out.")
    return {option: table[name] for option, name in spelled.items()}
