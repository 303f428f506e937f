"""Every format that can be read, one row each, in the order in which detection asks them.

A row is what ``gtmask formats`` shows and what docs/formats.md is made of. Format modules are imported
when they are first asked, so that listing the formats costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from gtmask.formats.base import Format

if TYPE_CHECKING:
    from collections.abc import Callable

    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import FillRule

_Z_ORDER = "z order: higher lies over lower, negative values too; ties in list order."


def _lazy(
    module: str,
) -> tuple[Callable[[Sample], str | None], Callable[[Export, ReadOptions], Reader]]:
    """Return a module's ``sniff`` and ``read``, imported at the first call."""
    path = f"gtmask.formats.{module}"

    def sniff(sample: Sample) -> str | None:
        return cast("str | None", import_module(path).sniff(sample))

    def read(export: Export, options: ReadOptions) -> Reader:
        return cast("Reader", import_module(path).read(export, options))

    return sniff, read


def _row(
    name: str,
    title: str,
    source_fill: FillRule,
    reads: str,
    limits: str,
    *,
    per_image: bool = False,
    module: str = "",
    order: str = "List order: later shapes lie over earlier ones.",
    counts: str = "All of them.",
    stored_as: str = "",
) -> Format:
    sniff, read = _lazy(module or name)
    return Format(name, title, sniff, read, source_fill, reads, limits, per_image, order, counts, stored_as)


