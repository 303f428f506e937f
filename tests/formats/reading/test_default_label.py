"""--default-label in every format: shapes without a label get one, the others keep theirs."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from gtmask.formats import open_reader
from gtmask.formats.base import ReadOptions
from tests.support.small_exports import as_bytes, codes, labels

if TYPE_CHECKING:
    from pathlib import Path

RING = [[1, 1], [5, 1], [5, 4]]
FLAT = [1, 1, 5, 1, 5, 4]
ITEM = {"id": 1, "annotations": [{"id": 1, "type": "polygon", "points": FLAT, "label_id": None}]}
SHAPE = {"name": "polygon", "all_points_x": [1, 5, 5], "all_points_y": [1, 1, 4]}
CVAT = """<annotations><version>1.1</version><image id="0" name="a.jpg" width="8" height="6">
<polygon label="" points="1,1;5,1;5,4" z_order="0"/></image></annotations>"""

#: One shape without a label in each format that can have one.
EXPORTS: dict[str, tuple[str, Any]] = {
    "via": ("v.json", {"k": {"filename": "a.jpg", "size": 1, "file_attributes": {}, "regions": [
        {"shape_attributes": SHAPE, "region_attributes": {}}]}}),
    "labelme": ("a.json", {"version": "5.0.0", "imagePath": "a.jpg", "imageData": None, "imageHeight": 6,
                           "imageWidth": 8, "shapes": [{"label": "", "points": RING}]}),
    "isat": ("a.json", {"info": {"description": "ISAT", "name": "a.jpg", "width": 8, "height": 6},
                        "objects": [{"category": "", "segmentation": RING, "layer": 1.0}]}),
    "coco": ("c.json", {"images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}], "annotations": [
        {"id": 1, "image_id": 1, "segmentation": [FLAT], "iscrowd": 0, "area": 6, "bbox": [1, 1, 4, 3]}],
        "categories": [{"id": 1, "name": "car"}]}),
    "datumaro": ("d.json", {"dm_format_version": "1.0", "infos": {}, "categories": {"label": {"labels": [
        {"name": "car", "parent": "", "attributes": []}]}}, "items": [
        {**ITEM, "image": {"path": "a.jpg", "size": [6, 8]}}]}),
    "cvat": ("c.xml", CVAT),
    "label_studio": ("s.json", [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"id": 1, "result": [
        {"id": "r", "type": "polygon", "from_name": "p", "to_name": "image", "original_width": 8,
         "original_height": 6, "value": {"points": RING}}]}]}]),
    "supervisely": ("a.jpg.json", {"size": {"width": 8, "height": 6}, "tags": [], "objects": [
        {"classTitle": "", "geometryType": "polygon", "points": {"exterior": RING, "interior": []}}]}),
    "cityscapes": ("x_gtFine_polygons.json", {"imgHeight": 6, "imgWidth": 8, "objects": [
        {"label": "", "polygon": RING}]}),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_shapes_without_a_label_get_the_one_that_is_given(name: str, tmp_path: Path):
    file, content = EXPORTS[name]
    (tmp_path / file).write_bytes(as_bytes(content))
    for label in (None, "balloon"):
        reader = open_reader(tmp_path, name, ReadOptions(default_label=label))
        (unit,) = reader.units()
        record = pickle.loads(pickle.dumps(reader)).record(unit)
        assert labels(record) == [label or ""]
        assert ("label-default" in codes(record)) == (label is not None)
        assert reader.labels is None or label is None or label in reader.labels
