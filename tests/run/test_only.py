"""``--only``: the images that a file names are converted, no others; what it names in vain is told."""

from __future__ import annotations

import json
import random
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.errors import RunConflictError, StrictError, UsageError
from gtmask.images.listed import ListedImages
from gtmask.model import ImageNames
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {"creation_date": "2024-01-01T00:00:00.000000", "chunk_size": 2, "workers": 1,
                           "mask_uri": "s3://b/masks", "image_uri": "s3://b/images"}  # fmt: skip
NAMES = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/3.jpg", "c.jpg", "d [1].jpg"]


def listing(folder: Path, *lines: str) -> Path:
    path = folder / "wanted.txt"
    path.write_text("\n".join(lines), "utf-8")
    return path


def as_labelme(folder: Path) -> Path:
    """Write an export whose units do not tell what its images are called."""
    annotations = folder / "annotations"
    for number, name in enumerate(NAMES):
        image = folder / "images" / name
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(coco_data.jpeg(30, 20))
        shape = {"label": f"label {number}", "shape_type": "polygon", "points": [[1, 1], [9, 1], [9, 9]]}
        document = {"version": "5.0.1", "flags": {}, "shapes": [shape], "imagePath": name, "imageData": None,
                    "imageHeight": 20, "imageWidth": 30}  # fmt: skip
        path = annotations / f"{number}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document))
    return annotations


def as_coco(folder: Path) -> Path:
    return coco_data.write(folder, NAMES)


def images_of(out: Path) -> list[str]:
    (manifest,) = out.glob("*.manifest")
    lines = manifest.read_text().splitlines()
    return sorted(json.loads(line)["source-ref"].removeprefix("s3://b/images/") for line in lines)


def outcome(out: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith("_gtmask")}


@pytest.mark.parametrize("write", [as_coco, as_labelme])
@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["a/1.jpg", "", "  c.jpg\r"], ["a/1.jpg", "c.jpg"]),
        (["b/*"], ["b/1.jpg", "b/3.jpg"]),
        (["[12].jpg"], ["a/1.jpg", "a/2.jpg", "b/1.jpg"]),
        (["d [1].jpg"], ["d [1].jpg"]),
        ([r".\b\3.jpg", "s3://bucket/photos/a/2.jpg"], ["a/2.jpg", "b/3.jpg"]),
        ([json.dumps({"source-ref": "s3://x/a/1.jpg"}), json.dumps({"source-ref": "s3://x/c.jpg"})],
         ["a/1.jpg", "c.jpg"]),
    ],
)  # fmt: skip
def test_only_the_named_images_are_converted(
    write: Any, lines: list[str], wanted: list[str], tmp_path: Path
) -> None:
    export, only = write(tmp_path), listing(tmp_path, *lines)
    summary = gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", only=str(only), **OPTIONS)
    assert images_of(tmp_path / "out") == wanted
    assert (summary.tally.masks, summary.tally.rejects) == (len(wanted), 0)
    assert not {"only-unmet", "only-several"} & {item.code for item in summary.findings}
    seen = gtmask.inspect(export, images=str(tmp_path / "images"), only=only, workers=1)
    assert seen.images == len(wanted)


def test_masks_are_those_of_a_run_of_all(tmp_path: Path) -> None:
    export, only = as_coco(tmp_path), listing(tmp_path, "b/*", "c.jpg")
    images = tmp_path / "images"
    gtmask.convert(export, tmp_path / "all", images=images, **OPTIONS)
    gtmask.convert(export, tmp_path / "some", images=images, only=str(only), **OPTIONS)
    whole, some = outcome(tmp_path / "all"), outcome(tmp_path / "some")
    masks = {name for name in some if name.startswith("masks/")}
    assert len(masks) == 3
    assert all(some[name] == whole[name] for name in masks)
    (manifest,) = (name for name in some if name.endswith(".manifest"))
    assert set(some[manifest].splitlines()) < set(whole[manifest].splitlines())


@pytest.mark.parametrize("write", [as_coco, as_labelme])
def test_names_of_no_image_are_told(write: Any, tmp_path: Path) -> None:
    export, only = write(tmp_path), listing(tmp_path, "c.jpg", "lost.jpg", "z/*.jpg", "1.jpg")
    summary = gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", only=str(only), **OPTIONS)
    told = {item.code: item.detail for item in summary.findings}
    assert told["only-unmet"] == "2 of 4 names, such as lost.jpg"
    assert told["only-several"] == "1 of 4 names, such as 1.jpg"
    assert images_of(tmp_path / "out") == ["a/1.jpg", "b/1.jpg", "c.jpg"]
    seen = gtmask.inspect(export, images=str(tmp_path / "images"), only=only, workers=1)
    assert seen.left_out["only-unmet"] == 1
    with pytest.raises(StrictError, match="only-unmet"):
        gtmask.convert(
            export, tmp_path / "strict", images=tmp_path / "images", only=str(only), strict=True, **OPTIONS
        )


