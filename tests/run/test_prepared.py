"""Conversions of prepared images: the masks of the plain ones, turned and cut as the images were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import gtmask
from gtmask import PrepareOptions
from gtmask.errors import RunConflictError, StrictError, UsageError
from gtmask.preparing.tiles import upright
from tests.preparing.pictures import save

DATE = "2024-01-01T00:00:00.000000"
SIZES = {"a.jpg": (53, 37), "b.tif": (64, 48), "sub/c.png": (53, 37), "d.webp": (30, 40), "e.png": (20, 10)}
ORIENTATIONS = {"a.jpg": 6, "b.tif": 1, "sub/c.png": 3, "d.webp": 7, "e.png": 1}
CUT = PrepareOptions(tile="20x16", split_pixels=1000, chunk_size=2)


def polygons(width: int, height: int, seed: int) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return [(rng.random((4, 2)) * (width, height)).round(2).reshape(-1).tolist() for _ in range(3)]


def write_export(path: Path, names: list[str], turned: bool = False) -> Path:
    """Write COCO of these images, in the grid that files store or in the one that viewers show."""
    images, annotations = [], []
    for number, name in enumerate(names, 1):
        width, height = SIZES[name]
        if turned and ORIENTATIONS[name] >= 5:
            width, height = height, width
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for label, ring in enumerate(polygons(width, height, number), 1):
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": label, "segmentation": [ring],
                "iscrowd": 0, "area": 1,
            })  # fmt: skip
    categories = [{"id": label, "name": f"c{label}"} for label in (1, 2, 3)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name, (width, height) in SIZES.items():
        how: dict[str, Any] = {"lossless": True} if name.endswith("webp") else {}
        rng = np.random.default_rng(0)
        save(
            tmp_path / "images" / name,
            rng.integers(0, 256, (height, width, 3), np.uint8),
            ORIENTATIONS[name],
            **how,
        )
    return tmp_path / "images"


def convert(export: Path, out: Path, images: Path | str, **options: Any) -> gtmask.Summary:
    return gtmask.convert(export, out, images=images, creation_date=DATE, workers=1, **options)


def masks_in(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in (out / "masks").rglob("*.png")}


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "labeling-qa.manifest").read_text().splitlines()]


def mask_of(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def together(out: Path, prepared: Path, source: str) -> np.ndarray:
    """Put the masks of an image's tiles together, found by the manifest's lines."""
    row = next(
        row for row in map(json.loads, (prepared / "prepared.jsonl").open()) if row["source"] == source
    )
    by_image = {line["source-ref"]: line["labeling-qa-ref"] for line in lines(out)}
    shape = (row["width"], row["height"]) if row["orientation"] >= 5 else (row["height"], row["width"])
    whole = np.full(shape, 255, np.uint8)
    for piece in row["images"]:
        path = prepared / piece["key"]
        mask = mask_of(by_image[str(path)])
        assert mask.shape == mask_of(path).shape[:2]
        whole[piece["y"] : piece["y"] + piece["height"], piece["x"] : piece["x"] + piece["width"]] = mask
    return whole


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("options", [PrepareOptions(), CUT], ids=["whole", "tiles"])
def test_masks_are_those_of_the_plain_images(
    images: Path, tmp_path: Path, options: PrepareOptions, turned: bool
) -> None:
    export = write_export(tmp_path / "export.json", list(SIZES), turned)
    convert(export, tmp_path / "plain", images)
    gtmask.prepare(images, tmp_path / "new", options=options, workers=1)
    summary = convert(export, tmp_path / "out", tmp_path / "new")
    assert [item.code for item in summary.findings] == ["prepared-assumed"]
    assert summary.tally.rejects == 0
    for name in SIZES:
        plain = mask_of(tmp_path / "plain" / "masks" / Path(name).with_suffix(".png"))
        assert len(np.unique(plain)) > 1
        assert np.array_equal(
            together(tmp_path / "out", tmp_path / "new", name), upright(plain, ORIENTATIONS[name])
        )
    assert summary.tally.masks == len(lines(tmp_path / "out")) == len(masks_in(tmp_path / "out"))
    assert summary.exit_code == 0
    report = gtmask.validate(tmp_path / "out" / "labeling-qa.manifest", level="deep")
    assert report.exit_code == 0, report.to_json()


def test_images_that_were_left_are_referred_to_where_they_are(images: Path, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export.json", list(SIZES))
    gtmask.prepare(images, tmp_path / "new", options=PrepareOptions(changed_only=True), workers=1)
    convert(export, tmp_path / "out", tmp_path / "new")
    found = [line["source-ref"] for line in lines(tmp_path / "out")]
    assert found == [
        *(str(tmp_path / "new" / name) for name in ("a.jpg", "b.png", "sub/c.png", "d.png")),
        str(images / "e.png"),
    ]
    convert(export, tmp_path / "s3", tmp_path / "new", image_uri="s3://data/all")
    assert lines(tmp_path / "s3")[-1]["source-ref"] == "s3://data/all/e.png"


def test_the_table_may_lie_elsewhere(images: Path, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export.json", list(SIZES))
    gtmask.prepare(images, tmp_path / "new", options=CUT, workers=1)
    convert(export, tmp_path / "one", tmp_path / "new")
    convert(export, tmp_path / "two", None, prepared=tmp_path / "new" / "prepared.jsonl")
    shutil.move(tmp_path / "new" / "prepared.jsonl", tmp_path / "table.jsonl")
    convert(export, tmp_path / "three", tmp_path / "new", prepared=tmp_path / "table.jsonl")
    assert lines(tmp_path / "one") == [
        json.loads(json.dumps(line).replace("/two/", "/one/")) for line in lines(tmp_path / "two")
    ]
    assert len(lines(tmp_path / "three")) == len(lines(tmp_path / "one"))
    with pytest.raises(UsageError, match=r"has no a\.jpg.*, which .* names: give the folder of the prepared"):
        convert(export, tmp_path / "four", images, prepared=tmp_path / "table.jsonl")


def test_a_table_that_was_found_is_a_guess_and_can_be_left_out(images: Path, tmp_path: Path) -> None:
    """Who labels the new images has an export in their grid, whatever the table says."""
    names = ["a.jpg", "sub/c.png", "e.png"]
    export = write_export(tmp_path / "export.json", names, turned=True)
    gtmask.prepare(images, tmp_path / "new", workers=1)
    table = tmp_path / "new" / "prepared.jsonl"
    with pytest.raises(StrictError, match="prepared-assumed"):
        convert(export, tmp_path / "strict", tmp_path / "new", strict=True)
    said = convert(export, tmp_path / "said", tmp_path / "new", prepared=table)
    assert [item.code for item in said.findings] == ["images-prepared"]
    plain = convert(export, tmp_path / "plain", tmp_path / "new", prepared="none")
    assert plain.findings == []
    turned = mask_of(tmp_path / "said" / "masks" / "sub" / "c.png")
    assert np.array_equal(mask_of(tmp_path / "plain" / "masks" / "sub" / "c.png"), turned[::-1, ::-1])


def test_images_that_are_not_prepared_yet_are_refused(images: Path, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export.json", list(SIZES))
    gtmask.prepare(images, tmp_path / "new", workers=1)
    table = tmp_path / "new" / "prepared.jsonl"
    good = table.read_bytes()
    table.unlink()
    with pytest.raises(UsageError, match="not prepared yet: run the same gtmask prepare again first"):
        convert(export, tmp_path / "out", tmp_path / "new")
    for bad, told in (
        (good.replace(b'"x":0', b'"x":9', 1), "do not lie within"),
        (good[:-1], "cut off"),
        (good + good, "twice, or out of order"),
        (good.replace(b'"orientation":6', b'"orientation":9'), "do not lie within"),
        (b"{}\n", "is no line of this table"),
    ):
        table.write_bytes(bad)
        with pytest.raises(UsageError, match=told):
            convert(export, tmp_path / "out", tmp_path / "new")
    table.write_bytes(good)
    with pytest.raises(UsageError, match="--size annotation reads no image"):
        convert(export, tmp_path / "out", tmp_path / "new", size="annotation")
    with pytest.raises(UsageError, match=r"--prepared .*nowhere\.jsonl cannot be read"):
        convert(export, tmp_path / "out", tmp_path / "new", prepared=tmp_path / "nowhere.jsonl")
    (tmp_path / "new" / "x").mkdir()
    summary = convert(write_export(tmp_path / "more.json", list(SIZES)), tmp_path / "out", tmp_path / "new")
    assert summary.tally.masks == len(SIZES)


def test_an_image_that_the_table_does_not_know_is_rejected(images: Path, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export.json", list(SIZES))
    shutil.move(images / "e.png", tmp_path / "e.png")
    gtmask.prepare(images, tmp_path / "new", workers=1)
    summary = convert(export, tmp_path / "out", tmp_path / "new")
    assert (summary.tally.masks, summary.tally.rejects) == (4, 1)
    assert summary.tally.findings["image-missing"] == 1


def test_copies_that_are_not_those_of_the_table_are_rejected(images: Path, tmp_path: Path) -> None:
    """A table of another folder gives masks that do not fit, and so do images that changed since."""
    export = write_export(tmp_path / "export.json", list(SIZES))
    new = tmp_path / "new"
    gtmask.prepare(images, new, options=PrepareOptions(changed_only=True), workers=1)
    (new / "d.png").unlink()
    save(new / "b.png", np.zeros((48, 65, 3), np.uint8))
    save(new / "sub" / "c.png", np.zeros((37, 53, 3), np.uint8), 3)
    save(images / "e.png", np.zeros((11, 20, 3), np.uint8))
    summary = convert(export, tmp_path / "out", new)
    assert summary.exit_code == 3
    assert dict(summary.tally.findings)["prepared-differs"] == 4
    assert [Path(line["source-ref"]).name for line in lines(tmp_path / "out")] == ["a.jpg"]
    told = (tmp_path / "out" / "rejects.jsonl").read_text()
    for words in ("d.png is not there", "b.png has 65x48 pixels, the table tells 64x48",
                  "sub/c.png has 53x37 pixels and EXIF orientation 3, the table tells 53x37",
                  "e.png has 20x11 pixels, the table tells 20x10"):  # fmt: skip
        assert words in told
    # Where references lead elsewhere, copies need not be here: those that are must fit all the same.
    away = convert(export, tmp_path / "away", new, image_uri="s3://data/new")
    assert dict(away.tally.findings)["prepared-differs"] == 3


def test_ready_made_masks_find_tiffs_by_the_table(tmp_path: Path) -> None:
    """A mask is a PNG, so its name does not tell that the image is none."""
    pixels = np.zeros((30, 40), np.uint8)
    pixels[3:12, 5:30] = 1
    for name, orientation in (("a.tif", 6), ("b.webp", 1), ("c.jpg", 5)):
        how: dict[str, Any] = {"lossless": True} if name.endswith("webp") else {}
        save(tmp_path / "images" / name, np.dstack([pixels * 255] * 3), orientation, **how)
        save(tmp_path / "masks" / f"{name[0]}.png", pixels)
    new = tmp_path / "new"
    gtmask.prepare(tmp_path / "images", new, options=CUT, workers=1)
    summary = convert(
        tmp_path / "masks", tmp_path / "out", new, format="masks", prepared=new / "prepared.jsonl"
    )
    assert summary.exit_code == 0
    assert len(lines(tmp_path / "out")) == 6 + 4 + 6
    for line in lines(tmp_path / "out"):
        image = np.asarray(Image.open(line["source-ref"]).convert("L"))
        assert np.array_equal(image > 127, mask_of(line["labeling-qa-ref"]) > 0), line


def test_tiles_that_are_gone_reject_their_image(images: Path, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export.json", ["b.tif", "e.png"])
    gtmask.prepare(images, tmp_path / "new", options=CUT, workers=1)
    next((tmp_path / "new" / "b.tif.tiles").iterdir()).unlink()
    summary = convert(export, tmp_path / "out", tmp_path / "new")
    assert summary.tally.findings["prepared-differs"] == 1
    assert [Path(line["source-ref"]).name for line in lines(tmp_path / "out")] == ["e.png"]


def test_another_table_is_another_run_and_an_update_takes_it(images: Path, tmp_path: Path) -> None:
    names = list(SIZES)
    export = write_export(tmp_path / "export.json", names)
    gtmask.prepare(images, tmp_path / "new", options=CUT, workers=1)
    convert(export, tmp_path / "out", tmp_path / "new", chunk_size=2)
    again = convert(export, tmp_path / "out", tmp_path / "new", chunk_size=2, update=True)
    assert again.tally.masks == len(lines(tmp_path / "out"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "masks").rglob("*.png")}
    save(images / "b.tif", np.zeros((40, 70, 3), np.uint8))
    gtmask.prepare(images, tmp_path / "new", options=CUT, workers=1)
    with pytest.raises(RunConflictError, match=r"the table of prepared images\. Convert what .* --update"):
        convert(export, tmp_path / "out", tmp_path / "new", chunk_size=2)
    dry = convert(export, tmp_path / "out", tmp_path / "new", chunk_size=2, update=True, dry_run=True)
    assert dry.tally.masks > 0
    write_export(tmp_path / "export.json", names)
    summary = convert(export, tmp_path / "out", tmp_path / "new", chunk_size=2, update=True, prune=True)
    convert(export, tmp_path / "fresh", tmp_path / "new", chunk_size=2)
    fresh, updated = masks_in(tmp_path / "fresh"), masks_in(tmp_path / "out")
    assert updated == fresh
    text = (tmp_path / "fresh" / "labeling-qa.manifest").read_text().replace("/fresh/", "/out/")
    assert (tmp_path / "out" / "labeling-qa.manifest").read_text() == text
    assert summary.tally.masks == len(fresh)
    changed = {path for path, stamp in before.items() if path.exists() and path.stat().st_mtime_ns != stamp}
    assert {path.relative_to(tmp_path / "out" / "masks").parts[0] for path in changed} == {"b.tif.tiles"}


@pytest.mark.slow
def test_everything_in_s3(images: Path, tmp_path: Path, s3_server: Any, bucket: str) -> None:
    export = write_export(tmp_path / "export.json", list(SIZES))
    objects = {f"data/{p.relative_to(images)}": p.read_bytes() for p in images.rglob("*") if p.is_file()}
    s3_server.put(bucket, objects | {"export.json": export.read_bytes()})
    s3 = gtmask.S3Settings(endpoint_url=s3_server.endpoint)
    place = f"s3://{bucket}"
    gtmask.prepare(f"{place}/data", f"{place}/new", options=CUT, s3=s3, workers=1)
    gtmask.convert(
        f"{place}/export.json", f"{place}/out", images=f"{place}/new", s3=s3, creation_date=DATE, workers=1
    )
    gtmask.prepare(images, tmp_path / "new", options=CUT, workers=1)
    convert(
        export, tmp_path / "out", tmp_path / "new", image_uri=f"{place}/new", mask_uri=f"{place}/out/masks"
    )
    made = s3_server.objects(bucket, "out/")
    wanted = masks_in(tmp_path / "out")
    assert {key: data for key, data in made.items() if key.startswith("masks/")} == wanted
    assert made["labeling-qa.manifest"] == (tmp_path / "out" / "labeling-qa.manifest").read_bytes()
