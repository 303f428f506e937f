"""Formats of drawing tools and of projects of one JSON per item."""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.silence.documents.parts import TWO, base64_of, colored, dense, encoded, id_colors, mask_of, runs
from tests.silence.variant import box, cell, flat, hole, ring, variant, xy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.silence.variant import Variant

A = {"a.jpg": (48, 32)}


def variants() -> Iterator[Variant]:
    """Yield the variants of this file."""
    yield from _cvat()
    yield from _via()
    yield from _supervisely()
    yield from _darwin()
    yield from _superannotate()
    yield from _dataloop()


# --- CVAT -----------------------------------------------------------------------------------------------


def _points(points: list[list[int]]) -> str:
    return ";".join(f"{x},{y}" for x, y in points)


def _cvat() -> Iterator[Variant]:
    labels = "".join(
        f"<label><name>{name}</name><color>#fff</color></label>" for name in ("cat", "dog", "cow", "owl")
    )
    left, top = cell(5)
    patch = mask_of({5: 1})[top : top + 8, left : left + 9]
    rle = ", ".join(map(str, runs(patch, down=False)))
    shapes = (
        f'<polygon label="cat" source="manual" occluded="0" points="{_points(ring(0))}" z_order="0"/>'
        '<box label="dog" source="manual" occluded="0" xtl="13" ytl="2" xbr="20" ybr="8" z_order="0"/>'
        '<ellipse label="cow" occluded="0" cx="28" cy="6" rx="4" ry="3" z_order="0"/>'
        f'<mask label="owl" rle="{rle}" left="{left}" top="{top}" width="9" height="8" z_order="0"/>'
        f'<polygon label="dog" points="{_points(ring(10))}" z_order="1"/>'
    )

    def document(*images: str) -> str:
        return (
            "<annotations><version>1.1</version><meta><task><id>1</id><name>t</name><labels>"
            f"{labels}</labels></task></meta>{''.join(images)}</annotations>"
        )

    def image(number: int, name: str, inner: str, size: tuple[int, int] = (48, 32)) -> str:
        return f'<image id="{number}" name="{name}" width="{size[0]}" height="{size[1]}">{inner}</image>'

    # z_order, rotation and flags that are missing are 0; of the meta data only labels are read.
    free = "z_order rotation occluded source id version color keyframe task_id name_ task"
    train, val = (
        image(0, "train/a.jpg", shapes),
        image(1, "val/a.jpg", shapes[: shapes.find("<box")], (40, 56)),
    )
    yield variant("cvat", "images", {"annotations.xml": document(train, val)}, TWO, free=free)
    yield variant(
        "cvat",
        "two-tasks",
        {"t1.xml": document(train), "t2.xml": document(image(0, "val/a.jpg", shapes, (40, 56)))},
        TWO,
        free=free,
    )
    frames = "".join(f'<box frame="{frame}" keyframe="1" outside="{int(frame == 2)}" xtl="13" ytl="2" '
                     'xbr="20" ybr="8"/>' for frame in range(3))  # fmt: skip
    video = (
        "<annotations><version>1.1</version><meta><task><labels>"
        + labels
        + "</labels><original_size><width>48"
        "</width><height>32</height></original_size></task></meta>"
        f'<track id="0" label="dog">{frames}</track><track id="1" label="cat">'
        f'<polygon frame="0" keyframe="1" outside="0" points="{_points(ring(0))}"/>'
        f'<polygon frame="1" keyframe="1" outside="1" points="{_points(ring(0))}"/></track></annotations>'
    )
    yield variant("cvat", "video", {"annotations.xml": video},
                  {f"frame_{frame:06}.png": (48, 32) for frame in range(3)},
                      free=f"{free} outside")  # fmt: skip
    yield from _cvat_project(free, labels, shapes)


