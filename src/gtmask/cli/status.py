"""``gtmask status``."""

from __future__ import annotations

import shlex
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import gtmask
from gtmask import S3Settings
from gtmask.cli import options
from gtmask.cli.console import Rows, Screen, plain, say
from gtmask.cli.talk import Talk

if TYPE_CHECKING:
    from gtmask import Status


@options.one_by_one
def status(
    *,
    out: Annotated[str, typer.Argument(metavar="DEST", help="Output of the run, local or s3://.")],
    s3: S3Settings,
    talk: Talk,
) -> None:
    """Tell how far a run is, from anywhere, also while it works: what is done, by whom, and what is missing."""
    with talk.following(out) as progress:
        found = gtmask.status(out, s3=s3, progress=progress)
    talk.show(found, partial(_render, talk=talk), as_data=True)


def _render(found: Status, screen: Screen, *, talk: Talk) -> None:
    from gtmask.cli.reporters import duration

    tally = found.tally
    say(
        screen,
        f"{found.title}: {found.done:,} of {found.chunks:,} chunks are done, for {found.records:,} images",
    )
    say(screen, f"done      {tally.records:,} images: {tally.masks:,} masks, {tally.rejects:,} rejected")
    if found.rejected:
        say(
            screen,
            "rejects   " + ", ".join(f"{code} {count:,}" for code, count in found.rejected.most_common()),
        )
    if found.left is not None:
        say(screen, f"left      about {duration(found.left)}")
    if found.missing:
        shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in found.missing]
        more = f" and {len(shown) - 20:,} more rows" if len(shown) > 20 else ""
        say(screen, f"missing   chunks {', '.join(shown[:20])}{more}")
    workers = Rows("who", "shard", "host", ">process", "state", "began", "last heard of", ">chunks")
    for row in found.workers:
        times = [_clock(row[name]) for name in ("began", "heard")]
        process = "" if row["pid"] is None else str(row["pid"])
        workers.add_row(row["shard"], plain(row["host"]), process, row["state"], *times, f"{row['done']:,}")
    if found.workers:
        screen.print(workers)
    if found.unknown and found.workers:
        say(screen, f"unknown   {found.unknown:,} chunks were done by starts that left no word")
    where = shlex.quote(found.out)
    if found.manifest:
        say(screen, f"manifest  {found.manifest}")
    elif found.missing:
        say(screen, "next      the same gtmask convert again, on any machine, unless it is at work")
    else:
        say(screen, f"next      {talk.next_command(f'finish {where}')}")


def _clock(moment: float | None) -> str:
    """Return a moment in UTC, as machines of a run may be anywhere."""
    return "" if moment is None else time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(moment))
