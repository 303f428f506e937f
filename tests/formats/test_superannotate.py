"""SuperAnnotate: holes, all vector kinds, pixel projects by colour, both layouts of names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import gtmask
from tests.support.small_exports import codes, grid, labels, open_files, painted, png, read_files, read_one

if TYPE_CHECKING:
    from pathlib import Path

SQUARE = [1, 1, 6, 1, 6, 6, 1, 6]
HOLE = [3, 3, 5, 3, 5, 5, 3, 5]


def scene(*instances: dict, **metadata: object) -> dict:
    return {"metadata": {"name": "a.jpg", "width": 8, "height": 8, **metadata}, "instances": list(instances)}


def thing(kind: str, label: str = "a", **more: object) -> dict:
    return {"type": kind, "className": label, "classId": 1, **more}


def test_exclude_rings_are_holes():
    record = read_one("superannotate", scene(thing("polygon", points=SQUARE, exclude=[HOLE])))
    assert np.array_equal(painted(record, "a"), grid(
        "........", ".11111..", ".11111..", ".11..1..", ".11..1..", ".11111..", "........", "........"
    ))  # fmt: skip


def test_vector_kinds():
    record = read_one("superannotate", scene(
        thing("bbox", points={"x1": 1, "x2": 3, "y1": 2, "y2": 5}),
        thing("rbbox", points={f"{axis}{i}": value for i, point in enumerate([(1, 3), (3, 1), (5, 3), (3,
                                                                                                       5)], 1)
                               for axis, value in zip("xy", point, strict=True)}),
        thing("ellipse", cx=4, cy=4, rx=3, ry=2, angle=30),
        thing("polyline", points=[0, 0, 5, 5]), thing("point", x=1, y=2), thing("template", points=[]),
        thing("cuboid", points={}),
    ))  # fmt: skip
    assert [shape.kind for shape in record.shapes] == [
        "rectangle",
        "rotated_rectangle",
        "ellipse",
        "polyline",
        "point",
    ]
    assert record.points[:4].tolist() == [[1, 2], [3, 2], [3, 5], [1, 5]]
    assert record.points[4:8].tolist() == [[1, 3], [3, 1], [5, 3], [3, 5]]
    assert record.shapes[2].curve == (4, 4, 3, 2, 30)
    assert codes(record) == ["shape-kind-unsupported", "shape-kind-unsupported"]


@pytest.mark.parametrize(
    ("status", "code"),
    [("NotStarted", "record-unannotated"), ("Skipped", "record-skipped"), ("Completed", "image-unannotated"),
     ("QualityCheck", "image-unannotated")],
)  # fmt: skip
def test_an_image_that_nobody_has_started_is_no_empty_one(status: str, code: str):
    assert codes(read_one("superannotate", scene(status=status))) == [code]
    asked = read_one("superannotate", scene(status=status), include_unannotated=True)
    assert codes(asked) == ["image-unannotated"]
    drawn = read_one("superannotate", scene(thing("polygon", points=SQUARE), status=status))
    assert codes(drawn) == []


def saved() -> bytes:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, :2] = (0, 0, 15, 255)
    pixels[1, 0] = (0, 0, 45, 255)
    pixels[1, 2] = (15, 0, 0, 255)
    return png(pixels)


def pixel_project(*instances: dict) -> dict:
    return {"metadata": {"name": "a.jpg", "width": 3, "height": 2}, "instances": list(instances)}


def test_pixel_projects_are_read_by_colour():
    parts = {"className": "a", "parts": [{"color": "#00000f"}, {"color": "#00002d"}]}
    other = {"className": "b", "parts": [{"color": "#0F0000"}]}
    files = {"a.jpg___pixel.json": pixel_project(parts, other), "a.jpg___save.png": saved()}
    (record,) = read_files("superannotate", files)
    assert np.array_equal(painted(record, "a", "b"), grid("11.", "1.2"))
    assert record.image == "a.jpg"


def test_pixel_projects_without_a_postfix():
    document = pixel_project({"className": "a", "parts": [{"color": "#00000f"}]})
    (record,) = read_files("superannotate", {"s/a.jpg.json": document, "s/a.jpg___save.png": saved()})
    assert np.array_equal(painted(record, "a"), grid("11.", "..."))
    assert record.image == "s/a.jpg"


def test_bad_colours_are_told():
    parts = {"className": "a", "parts": [{"color": "blue"}]}
    assert codes(read_one("superannotate", pixel_project(parts, {"className": "b", "parts": []}))) == [
        "shape-bad-geometry", "shape-no-geometry"]  # fmt: skip


def test_classes_by_id_and_the_projects_list():
    classes = [{"id": 7, "name": "b"}, {"id": 1, "name": "a"}, {"id": "x", "name": "c"}, None]
    item = thing("polygon", "", points=SQUARE)
    files = {"classes/classes.json": classes, "config.json": {}, "a.jpg___objects.json": scene(item)}
    reader = open_files("superannotate", files)
    assert reader.labels == ["b", "a"]
    units = list(reader.units())
    assert units == ["a.jpg___objects.json"]
    assert labels(reader.record(units[0])) == ["a"]


@pytest.mark.parametrize("name", ["annotations.json", "annotations.jsonl"])
@pytest.mark.parametrize("listed", ["classes/classes.json", "classes.json"])
def test_a_list_of_annotations_with_the_projects_classes(tmp_path: Path, name: str, listed: str):
    """As the SDK's get_annotations returns it; colours are those of the project."""
    scenes = [scene(thing("polygon", "", points=SQUARE), name=f"{number}.jpg") for number in range(3)]
    lines = name.endswith("l")
    text = "\n".join(map(json.dumps, scenes)) if lines else json.dumps(scenes, indent=1)
    (tmp_path / "set" / "classes").mkdir(parents=True)
    (tmp_path / "set" / name).write_text(text)
    classes = [{"id": 1, "name": "a", "color": "#Fa2069", "attribute_groups": []},
               {"id": 2, "name": "b", "color": "red", "attribute_groups": []}]  # fmt: skip
    (tmp_path / "set" / listed).write_text(json.dumps(classes))
    done = gtmask.convert(tmp_path / "set", tmp_path / "out", size="annotation", workers=1)
    assert (done.title, done.exit_code) == ("SuperAnnotate, a list", 0)
    assert sorted(path.name for path in (tmp_path / "out/masks").iterdir()) == ["0.png", "1.png", "2.png"]
    assert [(entry.name, entry.id) for entry in done.classes.classes] == [("a", 1), ("b", 2)]
    assert done.classes.classes[0].color == "#fa2069"
    assert done.tally.shapes == {"a": 3}


