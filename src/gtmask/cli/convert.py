"""``gtmask convert`` and ``gtmask finish``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from gtmask import CHOICES, ConvertOptions, ExecutionOptions, ReadOptions, S3Settings, Settings
from gtmask.cli import options
from gtmask.cli.summary import render
from gtmask.cli.talk import Talk

opt = typer.Option
PAINT, WRITE, RUN = options.PAINT, options.WRITE, options.RUN
#: The library's defaults.
SETTINGS, EXECUTION = Settings(), ExecutionOptions()
CHOICE = {name: "|".join(values) for name, values in CHOICES.items()}
TOOL_RULES = ", ".join(rule for rule in CHOICES["fill"] if rule not in {"opencv", "center", "source"})


@options.one_by_one
def convert(
    *,
    source: options.Sources,
    out: Annotated[str, opt("--out", metavar="DEST", help="Folder or s3:// prefix for the masks and the manifest.")],
    images: Annotated[str | None, opt("--images", metavar="PREFIX", help="Folder or s3:// prefix in which the images are (default: the export's own folder).")] = None,
    prepared: Annotated[str | None, opt("--prepared", metavar="FILE|none", help="Table of images that `gtmask prepare` made (default: prepared.jsonl in --images, where it is there); none where the images that it made were labeled.")] = None,
    image_uri: Annotated[str | None, opt(metavar="PREFIX", help="What image references in the manifest begin with, such as s3://bucket/images (default: --images).", rich_help_panel=WRITE)] = SETTINGS.image_uri,
    mask_uri: Annotated[str | None, opt(metavar="PREFIX", help="What mask references in the manifest begin with, such as s3://bucket/masks (default: DEST/masks).", rich_help_panel=WRITE)] = SETTINGS.mask_uri,
    classes: Annotated[Path | None, opt(metavar="FILE", help="Class map, a TOML file; `gtmask classes` writes one to edit (default: each label becomes a class, in the export's order).")] = None,
    format: options.Format = SETTINGS.format,
    reading: ReadOptions,
    only: options.Only = SETTINGS.only,
    fill: Annotated[str, opt(metavar="RULE", autocompletion=options.choice_of(CHOICES["fill"]), help=f"Which pixels a polygon covers: opencv (as cv2.fillPoly paints), center (pixels whose centre is inside), source (as the labeling tool's own exporter paints), or the rule of one tool by its name: {TOOL_RULES}.", rich_help_panel=PAINT)] = SETTINGS.fill,
    size: Annotated[str, opt(metavar=CHOICE["size"], help="Where the mask's size comes from: header (of the image), annotation (the export's own), check (both; images where they differ are rejected), auto (the header, where images can be read).", rich_help_panel=PAINT)] = SETTINGS.size,
    orientation: Annotated[str, opt(metavar=CHOICE["orientation"], help="Where EXIF rotates an image: the mask fits its pixels as the file stores them, or as viewers display them.", rich_help_panel=PAINT)] = SETTINGS.orientation,
    max_pixels: Annotated[int, opt(metavar="N", help="Reject images of more pixels; Ground Truth takes 100 million.", rich_help_panel=PAINT)] = SETTINGS.max_pixels,
    overlap: Annotated[str, opt(metavar=CHOICE["overlap"], help="Which shape lies on top where shapes overlap: order (as in the labeling tool), area (the smaller one), priority (the one whose class has the higher priority in the class map).", rich_help_panel=PAINT)] = SETTINGS.overlap,
    stroke: Annotated[float, opt(metavar="N", help="Width in pixels with which lines and points are painted; 0 leaves them out.", rich_help_panel=PAINT)] = SETTINGS.stroke,
    crowd: Annotated[str, opt(metavar=CHOICE["crowd"], help="Whether regions that COCO marks as a crowd (iscrowd) are painted.", rich_help_panel=PAINT)] = SETTINGS.crowd,
    count_covered: Annotated[bool, opt("--count-covered", help="Count how many pixels of each label are covered by later shapes; slower.", rich_help_panel=PAINT)] = SETTINGS.count_covered,
    label_attribute: Annotated[str, opt(metavar="NAME", help="Manifest key of the mask reference, which Ground Truth calls the label attribute; it ends in -ref.", rich_help_panel=WRITE)] = SETTINGS.label_attribute,
    job_name: Annotated[str, opt(metavar="NAME", help="Name of a labeling job for the manifest's metadata, which must name one.", rich_help_panel=WRITE)] = SETTINGS.job_name,
    creation_date: Annotated[str | None, opt(metavar="DATE", help="Date for the manifest's metadata (creation-date), in UTC, such as 2024-01-01T00:00:00.000000 (default: when the run starts).", rich_help_panel=WRITE)] = SETTINGS.creation_date,
    confidence: Annotated[float, opt(metavar="0..1", help="Confidence that the manifest's metadata gives to every class.", rich_help_panel=WRITE)] = SETTINGS.confidence,
    human_annotated: Annotated[str, opt(metavar=CHOICE["human_annotated"], help="Whether the manifest's metadata says that people annotated the images: auto is no for shapes that the export calls predictions and for files of results, else yes.", rich_help_panel=WRITE)] = SETTINGS.human_annotated,
    png: Annotated[str, opt(metavar=CHOICE["png"], help="Grayscale masks, or palette masks, which image viewers show in the class colours; pixel values are class ids in both.", rich_help_panel=WRITE)] = SETTINGS.png,
    png_encoder: Annotated[str, opt(metavar=CHOICE["png_encoder"], help="PNG encoder: gtmask's own, or the slow pypng to compare with.", rich_help_panel=WRITE)] = SETTINGS.png_encoder,
    executor: Annotated[str, opt(metavar="local|dask://HOST:PORT", help="Work on this machine, or on the Dask cluster with this scheduler.", rich_help_panel=RUN)] = EXECUTION.executor,
    workers: Annotated[int | None, opt(metavar="N", help="Workers: this process, and others beside it (default: one per core, where the work is worth it).", rich_help_panel=RUN)] = EXECUTION.workers,
    shard: Annotated[str | None, opt(metavar="I/N|auto[/N]", help="Convert share I of N only, counted from 0; auto takes both from the array job of AWS Batch or Slurm, auto/N the I from Kubernetes, too. The last share to end writes the manifest; so does `gtmask finish`.", rich_help_panel=RUN)] = EXECUTION.shard,
    chunk_size: Annotated[int | None, opt(metavar="N", help="Images per chunk, 1 to 100,000: processes take a chunk at a time, and finished chunks are kept when a run stops (default: 8 to 512, by how many images, shapes and pixels the export has; a run that goes on keeps its own).", rich_help_panel=RUN)] = SETTINGS.chunk_size,
    limit: Annotated[int | None, opt(metavar="N", help="Convert the first N images only.", rich_help_panel=RUN)] = SETTINGS.limit,
    strict: Annotated[bool, opt("--strict", help="Stop at the first finding that something is lost or guessed, instead of counting it.", rich_help_panel=RUN)] = EXECUTION.strict,
    dry_run: Annotated[bool, opt("--dry-run", help="Read and paint everything, but write nothing.", rich_help_panel=RUN)] = EXECUTION.dry_run,
    overwrite: Annotated[bool, opt("--overwrite", help="Remove the earlier run in DEST and start over.", rich_help_panel=RUN)] = EXECUTION.overwrite,
    retry_rejects: Annotated[bool, opt("--retry-rejects", help="Try again to convert the images that were rejected before.", rich_help_panel=RUN)] = EXECUTION.retry_rejects,
    grace: Annotated[float | None, opt(metavar="SECONDS", help="Time that SIGTERM or Ctrl-C gives the chunks in work to be finished (default: as long as they need).", rich_help_panel=RUN)] = EXECUTION.grace,
    worker_timeout: Annotated[float, opt(metavar="SECONDS", help="How long a Dask cluster may be without workers before the run stops.", rich_help_panel=RUN)] = EXECUTION.worker_timeout,
    update: Annotated[bool, opt("--update", help="Convert what is new or changed in the export, or in the images, since the run in DEST; equal masks stay, removed images leave the manifest, and class ids keep their meaning.", rich_help_panel=RUN)] = EXECUTION.update,
    prune: Annotated[bool, opt("--prune", help="With --update, remove the masks of images that are no longer in the manifest.", rich_help_panel=RUN)] = EXECUTION.prune,
    stats: Annotated[str | None, opt(metavar="FILE", help="Write to this file, local or s3://, what this start took, as JSON: images per second, requests and retries, time and CPU time per stage, peak memory per process.", rich_help_panel=RUN)] = EXECUTION.stats,
    probe_cache: Annotated[str | None, opt(metavar="FILE", help="Keep what headers of images say (size, EXIF orientation) in this file, local or s3://, and read in later runs only those of images that are new or changed.", rich_help_panel=RUN)] = EXECUTION.probe_cache,
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Convert an export to masks and a manifest; run again to go on where a run stopped."""
    from gtmask.errors import GtmaskError

    chosen = ConvertOptions(
        format=format,
        image_uri=image_uri, mask_uri=mask_uri, fill=fill,
        size=size, orientation=orientation, max_pixels=max_pixels, overlap=overlap, stroke=stroke,
        crowd=crowd, count_covered=count_covered, label_attribute=label_attribute, job_name=job_name,
        creation_date=creation_date, confidence=confidence, human_annotated=human_annotated, png=png, png_encoder=png_encoder,
        executor=executor, workers=workers, shard=shard, chunk_size=chunk_size, limit=limit, only=only, strict=strict,
        dry_run=dry_run, overwrite=overwrite, retry_rejects=retry_rejects, grace=grace,
        worker_timeout=worker_timeout, update=update, prune=prune, stats=stats, probe_cache=probe_cache,
        **cast("ConvertOptions", reading.chosen()),
    )  # fmt: skip
    options.check(Settings, chosen)
    options.check(ExecutionOptions, chosen)
    try:
        with talk.following(f"{', '.join(source)} -> {out}") as progress:
            import gtmask

            summary = gtmask.convert(
                source,
                out,
                images=images,
                prepared=prepared,
                classes=classes,
                s3=s3,
                progress=progress,
                **chosen,
            )
    except KeyboardInterrupt as stop:
        raise GtmaskError(str(stop)) from None
    talk.show(summary, partial(render, talk=talk))
    raise typer.Exit(summary.exit_code)


@options.one_by_one
def finish(
    *,
    out: Annotated[str, typer.Argument(metavar="DEST", help="Output of the run: the --out of its convert commands.")],
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Write the manifest of a run whose images were shared out among machines with --shard."""
    with talk.following(out) as progress:
        import gtmask

        summary = gtmask.finish(out, s3=s3, progress=progress)
    talk.show(summary, partial(render, talk=talk))
    raise typer.Exit(summary.exit_code)
