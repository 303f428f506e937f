"""Bad input: one clear sentence or a counted finding, the right exit code, nothing half-written."""

from __future__ import annotations

import base64
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image

import gtmask
from gtmask import errors
from tests.support import coco_data
from tests.support.commands import gtmask as command


def square(x: float = 2, y: float = 2, side: float = 10) -> list[float]:
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def document(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [square()]}],
        "categories": [{"id": 1, "name": "x"}],
    }
    return base | changes


def prepare(tmp_path: Path, export: bytes, images: dict[str, bytes] | None = None) -> Path:
    path = tmp_path / "export.json"
    path.write_bytes(export)
    for name, data in ({"a.jpg": coco_data.jpeg(40, 30)} if images is None else images).items():
        target = tmp_path / "images" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path


def run(tmp_path: Path, export: bytes, images: dict[str, bytes] | None = None, **options: Any) -> Any:
    path = prepare(tmp_path, export, images)
    return gtmask.convert(path, tmp_path / "out", images=tmp_path / "images", workers=1, **options)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty", b""),
        ("blank", b" \n\t"),
        ("not json", b"hello, world"),
        ("no known format", b'{"a": 1, "b": [2, 3]}'),
        ("an empty list", b"[]"),
        ("a picture", coco_data.jpeg(4, 4)),
        ("utf-16", orjson.dumps(document()).decode().encode("utf-16")),
        ("a number", b"42"),
    ],
)
def test_unreadable_exports_end_with_one_sentence(tmp_path: Path, name: str, data: bytes) -> None:
    path = prepare(tmp_path, data)
    done = command("convert", path, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "gtmask: " in done.stderr.splitlines()[-1]
    assert done.stderr.count("gtmask: ") == 1
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95, 0.999])
def test_truncated_document(tmp_path: Path, cut: float) -> None:
    data = orjson.dumps(coco_data.make_document([f"{n}.jpg" for n in range(30)]))
    with pytest.raises(errors.GtmaskError) as caught:
        run(tmp_path, data[: int(len(data) * cut)])
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").rglob("*.png"))


def test_utf8_bom_is_read(tmp_path: Path) -> None:
    assert run(tmp_path, b"\xef\xbb\xbf" + orjson.dumps(document())).tally.masks == 1


BAD_SHAPES: list[tuple[str, Any, str]] = [
    ("nan is null", [[1, 2, None, 4, 5, 6]], "shape-bad-number"),
    ("1e300", [[1, 2, 1e300, 4, 5, 6]], "shape-bad-number"),
    ("text", [["1", "2", "3", "4", "5", "6"]], "shape-bad-number"),
    ("two points", [[1, 1, 9, 9]], "shape-few-points"),
    ("one point", [[1, 1]], "shape-few-points"),
    ("three equal points", [[1, 1, 1, 1, 1, 1]], "shape-few-points"),
    ("odd count", [[1, 2, 3, 4, 5, 6, 7]], "shape-odd-count"),
    ("nothing", [], "shape-no-geometry"),
    ("null", None, "shape-no-geometry"),
    ("runs that do not add up", {"size": [30, 40], "counts": [100, 100]}, "runs-bad"),
    ("negative run", {"size": [30, 40], "counts": [1300, -100]}, "runs-bad"),
    ("garbage string", {"size": [30, 40], "counts": "\u0001\u0002"}, "runs-bad"),
    ("runs without a pixel", {"size": [30, 40], "counts": [1200]}, "shape-no-geometry"),
    ("wholly outside", [square(60, 5)], "shape-outside"),
    ("other size", {"size": [40, 30], "counts": [0, 1200]}, "runs-size-differs"),
]


@pytest.mark.parametrize(
    ("segmentation", "code"), [row[1:] for row in BAD_SHAPES], ids=[r[0] for r in BAD_SHAPES]
)
def test_bad_shapes_are_counted_and_the_good_one_is_painted(
    tmp_path: Path, segmentation: Any, code: str
) -> None:
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [square()]},
        {"id": 2, "image_id": 1, "category_id": 1, "segmentation": segmentation},
    ]
    summary = run(tmp_path, orjson.dumps(document(annotations=annotations)))
    assert summary.tally.findings == {code: 1}
    assert summary.tally.masks == 1
    mask = np.array(Image.open(tmp_path / "out" / "masks" / "a.png"))
    assert mask.sum() == 121


