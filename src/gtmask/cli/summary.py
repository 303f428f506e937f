"""What ``gtmask convert`` says at the end: what was made, what was left out and why, what comes next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from gtmask.cli.console import findings_table, plain, say, table
from gtmask.findings import CODES

if TYPE_CHECKING:
    from rich.console import Console

    from gtmask import Summary


def render(summary: Summary, console: Console) -> None:
    """Show a run's summary to a person."""
    tally = summary.tally
    made = "would be made" if summary.dry_run else "made"
    console.print(
        plain(f"{summary.title}: {tally.masks:,} masks {made}, {tally.rejects:,} records rejected.")
    )
    if summary.resumed:
        console.print(plain(f"{summary.resumed:,} of {summary.chunks:,} chunks were done by earlier starts."))
    _classes(summary, console)
    _findings(summary, console)
    if summary.tally.covered:
        most = summary.tally.covered.most_common(8)
        told = ", ".join(f"{label} {count:,}" for label, count in most if count)
        console.print(plain(f"covered by later shapes, in pixels: {told or 'none'}"))
    if summary.manifest:
        say(console, f"manifest  {summary.manifest}")
        if tally.rejects:
            say(console, f"rejects   {summary.out}/rejects.jsonl")
        if summary.retry_helps:
            say(console, "images corrected?  Run the same command with --retry-rejects.")
        say(console, f"next      gtmask validate {shlex.quote(summary.manifest)}")
    elif not summary.dry_run:
        say(console, f"Other shards are still at work; then: gtmask finish {shlex.quote(summary.out)}")


def _classes(summary: Summary, console: Console) -> None:
    if not summary.tally.masks:
        return
    total = sum(summary.pixels.values())
    shown = table("classes", ">id", "name", "color", ">pixels", ">share")
    names = {0: ("BACKGROUND", "#ffffff")} | {c.id: (c.name, c.color) for c in summary.classes.classes}
    for value, count in summary.pixels.items():
        name, color = names.get(value, ("?", ""))
        shown.add_row(str(value), plain(name), color, f"{count:,}", f"{count / total:.2%}")
    console.print(shown)


def _findings(summary: Summary, console: Console) -> None:
    for finding in summary.findings:
        row = CODES[finding.code]
        told = (finding.detail or row.meaning).rstrip(".")
        say(console, f"{finding.code}: {told}. {row.remedy}")
    if summary.tally.findings:
        console.print(findings_table(summary.tally.findings, summary.tally.examples))
