"""From part files to the outputs: the two manifests, the changes, the COCO document and the label map."""

from __future__ import annotations

import heapq
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from gtmask.answers.plan import MANIFEST, AnswerPlan
from gtmask.answers.survey import UNANSWERED
from gtmask.run.commit import CLASSES, CLASSES_TYPE, MASKS, REJECTS, Tally, each_part, reject_lines
from gtmask.run.lost_masks import FileSizes, LostFiles, folds_case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gtmask.answers.result import Answer
    from gtmask.class_map import ClassMap
    from gtmask.storage.base import Storage

AGAIN, CHANGES, COCO = "again.manifest", "changes.jsonl", "answer.coco.json"
LABEL_MAP = "label_map/train_label_map.json"
#: Images that the report names.
MOST_CHANGED = 20
_LINES = "application/x-ndjson"


async def assemble(
    out: Storage, plan: AnswerPlan, classes: ClassMap, found: Answer, *, resumed: bool
) -> None:
    """Write all outputs that are made of the committed parts, and count in ``found`` what is in them.

    Raises GtmaskError where masks of earlier starts are gone, which is looked at where ``resumed`` says that
    there were any; their chunks are taken back.
    """
    look = resumed or folds_case(out)
    await _count(out, plan, found, LostFiles(out, await FileSizes.listed(out), MASKS) if look else None)

    async def pieces(pick: Callable[[dict[str, Any]], Any]) -> AsyncIterator[bytes]:
        async for rows in _rows(out, plan):
            yield b"".join(orjson.dumps(value) + b"\n" for value in map(pick, rows) if value is not None)

    async def again() -> AsyncIterator[bytes]:
        # Objects that nobody answered come first, as chained jobs take them (Developer Guide,
        # sms-reusing-data).
        for first in (True, False):
            pick = partial(_again_of, unanswered=first)
            async for piece in pieces(pick):
                yield piece

    async def rejects() -> AsyncIterator[bytes]:
        async for record, _ in each_part(out, plan.chunks):
            yield reject_lines(record)

    await out.put_stream(MANIFEST, pieces(lambda row: row.get("line")), _LINES)
    await out.put_stream(AGAIN, again(), _LINES)
    await out.put_stream(CHANGES, pieces(lambda row: row.get("change")), _LINES)
    await out.put_stream(REJECTS, rejects(), _LINES)
    await out.put(CLASSES, plan.classes.encode(), CLASSES_TYPE)
    if plan.options["coco"] is not None:
        await out.put_stream(COCO, _coco(out, plan, classes), "application/json")
    if plan.options["layout"] is not None:
        numbers = [0, *(entry.id for entry in classes.classes)]
        label_map = {"map": {str(number): str(place) for place, number in enumerate(numbers)}}
        await out.put(LABEL_MAP, orjson.dumps(label_map) + b"\n", "application/json")
    await out.sync()


def _again_of(row: dict[str, Any], *, unanswered: bool) -> dict[str, Any] | None:
    """Return a row's line for another job, where it is one of those that were or were not answered."""
    line: dict[str, Any] | None = row.get("again")
    return line if (row.get("status") == UNANSWERED) is unanswered else None


async def _rows(out: Storage, plan: AnswerPlan) -> AsyncIterator[list[dict[str, Any]]]:
    async for _, lines in each_part(out, plan.chunks):
        yield [orjson.loads(line) for line in lines.splitlines()]


async def _count(out: Storage, plan: AnswerPlan, found: Answer, masks: LostFiles | None) -> None:
    top: list[tuple[int, int, dict[str, Any]]] = []
    number = 0
    async for record, lines in each_part(out, plan.chunks):
        found.tally.add(Tally.from_json(record))
        rows = [orjson.loads(line) for line in lines.splitlines()]
        if masks is not None:
            masks.look(record["chunk"], [row["mask"] for row in rows if "line" in row])
        for row in rows:
            number += 1
            found.answered += "line" in row
            found.again += "again" in row
            change = row.get("change")
            if change is not None and "changed" in change:
                found.compared += 1
                found.changed += change["changed"] > 0
                heapq.heappush(top, (change["changed"], -number, change))
                if len(top) > MOST_CHANGED:
                    heapq.heappop(top)
    if masks is not None:
        await masks.refuse()
    found.changes = [change for count, _, change in sorted(top, reverse=True) if count]


async def _coco(out: Storage, plan: AnswerPlan, classes: ClassMap) -> AsyncIterator[bytes]:
    """Yield a COCO document: images, then annotations, both numbered from 1 in the order of the manifest."""
    yield b'{"images":['
    number = 0
    async for rows in _rows(out, plan):
        made = []
        for row in rows:
            if "line" in row:
                number += 1
                image = {
                    "id": number,
                    "file_name": row["key"],
                    "width": row["width"],
                    "height": row["height"],
                }
                made.append((b"," if number > 1 else b"") + orjson.dumps(image))
        yield b"".join(made)
    yield b'],"annotations":['
    number = annotation = 0
    async for rows in _rows(out, plan):
        made = []
        for row in rows:
            number += "line" in row
            for instance in row.get("instances", ()) if "line" in row else ():
                annotation += 1
                value = {"id": annotation, "image_id": number, **instance}
                made.append((b"," if annotation > 1 else b"") + orjson.dumps(value))
        yield b"".join(made)
    categories = [{"id": entry.id, "name": entry.name} for entry in classes.classes]
    yield b'],"categories":' + orjson.dumps(categories) + b"}\n"