def test_unknown_category(tmp_path: Path) -> None:
    annotations = [{"id": 1, "image_id": 1, "category_id": 99, "segmentation": [square()]}]
    summary = run(tmp_path, orjson.dumps(document(annotations=annotations)))
    assert summary.tally.findings == {"shape-no-label": 1}


def test_orphaned_annotations_are_told(tmp_path: Path) -> None:
    annotations = [{"id": 1, "image_id": 5, "category_id": 1, "segmentation": [square()]}]
    summary = run(tmp_path, orjson.dumps(document(annotations=annotations)))
    assert [finding.code for finding in summary.findings] == ["annotation-orphan"]


@pytest.mark.parametrize(
    ("images", "code"),
    [
        ({"a.jpg": b"no image at all"}, "image-unreadable"),
        ({"a.jpg": b""}, "image-unreadable"),
        ({"a.jpg": coco_data.jpeg(40, 30)[:40]}, "image-unreadable"),
    ],
)
def test_images_that_cannot_be_used_are_rejects(tmp_path: Path, images: dict[str, bytes], code: str) -> None:
    (tmp_path / "images").mkdir()
    summary = run(tmp_path, orjson.dumps(document()), images)
    assert (summary.exit_code, summary.tally.rejects) == (3, 1)
    reject = orjson.loads((tmp_path / "out" / "rejects.jsonl").read_bytes())
    assert reject["image"] == "a.jpg"
    assert [finding["code"] for finding in reject["findings"]] == [code]
    assert (tmp_path / "out" / "labeling-qa.manifest").read_bytes() == b""


def test_a_missing_image_is_a_reject(tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 40, "height": 30} for i in (1, 2)]
    summary = run(tmp_path, orjson.dumps(document(images=images)), {"2.jpg": coco_data.jpeg(40, 30)})
    assert (summary.exit_code, summary.tally.rejects, summary.tally.masks) == (3, 1, 1)
    reject = orjson.loads((tmp_path / "out" / "rejects.jsonl").read_bytes())
    assert (reject["image"], [finding["code"] for finding in reject["findings"]]) == (
        "1.jpg",
        ["image-missing"],
    )


def test_size_that_differs(tmp_path: Path) -> None:
    images = {"a.jpg": coco_data.jpeg(50, 30)}
    summary = run(tmp_path, orjson.dumps(document()), images)
    assert summary.tally.findings == {"size-differs": 1}
    with Image.open(tmp_path / "out" / "masks" / "a.png") as mask:
        assert mask.size == (50, 30)
    checked = run(tmp_path, orjson.dumps(document()), images, size="check", overwrite=True)
    assert checked.tally.findings == {"image-size-differs": 1}
    assert checked.exit_code == 3
    assert not (tmp_path / "out" / "masks" / "a.png").exists()
    told = run(tmp_path, orjson.dumps(document()), images, size="annotation", overwrite=True)
    assert told.exit_code == 0
    with Image.open(tmp_path / "out" / "masks" / "a.png") as mask:
        assert mask.size == (40, 30)


@pytest.mark.parametrize("size", [(0, 30), (-4, 30), (40, 0), ("forty", "30"), (1e9, 1e9), (None, None)])
def test_bad_sizes_in_the_export(tmp_path: Path, size: tuple[Any, Any]) -> None:
    images = [{"id": 1, "file_name": "a.jpg", "width": size[0], "height": size[1]}]
    summary = run(tmp_path, orjson.dumps(document(images=images)), size="annotation")
    assert summary.exit_code == 3
    assert summary.tally.masks == 0