_ROWS = (
    _row(
        "cvat",
        "CVAT XML 1.1",
        "coco",
        "Images XML and video XML: polygons, boxes and ellipses with rotation, run-length masks; labels"
        " from `meta`.",
        "Skeletons, cuboids and tags have no area. Between keyframes of a video only --interpolate "
        "paints polygons and boxes; `outside` shapes are not drawn. In exports of "
        "projects an image is told by its subset and name, a frame by its subset, task and number.",
        order=_Z_ORDER,
    ),
    _row(
        "yolo",
        "YOLO segmentation",
        "opencv-trunc",
        "`labels/*.txt` with `data.yaml` or `classes.txt`: polygons, boxes (painted with a finding) "
        "and, when every line has nine columns, oriented boxes.",
        "No holes; several parts come joined by thin bridges. The image size comes from the image only.",
        per_image=True,
        order="Area: larger shapes first, smaller ones over them, as in ultralytics' trainer.",
    ),
    _row(
        "ultralytics",
        "Ultralytics NDJSON",
        "opencv-trunc",
        "What the Ultralytics Platform exports: polygons, oriented boxes and boxes (painted with a finding) "
        "on one line per image.",
        "No holes; several parts come joined by thin bridges. Key points have no area: of a pose its box "
        "counts.",
        order="Area: larger shapes first, smaller ones over them, as in ultralytics' trainer.",
        counts="The segments of an image, else the first of its lists.",
    ),
    _row(
        "labelbox",
        "Labelbox",
        "opencv",
        "NDJSON (v2) and the old JSON array (v1): polygons, boxes, masks that lie beside the export.",
        "Mask addresses need Labelbox's key and expire: download the masks first.",
        counts="Of several labels of one data row the benchmark reference, else the highest "
        "consensus score, else the newest; "
        "--annotator chooses.",
    ),
    _row(
        "sagemaker",
        "SageMaker Ground Truth manifest",
        "opencv",
        "Output manifests of semantic segmentation jobs, with their masks; pixels resolved by palette "
        "colour.",
        "Masks are read from their s3:// URI, or from copies below --masks; without it, a mirror of the "
        "whole key beside the manifest or up to two folders above counts too, and so does a name that "
        "Ground Truth gave. A line whose mask is nowhere is rejected.",
        counts="Of several attributes of a line the newest that did not fail, by adjustment-status, then "
        "creation-date; --class-attribute chooses.",
    ),
    _row(
        "coco_panoptic",
        "COCO panoptic",
        "coco",
        "`segments_info` and the folder of PNGs whose colours are segment ids.",
        "The PNG folder is called like the JSON and lies beside it or beside its folder, or the PNGs lie "
        "beside the JSON. Ids that the JSON does not list stay background, and are told.",
        module="coco.panoptic",
        order="Segments do not overlap.",
    ),
    _row(
        "coco",
        "COCO instances",
        "coco",
        "Polygons, run-length masks (compressed or not), crowd regions; results lists, also those of "
        "semantic segmentation (detectron2); dialects of CVAT, Label Studio, Roboflow, make-sense, "
        "coco-annotator.",
        "COCO has no holes: several rings of one annotation are a union. Results lists name images by "
        "file_name, else by image_id, which may be a name without extension; without categories, ids are the "
        "classes.",
    ),
    _row(
        "sa1b",
        "SA-1B",
        "coco",
        "One JSON per image with run-length masks; all masks have the label `object`.",
        "SA-1B names no classes.",
        per_image=True,
    ),
    _row(
        "labelme",
        "labelme",
        "pillow",
        "labelme 3 to 7, AnyLabeling and X-AnyLabeling: polygons, rectangles, circles, masks, oriented "
        "boxes.",
        "No holes: draw `_background_` polygons on top. Lines and points need --stroke. `imageData` is "
        "skipped.",
        per_image=True,
    ),
    _row(
        "isat",
        "ISAT",
        "skimage",
        "One JSON per image: polygons by `layer`; classes from `isat.yaml` where it lies beside them.",
        "No holes.",
        per_image=True,
        order="`layer` ascending (2 where it is missing), ties in list order.",
    ),
    _row(
        "cityscapes",
        "Cityscapes and IDD",
        "pillow",
        "`*_polygons.json`: polygons in depth order.",
        "Deleted objects and the `license plate` class are left out; `...group` labels are read as "
        "their class.",
        per_image=True,
    ),
    _row(
        "mapillary",
        "Mapillary Vistas 2.0",
        "opencv",
        "`polygons/<id>.json`.",
        "Version 1 has no polygons, only PNG labels.",
        per_image=True,
    ),
    _row(
        "supervisely",
        "Supervisely",
        "opencv",
        "`ann/<image>.json`: polygons with holes, bitmaps, rectangles; classes from `meta.json`.",
        "Lines, points and graphs have no area; a cut-off bitmap is a finding.",
        per_image=True,
    ),
    _row(
        "darwin",
        "Darwin (V7)",
        "opencv",
        "Darwin 2.0 and 1.0 JSON: polygons with several paths (even-odd), boxes, ellipses, raster layers.",
        "Skeletons, tags and directions have no area. Of items with several slots the first is read.",
        per_image=True,
    ),
    _row(
        "superannotate",
        "SuperAnnotate",
        "opencv",
        "Vector projects (polygons with `exclude`, boxes, rotated boxes, ellipses) and pixel projects "
        "with their `___save.png`.",
        "`___fuse.png` pictures are translucent and not used.",
        per_image=True,
    ),
    _row(
        "datumaro",
        "Datumaro",
        "coco",
        "`annotations/<subset>.json`: polygons, run-length masks, boxes, ellipses.",
        "No holes in polygons.",
        order=_Z_ORDER,
    ),
    _row(
        "via",
        "VGG Image Annotator",
        "opencv",
        "Versions 1, 2 and 3, projects, JSON and CSV exports: polygons, closed polylines, rectangles, "
        "circles, ellipses.",
        "No image sizes: they come from the images. The class is one attribute of the regions: --class-"
        "attribute chooses it.",
    ),
    _row(
        "scalabel",
        "Scalabel and BDD100K",
        "touched",
        "Frames with `poly2d` (Bézier curves too), `box2d` and run-length masks.",
        "Lane lines (open poly2d) have no area.",
        order="List order; ascending score where labels have scores.",
    ),
    _row(
        "label_studio",
        "Label Studio",
        "opencv",
        "JSON, JSON-MIN and target storage (a folder or prefix of one object per annotation): polygons, "
        "rotated rectangles, ellipses, brush masks, bitmasks.",
        "Key points, polylines and text have no area. JSON-MIN does not say which annotations were "
        "cancelled. Which image of a task a region lies on is known where image tags are called like keys of "
        "the data; else it is concluded from names and told, or the task is rejected.",
        order="Result order: later regions lie over earlier ones.",
        counts="Of several annotations of a task the ground truth, else the newest; cancelled ones and "
        "drafts never; predictions only with --include-predictions; --annotator chooses by person.",
        stored_as="Label Studio target storage",
    ),
    _row(
        "segments",
        "Segments.ai",
        "opencv",
        "Release files: segmentation bitmaps (colour = id) and polygons.",
        "Bitmaps must lie beside the release file. Sequences are not read.",
        counts="The label set `ground-truth`, else the first; --annotator names another one. Skipped and "
        "rejected labels never, pre-labels only with --include-predictions.",
    ),
    _row(
        "encord",
        "Encord",
        "opencv",
        "Label rows: polygons with holes in fractions of the image, boxes, bit masks.",
        "Rotated boxes turn about their centre; key points and polylines have no area.",
    ),
    _row(
        "kili",
        "Kili",
        "opencv",
        "JSON exports: polygons with holes and boxes in fractions of the image.",
        "Polylines and markers have no area. Videos are not read.",
        counts="The newest label of an asset; --annotator chooses by author; predictions only with "
        "--include-predictions.",
    ),
    _row(
        "dataloop",
        "Dataloop",
        "opencv",
        "One JSON per item: segments with holes, boxes, ellipses, binary masks.",
        "Points, lines and cuboids have no area.",
        per_image=True,
    ),
)

