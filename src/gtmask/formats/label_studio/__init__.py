"""Label Studio's JSON, JSON-MIN and target storage: tasks, their annotations, and which of these counts.

Sources: ``label_studio_sdk/converter``, ``exports``. One annotation of a task counts: the ground truth if
one is marked, else the one with the newest ``updated_at``; ``--annotator`` chooses by who completed it.
Cancelled annotations and drafts never count, predictions only with ``--include-predictions`` and only
where there is no annotation. A task with several images becomes one record for each.
"""

from __future__ import annotations

import re
from array import array
from functools import partial
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.findings import is_reject
from gtmask.formats.label_studio.images import TaskImage, draws, images_of, parse_tags
from gtmask.formats.label_studio.marks import ROW, SEVERAL, TASK, task_marks
from gtmask.formats.label_studio.regions import Regions
from gtmask.formats.label_studio.storage import TITLE as STORAGE
from gtmask.formats.label_studio.storage import StorageReader, as_task, has_stored, is_stored
from gtmask.formats.reading.browsers import turns_images
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.per_image import BadFile, load_part
from gtmask.formats.reading.rows import Row, RowsReader
from gtmask.formats.reading.times import moment
from gtmask.formats.reading.typed import Header, Reporter, get_any
from gtmask.kernels import BRUSH_MODULES, compile_kernels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

_CHOICES = ("annotations", "completions", "predictions")
_TASK = frozenset(_CHOICES)
_MIN = frozenset({"annotation_id", "lead_time", "annotator"})
#: What an annotation says of itself.
_STORED = frozenset({"completed_by", "was_cancelled", "ground_truth", "lead_time"})
#: Bytes looked at together while tasks are told apart.
BLOCK = 4 << 20
#: Keys of a JSON-MIN row that are not data of the task.
_ROW_KEYS = frozenset({"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"})


def sniff(sample: Sample) -> str | None:
    """Recognize tasks by ``data`` beside annotations, JSON-MIN rows by their flat keys."""
    keys = sample.element or sample.keys
    if len(_MIN & keys.keys()) > 1 and not _TASK & keys.keys():
        return "Label Studio JSON-MIN"
    if is_stored(sample.keys) and ({"data", "id"} & set(sample.keys["task"]) or _STORED & sample.keys.keys()):
        return STORAGE
    inner = set(keys.get("annotations", ())) | set(keys.get("completions", ()))
    if _TASK & keys.keys() and (
        "data" in keys or {"result", "was_cancelled"} & inner or {"inner_id", "file_upload"} & keys.keys()
    ):
        return None if {"images", "categories", "item"} & keys.keys() else "Label Studio JSON"
    return None


def read(export: Export, options: ReadOptions) -> Reader[Any]:
    """Open a Label Studio export.

    Raises
    ------
    UsageError
        The tags of images are not given as ``TAG=KEY``.
    """
    parse_tags(options.image_tags)
    # Compiled once, here: worker processes then load the kernels from the cache.
    compile_kernels(BRUSH_MODULES)
    if has_stored(export):
        return StorageReader(export, options, count_images, _task_record)
    return LabelStudioReader(export, options, "Label Studio", parse=_parse, called=("task", "id"))


class LabelStudioReader(RowsReader):
    """Reads tasks; a unit's ``part`` is the number of the image in its task.

    Of a JSON-MIN row it is how many other rows of its task the row was chosen from.
    """

    def units(self) -> Iterator[Row]:
        """Yield one unit per image: most tasks have one, and only the others are parsed here."""
        rows = _TaskRows()
        block, base = b"", 0
        data = np.empty(0, np.uint8)
        name = ""
        for row in super().units():
            if row.name != name or row.stop > base + len(block):
                name, base = row.name, row.start
                block = self.document(name).read(base, max(row.stop, base + BLOCK))
                data = np.frombuffer(block, np.uint8)
            at, end = row.start - base, row.stop - base
            marks = task_marks(data, at, end)
            if marks & ROW and not marks & TASK:  # columns of rows may have any name, `data` among them
                rows.add(row, _task_id(block[at:end]))
            elif marks & SEVERAL or self.options.image_tags is not None:
                yield from (row._replace(part=part) for part in range(self._images(block[at:end])))
            else:
                yield row
        for found in rows.by_task():
            yield self._newest(found)._replace(part=len(found) - 1)

    def _images(self, data: bytes) -> int:
        """Return how many images a task has; at least one, so that bad tasks become rejects."""
        try:
            task = load_part(data)
        except BadFile:
            return 1
        return count_images(as_task([task]) if is_stored(task) else task, self.options)

    def _newest(self, rows: list[Row]) -> Row:
        """Return which of a task's JSON-MIN rows counts: the newest, or the annotator's."""
        if len(rows) == 1:
            return rows[0]
        # What is of another type is told by the record.
        reporter = Header("")
        loaded = [(load_part(self.document(row.name).read(row.start, row.stop)), row) for row in rows]
        wanted = self.options.annotator
        mine = [pair for pair in loaded if wanted is None or _is_by(get_any(pair[0], "annotator"), wanted)]
        _report_mixed_times(
            reporter, [row for row, _ in mine or loaded], f"task {get_any(loaded[0][0], 'id')!r:.40}"
        )
        self.findings += [finding for finding in reporter.findings if finding not in self.findings]
        return max(mine or loaded, key=lambda pair: _age(Header(""), pair[0]))[1]


