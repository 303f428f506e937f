"""``gtmask prepare``."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from gtmask import PrepareOptions, S3Settings
from gtmask.cli import options
from gtmask.cli.talk import Talk

if TYPE_CHECKING:
    from gtmask import Preparation
    from gtmask.cli.console import Screen

opt = typer.Option
DEFAULT = PrepareOptions()


@options.one_by_one
def prepare(
    *,
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="Folder or s3:// prefix of the images; they are not touched.")],
    out: Annotated[str, opt("--out", metavar="DEST", help="Folder or s3:// prefix for the copies and for prepared.jsonl, the table that convert reads.")],
    tile: Annotated[str, opt("--tile", metavar="WxH", help="The most pixels of a tile, where an image must be split.")] = DEFAULT.tile,
    overlap: Annotated[int, opt("--overlap", metavar="N", help="Pixels that neighbouring tiles have in common.")] = DEFAULT.overlap,
    sixteen_bit: Annotated[str, opt("--sixteen-bit", metavar="scale|high-byte", help="How samples of more than 8 bits become 8: scale maps the least value of the file to 0 and the greatest to 255, high-byte drops the lower 8 bits.")] = DEFAULT.sixteen_bit,
    max_pixels: Annotated[int, opt("--max-pixels", metavar="N", help="Refuse images of more pixels.")] = DEFAULT.max_pixels,
    split_pixels: Annotated[int, opt("--split-pixels", metavar="N", help="Split images of more pixels into tiles; Ground Truth takes 100 million.")] = DEFAULT.split_pixels,
    split_bytes: Annotated[int, opt("--split-bytes", metavar="N", help="Split images of more bytes into tiles; Ground Truth takes 40 million.")] = DEFAULT.split_bytes,
    changed_only: Annotated[bool, opt("--changed-only", help="Leave images where they are that need no change, in place of copying them; the table says so.")] = DEFAULT.changed_only,
    chunk_size: Annotated[int, opt("--chunk-size", metavar="N", help="Images per chunk: finished chunks are kept when the command stops.")] = DEFAULT.chunk_size,
    dry_run: Annotated[bool, opt("--dry-run", help="Do everything but write.")] = False,
    overwrite: Annotated[bool, opt("--overwrite", help="Start anew, and replace files of the same names in DEST.")] = False,
    workers: options.Workers = None,
    s3: S3Settings,
    talk: Talk,
) -> None:  # fmt: skip
    """Copy images so that Ground Truth can show them: upright, JPEG or PNG, 8 bits, in tiles where too large.

    Optional, before convert. Run again to go on where it stopped, and for images that are new.
    """
    with talk.following(f"{images} -> {out}") as progress:
        import gtmask

        result = gtmask.prepare(
            images, out,
            options=PrepareOptions(
                tile=tile, overlap=overlap, sixteen_bit=sixteen_bit, max_pixels=max_pixels, split_pixels=split_pixels,
                split_bytes=split_bytes, changed_only=changed_only, chunk_size=chunk_size,
            ),
            dry_run=dry_run, overwrite=overwrite, s3=s3, workers=workers, progress=progress,
        )  # fmt: skip
    talk.show(result, partial(_render, talk=talk))
    raise typer.Exit(result.exit_code)


def _render(result: Preparation, screen: Screen, *, talk: Talk) -> None:
    from gtmask.cli.console import findings_table, say

    changed = result.prepared - result.copied - result.left
    say(
        screen,
        f"images    {result.files:,} files: {changed:,} changed, {result.copied:,} copied, {result.left:,} left "
        f"where they are, {result.rejects:,} refused",
    )
    if result.changes:
        counts = ", ".join(f"{name} {count:,}" for name, count in result.changes.most_common())
        say(screen, f"changes   {counts}")
    tiles = ", tiles among them" if result.changes["split"] else ""
    say(screen, f"result    {result.new_images:,} images{tiles}")
    if result.findings:
        screen.print(findings_table(result.findings, result.examples))
    if result.dry_run:
        say(screen, "dry run   nothing was written")
        return
    say(screen, f"written   {result.table}")
    if result.rejects:
        say(screen, f"refused   {result.out}/rejects.jsonl says why")
    say(
        screen,
        f"next      {talk.next_command(f'convert EXPORT --images {shlex.quote(result.out)} --out MASKS')}",
    )
