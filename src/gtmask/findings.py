"""Things worth telling about the data: one registry of codes, and the tally that every run keeps.

A finding is data, never an exception. Its code is stable: scripts may rely on it. Its level says what
it cost:

- ``note``: nothing was lost or guessed;
- ``guess``: something was assumed that the data does not say;
- ``loss``: a shape or a part of one was left out of the mask;
- ``reject``: the record could not become a mask at all;
- ``error`` and ``warning``: only in ``gtmask validate``.

``--strict`` stops at guesses, losses and rejects. ``docs/findings.md`` is generated from this registry.

All that reading and painting can find is declared here, and not where it is found: ``gtmask finish`` tells
of findings from part files, without a reader. What only ``gtmask validate`` finds is declared in
:mod:`gtmask.groundtruth.rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["note", "guess", "loss", "reject", "error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """What a finding code means and what a user can do about it."""

    code: str
    level: Level
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, with its code and a short detail for people (label, coordinates, sizes)."""

    code: str
    detail: str = ""

    @property
    def level(self) -> Level:
        """The level of the finding's code."""
        return CODES[self.code].level


def legible(text: str) -> str:
    """Return text as JSON and screens can take it.

    File names that are no UTF-8 and half characters that JSON can spell are escaped: a name that cannot be
    shown must not stop the telling of it.
    """
    return text.encode("utf-8", "backslashreplace").decode()


CODES: dict[str, Code] = {}


def declare(level: Level, codes: Iterable[tuple[str, str, str]]) -> None:
    """Add codes (code, meaning, remedy) of one level to the registry; a code is declared once."""
    for code, meaning, remedy in codes:
        if code in CODES:
            msg = f"finding code {code} is declared twice"
            raise ValueError(msg)
        CODES[code] = Code(code, level, meaning, remedy)


def is_reject(findings: Iterable[Finding]) -> bool:
    """Say whether any of these findings keeps a record from becoming a mask."""
    return any(finding.level == "reject" for finding in findings)


declare("loss", [
    ("classes-foreign", "The class map knows none of the labels, so that all masks are background.",
     "Correct it, or make one with `gtmask classes`; then start with --overwrite."),
    ("shape-few-points", "A polygon with fewer than three distinct points has no area.",
     "Delete it in the labeling tool, or paint it with --stroke if it is a line."),
    ("shape-bad-number", "A coordinate is missing, not a number, infinite or beyond ±2^30.",
     "Correct the shape in the labeling tool."),
    ("shape-odd-count", "A flat list of coordinates has an odd length, so x and y cannot be paired.",
     "Export again; if it stays, report it to the tool that wrote the export."),
    ("shape-bad-geometry", "The geometry is not of the form that this format prescribes.",
     "Correct or delete the shape; the detail says what was found."),
    ("shape-no-geometry", "The annotation has a label but no geometry that could be painted.",
     "Nothing, if it is a tag or a box-only annotation by intent."),
    ("shape-unknown-label", "The class map does not know this label.",
     "Add the label to classes.toml, to a class or to `ignore`."),
    ("shape-no-label", "The shape has no label.", "Label it in the tool."),
    ("shape-no-area", "Points and lines have no area.", "Paint them with --stroke N, if they count."),
    ("shape-kind-unsupported", "Shapes of this kind cannot be painted (cuboids, skeletons, ...).",
     "Convert them to polygons in the labeling tool."),
    ("shape-outside", "The shape lies wholly outside the image.", "Check the image's size and orientation."),
    ("runs-bad", "A run-length mask is malformed or its runs do not add up to its size.",
     "Export again; the mask would be wrong from the first bad run on."),
    ("runs-size-differs", "A run-length mask is of another size than the image.",
     "Export again from the image that was labeled; a mask is never scaled."),
    ("bitmap-unreadable", "A bitmap inside the export cannot be decoded.", "Export again."),
    ("bitmap-size-differs", "A whole-image bitmap is of another size than the image.",
     "Export again from the image that was labeled; a mask is never scaled."),
    ("bitmap-missing", "A bitmap that the export names is not there.", "Put the file beside the export."),
    ("annotation-orphan", "An annotation names an image that the export does not list.",
     "Export again, or add the image to the export's image list."),
    ("annotation-bad", "An annotation is not an object of the form that this format prescribes.",
     "Export again; the detail says where it stands."),
    ("frame-not-annotated", "A video frame between two keyframes has no shapes of its own.",
     "--interpolate computes polygons and boxes in between."),
    ("document-damaged", "A document breaks off or is malformed; what stands before the damage was read.",
     "Export again."),
])  # fmt: skip

