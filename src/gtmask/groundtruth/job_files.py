"""The files of planned jobs: where they are written, uploaded, and found again as they were.

In a folder they stand beside the requests; in S3, below the prefix of the upload.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gtmask.errors import NotFoundError, UsageError
from gtmask.groundtruth.manifest_file import BLOCK, ManifestReader
from gtmask.manifest.grid import GRID, JOB_FILES
from gtmask.storage import is_s3, open_storage
from gtmask.storage.outputs import OwnFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container

    from gtmask.groundtruth.job_plan import JobPlan, JobShare
    from gtmask.storage.base import S3Settings, Storage

CATEGORIES = "labels.json"
TEMPLATE = "template.liquid.html"
REQUEST = ".request.json"


def refuse_others(out: str, plan: JobPlan) -> None:
    """Refuse a folder with the requests of other jobs, whose labels and template would be overwritten."""
    if is_s3(out):
        return
    others = sorted(
        path.name
        for path in Path(out).glob(f"*{REQUEST}")
        if path.name.removesuffix(REQUEST) not in plan.requests
    )
    if others:
        raise UsageError(
            f"--out {out} holds the files of another job ({others[0]}): choose another folder or remove them."
        )


async def write_files(
    plan: JobPlan, source: ManifestReader, out: str, s3: S3Settings | None, *, overwrite: bool
) -> None:
    """Write everything that will be uploaded, and the requests."""
    keys = [
        CATEGORIES,
        TEMPLATE,
        *(part.file for part in plan.parts),
        *(f"{name}{REQUEST}" for name in plan.requests),
    ]
    async with open_storage(out, s3) as storage:
        own = OwnFiles(storage, JOB_FILES, {GRID: source.grid})
        await own.begin(keys, "--out", overwrite=overwrite)
        await put_files(plan, source, storage)
        for name, request in plan.requests.items():
            data = orjson.dumps(request, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            await storage.put(f"{name}{REQUEST}", data, "application/json")
        await own.end(keys)
        await storage.sync()


async def put_files(
    plan: JobPlan, source: ManifestReader, storage: Storage, *, leave: Container[str] = ()
) -> None:
    """Put manifest(s), template and label categories into a storage, but for the manifests of some jobs."""
    await storage.put(CATEGORIES, plan.files[CATEGORIES], "application/json")
    await storage.put(TEMPLATE, plan.files[TEMPLATE], "text/html")
    for part in plan.parts:
        if part.job in leave:
            continue
        await storage.put_stream(part.file, _pieces(source, part), "application/x-ndjson")


async def upload_files(
    plan: JobPlan,
    source: ManifestReader,
    storage: Storage,
    *,
    leave: Container[str] = (),
    overwrite: bool = False,
) -> None:
    """Put the same files below the prefix of the upload, where nobody else's are in their places.

    Raises UsageError where one of them is there and gtmask did not write it, and ``overwrite`` is not set.
    """
    keys = [CATEGORIES, TEMPLATE, *(part.file for part in plan.parts if part.job not in leave)]
    own = OwnFiles(storage, JOB_FILES, {GRID: source.grid})
    await own.begin(keys, "--upload", overwrite=overwrite)
    await put_files(plan, source, storage, leave=leave)
    await own.end(keys)


async def _pieces(source: ManifestReader, part: JobShare) -> AsyncIterator[bytes]:
    for start in range(part.start, part.stop, BLOCK):
        yield source.read(start, min(BLOCK, part.stop - start))


async def is_uploaded(part: JobShare, source: ManifestReader, storage: Storage) -> bool:
    """Say whether the manifest that was uploaded for a job is that of the plan, byte by byte."""
    try:
        if await storage.size(part.file) != part.stop - part.start:
            return False
        for start in range(part.start, part.stop, BLOCK):
            stop = min(start + BLOCK, part.stop)
            there = await storage.get(part.file, start - part.start, stop - part.start)
            if there != source.read(start, stop - start):
                return False
    except NotFoundError:
        return False
    return True
