"""``gtmask preview``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import gtmask
from gtmask import CHOICES, ReadOptions, S3Settings, Settings
from gtmask.cli import options
from gtmask.cli.console import Screen, say
from gtmask.cli.talk import Talk

if TYPE_CHECKING:
    from gtmask import Preview

opt = typer.Option
PAINT = options.PAINT
SETTINGS = Settings()


@options.one_by_one
def preview(
    *,
    manifest: Annotated[list[str], typer.Argument(metavar="MANIFEST", help="The augmented manifest, or the folder that it is in: a path or an s3:// URI; or an export that is not converted yet, or several.")],
    out: Annotated[str, opt("--out", metavar="F.html", help="The HTML page to write, local or s3://.")],
    count: Annotated[int, opt("--count", metavar="N", help="How many images to show, evenly spread.")] = 24,
    seed: Annotated[int | None, opt("--seed", metavar="N", help="Choose the images at random, with this seed, instead of evenly spread ones.")] = None,
    cover: Annotated[bool, opt("--cover", help="Choose images such that every class that occurs is on one of them.")] = False,
    only: Annotated[list[str] | None, opt("--only", metavar="CODE", help="Show images with this finding only; may be given several times.")] = None,
    image: Annotated[list[str] | None, opt("--image", metavar="NAME", help="Show this image, named by its path or the end of it; may be given several times.")] = None,
    images: Annotated[str | None, opt("--images", metavar="PREFIX", help="Folder or s3:// prefix with copies of the images that the manifest names; of an export, where its images are.")] = None,
    classes: Annotated[Path | None, opt("--classes", metavar="FILE", help="Class map for an export, a TOML file (default: each label becomes a class).", rich_help_panel=PAINT)] = None,
    fill: Annotated[str, opt("--fill", metavar="RULE", help="Which pixels a polygon of an export covers; see `gtmask convert --help`.", rich_help_panel=PAINT)] = SETTINGS.fill,
    orientation: Annotated[str, opt("--orientation", metavar="|".join(CHOICES["orientation"]), help="Where EXIF rotates an export's image: the pixels as the file stores them, or as viewers display them.", rich_help_panel=PAINT)] = SETTINGS.orientation,
    format: options.Format = "auto",
    reading: ReadOptions,
    overwrite: options.Overwrite = False,
    workers: options.Workers = None,
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Write an HTML page of images with their masks on top, in the colours that workers will see.

    Of a manifest, a pilot or a finished job's output (masks before and after, and what differs), or of an export, which is painted in memory.
    """
    with talk.following(", ".join(manifest)) as progress:
        made = gtmask.preview(
            manifest, out, count=count, seed=seed, cover=cover, only=only, image=image,
            partial=reading.partial, images=images, masks=reading.masks, classes=classes, format=format,
            fill=fill, orientation=orientation, options=reading, overwrite=overwrite, s3=s3, workers=workers, progress=progress,
        )  # fmt: skip
    talk.show(made, _render)
    raise typer.Exit(3 if made.troubles else 0)


def _render(made: Preview, screen: Screen) -> None:
    for trouble in filter(None, (made.unfinished, *made.troubles)):
        say(screen, trouble)
    say(screen, f"{made.shown:,} overlays in {made.path}")
