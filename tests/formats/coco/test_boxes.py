"""Boxes that lie elsewhere than the outlines of their annotations are told: one of both is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gtmask.formats.coco.boxes import unlike_boxes
from tests.support.small_exports import open_files, read_files

#: Left, top, right and bottom of the annotations of one image of 40 x 30.
PLACES = [(2, 3, 12, 9), (20, 1, 38, 25), (5, 15, 11, 29)]


def ring(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    return [[left, top, right, top, right, bottom, left, bottom]]


def turned(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    return ring(top, left, bottom, right)


def half(left: int, top: int, right: int, bottom: int) -> list[list[float]]:
    return [[value / 2 for value in ring(left, top, right, bottom)[0]]]


def runs(left: int, top: int, right: int, bottom: int, order: str = "F") -> dict[str, Any]:
    mask = np.zeros((30, 40), np.uint8)
    mask[top:bottom, left:right] = 1
    flat = mask.ravel(order)
    edges = np.flatnonzero(np.diff(flat, prepend=0))
    return {"size": [30, 40], "counts": np.diff([0, *edges, flat.size]).tolist()}


def rows(left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    return runs(left, top, right, bottom, "C")


def annotation(number: int, place: tuple[int, int, int, int], segmentation: Any) -> dict[str, Any]:
    left, top, right, bottom = place
    return {"id": number, "image_id": 1, "category_id": 1, "segmentation": segmentation,
            "bbox": [left, top, right - left, bottom - top]}  # fmt: skip


def told(annotations: list[dict[str, Any]]) -> list[str]:
    document = {"images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}],
                "categories": [{"id": 1, "name": "a"}], "annotations": annotations}  # fmt: skip
    return [finding.code for finding in open_files("coco", {"a.json": document}).findings]


@pytest.mark.parametrize(
    ("write", "codes"),
    [(ring, []), (runs, []), (turned, ["boxes-differ"]), (half, ["boxes-differ"]), (rows, ["boxes-differ"])],
)
def test_outlines_of_other_places_than_their_boxes_are_told(write: Any, codes: list[str]) -> None:
    assert told([annotation(number, place, write(*place)) for number, place in enumerate(PLACES)]) == codes


def test_a_box_that_was_drawn_by_hand_and_one_that_is_none_are_no_fault() -> None:
    first, second, third = (annotation(n, place, ring(*place)) for n, place in enumerate(PLACES))
    assert told([first, second, {**third, "bbox": [0, 0, 2, 2]}]) == []
    for box in ([0, 0, 0, 0], [0, 0, 1, 1], [], None, "x", [1, 2, 3], {"x": 1}):
        assert told([{**first, "bbox": box}]) == []
    assert told([{**first, "segmentation": [], "bbox": [1, 1, 2, 2]}]) == []


@pytest.mark.parametrize("seed", range(20))
def test_runs_reach_as_far_as_their_pixels(seed: int) -> None:
    random = np.random.default_rng(seed)
    left, top = random.integers(0, (30, 20))
    right, bottom = left + 2 + random.integers(0, 39 - left), top + 2 + random.integers(0, 29 - top)
    place = (int(left), int(top), int(right), int(bottom))
    assert unlike_boxes([annotation(1, place, runs(*place))]) == ""
    moved = (place[0] + 4, *place[1:2], place[2] + 4, place[3])
    assert unlike_boxes([annotation(1, moved, runs(*place))])


def isat(place: tuple[int, ...], outline: list[list[int]]) -> tuple[str, dict[str, Any]]:
    points = np.array(outline[0]).reshape(-1, 2).tolist()
    thing = {"category": "a", "segmentation": points, "bbox": list(place), "layer": 1.0}
    return "isat", {"info": {"description": "ISAT", "name": "a.jpg", "width": 40, "height": 30},
                    "objects": [thing]}  # fmt: skip


def darwin(place: tuple[int, ...], outline: list[list[int]]) -> tuple[str, dict[str, Any]]:
    left, top, right, bottom = place
    path = [{"x": x, "y": y} for x, y in np.array(outline[0]).reshape(-1, 2).tolist()]
    box = {"x": left, "y": top, "w": right - left, "h": bottom - top}
    slot = {"slot_name": "0", "width": 40, "height": 30}
    one = {"name": "a", "polygon": {"paths": [path]}, "bounding_box": box}
    return "darwin", {"item": {"name": "a.jpg", "path": "/", "slots": [slot]}, "annotations": [one]}


def sa1b(place: tuple[int, ...], outline: Any) -> tuple[str, dict[str, Any]]:
    left, top, right, bottom = place
    one = {"segmentation": outline, "bbox": [left, top, right - left, bottom - top]}
    return "sa1b", {"image": {"file_name": "a.jpg", "width": 40, "height": 30}, "annotations": [one]}


@pytest.mark.parametrize(
    ("document", "right", "wrong"),
    [(isat, ring, turned), (darwin, ring, half), (sa1b, ring, turned), (sa1b, runs, rows)],
)
def test_boxes_that_tools_compute_are_compared_image_by_image(document: Any, right: Any, wrong: Any) -> None:
    place = PLACES[0]
    for write, codes in ((right, []), (wrong, ["boxes-differ"])):
        name, value = document(place, write(*place))
        (record,) = read_files(name, {"a.json": value})
        assert ([finding.code for finding in record.findings], len(record.shapes)) == (codes, 1)
        odd = {**value, **{key: [{**value[key][0], "bbox": "x", "bounding_box": None}]
                           for key in ("annotations", "objects") if key in value}}  # fmt: skip
        (record,) = read_files(name, {"a.json": odd})
        assert (record.findings, len(record.shapes)) == ([], 1)