@pytest.mark.parametrize("size", [(0, 0), (-1, -1), (0, 30), ("0", "0")])
def test_sizes_of_nothing_leave_the_word_to_the_image(tmp_path: Path, size: tuple[Any, Any]) -> None:
    images = [{"id": 1, "file_name": "a.jpg", "width": size[0], "height": size[1]}]
    summary = run(tmp_path, orjson.dumps(document(images=images)))
    assert summary.exit_code == 0
    assert summary.tally.findings == {"record-size-none": 1}
    mask = np.array(Image.open(tmp_path / "out" / "masks" / "a.png"))
    assert mask.shape == (30, 40)
    assert (mask == 1).sum() == 11 * 11
    alone = run(tmp_path, orjson.dumps(document(images=images)), size="annotation", overwrite=True)
    assert alone.exit_code == 3
    assert alone.tally.findings == {"record-size-none": 1, "image-size-unknown": 1}
    assert not (tmp_path / "out" / "masks" / "a.png").exists()


def test_two_images_never_share_a_mask(tmp_path: Path) -> None:
    names = ["x/a.jpg", "x/a.png", "y/a.jpg", "b.jpg"]
    export = coco_data.write(tmp_path, names)
    summary = gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=1, chunk_size=1)
    assert summary.tally.findings["key-collision"] == 2
    masks = tmp_path / "out" / "masks"
    found = {str(path.relative_to(masks)) for path in masks.rglob("*.png")}
    assert found == {"x/a.jpg.png", "x/a.png.png", "y/a.png", "b.png"}
    document = orjson.loads(export.read_bytes())
    for image in document["images"]:
        keep = image["file_name"].startswith("x/")
        name = image["file_name"] + ".png" if keep else str(Path(image["file_name"]).with_suffix(".png"))
        np.testing.assert_array_equal(np.array(Image.open(masks / name)), coco_data.paint(document, image))


def test_an_image_listed_twice_is_told(tmp_path: Path) -> None:
    images = [{"id": n, "file_name": "a.jpg", "width": 40, "height": 30} for n in (1, 2)]
    summary = run(tmp_path, orjson.dumps(document(images=images)), chunk_size=1)
    assert summary.tally.findings["image-duplicate"] == 1
    assert (summary.tally.masks, summary.tally.rejects) == (1, 1)
    assert np.array(Image.open(tmp_path / "out" / "masks" / "a.png")).any(), "the first record counts"


ODD_NAMES = [
    ("../../evil.jpg", "evil.jpg"),
    ("/absolute/path/a.jpg", "absolute/path/a.jpg"),
    ("C:\\labels\\new\\a.jpg", "labels/new/a.jpg"),
    ("sub\\folder\\a.jpg", "sub/folder/a.jpg"),
    ("with blank.jpg", "with blank.jpg"),
    ("a#b.jpg", "a#b.jpg"),
    ("50%25.jpg", "50%25.jpg"),
    ("a+b.jpg", "a+b.jpg"),
    ("Straße/日本.jpg", "Straße/日本.jpg"),
    ("a/../b/./c.jpg", "b/c.jpg"),
    ("two.dots.jpg", "two.dots.jpg"),
]


@pytest.mark.parametrize(("name", "key"), ODD_NAMES, ids=[name for name, _ in ODD_NAMES])
def test_odd_names_find_their_image_and_stay_below_the_prefix(tmp_path: Path, name: str, key: str) -> None:
    images = [{"id": 1, "file_name": name, "width": 40, "height": 30}]
    summary = run(tmp_path, orjson.dumps(document(images=images)), {key: coco_data.jpeg(40, 30)})
    assert summary.exit_code == 0, summary.tally.examples
    mask = tmp_path / "out" / "masks" / (key.removesuffix(".jpg") + ".png")
    assert mask.is_file()
    line = orjson.loads((tmp_path / "out" / "labeling-qa.manifest").read_bytes())
    assert line["labeling-qa-ref"] == str(mask)
    assert line["source-ref"] == str(tmp_path / "images" / key)
    outside = [path for path in tmp_path.rglob("*.png") if tmp_path / "out" / "masks" not in path.parents]
    assert not outside


