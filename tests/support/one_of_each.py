"""One small export each of platforms and data sets, with every kind of shape that the format has."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from tests.support.small_exports import png

SQUARE = [[1, 1], [5, 1], [5, 4], [1, 4]]
FLAT = [1, 1, 5, 1, 5, 4, 1, 4]
XY = [{"x": x, "y": y} for x, y in SQUARE]
SMALL = [{"x": x / 10, "y": y / 10} for x, y in SQUARE]
PICTURE = png(np.full((6, 8, 4), 255))
CODED = base64.b64encode(zlib.compress(PICTURE)).decode()
COLORS = {
    "0": {"class-name": "BACKGROUND", "hex-color": "#ffffff"},
    "1": {"class-name": "a", "hex-color": "#2ca02c"},
}

#: Format: (name of the document, the document, other files).
EXPORTS: dict[str, tuple[str, Any, dict[str, bytes]]] = {
    "isat": ("a.json", {
        "info": {"description": "ISAT", "folder": "d", "name": "a.jpg", "width": 8, "height": 6},
        "objects": [{"category": "a", "group": 1, "segmentation": SQUARE, "layer": 1.0, "iscrowd": False},
                    {"category": "b", "segmentation": SQUARE, "layer": 2.0}]}, {}),
    "qupath": ("a.geojson", {"type": "FeatureCollection", "features": [
        {"type": "Feature", "id": "1", "geometry": {"type": "Polygon", "coordinates": [
            [*SQUARE, SQUARE[0]], [[2, 2], [3, 2], [3, 3], [2, 2]]]},
         "properties": {"objectType": "annotation", "classification": {"name": "a", "color": [1, 2, 3]}}},
        {"type": "Feature", "id": "2", "geometry": {"type": "MultiPolygon",
                                                    "coordinates": [[SQUARE], [SQUARE]]},
         "properties": {"objectType": "detection", "classification": {"names": ["b", "c"]}}},
        {"type": "Feature", "id": "3", "geometry": {"type": "GeometryCollection", "geometries": [
            {"type": "Polygon", "coordinates": [SQUARE]}]}, "properties": {"classification": {"name": "d"}}},
        {"type": "Feature", "id": "4", "geometry": {"type": "LineString", "coordinates": SQUARE},
         "properties": {"classification": {"name": "e"}}},
        {"type": "Feature", "id": "5", "geometry": {"type": "MultiPoint", "coordinates": [[1, 1], [2, 2]]},
         "properties": {"objectType": "annotation", "isLocked": False}}]}, {}),
    "cityscapes": ("x_gtFine_polygons.json", {"imgHeight": 6, "imgWidth": 8, "objects": [
        {"label": "cargroup", "polygon": SQUARE}, {"label": "road", "polygon": SQUARE, "deleted": 1}]}, {}),
    "mapillary": ("polygons/a.json", {"width": 8, "height": 6, "objects": [
        {"label": "a--b", "polygon": SQUARE}, {"label": "a--c", "polygon": [FLAT, FLAT]}]}, {}),
    "supervisely": ("ds/ann/a.jpg.json", {"name": "a.jpg", "tags": [], "size": {"width": 8, "height": 6},
                                          "objects": [
        {"classTitle": "a", "geometryType": "polygon", "points": {"exterior": SQUARE, "interior": [SQUARE]}},
        {"classTitle": "b", "geometryType": "rectangle", "points": {"exterior": [[1, 1], [3, 3]],
                                                                    "interior": []}},
        {"classTitle": "c", "geometryType": "bitmap", "bitmap": {"data": CODED, "origin": [1, 2]}},
        {"classTitle": "d", "geometryType": "multipolygon", "points": [{"exterior": SQUARE}]},
        {"classTitle": "e", "geometryType": "oriented_bbox", "points": {"exterior": [[1, 1], [3, 3]]},
         "angle": 1}]},
        {"meta.json": b'{"classes": [{"title": "a"}]}'}),
    "darwin": ("a.json", {"version": "2.0", "item": {"name": "a.jpg", "path": "/", "slots": [
        {"slot_name": "0", "width": 6, "height": 4, "source_files": [{"file_name": "b.jpg"}]}]},
        "annotations": [
        {"name": "a", "polygon": {"paths": [XY, XY]}}, {"name": "b", "bounding_box": {"x": 1, "y": 1,
                                                                                      "w": 2, "h": 2}},
        {"name": "c", "ellipse": {"center": {"x": 3, "y": 2}, "radius": {"x": 2, "y": 1}, "angle": 0.5}},
        {"name": "d", "line": {"path": XY}}, {"name": "e", "keypoint": {"x": 1, "y": 1}},
        {"name": "f", "id": "m", "mask": {}, "slot_names": ["0"]},
        {"name": "g", "raster_layer": {"dense_rle": [0, 20, 1, 4],
                                       "mask_annotation_ids_mapping": {"m": 1}}}]}, {}),
    "superannotate": ("a.jpg___objects.json", {
        "metadata": {"name": "a.jpg", "width": 8, "height": 6}, "instances": [
            {"type": "polygon", "className": "a", "classId": 1, "points": FLAT, "exclude": [FLAT]},
            {"type": "bbox", "className": "b", "points": {"x1": 1, "y1": 1, "x2": 3, "y2": 3}},
            {"type": "rbbox", "classId": 7, "points": {f"{a}{i}": i * i for i in range(1, 5) for a in "xy"}},
            {"type": "ellipse", "className": "c", "cx": 3, "cy": 3, "rx": 2, "ry": 1, "angle": 9},
            {"type": "point", "className": "d", "x": 1, "y": 1},
            {"className": "e", "parts": [{"color": "#00000f"}]}]},
        {"classes/classes.json": b'[{"id": 7, "name": "z"}]'}),
    "labelbox": ("a.ndjson", {
        "data_row": {"id": "i", "external_id": "a.jpg", "row_data": "https://x.y/a.jpg"},
        "media_attributes": {"width": 8, "height": 6, "exif_rotation": "6"},
        "projects": {"p": {"labels": [
            {"id": "l", "label_details": {"created_by": "a", "created_at": "1"}, "annotations": {"objects": [
                {"name": "a", "polygon": XY},
                {"name": "b", "bounding_box": {"top": 1, "left": 1, "height": 2, "width": 2}},
                {"name": "c", "feature_id": "f", "mask": {"url": "https://x.y/f.png"},
                 "composite_mask": {"url": "https://x.y/g", "color_rgb": [1, 2, 3]}}]}},
            {"performance_details": {"skipped": True, "consensus_score": 1}}]}}}, {"f.png": PICTURE}),
    "scalabel": ("a.json", {"config": {"imageSize": {"width": 8, "height": 6},
                                       "categories": [{"name": "a"}]}, "frames": [
        {"name": "a.jpg", "videoName": "v", "size": {"width": 8, "height": 6}, "labels": [
            {"category": "a", "score": 1, "poly2d": [{"vertices": SQUARE, "types": "LCCL", "closed": True}]},
            {"category": "b", "score": 2, "box2d": {"x1": 1, "y1": 1, "x2": 3, "y2": 3},
             "attributes": {"crowd": True}},
            {"category": "c", "score": 0, "rle": {"counts": [40, 8], "size": [6, 8]}},
            {"category": "d", "poly2d": [[1, 1, "L"], [3, 1, "L"], [3, 3, "L"]]}]},
        {"name": "b.jpg", "labels": None}]}, {}),
    "segments": ("r.json", {"dataset": {"task_attributes": {"categories": [{"id": 1, "name": "a"}]},
                                        "samples": [
        {"name": "a.jpg", "attributes": {"image": {"url": "https://x/a.jpg"}}, "labels": {"ground-truth": {
            "label_status": "LABELED", "attributes": {"segmentation_bitmap": {"url": "https://x/m.png"},
                                                      "annotations": [
                {"id": 1, "category_id": 1}, {"id": 2, "category_id": 1, "type": "polygon", "points": SQUARE},
                {"id": 3, "category_id": 1, "type": "bbox", "points": SQUARE[:2]}]}}}}]}},
                {"m.png": PICTURE}),
    "encord": ("a.json", [{"label_hash": "l", "data_units": {"h": {
        "data_title": "a.jpg", "data_type": "image", "width": 8, "height": 6, "labels": {"objects": [
            {"name": "a", "polygon": {str(i): point for i, point in enumerate(SMALL)}},
            {"name": "b", "polygons": [[FLAT, FLAT]]}, {"name": "c", "boundingBox": {"x": 0, "y": 0, "w": 1,
                                                                                     "h": 1}},
            {"name": "d", "rotatableBoundingBox": {"x": 0, "y": 0, "w": 1, "h": 1, "theta": 9}},
            {"name": "e", "bitmask": {"top": 0, "left": 0, "width": 2, "height": 2,
                                      "rleString": "112"}}]}}}}], {}),
    "kili": ("a.json", [{"externalId": "a.jpg", "resolution": {"width": 8, "height": 6}, "labels": [
        {"labelType": "DEFAULT", "createdAt": "1", "author": {"email": "a"},
         "jsonResponse": {"J": {"annotations": [
            {"categories": [{"name": "a"}], "mid": "m", "boundingPoly": [{"normalizedVertices": SMALL}] * 2},
            {"categories": [{"name": "a"}], "mid": "m", "boundingPoly": [{"normalizedVertices": SMALL}]},
            {"categories": [{"name": "b"}], "polyline": SMALL}, {"categories": [{"name": "c"}],
                                                                 "point": SMALL[0]}]}}},
        {"labelType": "PREDICTION", "jsonResponse": "{}"}]}], {}),
    "dataloop": ("a.json", {"filename": "/a.jpg", "metadata": {"system": {"width": 8, "height": 6}},
                            "annotations": [
        {"type": "segment", "label": "a", "coordinates": [XY, XY]}, {"type": "box", "label": "b",
                                                                     "coordinates": XY[:2]},
        {"type": "ellipse", "label": "c", "coordinates": {"center": {"x": 1, "y": 1}, "rx": 1, "ry": 2,
                                                          "angle": 3}},
        {"type": "binary", "label": "d",
         "coordinates": "data:image/png;base64," + base64.b64encode(PICTURE).decode()},
        {"type": "segment", "label": "e", "coordinates": XY, "metadata": {"system": {"isOpen": True}}}]}, {}),
    "sagemaker": ("a.manifest", {
        "source-ref": "s3://b/a.jpg", "old-ref-metadata": {"failure-reason": "x"},
        "job-ref": "s3://b/m.png", "job-ref-metadata": {"internal-color-map": COLORS}}, {"m.png": PICTURE}),
}  # fmt: skip