def _cvat_project(free: str, labels: str, shapes: str) -> Iterator[Variant]:
    """Projects: subsets with images of one name, videos that each count their frames."""
    first = shapes[: shapes.find("<box")]
    head = f"<annotations><version>1.1</version><meta><project><labels>{labels}</labels></project></meta>"
    inner = "".join(
        f'<image id="{number}" name="{name}" subset="{subset}" task_id="{number}" width="48" height="32">'
        f"{chosen}</image>"
        for number, (name, subset, chosen) in enumerate(
            (("a.jpg", "train", shapes), ("a.jpg", "val", first), ("frame_000000", "test", first)), 1
        )
    )
    places = dict.fromkeys(("train/a.jpg", "val/a.jpg", "test/frame_000000.PNG"), (48, 32))
    yield variant("cvat", "project", {"annotations.xml": f"{head}{inner}</annotations>"}, places, free=free)
    tracks = "".join(
        f'<track id="{number}" label="{label}" task_id="{number}" subset="{subset}">'
        f'<box frame="0" outside="0" xtl="{2 + 11 * number}" ytl="2" xbr="{9 + 11 * number}" ybr="8"/>'
        "</track>"
        for number, (label, subset) in enumerate((("dog", "A"), ("cat", "B")), 1)
    )
    yield variant("cvat", "project-of-videos", {"annotations.xml": f"{head}{tracks}</annotations>"}, {
        f"{subset}/frame_000000.png": (48, 32) for subset in "AB"}, free=f"{free} outside")  # fmt: skip


# --- VIA ------------------------------------------------------------------------------------------------


def _via() -> Iterator[Variant]:
    def polygon(points: list[list[int]], kind: str = "polygon") -> dict[str, Any]:
        return {"name": kind, "all_points_x": [x for x, _ in points], "all_points_y": [y for _, y in points]}

    x, y, width, height = box(1)
    shapes = [
        (polygon(ring(0)), "cat"),
        ({"name": "rect", "x": x, "y": y, "width": width, "height": height}, "dog"),
        ({"name": "circle", "cx": 28, "cy": 6, "r": 3}, "cow"),
        ({"name": "ellipse", "cx": 40, "cy": 6, "rx": 4, "ry": 2, "theta": 0}, "owl"),
        (polygon([*ring(5), ring(5)[0]], "polyline"), "bee"),
    ]  # fmt: skip
    regions = [{"shape_attributes": shape, "region_attributes": {"label": label}} for shape, label in shapes]

    def entry(name: str, regions: Any) -> dict[str, Any]:
        return {"filename": name, "size": 123, "regions": regions, "file_attributes": {}}

    two = {"train/a.jpg123": entry("train/a.jpg", regions), "val/a.jpg123": entry("val/a.jpg", regions[:1])}
    places = {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}
    # A theta that is missing is 0; sizes are bytes of files; attributes of files are not read; version 1 has
    # its regions under numbers, and one less is another document.
    free = "size file_attributes theta train/a.jpg123 val/a.jpg123 file_size region_count region_id"
    yield variant("via", "version-2", {"via.json": two}, places, free=free, enums="name")
    yield variant("via", "version-1", {"via.json": {key: {**item, "regions": {
        str(number): region for number, region in enumerate(item["regions"])}, "fileref": "",
            "base64_img_data": ""}
        for key, item in two.items()}}, places, free=f"{free} fileref base64_img_data 0 1 2 3 4",
            enums="name")  # fmt: skip
    yield variant("via", "project", {"via.json": {
        "_via_settings": {"core": {"buffer_size": 18}}, "_via_img_metadata": two,
        "_via_attributes": {"region": {"label": {"type": "text", "description": ""}}, "file": {}},
        "_via_data_format_version": "2.0.10", "_via_image_id_list": list(two),
    }}, places, free=f"{free} _via_settings core buffer_size _via_attributes region file type description "
        "_via_data_format_version _via_image_id_list", enums="name")  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["filename", "file_size", "file_attributes", "region_count", "region_id",
                     "region_shape_attributes", "region_attributes"])  # fmt: skip
    for name, chosen in (("train/a.jpg", regions), ("val/a.jpg", regions[:1])):
        for number, region in enumerate(chosen):
            writer.writerow([name, 123, "{}", len(chosen), number, json.dumps(region["shape_attributes"]),
                             json.dumps(region["region_attributes"])])  # fmt: skip
    yield variant("via", "csv", {"via.csv": out.getvalue()}, places, free=free, enums="name")
    yield from _via_3(free)