def test_strict_stops_with_a_sentence(tmp_path: Path) -> None:
    annotations = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 2, 2]]}]
    with pytest.raises(errors.StrictError, match="shape-few-points"):
        run(tmp_path, orjson.dumps(document(annotations=annotations)), strict=True)


def test_strict_stops_at_a_record_that_can_be_no_mask(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 40, "height": 30} for i in (1, 2)]
    with pytest.raises(errors.StrictError, match="image-missing"):
        run(tmp_path, orjson.dumps(document(images=images)), {"2.jpg": coco_data.jpeg(40, 30)}, strict=True)
    assert not list((tmp_path / "out").rglob("*.jsonl"))


def test_wrong_images_folder_stops_before_rejecting_everything(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(25)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.UsageError, match="None of the first 20 images"):
        gtmask.convert(export, tmp_path / "out", images=tmp_path / "empty", workers=1)
    assert not (tmp_path / "out").exists()


def test_output_inside_the_export_or_among_the_images_is_refused(tmp_path: Path) -> None:
    path = prepare(tmp_path, orjson.dumps(document()))
    with pytest.raises(errors.UsageError, match="inside the export"):
        gtmask.convert(tmp_path, tmp_path / "out", images=tmp_path / "images")
    (tmp_path / "here" / "masks").mkdir(parents=True)
    with pytest.raises(errors.UsageError, match="is above the images"):
        gtmask.convert(path, tmp_path / "here", images=tmp_path / "here" / "masks")


def test_foreign_masks_are_not_overwritten(tmp_path: Path) -> None:
    foreign = tmp_path / "out" / "masks" / "a.png"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"somebody's")
    with pytest.raises(errors.UsageError, match="no gtmask run wrote"):
        run(tmp_path, orjson.dumps(document()))
    assert run(tmp_path, orjson.dumps(document()), dry_run=True).exit_code == 0
    assert foreign.read_bytes() == b"somebody's"


def test_image_formats_by_content_not_by_name(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "PNG")
    assert run(tmp_path, orjson.dumps(document()), {"a.jpg": buffer.getvalue()}).exit_code == 0


def test_image_formats_that_ground_truth_does_not_show_are_told(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.webp", "width": 40, "height": 30}]
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "WEBP")
    summary = run(tmp_path, orjson.dumps(document(images=images)), {"a.webp": buffer.getvalue()})
    assert summary.tally.findings == {"image-format": 1}
    assert summary.exit_code == 0


@pytest.mark.parametrize(
    ("x", "y", "value", "code"),
    [(0, 0, 1, ""), (38, 28, 1, ""), (-1, 0, 1, "mask-cut"), (40, 0, 1, "shape-outside"),
     (0, 30, 1, "shape-outside"), (-2, 0, 1, "shape-outside"),
     (0, 0, 0, "shape-no-geometry")],
)  # fmt: skip
def test_bitmaps_that_leave_no_pixel_are_told(tmp_path: Path, x: int, y: int, value: int, code: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((2, 2), value, np.uint8)).save(buffer, "PNG")
    points = [[x, y], [x + 1, y + 1]]
    picture = base64.b64encode(buffer.getvalue()).decode()
    shapes = [{"label": "x", "shape_type": "mask", "points": points, "mask": picture}]
    export = {"version": "5", "imagePath": "a.jpg", "imageWidth": 40, "imageHeight": 30, "shapes": shapes}
    summary = run(tmp_path, orjson.dumps(export))
    assert summary.tally.findings == ({code: 1} if code else {})
    assert np.array(Image.open(tmp_path / "out" / "masks" / "a.png")).any() != (code not in {"", "mask-cut"})


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [(-11, 5, True), (-10, 5, False), (-10.4, 5, False), (39, 5, False), (39.4, 5, False), (40, 5, True),
     (5, -11, True), (5, 30, True), (5, 29, False)],
)  # fmt: skip
def test_shapes_outside_are_told_exactly_where_they_leave_no_pixel(
    tmp_path: Path, x: float, y: float, told: bool
) -> None:
    annotations = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [square(x, y)]}]
    summary = run(tmp_path, orjson.dumps(document(annotations=annotations)))
    # The square is 10 pixels wide and the image 40: what is not gone reaches more than a tenth beyond it.
    assert summary.tally.findings == {"shape-outside" if told else "shape-cut": 1}
    assert np.array(Image.open(tmp_path / "out" / "masks" / "a.png")).any() != told