declare("guess", [
    ("images-unread", "No image was found, so sizes are the export's own word and EXIF was not looked at.",
     "Give --images if there are images: the manifest points at where they were looked for."),
    ("size-differs", "The export's image size differs from the image's header.",
     "If the image was resized after labeling, the shapes are off: --size check rejects such images."),
    ("label-duplicate", "The export lists the same class name under several ids; they are merged.",
     "Nothing, if they are the same class."),
    ("label-group", "A group label was read as its class (Cityscapes' `cargroup`).", "Nothing, if meant."),
    ("annotation-chosen", "Several annotations of one image: one was chosen by the documented rule.",
     "Choose another with --annotator."),
    ("label-several", "A shape has several labels; it was painted as the first one.",
     "Label it once, or add the other labels' areas as shapes of their own."),
    ("class-attribute-guessed", "Regions have several attributes; one of them was taken as the class.",
     "Name the right one with --class-attribute."),
    ("box-painted", "A box was painted as an area: the shape has nothing better.", "Nothing, if meant."),
    ("orientation-turned", "EXIF turns this image: the mask was turned with the documented rule.",
     "Look at a preview before the job starts."),
    ("image-rotation", "The tool showed the image rotated; its geometry is in the unrotated image.",
     "Look at a preview before the job starts."),
    ("key-collision", "Two images would get the same mask key; both keep their extension in it.",
     "Nothing; the manifest names the right ones."),
])  # fmt: skip

declare("note", [
    ("record-size-none", "The export tells a size of zero or less, which is taken for none.",
     "Nothing, where the image's header can be read."),
    ("shape-ignored", "The class map ignores this label.", "Nothing, if that is meant."),
    ("annotation-cancelled", "The annotator skipped or cancelled this annotation.", "Nothing."),
    ("annotation-superseded", "Another annotation of the same image counts instead.",
     "Choose another with --annotator, if you must."),
    ("prediction-left-out", "A model's prediction is not an annotation.", "--include-predictions counts it."),
    ("shape-deleted", "The tool marks this shape as deleted or outside the frame.", "Nothing."),
    ("shape-covered", "A shape is wholly covered by later ones.", "Check the order, or use --overlap."),
    ("file-skipped", "Files among the annotations that are no annotations were not read.", "Nothing."),
    ("image-format", "Ground Truth shows only images whose names end in .jpg, .jpeg or .png.",
     "Convert the image before the job: `gtmask validate` calls this an error."),
    ("image-unannotated", "The image has no annotation at all; its mask is all background.",
     "Nothing, if the image is empty by intent."),
    ("label-placeholder", "Roboflow's category 0 only names the group of the others; it is no class.",
     "Nothing."),
    ("box-grouped", "A box was not painted: its group has a polygon or a mask of the same object.",
     "Nothing."),
])  # fmt: skip

declare("reject", [
    ("image-duplicate", "The export lists this image more than once; its first record became the mask.",
     "Merge the records in the labeling tool, or delete the ones that do not count."),
    ("image-missing", "The image cannot be found under --images.", "Check --images and the export's paths."),
    ("image-unreadable", "The file is no image that Pillow can read the header of.", "Replace the file."),
    ("image-too-large", "The image exceeds the limit of pixels.", "Scale or tile the image."),
    ("image-name-bad", "The image's name is missing or cannot be a key.", "Rename the image."),
    ("image-size-unknown", "Neither the export nor an image header tells the size.",
     "Give --images so that the header can be read."),
    ("image-size-differs", "The header and the export tell different sizes (--size check).",
     "Export again from the images that are to be labeled."),
    ("record-bad", "The record is not of the form that this format prescribes.", "Export again."),
    ("record-size-bad", "The export tells a size that is no number of pixels.", "Export again."),
    ("record-unannotated", "The task was never annotated, so there is nothing to review.",
     "--include-unannotated makes an all-background mask."),
    ("record-skipped", "Every annotation of this record was cancelled or skipped.", "Label it, or leave it."),
    ("image-id-shared", "Several images share one id, so their annotations cannot be told apart.",
     "Give each image its own id; merging exports needs new ids."),
])  # fmt: skip
