"""Tools and formats that are known and not read, so that a file of theirs is called by its name.

Each is told by keys that stand in all of its files, or by the beginning of a text. The advice is what the
tool can export instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gtmask.formats.base import Sample

_COCO, _CONVERT = "export COCO instances from it instead", "convert it to COCO instances first"
_MASKS = "export label masks or COCO from it instead"
#: Name, keys of the document or of its first element, a key and the keys of what lies in it, and what to do.
_JSON = (
    ("a project of Hasty", "images label_classes", "", _COCO),
    ("a task of Scale", "task_id response", "", _COCO),
    ("annotations of Scale Nucleus", "annotations", "annotations: geometry reference_id", _COCO),
    ("GeoJSON of another tool than QuPath", "type features", "features: geometry", _MASKS),
    ("GeoJSON of another tool than QuPath", "type geometry properties", "", _MASKS),
    ("an export of Prodigy", "_input_hash _task_hash", "", _CONVERT),
    ("a project of VoTT", "assets tags", "", _CONVERT),
    ("an asset of VoTT", "asset regions", "", _CONVERT),
    ("CreateML's boxes", "image annotations", "annotations: coordinates label", "boxes have no outline"),
    ("an export of Azure Machine Learning", "image_url label", "", _COCO),
    ("an import file of Vertex AI", "imageGcsUri", "", _COCO),
    ("an export of Dataturks", "content annotation", "", _CONVERT),
    ("a data set of FiftyOne", "samples", "samples: filepath", _COCO),
    ("an OpenLABEL document", "openlabel", "", _CONVERT),
    ("part of a backup of CVAT", "version tags shapes tracks", "", "export CVAT for images 1.1 instead"),
    ("a label of Superb AI", "objects categories", "objects: annotation tracking_id", _COCO),
    ("a video annotation of Supervisely", "framesCount frames", "", "export its frames as images instead"),
)
#: XML and text by a pattern of its beginning.
_TEXT: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (
        "Pascal VOC XML with polygons, as RectLabel writes it",
        re.compile(r"<annotation\b.*<polygon>\s*<x1>", re.DOTALL),
        "export COCO from RectLabel instead",
    ),
    (
        "Pascal VOC XML",
        re.compile(r"<annotation\b.*<bndbox", re.DOTALL),
        "it holds boxes: export polygons or masks",
    ),
    ("an annotation file of ImageScope", re.compile(r"<Annotations\b.*MicronsPerPixel"), _COCO),
    ("an annotation file of ASAP", re.compile(r"<ASAP_Annotations\b"), _COCO),
)  # fmt: skip


def known_tool(sample: Sample) -> tuple[str, str] | None:
    """Return the name of the tool or format that a file is of, and what to do, or None."""
    for keys in (sample.keys, sample.element):
        for name, marks, inner, advice in _JSON:
            key, _, needed = inner.partition(":")
            if set(marks.split()) <= keys.keys() and set(needed.split()) <= set(keys.get(key, ())):
                return name, advice
    if sample.text.lstrip().startswith("<"):
        return next(((name, advice) for name, mark, advice in _TEXT if mark.search(sample.text)), None)
    return None
