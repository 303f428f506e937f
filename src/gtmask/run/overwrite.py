"""What ``--overwrite`` removes: exactly what the earlier run wrote, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from gtmask.run.commit import CLASSES, MASKS, PARTS, REJECTS, RUN_FILE, manifest_key

if TYPE_CHECKING:
    from gtmask.run.plan import Plan
    from gtmask.storage.base import Storage


async def remove_run(out: Storage, plan: Plan | None) -> None:
    """Remove an earlier run: the masks that its part files name, then the part files, then ``run.json``.

    Masks are found through the part files and not by listing, so that files of other origin stay. The
    plan goes last: a removal that breaks off is taken up again by the next ``--overwrite``.
    """
    keys = [entry.key async for entry in out.list(PARTS)]
    if plan is not None:
        attribute = plan.settings["label_attribute"]
        for key in keys:
            if key.endswith(".jsonl"):
                for line in (await out.get(key)).splitlines():
                    mask = str(orjson.loads(line)[attribute])
                    await out.delete(MASKS + mask.removeprefix(plan.mask_prefix))
        await out.delete(manifest_key(attribute))
    for key in (*keys, REJECTS, CLASSES, RUN_FILE):
        await out.delete(key)