def test_what_the_names_are_is_part_of_the_run_and_not_where_they_stand(tmp_path: Path) -> None:
    export, images, out = as_coco(tmp_path), tmp_path / "images", tmp_path / "out"
    only = listing(tmp_path, "a/1.jpg", "c.jpg", "b/*")
    gtmask.convert(export, out, images=images, only=str(only), **OPTIONS)
    elsewhere = tmp_path / "other.txt"
    elsewhere.write_text("b/*\nc.jpg\n./a/1.jpg\n")
    again = gtmask.convert(export, out, images=images, only=str(elsewhere), **OPTIONS)
    assert (again.resumed, again.tally.masks) == (2, 4)
    elsewhere.write_text("c.jpg")
    for given in ({"only": str(elsewhere)}, {}, {"only": str(elsewhere), "update": True}):
        with pytest.raises(RunConflictError, match="the images that --only names"):
            gtmask.convert(export, out, images=images, **given, **OPTIONS)


@pytest.mark.parametrize("write", [as_coco, as_labelme])
def test_an_update_with_the_same_names_ends_as_a_new_run(write: Any, tmp_path: Path) -> None:
    export, images, out = write(tmp_path), tmp_path / "images", tmp_path / "out"
    only = listing(tmp_path, "a/*", "c.jpg")
    gtmask.convert(export, out, images=images, only=str(only), **OPTIONS)
    for name in ("a/2.jpg", "b/1.jpg"):
        (images / name).write_bytes(coco_data.jpeg(50, 40))
    updated = gtmask.convert(export, out, images=images, only=str(only), update=True, **OPTIONS)
    assert updated.tally.masks == 3
    gtmask.convert(export, tmp_path / "new", images=images, only=str(only), **OPTIONS)
    assert outcome(out) == outcome(tmp_path / "new")


def test_files_that_name_nothing_are_refused(tmp_path: Path) -> None:
    export, images, out = as_coco(tmp_path), tmp_path / "images", tmp_path / "out"
    for only, sentence in (
        (tmp_path / "none.txt", "No such file"),
        (listing(tmp_path, "", "  "), "is empty"),
    ):
        with pytest.raises(UsageError, match=sentence):
            gtmask.convert(export, out, images=images, only=str(only), **OPTIONS)
    for lines, sentence in (
        (['{"source-ref": "s3://b/c.jpg"}', "c.jpg"], "line 2, is no line of a manifest"),
        (['{"source": "c.jpg"}'], "line 1, is no line of a manifest"),
        (["nowhere.jpg"], "--only names none of the 6 images"),
    ):
        with pytest.raises(UsageError, match=sentence):
            gtmask.convert(export, out, images=images, only=str(listing(tmp_path, *lines)), **OPTIONS)
    inside = out / "output.manifest"
    with pytest.raises(UsageError, match="lies in --out"):
        gtmask.convert(export, out, images=images, only=str(inside), **OPTIONS)
    assert not out.exists()


def test_a_name_means_what_a_look_at_each_pair_says() -> None:
    """Against a twin that compares every line with every name of every image."""
    rng = random.Random(5)

    def path() -> list[str]:
        return [rng.choice(["a", "b", "ab", "a-b", "a0"]) for _ in range(rng.randint(1, 4))]

    def meant(line: str, names: tuple[str, ...], scope: str) -> bool:
        both = [*names, *(f"{scope}/{name}" for name in names if scope)]
        return any(
            f"/{line}".endswith(f"/{name}")
            or f"/{name}".endswith(f"/{line}")
            or ("*" in line and fnmatchcase(f"/{name}", f"*/{line}"))
            for name in both
        )

    for _ in range(300):
        lines = sorted({"/".join([*path(), *rng.choice([[], [], ["*b"]])]) for _ in range(6)})
        scope = rng.choice(["", "a"])
        names = [["/".join(path()) for _ in range(rng.randint(1, 3))] for _ in range(8)]
        images = [ImageNames(own, tuple(others), scope) for own, *others in names]
        listed = ListedImages(lines)
        chosen = [listed.look(names) for names in images]
        own = {
            line: [n for n, one in enumerate(images) if meant(line, (one.image,), scope)] for line in lines
        }
        assert chosen == [any(n in found for found in own.values()) for n in range(8)]
        met = {line: found or [n for n, one in enumerate(images)
                               if not chosen[n] and meant(line, one.aliases, scope)]
               for line, found in own.items()}  # fmt: skip
        wanted = {n for found in met.values() for n in found}
        assert {n for n in range(8) if chosen[n]} | {*listed.settle()} == wanted
        assert listed.unmet() == [line for line in lines if not met[line]]
        assert listed.several() == [line for line in lines if len(met[line]) > 1 and "*" not in line]
