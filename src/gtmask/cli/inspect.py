"""``gtmask inspect`` and ``gtmask classes``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gtmask.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from gtmask.report.inspection import Inspection

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Export: file, folder, glob, archive, s3://…")]
Format = Annotated[
    str, typer.Option("--format", metavar="NAME", help="Skip detection; see `gtmask formats`.")
]


def inspect(
    source: Source,
    format: Format = "auto",
    annotator: options.Annotator = None,
    include_predictions: options.IncludePredictions = False,
    include_unannotated: options.IncludeUnannotated = False,
    interpolate: options.Interpolate = False,
    class_attribute: options.ClassAttribute = None,
    keep_going: options.KeepGoing = False,
    masks: options.Masks = None,
    workers: options.Workers = None,
    endpoint_url: options.Endpoint = None,
    profile: options.Profile = None,
    region: options.Region = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Say what is in an export: format, images, shapes, labels, findings."""
    read = {
        "annotator": annotator, "include_predictions": include_predictions, "interpolate": interpolate,
        "include_unannotated": include_unannotated, "class_attribute": class_attribute, "keep_going": keep_going,
    }  # fmt: skip
    s3 = {"endpoint_url": endpoint_url, "profile": profile, "region": region}
    seen = _inspect(source, format, read, s3, workers=workers, masks=masks, quiet=quiet or as_json)
    from gtmask.cli.console import print_json

    if as_json:
        print_json(seen.to_json())
        return
    from rich.console import Console

    _render(seen, Console(highlight=False))


def classes(
    source: Source,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write here, not to stdout.")
    ] = None,
    format: Format = "auto",
    class_attribute: options.ClassAttribute = None,
    workers: options.Workers = None,
    endpoint_url: options.Endpoint = None,
    profile: options.Profile = None,
    region: options.Region = None,
    quiet: options.Quiet = False,
) -> None:
    """Write a starting class map (TOML) from the labels found; edit it, then convert with --classes."""
    s3 = {"endpoint_url": endpoint_url, "profile": profile, "region": region}
    seen = _inspect(source, format, {"class_attribute": class_attribute}, s3, workers=workers, quiet=quiet)
    from gtmask.errors import UsageError
    from gtmask.groundtruth.classes import dumps

    text = dumps(seen.class_map(), seen.labels)
    if out is None:
        # TOML is UTF-8, whatever the terminal's locale.
        sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
        sys.stdout.flush()
        return
    try:
        with out.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{out} exists and may hold your edits: choose another --out or remove it."
        ) from None
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}.") from error


def _inspect(
    source: str, format: str, read: dict[str, Any], s3: dict[str, Any], *, quiet: bool, workers: int | None,
    masks: str | None = None,
) -> Inspection:  # fmt: skip
    import gtmask
    from gtmask.cli.console import Bar
    from gtmask.formats import ReadOptions
    from gtmask.storage.base import S3Settings

    with Bar(quiet=quiet) as bar:
        seen: Inspection = gtmask.inspect(
            source, format=format, options=ReadOptions(**read), s3=S3Settings(**s3), workers=workers, masks=masks,
            progress=bar,
        )  # fmt: skip
    return seen


def _render(seen: Inspection, console: Console) -> None:
    from gtmask.cli.console import plain, table
    from gtmask.findings import CODES

    console.print(plain(f"{seen.title}: {seen.images:,} images, {seen.shapes:,} shapes"))
    if seen.unusable or seen.empty:
        console.print(plain(f"{seen.unusable:,} records cannot become masks, {seen.empty:,} have no shapes"))
    if seen.kinds:
        console.print(
            plain("kinds   " + ", ".join(f"{kind} {count:,}" for kind, count in seen.kinds.most_common()))
        )
    if seen.sizes:
        shown = ", ".join(f"{size} ({count:,})" for size, count in seen.sizes.most_common(5))
        console.print(plain(f"sizes   {shown}" + (", …" if len(seen.sizes) > 5 else "")))
    if seen.labels:
        counts = table("labels", "label", ">shapes")
        for label, count in seen.labels.most_common():
            counts.add_row(plain(label), f"{count:,}")
        console.print(counts)
    unused = [label for label in seen.declared or () if label not in seen.labels]
    if unused:
        console.print(plain(f"declared but unused: {', '.join(unused)}"))
    if seen.findings:
        found = table("findings", "code", "level", ">count", "what it means", "first example")
        for code, count in seen.findings.most_common():
            row = CODES[code]
            found.add_row(
                code, row.level, f"{count:,}", row.meaning, plain((seen.examples.get(code) or [""])[0])
            )
        console.print(found)
    if seen.answer is not None:
        _render_answer(seen, console)


def _render_answer(seen: Inspection, console: Console) -> None:
    from gtmask.cli.console import plain, table

    answer = seen.answer
    assert answer is not None
    console.print(plain(f"answer  {answer.after} adjusts {answer.before}: {answer.changed:,} of {answer.compared:,} "
                        f"compared images changed, {answer.changed_pixels:,} pixels"))  # fmt: skip
    if answer.statuses:
        console.print(
            plain(
                "status  " + ", ".join(f"{name} {count:,}" for name, count in answer.statuses.most_common())
            )
        )
    if answer.unreadable:
        console.print(plain(f"not compared  {answer.unreadable:,} images whose masks cannot be read or differ "
                            "in size: gtmask validate tells why"))  # fmt: skip
    for reason, count in answer.failures.most_common():
        console.print(plain(f"failed  {count:,} x {reason}"))
    moved = table("what changed", "class before", "class after", ">pixels")
    for (old, new), count in answer.pixels.most_common():
        if old != new:
            moved.add_row(plain(old), plain(new), f"{count:,}")
    if moved.row_count:
        console.print(moved)
