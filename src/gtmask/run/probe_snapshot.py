"""What is known of heads while a run lasts: one file that all workers map into memory.

So no record has to be read where the run is led to tell whose image it has, whatever the export's format. On
this machine it is a temporary file; workers on other machines find it in the output.
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import GtmaskError, NotFoundError
from gtmask.images.known_heads import ROW, Heads, Kind, KnownHeads
from gtmask.loops import run_async
from gtmask.manifest.unfinished import STATE
from gtmask.storage import is_s3, open_storage, split_location

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from numpy.typing import NDArray

    from gtmask.storage.base import S3Settings


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where workers find what is known: a file of so many rows, "" where nothing is.

    It has the first halves of the hashes, the rows, and ``etag`` bytes for each one's ETag.
    """

    location: str = ""
    count: int = 0
    etag: int = 0
    kinds: tuple[Kind, ...] = ()


@contextlib.contextmanager
def on_this_machine(snapshot: Snapshot, parts: Iterator[NDArray[Any]]) -> Iterator[Snapshot]:
    """Let the processes of this machine find what is known; raises OSError where there is no room for it.

    - ``snapshot``: what it will be, without its location.
    - ``parts``: its columns, or pieces of them, one after the other.
    """
    with tempfile.NamedTemporaryFile(prefix="gtmask-heads-") as file:
        for part in parts:
            part.tofile(file)
            del part
        file.flush()
        yield replace(snapshot, location=file.name)


@contextlib.contextmanager
def in_output(
    snapshot: Snapshot, parts: Iterator[NDArray[Any]], out: str, s3: S3Settings
) -> Iterator[Snapshot]:
    """Let other machines find what is known in the output; raises StorageError where nothing can be put."""
    key = f"{STATE}heads/{uuid.uuid4().hex}"

    async def pieces() -> AsyncIterator[bytes]:
        for part in parts:
            yield part.tobytes()

    async def put() -> None:
        async with open_storage(out, s3) as storage:
            await storage.put_stream(key, pieces())

    async def remove() -> None:
        async with open_storage(out, s3) as storage:
            await storage.delete(key)

    run_async(put())
    try:
        yield replace(snapshot, location=f"{out}/{key}")
    finally:
        with contextlib.suppress(GtmaskError):
            run_async(remove())


async def open_known(snapshot: Snapshot, images: str, s3: S3Settings) -> KnownHeads:
    """Return what is known of images, as a worker uses it; nothing where the file is gone."""
    nothing = KnownHeads(images, Heads())
    if not snapshot.location:
        return nothing
    count, kinds = snapshot.count, list(snapshot.kinds)
    data: Any
    try:
        if is_s3(snapshot.location):
            folder, name = split_location(snapshot.location)
            async with open_storage(folder, s3) as storage:
                data = np.frombuffer(await storage.get(name), np.uint8)
        else:
            data = np.memmap(snapshot.location, np.uint8, "r")
    except (OSError, ValueError, NotFoundError):
        return nothing
    middle = count * (8 + ROW.itemsize)
    if len(data) != middle + count * snapshot.etag:
        return nothing
    heads = Heads(data[: count * 8].view("<u8"), data[count * 8 : middle].view(ROW), kinds)
    return KnownHeads(images, heads, data[middle:].view(f"S{snapshot.etag}") if snapshot.etag else None)