def _via_3(free: str) -> Iterator[Variant]:
    def region(view: str, xy_values: list[float], option: str) -> dict[str, Any]:
        return {"vid": view, "flg": 0, "z": [], "xy": xy_values, "av": {"1": option}}

    project = {
        "project": {"pid": "p", "rev": "1", "vid_list": ["1", "2"]}, "config": {"file": {"loc_prefix": {}}},
        "attribute": {"1": {"aname": "class", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {
            "0": "cat", "1": "dog", "2": "cow"}, "default_option_id": ""}},
        "file": {"1": {"fid": "1", "fname": "train/a.jpg", "type": 2, "loc": 1, "src": ""},
                 "2": {"fid": "2", "fname": "val/a.jpg", "type": 2, "loc": 1, "src": ""}},
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
        "metadata": {
            "m1": region("1", [7, *flat(ring(0))], "0"), "m2": region("1", [2, 13, 2, 7, 5], "1"),
            "m3": region("2", [4, 28, 16, 4, 2], "2"),
        },
    }  # fmt: skip
    yield variant("via", "version-3", {"via.json": project}, {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)},
                  free=f"{free} project pid rev vid_list config loc_prefix type default_option_id src flg "
                       "z fid anchor_id m1 m2 m3")  # fmt: skip


# --- one JSON per item ----------------------------------------------------------------------------------


def _supervisely() -> Iterator[Variant]:
    def item(title: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"id": 1, "classId": len(title) + ord(title[0]), "labelerLogin": "u", "createdAt": "2024",
            "tags": [], "classTitle": title,
                "geometryType": kind, **more}  # fmt: skip

    def document(*objects: dict[str, Any]) -> dict[str, Any]:
        return {"description": "", "tags": [], "size": {"height": 32, "width": 48}, "objects": list(objects)}

    left, top = cell(5)
    patch = np.zeros((8, 9, 4), np.uint8)
    patch[mask_of({5: 1})[top : top + 8, left : left + 9] != 0] = (255, 255, 255, 255)
    coded = base64.b64encode(zlib.compress(encoded(patch))).decode()
    objects = [
        item("cat", "polygon", points={"exterior": ring(0), "interior": [hole(0)]}),
        item("dog", "rectangle", points={"exterior": [ring(1)[0], ring(1)[2]], "interior": []}),
        item("owl", "bitmap", bitmap={"data": coded, "origin": [left, top]}),
        item("cat", "polygon", points={"exterior": ring(10), "interior": []}),
    ]
    meta = {"classes": [{"title": name, "shape": "any", "color": "#fff", "id": n} for n, name in
                        enumerate(("cat", "dog", "owl"))], "tags": [], "projectType": "images"}  # fmt: skip
    # A polygon without holes is a polygon; who drew it and when is not read.
    free = ("interior id classId labelerLogin createdAt tags description shape color projectType "
            "geometryType meta")  # fmt: skip
    yield variant("supervisely", "project", {
        "meta.json": meta, "train/ann/a.jpg.json": document(*objects), "val/ann/a.jpg.json": document(
            objects[1]),
    }, {"train/img/a.jpg": (48, 32), "val/img/a.jpg": (48, 32)}, free=free)  # fmt: skip
    yield variant("supervisely", "no-classes", {"ds/ann/a.jpg.json": document(
        *objects[:2], item("bee", "oriented_bbox", points={"exterior": [[30, 20], [38, 26]],
            "interior": []}, angle=0.5),
    )}, {"ds/img/a.jpg": (48, 32)}, free=f"{free} angle", enums="geometryType")  # fmt: skip


