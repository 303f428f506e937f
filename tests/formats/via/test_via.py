"""VIA 1, 2 and 3 and its CSV: regions as lists and objects, the class attribute, closed polylines."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gtmask
from gtmask.errors import ExportError
from gtmask.formats import via
from gtmask.formats.sampling import take_sample
from gtmask.formats.via.regions import circle_through
from tests.support.coco_data import jpeg
from tests.support.small_exports import FilesExport, as_bytes, codes, labels, open_files, read_files, rings

if TYPE_CHECKING:
    from pathlib import Path

TRIANGLE = {"name": "polygon", "all_points_x": [1, 5, 5], "all_points_y": [1, 1, 4]}


def region(shape: Any = None, **attributes: Any) -> dict:
    return {
        "shape_attributes": TRIANGLE if shape is None else shape,
        "region_attributes": attributes or {"label": "a"},
    }


def image(*regions: Any, name: str = "a.jpg") -> dict:
    return {"filename": name, "size": 123, "regions": list(regions), "file_attributes": {}}


def read(*images: dict, **options: Any) -> list:
    document = {f"{entry.get('filename')}{index}": entry for index, entry in enumerate(images)}
    return read_files("via", {"via.json": document}, **options)


def read_image(*regions: Any, **options: Any) -> Any:
    (record,) = read(image(*regions), **options)
    return record


def test_a_polygon_in_the_grid_of_the_browser_without_a_size():
    record = read_image(region())
    assert rings(record, record.shapes[0]) == [[[[1, 1], [5, 1], [5, 4]]]]
    assert (record.image, record.width, record.height, record.grid) == ("a.jpg", None, None, "displayed")


def test_regions_are_a_list_or_in_version_1_an_object():
    entry = {**image(), "regions": {"0": region(label="a"), "1": region(label="b")}, "fileref": "dir/a.jpg"}
    (record,) = read(entry)
    assert labels(record) == ["a", "b"]
    assert record.aliases == ("dir/a.jpg",)


def test_numbered_regions_are_drawn_in_the_order_of_their_numbers():
    """Browsers walk through an object so, and programs that sort keys as text write 10 before 2."""
    numbers = ["0", "1", "10", "2", "x"]
    entry = {**image(), "regions": {number: region(label=number) for number in numbers}}
    (record,) = read(entry)
    assert labels(record) == ["0", "1", "2", "10", "x"]


@pytest.mark.parametrize("first", [True, False])
def test_projects_hold_the_images_under_a_key(first: bool):
    images = {"_via_img_metadata": {"a.jpg1": image(region()), "b.jpg2": image(name="b.jpg")}}
    other = {
        "_via_settings": {"core": {"filename": "x", "regions": []}},
        "_via_attributes": {
            "region": {"label": {"type": "dropdown", "options": {"car": "", "road": ""}}},
            "file": {},
        },
    }
    document = {**images, **other} if first else {**other, **images}
    reader = open_files("via", {"via.json": document})
    assert reader.labels == ["car", "road"]
    assert [reader.record(unit).image for unit in reader.units()] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("kind", "options", "value", "label", "found"),
    [
        ("dropdown", {"0": "car", "1": "dog"}, "1", "dog", []),
        ("radio", {"0": "car", "1": "dog"}, 1, "dog", []),
        ("checkbox", {"0": "car", "1": "dog"}, {"1": True}, "dog", []),
        ("dropdown", {"0": "car", "1": ""}, "1", "1", ["label-number"]),
        ("dropdown", {"0": "1", "1": ""}, "0", "0", ["label-number"]),
        ("dropdown", {"0": "a kind", "1": "a kind"}, "1", "1", ["label-number"]),
        ("image", {"0": "http://x/car.png"}, "0", "0", ["label-number"]),
        ("dropdown", {"car": "a vehicle", "dog": "an animal"}, "car", "car", []),
        ("dropdown", {"car": "a vehicle", "0": "other"}, "0", "0", ["label-number"]),
    ],
)
def test_options_whose_ids_are_numbers_are_called_by_their_descriptions(
    kind: str, options: dict, value: Any, label: str, found: list[str]
):
    document = {
        "_via_img_metadata": {"a.jpg1": image(region(type=value))},
        "_via_attributes": {"region": {"type": {"type": kind, "options": options}}, "file": {}},
    }
    reader = open_files("via", {"via.json": document})
    (record,) = [reader.record(unit) for unit in reader.units()]
    assert labels(record) == [label]
    assert label in (reader.labels or ())
    assert codes(record) == found


def test_rectangles_circles_and_points():
    record = read_image(
        region({"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}),
        region({"name": "circle", "cx": 9, "cy": 8, "r": 3}),
        region({"name": "point", "cx": 9, "cy": 8}),
    )
    assert [shape.kind for shape in record.shapes] == ["rectangle", "circle", "point"]
    assert rings(record, record.shapes[0]) == [[[[1, 2], [4, 2], [4, 6], [1, 6]]]]
    assert record.shapes[1].curve == (9, 8, 3, 3, 0)


def test_the_theta_of_an_ellipse_is_radians():
    shape = {"name": "ellipse", "cx": 10, "cy": 10, "rx": 8, "ry": 2}
    flat, turned = read_image(region(shape), region({**shape, "theta": math.pi / 2})).shapes
    assert flat.curve == (10, 10, 8, 2, 0)
    assert turned.curve == pytest.approx((10, 10, 8, 2, 90))


def test_a_closed_polyline_is_an_area_and_an_open_one_a_line():
    open_line = {"name": "polyline", "all_points_x": [1, 5, 5], "all_points_y": [1, 1, 4]}
    closed = {"name": "polyline", "all_points_x": [1, 5, 5, 1], "all_points_y": [1, 1, 4, 1]}
    record = read_image(region(open_line), region(closed))
    assert [shape.kind for shape in record.shapes] == ["polyline", "polygon"]


@pytest.mark.parametrize(
    ("attributes", "wanted", "label", "found"),
    [
        ({"thing": "car"}, None, ["car"], []),
        ({"colour": "red", "label": "car"}, None, ["car"], ["class-attribute-guessed"]),
        ({"colour": "red", "Class": "car"}, None, ["car"], ["class-attribute-guessed"]),
        ({"colour": "red", "make": "car"}, None, ["red"], ["class-attribute-guessed"]),
        ({"colour": "red", "label": "car"}, "colour", ["red"], []),
        ({"label": "car"}, "colour", [""], ["class-attribute-missing"]),
        ({"label": ""}, None, [""], []),
        ({"label": {"car": True, "bus": False}}, None, ["car"], []),
        ({"label": {"car": True, "bus": True}}, None, ["car"], ["label-several"]),
        ({"label": {}}, None, [""], []),
        ({"label": 7}, None, ["7"], ["label-number"]),
        ({"label": " 7"}, None, ["7"], ["label-number"]),
        ({"label": {"7": True}}, None, ["7"], ["label-number"]),
    ],
)
def test_the_class_is_one_attribute(attributes: dict, wanted: str | None, label: list[str], found: list[str]):
    record = read_image(region(**attributes), class_attribute=wanted)
    assert labels(record) == label
    assert codes(record) == found


def test_a_region_without_attributes_is_told():
    record = read_image(
        {"shape_attributes": TRIANGLE, "region_attributes": {}}, {"shape_attributes": TRIANGLE}
    )
    assert (labels(record), codes(record)) == (["", ""], [])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (
            region({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2, 3]}),
            "shape-bad-geometry",
        ),
        (region({"name": "polygon"}), "shape-bad-geometry"),
        (
            region({"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, None, 3]}),
            "shape-bad-number",
        ),
        (region({"name": "rect", "x": "a", "y": 1, "width": 1, "height": 1}), "shape-bad-geometry"),
        (region({"name": "circle", "cx": 1, "cy": 1, "r": 0}), "shape-no-geometry"),
        (region({"name": "heart"}), "shape-kind-unsupported"),
        (region([]), "shape-bad-geometry"),
        (7, "annotation-bad"),
    ],
)
def test_a_broken_region_costs_only_itself(bad: Any, code: str):
    record = read_image(region(label="good"), bad)
    assert labels(record) == ["good"]
    assert codes(record) == [code]


def test_broken_images_are_rejects_of_their_own():
    document = {"a": image(region()), "b": 7, "c": {"regions": []}, "d": image(name="d.jpg")}
    records = read_files("via", {"via.json": document})
    assert [codes(record) for record in records] == [
        [],
        ["record-bad"],
        ["image-name-bad", "image-unannotated"],
        ["image-unannotated"],
    ]


def via3(metadata: dict, **more: Any) -> dict:
    return {
        "project": {"pid": "x", "vid_list": ["1", "2"]},
        "config": {},
        "attribute": {
            "1": {
                "aname": "class",
                "anchor_id": "FILE1_Z0_XY1",
                "type": 4,
                "options": {"0": "car", "1": "road"},
            },
            "2": {"aname": "note", "anchor_id": "FILE1_Z0_XY1", "type": 1, "options": {}},
        },
        "metadata": metadata,
        "file": {
            "1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": ""},
            "2": {"fid": "2", "fname": "", "type": 2, "loc": 2, "src": "http://x/b.jpg"},
        },
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
        **more,
    }


def region3(vid: str, xy: list, label: str = "0", **more: Any) -> dict:
    return {"vid": vid, "flg": 0, "z": [], "xy": xy, "av": {"1": label}, **more}


def test_version_3_joins_regions_views_and_files_and_resolves_options():
    document = via3(
        {
            "b": region3("2", [7, 1, 1, 5, 1, 5, 4], "1"),
            "a": region3("1", [2, 1, 2, 3, 4]),
            "c": region3("1", [4, 10, 10, 8, 2], "1"),
            "d": region3("1", []),
        }
    )
    records = read_files("via", {"p.json": document})
    assert [(record.image, labels(record)) for record in records] == [
        ("a.jpg", ["car", "road"]),
        ("http://x/b.jpg", ["road"]),
    ]
    assert rings(records[0], records[0].shapes[0]) == [[[[1, 2], [4, 2], [4, 6], [1, 6]]]]
    shuffled = {key: document[key] for key in ("view", "metadata", "file", "config", "attribute", "project")}
    assert [record.shapes for record in read_files("via", {"p.json": shuffled})] == [
        record.shapes for record in records
    ]


@pytest.mark.parametrize(
    ("xy", "kind"),
    [
        ([1, 5, 5], "point"),
        ([3, 9, 8, 3], "circle"),
        ([5, 1, 1, 5, 5], "polyline"),
        ([6, 1, 1, 5, 1, 5, 4], "polyline"),
        ([6, 1, 1, 5, 1, 5, 4, 1, 1], "polygon"),
        ([8, 1, 3, 4, 1, 9, 5, 3, 8], "rectangle"),
        ([9, 2, 0, 0, 2, 4, 2], "circle"),
    ],
)
def test_shapes_of_version_3(xy: list, kind: str):
    record = read_files("via", {"p.json": via3({"a": region3("1", xy)})})[0]
    assert [shape.kind for shape in record.shapes] == [kind]


def test_a_circle_through_three_points():
    assert circle_through([2, 0, 0, 2, 4, 2]) == (2, 2, 2)
    with pytest.raises(ValueError, match="one line"):
        circle_through([0, 0, 1, 1, 2, 2])


def test_a_view_of_several_files_is_told():
    document = via3({"a": region3("1", [2, 1, 2, 3, 4])}, view={"1": {"fid_list": ["1", "2"]}})
    reader = open_files("via", {"p.json": document})
    assert [reader.record(unit).image for unit in reader.units()] == ["a.jpg"]
    assert [finding.code for finding in reader.findings] == ["task-image-guessed"]


def test_what_version_3_cannot_give_is_told():
    metadata = {
        "a": region3("1", [2, 1], "0"),
        "b": region3("1", [12, 1, 1]),
        "c": region3("9", [2, 1, 1, 2, 2]),
        "d": region3("1", [2, 1, 1, 2, 2], z=[0.5]),
        "e": 7,
    }
    reader = open_files("via", {"p.json": via3(metadata)})
    records = [reader.record(unit) for unit in reader.units()]
    assert codes(records[0]) == ["shape-bad-geometry", "shape-kind-unsupported", "shape-kind-unsupported"]
    assert [finding.code for finding in reader.findings] == ["annotation-orphan"]
    copy = pickle.loads(pickle.dumps(reader))
    assert [copy.record(unit) for unit in reader.units()] == records


def as_csv(rows: list[list[Any]], header: str, newline: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=newline).writerows(rows)
    return header + newline + out.getvalue()


TWO = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"


@pytest.mark.parametrize("header", [TWO, "#" + TWO])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_of_versions_1_and_2(header: str, newline: str):
    rows = [
        ["a, b.jpg", 1, "{}", 2, 0, json.dumps(TRIANGLE), json.dumps({"label": 'say "hi", ü'})],
        ["a, b.jpg", 1, "{}", 2, 1, json.dumps(TRIANGLE), json.dumps({"label": "x"})],
        ["c.jpg", 1, "{}", 0, 0, "{}", "{}"],
        ["d.jpg", 1, "{}", 1, 0, "no json", "{}"],
    ]
    records = read_files("via", {"via.csv": as_csv(rows, header, newline)})
    assert [(record.image, labels(record), codes(record)) for record in records] == [
        ("a, b.jpg", ['say "hi", ü', "x"], []),
        ("c.jpg", [], ["image-unannotated"]),
        ("d.jpg", [], ["shape-bad-geometry"]),
    ]


def test_rows_that_are_too_short_are_told():
    whole = ["a.jpg", 1, "{}", 2, 0, json.dumps(TRIANGLE), json.dumps({"label": "a"})]
    rows = [whole, ["a.jpg", 1, "{}", 2, 1], [" "]]
    reader = open_files("via", {"via.csv": as_csv(rows, TWO)})
    assert [len(reader.record(unit).shapes) for unit in reader.units()] == [1]
    assert [(item.code, item.detail) for item in reader.findings] == [
        ("annotation-bad", "via.csv: 1 rows have too few cells")
    ]


@pytest.mark.parametrize(("listed", "told"), [
    (3, True), (2, False), (1, False), ("", False), ("many", False), ("9" * 5000, False)
])  # fmt: skip
def test_rows_that_an_image_lacks_are_told(listed: int | str, told: bool):
    rows = [["a.jpg", 1, "{}", listed, n, json.dumps(TRIANGLE), json.dumps({"label": "a"})] for n in (0, 1)]
    (record,) = read_files("via", {"via.csv": as_csv(rows, TWO)})
    assert labels(record) == ["a", "a"]
    assert codes(record) == ["annotation-bad"] * told


def test_a_column_that_stands_twice_is_refused_and_a_cell_with_a_doubled_key_told():
    row = ["a.jpg", 1, "{}", 1, 0, json.dumps(TRIANGLE), '{"label": "a", "label": "b"}']
    (record,) = read_files("via", {"via.csv": as_csv([row], TWO)})
    assert codes(record) == ["shape-bad-geometry"]
    assert "'label' stands twice" in record.findings[0].detail
    with pytest.raises(ExportError, match="column 'region_attributes' twice"):
        read_files("via", {"via.csv": as_csv([[*row, "{}"]], TWO + ",region_attributes")})


def test_an_image_that_has_lost_all_its_rows_is_told():
    rows = [["a.jpg", 1, "{}", 2, 0, "{}", "{}"]]
    (record,) = read_files("via", {"via.csv": as_csv(rows, TWO)})
    assert codes(record) == ["annotation-bad"]


def test_csv_of_version_3():
    header = "# Exported using VIA\n# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,"
    header += "spatial_coordinates,metadata"
    rows = [
        ["1_a", '["a.jpg"]', 0, "[]", "[2,1,2,3,4]", '{"class":"car"}'],
        ["1_b", '["a.jpg"]', 0, "[]", "[]", "{}"],
    ]
    (record,) = read_files("via", {"via.csv": as_csv(rows, header)})
    assert (record.image, labels(record)) == ("a.jpg", ["car"])


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("v.json", {"a.jpg1": image(region())}, "VIA annotations"),
        ("v.json", {"_via_settings": {}, "_via_img_metadata": {}}, "VIA 2 project"),
        ("v.json", via3({}), "VIA 3 project"),
        ("v.csv", TWO + "\n", "VIA CSV"),
        ("v.csv", "a,b\n1,2\n", None),
        ("v.json", {"images": [], "annotations": []}, None),
        ("v.json", {"metadata": {"name": "a"}, "instances": []}, None),
    ],
)
def test_sniff(name: str, content: Any, title: str | None):
    assert via.sniff(take_sample(FilesExport({name: as_bytes(content)}), name)) == title


def test_points_are_exact():
    record = read_image(
        region({"name": "polygon", "all_points_x": [0.5, 10.25, 3], "all_points_y": [1, 2, 9.75]})
    )
    assert np.array_equal(record.points, [[0.5, 1], [10.25, 2], [3, 9.75]])


def test_the_class_is_the_attribute_that_most_regions_have():
    regions = [region(colour="red", make="vw"), region(make="vw"), region(make="bmw", label="")]
    record = read_image(*regions)
    assert labels(record) == ["vw", "vw", "bmw"]
    assert codes(record) == ["class-attribute-guessed"]


@pytest.mark.parametrize("order", [1, -1])
def test_ticked_attributes_of_which_each_region_has_one_are_classes(order: int):
    for tick in ("1", "yes", True, "key", 1):
        name = {"key": tick} if tick != "key" else {"key": "key"}
        other = {"image": tick if tick != "key" else "image"}
        record = read_image(*[region(**name), region(**other)][::order])
        assert sorted(labels(record)) == ["image", "key"]
        assert codes(record) == ["class-attribute-guessed"]


def test_values_that_are_no_ticks_are_classes_however_many_attributes_there_are():
    record = read_image(region(animal="cat"), region(animal="dog"), region(car="vw"))
    assert labels(record) == ["cat", "dog", ""]
    assert codes(record) == ["class-attribute-guessed", "class-attribute-missing"]


def test_the_attribute_is_chosen_over_images_and_not_region_by_region():
    files = {
        "a": image(region(key="1")),
        "b": image(region(label="1"), name="b.jpg"),
        "c": image(region(key="1")),
    }
    reader = open_files("via", {"via.json": files})
    assert [labels(reader.record(unit)) for unit in reader.units()] == [["key"], ["label"], ["key"]]


@pytest.mark.parametrize("value", [{"qx": "cat"}, {"car": 2}])
def test_a_group_of_ticks_holds_true_and_false(value: dict):
    record = read_image(region(label=value))
    assert labels(record) == [""]
    assert "value-type" in codes(record)


TABLE = {"1": {"aname": "class", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {"0": "car", "1": "dog"}}}


def csv_3(*rows: tuple[Any, Any], table: Any = TABLE) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    out.write("# Exported using VGG Image Annotator\n")
    if table is not None:
        out.write(f"# ATTRIBUTE = {json.dumps(table)}\n")
    out.write(
        "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata\n"
    )
    for number, (shape, values) in enumerate(rows):
        writer.writerow([f"1_{number}", '["a.png"]', 0, "[]", json.dumps(shape), json.dumps(values)])
    return out.getvalue()


def project_3(*rows: tuple[Any, Any], table: Any = TABLE) -> dict:
    return {
        "attribute": table or {}, "file": {"1": {"fid": "1", "fname": "a.png", "loc": 1, "src": ""}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {f"m{n}": {"vid": "1", "z": [], "xy": xy, "av": av} for n, (xy, av) in enumerate(rows)},
    }  # fmt: skip


@pytest.mark.parametrize(("make", "name"), [(csv_3, "v.csv"), (project_3, "v.json")])
@pytest.mark.parametrize(
    ("values", "table", "found", "told"),
    [
        ({"1": "1"}, TABLE, ["dog"], []),
        ({"1": "2"}, TABLE, ["2"], ["label-number", "option-unknown"]),
        ({"1": 1}, TABLE, ["dog"], []),
        ({"1": ["1"]}, TABLE, [""], ["value-type"]),
        ({"1": None}, TABLE, [""], []),
        ({"7": "1"}, TABLE, ["1"], ["label-number", "option-unknown"]),
        ({"1": "1"}, None, ["1"], ["label-number", "option-unknown"]),
        ({"1": "1"}, {"1": {"aname": "class", "type": 1}}, ["1"], ["label-number"]),
        ({"1": "1"}, {"1": {"aname": "class", "type": 4}}, ["1"], ["label-number", "option-unknown"]),
        ({"1": "0,1"}, TABLE, ["car"], ["label-several"]),
    ],
)
def test_options_are_named_by_the_table_in_projects_and_csv(
    make: Any, name: str, values: dict, table: Any, found: list[str], told: list[str]
):
    (record,) = read_files("via", {name: make(([2, 1, 1, 3, 3], values), table=table)})
    assert (labels(record), codes(record)) == (found, told)


@pytest.mark.parametrize(
    "xy", [[2, 1, 1, 3], [2, 1, 1, 3, 3, 3], [4, 1, 1, 2, 2, 2], [1, 5, 5, 5], [8, 1, 2, 3, 4]]
)
def test_shapes_of_version_3_have_as_many_numbers_as_their_kind(xy: list):
    (record,) = read_files("via", {"v.json": project_3((xy, {"1": "1"}))})
    assert codes(record) == ["shape-bad-geometry"]


def test_a_region_of_version_3_without_coordinates_is_told_unless_it_is_about_the_file():
    about_file = {"2": {"aname": "weather", "anchor_id": "FILE1_Z0_XY0", "type": 1}}
    no_shape = ["shape-no-geometry"]
    for xy, values, told in (
        ([], {"2": "sun"}, []),
        ([], {"1": "1"}, no_shape),
        (None, {"2": "sun"}, no_shape),
    ):
        document = project_3((xy, values), table=TABLE | about_file)
        (record,) = read_files("via", {"v.json": document})
        assert [code for code in codes(record) if code != "image-unannotated"] == told


def test_attributes_without_a_shape_are_told_in_csv():
    header = "filename,file_size,file_attributes,region_count,region_id,"
    header += "region_shape_attributes,region_attributes\n"
    row = 'a.jpg,1,{},1,0,,"{""label"": ""a""}"\n'
    (record,) = read_files("via", {"v.csv": header + row})
    assert codes(record) == ["shape-no-geometry"]
    (record,) = read_files("via", {"v.csv": header + "a.jpg,1,{},0,0,{},{}\n"})
    assert codes(record) == ["image-unannotated"]


def test_counts_of_regions_beside_odd_blank_space_are_read():
    header = "filename,file_size,file_attributes,region_count,region_id,"
    header += "region_shape_attributes,region_attributes\n"
    (record,) = read_files("via", {"v.csv": header + "a.jpg,1,{},\x1d\x1f 0\t,0,{},{}\n"})
    assert codes(record) == ["image-unannotated"]


def test_the_number_0_is_a_class_and_no_missing_attribute():
    shape = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}
    regions = [{"shape_attributes": shape, "region_attributes": {"kind": kind, "x": ""}} for kind in (0, 1)]
    document = {"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": regions, "file_attributes": {}}}
    (record,) = read_files("via", {"v.json": document})
    assert (labels(record), set(codes(record))) == (["0", "1"], {"label-number"})


@pytest.mark.parametrize("limit", [1 << 30, 100])
def test_rows_of_one_image_may_stand_anywhere_in_csv(limit: int):
    header = "filename,file_size,file_attributes,region_count,region_id,"
    header += "region_shape_attributes,region_attributes\n"
    shape = '"{""name"":""rect"",""x"":1,""y"":1,""width"":3,""height"":3}"'
    rows = [
        f'{name}.jpg,1,{{}},2,0,{shape},"{{""label"":""{label}""}}"\n'
        for name, label in ("ap", "bq", "ar", "cs")
    ]
    reader = open_files("via", {"v.csv": header + "".join(rows)}, memory_limit=limit)
    if limit == 100:
        with pytest.raises(ExportError, match="sort the file"):
            list(reader.units())
        return
    for _ in range(2):
        records = [reader.record(unit) for unit in reader.units()]
        assert [(record.image, labels(record)) for record in records] == [
            ("b.jpg", ["q"]), ("c.jpg", ["s"]), ("a.jpg", ["p", "r"])]  # fmt: skip


def test_images_of_one_name_and_of_other_sizes_are_different_ones(tmp_path: Path):
    """Nothing tells which of them the only file of that name is."""
    shape = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}
    document = {
        f"a.jpg{size}": {"filename": "a.jpg", "size": size, "file_attributes": {},
                         "regions": [{"shape_attributes": shape, "region_attributes": {"x": "car"}}]}
        for size in (1, 2)
    }  # fmt: skip
    for sizes, code in (((1, 2), "image-ambiguous"), ((1, 1), "image-duplicate")):
        for entry, size in zip(document.values(), sizes, strict=True):
            entry["size"] = size
        (tmp_path / f"{code}.json").write_text(json.dumps(document))
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images/a.jpg").write_bytes(jpeg(9, 9))
        images = tmp_path / "images"
        summary = gtmask.convert(tmp_path / f"{code}.json", tmp_path / code, images=images, workers=1)
        assert summary.tally.findings[code] == (2 if code == "image-ambiguous" else 1)