class _TaskRows:
    """The rows of JSON-MIN by their tasks, in 40 bytes for each: those of one task may stand anywhere."""

    def __init__(self) -> None:
        self._names: list[str] = []
        #: Of each row: its file, where it starts and stops, its number, and a hash of its task.
        self._rows = array("q")

    def add(self, row: Row, task: Any) -> None:
        """Take a row; one of no task is alone."""
        if row.name not in self._names[-1:]:
            self._names.append(row.name)
        key = f"row {len(self._rows)}" if task is None else f"{type(task).__name__} {task}"
        self._rows.extend((len(self._names) - 1, row.start, row.stop, row.number, hash(key)))

    def by_task(self) -> Iterator[list[Row]]:
        """Yield the rows of each task, in the order of the tasks' first rows."""
        rows = np.frombuffer(self._rows, np.int64).reshape(-1, 5)
        _, first, task = np.unique(rows[:, 4], return_index=True, return_inverse=True)
        leader = first[task]
        for _, mine in groupby(leader.argsort(kind="stable").tolist(), key=leader.__getitem__):
            yield [Row(self._names[name], *place) for name, *place in rows[list(mine), :4].tolist()]


def _task_id(data: bytes) -> Any:
    """Return the task that a JSON-MIN row belongs to; rows of one task follow each other."""
    try:
        return get_any(load_part(data), "id")
    except BadFile:
        return None


def count_images(task: dict[str, Any], options: ReadOptions) -> int:
    """Return how many records a task makes; at least one, so that bad tasks become rejects."""
    # What is of another type is told by the record of the task's first image.
    quiet = Header("")
    choices = [item for key in _CHOICES if key in task for item in quiet.get_objects(task, key)]
    return max(len(_images_of(quiet, task, choices, options)), 1)


def _parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:
    if is_stored(value):
        return _task_record(as_task([value]), reader.options, unit.name, unit.part)
    where = reader.place(value, unit)
    if _TASK & value.keys() or ("data" in value and "annotation_id" not in value):
        return _task_record(value, reader.options, where, unit.part)
    return _row_record(value, reader.options, where, unit.part)


def _task_record(task: dict[str, Any], options: ReadOptions, where: str, index: int) -> Record:
    """Build the record of one image of a task."""
    builder = RecordBuilder("", grid="displayed", where=where)
    annotations = builder.get_objects(task, "annotations")
    if "completions" in task:
        annotations = [*annotations, *builder.get_objects(task, "completions")]
    predictions = builder.get_objects(task, "predictions")
    results = _chosen(annotations, predictions, options, builder)
    told = builder if index == 0 else Header("")
    images = _images_of(told, task, [*annotations, *predictions], options)
    image = images[index] if index < len(images) else TaskImage("")
    builder.record.image, builder.record.aliases = image.reference, image.aliases
    if not image.reference and not is_reject(builder.findings):
        builder.finding("image-name-bad", f"{where}: its data names no image")
    if results is None or not images:
        return builder.record
    mine, lost = results, []
    if index or len(images) > 1 or not image.holds_all:
        mine = [item for item in results if not isinstance(item, dict) or image.holds(item)]
        lost = [
            item for item in results if isinstance(item, dict) and not any(one.holds(item) for one in images)
        ]
    if index:
        mine, lost = [item for item in mine if isinstance(item, dict)], []
    if not mine:
        builder.finding("image-unannotated", where)
    return Regions(builder, mine + lost, [item for item in lost if draws(item)]).build()


def _images_of(
    reporter: Reporter, task: dict[str, Any], choices: list[dict[str, Any]], options: ReadOptions
) -> list[TaskImage]:
    """Return the images of a task, by the regions of all its annotations and predictions."""
    quiet = Header("")  # who takes the regions tells what is no region
    lists = [quiet.get_objects(choice, "result") for choice in choices]
    results = lists[0] if len(lists) == 1 else list(chain.from_iterable(lists))
    return images_of(reporter, task, results, parse_tags(options.image_tags))


