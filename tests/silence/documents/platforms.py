"""Formats of labeling platforms with documents of many images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.silence.documents.parts import (
    TWO,
    base64_of,
    brush,
    coco_string,
    colored,
    encoded,
    id_colors,
    mask_of,
    runs,
)
from tests.silence.variant import box, cell, flat, fractions, hole, ring, variant, xy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.silence.variant import Variant

A = {"a.jpg": (48, 32)}


def variants() -> Iterator[Variant]:
    """Yield the variants of this file."""
    yield from _label_studio()
    yield from _labelbox()
    yield from _sagemaker()
    yield from _segments()
    yield from _encord()
    yield from _kili()
    yield from _ultralytics()
    yield from _scalabel()


def _percent(points: list[list[float]]) -> list[list[float]]:
    return [[100 * x, 100 * y] for x, y in fractions(points)]


def _label_studio() -> Iterator[Variant]:
    def region(kind: str, label: str, **value: Any) -> dict[str, Any]:
        return {"id": label, "type": kind, "from_name": "label", "to_name": "image", "original_width": 48,
                "original_height": 32, "image_rotation": 0, "origin": "manual",
                "value": {**value, kind: [label]}}  # fmt: skip

    def task(number: int, image: str, *annotations: dict[str, Any], **data: str) -> dict[str, Any]:
        return {
            "id": number,
            "data": {"image": image, **data},
            "annotations": list(annotations),
            "predictions": [],
        }

    def annotation(number: int, *result: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"id": number, "completed_by": 1, "result": list(result), "was_cancelled": False,
                "ground_truth": False, "updated_at": "2024-01-01T00:00:00Z", **more}  # fmt: skip

    regions = [
        region("polygonlabels", "cat", points=_percent(ring(0)), closed=True),
        region("rectanglelabels", "dog", x=25, y=6, width=14, height=20, rotation=0),
        region("ellipselabels", "cow", x=60, y=20, radiusX=6, radiusY=9, rotation=0),
        region("brushlabels", "owl", format="rle", rle=brush(mask_of({5: 1}))),
        region("polygonlabels", "bee", points=_percent(ring(10)), closed=True),
    ]
    # A rotation that is missing is none, and so are flags; who did it and how is not read.
    free = ("rotation image_rotation closed was_cancelled ground_truth updated_at completed_by predictions"
            " origin id format from_name item_index lead_time annotator created_at")  # fmt: skip
    two = [task(1, "/data/upload/1/train/a.jpg", annotation(1, *regions)),
           task(2, "/data/upload/1/val/a.jpg", annotation(2, regions[0]))]  # fmt: skip
    places = {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}
    yield variant("label_studio", "tasks", {"export.json": two}, places, free=free, enums="type")
    several = [task(7, "s3://b/a.jpg", annotation(1, regions[0], updated_at="2023-01-01T00:00:00Z"),
                    annotation(2, *regions[:3], updated_at="2025-01-01T00:00:00Z"))]  # fmt: skip
    yield variant("label_studio", "two-annotations", {"export.json": several}, A, free=free, enums="type")
    pair = task(3, "x/a.jpg", annotation(5, regions[0], {**regions[1], "to_name": "other"}), other="y/a.jpg")
    yield variant("label_studio", "two-images", {"export.json": [pair]}, {
        "x/a.jpg": (48, 32), "y/a.jpg": (48, 32)}, free=free, enums="type")  # fmt: skip
    rows = [
        {
            "image": image,
            "id": number,
            "annotation_id": number,
            "annotator": 1,
            "lead_time": 1.5,
            "created_at": "2024",
            "updated_at": "2024",
            "label": [{**item["value"], "original_width": 48, "original_height": 32} for item in chosen],
        }
        for number, (image, chosen) in enumerate(
            (("train/a.jpg", regions[:3]), ("val/a.jpg", regions[4:])), 1
        )
    ]
    yield variant("label_studio", "json-min", {"export.json": rows}, places, free=free)
    # Of whom and when a stored annotation is, is not read; without its task's id it is a task of its own.
    yield variant("label_studio", "target-storage", {
        name: {**one["annotations"][0], "task": {key: one[key] for key in ("id", "data")}}
        for name, one in zip(("11", "12"), two, strict=True)
    }, places, free=free, enums="type")  # fmt: skip
    items = [{**regions[0], "item_index": 0}, {**regions[1], "item_index": 1}]
    paged = {**task(4, "", annotation(6, *items)), "data": {"pages": ["train/a.jpg", "val/a.jpg"]}}
    yield variant("label_studio", "list-of-images", {"export.json": [paged]}, places,
                  free=free.replace("item_index ", ""), enums="type")  # fmt: skip
    loose = task(5, "x/a.jpg", annotation(7, {**regions[0], "to_name": "left"}, {**regions[1],
        "to_name": "photo"}), photo="y/a.jpg")  # fmt: skip
    yield variant("label_studio", "one-tag-unnamed", {"export.json": [loose]}, {
        "x/a.jpg": (48, 32), "y/a.jpg": (48, 32)}, free=free, enums="type")  # fmt: skip


def _labelbox() -> Iterator[Variant]:
    left, top, width, height = box(1)
    own = encoded(mask_of({5: 255}))
    composite = colored(mask_of({10: 1, 11: 2}), {1: (10, 20, 30), 2: (40, 50, 60)})
    objects = [
        {"feature_id": "f1", "name": "cat", "annotation_kind": "ImagePolygon", "polygon": xy(ring(0))},
        {"feature_id": "f2", "name": "dog", "annotation_kind": "ImageBoundingBox",
         "bounding_box": {"top": top, "left": left, "height": height, "width": width}},
        {"feature_id": "f3", "name": "owl", "annotation_kind": "ImageSegmentationMask",
         "mask": {"url": "https://api.labelbox.com/masks/f3?token=x"}},
    ]  # fmt: skip
    composed = [{"feature_id": f"c{n}", "name": name, "annotation_kind": "ImageSegmentationMask",
                 "composite_mask": {"url": "https://api.labelbox.com/masks/l1", "color_rgb": color}}
                for n, (name, color) in enumerate((("bee", [10, 20, 30]), ("ant", [40, 50,
                    60])))]  # fmt: skip

    def row(image: str, label: str, *objects: dict[str, Any]) -> dict[str, Any]:
        return {
            "data_row": {"id": image, "external_id": image, "row_data": f"https://x.y/{image}"},
            "media_attributes": {"width": 48, "height": 32, "mime_type": "image/jpeg"},
            "projects": {"p1": {"name": "p", "labels": [{"id": label, "label_details": {
                "created_by": "u", "created_at": "2024"}, "annotations": {"objects": list(objects),
                                                                         "classifications": []}}]}},
        }  # fmt: skip

    # An id or address of the row is another name of the image; who labeled and what kind is not needed.
    free = ("id row_data mime_type name created_by created_at label_details classifications annotation_kind "
            "feature_id media_attributes width height")  # fmt: skip
    free = free.replace(" width height", "").replace(" name ", " ")
    yield variant("labelbox", "v2", {
        "export.ndjson": [row("train/a.jpg", "l1", *objects), row("val/a.jpg", "l2", objects[0])],
        "masks/f3.png": own,
    }, {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}, free=free)  # fmt: skip
    yield variant(
        "labelbox",
        "v2-composite",
        {"export.ndjson": [row("a.jpg", "l1", objects[0], *composed)], "masks/l1.png": composite},
        A,
        free=free,
    )
    old = [{"ID": "l", "DataRow ID": "d", "Labeled Data": "https://x.y/a.jpg", "External ID": "a.jpg",
            "Created By": "u", "Media Attributes": {"width": 48, "height": 32}, "Label": {"objects": [
                {"featureId": "f1", "title": "cat", "value": "cat", "polygon": xy(ring(0))},
                {"featureId": "f2", "title": "dog", "value": "dog",
                 "bbox": {"top": top, "left": left, "height": height, "width": width}},
                {"featureId": "f3", "title": "owl", "value": "owl",
                    "instanceURI": "https://x.y/masks/f3.png"},
            ], "classifications": []}}]  # fmt: skip
    yield variant("labelbox", "v1", {"export.json": old, "masks/f3.png": own}, A,
                  free="ID DataRow~ID Created~By featureId value classifications".replace("~",
                      " "))  # fmt: skip
    several = [{**old[0], "ID": f"l{number}", "Label": {"objects": [old[0]["Label"]["objects"][number]]}}
               for number in range(2)]  # fmt: skip
    yield variant("labelbox", "v1-two-rows", {"export.json": several}, A,
                  free="ID DataRow~ID featureId value".replace("~", " "))  # fmt: skip
    # The keys are the names of the classes: another one, or one less, is another document.
    wkt = "MULTIPOLYGON (((" + ", ".join(f"{x} {y}" for x, y in ring(6)) + ")))"
    of_2018 = [{"ID": "l", "Labeled Data": "https://x.y/a.jpg", "External ID": "a.jpg", "Created By": "u",
                "Label": {"cat": [{"geometry": xy(ring(0))}], "dog": [xy(ring(5))], "cow": wkt}}]  # fmt: skip
    yield variant("labelbox", "of-2018", {"export.json": of_2018}, A,
                  free="ID Created~By Labeled~Data cat dog cow".replace("~", " "))  # fmt: skip


def _sagemaker() -> Iterator[Variant]:
    colors = {1: (0x2C, 0xA0, 0x2C), 2: (0xFF, 0x7F, 0x0E), 3: (0x1F, 0x77, 0xB4)}
    palette = {0: (255, 255, 255), **colors}

    def line(image: str, mask: str) -> dict[str, Any]:
        return {
            "source-ref": f"s3://bucket/{image}",
            "job-ref": f"s3://bucket/out/{mask}",
            "job-ref-metadata": {
                "internal-color-map": {
                    "0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.9},
                    **{str(index): {"class-name": name, "hex-color": f"#{bytes(colors[index]).hex()}",
                                    "confidence": 0.9}
                       for index, name in enumerate(("cat", "dog", "cow"), 1)},
                },
                "type": "groundtruth/semantic-segmentation", "human-annotated": "yes",
                "creation-date": "2024-05-01T10:00:00.000000", "job-name": "labeling-job/job",
            },
        }  # fmt: skip

    # What the service tells about its work; the background's entry says nothing that is painted.
    free = "confidence type human-annotated creation-date job-name 0 class-name-0"
    masks = {"out/m/0_1.png": encoded(mask_of({0: 1, 1: 2, 10: 3}), palette),
             "out/m/1_1.png": encoded(mask_of({5: 2, 6: 1, 7: 3}), palette)}  # fmt: skip
    lines = [line("train/a.jpg", "m/0_1.png"), line("val/a.jpg", "m/1_1.png")]
    places = {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}
    yield variant("sagemaker", "palette", {"output.manifest": lines, **masks}, places, free=free)
    again = [{**line("a.jpg", "first/m.png"), "adjusted-ref": "s3://bucket/out/second/m.png",
              "adjusted-ref-metadata": {**line("a.jpg", "")["job-ref-metadata"],
                  "adjustment-status": "adjusted",
                                        "creation-date": "2024-06-01T10:00:00.000000"}}]  # fmt: skip
    yield variant("sagemaker", "adjusted", {
        "output.manifest": again, "out/first/m.png": masks["out/m/0_1.png"],
        "out/second/m.png": masks["out/m/1_1.png"],
    }, A, free=f"{free} adjustment-status job-ref job-ref-metadata")  # fmt: skip


def _segments() -> Iterator[Variant]:
    picture = colored(mask_of({0: 1, 5: 2}), {0: (0, 0, 0, 255), 1: (1, 0, 0, 255), 2: (44, 1, 0, 255)})
    other = colored(mask_of({6: 1}), id_colors({1: 2}))

    def sample(name: str, annotations: list[dict[str, Any]], **attributes: Any) -> dict[str, Any]:
        return {
            "uuid": name, "name": name, "attributes": {"image": {"url": f"https://x.y/{name}"}}, "labels": {
                "ground-truth": {"label_status": "LABELED", "attributes": {
                    "annotations": annotations, "format_version": "0.2", **attributes}}},
        }  # fmt: skip

    def release(*samples: dict[str, Any]) -> dict[str, Any]:
        return {"name": "v1", "dataset": {"name": "d", "task_type": "segmentation-bitmap",
            "task_attributes": {
            "categories": [{"id": 1, "name": "cat", "color": [1, 2, 3]}, {"id": 2, "name": "dog"}],
            "format_version": "0.1"}, "samples": list(samples)}}  # fmt: skip

    free = "uuid format_version color task_type label_status"
    yield variant("segments", "bitmaps", {
        "release.json": release(
            sample("train/a.jpg", [{"id": 1, "category_id": 1}, {"id": 300, "category_id": 2}],
                   segmentation_bitmap={"url": "https://x.y/masks/m1.png"}),
            sample("val/a.jpg", [{"id": 2, "category_id": 2}],
                   segmentation_bitmap={"url": "https://x.y/masks/m2.png"})),
        "masks/m1.png": picture, "masks/m2.png": other,
    }, {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}, free=free)  # fmt: skip
    yield variant("segments", "vectors", {"release.json": release(sample("a.jpg", [
        {"id": 1, "category_id": 1, "type": "polygon", "points": ring(0)},
        {"id": 2, "category_id": 2, "type": "bbox", "points": [ring(5)[0], ring(5)[2]]},
    ]))}, A, free=f"{free} id", enums="type")  # fmt: skip

    sets = release(sample("a.jpg", [{"id": 1, "category_id": 1, "type": "polygon", "points": ring(0)}]))
    labels = sets["dataset"]["samples"][0]["labels"]
    labels["model"] = json.loads(json.dumps(labels["ground-truth"]))
    labels["model"]["attributes"]["annotations"][0]["points"] = ring(5)
    yield variant("segments", "two-label-sets", {"release.json": sets}, A,
                  # Without that label set another one is all that there is.
                  free=f"{free} id ground-truth", enums="type")  # fmt: skip


def _encord() -> Iterator[Variant]:
    def unit(title: str, *objects: dict[str, Any]) -> dict[str, Any]:
        return {"data_hash": title, "data_title": title, "data_link": f"https://x.y/{title}",
                "data_type": "image", "data_sequence": 0, "width": 48, "height": 32,
                "labels": {"objects": list(objects), "classifications": []}}  # fmt: skip

    def item(name: str, shape: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "value": name, "color": "#fff", "shape": shape, "objectHash": name, **more}

    points = {str(n): {"x": x, "y": y} for n, (x, y) in enumerate(fractions(ring(0)))}
    rings = [[flat(fractions(ring(1))), flat(fractions(hole(1)))]]
    x, y, width, height = box(5)
    share = {"x": x / 48, "y": y / 32, "w": width / 48, "h": height / 32}
    left, top = cell(6)
    patch = mask_of({6: 1})[top : top + 8, left : left + 9]
    mask = {
        "top": top,
        "left": left,
        "width": 9,
        "height": 8,
        "rleString": coco_string(runs(patch, down=False)),
    }
    objects = [
        item("cat", "polygon", polygon=points), item("dog", "polygon", polygons=rings),
        item("cow", "bounding_box", boundingBox=share), item("owl", "bitmask", bitmask=mask),
        item("bee", "rotatable_bounding_box", rotatableBoundingBox={**share, "x": 0.5, "y": 0.7,
            "theta": 20.0}),
    ]  # fmt: skip
    # The link and hash are other names of the image; `value` is another spelling of the name; a unit less and
    # a last point less are other documents.
    free = "data_hash data_link data_type data_sequence classifications value color shape objectHash theta"
    free += " label_hash dataset_hash title h1 h2 4"
    rows = [{"label_hash": "l1", "dataset_hash": "s", "title": "t", "data_units": {
        "h1": unit("train/a.jpg", *objects), "h2": unit("val/a.jpg", objects[1])}}]  # fmt: skip
    yield variant(
        "encord", "rows", {"export.json": rows}, {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}, free=free
    )
    listed = item("cat", "polygon", polygon=xy(fractions(ring(0))))
    yield variant("encord", "one-row", {"export.json": {**rows[0], "data_units": {"h1": unit("a.jpg",
        listed)}}},
                  A, free=free)  # fmt: skip


def _kili() -> Iterator[Variant]:
    def poly(name: str, *rings: list[list[int]], mid: str = "", kind: str = "semantic") -> dict[str, Any]:
        return {"boundingPoly": [{"normalizedVertices": xy(fractions(points))} for points in rings],
                "categories": [{"name": name, "confidence": 100}], "mid": mid or name, "type": kind,
                "children": {}}  # fmt: skip

    def asset(name: str, *annotations: dict[str, Any], text: bool = False) -> dict[str, Any]:
        response: Any = {"JOB_0": {"annotations": list(annotations)}}
        return {"id": name, "externalId": name, "content": f"https://x.y/{name}", "jsonMetadata": {},
            "labels": [
            {"labelType": "DEFAULT", "createdAt": "2024", "author": {"email": "u@x.y"},
             "jsonResponse": json.dumps(response) if text else response}],
            "resolution": {"width": 48, "height": 32}}  # fmt: skip

    parts = [poly("cat", ring(0), hole(0)), poly("dog", ring(1)), poly("cow", ring(5), mid="m"),
             poly("cow", ring(6), mid="m"), poly("bee", ring(10)[:4], kind="rectangle")]  # fmt: skip
    # `mid` joins parts; the rest tells who, what and how sure; the image has other names.
    free = "mid confidence children type id content jsonMetadata labelType createdAt author email"
    yield variant("kili", "assets", {"data.json": [asset("train/a.jpg", *parts), asset("val/a.jpg",
        parts[1])]},
                  {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}, free=free)  # fmt: skip
    yield variant("kili", "text", {"data.json": [asset("a.jpg", *parts, text=True)]}, A, free=free)


def _ultralytics() -> Iterator[Variant]:
    def first(task: str) -> dict[str, Any]:
        return {"type": "dataset", "task": task, "name": "d", "description": "", "url": "https://h/d",
                "class_names": {"0": "cat", "1": "dog", "2": "cow"}, "version": 1}  # fmt: skip

    def line(split: str, **annotations: Any) -> dict[str, Any]:
        return {"type": "image", "file": "a.jpg", "url": f"https://h/{split}/a.jpg", "width": 48,
            "height": 32,
                "split": split, "annotations": annotations}  # fmt: skip

    places = {f"images/{split}/a.jpg": (48, 32) for split in ("train", "val")}
    segments = [[n % 3, *flat(fractions(ring(cell_number)))] for n, cell_number in enumerate((0, 1, 10))]
    free = "description url version name"
    yield variant(
        "ultralytics",
        "segments",
        {
            "d.ndjson": [
                first("segment"),
                line("train", segments=segments),
                line("val", segments=segments[:1]),
            ]
        },
        places,
        free=free,
    )
    boxes = [
        [n % 3, *row]
        for n, row in enumerate(([0.2, 0.2, 0.1, 0.2], [0.6, 0.6, 0.2, 0.2], [0.8, 0.2, 0.1, 0.1]))
    ]
    yield variant("ultralytics", "boxes", {"d.ndjson": [first("detect"), line("train", boxes=boxes)]},
                  {"images/train/a.jpg": (48, 32)}, free=free)  # fmt: skip


def _scalabel() -> Iterator[Variant]:
    def label(number: int, category: str, **more: Any) -> dict[str, Any]:
        return {
            "id": str(number),
            "category": category,
            "manualShape": True,
            "attributes": {"crowd": False},
            **more,
        }

    def poly(points: list[list[float]], types: str = "LLLLL") -> list[dict[str, Any]]:
        return [{"vertices": points, "types": types, "closed": True}]

    counts = coco_string(runs(mask_of({6: 1}), down=True))
    x, y, width, height = box(5)
    labels = [
        label(1, "cat", poly2d=poly(ring(0))), label(2, "dog", poly2d=poly(ring(1), "LCCLL")),
        label(3, "cow", box2d={"x1": x, "y1": y, "x2": x + width, "y2": y + height}),
        label(4, "owl", rle={"counts": counts, "size": [32, 48]}),
    ]  # fmt: skip
    size = {"width": 48, "height": 32}
    # `closed` and `types` that are missing are a closed polygon of corners.
    free = "id manualShape attributes crowd closed types imageSize"
    config = {"imageSize": size, "categories": [{"name": name} for name in ("cat", "dog", "cow", "owl")]}
    frames = [{"name": "train/a.jpg", "size": size, "labels": labels},
              {"name": "val/a.jpg", "size": size, "labels": labels[:1]}]  # fmt: skip
    places = {"train/a.jpg": (48, 32), "val/a.jpg": (48, 32)}
    yield variant("scalabel", "frames", {"a.json": {"frames": frames, "config": config, "groups": []}},
        places,
                  free=f"{free} groups")  # fmt: skip
    videos = [{"name": "0001.jpg", "videoName": video, "frameIndex": 0, "labels": chosen}
              for video, chosen in (("v1", labels[:2]), ("v2", labels[2:3]))]  # fmt: skip
    yield variant("scalabel", "videos", {"a.json": videos}, {f"{v}/0001.jpg": (48, 32) for v in ("v1", "v2")},
                  free=f"{free} frameIndex")  # fmt: skip
    scored = [{**item, "score": score} for item, score in zip(labels, (0.5, 0.25, 0.75, 1), strict=True)]
    tree = [{"name": "thing", "subcategories": [{"name": "cat"}, {"name": "dog"}]}, {"name": "cow"},
            {"name": "owl"}]  # fmt: skip
    yield variant("scalabel", "scores", {"a.json": {
        "frames": [{"name": "a.jpg", "labels": scored}], "config": {"imageSize": size, "categories": tree}}},
        A, free=f"{free} score")  # fmt: skip
    old = [
        {
            "name": "a.jpg",
            "labels": [
                {"category": "cat", "poly2d": [[px, py, "L"] for px, py in ring(0)]},
                {"category": "dog", "poly2d": [[px, py, "L"] for px, py in ring(6)]},
            ],
        }
    ]
    yield variant("scalabel", "of-2018", {"a.json": old}, A, free=free)


_ = (np, base64_of, TWO)
