"""``gtmask formats``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gtmask.cli import options
from gtmask.cli.console import Rows, console, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtmask.formats import Format


#: The members of a format's document, beside its options.
_SHOWN = ("name", "title", "reads", "limits", "source_fill", "per_image", "image", "label", "holes", "grid", "order",
          "counts", "attributes", "statuses")  # fmt: skip


def formats(
    name: Annotated[str | None, typer.Argument(metavar="NAME", autocompletion=options.format_names, help="The format to describe in full (default: a list of all formats).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as one JSON document to stdout.")] = False,
) -> None:  # fmt: skip
    """List the formats of exports that can be read, or describe one in full.

    What is read of it and what is not, which options it knows, and how images, classes and holes are found.
    """
    from gtmask.formats import FORMATS

    chosen = list(FORMATS.values()) if name is None else [options.one_of(FORMATS, name, "NAME")]
    if as_json:
        documents = [_document(row) for row in chosen]
        print_json(documents if name is None else documents[0])
    elif name is None:
        _list(chosen)
    else:
        _tell(chosen[0])


def _document(row: Format) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _SHOWN} | {"options": sorted(row.known_options)}


def _list(rows: Sequence[Format]) -> None:
    shown = Rows("", "--format", "tool", "what is read", "limits")
    for row in rows:
        shown.add_row(plain(row.name), plain(row.title), plain(row.reads), plain(row.limits))
    console(stdout=True).print(shown)


def _tell(row: Format) -> None:
    shown = Rows(f"{row.title} (--format {row.name})", "", "", header=False)
    for title, text in row.facts().items():
        shown.add_row(plain(title), plain(text))
    console(stdout=True).print(shown)