def _darwin() -> Iterator[Variant]:
    def document(path: str, *annotations: dict[str, Any]) -> dict[str, Any]:
        return {"version": "2.0", "schema_ref": "https://x", "item": {"name": "a.jpg", "path": path,
            "slots": [
            {"type": "image", "slot_name": "0", "width": 48, "height": 32, "source_files": [
                {"file_name": "a.jpg", "url": "https://x/a.jpg"}]}]}, "annotations": list(
                    annotations)}  # fmt: skip

    def entry(number: int, name: str, **more: Any) -> dict[str, Any]:
        return {"id": f"i{number}", "name": name, "slot_names": ["0"], "annotators": [], "ranges": [], **more}

    x, y, width, height = box(1)
    layer = mask_of({10: 1, 11: 2})
    annotations = [
        entry(1, "cat", polygon={"paths": [xy(ring(0)), xy(hole(0))]}, bounding_box={"x": 2, "y": 2, "w": 8,
            "h": 7}),
        entry(2, "dog", bounding_box={"x": x, "y": y, "w": width, "h": height}),
        entry(3, "cow", ellipse={"center": {"x": 28, "y": 6}, "radius": {"x": 4, "y": 3}, "angle": 0}),
        entry(4, "owl", mask={}), entry(5, "bee", mask={}),
        entry(6, "__raster_layer__", raster_layer={"dense_rle": dense(layer), "total_pixels": 48 * 32,
                                                  "mask_annotation_ids_mapping": {"i4": 1, "i5": 2}}),
    ]  # fmt: skip
    # Beside a polygon stands its box, which alone is a shape, too; an angle that is missing is 0; slots and
    # who did it may be missing.
    free = ("version schema_ref slot_names annotators ranges angle type source_files file_name url "
            "total_pixels id slot_name mask additional_paths path")  # fmt: skip
    free_two = free.replace(" path", "").replace("additional_paths", "polygon")
    yield variant("darwin", "2.0", {
        "train/a.json": document("/train", *annotations), "val/a.json": document("/val", annotations[1]),
    }, {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}, free=free_two)  # fmt: skip
    old = {"dataset": "d", "image": {"width": 48, "height": 32, "original_filename": "a.jpg",
        "filename": "a.jpg",
                                     "url": "https://x", "path": "/x", "workview_url": "w", "seq": 1},
           "annotations": [{"name": "cat", "polygon": {"path": xy(ring(0)), "additional_paths": [xy(ring(
               5))]}},
                           {"name": "dog", "bounding_box": {"x": x, "y": y, "w": width,
                               "h": height}}]}  # fmt: skip
    yield variant("darwin", "1.0", {"a.json": old}, {"x/a.jpg": (48, 32)},
                  free="dataset url workview_url seq filename original_filename additional_paths"
    )  # fmt: skip

    complex_polygon = {"dataset": "d", "image": old["image"], "annotations": [
        {"name": "cat", "complex_polygon": {"path": [xy(ring(0)), xy(hole(0))]}},
        {"name": "dog", "ellipse": {"center": {"x": 28, "y": 6}, "radius": {"x": 4, "y": 3}, "angle": 0.5}},
    ]}  # fmt: skip
    yield variant("darwin", "complex-polygons", {"a.json": complex_polygon}, {"x/a.jpg": (48, 32)},
                  free="dataset url workview_url seq filename original_filename angle")  # fmt: skip


