"""``gtmask convert``: settles what is to be done, has workers start, and only then imports what does it.

Worker processes take as long to import as this one: those that somebody asked for do it at the same time.
"""

from __future__ import annotations

import os
from contextlib import nullcontext, suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from gtmask.formats.sources import source_list
from gtmask.progress import Progress, Silent
from gtmask.run.job import probe_cache_of
from gtmask.run.places import RunRequest, absolute_location, prepared_location
from gtmask.run.settings import ConvertOptions, parse_shard, split_options
from gtmask.run.stats import Stats
from gtmask.storage import S3Settings, is_s3
from gtmask.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from gtmask.class_map import ClassMap
    from gtmask.run.summary import Summary

#: Bytes of a file, and files of a folder, from which on an export surely keeps several processes busy.
LARGE_FILE, MANY_FILES = 16 << 20, 2_000


def convert(
    source: str | PathLike[str] | Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    prepared: str | PathLike[str] | None = None,
    classes: str | PathLike[str] | ClassMap | None = None,
    s3: S3Settings | None = None,
    progress: Progress | None = None,
    **options: Unpack[ConvertOptions],
) -> Summary:
    """Convert an export to masks and a manifest; resumes what an earlier start left unfinished.

    Parameters
    ----------
    source
        File, folder, glob, archive or ``s3://`` location of the export; or several, of one tool or of more,
        which become one run: their labels are joined by name, and class ids follow the order of the exports.
        Of an image that stands in several of them the first one's annotations count.
    out
        Folder or ``s3://`` prefix of the output.
    images
        Folder or prefix in which the images are read; the export's own folder by default.
    prepared
        The table of images that :func:`gtmask.prepare` made; by default the one that lies among the images;
        ``"none"`` where the images that it made were labeled.
    classes
        A class map or the path of its TOML file; by default made from the export's own label list.
    s3
        How to reach S3.
    progress
        Is told how the run gets on.
    **options
        The fields of :class:`Settings` and :class:`ExecutionOptions`: the same names, meanings and defaults
        as the options of ``gtmask convert``.

    Returns
    -------
    Summary
        Its ``exit_code`` is 3 where records were rejected.

    Raises
    ------
    UsageError
        Settings that cannot be meant, or another run's output.
    GtmaskError
        The run stopped; what was committed is kept and the same call goes on.
    KeyboardInterrupt
        Ctrl-C stopped it: its argument says what is true then.

    Examples
    --------
    >>> import gtmask
    >>> summary = gtmask.convert("export.json", "masks-run1", images="images", workers=1)
    >>> summary.tally.masks, summary.tally.rejects
    (6, 0)
    """
    settings, execution = split_options(options, s3)
    listener = progress or Silent()
    stats = None
    if execution.stats is not None:
        stats = Stats(absolute_location(execution.stats, "--stats"), execution.s3, listener)
    request = RunRequest(
        tuple(absolute_location(one, "SOURCE") for one in source_list(source)),
        absolute_location(out, "--out"),
        None if images is None else absolute_location(images, "--images"),
        settings,
        execution,
        stats or listener,
        prepared=prepared_location(prepared),
        stats=stats,
        probes=probe_cache_of(execution),
    )
    request.refuse_overlap()
    parse_shard(execution.shard)
    workers = Pool(
        execution.workers, execution.executor, grace=execution.grace, patience=execution.worker_timeout
    )
    try:
        with stats or nullcontext(), workers:
            try:
                if execution.workers is not None and any(map(_is_large, request.sources)):
                    workers.prepare(_load_worker)
                # Imports the compiler and what reads exports: processes that were started import meanwhile.
                from gtmask.run.run import run  # noqa: PLC0415

                return run(request, classes, workers)
            except KeyboardInterrupt:
                # The chunks that run are finished first, which may take a while: show that the key was heard.
                request.progress.stage("stopping", None)
                raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt(request.interrupted.sentence) from None


def _is_large(source: str) -> bool:
    """Tell whether an export surely has more than one chunk, as far as a look at a few names tells that."""
    if is_s3(source):
        return False
    with suppress(OSError):
        if not (folder := Path(source)).is_dir():
            return folder.stat().st_size >= LARGE_FILE
    files = chain.from_iterable(names for _, _, names in os.walk(source))
    return next(islice(files, MANY_FILES, None), None) is not None


def _load_worker() -> None:
    """Import what a worker needs, in its process."""
    from gtmask.run.worker import warm_up  # noqa: PLC0415 - not here

    warm_up()