def _row_record(row: dict[str, Any], options: ReadOptions, where: str, others: int) -> Record:
    """Build the record of a JSON-MIN row: one annotation, its regions under the names of their tags."""
    builder = RecordBuilder("", grid="displayed", where=where)
    if others and options.annotator is None:
        builder.finding("annotation-chosen", f"{where}: the newest of {others + 1}")
    elif others:
        builder.finding("annotation-superseded", f"{where}: {others} others")
    builder.record.grid_known = turns_images(get_any(row, "created_at"))
    results: list[Any] = []
    groups: list[int] = []
    data: dict[str, Any] = {}
    for number, (key, value) in enumerate(row.items()):
        regions = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
        if any("original_width" in item or "x" in item or "points" in item for item in regions):
            results += map(_as_result, value)
            groups += [number for item in value if isinstance(item, dict)]
        elif key not in _ROW_KEYS:
            data[key] = value
    if options.image_tags is not None:
        return builder.reject("task-images-untold", f"{where}: JSON-MIN has no tags for --image-tags")
    images = images_of(builder, {"data": data}, [])
    if images:
        builder.record.image, builder.record.aliases = images[0].reference, images[0].aliases
    elif not is_reject(builder.findings):
        builder.finding("image-name-bad", f"{where}: no column names an image")
    if len(images) > 1:
        builder.finding("task-images-untold", f"{where}: one column names {len(images)} images")
    if options.annotator is not None and not _is_by(get_any(row, "annotator"), options.annotator):
        return builder.reject("record-unannotated", f"{where}: not annotated by {options.annotator}")
    builder.record.statuses = ("completed",)
    if not results:
        builder.finding("image-unannotated", where)
    return Regions(builder, results, groups=groups).build()


def _as_result(item: Any) -> Any:
    """Return an element of a JSON-MIN column as a result; what is no object is told later."""
    if not isinstance(item, dict):
        return item
    return {"value": item} | {
        key: item[key] for key in ("original_width", "original_height", "id") if key in item
    }


def _chosen(
    every: list[dict[str, Any]],
    predictions: list[dict[str, Any]],
    options: ReadOptions,
    builder: RecordBuilder,
) -> list[Any] | None:
    """Return the results of the annotation that counts; None, with a finding, where none does."""
    kept = []
    for item in every:
        cancelled, skipped = builder.get_flag(item, "was_cancelled"), builder.get_flag(item, "skipped")
        if "result" not in item:
            builder.finding("annotation-bad", f"{builder.record.where}: an annotation without a result")
        elif cancelled or skipped:
            builder.finding("annotation-cancelled", f"{builder.record.where}, {get_any(item, 'id')!r:.40}")
        else:
            kept.append(item)
    mine = kept
    if options.annotator is not None:
        mine = [item for item in kept if _is_by(get_any(item, "completed_by"), options.annotator)]
    if mine:
        best = _best(mine, kept, builder)
        truth = ("ground_truth",) if builder.get_flag(best, "ground_truth") else ()
        builder.record.statuses = ("completed", *truth)
        builder.record.grid_known = turns_images(get_any(best, "created_at"))
        return builder.get_list(best, "result")
    builder.record.statuses = ("skipped",) if every and not kept else ("unlabeled",)
    predictions = [item for item in predictions if builder.get_list(item, "result")]
    if predictions and options.include_predictions:
        builder.record.predicted = True
        return builder.get_list(max(predictions, key=partial(_age, builder)), "result")
    if predictions:
        builder.finding("prediction-left-out", f"{builder.record.where}: {len(predictions)}")
    if options.include_unannotated:
        return []
    builder.finding("record-skipped" if every and not kept else "record-unannotated", builder.record.where)
    return None


def _best(mine: list[dict[str, Any]], kept: list[dict[str, Any]], builder: RecordBuilder) -> dict[str, Any]:
    """Return the annotation that counts among those that may."""
    if len(kept) == 1:
        return mine[0]
    truth = [item for item in mine if builder.get_flag(item, "ground_truth")]
    best = max(truth or mine, key=partial(_age, builder))
    where = builder.record.where
    _report_mixed_times(builder, truth or mine, where)
    if len(truth or mine) > 1:
        builder.finding("annotation-chosen", f"{where}: the newest of {len(truth or mine)}")
    elif len(kept) > 1:
        builder.finding("annotation-superseded", f"{where}: {len(kept) - 1} others")
    return best


def _age(reporter: Reporter, annotation: dict[str, Any]) -> tuple[tuple[float, str], float, float]:
    """Return what annotations are compared by: the time of the last change, then the id."""
    stamp = reporter.get_text(annotation, "updated_at") or reporter.get_text(annotation, "created_at")
    number = get_any(annotation, "annotation_id", "id")
    # Text or a number of seconds; numbers are older than any text.
    seconds = get_any(annotation, "updated_at") or get_any(annotation, "created_at")
    return moment("" if _number(seconds) else stamp), _number(seconds), _number(number)


def _report_mixed_times(reporter: Reporter, annotations: list[dict[str, Any]], where: str) -> None:
    """Tell where some times of the last change are texts and others numbers: they cannot be compared."""
    times = [get_any(item, "updated_at") or get_any(item, "created_at") for item in annotations]
    if {isinstance(time, str) for time in times if time} == {True, False}:
        reporter.finding("value-type", f"{where}: 'updated_at' is text here and a number there")


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:
        return 0.0


def _is_by(who: Any, wanted: str) -> bool:
    """Say whether an annotator, given as an id, a name or an object, is the one asked for."""
    if isinstance(who, dict):
        return any(_is_by(get_any(who, key), wanted) for key in ("id", "email", "username", "first_name"))
    if isinstance(who, str):
        return who.casefold() == wanted.casefold() or re.split(r"[ ,]+", who)[-1] == wanted
    return who is not None and str(who) == wanted
