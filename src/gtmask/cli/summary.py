"""What ``gtmask convert`` says at the end: what was made, what was left out and why, what comes next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from gtmask.cli.console import Rows, Screen, findings_table, plain, say, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask import Summary
    from gtmask.cli.talk import Talk


def render(summary: Summary, console: Screen, *, talk: Talk) -> None:
    """Show a run's summary to a person."""
    tally = summary.tally
    made, count, kept = "would be made" if summary.dry_run else "made", tally.masks, ""
    if summary.changes is not None:
        count, kept = summary.changes.made, f", {summary.changes.kept:,} kept as they are"
    tell(console, f"{summary.title}: {_masks(count)} {made}{kept}, {tally.rejects:,} records rejected.")
    _classes(summary, console)
    _findings(summary, console, every=talk.verbose)
    if summary.tally.covered:
        most = summary.tally.covered.most_common(8)
        told = ", ".join(f"{label} {count:,}" for label, count in most if count)
        tell(console, f"covered by later shapes, in pixels: {told or 'none'}")
    _closing(summary, console, talk)


def _closing(summary: Summary, console: Screen, talk: Talk) -> None:
    """Show the closing lines: what, how long, what was left out, where, and the next command."""
    for title, text in _lines(summary, talk.seconds):
        say(console, f"{title:<9} {text}")
    if summary.retry_helps and summary.manifest:
        say(console, "images corrected?  Run the same command with --retry-rejects.")
    if summary.manifest:
        for title, text in _next(summary, summary.manifest, talk):
            say(console, f"{title:<9} {text}")
    elif not summary.dry_run:
        say(
            console,
            f"Other shards are still at work; then: {talk.next_command(f'finish {shlex.quote(summary.out)}')}",
        )


def _next(summary: Summary, manifest: str, talk: Talk) -> Iterator[tuple[str, str]]:
    """Yield how to go on: at once, or after what the manifest names has been uploaded."""
    check = talk.next_command(f"validate {shlex.quote(manifest)}")
    if not (uploads := summary.uploads):
        yield "next", check
        return
    for number, (folder, prefix) in enumerate(uploads):
        copied = shlex.quote(folder) if folder else "IMAGES"
        yield "" if number else "next", f"aws s3 cp --recursive {copied} {shlex.quote(prefix)}"
    yield "then", check
    local = (("--images", summary.images or "IMAGES"), ("--masks", f"{summary.out}/masks"))
    yield "or now", " ".join([check, *(f"{option} {shlex.quote(folder)}" for option, folder in local)])


def _lines(summary: Summary, seconds: float) -> Iterator[tuple[str, str]]:
    from gtmask.cli.reporters import duration
    from gtmask.findings import CODES

    tally = summary.tally
    earlier = (
        f"; {summary.resumed:,} of {summary.chunks:,} chunks were done by earlier starts"
        if summary.resumed
        else ""
    )
    shapes = sum(tally.shapes.values())
    yield (
        "made" if summary.changes is None else "all",
        f"{tally.masks:,} masks of {tally.records:,} images, with {shapes:,} shapes, {_size(tally.mask_bytes)}",
    )
    if summary.changes is not None and summary.changes.without_line:
        removed = "would be removed" if summary.dry_run else "removed"
        ending = removed if summary.changes.prune else "kept without --prune"
        told = _masks(summary.changes.without_line)
        yield "dropped", f"{told} of images that the manifest names no more: {ending}"
    if summary.heads is not None:
        known, read = summary.heads
        yield "heads", f"{known:,} of {known + read:,} headers of images were known by --probe-cache"
    yield "time", f"{duration(seconds)}{earlier}"
    lost = [
        (code, count)
        for code, count in tally.findings.most_common()
        if CODES[code].level in {"loss", "reject"}
    ]
    yield "left out", ", ".join(f"{code} {count:,}" for code, count in lost) or "nothing"
    if summary.manifest:
        yield "masks", f"{summary.out}/masks"
        yield "manifest", summary.manifest
        if tally.rejects:
            yield "rejects", f"{summary.out}/rejects.jsonl"


def _masks(count: int) -> str:
    return "1 mask" if count == 1 else f"{count:,} masks"


def _size(count: int) -> str:
    """Return a number of bytes for people."""
    size, unit = float(count), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"


def _classes(summary: Summary, console: Screen) -> None:
    if not summary.tally.masks:
        return
    total = sum(summary.pixels.values())
    shown = Rows("classes", ">id", "name", "color", ">pixels", ">share")
    names = {0: ("BACKGROUND", "#ffffff")} | {c.id: (c.name, c.color) for c in summary.classes.classes}
    for value, count in summary.pixels.items():
        name, color = names.get(value, ("?", ""))
        shown.add_row(str(value), plain(name), color, f"{count:,}", f"{count / total:.2%}")
    console.print(shown)


def _findings(summary: Summary, console: Screen, *, every: bool) -> None:
    from gtmask.findings import CODES

    for finding in summary.findings:
        row = CODES[finding.code]
        told = (finding.detail or row.meaning).rstrip(".")
        say(console, f"{finding.code}: {told}. {row.remedy}")
    if summary.tally.findings:
        console.print(findings_table(summary.tally.findings, summary.tally.examples, every=every))
