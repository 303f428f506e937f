"""Where the manifest is that a command was given: a file, or the one in the folder that was named.

A folder may be what ``convert``, ``pilot``, ``job`` or ``answer`` has written, or the output of a labeling
job.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import NotFoundError, UsageError
from gtmask.manifest.contract import JOB_OUTPUT
from gtmask.manifest.grid import ANSWER_FILE
from gtmask.manifest.unfinished import PARTIAL, read_run_state
from gtmask.storage import check_location, is_s3, open_storage, split_location
from gtmask.storage.blocking import BlockingStorage

if TYPE_CHECKING:
    from gtmask.storage.base import S3Settings

#: Of the manifests of an answer, the one that others work with.
_ANSWER = "answer.manifest"
_SUFFIX = ".manifest"
#: Ends of the names of files; in S3 any other key may be a folder.
_FILES = (_SUFFIX, PARTIAL, ".json", ".jsonl", ".ndjson")


def locate_manifest(location: str, s3: S3Settings | None) -> str:
    """Return the location of a manifest, which may have been given by its folder.

    Raises UsageError: a folder with several manifests. Raises NotFoundError: a folder without one.

    - ``location``: path or ``s3://`` URI of a manifest, or of a folder with one.
    """
    check_location(location, "MANIFEST")
    folder = location.rstrip("/") or "/"
    if not is_s3(location):
        return _in_folder(folder, s3) if Path(location).is_dir() else location
    if location.lower().endswith(_FILES):
        return location
    if not location.endswith("/") and folder.count("/") > 2:
        above, name = split_location(folder)
        with BlockingStorage(open_storage(above, s3)) as storage:
            if storage.exists(name):
                return location
    return _in_folder(folder, s3)


def _in_folder(folder: str, s3: S3Settings | None) -> str:
    with BlockingStorage(open_storage(folder, s3)) as storage:
        if (run := read_run_state(storage)) is not None:
            return f"{folder}/{run.manifest}"
        if storage.exists(ANSWER_FILE):
            return f"{folder}/{_ANSWER}"
        if storage.exists(JOB_OUTPUT):
            return f"{folder}/{JOB_OUTPUT}"
        found = [entry.key for entry in storage.list() if "/" not in entry.key]
    found = [key for key in found if key.endswith(_SUFFIX)]
    if len(found) > 1:
        raise UsageError(f"{folder} has several manifests, {', '.join(found[:3])}: name one of them.")
    if not found:
        raise NotFoundError(f"{folder} is a folder without a manifest: name the manifest.")
    return f"{folder}/{found[0]}"
