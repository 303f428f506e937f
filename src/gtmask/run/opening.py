"""How a run opens its exports: what reads them as one, what watches them, and their fingerprints."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.formats import open_sources
from gtmask.formats.base import ReadOptions
from gtmask.formats.locate import open_export
from gtmask.run.places import default_images, real
from gtmask.run.plan import fingerprint
from gtmask.run.watch import Watches
from gtmask.workers import thread_pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtmask.formats.base import Reader
    from gtmask.formats.export import Export
    from gtmask.run.places import RunRequest


class Opened(NamedTuple):
    """The exports of a run."""

    reader: Reader[Any]
    watch: Watches
    digests: list[str]


def open_exports(request: RunRequest) -> Opened:
    """Open the exports of a run, having looked at them before anything of them is read."""
    s3 = request.execution.s3
    exports = [open_export(source, s3) for source in request.sources]
    watch = Watches.begin(request.sources, s3, exports)
    with thread_pool(1, "gtmask-fingerprint") as beside:
        # Beside the structural scan, which lets other threads run: both read every byte.
        marks = [beside.submit(fingerprint, copy(export)) for export in exports]
        reader = open_run_reader(request, exports)
    digests = [mark.result() for mark in marks]
    watch.know(digests)
    return Opened(reader, watch, digests)


def open_run_reader(request: RunRequest, exports: Sequence[Export]) -> Reader[Any]:
    """Open exports as the settings of a run say."""
    chosen, given = request.settings, request.images_option
    options = [
        ReadOptions(
            **chosen.chosen(),
            images=None if given is None or real(given) == real(default_images(source)) else given,
            memory_limit=request.execution.memory_limit,
        )
        for source in request.sources
    ]
    return open_sources(request.sources, chosen.format, options, request.execution.s3, exports).reader
