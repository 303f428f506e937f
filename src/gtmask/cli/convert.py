"""``gtmask convert`` and ``gtmask finish``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gtmask.cli import options

if TYPE_CHECKING:
    from gtmask.run import Summary

opt = typer.Option
READ, PAINT, WRITE, RUN = options.READING, "Painting", "Output", "The run"


def convert(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Export: file, folder, glob, archive, s3://…")],
    out: Annotated[str, opt("--out", metavar="DEST", help="Folder or s3:// prefix of the output.")],
    images: options.Images = None,
    image_uri: Annotated[str | None, opt(metavar="PREFIX", help="Stands in source-ref for the --images prefix.", rich_help_panel=WRITE)] = None,
    mask_uri: Annotated[str | None, opt(metavar="PREFIX", help="Stands in mask references for DEST/masks.", rich_help_panel=WRITE)] = None,
    classes: Annotated[Path | None, opt(metavar="FILE", help="Class map (TOML); else made from the export's labels.")] = None,
    format: Annotated[str, opt("--format", metavar="NAME", help="Skip detection; see `gtmask formats`.", rich_help_panel=READ)] = "auto",
    annotator: options.Annotator = None,
    include_predictions: options.IncludePredictions = False,
    include_unannotated: options.IncludeUnannotated = False,
    interpolate: options.Interpolate = False,
    class_attribute: options.ClassAttribute = None,
    keep_going: options.KeepGoing = False,
    fill: Annotated[str, opt(metavar="RULE", help="opencv, center, or source: as the tool's own exporter paints.", rich_help_panel=PAINT)] = "opencv",
    size: Annotated[str, opt(metavar="auto|header|annotation|check", help="Where the mask's size comes from.", rich_help_panel=PAINT)] = "auto",
    orientation: Annotated[str, opt(metavar="stored|display", help="Pixel grid that the mask fits, where EXIF turns the image.", rich_help_panel=PAINT)] = "stored",
    overlap: Annotated[str, opt(metavar="order|area|priority", help="Who wins where shapes overlap.", rich_help_panel=PAINT)] = "order",
    stroke: Annotated[float, opt(metavar="N", help="Paint lines and points N pixels wide.", rich_help_panel=PAINT)] = 0.0,
    crowd: Annotated[str, opt(metavar="paint|ignore", help="What becomes of COCO crowd regions.", rich_help_panel=PAINT)] = "paint",
    count_covered: Annotated[bool, opt("--count-covered", metavar="", help="Count pixels of shapes that later shapes cover; slower.", rich_help_panel=PAINT)] = False,
    label_attribute: Annotated[str, opt(metavar="NAME", help="Must end in -ref.", rich_help_panel=WRITE)] = "labeling-qa-ref",
    job_name: Annotated[str, opt(metavar="NAME", help="Stands in the metadata.", rich_help_panel=WRITE)] = "labeling-qa",
    creation_date: Annotated[str | None, opt(metavar="DATE", help="UTC, like 2024-01-01T00:00:00.000000 (the run's start).", rich_help_panel=WRITE)] = None,
    confidence: Annotated[float, opt(metavar="0..1", help="Stands in the metadata, for every class.", rich_help_panel=WRITE)] = 0.9,
    png: Annotated[str, opt(metavar="gray|palette", help="Colour type 0, or 3 with the class colours.", rich_help_panel=WRITE)] = "gray",
    png_encoder: Annotated[str, opt(metavar="fast|pypng", help="pypng is slow: the reference.", rich_help_panel=WRITE)] = "fast",
    executor: Annotated[str, opt(metavar="local|dask://HOST:PORT", help="Where chunks run.", rich_help_panel=RUN)] = "local",
    workers: Annotated[int | None, opt(metavar="N", help="Processes (one per core).", rich_help_panel=RUN)] = None,
    shard: Annotated[str | None, opt(metavar="I/N|auto", help="This machine's part of an array job.", rich_help_panel=RUN)] = None,
    chunk_size: Annotated[int, opt(metavar="N", help="Records per chunk.", rich_help_panel=RUN)] = 128,
    limit: Annotated[int | None, opt(metavar="N", help="Convert only the first N records.", rich_help_panel=RUN)] = None,
    strict: Annotated[bool, opt("--strict", metavar="", help="Stop at anything that is lost or guessed.", rich_help_panel=RUN)] = False,
    dry_run: Annotated[bool, opt("--dry-run", metavar="", help="Read, probe and paint, but write nothing.", rich_help_panel=RUN)] = False,
    overwrite: Annotated[bool, opt("--overwrite", metavar="", help="Remove the earlier run in DEST and start anew.", rich_help_panel=RUN)] = False,
    retry_rejects: Annotated[bool, opt("--retry-rejects", metavar="", help="Redo the chunks that have rejects.", rich_help_panel=RUN)] = False,
    concurrency: options.Concurrency = 32,
    s3_client: options.S3Client = "aioboto3",
    endpoint_url: options.Endpoint = None,
    profile: options.Profile = None,
    region: options.Region = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Convert an export to masks and a manifest; run again to go on where a run stopped."""
    given: dict[str, Any] = {
        name: value for name, value in locals().items()
        if name not in {"source", "out", "quiet", "as_json", "s3_client", "endpoint_url", "profile", "region", "concurrency"}
    }  # fmt: skip
    import gtmask
    from gtmask.storage import S3Settings

    s3 = S3Settings(s3_client, endpoint_url, profile, region, concurrency)
    from gtmask.cli.console import Bar
    from gtmask.errors import GtmaskError

    try:
        with Bar(quiet=quiet or as_json) as bar:
            summary = gtmask.convert(source, out, progress=bar, s3=s3, **given)
    except KeyboardInterrupt:
        again = "again, without --overwrite," if overwrite else "again"
        raise GtmaskError(
            f"stopped; what was committed is kept. Run the same command {again} to go on."
        ) from None
    _show(summary, quiet=quiet, as_json=as_json)
    raise typer.Exit(summary.exit_code)


def finish(
    out: Annotated[str, typer.Argument(metavar="DEST", help="Output of a run whose chunks were spread.")],
    concurrency: options.Concurrency = 32,
    s3_client: options.S3Client = "aioboto3",
    endpoint_url: options.Endpoint = None,
    profile: options.Profile = None,
    region: options.Region = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Assemble the manifest of a run whose chunks were spread over machines."""
    from gtmask import run
    from gtmask.storage import S3Settings

    s3 = S3Settings(s3_client, endpoint_url, profile, region, concurrency)
    summary = run.finish(out, s3=s3)
    _show(summary, quiet=quiet, as_json=as_json)
    raise typer.Exit(summary.exit_code)


def _show(summary: Summary, *, quiet: bool, as_json: bool) -> None:
    from gtmask.cli.console import console, print_json
    from gtmask.cli.summary import render

    if as_json:
        print_json(summary.to_json())
    elif not quiet:
        render(summary, console())
