"""One start of a run: where things are, what must not meet, and what is true when Ctrl-C stops it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import UsageError
from gtmask.formats.locate import FILE_SUFFIX
from gtmask.formats.sources import spoken
from gtmask.manifest.unfinished import PARTIAL, STATE
from gtmask.manifest.writer import manifest_name
from gtmask.progress import Progress, Silent
from gtmask.run.commit import CLASSES, MASKS, REJECTS, ChunkResult
from gtmask.storage import check_location, is_s3, open_storage
from gtmask.storage.names import split_bucket
from gtmask.storage.usable import check_folder
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from os import PathLike

    from gtmask.images.prepared import PreparedImages
    from gtmask.images.present import Lookup
    from gtmask.run.probe_cache import ProbeCache
    from gtmask.run.settings import ExecutionOptions, Settings
    from gtmask.run.stats import Stats


#: In place of the location of a table of prepared images: the images are taken as they are.
NOT_PREPARED = "none"


@dataclass(slots=True)
class Interrupted:
    """Keeps the sentence that is true now: whoever goes a step further says so before the step."""

    sentence: str = (
        "The run was stopped while it looked at the export, before it wrote anything; what earlier starts "
        "wrote is as it was. Run the same command again."
    )

    def before_freezing(self, execution: ExecutionOptions) -> None:
        """Note that the plan is written now, after the earlier run is removed if that was asked for."""
        self.sentence = (
            "The run was stopped before its first mask, and may have removed files of the earlier run: run "
            "the same command again, with --overwrite."
            if execution.overwrite
            else "The run was stopped before its first mask: run the same command again."
        )

    def before_converting(self, execution: ExecutionOptions) -> None:
        """Note that chunks are committed from now on."""
        again = "again, without --overwrite," if execution.overwrite else "again"
        self.sentence = (
            "The run was stopped; it was a dry run, of which nothing is kept."
            if execution.dry_run
            else f"The run was stopped; what was committed is kept. Run the same command {again} to go on."
        )


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One start of a run: from where to where, and how; ``images_option`` None is the export's own folder.

    ``prepared`` is the location of a table of prepared images, ``table`` that table, and ``assumed`` says
    that it was found and not given. ``stats`` hears what the start takes, where somebody asks, ``probes``
    keeps what heads of images say.
    """

    sources: tuple[str, ...]
    out: str
    images_option: str | None
    settings: Settings
    execution: ExecutionOptions
    progress: Progress = field(default_factory=Silent)
    interrupted: Interrupted = field(default_factory=Interrupted)
    prepared: str | None = None
    table: PreparedImages | None = None
    assumed: bool = False
    stats: Stats | None = None
    probes: ProbeCache | None = None

    @property
    def source(self) -> str:
        """The exports as a sentence names them."""
        return spoken(self.sources)

    @property
    def images(self) -> str:
        """Where images are read."""
        return self.images_option if self.images_option is not None else own_folders(self.sources)[0]

    @property
    def folders(self) -> tuple[str, ...]:
        """Of each export the folder below :attr:`images` that its images are in, "" for that itself."""
        return own_folders(self.sources)[1] if self.images_option is None else ("",) * len(self.sources)

    @property
    def names_images(self) -> bool:
        """Whether it is said where the images are, or which there are."""
        return self.images_option is not None or self.table is not None

    def hear(self, result: ChunkResult) -> None:
        """Take what a chunk came to, where somebody asks what this start takes, or keeps what it learns."""
        if self.stats is not None:
            self.stats.hear(result)
        if self.probes is not None and result.heads is not None:
            self.probes.hear(result.heads)

    def look(self) -> AbstractAsyncContextManager[Lookup]:
        """Return what tells which images there are, by the names that the export knows; enter it."""
        return self.table if self.table is not None else open_storage(self.images, self.execution.s3)

    def prefixes(self) -> dict[str, str]:
        """Return what stands before image keys and mask keys in the manifest, by the plan's names.

        Raises UsageError if one is the path of a folder whose name is not valid UTF-8.
        """
        image = self.settings.image_uri or absolute(self.images)
        mask = self.settings.mask_uri or f"{absolute(self.out)}/{MASKS}"
        for option, prefix in (("--image-uri", image), ("--mask-uri", mask)):
            if escape_unprintable(prefix) != prefix:
                raise UsageError(
                    f"{escape_unprintable(prefix)} is not valid UTF-8, so no manifest can name it: rename "
                    f"the folder, or give {option}."
                )
        return {"image_prefix": image.rstrip("/") + "/", "mask_prefix": mask.rstrip("/") + "/"}

    def refuse_overlap(self) -> None:
        """Refuse an output that the next start would read as part of the export, or that hits the images.

        Raises UsageError with the folder to take instead.
        """
        check_folder(self.out)
        if trouble := self.meets(self.out):
            raise UsageError(f"--out {self.out} {trouble}: {self._instead()}.")
        for option, file in (("--stats", self.stats), ("--probe-cache", self.probes)):
            if file is not None:
                file.refuse_foreign()
                self._refuse_place(option, file.location)
        if self.stats and self.probes and real(self.stats.location) == real(self.probes.location):
            raise UsageError(f"--stats and --probe-cache are both {self.stats.location}: name two files.")
        only = self.settings.only
        if only is not None and is_inside(real(only), real(self.out)):
            raise UsageError(
                f"--only {only} lies in --out {self.out}, whose files a run replaces: copy it elsewhere, and "
                "name the copy."
            )

    def _refuse_place(self, option: str, where: str) -> None:
        """Refuse as a file to write one in the export, or one that the run writes itself."""
        if (trouble := self.meets(where)).startswith("lies inside the export"):
            raise UsageError(f"{option} {where} {trouble}: choose another place.")
        manifest = manifest_name(self.settings.label_attribute)
        for name in (MASKS, STATE, manifest, manifest + PARTIAL, REJECTS, CLASSES):
            if is_inside(real(where), real(f"{self.out}/{name}")):
                raise UsageError(f"{option} {where} is where the run writes {name}: choose another place.")

    def meets(self, out: str) -> str:
        """Return in words what an output would hit, "" if nothing."""
        target, images = real(out), real(self.images)
        for source in self.sources:
            searched = default_images(source) if "**" in source else source
            if is_inside(target, real(searched)):
                return (
                    f"lies inside the export {source}, so its files would be read as annotations on the "
                    "next start"
                )
        if is_inside(images, target):
            return f"is above the images in {self.images}, so masks and images would lie in one folder"
        # Without --images they are said to be beside the export, where outputs often are, too.
        if self.images_option is not None and is_inside(target, images):
            return f"lies inside the images in {self.images}, so masks would be taken for images"
        return ""

    def _instead(self) -> str:
        """Return in words which output hits nothing: beside the images, or beside a folder above them."""
        place = real(self.images)
        while True:
            above, _, name = place.rpartition("/")
            if above == "s3:/":
                # Nothing says that the bucket which would be beside this one is there, or ours.
                return "take another bucket, or name with --images the folder of this one that has the images"
            candidate = f"{above}/{name or 'gtmask'}-masks"
            if not self.meets(candidate) or not above:
                return f"take {candidate}, for example"
            place = above


