"""Widths, heights and radii below 0, which no tool draws: the shape is left out and told, in every format."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.small_exports import codes, labels, read_files

ONE = {"width": 40, "height": 30}


def label_studio(kind: str, **value: float) -> dict[str, Any]:
    result = {"id": "r", "type": f"{kind}labels", "from_name": "l", "to_name": "i", "original_width": 40,
              "original_height": 30, "value": {**value, f"{kind}labels": ["a"]}}  # fmt: skip
    return {"x.json": [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"id": 1, "result": [result]}]}]}


def darwin(**geometry: Any) -> dict[str, Any]:
    slot = {"slot_name": "0", "type": "image", **ONE, "source_files": [{"file_name": "a.jpg"}]}
    item = {"name": "a.jpg", "path": "/", "slots": [slot]}
    annotation = {"id": "1", "name": "a", "slot_names": ["0"], **geometry}
    return {"x.json": {"version": "2.0", "item": item, "annotations": [annotation]}}


def datumaro(**annotation: Any) -> dict[str, Any]:
    entry = {"id": 1, "label_id": 0, "attributes": {}, "group": 0, "z_order": 0, **annotation}
    item = {"id": "a", "image": {"path": "a.jpg", "size": [30, 40]}, "annotations": [entry]}
    categories = {"label": {"labels": [{"name": "a", "parent": "", "attributes": []}]}}
    return {"annotations/x.json": {"info": {}, "categories": categories, "items": [item]}}


def encord(**geometry: Any) -> dict[str, Any]:
    objects = [{"objectHash": "o", "name": "a", "value": "a", **geometry}]
    unit = {"data_hash": "u", "data_title": "a.jpg", "data_type": "image/jpeg", **ONE,
            "labels": {"objects": objects, "classifications": []}}  # fmt: skip
    return {"x.json": [{"label_hash": "l", "data_title": "a.jpg", "data_units": {"u": unit}}]}


def via(**shape: Any) -> dict[str, Any]:
    region = {"shape_attributes": shape, "region_attributes": {"class": "a"}}
    return {
        "x.json": {"a.jpg9": {"filename": "a.jpg", "size": 9, "regions": [region], "file_attributes": {}}}
    }


def cvat(shape: str) -> dict[str, Any]:
    image = f'<image id="0" name="a.jpg" width="40" height="30">{shape}</image>'
    return {"x.xml": f"<annotations><version>1.1</version>{image}</annotations>"}


def labelbox(**box: float) -> dict[str, Any]:
    objects = [{"featureId": "f", "schemaId": "s", "title": "a", "value": "a", "bbox": box}]
    row = {"ID": "x", "DataRow ID": "d", "Labeled Data": "https://x/a.jpg", "External ID": "a.jpg"}
    return {"x.json": [{**row, "Label": {"objects": objects, "classifications": []}}]}


def yolo(line: str) -> dict[str, Any]:
    return {"classes.txt": "a\n", "labels/a.txt": f"0 {line}\n"}


#: A format, its export with a size that can be, and the same with one that cannot.
PAIRS = [
    ("label_studio", *(label_studio("rectangle", x=50, y=50, width=w, height=10) for w in (20, -20))),
    ("label_studio", *(label_studio("rectangle", x=9, y=9, width=9, height=h, rotation=9) for h in (9, -9))),
    ("label_studio", *(label_studio("ellipse", x=50, y=50, radiusX=r, radiusY=9) for r in (9, -9))),
    ("darwin", *(darwin(bounding_box={"x": 9, "y": 9, "w": w, "h": 5}) for w in (5, -5))),
    ("darwin", *(darwin(ellipse={"center": {"x": 9, "y": 9}, "radius": {"x": 4, "y": r}}) for r in (5, -5))),
    ("datumaro", *(datumaro(type="bbox", bbox=[9, 9, w, 5]) for w in (5, -5))),
    ("datumaro", *(datumaro(type="bbox", bbox=[9, 9, w, 5], attributes={"rotation": 9}) for w in (5, -5))),
    ("encord", *(encord(boundingBox={"x": 0.5, "y": 0.5, "w": w, "h": 0.2}) for w in (0.2, -0.2))),
    ("encord", *(encord(rotatableBoundingBox={"x": 0.5, "y": 0.5, "w": w, "h": 0.2, "theta": 9})
                 for w in (0.2, -0.2))),
    ("via", *(via(name="rect", x=9, y=9, width=w, height=5) for w in (5, -5))),
    ("via", *(via(name="circle", cx=9, cy=9, r=r) for r in (5, -5))),
    ("via", *(via(name="ellipse", cx=9, cy=9, rx=5, ry=r, theta=0) for r in (5, -5))),
    ("cvat", *(cvat(f'<ellipse label="a" cx="9" cy="9" rx="{r}" ry="4"/>') for r in (5, -5))),
    ("cvat", *(cvat(f'<polygon label="a" points="1,1;9,1;9,9" z_order="{z}"/>') for z in (1, "nan"))),
    ("labelbox", *(labelbox(left=9, top=9, width=w, height=5) for w in (5, -5))),
    ("yolo", *(yolo(f"0.5 0.5 {w} 0.2") for w in (0.2, -0.2))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "possible", "impossible"), PAIRS, ids=lambda value: str(value)[:12])
def test_a_size_below_0_is_told_and_not_painted(
    name: str, possible: dict[str, Any], impossible: dict[str, Any]
) -> None:
    (record,) = read_files(name, possible)
    assert labels(record) == ["a"]
    assert "shape-bad-geometry" not in codes(record)
    (record,) = read_files(name, impossible)
    assert labels(record) == []
    assert "shape-bad-geometry" in codes(record)


def test_an_ellipse_without_width_has_no_geometry() -> None:
    (record,) = read_files("cvat", cvat('<ellipse label="a" cx="9" cy="9" rx="0" ry="4"/>'))
    assert codes(record) == ["shape-no-geometry"]


def test_corners_in_any_order_are_one_box() -> None:
    boxes = [f'<box label="a" xtl="{x}" ytl="4" xbr="{24 - x}" ybr="12" rotation="30"/>' for x in (4, 20)]
    first, second = (read_files("cvat", cvat(box))[0] for box in boxes)
    assert sorted(map(tuple, first.points.round(6).tolist())) == sorted(
        map(tuple, second.points.round(6).tolist())
    )
