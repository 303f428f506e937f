"""``gtmask answer``."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import gtmask
from gtmask import AnswerOptions, S3Settings
from gtmask.cli import options
from gtmask.cli.console import Rows, Screen, findings_table, plain, say, tell
from gtmask.cli.talk import Talk

if TYPE_CHECKING:
    from gtmask import Answer

opt = typer.Option
DEFAULT = AnswerOptions()


@options.one_by_one
def answer(
    *,
    manifests: Annotated[list[str] | None, typer.Argument(metavar="MANIFEST", help="Output manifests, globs of them, or output folders of jobs, local or s3://.")] = None,
    out: Annotated[str, opt("--out", metavar="DEST", help="Folder or s3:// prefix for masks, manifests and changes.")],
    job: Annotated[list[str] | None, opt("--job", metavar="NAME", help="Labeling job whose output is read; may be given several times.")] = None,
    run: Annotated[str | None, opt("--run", metavar="DEST", help="The --out of the conversion that made the masks: the answer gets its class ids and image paths.")] = None,
    classes: Annotated[str | None, opt("--classes", metavar="FILE", help="Class map in place of --run (default: the ids of the adjusted masks).")] = None,
    before: options.Before = DEFAULT.before,
    after: options.After = DEFAULT.after,
    unreviewed: Annotated[str, opt("--unreviewed", metavar="drop|keep|stop", help="What to do with objects that nobody answered: leave them out, take their old masks, or stop.")] = DEFAULT.unreviewed,
    failed: Annotated[str, opt("--failed", metavar="again|keep|drop", help="What to do with objects that Ground Truth failed on: put them into again.manifest, take their old masks, or leave them out.")] = DEFAULT.failed,
    again_verified: Annotated[str | None, opt("--again-verified", metavar="CLASS", help="Also put objects into again.manifest that a verification job put into this class.")] = DEFAULT.again_verified,
    images: Annotated[str | None, opt("--images", metavar="PREFIX", help="What all image references begin with, or a folder with copies of the images; the rest of a reference names its mask (default: as in --run, or what all references have in common).")] = None,
    masks: options.Masks = None,
    prepared: Annotated[str | None, opt("--prepared", metavar="FILE|none", help="Table of images that `gtmask prepare` made (default: the one that --run was made with): masks are those of the images that it was given, of tiles put together. With none they are those of the copies that were labeled.")] = None,
    image_uri: Annotated[str | None, opt("--image-uri", metavar="PREFIX", help="With --prepared: what references to the images in answer.manifest begin with (default: where `gtmask prepare` found them).")] = DEFAULT.image_uri,
    orientation: Annotated[str, opt("--orientation", metavar="stored|display", help="With --prepared, where EXIF rotates an image: the mask fits its pixels as the file stores them, or as viewers display them.")] = DEFAULT.orientation,
    mask_uri: Annotated[str | None, opt("--mask-uri", metavar="PREFIX", help="What mask references in answer.manifest begin with (default: DEST/masks).")] = DEFAULT.mask_uri,
    png: Annotated[str, opt("--png", metavar="gray|palette", help="Grayscale masks, or palette masks, which image viewers show in the class colours.")] = DEFAULT.png,
    coco: Annotated[str | None, opt("--coco", metavar="rle|polygon", help="Also write answer.coco.json, with one instance per connected area, as run lengths (exact) or polygons (without holes).")] = DEFAULT.coco,
    layout: Annotated[str | None, opt("--layout", metavar="sagemaker", help="Also write the folders that SageMaker's own segmentation algorithm trains on.")] = DEFAULT.layout,
    split: Annotated[float, opt("--split", metavar="0..1", help="With --layout: the share of images for training.")] = DEFAULT.split,
    seed: Annotated[int, opt("--seed", metavar="N", help="With --layout: seed of the random choice of images for training; the same seed chooses the same ones.")] = DEFAULT.seed,
    chunk_size: Annotated[int, opt("--chunk-size", metavar="N", help="Images per chunk: finished chunks are kept when the command stops.")] = DEFAULT.chunk_size,
    overwrite: options.Overwrite = False,
    workers: options.Workers = None,
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Turn a finished job's output into masks, labels to train with, and a manifest of what to ask again.

    Run again to go on where it stopped.
    """
    with talk.following(" ".join(manifests or job or ())) as progress:
        result = gtmask.answer(
            manifests, out, job=job, run=run, classes=classes, images=images, masks=masks, prepared=prepared, s3=s3,
            options=AnswerOptions(
                before=before, after=after, unreviewed=unreviewed, failed=failed, again_verified=again_verified,
                png=png, coco=coco, layout=layout, split=split, seed=seed, mask_uri=mask_uri, image_uri=image_uri, orientation=orientation,
                chunk_size=chunk_size,
            ),
            overwrite=overwrite, workers=workers, progress=progress,
        )  # fmt: skip
    talk.show(result, partial(_render, talk=talk))
    raise typer.Exit(result.exit_code)


def _render(result: Answer, screen: Screen, *, talk: Talk) -> None:
    tell(screen, f"answer  {result.after} adjusts {result.before}: {result.changed:,} of {result.compared:,} compared "
        "images changed")  # fmt: skip
    counts = ", ".join(f"{name} {count:,}" for name, count in result.statuses.most_common())
    tell(screen, f"status  {counts}")
    say(screen, f"ids     those of {result.ids}")
    if not result.prepared and result.records > result.objects:
        left = result.records - result.objects
        tell(screen, f"run     {left:,} of its {result.records:,} images are in none of these manifests")
    if result.prepared:
        say(
            screen,
            f"masks   of {result.answered:,} images as they were before they were prepared, by {result.prepared}",
        )
    for reason, count in result.failures.most_common():
        say(screen, f"failed  {count:,} x {reason}")
    most = Rows("most changed", "image", ">pixels", "where (x, y, width, height)")
    for change in result.changes:
        most.add_row(plain(change["image"]), f"{change['changed']:,}", plain(str(change["box"])))
    if result.changes:
        screen.print(most)
    if result.tally.findings:
        screen.print(findings_table(result.tally.findings, result.tally.examples))
    if result.page_trouble:
        say(screen, result.page_trouble)
    for file in result.files:
        say(screen, f"written {file}")
    if result.again:
        command = talk.next_command(f"job {shlex.quote(result.files[1])}")
        say(screen, f"next    {command} … asks for {result.again:,} objects again")
