"""Whether a manifest of ours is of a run that is finished: told by the run's state beside it.

A manifest that grows looks like a whole one, line by line; what is missing can only be known from the plan of
the run. Where there is no state beside a manifest, it is taken as it is: it has its final name only since its
run was complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from gtmask.errors import ManifestError, StorageError
from gtmask.manifest.names import STATE_FOLDER
from gtmask.manifest.writer import manifest_name
from gtmask.storage import open_storage, split_location
from gtmask.storage.blocking import BlockingStorage

if TYPE_CHECKING:
    from gtmask.storage.base import Entry, S3Settings

STATE = STATE_FOLDER + "/"
RUN_FILE = STATE + "run.json"
PARTS = STATE + "parts/"
#: What a manifest's name ends in until its run is complete.
PARTIAL = ".partial"


class RunState(NamedTuple):
    """What is to be known of the run beside a manifest.

    Its manifest's name, its chunks and images, and the pixel grid that its masks fit, "stored" or "display".
    """

    manifest: str
    chunks: int
    records: int
    grid: str


def read_run_state(storage: BlockingStorage) -> RunState | None:
    """Return the state of the run in a folder; None where there is none of ours that we may read."""
    try:
        plan = orjson.loads(storage.get(RUN_FILE))
        settings, records = plan["settings"], plan["records"]
        name, grid = manifest_name(settings["label_attribute"]), settings.get("orientation")
        chunks = -(-records // settings["chunk_size"])
    except (StorageError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return None
    return RunState(name, chunks, records, "display" if grid == "display" else "stored")


def is_growing(name: str) -> bool:
    """Say by a file's name whether it is the manifest of a run that is not finished."""
    return name.endswith(f".manifest{PARTIAL}")


def committed_chunk(entry: Entry) -> int | None:
    """Return the number of the chunk whose commit record this file is, if it is one."""
    name = entry.key.removeprefix(PARTS)
    # A power cut may leave a file that was just renamed without content: that chunk is not done.
    return int(name[:-5]) if entry.size and name.endswith(".json") and name[:-5].isdigit() else None


def find_manifest(location: str, s3: S3Settings | None, *, partial: bool) -> tuple[str, str]:
    """Return where a manifest is, and how far its run is if that is not finished.

    Returns the location, and a sentence; "" where the run is finished or none of ours is known. Raises
    ManifestError: the run is not finished, and ``partial`` is not set.

    - ``partial``: take what an unfinished run has: where the manifest has not got its name yet, the growing
      one.
    """
    with BlockingStorage(open_storage(split_location(location)[0], s3)) as storage:
        return find_manifest_in(storage, location, partial=partial)


def find_manifest_in(storage: BlockingStorage, location: str, *, partial: bool) -> tuple[str, str]:
    """Return what :func:`find_manifest` does, from the storage of the folder."""
    name = split_location(location)[1]
    run = read_run_state(storage)
    state = "" if run is None else _how_far(run, name, storage)
    if state and partial and not name.endswith(PARTIAL) and not storage.exists(name):
        location += PARTIAL
    if state and not partial:
        raise ManifestError(
            f"{location} is of a run that is not finished: {state}; run the same `gtmask convert` again "
            "(with --shard, then `gtmask finish`), or take what there is with --partial."
        )
    return location, f"{location} is of a run that is not finished: {state}." if state else ""


def manifest_of_run(folder: str, s3: S3Settings | None) -> str | None:
    """Return where the manifest of the run in a folder is or will be; None where there is no run of ours."""
    with BlockingStorage(open_storage(folder, s3)) as storage:
        run = read_run_state(storage)
    return None if run is None else f"{folder}/{run.manifest}"


def _how_far(run: RunState, name: str, storage: BlockingStorage) -> str:
    """Return how many chunks are done of an unfinished run; "" for a finished one, and for others' files."""
    if name.removesuffix(PARTIAL) != run.manifest:
        return ""
    done = {number for number in map(committed_chunk, storage.list(PARTS)) if number is not None}
    if len(done) >= run.chunks and not name.endswith(PARTIAL):
        return ""
    return f"{len(done):,} of {run.chunks:,} chunks are done, for {run.records:,} images"
