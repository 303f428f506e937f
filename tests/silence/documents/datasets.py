"""Formats of data sets: one JSON per image, COCO and its relatives, YOLO."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.silence.documents.parts import (
    TWO,
    base64_of,
    coco_string,
    colored,
    encoded,
    id_colors,
    mask_of,
    names,
    runs,
)
from tests.silence.variant import box, cell, flat, fractions, hole, ring, variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.silence.variant import Variant

A = {"a.jpg": (48, 32)}


def variants() -> Iterator[Variant]:
    """Yield the variants of this file."""
    yield from _coco()
    yield from _panoptic()
    yield from _sa1b()
    yield from _yolo()
    yield from _labelme()
    yield from _isat()
    yield from _qupath()
    yield from _cityscapes()
    yield from _mapillary()
    yield from _datumaro()


# --- COCO -----------------------------------------------------------------------------------------------

#: A crowd flag that is not there is none; a category may lack its supercategory; the rest is not read.
COCO_FREE = "iscrowd supercategory info licenses area bbox id license score isbbox"


def _coco_document(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "info": {"description": "x"},
        "images": images,
        "annotations": annotations,
        "categories": names(["cat", "dog", "cow"], supercategory="animal"),
    }


def _annotation(number: int, image: int, category: int, segmentation: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "image_id": image, "category_id": category, "segmentation": segmentation, "iscrowd": 0,
        "area": 40, "bbox": [*box(0)], **more,
    }  # fmt: skip


def _coco() -> Iterator[Variant]:
    two = [
        {"id": 1, "file_name": "train/a.jpg", "width": 48, "height": 32},
        {"id": 2, "file_name": "val/a.jpg", "width": 40, "height": 56},
    ]
    yield variant("coco", "polygons", {"instances.json": _coco_document(two, [
        _annotation(1, 1, 1, [flat(ring(0))]),
        _annotation(2, 1, 2, [flat(ring(1)), flat(ring(2))]),
        _annotation(3, 2, 3, [flat(ring(4))]),
        _annotation(4, 2, 1, [flat(ring(8))], attributes={"occluded": False}),
    ])}, TWO, free=COCO_FREE.replace(" id ", " "))  # fmt: skip
    counts, other = runs(mask_of({0: 1}), down=True), runs(mask_of({5: 1}), down=True)
    yield variant("coco", "runs", {"a.json": _coco_document(two[:1], [
        _annotation(1, 1, 1, {"counts": counts, "size": [32, 48]}, iscrowd=1),
        _annotation(2, 1, 2, {"counts": coco_string(other), "size": [32, 48]}),
        _annotation(3, 1, 3, [flat(ring(10))]),
    ])}, {"train/a.jpg": (48, 32)}, free=COCO_FREE.replace(" id ", " "))  # fmt: skip
    ones = {"images": [{"id": "i1", "file_name": "a.jpg", "width": 48, "height": 32}]}
    yield variant("coco", "splits", {
        "annotations/train.json": {**_coco_document([], [_annotation(1, 1, 1, [flat(ring(0))])]),
                                   "images": [{**two[0], "file_name": "train/a.jpg"}]},
        "annotations/val.json": {**_coco_document([], [_annotation(1, 1, 2, [flat(ring(1))])]),
                                 "images": [{"id": 1, "file_name": "val/a.jpg", "width": 40, "height": 56}]},
    }, TWO, free=COCO_FREE.replace(" id ", " "))  # fmt: skip
    yield variant("coco", "text-ids", {"a.json": {
        **ones, "categories": [{"id": "c1", "name": "cat"}, {"id": "c2", "name": "dog"}],
        "annotations": [{"id": "n1", "image_id": "i1", "category_id": "c1", "segmentation": [flat(ring(0))]},
                        {"id": "n2", "image_id": "i1", "category_id": "c2", "segmentation": [flat(ring(6))]}],
    }}, A)  # fmt: skip

    yield from _coco_results(counts, other)
    studio = _coco_document(two[:1], [_annotation(1, 1, 1, [flat(ring(0))]), _annotation(2, 1, 2, [ring(5)])])
    studio["info"] = {"contributor": "Label Studio", "description": "", "url": ""}
    yield variant("coco", "label-studio", {"a.json": studio}, {"train/a.jpg": (48, 32)},
                  free=f"{COCO_FREE.replace(' id ', ' ')} contributor")  # fmt: skip
    unsized = _coco_document([{**two[0], "width": 0, "height": 0}], [
        _annotation(1, 1, 1, {"counts": counts, "size": [32, 48]}), _annotation(2, 1, 2, [[ring(1)]]),
    ])  # fmt: skip
    yield variant("coco", "no-sizes", {"a.json": unsized}, {"train/a.jpg": (48, 32)},
                  free=f"{COCO_FREE.replace(' id ', ' ')} width height")  # fmt: skip


def _coco_results(counts: list[int], other: list[int]) -> Iterator[Variant]:
    """Yield lists without tables: results of models, by id, by name, and of semantic segmentation."""
    masks = [{"size": [32, 48], "counts": coco_string(counts)}, {"size": [32, 48], "counts": other}]
    free = "score bbox"
    row = {"category_id": 1, "score": 0.9, "bbox": [*box(0)]}
    yield variant("coco", "results-by-id", {"a.json": [
        {"image_id": 1, **row, "segmentation": masks[0]}, {"image_id": 2, **row, "segmentation": masks[1]},
        {"image_id": 1, **row, "category_id": 3, "segmentation": [flat(ring(10))]},
    ]}, {"000000000001.jpg": (48, 32), "2.jpg": (48, 32)}, free=free, unlisted="category_id")  # fmt: skip
    yield variant("coco", "results-by-name", {"a.json": [
        {"image_id": "x/a", "file_name": "x/a.jpg", **row, "segmentation": masks[0]},
        {"image_id": "x/b", "file_name": "x/b.jpg", **row, "segmentation": masks[1]},
    ]}, {"x/a.jpg": (48, 32), "x/b.jpg": (48, 32)}, free=free, unlisted="category_id")  # fmt: skip
    yield variant("coco", "semantic-results", {"sem_seg_predictions.json": [
        {"file_name": "x/a.jpg", "category_id": 1, "segmentation": masks[0]},
        {"file_name": "x/a.jpg", "category_id": 2, "segmentation": masks[1]},
        {"file_name": "y/a.jpg", "category_id": 2, "segmentation": masks[1]},
    ]}, {"x/a.jpg": (48, 32), "y/a.jpg": (48, 32)}, unlisted="category_id")  # fmt: skip


def _panoptic() -> Iterator[Variant]:
    mask = mask_of({0: 1, 1: 2, 6: 3})
    picture = colored(mask, id_colors({1: 3226956, 2: 7, 3: 66051}))
    tall = colored(mask_of({4: 1, 8: 2}, (40, 56)), id_colors({1: 300, 2: 70000}))
    segments = [{"id": number, "category_id": category, "iscrowd": 0, "bbox": [*box(0)], "area": 9}
                for number, category in ((3226956, 1), (7, 2), (66051, 3))]  # fmt: skip
    images = [{"id": 1, "file_name": "train/a.jpg", "width": 48, "height": 32},
              {"id": 2, "file_name": "val/a.jpg", "width": 40, "height": 56}]  # fmt: skip
    document = {
        "images": images,
        "annotations": [
            {"image_id": 1, "file_name": "a1.png", "segments_info": segments},
            {"image_id": 2, "file_name": "a2.png", "segments_info": [
                {"id": 300, "category_id": 2, "iscrowd": 0}, {"id": 70000, "category_id": 1, "iscrowd": 0}]},
        ],
        "categories": names(["cat", "road", "sky"], isthing=1),
    }  # fmt: skip
    free = "iscrowd isthing bbox area supercategory"
    yield variant("coco_panoptic", "folder", {
        "panoptic.json": document, "panoptic/a1.png": picture, "panoptic/a2.png": tall,
    }, TWO, free=free)  # fmt: skip
    beside = {"annotations/panoptic_val.json": document, "panoptic_val/a1.png": picture,
              "panoptic_val/a2.png": tall}  # fmt: skip
    yield variant("coco_panoptic", "beside-the-folder", beside, TWO, free=free)
    gray = json.loads(json.dumps(document))
    gray["annotations"] = [
        {"image_id": 1, "file_name": "a1.png", "segments_info": [
            {"id": 20, "category_id": 1, "iscrowd": 0}, {"id": 7, "category_id": 2, "iscrowd": 0}]},
        {"image_id": 2, "file_name": "a2.png", "segments_info": [
            {"id": 300, "category_id": 2, "iscrowd": 0}, {"id": 7000, "category_id": 1, "iscrowd": 0}]},
    ]  # fmt: skip
    deep = mask_of({4: 1, 8: 2}, (40, 56)).astype(np.uint16)
    yield variant("coco_panoptic", "gray", {
        "panoptic.json": gray, "panoptic/a1.png": encoded(mask_of({0: 20, 5: 7})),
        "panoptic/a2.png": encoded(np.array([0, 300, 7000], np.uint16)[deep]),
    }, TWO, free=free)  # fmt: skip
    nested = json.loads(json.dumps(document))
    nested["annotations"][0]["file_name"], nested["annotations"][1]["file_name"] = "x/a.png", "y/a.png"
    yield variant("coco_panoptic", "two-of-one-name", {
        "panoptic.json": nested, "panoptic/x/a.png": picture, "panoptic/y/a.png": tall,
    }, TWO, free=free)  # fmt: skip


def _sa1b() -> Iterator[Variant]:
    def document(name: str, *cells: int) -> dict[str, Any]:
        return {
            "image": {"image_id": 1, "file_name": name, "width": 48, "height": 32},
            "annotations": [{"id": number, "segmentation": {
                "size": [32, 48], "counts": coco_string(runs(mask_of({number: 1}), down=True))},
                "area": 9, "predicted_iou": 0.9, "stability_score": 0.9, "bbox": [*box(number)],
                "point_coords": [[1, 1]], "crop_box": [0, 0, 48, 32]} for number in cells],
        }  # fmt: skip

    # Nothing but the image and the runs is read.
    free = "id image_id area predicted_iou stability_score bbox point_coords crop_box"
    yield variant("sa1b", "one", {"sa_1.json": document("sa_1.jpg", 0, 5)}, {"sa_1.jpg": (48, 32)}, free=free)
    yield variant("sa1b", "folders", {
        "x/sa_1.json": document("sa_1.jpg", 0, 5, 7), "y/sa_1.json": document("sa_1.jpg", 3),
    }, {"x/sa_1.jpg": (48, 32), "y/sa_1.jpg": (48, 32)}, free=free)  # fmt: skip


# --- lines of numbers -----------------------------------------------------------------------------------


def _line(label: int, points: list[list[float]]) -> str:
    return f"{label} " + " ".join(f"{value:g}" for value in flat(fractions(points))) + "\n"


def _yolo_box(label: int, number: int) -> str:
    x, y, width, height = box(number)
    values = ((x + width / 2) / 48, (y + height / 2) / 32, width / 48, height / 32)
    return f"{label} " + " ".join(f"{value:.6f}" for value in values) + "\n"


def _yolo() -> Iterator[Variant]:
    yaml_text = "path: .\ntrain: images/train\nval: images/val\nnc: 3\nnames: [cat, dog, cow]\n"
    images = {"images/train/a.jpg": (48, 32), "images/val/a.jpg": (48, 32)}
    train, val = _line(0, ring(0)) + _line(1, ring(1)) + _line(2, ring(10)), _line(2, ring(6))
    # Counts and paths of the trainer are not read.
    free = "path train val nc"
    yield variant(
        "yolo",
        "segments",
        {"data.yaml": yaml_text, "labels/train/a.txt": train, "labels/val/a.txt": val},
        images,
        free=free,
    )
    yield variant("yolo", "names-by-number", {
        "data.yaml": yaml_text.replace("[cat, dog, cow]", "\n  0: cat\n  1: dog\n  2: cow"),
        "labels/train/a.txt": train, "labels/val/a.txt": val}, images, free=free)  # fmt: skip
    yield variant("yolo", "boxes", {
        "classes.txt": "cat\ndog\n", "labels/a.txt": _yolo_box(0, 0) + _yolo_box(1, 5) + _yolo_box(0, 10),
    }, {"images/a.jpg": (48, 32)})  # fmt: skip
    corners = [_line(number % 2, ring(number * 3)[:4]) for number in range(4)]
    yield variant("yolo", "oriented-boxes", {
        "data.yaml": "names: [cat, dog]\ntrain: images\n", "labels/a.txt": "".join(corners),
    }, {"images/a.jpg": (48, 32)}, free=free)  # fmt: skip


# --- one JSON per image ---------------------------------------------------------------------------------


def _labelme() -> Iterator[Variant]:
    def shape(label: str, points: Any, kind: str, **more: Any) -> dict[str, Any]:
        return {"label": label, "points": points, "group_id": None, "description": "", "shape_type": kind,
                "flags": {}, **more}  # fmt: skip

    def document(
        image: str, shapes: list[dict[str, Any]], size: tuple[int, int] = (48, 32)
    ) -> dict[str, Any]:
        return {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None,
                "imageHeight": size[1], "imageWidth": size[0]}  # fmt: skip

    x, y = cell(3)
    patch = base64_of(encoded(mask_of({0: 255})[2:10, 2:11]))
    # labelme's flags and notes are not read, and an image may be embedded or not.
    free = "flags description group_id version imageData"
    shapes = [
        shape("cat", ring(0), "polygon"), shape("dog", [ring(1)[0], ring(1)[2]], "rectangle"),
        shape("cow", [[30, 7], [33, 7]], "circle"), shape("owl", [[x, y], [x + 8, y + 7]], "mask",
            mask=patch),
        shape("bee", ring(4)[:4], "oriented_rectangle"), shape("ant", ring(5)[:4], "polygon"),
    ]  # fmt: skip
    yield variant("labelme", "every-shape", {"a.json": document("a.jpg", shapes)}, A, free=free,
                  enums="shape_type")  # fmt: skip
    yield variant("labelme", "folders", {
        "train/a.json": document("a.jpg", shapes[:2]), "val/a.json": document("a.jpg", shapes[1:3], (40, 56)),
    }, TWO, free=free, enums="shape_type")  # fmt: skip
    yield variant("labelme", "images-elsewhere", {
        "json/a.json": document("../train/a.jpg", shapes[:1]),
        "json/b.json": document("..\\val\\a.jpg", shapes[:2], (40, 56)),
    }, TWO, free=free, enums="shape_type")  # fmt: skip
    # Version 3: no shape_type, colours instead.
    old = [{"label": "cat", "line_color": None, "fill_color": None, "points": ring(0)},
           {"label": "dog", "line_color": None, "fill_color": None, "points": ring(5)}]  # fmt: skip
    yield variant("labelme", "version-3", {"a.json": {
        "version": "3.16.7", "flags": {}, "shapes": old, "lineColor": [0, 255, 0, 128],
        "fillColor": [255, 0, 0, 128], "imagePath": "a.jpg", "imageData": None,
    }}, A, free=f"{free} line_color fill_color lineColor fillColor")  # fmt: skip


def _isat() -> Iterator[Variant]:
    def document(name: str, *objects: dict[str, Any]) -> dict[str, Any]:
        return {"info": {"description": "ISAT", "folder": "images", "name": name, "width": 48, "height": 32,
                         "depth": 3, "note": ""}, "objects": list(objects)}  # fmt: skip

    def item(category: str, number: int, layer: float = 1.0) -> dict[str, Any]:
        return {"category": category, "group": number, "segmentation": ring(number), "area": 50.0,
                "layer": layer, "bbox": [*box(number)], "iscrowd": False, "note": ""}  # fmt: skip

    rows = (("000000", "__background__"), ("ff0000", "cat"), ("00ff00", "dog"))
    classes = "label:\n" + "".join(f"- {{color: '#{color}', name: {name}}}\n" for color, name in rows)
    # A layer that is missing is 2; the folder is where the images were; the rest is not read.
    free = "layer iscrowd note area bbox group depth folder description color"
    yield variant("isat", "with-classes", {
        "isat.yaml": classes, "a.json": document("a.jpg", item("cat", 0), item("dog", 5, 2.0)),
        "b.json": document("b.jpg", item("dog", 1)),
    }, {"a.jpg": (48, 32), "b.jpg": (48, 32)}, free=free)  # fmt: skip
    yield variant("isat", "folders", {
        "x/a.json": document("a.jpg", item("cat", 0)), "y/a.json": document("a.jpg", item("dog", 5)),
    }, {"x/a.jpg": (48, 32), "y/a.jpg": (48, 32)}, free=free)  # fmt: skip


def _qupath() -> Iterator[Variant]:
    def closed(points: list[list[int]]) -> list[list[int]]:
        return [*points, points[0]]

    def feature(number: int, category: str, kind: str, coordinates: Any) -> dict[str, Any]:
        return {"type": "Feature", "id": f"{number}", "geometry": {"type": kind, "coordinates": coordinates},
                "properties": {"objectType": "annotation", "classification": {
                    "name": category, "color": [1, 2, 3]}, "isLocked": False}}  # fmt: skip

    cat = feature(0, "cat", "Polygon", [closed(ring(0))])
    dog = feature(5, "dog", "MultiPolygon", [[closed(ring(5)), closed(hole(5))], [closed(ring(7))]])
    # What kind of object it is and how it looks in QuPath decides no pixel.
    free = "id objectType color isLocked type"
    yield variant("qupath", "collection", {
        "a.geojson": {"type": "FeatureCollection", "features": [cat, dog]},
        "b.geojson": {"type": "FeatureCollection", "features": [dog]},
    }, {"a.jpg": (48, 32), "b.jpg": (48, 32)}, free=free)  # fmt: skip
    yield variant("qupath", "list", {"a.jpg.geojson": [cat, dog]}, A, free=free)


def _cityscapes() -> Iterator[Variant]:
    def document(*objects: tuple[str, int], **more: Any) -> dict[str, Any]:
        return {"imgHeight": 32, "imgWidth": 48, "objects": [
            {"label": label, "polygon": ring(number), **more} for label, number in objects]}  # fmt: skip

    yield variant("cityscapes", "tree", {
        "gtFine/train/x/x_1_gtFine_polygons.json": document(("road", 0), ("cargroup", 1), ("sky", 10)),
        "gtFine/val/x/x_1_gtFine_polygons.json": document(("car", 5)),
    }, {f"leftImg8bit/{split}/x/x_1_leftImg8bit.png": (48, 32) for split in ("train", "val")})  # fmt: skip
    yield variant("cityscapes", "idd", {"a_gtFine_polygons.json": document(
        ("road", 0), ("autorickshaw", 5), deleted=0, draw=True, verified=0, id=3, user="u", date="d")},
        {"a_leftImg8bit.png": (48, 32)}, free="deleted draw verified id user date")  # fmt: skip


def _mapillary() -> Iterator[Variant]:
    def document(*objects: tuple[str, Any]) -> dict[str, Any]:
        return {"width": 48, "height": 32, "objects": [
            {"label": label, "polygon": polygon} for label, polygon in objects]}  # fmt: skip

    config = {
        "labels": [
            {"name": "object--car", "readable": "Car", "color": [1, 2, 3], "instances": True},
            {"name": "nature--sky", "readable": "Sky", "color": [4, 5, 6], "instances": False},
        ]
    }
    both = {f"{split}/images/a.jpg": (48, 32) for split in ("train", "val")}
    yield variant("mapillary", "splits", {
        "config_v2.0.json": config,
        "train/v2.0/polygons/a.json": document(("object--car", ring(0)), ("nature--sky", ring(5))),
        "val/v2.0/polygons/a.json": document(("nature--sky", ring(1))),
    }, both, free="readable color instances")  # fmt: skip
    yield variant("mapillary", "flat-rings", {
        "polygons/a.json": document(("object--car", [flat(ring(0)), flat(ring(6))])),
    }, {"images/a.jpg": (48, 32)})  # fmt: skip


def _datumaro() -> Iterator[Variant]:
    def document(path: str, size: list[int], annotations: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "dm_format_version": "1.0", "media_type": 2, "infos": {},
            "categories": {"label": {"labels": [{"name": name, "parent": "", "attributes": []}
                                                for name in ("cat", "dog", "cow")], "attributes": []}},
            "items": [{"id": "a", "annotations": annotations, "attr": {"frame": 0},
                       "image": {"path": path, "size": size}}],
        }  # fmt: skip

    def entry(kind: str, label: int, **more: Any) -> dict[str, Any]:
        return {"id": 0, "type": kind, "attributes": {}, "group": 0, "label_id": label, "z_order": 0, **more}

    counts = coco_string(runs(mask_of({10: 1}), down=True))
    x, y, width, height = box(5)
    train = [
        entry("polygon", 0, points=flat(ring(0))), entry("polygon", 1, points=flat(ring(1))),
        entry("mask", 2, rle={"counts": counts, "size": [32, 48]}), entry("bbox", 1, bbox=[x, y, width,
            height]),
        entry("ellipse", 0, points=[24, 2, 31, 8]),
    ]  # fmt: skip
    # z_order and group that are missing are 0; attributes are not read, but for a rotation.
    free = "z_order group attributes attr frame media_type infos parent id dm_format_version"
    yield variant("datumaro", "subsets", {
        "annotations/train.json": document("a.jpg", [32, 48], train),
        "annotations/val.json": document("a.jpg", [56, 40], train[:1]),
    }, {"images/train/a.jpg": (48, 32), "images/val/a.jpg": (40, 56)}, free=free, enums="type")  # fmt: skip
    yield variant("datumaro", "turned-boxes", {"annotations/default.json": document("x/a.jpg", [32, 48], [
        entry("bbox", 0, bbox=[x, y, width, height], attributes={"rotation": 30.0}),
        entry("polygon", 1, points=flat(ring(0))),
    ])}, {"x/a.jpg": (48, 32)}, free=f"{free} rotation", enums="type")  # fmt: skip

    grouped = [
        entry("polygon", 0, points=flat(ring(0)), group=3), entry("bbox", 0, bbox=[2, 2, 8, 7], group=3),
        entry("rotated_bbox", 1, bbox=[x + 4, y + 3, width, height, 30.0], z_order=1),
        entry("polygon", 2, points=flat(ring(10)), z_order=-1), entry("ellipse", 2, points=[24, 2, 31, 8]),
    ]  # fmt: skip
    yield variant("datumaro", "groups", {"annotations/default.json": document("a.jpg", [32, 48], grouped)}, A,
                  free=free, enums="type")  # fmt: skip


_ = hole
