"""One chunk of an answer: masks read, given the run's class ids, compared and written; then the commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from gtmask.answers.differences import compare
from gtmask.answers.instances import instances_of
from gtmask.answers.layout import places
from gtmask.answers.relabel import Relabeler
from gtmask.answers.survey import FAILED, UNANSWERED, old_label, status_of
from gtmask.errors import CredentialsError, PngError, StorageError, TransientError
from gtmask.findings import Finding, is_reject
from gtmask.groundtruth.media import with_media
from gtmask.images.references import is_possible
from gtmask.images.resolve import mask_key
from gtmask.manifest.color_map import make_color_map
from gtmask.manifest.contract import (
    BACKGROUND_COLOR,
    COLOR_MAP,
    CREATION_DATE,
    HUMAN_ANNOTATED,
    JOB_NAME_KEY,
    METADATA_SUFFIX,
    SEGMENTATION_TYPE,
    SOURCE_REF,
)
from gtmask.manifest.names import CONFIDENCE_DEFAULT
from gtmask.manifest.parser import LineParser
from gtmask.png import encode_png
from gtmask.run.commit import MASKS, ChunkResult, Tally, commit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.answers.options import AnswerOptions
    from gtmask.answers.relabel import Relabeled
    from gtmask.groundtruth.media import MediaReader, MediaSettings
    from gtmask.manifest.label import Label
    from gtmask.manifest.line import ManifestLine
    from gtmask.model import ClassMap


@dataclass(frozen=True, slots=True)
class AnswerJob:
    """What every chunk of an answer has in common."""

    options: AnswerOptions
    before: str
    after: str
    classes: ClassMap
    image_prefix: str
    mask_prefix: str
    out: str
    media: MediaSettings


@dataclass(frozen=True, slots=True)
class Item:
    """One line: its bytes, where it stands, and whether its mask's key keeps the image's extension."""

    data: bytes
    where: str
    long_key: bool


@dataclass(slots=True)
class Outcome:
    """What one object came to; ``row`` is what the outputs are assembled from."""

    image: str
    where: str
    row: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    mask_bytes: int = 0
    pixels: NDArray[np.int64] | None = None


def answer_chunk(job: AnswerJob, number: int, items: list[Item]) -> Tally:
    """Do one chunk in a worker, and return its counts."""

    async def work(media: MediaReader) -> Tally:
        return await _Chunk(job, media).run(number, items)

    return with_media(job.media, work)


class _Chunk:
    def __init__(self, job: AnswerJob, media: MediaReader) -> None:
        self.job, self.media = job, media
        self.ids = {entry.name: entry.id for entry in job.classes.classes}
        self.color_map = make_color_map(job.classes, CONFIDENCE_DEFAULT)
        colors = {0: BACKGROUND_COLOR, **{entry.id: entry.color for entry in job.classes.classes}}
        self.palette = colors if job.options.png == "palette" else None
        self.parser = LineParser()
        self.names = {number: name for name, number in self.ids.items()}
        self.relabeler = Relabeler(self.ids)

    async def run(self, number: int, items: list[Item]) -> Tally:
        result = ChunkResult(number, Tally())
        for outcome in await self.media.each(self.object, items):
            _gather(result, outcome)
        await commit(await self.media.storage(self.job.out), [result])
        return result.tally

    async def object(self, item: Item) -> Outcome:
        """Return what became of one object; its mask is written by then."""
        job = self.job
        line = self.parser.parse(item.data)
        status = status_of(line, job.after)
        new, old = line.label(job.after), old_label(line, job.after, job.before)
        key = line.source_ref.removeprefix(job.image_prefix)
        outcome = Outcome(line.source_ref, item.where, {"status": status, "image": line.source_ref})
        if status == FAILED and new is not None:
            outcome.row["reason"] = new.failure_reason
            kept = _kept(job.options.failed, old)
            outcome.findings.append(Finding("answer-failed", f"{new.failure_reason!s:.200}; {kept}"))
        elif status == UNANSWERED:
            kept = _kept(job.options.unreviewed, old)
            outcome.findings.append(Finding("answer-missing", f"no {job.after}; {kept}"))
        if self._is_again(line, status):
            outcome.row["again"] = _again(line, old)
        label = self._label(status, new, old)
        outcome.row["change"] = {
            "image": line.source_ref, "status": status, "reason": outcome.row.get("reason"),
            "before": None if old is None else old.mask, "after": None if new is None else new.mask,
        }  # fmt: skip
        if label is None:
            return outcome
        if key == line.source_ref or not is_possible(key):
            outcome.findings.append(Finding("image-name-bad", f"not below {job.image_prefix}"))
            return outcome
        made = await self._read(label, outcome, "mask-missing")
        if made is None:
            return outcome
        before = None
        if old is not None and status not in {FAILED, UNANSWERED}:
            before = await self._read(old, outcome, "before-missing")
        if before is not None and before.mask.shape != made.mask.shape:
            sizes = (f"{mask.shape[1]}x{mask.shape[0]}" for mask in (before.mask, made.mask))
            outcome.findings.append(Finding("answer-size", "{}, and {} after the job".format(*sizes)))
            return outcome
        target = mask_key(key, keep_extension=item.long_key)
        if item.long_key:
            outcome.findings.append(Finding("key-collision", target))
        await self._write(made, label, target, key, outcome)
        if before is not None:
            outcome.row["change"] |= compare(before, made, self.names)
        return outcome

    def _label(self, status: str, new: Label | None, old: Label | None) -> Label | None:
        """Return the label whose mask counts, or None where the object is left out."""
        if status == FAILED:
            return old if self.job.options.failed == "keep" else None
        if status == UNANSWERED:
            return old if self.job.options.unreviewed == "keep" else None
        return new

    def _is_again(self, line: ManifestLine, status: str) -> bool:
        options = self.job.options
        if status == FAILED:
            return options.failed == "again"
        bad = options.again_verified
        return status == UNANSWERED or (
            bad is not None
            and any(
                isinstance(value, dict)
                and str(value.get("type", "")).endswith("label-verification")
                and value.get("class-name") == bad
                for value in line.values.values()
            )
        )

    async def _read(self, label: Label, outcome: Outcome, code: str) -> Relabeled | None:
        """Read a mask and give it the run's ids, or tell why that cannot be."""
        reference = str(label.mask)
        try:
            data, _ = await self.media.read_mask(reference)
            made = self.relabeler.relabel(data, label)
        except (TransientError, CredentialsError):
            raise
        except (StorageError, PngError) as error:
            outcome.findings.append(Finding(code, f"{reference:.300}: {error}"[:500]))
            return None
        for doubt in made.doubts:
            outcome.findings.append(Finding("mask-reading-guessed", f"{reference:.300}: {doubt}"[:500]))
        for doubt in made.shared:
            outcome.findings.append(Finding("segment-id-shared", f"{doubt} in {reference:.300}"))
        for name, pixels in sorted(made.strange.items()):
            outcome.findings.append(
                Finding("bitmap-value-unknown", f"{reference:.300}: {pixels} pixels of {name}")
            )
        for name, pixels in sorted(made.foreign.items()):
            outcome.findings.append(
                Finding("shape-unknown-label", f"{name}: {pixels} pixels in {reference:.300}")
            )
        return made

    async def _write(self, made: Relabeled, label: Label, target: str, key: str, outcome: Outcome) -> None:
        job = self.job
        data = encode_png(made.mask, palette=self.palette)
        out = await self.media.storage(job.out)
        await out.put(MASKS + target, data, "image/png")
        outcome.mask_bytes, outcome.pixels = len(data), made.counts
        metadata = {
            COLOR_MAP: self.color_map,
            "type": SEGMENTATION_TYPE,
            JOB_NAME_KEY: label.job_name or "",
            HUMAN_ANNOTATED: label.metadata.get(HUMAN_ANNOTATED, "yes"),
            CREATION_DATE: label.creation_date or "",
        }
        height, width = made.mask.shape
        outcome.row |= {
            "key": key, "mask": target, "width": width, "height": height,
            "line": {SOURCE_REF: outcome.image, job.after: job.mask_prefix + target,
                     job.after + METADATA_SUFFIX: metadata},
        }  # fmt: skip
        if job.options.layout is not None:
            await self._lay_out(key, target, data, outcome)
        if job.options.coco is not None:
            areas, lost = instances_of(made.mask, polygons=job.options.coco == "polygon")
            outcome.row["instances"] = areas
            if lost:
                outcome.row["change"]["polygon_pixels"] = lost
                outcome.findings.append(Finding("polygon-differs", f"{lost} pixels"))

    async def _lay_out(self, key: str, target: str, data: bytes, outcome: Outcome) -> None:
        """Put image and mask where SageMaker's algorithm looks for them."""
        options = self.job.options
        image, mask = places(key, target, options.split, options.seed)
        if not image.lower().endswith((".jpg", ".jpeg")):
            outcome.findings.append(Finding("image-not-jpeg", key))
        try:
            pixels, _ = await self.media.read_image(outcome.image)
        except (TransientError, CredentialsError):
            raise
        except StorageError as error:
            outcome.findings.append(Finding("layout-image-missing", f"{error}"[:300]))
            return
        out = await self.media.storage(self.job.out)
        await out.put(image, pixels, "application/octet-stream")
        await out.put(mask, data, "image/png")


