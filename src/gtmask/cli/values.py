"""How options are read and shown: their values need no reading where they are what they must be, or plain digits.

Typer has Pydantic read every value, also the defaults of the sixty options that nobody gave, and importing that
takes longer than the run of a small export. What is not plain goes Typer's way.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Stands for a value that Typer is to read.
_UNREAD = object()
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")


def read_plainly(parameters: list[Any]) -> list[Any]:
    """Let parameters of a command take plain values as they are; return them."""
    for parameter in parameters:
        if "process_value" not in vars(parameter):
            parameter.process_value = partial(_process, parameter, parameter.process_value)
    return parameters


def show_plainly(parameters: list[Any]) -> None:
    """Leave the names of Python's types out of the help: a flag with <bool> looks as if it took a value."""
    for parameter in parameters:
        if parameter.param_type_name == "argument" or parameter.is_flag:
            parameter.display_type_rich = lambda ctx: ""  # noqa: ARG005 - Typer's


def _process(parameter: Any, typers: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    read = _plain(parameter, value)
    if read is _UNREAD or (parameter.required and parameter.value_is_missing(read)):
        return typers(context, value)
    return read if parameter.callback is None else parameter.callback(context, parameter, read)


def _plain(parameter: Any, value: Any) -> Any:
    """Return what a value is read as, where that is plain."""
    described = getattr(parameter, "type_descriptor", None)
    if described is None or getattr(described.parameter_info, "parser", None) is not None:
        return _UNREAD
    wanted = described.annotation
    if wanted == list[str]:
        if value is None:
            return ()
        plain = isinstance(value, list | tuple) and all(type(one) is str for one in value)
        return list(value) if plain else _UNREAD
    if parameter.multiple or parameter.nargs != 1:
        return _UNREAD
    if value is None or (type(value) is wanted and wanted in {str, int, float, bool}):
        return value
    if wanted is str and type(value) is int:
        return str(value)
    if wanted is int and type(value) is str and _WHOLE.fullmatch(value):
        return int(value)
    return _UNREAD
