"""Label Studio: geometry in percent, brush masks, which annotation counts, which images a task has."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from gtmask.errors import UsageError
from gtmask.findings import is_reject
from gtmask.formats import label_studio
from gtmask.formats.sampling import take_sample
from tests.support.small_exports import (
    FilesExport,
    as_bytes,
    codes,
    labels,
    open_files,
    painted,
    png,
    read_files,
    rings,
)


def region(kind: str | None, value: dict, **more: Any) -> dict:
    result = {
        "id": "r",
        "type": kind,
        "value": value,
        "to_name": "image",
        "from_name": "label",
        "image_rotation": 0,
        "original_width": 200,
        "original_height": 100,
        **more,
    }
    return {key: item for key, item in result.items() if item is not ...}


def polygon(label: str = "a", **more: Any) -> dict:
    return region(
        "polygonlabels", {"points": [[10, 10], [50, 10], [50, 60]], "polygonlabels": [label]}, **more
    )


def annotation(*results: Any, **more: Any) -> dict:
    return {
        "id": 1,
        "completed_by": 1,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "updated_at": "2024-01-01T00:00:00.000000Z",
        **more,
    }


def task(*annotations: Any, **more: Any) -> dict:
    return {
        "id": 1,
        "annotations": list(annotations),
        "predictions": [],
        "data": {"image": "/data/upload/1/a.jpg"},
        **more,
    }


def read(*tasks: Any, **options: Any) -> list:
    return read_files("label_studio", {"e.json": list(tasks)}, **options)


def read_task(*results: Any, **options: Any) -> Any:
    (record,) = read(task(annotation(*results)), **options)
    return record


def test_polygons_are_percent_of_the_image_that_exif_turned():
    record = read_task(polygon())
    assert (record.width, record.height, record.grid, record.units) == (200, 100, "displayed", "pixel")
    assert rings(record, record.shapes[0]) == [[[[20, 10], [100, 10], [100, 60]]]]
    assert record.image == "/data/upload/1/a.jpg"


def test_a_rectangle_turns_about_its_top_left_corner_in_pixels():
    """80 x 20 pixels at (100, 40), turned by 90 degrees: it hangs down on the left of its corner."""
    value = {"x": 50, "y": 40, "width": 40, "height": 20, "rotation": 90, "rectanglelabels": ["a"]}
    record = read_task(region("rectanglelabels", value))
    ((corners,),) = rings(record, record.shapes[0])
    assert np.allclose(corners, [[100, 40], [100, 120], [80, 120], [80, 40]])
    straight = read_task(region("rectanglelabels", {**value, "rotation": 0}))
    assert rings(straight, straight.shapes[0]) == [[[[100, 40], [180, 40], [180, 60], [100, 60]]]]
    assert [found.kind for found in (*record.shapes, *straight.shapes)] == ["rotated_rectangle", "rectangle"]


def test_an_ellipse_lies_about_its_centre():
    value = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 30, "rotation": 0, "ellipselabels": ["a"]}
    record = read_task(region("ellipselabels", value))
    assert record.shapes[0].curve == (100, 50, 20, 30, 0)
    ring = np.array(rings(record, record.shapes[0])[0][0])
    assert np.allclose([ring.min(0), ring.max(0)], [[80, 20], [120, 80]], atol=0.2)
    turned = read_task(region("ellipselabels", {**value, "rotation": 90}))
    ring = np.array(rings(turned, turned.shapes[0])[0][0])
    assert np.allclose([ring.min(0), ring.max(0)], [[70, 30], [130, 70]], atol=0.2)


def encode_brush(
    alpha: np.ndarray, sizes: tuple[int, ...] = (3, 4, 8, 16), word: int = 8, rgb: int = 255
) -> list[int]:
    """Encode a mask as Label Studio does: RGBA bytes in runs and literals."""
    values = np.full((alpha.size, 4), rgb, np.uint8)
    values[:, 3] = alpha.reshape(-1)
    flat = values.reshape(-1).tolist()
    bits = f"{len(flat):032b}{word - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    at = 0
    while at < len(flat):
        run = 1
        while at + run < len(flat) and flat[at + run] == flat[at]:
            run += 1
        if run > 2:
            index = next((i for i, size in enumerate(sizes) if run <= 1 << size), len(sizes) - 1)
            run = min(run, 1 << sizes[index])
            bits += f"1{index:02b}{run - 1:0{sizes[index]}b}{flat[at]:0{word}b}"
        else:
            run = min(5, len(flat) - at, 1 << sizes[0])
            bits += f"0{0:02b}{run - 1:0{sizes[0]}b}" + "".join(
                f"{value:0{word}b}" for value in flat[at : at + run]
            )
        at += run
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def brush(rle: Any, **more: Any) -> dict:
    return region(
        "brushlabels",
        {"format": "rle", "rle": rle, "brushlabels": ["a"]},
        original_width=7,
        original_height=5,
        **more,
    )


@pytest.mark.parametrize("rgb", [0, 255])
@pytest.mark.parametrize("seed", range(8))
def test_only_the_alpha_of_a_brush_mask_counts_and_its_rows_come_first(seed: int, rgb: int):
    rng = np.random.default_rng(seed)
    alpha = np.where(
        rng.random((5, 7)) < [0.0, 0.1, 0.5, 0.9, 1.0, 0.5, 0.3, 0.7][seed], rng.integers(1, 256, (5, 7)), 0
    )
    record = read_task(brush(encode_brush(alpha, rgb=rgb)))
    assert codes(record) == ([] if alpha.any() else ["shape-no-geometry"])
    assert np.array_equal(painted(record, "a") == 1, alpha > 0)


@pytest.mark.parametrize("sizes", [(1, 2, 3, 4), (16, 16, 16, 16), (3, 4, 8, 16)])
def test_brush_length_sizes_are_read_from_the_stream(sizes: tuple[int, ...]):
    alpha = np.zeros((5, 7), np.uint8)
    alpha[1:4, 2:6] = 200
    assert np.array_equal(painted(read_task(brush(encode_brush(alpha, sizes))), "a") == 1, alpha > 0)


def test_a_brush_mask_of_another_size_is_told():
    """Who takes the array for height x width would paint its first quarter."""
    rle = encode_brush(np.ones((5, 6), np.uint8))
    assert codes(read_task(brush(rle))) == ["runs-bad"]


@pytest.mark.parametrize("rle", [[], None])
def test_an_empty_brush_mask_is_a_region_without_geometry(rle: Any):
    record = read_task(polygon("b"), brush(rle))
    assert labels(record) == ["b"]
    assert codes(record) == ["shape-no-geometry"]


@pytest.mark.parametrize(
    "rle", [[1], [0, 0, 0, 140], [0, 0, 0, 140, 57, 27, 255], [256] * 20, ["x"], {"a": 1}, "text", 7, [-1]]
)
def test_broken_brush_masks_are_told(rle: Any):
    record = read_task(brush(rle))
    assert record.shapes == []
    assert codes(record) == ["runs-bad"]


def test_a_bitmask_is_a_picture_in_a_data_url():
    pixels = np.zeros((100, 200), np.uint8)
    pixels[10:20, 30:50] = 255
    url = "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
    record = read_task(region("bitmasklabels", {"imageDataURL": url, "bitmasklabels": ["a"]}))
    assert np.array_equal(painted(record, "a"), pixels // 255)
    assert record.shapes[0].bitmap.whole


def test_a_bitmask_is_black_on_transparent():
    pixels = np.zeros((100, 200, 4), np.uint8)
    pixels[10:20, 30:50, 3] = 255
    url = "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
    record = read_task(region("bitmasklabels", {"imageDataURL": url, "bitmasklabels": ["a"]}))
    assert np.array_equal(painted(record, "a"), pixels[..., 3] // 255)


def test_plain_regions_take_the_label_of_their_id():
    plain = region("polygon", {"points": [[1, 1], [9, 1], [9, 9]]}, id="p1", from_name="poly")
    naming = region("labels", {"labels": ["road"]}, id="p1", from_name="tag")
    other = region("polygon", {"points": [[1, 1], [9, 1], [9, 9]]}, id="p2", from_name="poly")
    for results, expected in (
        ([plain, naming, other], ["road", ""]),
        ([naming, other, plain], ["", "road"]),
    ):
        record = read_task(*results)
        assert (labels(record), codes(record)) == (expected, [])


def test_of_several_labels_the_first_counts_and_is_told():
    both = region("polygonlabels", {"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["a", "b"]})
    record = read_task(both)
    assert labels(record) == ["a"]
    assert codes(record) == ["label-several"]


def test_results_that_draw_nothing_are_silent_and_lines_have_no_area():
    record = read_task(
        region("choices", {"choices": ["day"]}),
        region("taxonomy", {"taxonomy": [["x"]], "x": 1, "y": 1, "width": 1, "height": 1}),
        region("textarea", {"text": ["hello"]}),
        {"type": "relation", "from_id": "a", "to_id": "b"},
        region(
            "keypointlabels",
            {"x": 5, "y": 5, "width": 0.2, "keypointlabels": ["nose"]},
            original_width=...,
            original_height=...,
        ),
        region("vectorlabels", {"vertices": [{"x": 1, "y": 1}, {"x": 9, "y": 9}], "vectorlabels": ["line"]}),
        region(
            "vectorlabels",
            {
                "vertices": [{"x": 1, "y": 1}, {"x": 9, "y": 9}, {"x": 1, "y": 9}],
                "closed": True,
                "vectorlabels": ["area"],
            },
        ),
        region("videorectangle", {"sequence": [], "labels": ["video"]}),
    )
    assert [(found.label, found.kind) for found in record.shapes] == [
        ("nose", "point"),
        ("line", "polyline"),
        ("area", "polygon"),
    ]
    assert codes(record) == ["shape-kind-unsupported"]
    assert (record.width, record.height) == (200, 100)


def test_the_rotation_of_the_view_does_not_turn_the_geometry():
    record = read_task(polygon(image_rotation=90))
    assert rings(record, record.shapes[0]) == [[[[20, 10], [100, 10], [100, 60]]]]
    assert codes(record) == ["image-rotation"]


def test_without_a_size_polygons_stay_fractions():
    record = read_task(polygon(original_width=..., original_height=...))
    assert record.units == "fraction"
    assert np.allclose(rings(record, record.shapes[0]), [[[[0.1, 0.1], [0.5, 0.1], [0.5, 0.6]]]])
    turned = region(
        "rectanglelabels",
        {"x": 1, "y": 1, "width": 9, "height": 9, "rotation": 5, "rectanglelabels": ["a"]},
        original_width=...,
        original_height=...,
    )
    assert codes(read_task(turned)) == ["shape-bad-geometry"]


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("values", [
    {"points": [[0.1, 0.1], [0.9, 0.1], [0.5, 1.0]], "polygonlabels": ["a"]},
    {"x": 0.1, "y": 0, "width": 0.9, "height": 1, "rectanglelabels": ["a"]},
])  # fmt: skip
def test_fractions_in_place_of_percent_are_told(values: dict, sized: bool):
    """Who writes tasks by program forgets to multiply by 100: all regions then lie in one corner."""

    def told(*results: dict) -> list[str]:
        if not sized:
            for result in results:
                del result["original_width"], result["original_height"]
        return [finding.code for finding in read_task(*results).findings]

    kind = next(key for key in values if key.endswith("labels"))
    assert told(region(kind, values)) == ["fraction-suspected"]
    assert told(region(kind, values), polygon()) == []


@pytest.mark.parametrize("kind", ["polygonlabels", None])
@pytest.mark.parametrize(("more", "told"), [({}, 0), ({"closed": True}, 0), ({"closed": False}, 1)])
def test_polygons_that_were_left_open_are_told(kind: str | None, more: dict, told: int):
    value = {"points": [[10, 10], [60, 10], [60, 60]], "polygonlabels": ["a"], **more}
    record = read_task(region(kind, value))
    assert [shape.kind for shape in record.shapes] == ["polygon"]
    assert [found.code for found in record.findings] == ["polygon-open"] * told


def test_results_are_painted_in_their_order():
    record = read_task(polygon("b"), polygon("a"))
    assert labels(record) == ["b", "a"]
    assert set(np.unique(painted(record, "a", "b"))) == {0, 1}


def test_the_newest_annotation_counts_and_is_told():
    old = annotation(polygon("old"), id=2, updated_at="2024-01-01T00:00:00Z")
    new = annotation(polygon("new"), id=1, updated_at="2024-02-01T00:00:00Z")
    for order in ([old, new], [new, old]):
        (record,) = read(task(*order))
        assert labels(record) == ["new"]
        assert codes(record) == ["annotation-chosen"]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2024-01-02T01:00:00+05:00", "2024-01-01T22:00:00Z"),
        ("2024-01-01T22:00:00Z", "2024-01-01T22:00:00.500000Z"),
        ("2024-01-01 22:00:00", "2024-01-01T22:00:01"),
        ("no time", "2024-01-01T22:00:00Z"),
    ],
)
def test_the_newest_annotation_is_told_by_moments_and_not_by_texts(earlier: str, later: str):
    old, new = annotation(polygon("old"), updated_at=earlier), annotation(polygon("new"), updated_at=later)
    for order in ([old, new], [new, old]):
        (record,) = read(task(*order))
        assert labels(record) == ["new"]
    rows = [
        min_row("old", 1, updated_at=earlier, annotator=2),
        min_row("new", 1, updated_at=later, annotator=2),
    ]
    assert [labels(record) for record in read(*rows)] == [["new"]]


def test_the_ground_truth_counts_even_when_it_is_older():
    truth = annotation(polygon("truth"), ground_truth=True, updated_at="2020-01-01T00:00:00Z")
    (record,) = read(task(annotation(polygon("new")), truth))
    assert labels(record) == ["truth"]
    assert codes(record) == ["annotation-superseded"]


@pytest.mark.parametrize("special", [0, 1, 2])
def test_json_min_rows_may_have_a_column_named_data(special: int):
    square = {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["a"], "original_width": 10}
    rows = [
        {"id": i, "image": f"{i}.jpg", "label": [square | {"original_height": 10}], "annotator": 1,
         "annotation_id": i, "lead_time": 1.5, **({"data": "train"} if i == special else {})}
        for i in range(3)
    ]  # fmt: skip
    assert [record.image for record in read(*rows)] == ["0.jpg", "1.jpg", "2.jpg"]
    sample = take_sample(FilesExport({"e.json": as_bytes(rows)}), "e.json")
    assert label_studio.sniff(sample) == "Label Studio JSON-MIN"


def test_cancelled_annotations_never_count():
    cancelled = annotation(polygon("bad"), was_cancelled=True, ground_truth=True)
    (record,) = read(task(cancelled, annotation(polygon("good"))))
    assert labels(record) == ["good"]
    assert codes(record) == ["annotation-cancelled"]
    later = {**cancelled, "id": 7}
    (record,) = read(task(annotation(polygon("good")), later))
    assert [item.detail.rpartition(" ")[2] for item in record.findings] == ["7"], "the cancelled one is named"
    (skipped,) = read(task(cancelled))
    assert codes(skipped) == ["annotation-cancelled", "record-skipped"]


@pytest.mark.parametrize("who", [7, {"id": 7, "email": "x@example.com"}, "7"])
def test_an_annotator_can_be_chosen(who: Any):
    mine = annotation(polygon("mine"), completed_by=who, updated_at="2020-01-01T00:00:00Z")
    theirs = annotation(polygon("theirs"), completed_by=8)
    (record,) = read(task(mine, theirs), annotator="7")
    assert labels(record) == ["mine"]
    (nobody,) = read(task(mine, theirs), annotator="9")
    assert codes(nobody) == ["record-unannotated"]


def test_predictions_count_only_when_asked_and_only_without_annotations():
    guess = {"id": 9, "result": [polygon("guess")], "model_version": "m"}
    unlabelled = task(predictions=[guess])
    (record,) = read(unlabelled)
    assert codes(record) == ["prediction-left-out", "record-unannotated"]
    (record,) = read(unlabelled, include_predictions=True)
    assert labels(record) == ["guess"]
    (record,) = read(task(annotation(polygon("human")), predictions=[guess]), include_predictions=True)
    assert labels(record) == ["human"]


def test_an_unlabelled_task_is_not_an_empty_annotation():
    (unlabelled,) = read(task())
    assert codes(unlabelled) == ["record-unannotated"]
    (empty,) = read(task(annotation()))
    assert codes(empty) == ["image-unannotated"]
    (forced,) = read(task(), include_unannotated=True)
    assert codes(forced) == ["image-unannotated"]


def test_drafts_do_not_count():
    assert codes(read(task(drafts=[annotation(polygon("draft"))]))[0]) == ["record-unannotated"]


def test_old_exports_say_completions_and_skipped():
    old = {
        "id": 1,
        "data": {"image": "a.jpg"},
        "completions": [
            {"id": 1, "result": [polygon("no")], "skipped": True},
            {"id": 2, "result": [polygon("yes")], "created_at": 1},
        ],
    }
    (record,) = read(old)
    assert labels(record) == ["yes"]


def test_a_task_with_a_list_of_images_is_one_record_each():
    several = task(
        annotation(polygon("first", item_index=0), polygon("third", item_index=2)),
        data={"images": ["a.jpg", "b.jpg", "c.jpg"]},
    )
    records = read(task(annotation(polygon())), several)
    assert [record.image for record in records] == ["/data/upload/1/a.jpg", "a.jpg", "b.jpg", "c.jpg"]
    assert [labels(record) for record in records] == [["a"], ["first"], [], ["third"]]


def test_images_without_a_reference_do_not_shift_the_numbers_of_the_others():
    for items, images in ((["a.jpg", None, "c.jpg"], ["a.jpg", "c.jpg"]), ([None, "", "c.jpg"], ["c.jpg"])):
        several = task(
            annotation(polygon("first", item_index=0), polygon("third", item_index=2)), data={"images": items}
        )
        records = read(several)
        assert [record.image for record in records] == images
        assert labels(records[-1]) == ["third"]


@pytest.mark.parametrize("place", [{"item_index": 2}, {"item_index": -1}, {"item_index": "x"}])
def test_regions_on_no_image_are_told(place: dict):
    results = [
        polygon("first", item_index=0),
        polygon("lost", **place),
        region("choices", {"choices": ["x"]}),
    ]
    records = read(task(annotation(*results), data={"images": ["a.jpg", "b.jpg"]}))
    assert [labels(record) for record in records] == [["first"], []]
    assert [codes(record) for record in records] == [["annotation-orphan"], ["image-unannotated"]]


def test_annotations_and_results_that_are_none_are_told():
    broken = task(annotation(polygon(), {}))
    broken["annotations"].append(None)
    (record,) = read(broken)
    assert labels(record) == ["a"]
    assert codes(record) == ["shape-bad-geometry", "value-type"]


def test_repeaters_number_the_names_of_their_tags():
    paged = task(
        annotation(polygon("second", to_name="page_1", original_width=50, original_height=50)),
        data={"images": [{"url": "https://x/1.jpeg"}, {"url": "https://x/2.jpeg"}]},
    )
    records = read(paged)
    assert [(record.image, labels(record)) for record in records] == [
        ("https://x/1.jpeg", []),
        ("https://x/2.jpeg", ["second"]),
    ]


def test_a_task_with_two_image_tags_is_one_record_each():
    two = task(
        annotation(
            polygon("left", to_name="imgA"),
            polygon("right", to_name="imgB", original_width=50, original_height=50),
        ),
        data={"text": "hi", "imgB": "b.jpg", "imgA": "a.jpg"},
    )
    records = read(two)
    assert [(record.image, labels(record), record.width) for record in records] == [
        ("b.jpg", ["right"], 50),
        ("a.jpg", ["left"], 200),
    ]


def test_regions_whose_tag_shows_no_image_of_the_task_are_told():
    mixed = task(
        annotation(polygon("a", to_name="x"), polygon("b", to_name="image"), polygon("c", to_name=["y"]))
    )
    (record,) = read(mixed)
    assert labels(record) == ["b"]
    assert sorted(codes(record)) == ["annotation-orphan", "annotation-orphan", "value-type"]


PAIR = {"image1": "/data/upload/1/first.png", "image2": "/data/upload/1/second.png"}


def pair_task(left: Any, right: Any, data: dict = PAIR) -> dict:
    return task(annotation(polygon("car", to_name=left), polygon("dog", to_name=right)), data=data)


def test_two_tags_that_no_key_is_called_like_are_a_reject():
    """The order of tags and keys decides nothing: both may be the other way round."""
    for data in (PAIR, dict(reversed(PAIR.items()))):
        for left, right in (("img-left", "img-right"), ("img-right", "img-left"), ("", "x"), (None, 7)):
            (record,) = read(pair_task(left, right, data))
            assert "task-images-untold" in codes(record)
            assert is_reject(record.findings)
            assert (record.image, labels(record)) == (next(iter(data.values())), ["car", "dog"])


@pytest.mark.parametrize(
    ("left", "right"),
    [("image1", "img-right"), ("img-left", "image2"), ("Image_1", "x"), ("image-1", "IMAGE 2")],
)
def test_the_image_that_is_left_and_names_that_are_alike_are_guesses(left: str, right: str):
    records = read(pair_task(left, right))
    assert [(record.image, labels(record)) for record in records] == [
        (PAIR["image1"], ["car"]), (PAIR["image2"], ["dog"])]  # fmt: skip
    assert "task-image-guessed" in codes(records[0])


def test_image_tags_say_which_key_a_tag_shows():
    records = read(pair_task("left", "right"), image_tags="left=image2, right=image1")
    assert [(record.image, labels(record)) for record in records] == [
        (PAIR["image1"], ["dog"]), (PAIR["image2"], ["car"])]  # fmt: skip
    assert [codes(record) for record in records] == [[], []]
    # A tag that is not named, and a key that is not there, show nothing: their regions are told.
    for given in ("left=image1", "left=image1,right=image3"):
        (record,) = read(pair_task("left", "right"), image_tags=given)
        assert (labels(record), codes(record)) == (["car"], ["annotation-orphan", "picture-unlabeled"])
    (record,) = read(pair_task("left", "right"), image_tags="other=nothing")
    assert is_reject(record.findings)
    records = read(task(annotation(), data=PAIR), image_tags="left=image1,right=image2")
    assert [codes(record) for record in records] == [["image-unannotated"]] * 2
    (record,) = read(min_row("a"), image_tags="left=image1")
    assert codes(record) == ["task-images-untold"]


@pytest.mark.parametrize("given", ["left", "left=", "=a", "a=b=c", "a=b,", "a=b,a=c", ""])
def test_image_tags_of_another_form_are_refused(given: str):
    with pytest.raises(UsageError, match="must be TAG=KEY,TAG=KEY"):
        read(pair_task("left", "right"), image_tags=given)


def test_two_tags_and_one_image_are_a_reject_unless_one_is_its_key():
    (record,) = read(pair_task("a", "b", {"image": "a.jpg"}))
    assert codes(record) == ["task-images-untold"]
    (record,) = read(pair_task("a", "image", {"image": "a.jpg"}))
    assert (labels(record), codes(record)) == (["dog"], ["annotation-orphan"])


@pytest.mark.parametrize("tag", [..., None, "", 7, ["image"], True])
def test_a_region_without_a_tag_is_on_the_only_image_and_on_none_of_several(tag: Any):
    (record,) = read(task(annotation(polygon(to_name=tag))))
    assert labels(record) == ["a"]
    two = task(annotation(polygon("b", to_name="x"), polygon(to_name=tag)), data={"x": "x.jpg", "y": "y.jpg"})
    records = read(two)
    assert labels(records[0]) == ["b"]
    if tag != 7:
        assert "annotation-orphan" in codes(records[0])


def test_of_several_images_that_no_tag_names_the_usual_key_is_a_guess():
    data = {"thumbnail": "t.jpg", "image": "a.jpg"}
    for results in ([polygon(to_name="img")], [polygon(to_name=None)], []):
        (record,) = read(task(annotation(*results), data=data))
        assert record.image == "a.jpg"
        assert {"task-image-guessed", "picture-unlabeled"} <= set(codes(record))
    for data in ({"image1": "a.jpg", "image2": "b.jpg"}, {"left": "a.jpg", "right": "b.jpg"}):
        (record,) = read(task(annotation(polygon(to_name="img")), data=data))
        assert codes(record) == ["task-images-untold"]


def test_addresses_of_other_files_are_no_images():
    data = {"audio": "s3://b/x.mp3", "meta": "/data/upload/1/x.json", "picture": "s3://b/key"}
    (record,) = read(task(annotation(polygon(to_name="img")), data=data))
    assert (record.image, codes(record)) == ("s3://b/key", [])


def test_a_value_that_does_not_look_like_an_image_is_a_guess_unless_the_tag_is_its_key():
    (record,) = read(task(annotation(polygon(to_name="page_0")), data={"images": "qx"}))
    assert (record.image, codes(record)) == ("qx", ["task-image-guessed"])
    (record,) = read(task(annotation(polygon(to_name="scan")), data={"scan": "qx", "text": "hi"}))
    assert (record.image, codes(record)) == ("qx", [])


def test_images_are_told_by_the_regions_of_all_annotations():
    """A cancelled annotation names two tags, the one that counts only the second."""
    first = annotation(polygon("x", to_name="imgA"), polygon("y", to_name="imgB"), was_cancelled=True)
    records = read(
        task(first, annotation(polygon("b", to_name="imgB")), data={"imgA": "a.jpg", "imgB": "b.jpg"})
    )
    assert [(record.image, labels(record)) for record in records] == [("a.jpg", []), ("b.jpg", ["b"])]


def test_a_list_of_images_without_item_numbers_is_one_record_each():
    records = read(task(annotation(), data={"images": ["a.jpg", "b.jpg"]}))
    assert [record.image for record in records] == ["a.jpg", "b.jpg"]


def test_text_tags_beside_the_image_make_no_records():
    mixed = task(
        annotation(polygon(), region("textarea", {"text": ["x"]}, to_name="caption")),
        data={"image": "a.jpg", "caption": "x"},
    )
    assert [record.image for record in read(mixed)] == ["a.jpg"]


@pytest.mark.parametrize(
    ("data", "image"),
    [
        ({"image": "/data/local-files/?d=x%5Ca.jpg"}, "/data/local-files/?d=x%5Ca.jpg"),
        ({"text": "t", "photo": "s3://b/k"}, "s3://b/k"),
        ({"my_key": "http://x/a.png?X-Amz-Signature=1"}, "http://x/a.png?X-Amz-Signature=1"),
        ({"x": "/tasks/1/presign/?fileuri=czM6Ly9iL2s="}, "/tasks/1/presign/?fileuri=czM6Ly9iL2s="),
        ({"only": "an-id-without-extension"}, "an-id-without-extension"),
        ({"image": {"url": "a.jpg"}}, "a.jpg"),
    ],
)
def test_image_references_are_found_in_the_data(data: dict, image: str):
    (record,) = read(task(annotation(polygon(to_name="nothing")), data=data))
    assert record.image == image


@pytest.mark.parametrize("data", [{}, {"a": 1}, None, {"a": "x", "b": "y"}])
def test_a_task_without_an_image_is_a_reject(data: Any):
    (record,) = read(task(annotation(polygon()), data=data))
    assert "image-name-bad" in codes(record)


def test_the_uploaded_file_is_another_name_of_the_image():
    (record,) = read(task(annotation(), file_upload="1234abcd-a.jpg"))
    assert record.aliases == ("1234abcd-a.jpg",)


def min_row(label: str, row_id: int = 1, **more: Any) -> dict:
    value = {
        "points": [[10, 10], [50, 10], [50, 60]],
        "polygonlabels": [label],
        "original_width": 200,
        "original_height": 100,
    }
    return {
        "image": "/data/upload/1/a.jpg",
        "id": row_id,
        "label": [value],
        "choice": "day",
        "annotator": 1,
        "annotation_id": 1,
        "created_at": "2024-01-01",
        "updated_at": "2024-01-01",
        "lead_time": 1.0,
        **more,
    }


def test_json_min_rows_have_shapes_without_types():
    rotated = {
        "x": 50,
        "y": 40,
        "width": 40,
        "height": 20,
        "rotation": 90,
        "rectanglelabels": ["box"],
        "original_width": 200,
        "original_height": 100,
    }
    row = min_row(
        "a",
        boxes=[rotated],
        brush=[
            {"format": "rle", "rle": [], "brushlabels": ["b"], "original_width": 200, "original_height": 100}
        ],
    )
    (record,) = read(row)
    assert [(found.label, found.kind) for found in record.shapes] == [
        ("a", "polygon"),
        ("box", "rotated_rectangle"),
    ]
    assert (record.image, record.width, record.height) == ("/data/upload/1/a.jpg", 200, 100)
    assert codes(record) == ["shape-no-geometry"]


def test_json_min_has_one_row_per_annotation_of_which_the_newest_counts():
    rows = [
        min_row("first", 1, updated_at="2024-01-01"),
        min_row("newest", 1, updated_at="2024-03-01", annotator=2),
        min_row("middle", 1, updated_at="2024-02-01"),
        min_row("other", 2, image="b.jpg"),
    ]
    records = read(*rows)
    assert [labels(record) for record in records] == [["newest"], ["other"]]
    assert [codes(record) for record in records] == [["annotation-chosen"], []]
    records = read(*rows, annotator="1")
    assert [labels(record) for record in records] == [["middle"], ["other"]]
    assert [codes(record) for record in records] == [["annotation-superseded"], []]


def test_json_min_rows_of_one_task_may_stand_anywhere():
    rows = [
        min_row("old", 1, updated_at="2024-01-01"),
        min_row("other", 2, image="b.jpg"),
        min_row("nobody's", 3) | {"id": None},
        min_row("text", 4) | {"id": "1"},
        min_row("new", 1, updated_at="2024-02-01"),
    ]
    records = read(*rows)
    assert [labels(record) for record in records] == [["new"], ["other"], ["nobody's"], ["text"]]
    assert codes(records[0]) == ["annotation-chosen"]


def test_json_min_rows_with_several_images_are_guesses_or_rejects():
    """The columns of regions do not say on which image they lie."""
    data = {"image": ..., **PAIR}
    row = {key: value for key, value in min_row("a", **data).items() if value is not ...}
    (record,) = read(row | {"other": row["label"]})
    assert codes(record)[0] == "task-images-untold"
    (record,) = read(min_row("a", thumbnail="t.jpg"))
    assert record.image == "/data/upload/1/a.jpg"
    assert codes(record) == ["picture-unlabeled", "task-image-guessed"]
    (record,) = read(min_row("a", image=["a.jpg", "b.jpg"]))
    assert "task-images-untold" in codes(record)


@pytest.mark.parametrize(
    ("bad", "told"),
    [(None, "annotation-bad"), (7, "annotation-bad"), ("x", "annotation-bad"), ([], "annotation-bad"),
     ({}, "shape-no-geometry"),
     ({"closed": True, "polygonlabels": ["a"], "original_width": 5}, "shape-no-geometry")],
)  # fmt: skip
def test_json_min_items_that_are_no_regions_are_told(bad: Any, told: str):
    row = min_row("a")
    row["label"].append(bad)
    (record,) = read(row)
    assert labels(record) == ["a"]
    assert codes(record)[0] == told


def test_of_several_label_lists_that_of_the_type_counts():
    value = {
        "points": [[1, 1], [9, 1], [9, 9]],
        "labels": ["x"],
        "polygonlabels": ["a", "b"],
        "hypertextlabels": ["y"],
    }
    for members in (value, dict(reversed(value.items()))):
        record = read_task(region("polygonlabels", members))
        assert (labels(record), codes(record)) == (["a"], ["label-several"])
        record = read_task(region("polygon", members))
        assert (labels(record), codes(record)) == (["y"], ["label-several"])


def test_times_that_cannot_be_compared_are_told():
    old, new = (
        annotation(polygon("old"), updated_at="2024"),
        annotation(polygon("new"), updated_at=1720000000),
    )
    (record,) = read(task(old, new))
    assert codes(record) == ["annotation-chosen", "value-type"]
    (record,) = read(task(new, {**new, "updated_at": 1720000001}))
    assert codes(record) == ["annotation-chosen"]
    rows = [min_row("a"), min_row("b", updated_at=1720000000)]
    reader = open_files("label_studio", {"e.json": as_bytes(rows)})
    for _ in range(2):
        assert len(list(reader.units())) == 1
        assert [finding.code for finding in reader.findings] == ["value-type"]


def test_an_annotation_without_results_is_no_empty_one():
    (record,) = read(task(annotation(polygon("good")), {"id": 3, "updated_at": "2030"}))
    assert (labels(record), codes(record)) == (["good"], ["annotation-bad"])


def test_json_lines_are_read_like_an_array():
    rows = [task(annotation(polygon("a"))), task(annotation(polygon("b")))]
    text = "\n".join(json.dumps(row) for row in rows)
    records = read_files("label_studio", {"e.jsonl": text})
    assert [labels(record) for record in records] == [["a"], ["b"]]


@pytest.mark.parametrize("bad", [None, 7, "x", [], [1]])
def test_an_element_that_is_no_task_is_a_reject(bad: Any):
    records = read(task(annotation(polygon())), bad, task(annotation(polygon())))
    assert [codes(record) for record in records] == [[], ["record-bad"], []]


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        "x",
        [],
        {},
        {"type": "polygonlabels"},
        region("polygonlabels", {"points": 3, "polygonlabels": ["a"]}),
        region("rectanglelabels", {"x": "a", "y": 1, "width": 1, "height": 1, "rectanglelabels": ["a"]}),
    ],
)
def test_a_broken_result_costs_only_itself(bad: Any):
    assert labels(read_task(polygon("good"), bad)) == ["good"]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ([task(annotation(polygon()))], "Label Studio JSON"),
        (
            [{"annotations": [annotation(*[polygon()] * 500)], "data": {"image": "a.jpg"}}],
            "Label Studio JSON",
        ),
        ([{"id": 1, "data": {}, "completions": []}], "Label Studio JSON"),
        ([min_row("a")], "Label Studio JSON-MIN"),
        ([{"model_version": "m", "result": [], "score": 1}], None),
        ({"images": [], "annotations": [], "categories": []}, None),
        ([{"image_id": 1, "category_id": 1, "segmentation": []}], None),
        ([{"name": "a.jpg", "labels": [{"category": "car"}]}], None),
    ],
)
def test_sniff(content: Any, title: str | None):
    assert label_studio.sniff(take_sample(FilesExport({"e.json": as_bytes(content)}), "e.json")) == title


def test_units_of_a_damaged_end_are_kept_when_asked():
    text = json.dumps([task(annotation(polygon("a"))), task(annotation(polygon("b")))])[:-30]
    reader = open_files("label_studio", {"e.json": text}, keep_going=True)
    records = [reader.record(unit) for unit in reader.units()]
    assert [labels(record) for record in records] == [["a"]]
    assert [finding.code for finding in reader.findings] == ["record-bad"]


@pytest.mark.parametrize(("date", "known"), [
    ("2024-01-01T00:00:00Z", True), ("2020-01-01T00:00:00Z", False), (1700000000, True), (1500000000, False),
    (..., False), ([], False),
])  # fmt: skip
def test_label_studio_shows_turned_images_for_certain_since_browsers_do(date: Any, known: bool):
    made = {} if date is ... else {"created_at": date}
    task = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [annotation(polygon(), **made)]}
    row = {"id": 1, "image": "a.jpg", "label": [{"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["a"],
           "original_width": 8}], "annotation_id": 1, "annotator": 1, **made}  # fmt: skip
    for document in (task, row):
        (record,) = read_files("label_studio", {"a.json": [document]})
        assert (record.grid, record.grid_known) == ("displayed", known)


def vector(*links: tuple[str, str | None], closed: bool = True) -> dict:
    places = {"a": (10, 10), "b": (50, 10), "c": (50, 60), "d": (10, 60)}
    vertices = [
        {"x": places[name][0], "y": places[name][1], "id": name} | ({"prevPointId": before} if before else {})
        for name, before in links
    ]
    return region("vectorlabels", {"vertices": vertices, "closed": closed, "vectorlabels": ["a"]})


@pytest.mark.parametrize(
    "links",
    [
        [("a", None), ("b", "a"), ("c", "b"), ("d", "c")],
        [("a", None), ("c", "b"), ("d", "c"), ("b", "a")],
        [("d", "c"), ("c", "b"), ("b", "a"), ("a", None)],
        [("a", "d"), ("b", "a"), ("c", "b"), ("d", "c")],
        [("a", "d"), ("d", "c"), ("c", "b"), ("b", "a")],
    ],
)
def test_the_vertices_of_a_line_follow_each_other_as_they_say(links: list):
    record = read_task(vector(*links))
    expected = read_task(vector(("a", None), ("b", None), ("c", None), ("d", None)))
    assert np.array_equal(record.points, expected.points)


@pytest.mark.parametrize(
    "links",
    [
        [("a", None), ("b", "a"), ("c", "a"), ("d", "c")],
        [("a", None), ("b", "a"), ("c", "d"), ("d", "c")],
        [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")],
        [("a", "x"), ("b", "a"), ("c", "b"), ("d", "c")],
        [("a", None), ("b", "a"), ("c", "x"), ("d", "c")],
    ],
    ids=[
        "a branch",
        "a piece apart",
        "two rings",
        "a beginning that is not there",
        "a vertex that is not there",
    ],
)
def test_vertices_that_are_not_one_line_are_told(links: list):
    record = read_task(vector(*links))
    assert (codes(record), record.shapes) == (["shape-bad-geometry"], [])


def test_a_line_whose_first_vertex_follows_the_last_is_closed():
    record = read_task(vector(("a", "d"), ("b", "a"), ("c", "b"), ("d", "c"), closed=False))
    assert [shape.kind for shape in record.shapes] == ["polygon"]
