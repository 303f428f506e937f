"""``gtmask inspect`` and ``gtmask classes``."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import gtmask
from gtmask import ReadOptions, S3Settings
from gtmask.cli import options
from gtmask.cli.console import Rows, Screen, findings_table, plain, print_json, tell
from gtmask.cli.talk import Talk

if TYPE_CHECKING:
    from gtmask import Inspection

#: Members of a balance that are no parts of it.
_SUMS = ("handed", "left_out")


@options.one_by_one
def inspect(
    *,
    source: options.Sources,
    format: options.Format = "auto",
    reading: ReadOptions,
    before: options.Before = None,
    after: options.After = None,
    only: options.Only = None,
    images: Annotated[str | None, typer.Option("--images", metavar="PREFIX", help="Folder or s3:// prefix in which the images are: headers of a sample are read (default: the export's own folder, if it is local).")] = None,
    workers: options.Workers = None,
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Show what is in an export, or in the output manifest of a finished adjustment job.

    Its format, how many images and shapes it has, its labels, and findings about the data.
    """
    with talk.following(", ".join(source)) as progress:
        seen = gtmask.inspect(
            source, format=format, options=reading, before=before, after=after, images=images, only=only,
            workers=workers, s3=s3, progress=progress,
        )  # fmt: skip
    talk.show(seen, partial(_render, every=talk.verbose), as_data=True)


@options.one_by_one
def classes(
    *,
    source: options.Sources,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="FILE", help="File to write, local or s3:// (default: the standard output)."
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    format: options.Format = "auto",
    reading: ReadOptions,
    only: options.Only = None,
    workers: options.Workers = None,
    s3: S3Settings,
    talk: Talk,
) -> None:
    """Write a class map (TOML) of the labels found, to edit and to give to convert --classes."""
    with talk.following(", ".join(source)) as progress:
        made = gtmask.classes(
            source, out, overwrite=overwrite, format=format, options=reading, only=only, workers=workers, s3=s3,
            progress=progress,
        )  # fmt: skip
    if talk.json:
        print_json(made.to_json())
    elif out is None:
        # TOML is UTF-8, whatever the terminal's locale.
        sys.stdout.buffer.write(made.toml)
        sys.stdout.flush()


def _render(seen: Inspection, console: Screen, *, every: bool) -> None:
    tell(console, f"{seen.title}: {seen.images:,} images, {seen.shapes:,} shapes")
    if seen.why:
        tell(console, f"format  {seen.why}")
    if seen.unusable or seen.empty:
        tell(console, f"{seen.unusable:,} records cannot become masks, {seen.empty:,} have no shapes")
    if seen.balance.handed:
        parts = {**seen.balance.to_json(), **seen.balance.left_out}
        shown = ", ".join(f"{name} {parts[name]:,}" for name in parts if name not in _SUMS and parts[name])
        tell(console, f"balance {seen.balance.handed:,} elements listed: {shown}")
    if seen.kinds:
        shown = ", ".join(f"{kind} {count:,}" for kind, count in seen.kinds.most_common())
        tell(console, f"kinds   {shown}")
    if seen.sizes:
        shown = ", ".join(f"{size} ({count:,})" for size, count in seen.sizes.most_common(5))
        tell(console, f"sizes   {shown}" + (", …" if len(seen.sizes) > 5 else ""))
    if seen.labels:
        shares = seen.sampled.shares()
        counts = Rows("labels", "label", ">shapes", ">area", "first image")
        for label, count in seen.labels.most_common():
            area = f"{shares[label]:.1%}" if label in shares else ""
            counts.add_row(plain(label), f"{count:,}", area, plain(seen.first_images.get(label, "")))
        console.print(counts)
    _render_sampled(seen, console)
    unused = [label for label in seen.declared or () if label not in seen.labels]
    if unused:
        tell(console, f"declared but unused: {', '.join(unused)}")
    if seen.findings:
        console.print(findings_table(seen.findings, seen.examples, every=every))
    if seen.answer is not None:
        _render_answer(seen, console)


def _render_sampled(seen: Inspection, console: Screen) -> None:
    sampled, estimate = seen.sampled, seen.estimate
    for name, codes in (("left out", seen.left_out), ("guessed", seen.guessed)):
        if codes:
            tell(console, f"{name}  " + ", ".join(f"{code} {count:,}" for code, count in codes.items()))
    if sampled.looked_at:
        tell(console, f"EXIF    turns {sampled.turned:,} of {sampled.looked_at:,} images looked at")
    if sampled.records:
        tell(
            console,
            f"sample  {sampled.records:,} images painted for areas; shapes overlap in {sampled.overlapping:,}",
        )
    if estimate is not None:
        requests = f", {estimate['requests']:,} requests" if estimate["requests"] else ""
        tell(console, f"convert about {estimate['seconds']:,} s with {estimate['workers']} workers, "
                            f"{estimate['bytes']:,} bytes of masks{requests}")  # fmt: skip


def _render_answer(seen: Inspection, console: Screen) -> None:
    answer = seen.answer
    assert answer is not None
    tell(console, f"answer  {answer.after} adjusts {answer.before}: {answer.changed:,} of {answer.compared:,} "
                        f"compared images changed, {answer.changed_pixels:,} pixels")  # fmt: skip
    if answer.statuses:
        counts = ", ".join(f"{name} {count:,}" for name, count in answer.statuses.most_common())
        tell(console, f"status  {counts}")
    if answer.unreadable:
        tell(console, f"not compared  {answer.unreadable:,} images whose masks cannot be read or differ "
                            "in size: gtmask validate tells why")  # fmt: skip
    for reason, count in answer.failures.most_common():
        tell(console, f"failed  {count:,} x {reason}")
    moved = Rows("what changed", "class before", "class after", ">pixels")
    for (old, new), count in answer.pixels.most_common():
        if old != new:
            moved.add_row(plain(old), plain(new), f"{count:,}")
    if len(moved):
        console.print(moved)
