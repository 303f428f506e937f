"""Ground Truth manifests as input: pixels by colour, maps that differ per line, failed attributes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.support.small_exports import codes, grid, labels, open_files, painted, png, read_files

KEY = "s3://out/job/annotations/consolidated-annotation/output/0_2022-09-09T17:25:31.918770.png"
CAR, DOG = "#2ca02c", "#1f77b4"


def colors(*entries: tuple[str, str]) -> dict:
    made = {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.9}}
    return made | {
        str(i): {"class-name": n, "hex-color": h, "confidence": 0.9} for i, (n, h) in enumerate(entries, 1)
    }


def line(color_map: dict, name: str = "job-ref", key: str = KEY, **more: object) -> dict:
    return {"source-ref": "s3://in/a.jpg", name: key, f"{name}-metadata": {
        "internal-color-map": color_map, "type": "groundtruth/semantic-segmentation",
        "human-annotated": "yes"}, **more}  # fmt: skip


def manifest(*lines: dict, end: str = "") -> bytes:
    return ("\n".join(map(json.dumps, lines)) + end).encode()


def palette(*hexes: str) -> list[int]:
    return [int(color[at : at + 2], 16) for color in hexes for at in (1, 3, 5)]


INDICES = grid("012", "210")
MASK = png(INDICES, "P", palette("#ffffff", CAR, DOG))
HERE = KEY.rpartition("/")[2]


@pytest.mark.parametrize("place", [
    HERE, "consolidated-annotation/output/" + HERE, "../../" + KEY.removeprefix("s3://out/job/"),
    "masks/" + HERE, HERE.replace(":", "_"),
])  # fmt: skip
def test_masks_are_found_beside_the_manifest(place: str):
    (record,) = read_files(
        "sagemaker", {"output.manifest": manifest(line(colors(("car", CAR), ("dog", DOG)))), place: MASK}
    )
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), INDICES)
    assert (record.image, codes(record)) == ("s3://in/a.jpg", [])


def test_colours_count_where_the_indices_are_wrong():
    """Jobs of mid-2020: the map's numbers disagree with the indices of the pixels, the colours agree."""
    (record,) = read_files(
        "sagemaker", {"m.manifest": manifest(line(colors(("dog", DOG), ("car", CAR)))), HERE: MASK}
    )
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), INDICES)


def test_maps_differ_from_line_to_line():
    other = png(grid("01"), "P", palette("#ffffff", DOG))
    files = {"m.manifest": manifest(line(colors(("car", CAR), ("dog", DOG))), line(colors(("dog", DOG)), key="s3://b/o.png")),
             HERE: MASK, "o.png": other}  # fmt: skip
    first, second = read_files("sagemaker", files)
    assert np.array_equal(painted(first, "car", "dog", size=(3, 2)), INDICES)
    assert painted(second, "car", "dog", size=(2, 1)).tolist() == [[0, 2]]


def test_in_a_grey_mask_the_index_is_all_there_is():
    (record,) = read_files(
        "sagemaker", {"m.manifest": manifest(line(colors(("car", CAR), ("dog", DOG)))), HERE: png(INDICES)}
    )
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), INDICES)


def test_colour_masks_are_read_by_colour():
    rgb = np.array(palette("#ffffff", CAR, DOG), np.uint8).reshape(3, 3)[INDICES]
    (record,) = read_files(
        "sagemaker", {"m.manifest": manifest(line(colors(("car", CAR), ("dog", DOG)))), HERE: png(rgb)}
    )
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), INDICES)


def test_the_class_list_has_all_lines_classes_in_the_order_of_their_numbers():
    first, second = colors(("z", CAR), ("b\u00e9", DOG)), colors(("z", CAR), ("a", DOG))
    second["10"] = {"hex-color": "#000001", "class-name": "last"}
    content = manifest(line(first), line(second), {"source-ref": "x"}) + b'\n{"broken'
    assert open_files("sagemaker", {"m.manifest": content}).labels == ["z", "a", "b\u00e9", "last"]
    assert open_files("sagemaker", {"m.manifest": manifest({"source-ref": "x"})}).labels is None


def test_the_newest_attribute_counts():
    both = line(colors(("old", CAR)), "one-ref", "s3://b/gone.png") | line(
        colors(("car", CAR), ("dog", DOG)), "two-ref"
    )
    (record,) = read_files("sagemaker", {"m.manifest": manifest(both), HERE: MASK})
    assert (labels(record), codes(record)) == (["car", "dog"], ["annotation-chosen"])
    for name in ("one", "one-ref"):
        files = {"m.manifest": manifest(both), "gone.png": MASK}
        assert open_files("sagemaker", files, class_attribute=name).labels == ["old"]
        (record,) = read_files("sagemaker", files, class_attribute=name)
        assert (labels(record), codes(record)) == (["old"], [])


def test_failed_attributes_do_not_count():
    failed = {
        "source-ref": "s3://in/a.jpg",
        "two-ref-metadata": {"failure-reason": "ClientError", "job-name": "x"},
    }
    (record,) = read_files("sagemaker", {"m.manifest": manifest(failed)})
    assert codes(record) == ["annotation-cancelled", "record-skipped"]
    (record,) = read_files(
        "sagemaker", {"m.manifest": manifest(line(colors(("car", CAR)), "one-ref") | failed), HERE: MASK}
    )
    assert (labels(record), codes(record)) == (["car"], ["annotation-cancelled", "annotation-chosen"])


def test_a_mask_that_is_not_there_rejects_the_line():
    (record,) = read_files("sagemaker", {"m.manifest": manifest(line(colors(("car", CAR))))})
    assert codes(record) == ["bitmap-missing", "record-bad"]


@pytest.mark.parametrize(("document", "found"), [
    ({"source-ref": "s3://a/b.jpg"}, ["record-unannotated"]), ({"source-ref": 3, "x": 1}, []),
    ({"source-ref": ""}, ["image-name-bad"]), ([], ["record-bad"]),
    ({"source-ref": "a", "b-ref": "c", "b-ref-metadata": {"internal-color-map": 3}}, ["record-unannotated"]),
])  # fmt: skip
def test_lines_that_are_no_masks(document: object, found: list):
    content = manifest(line(colors(("car", CAR))), document)
    record = read_files("sagemaker", {"m.manifest": content, HERE: MASK})[1]
    assert codes(record) == (found or ["record-unannotated"])


def test_line_ends_do_not_matter():
    for end in ("", "\n", "\r\n", "\n\n"):
        assert len(read_files("sagemaker", {"m.manifest": manifest(line({}), line({}), end=end)})) == 2


def test_a_class_without_a_colour_is_told():
    broken = colors(("car", CAR))
    broken["2"] = {"class-name": "dog"}
    (record,) = read_files("sagemaker", {"m.manifest": manifest(line(broken)), HERE: MASK})
    assert (labels(record), codes(record)) == (["car"], ["shape-bad-geometry"])