def test_elements_of_a_list_that_are_no_annotations_cost_themselves(tmp_path: Path):
    scenes = [scene(thing("polygon", points=SQUARE), name="a.jpg"), {"metadata": {"name": "b.jpg"}},
              {"metadata": {}, "instances": []}, 7]  # fmt: skip
    (tmp_path / "annotations.json").write_text(json.dumps(scenes))
    records = list(gtmask.read(tmp_path / "annotations.json"))
    assert [codes(record) for record in records[1:]] == [["record-bad"], ["image-name-bad"], ["record-bad"]]
    assert labels(records[0]) == ["a"]


@pytest.mark.parametrize(("name", "image"), [
    ("x/a.jpg___objects.json", "x/a.jpg"), ("x/a.jpg.json", "x/a.jpg"), ("a.jpg___pixel.json", "a.jpg"),
])  # fmt: skip
def test_image_names(name: str, image: str):
    (record,) = read_files("superannotate", {name: scene()})
    assert record.image == image
    (record,) = read_files("superannotate", {name: scene(name=None)})
    assert record.image == image


def test_sizes_may_be_missing():
    record = read_one("superannotate", scene(width=None, height=None))
    assert (record.width, record.height, codes(record)) == (None, None, ["image-unannotated"])


def test_broken_instances_cost_only_themselves():
    record = read_one("superannotate", scene(
        thing("polygon", points=SQUARE), thing("polygon", points=SQUARE[:-1]), thing("polygon"),
        thing("polygon", points=SQUARE, exclude=3), thing("bbox", points=[1, 2]), thing("ellipse", cx=1), "x",
        thing("polygon", points=SQUARE, exclude=[[1, 1, 2, 2]]), thing("rbbox", points={}),
    ))  # fmt: skip
    assert labels(record) == ["a", "a", "a"]
    assert codes(record) == ["annotation-bad"] + ["shape-bad-geometry"] * 4 + [
        "shape-few-points",
        "shape-odd-count",
        "value-type",
    ]
