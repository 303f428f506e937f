"""Which pixel grid a manifest's masks fit where EXIF turns an image: told by what gtmask keeps beside it.

That is the plan of the run or of the answer that made the manifest, or, of manifests that were made of
another one, the list of files of the command that did so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gtmask.errors import StorageError
from gtmask.manifest.unfinished import PARTIAL, STATE, read_run_state

if TYPE_CHECKING:
    from gtmask.storage.blocking import BlockingStorage

#: Keep which files a pilot or a job wrote, and the grid of the manifests among them.
PILOT_FILES, JOB_FILES = STATE + "pilot.json", STATE + "job.json"
#: The plan of an answer names its manifest and grid as they do.
ANSWER_FILE = STATE + "answer.json"
#: The member of these lists that names the grid.
GRID = "grid"


def grid_of(storage: BlockingStorage, name: str) -> str:
    """Return the pixel grid that the masks of a manifest in a folder fit, "stored" or "display".

    Where nothing of ours beside it tells, it is the stored one, which Ground Truth's contract asks for.
    """
    run = read_run_state(storage)
    if run is not None and run.manifest == name.removesuffix(PARTIAL):
        return run.grid
    lists = (_members(storage, state) for state in (PILOT_FILES, JOB_FILES, ANSWER_FILE))
    turned = any(kept.get(GRID) == "display" and name in kept.get("files", ()) for kept in lists)
    return "display" if turned else "stored"


def _members(storage: BlockingStorage, key: str) -> dict[str, Any]:
    """Return the members of a JSON object in a file; none where there is no such file, or it is another."""
    try:
        found = orjson.loads(storage.get(key))
    except (StorageError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