def _kept(choice: str, old: Label | None) -> str:
    if choice == "keep" and old is not None:
        return f"{old.attribute} is used"
    return "it is left out"


def _again(line: ManifestLine, old: Label | None) -> dict[str, Any]:
    """Return a line for another job: the image and its old label alone."""
    again: dict[str, Any] = {SOURCE_REF: line.source_ref}
    if old is not None:
        again |= {old.attribute: old.mask, old.attribute + METADATA_SUFFIX: old.metadata}
    return again


def _gather(result: ChunkResult, outcome: Outcome) -> None:
    tally = result.tally
    tally.records += 1
    tally.count_findings(outcome.findings, f"{outcome.image} ({outcome.where})")
    if is_reject(outcome.findings):
        tally.rejects += 1
        findings = [{"code": item.code, "detail": item.detail} for item in outcome.findings]
        result.rejects.append({"image": outcome.image, "where": outcome.where, "findings": findings})
        outcome.row.pop("line", None)
    if outcome.pixels is not None:
        tally.masks += 1
        tally.mask_bytes += outcome.mask_bytes
        for value in np.flatnonzero(outcome.pixels).tolist():
            tally.pixels[value] += int(outcome.pixels[value])
    result.lines.append(orjson.dumps(outcome.row) + b"\n")