def _superannotate() -> Iterator[Variant]:
    def document(name: str, *instances: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {"name": name, "width": 48, "height": 32, "status": "Completed"},
                "instances": list(instances), "tags": [], "comments": []}  # fmt: skip

    def item(kind: str, number: int, name: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "classId": number, "className": name, "probability": 100, "attributes": [],
                "groupId": 0, "visible": True, **more}  # fmt: skip

    x, y, width, height = box(1)
    corners = ring(5)[:4]
    turned = {
        f"{axis}{n}": value
        for n, point in enumerate(corners, 1)
        for axis, value in zip("xy", point, strict=True)
    }
    instances = [
        item("polygon", 1, "cat", points=flat(ring(0)), exclude=[flat(hole(0))]),
        item("bbox", 2, "dog", points={"x1": x, "x2": x + width, "y1": y, "y2": y + height}),
        item("rbbox", 3, "cow", points=turned),
        item("ellipse", 4, "owl", cx=28, cy=26, rx=4, ry=3, angle=0),
    ]
    classes = [{"id": n, "name": name, "color": "#fff", "attribute_groups": []}
               for n, name in enumerate(("cat", "dog", "cow", "owl"), 1)]  # fmt: skip
    # A polygon without holes; either the class's name or its id is enough; the rest tells who and how.
    free = "exclude angle classId className probability attributes groupId visible status tags comments color"
    free += " attribute_groups creationType"
    yield variant("superannotate", "vector", {
        "classes/classes.json": classes, "a.jpg___objects.json": document("a.jpg", *instances),
        "b.jpg___objects.json": document("b.jpg", instances[0]),
    }, {"a.jpg": (48, 32), "b.jpg": (48, 32)}, free=free, enums="type")  # fmt: skip
    picture = colored(
        mask_of({0: 1, 5: 2, 10: 3}), {0: (0, 0, 0), **_bgr(id_colors({1: 0x102030, 2: 0x4050, 3: 0x708090}))}
    )
    parts = [{"classId": n, "className": name, "probability": 100, "attributes": [], "parts": [
        {"color": color} for color in colors]} for n, name, colors in (
            (1, "cat", ["#102030", "#004050"]), (2, "dog", ["#708090"]))]  # fmt: skip
    yield variant("superannotate", "pixel", {
        "classes/classes.json": classes[:2], "a.jpg___pixel.json": document("a.jpg", *parts),
        "a.jpg___save.png": picture}, A, free=free)  # fmt: skip


def _bgr(colors: dict[int, tuple[int, int, int]]) -> dict[int, tuple[int, int, int]]:
    return {value: color[::-1] for value, color in colors.items()}


def _dataloop() -> Iterator[Variant]:
    def document(name: str, *annotations: dict[str, Any]) -> dict[str, Any]:
        return {"_id": "i", "filename": name, "annotations": list(annotations), "itemMetadata": {},
                "metadata": {"system": {"width": 48, "height": 32, "mimetype": "image/jpeg"}}}  # fmt: skip

    def entry(kind: str, label: str, coordinates: Any) -> dict[str, Any]:
        return {"id": label, "datasetId": "d", "itemId": "i", "type": kind, "label": label, "attributes": [],
                "coordinates": coordinates, "metadata": {"system": {"status": None,
                    "isOpen": False}}}  # fmt: skip

    pixels = np.zeros((32, 48, 4), np.uint8)
    pixels[mask_of({10: 1}) != 0] = (9, 9, 9, 255)
    url = f"data:image/png;base64,{base64_of(encoded(pixels))}"
    annotations = [
        entry("segment", "cat", [xy(ring(0)), xy(hole(0))]), entry("segment", "dog", [xy(ring(5))]),
        entry("box", "cow", xy([ring(1)[0], ring(1)[2]])),
        entry("ellipse", "owl", {"center": {"x": 28, "y": 6}, "rx": 4, "ry": 3, "angle": 0}),
        entry("binary", "bee", url),
    ]  # fmt: skip
    free = "_id id datasetId itemId itemMetadata attributes isOpen status mimetype angle metadata system"
    free = free.replace(" metadata system", "")
    yield variant("dataloop", "items", {
        "train/a.json": document("/train/a.jpg", *annotations), "val/a.json": document("/val/a.jpg",
            annotations[1]),
    }, {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}, free=free, enums="type")  # fmt: skip
    yield variant("dataloop", "corners", {"a.json": document(
        "/a.jpg", entry("box", "cat", xy(ring(0)[:4])), entry("segment", "dog", xy(ring(6))))}, A,
        free=free, enums="type")  # fmt: skip