#: Every format by name, in the order of detection.
FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}

#: Keys that tell a format: hints for the sentence about an unknown file, never used to choose one.
MARKS: dict[str, frozenset[str]] = {
    "coco": frozenset({"images", "annotations", "categories", "segmentation", "image_id"}),
    "coco_panoptic": frozenset({"images", "annotations", "segments_info"}),
    "labelme": frozenset({"shapes", "imagePath", "imageData", "shape_type", "imageHeight"}),
    "isat": frozenset({"objects", "segmentation", "layer"}),
    "cityscapes": frozenset({"imgHeight", "imgWidth", "objects", "polygon"}),
    "mapillary": frozenset({"objects", "polygon"}),
    "supervisely": frozenset({"size", "objects", "classTitle", "geometryType"}),
    "darwin": frozenset({"item", "slots", "annotations"}),
    "superannotate": frozenset({"metadata", "instances", "className"}),
    "datumaro": frozenset({"items", "categories", "dm_format_version"}),
    "via": frozenset({"regions", "shape_attributes", "_via_img_metadata", "file_attributes"}),
    "scalabel": frozenset({"frames", "labels", "poly2d", "box2d"}),
    "label_studio": frozenset({"completions", "predictions", "result", "annotation_id", "lead_time"}),
    "labelbox": frozenset({"data_row", "projects", "DataRow ID", "Labeled Data"}),
    "sagemaker": frozenset({"source-ref"}),
    "segments": frozenset({"samples", "dataset", "segmentation_bitmap"}),
    "encord": frozenset({"data_units", "label_hash"}),
    "kili": frozenset({"jsonResponse"}),
    "ultralytics": frozenset({"class_names", "segments"}),
    "dataloop": frozenset({"itemId", "annotations", "coordinates"}),
}


def markdown() -> str:
    """Return docs/formats.md: a table of all formats and a section about each."""
    lines = [
        "# What gtmask reads",
        "",
        "Generated from `src/gtmask/formats/registry.py` by `scripts/make_docs.py`.",
        "",
        (
            "Detection looks at names and the first 64 KiB, in the order of this table; `--format NAME` "
            "skips it."
        ),
        (
            "Folders, globs, `.zip`, `.tar`, `.tar.gz` and `s3://` locations work for every format; "
            "formats of one"
        ),
        "file per image read a folder as one export, the others read every document in it.",
        "",
        "| `--format` | tool | one file per image | `--fill source` paints like |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| [`{row.name}`](#{row.name}) | {row.title} | "
        f"{'yes' if row.per_image else 'no'} | `{row.source_fill}` |"
        for row in _ROWS
    ]
    for row in _ROWS:
        lines += [
            "",
            f"## {row.name}",
            "",
            f"**{row.title}**",
            "",
            f"- Read: {row.reads}",
            f"- Limits: {row.limits}",
            f"- Order: {row.order}",
            f"- Which annotations count: {row.counts}",
            f"- `--fill source`: the `{row.source_fill}` rule, see [rasterizing](rasterizing.md).",
        ]
    return "\n".join(lines) + "\n"
