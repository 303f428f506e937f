"""Wrong turns are told early, in a sentence that names what works."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from PIL import Image

import gtmask
from gtmask.errors import ClassesLostError, GtmaskError, UsageError
from gtmask.images.probe import probe
from gtmask.loops import run_async
from gtmask.storage import open_storage
from tests.support import coco_data

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def refused(call: Callable[[], object], kind: type[GtmaskError] = UsageError) -> str:
    with pytest.raises(kind) as told:
        call()
    return str(told.value)


@pytest.mark.parametrize("count", [1, 3, 30])
@pytest.mark.parametrize("given", [".", "empty"])
def test_a_wrong_folder_of_images_is_refused_with_the_right_one(
    tmp_path: Path, count: int, given: str
) -> None:
    """Whatever is advised is tried, too."""
    names = [f"a{number}.jpg" for number in range(count)]
    (tmp_path / "set" / "empty").mkdir(parents=True)
    export = coco_data.write(tmp_path / "set", names)
    wrong, right = tmp_path / "set" / given, tmp_path / "set" / "images"

    def convert(images: Path, **more: Any) -> Any:
        return gtmask.convert(export, tmp_path / "out", images=images, workers=1, **more)

    first = orjson.loads(export.read_bytes())["images"][0]["file_name"]
    told, where = f"None of the first {min(count, 20)} images is in {wrong}, such as {first}", "they are"
    if count == 1:
        told, where = f"The image {first} is not in {wrong}", "it is"
    assert refused(lambda: convert(wrong)) == (
        f"{told}: give --images {right}, where {where}, or take the sizes from the export with --size "
        "annotation."
    )
    assert not (tmp_path / "out").exists()
    assert convert(right).exit_code == 0
    assert convert(wrong, size="annotation", overwrite=True).exit_code == 0


def test_sizes_that_the_export_lacks_are_not_advised(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    (tmp_path / "labels" / "classes.txt").write_text("car\n")
    (tmp_path / "empty").mkdir()
    told = refused(
        lambda: gtmask.convert(
            tmp_path / "labels", tmp_path / "out", images=tmp_path / "empty", format="yolo", workers=1
        )
    )
    assert told.endswith(f" is not in {tmp_path / 'empty'}: check --images.")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_would_be_refused_is_not_advised(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    export = coco_data.write(tmp_path / "set", ["a.jpg", "b.jpg"])
    (tmp_path / "empty").mkdir()
    # The output lies in the folder with the images: to name it would be refused.
    out = tmp_path / "set" / "images" / "out"
    told = refused(lambda: gtmask.convert(export, out, images=tmp_path / "empty", workers=1))
    assert f"is in {tmp_path / 'empty'}, such as" in told
    assert f"--images {tmp_path / 'set' / 'images'}" not in told
    assert told.endswith(": check --images, or take the sizes from the export with --size annotation.")


# --- damaged exports -----------------------------------------------------------------------------------


def damaged(tmp_path: Path, *, names_first: bool) -> Path:
    document = orjson.loads(coco_data.write(tmp_path, ["a.jpg", "b.jpg"]).read_bytes())
    order = (
        ["categories", "images", "annotations"] if names_first else ["images", "annotations", "categories"]
    )
    data = orjson.dumps({key: document[key] for key in order})
    path = tmp_path / "cut.json"
    path.write_bytes(data[: data.rindex(b'"image_id"')])
    return path


def test_keep_going_ends_with_3(tmp_path: Path) -> None:
    export = damaged(tmp_path, names_first=True)
    done = gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", keep_going=True, workers=1)
    assert done.exit_code == 3
    assert [entry.name for entry in done.classes.classes] == ["Car", "Road", "Person"]


def test_keep_going_invents_no_class_names(tmp_path: Path) -> None:
    export = damaged(tmp_path, names_first=False)
    sentence = (
        f"The names of the classes of {export} stand behind its damage: export it again, or give a class map "
        "with --classes whose labels are the ids of the classes."
    )

    def convert(**more: Any) -> Any:
        return gtmask.convert(
            export, tmp_path / "out", images=tmp_path / "images", keep_going=True, workers=1, **more
        )

    assert refused(convert, ClassesLostError) == sentence
    reading = gtmask.ReadOptions(keep_going=True)
    assert refused(lambda: gtmask.classes(export, options=reading, workers=1), ClassesLostError) == sentence
    assert ClassesLostError.exit_code == 3
    assert not (tmp_path / "out").exists()
    classes = gtmask.class_map_from_labels(["7", "3", "90"])
    assert convert(classes=classes).exit_code == 3, "who names the ids gets masks"


def test_classes_of_a_wrong_format_are_refused(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg"])
    assert refused(lambda: gtmask.classes(export, tmp_path / "map.toml", format="labelme", workers=1)) == (
        f"{export} read as --format labelme, which may be the wrong one, names no label that could become a "
        "class: look at it with `gtmask inspect`."
    )
    assert not (tmp_path / "map.toml").exists()


# --- choices -------------------------------------------------------------------------------------------


def test_choices_are_taken_in_any_case() -> None:
    settings = gtmask.Settings(
        png="PALETTE", fill="OpenCV", size="Header", orientation="Display", overlap="AREA", crowd="Ignore",
        png_encoder="PyPNG", human_annotated="No", void="KEEP",
    )  # fmt: skip
    assert settings == gtmask.Settings(
        png="palette", fill="opencv", size="header", orientation="display", overlap="area", crowd="ignore",
        png_encoder="pypng", human_annotated="no", void="keep",
    )  # fmt: skip
    assert gtmask.S3Settings(client="AIOBOTO3", sse="AWS:KMS") == gtmask.S3Settings(sse="aws:kms")
    assert gtmask.ExecutionOptions(executor="LOCAL") == gtmask.ExecutionOptions()
    assert gtmask.ReadOptions(void="Background") == gtmask.ReadOptions()
    assert gtmask.AnswerOptions(unreviewed="KEEP", coco="RLE").coco == "rle"
    assert gtmask.ReadOptions(void="Sky").void == "Sky", "what is a name stays as it is"
    assert refused(lambda: gtmask.Settings(png="grey")) == "--png 'grey' is none of gray, palette."


# --- who annotated -------------------------------------------------------------------------------------


def human(summary: Any) -> list[str]:
    lines = [orjson.loads(line) for line in open(summary.manifest, "rb")]  # noqa: PTH123, SIM115
    return [line["labeling-qa-ref-metadata"]["human-annotated"] for line in lines]


def test_results_are_not_human_annotated_unless_told_otherwise(tmp_path: Path) -> None:
    made = coco_data.write(tmp_path, ["1.jpg", "2.jpg"])
    square = [[1, 1, 9, 1, 9, 9, 1, 9]]
    results = tmp_path / "results.json"
    results.write_bytes(
        orjson.dumps([
            {"image_id": i, "category_id": 1, "segmentation": square, "score": 0.5} for i in (1, 2)
        ])
    )  # fmt: skip

    def convert(export: Path, out: str, **more: Any) -> list[str]:
        return human(gtmask.convert(export, tmp_path / out, images=tmp_path / "images", workers=1, **more))

    assert convert(results, "a") == ["no", "no"]
    assert convert(results, "b", human_annotated="yes") == ["yes", "yes"]
    assert convert(made, "c") == ["yes", "yes"]
    assert convert(made, "d", human_annotated="no") == ["no", "no"]


def test_predictions_are_told_image_by_image(tmp_path: Path) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    Image.new("RGB", (100, 100)).save(tmp_path / "b.png")
    region = {
        "type": "polygonlabels", "from_name": "label", "to_name": "image", "original_width": 100,
        "original_height": 100, "value": {"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["car"]},
    }  # fmt: skip
    tasks = [
        {"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": [region]}]},
        {
            "id": 2,
            "data": {"image": "b.png"},
            "annotations": [],
            "predictions": [{"id": 2, "result": [region]}],
        },
    ]
    (tmp_path / "export.json").write_bytes(orjson.dumps(tasks))
    done = gtmask.convert(tmp_path / "export.json", tmp_path / "out", include_predictions=True, workers=1)
    assert human(done) == ["yes", "no"]


def test_ready_made_masks_say_yes_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "set" / "masks").mkdir(parents=True)
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "set" / "masks" / "a.png")
    (tmp_path / "set" / "classes.txt").write_text("background\ncar\n")
    for told, expected in (("auto", "yes"), ("no", "no")):
        done = gtmask.convert(tmp_path / "set", tmp_path / told, human_annotated=told, workers=1)
        assert human(done) == [expected]


# --- what browsers cannot show --------------------------------------------------------------------------


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6)).save(buffer, "JPEG")
    return buffer.getvalue()


def deep() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((6, 8), 1000, np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


def picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (8, 6)).save(buffer, kind, **options)
    return buffer.getvalue()


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 6), (50 * number, 0, 0)) for number in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code", "detail"),
    [
        (deep(), "source-depth", "16 bits a sample"),
        (picture("TIFF"), "source-format", "the file is TIFF"),
        (picture("WEBP"), "source-format", "the file is WEBP"),
        (picture("BMP"), "source-format", "the file is BMP"),
        (picture("JPEG2000"), "source-format", "the file is JPEG2000"),
        (animated("GIF"), "source-format", "the file is GIF"),
        (animated("WEBP"), "source-format", "the file is WEBP"),
        (picture("JPEG", "CMYK"), "", ""),
        (picture("JPEG", progressive=True), "", ""),
        (picture("PNG"), "", ""),
        (jpeg().replace(b"\xff\xc0", b"\xff\xc9", 1), "source-coding", "arithmetic JPEG"),
        (jpeg().replace(b"\xff\xc0", b"\xff\xc3", 1), "source-coding", "lossless JPEG"),
        (jpeg(), "", ""),
    ],
)
def test_images_that_no_browser_shows_are_findings(
    tmp_path: Path, data: bytes, code: str, detail: str
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(data)
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 4]]}],
        "categories": [{"id": 1, "name": "car"}],
    }
    (tmp_path / "export.json").write_bytes(orjson.dumps(document))
    done = gtmask.convert(tmp_path / "export.json", tmp_path / "out", images=tmp_path / "images", workers=1)
    rules = {rule.code: rule for rule in gtmask.validate(done.manifest, workers=1).rules}
    assert not code or rules[code].examples[0].detail == detail
    assert code or not {"source-depth", "source-format", "source-coding"} & rules.keys()


def test_a_probe_of_usual_images_has_8_bits(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())

    async def look() -> Any:
        async with open_storage(str(tmp_path)) as storage:
            return await probe(storage, "a.jpg")

    info = run_async(look())
    assert (info.bits, info.coding) == (8, "")