def refuse_moved_output(prefix: str, out: str, *, is_given: bool) -> None:
    """Refuse an output that was copied or moved: its manifest would name the masks where it was made.

    Raises UsageError: the masks that it would name are not those in ``out``.

    - ``prefix``: what stands before mask keys in the manifest.
    - ``is_given``: whether somebody has said that (``--mask-uri``).
    """
    if not is_given and real(prefix) != real(f"{out}/{MASKS}"):
        made = prefix.rstrip("/").removesuffix(MASKS.rstrip("/")).rstrip("/")
        raise UsageError(
            f"The run in {out} was made as {made}, and its manifest would name the masks there: finish it "
            "under that name, or convert anew, with --mask-uri where masks are moved afterwards."
        )


def default_images(source: str) -> str:
    """Return the export's own folder: where images are looked for without ``--images``."""
    if is_s3(source):
        bucket, key = split_bucket(source)
        is_file = FILE_SUFFIX.search(key) or any(char in key for char in "*?[")
        folder = key.rpartition("/")[0] if is_file else key
        while any(char in folder for char in "*?["):
            folder = folder.rpartition("/")[0]
        return f"s3://{bucket}/{folder}".rstrip("/")
    path = local(source)
    while any(char in str(path) for char in "*?[") and not path.exists():
        path = path.parent
    return str(path if path.is_dir() else path.parent)


def own_folders(sources: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the folder that the own folders of all exports are in, and the way from there to each.

    Raises UsageError where there is no such folder: they lie here and in S3, or in several buckets.
    """
    if len(sources) == 1:
        return default_images(sources[0]), ("",)
    homes = [absolute(default_images(source)).split("/") for source in sources]
    shared = [pair[0] for pair in takewhile(lambda pair: len(set(pair)) == 1, zip(*homes, strict=False))]
    # s3://bucket is three parts; the root of all local folders is one, which is empty.
    if len(shared) < (3 if any(map(is_s3, sources)) else 1):
        raise UsageError(
            f"{sources[0]} and {sources[-1]} lie in no folder together: say with --images where the images "
            "are."
        )
    return "/".join(shared) or "/", tuple("/".join(home[len(shared) :]) for home in homes)


def absolute_location(location: str | PathLike[str], option: str) -> str:
    """Return a location as it is used: the same for whoever works on it, from whatever folder.

    Raises UsageError if it is empty, or neither local nor in S3.
    """
    text = os.fspath(location)
    check_location(text, option)
    return absolute(text)


def prepared_location(given: str | PathLike[str] | None) -> str | None:
    """Return the location of a table as it is used, or :data:`NOT_PREPARED`.

    Raises UsageError where it cannot be one.
    """
    if given is None or os.fspath(given).lower() == NOT_PREPARED:
        return None if given is None else NOT_PREPARED
    return absolute_location(given, "--prepared")


def absolute(location: str) -> str:
    """Return a location without trailing slashes, a local one as an absolute path."""
    if is_s3(location):
        return "s3://" + location[5:].rstrip("/")
    return str(local(location).absolute())


def real(location: str) -> str:
    """Return a location like :func:`absolute`, symbolic links resolved: for comparison."""
    return absolute(location) if is_s3(location) else str(local(location).resolve())


def local(location: str) -> Path:
    """Return a local location as a path, with ``~`` as the home folder.

    Raises UsageError if it begins with ``~`` and names no user.
    """
    try:
        return Path(location).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{location}: there is no such user's home folder.") from error


def is_inside(inner: str, outer: str) -> bool:
    """Say whether a location is another one, or lies below it; both as :func:`real` writes them."""
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")
