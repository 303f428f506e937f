"""``gtmask formats``."""

from __future__ import annotations

from gtmask.cli import options


def formats(as_json: options.Json = False) -> None:
    """List the formats of exports that can be read, and what of them is not."""
    from gtmask.cli.console import plain, print_json, table
    from gtmask.formats import FORMATS

    if as_json:
        print_json([
            {"name": row.name, "title": row.title, "reads": row.reads, "limits": row.limits,
             "source_fill": row.source_fill}
            for row in FORMATS.values()
        ])  # fmt: skip
        return
    from rich.console import Console

    shown = table("", "--format", "tool", "what is read", "limits")
    for row in FORMATS.values():
        shown.add_row(plain(row.name), plain(row.title), plain(row.reads), plain(row.limits))
    Console(highlight=False).print(shown)