def test_output_that_is_a_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"somebody's")
    with pytest.raises(errors.UsageError, match="is a file"):
        run(tmp_path, orjson.dumps(document()))
    assert (tmp_path / "out").read_bytes() == b"somebody's"


def test_a_named_pipe_in_place_of_an_image_is_a_reject(tmp_path: Path) -> None:
    """Nobody writes to it: whoever opened it would wait for ever."""
    path = prepare(
        tmp_path, orjson.dumps(coco_data.make_document(["a.jpg", "b.jpg"])), {"b.jpg": coco_data.jpeg(60, 40)}
    )
    os.mkfifo(tmp_path / "images" / "a.jpg")
    os.mkfifo(tmp_path / "pipe.json")
    done = subprocess.run(
        [sys.executable, "-m", "gtmask", "convert", str(path), "--out", str(tmp_path / "out"), "--images",
         str(tmp_path / "images"), "--workers", "1", "--json"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert orjson.loads(done.stdout)["findings"]["image-missing"] == 1
    with pytest.raises(errors.ExportError, match="neither a file nor a folder"):
        gtmask.convert(tmp_path / "pipe.json", tmp_path / "other")


def test_a_header_may_claim_any_size(tmp_path: Path) -> None:
    """57 bytes of PNG with 30,000 x 30,000 in its header; what is too large is said by the option."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b""))
    )
    names = [f"{number}.png" for number in range(3)]
    images = dict.fromkeys(names, b"\x89PNG\r\n\x1a\n" + chunks)
    summary = run(tmp_path, orjson.dumps(coco_data.make_document(names)), images, size="header")
    assert summary.tally.findings["image-too-large"] == 3
    assert "--max-pixels 100,000,000" in summary.tally.examples["image-too-large"][0]
    small = run(tmp_path, orjson.dumps(document()), max_pixels=40 * 30 - 1, overwrite=True)
    assert small.tally.findings["image-too-large"] == 1
    assert run(tmp_path, orjson.dumps(document()), max_pixels=40 * 30, overwrite=True).tally.rejects == 0


def test_signatures_of_urls_stay_out_of_what_a_run_leaves_behind(tmp_path: Path) -> None:
    secret = "0f3a9c"
    names = [
        f"https://b.s3.amazonaws.com/a.jpg?X-Amz-Credential=AK&X-Amz-Signature={secret}",
        f"https://h.blob.core.windows.net/c/b.jpg?sv=2022&sig={secret}",
        f"https://storage.googleapis.com/b/c.jpg?GoogleAccessId=x&Signature={secret}&Expires=1",
        f"https://h/d.jpg?token={secret}",
        "https://h/e.jpg",
    ]
    path = prepare(tmp_path, orjson.dumps(coco_data.make_document(names)), {"e.jpg": coco_data.jpeg(60, 40)})
    images = tmp_path / "images"
    done = command("convert", path, "--out", tmp_path / "out", "--images", images, "--workers", 1)
    assert done.returncode == 3
    left = {
        str(p): p.read_text() for p in (tmp_path / "out").rglob("*.*") if p.suffix != ".png" and p.is_file()
    }
    assert "a.jpg?\N{HORIZONTAL ELLIPSIS}" in left[str(tmp_path / "out" / "rejects.jsonl")]
    assert not [name for name, text in left.items() if secret in text]
    assert secret not in done.stdout + done.stderr


def test_classes_without_pixels_and_a_map_that_fits_nothing_are_seen(tmp_path: Path) -> None:
    """They are the first sign of a wrong class map, and scripts look at exit codes."""
    categories = [{"id": 1, "name": "x"}, {"id": 2, "name": "never"}]
    data = orjson.dumps(document(categories=categories))
    summary = run(tmp_path, data)
    assert (summary.exit_code, summary.to_json()["pixels"]["2"]) == (0, 0)
    classes = tmp_path / "classes.toml"
    classes.write_text('[[class]]\nid = 1\nname = "other"\ncolor = "#ff0000"\n')
    wrong = run(tmp_path, data, classes=classes, overwrite=True)
    assert (wrong.exit_code, wrong.tally.rejects) == (3, 0)
    unread = gtmask.convert(tmp_path / "export.json", tmp_path / "unread", workers=1)
    assert [finding.code for finding in unread.findings] == ["images-unread"]
    trusted = gtmask.convert(tmp_path / "export.json", tmp_path / "trusted", workers=1, size="annotation")
    assert ([finding.code for finding in trusted.findings], trusted.exit_code) == (["sizes-trusted"], 0)
    assert unread.exit_code == 3
    asked = gtmask.convert(tmp_path / "export.json", tmp_path / "asked", workers=1, size="annotation")
    assert asked.exit_code == 0


def test_labels_that_differ_in_blanks_are_one_class_and_told(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "x"}, {"id": 2, "name": "x "}]
    first = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [square()]}
    annotations = [first, {**first, "id": 2, "category_id": 2, "segmentation": [square(20, 2)]}]
    summary = run(tmp_path, orjson.dumps(document(categories=categories, annotations=annotations)))
    assert [entry.name for entry in summary.classes.classes] == ["x"]
    assert [(item.code, item.detail) for item in summary.findings] == [("label-duplicate", "x: 'x', 'x '")]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["Car", "car"], ["Car (class 1), car (class 2)"]),
        (["cafe\u0301", "caf\u00e9"], ["cafe\u0301 (class 1), caf\u00e9 (class 2)"]),
        (["car", "car\u200b"], ["car (class 1), car\\u200b (class 2)"]),
        (["car", "cars"], []),
    ],
)
def test_labels_that_look_alike_stay_two_classes_and_are_told(
    tmp_path: Path, names: list[str], told: list[str]
) -> None:
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    first = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [square()]}
    annotations = [first, {**first, "id": 2, "category_id": 2, "segmentation": [square(20, 2)]}]
    data = orjson.dumps(document(categories=categories, annotations=annotations))
    summary = run(tmp_path, data)
    assert [entry.name for entry in summary.classes.classes] == names
    assert [(item.code, item.detail) for item in summary.findings] == [("label-alike", item) for item in told]
    if told:
        with pytest.raises(errors.StrictError, match="label-alike"):
            run(tmp_path, data, strict=True, overwrite=True)
    classes = tmp_path / "classes.toml"
    classes.write_text(gtmask.format_class_map(summary.classes), "utf-8")
    assert run(tmp_path, data, classes=classes, overwrite=True).findings == []


def test_a_class_map_that_meets_only_shapes_without_a_label_says_so(tmp_path: Path) -> None:
    classes = tmp_path / "classes.toml"
    classes.write_text('[[class]]\nid = 1\nname = "x"\n')
    shapes = [{"label": "", "points": [[2, 2], [9, 2], [9, 9]], "shape_type": "polygon"}]
    export = {"version": "5", "imagePath": "a.jpg", "imageWidth": 40, "imageHeight": 30, "shapes": shapes}
    summary = run(tmp_path, orjson.dumps(export), classes=classes)
    assert summary.exit_code == 3
    told = "The class map has x, and the export has only shapes without a label: all masks are background"
    assert [item.detail for item in summary.findings if item.code == "classes-foreign"] == [told]


def test_an_export_of_which_nothing_was_read_is_no_success(tmp_path: Path) -> None:
    text = '<annotations><version>1.1</version><meta/><task><image name="a.jpg"/></task></annotations>'
    classes = tmp_path / "classes.toml"
    classes.write_text('[[class]]\nid = 1\nname = "x"\n')
    summary = run(tmp_path, text.encode(), classes=classes)
    assert [item.code for item in summary.findings] == ["annotation-bad"]
    assert (summary.tally.records, summary.exit_code) == (0, 3)
