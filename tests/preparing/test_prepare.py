"""``gtmask prepare`` on whole folders: what is copied, changed, cut, refused, told, and done again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

import gtmask
from gtmask import PrepareOptions
from gtmask.cli import app
from gtmask.errors import GtmaskError, NotFoundError, RunConflictError, UsageError
from gtmask.images.prepared import parse_line
from gtmask.progress import Silent
from tests.preparing.pictures import noise, png, save, shown

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((resources.files("gtmask.images") / "prepared.schema.json").read_text())
SMALL = PrepareOptions(tile="20x16", split_pixels=1000, chunk_size=2)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """Return the table's lines by source, each checked against the schema and its parser."""
    found = {}
    for line in (out / "prepared.jsonl").read_bytes().splitlines(keepends=True):
        row = json.loads(line)
        jsonschema.validate(row, SCHEMA)
        assert parse_line(line).to_line() == line
        found[row["source"]] = row
    return found


def together(out: Path, row: dict[str, Any]) -> np.ndarray:
    """Put the new images of one image together."""
    width, height = row["width"], row["height"]
    shape = (width, height) if row["orientation"] >= 5 else (height, width)
    whole = np.zeros((*shape, 3), np.uint8)
    for piece in row["images"]:
        pixels = shown(out / piece["key"])
        assert pixels.shape[:2] == (piece["height"], piece["width"])
        whole[piece["y"] : piece["y"] + piece["height"], piece["x"] : piece["x"] + piece["width"]] = pixels
    return whole


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make images that need nothing, and of each kind that needs something."""
    images = tmp_path / "images"
    save(images / "plain.jpg", noise())
    save(images / "sub" / "plain.png", noise())
    save(images / "turned.jpg", noise(), 6)
    save(images / "turned.png", noise(), 5)
    save(images / "scan.tif", noise(), 8)
    save(images / "web.webp", noise(), 3, lossless=True)
    save(images / "old.bmp", noise())
    Image.fromarray(noise()).quantize(64).save(images / "few.gif")
    Image.fromarray(noise()).convert("CMYK").save(images / "print.jpg")
    Image.fromarray(np.dstack([noise(), noise(seed=1)[..., 0]])).save(images / "clear.png")
    Image.fromarray(noise()).quantize(16).save(images / "palette.png")
    (images / "deep.png").write_bytes(png(noise().astype(np.uint16) * 100, 2))
    save(images / "named.dat", noise(), format="PNG")
    (images / "notes.txt").write_text("no image")
    (images / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    return images


def test_each_image_becomes_what_ground_truth_shows(folder: Path, tmp_path: Path) -> None:
    before, out = tree(folder), tmp_path / "out"
    result = gtmask.prepare(folder, out, workers=1)
    assert tree(folder) == before
    table = rows(out)
    changes = {source: row["changes"] for source, row in table.items()}
    assert changes == {
        "clear.png": ["rgb"], "deep.png": ["eight-bit"], "few.gif": ["converted"],
        "named.dat": ["renamed"], "old.bmp": ["converted"], "palette.png": [], "plain.jpg": [],
        "print.jpg": ["rgb"], "scan.tif": ["turned", "converted"], "sub/plain.png": [],
        "turned.jpg": ["turned"], "turned.png": ["turned"], "web.webp": ["turned", "converted"],
    }  # fmt: skip
    assert list(table) == sorted(table)
    for source, row in table.items():
        assert row["scale"] == 1
        (piece,) = row["images"]
        with Image.open(out / piece["key"]) as image:
            assert image.format in {"JPEG", "PNG"}
            assert image.getexif().get(0x0112) is None
            assert image.mode in {"RGB", "L", "P"}
        if not row["changes"]:
            assert (out / source).read_bytes() == before[source]
        elif source not in {"clear.png", "deep.png", "print.jpg", "turned.jpg"}:
            assert np.array_equal(together(out, row), shown(folder / source))
    assert table["turned.jpg"]["images"][0] == {
        "key": "turned.jpg", "x": 0, "y": 0, "width": 37, "height": 53, "at": "",
    }  # fmt: skip
    assert table["turned.jpg"]["orientation"] == 6
    assert table["deep.png"]["levels"] == [int(noise().min()) * 100, int(noise().max()) * 100]
    assert table["named.dat"]["images"][0]["key"] == "named.png"
    assert (result.files, result.prepared, result.rejects, result.copied) == (15, 13, 1, 3)
    assert result.exit_code == 3
    assert dict(result.findings) == {"image-unreadable": 1, "prepare-no-image": 1, "prepare-levels": 1}
    reject = json.loads((out / "rejects.jsonl").read_text())
    assert (reject["image"], reject["findings"][0]["code"]) == ("broken.jpg", "image-unreadable")


def test_the_bytes_are_the_same_whoever_makes_them(folder: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        gtmask.prepare(folder, tmp_path / name, options=SMALL, workers=workers)
    one, two = ({k: v for k, v in tree(tmp_path / n).items() if "_gtmask" not in k} for n in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("overlap", [0, 5])
@pytest.mark.parametrize(("name", "orientation"), [("a.png", 6), ("a.tif", 1), ("b.tif", 7), ("a.webp", 2)])
def test_large_images_become_tiles(tmp_path: Path, name: str, orientation: int, overlap: int) -> None:
    how = {"lossless": True} if name.endswith("webp") else {}
    save(tmp_path / "images" / name, noise(), orientation, **how)
    options = PrepareOptions(tile="20x16", split_pixels=1000, overlap=overlap)
    gtmask.prepare(tmp_path / "images", tmp_path / "out", options=options, workers=1)
    row = rows(tmp_path / "out")[name]
    assert row["changes"][-1] == "split"
    assert np.array_equal(together(tmp_path / "out", row), shown(tmp_path / "images" / name))
    for piece in row["images"]:
        assert piece["key"] == f"{name}.tiles/x{piece['x']}_y{piece['y']}.png"
        assert piece["width"] <= 20
        assert piece["height"] <= 16


def test_images_of_too_many_bytes_become_tiles(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    save(tmp_path / "images" / "a.png", pixels)
    save(tmp_path / "images" / "b.bmp", pixels)
    options = PrepareOptions(tile="30x20", split_bytes=6000)
    gtmask.prepare(tmp_path / "images", tmp_path / "out", options=options, workers=1)
    table = rows(tmp_path / "out")
    assert [len(table[name]["images"]) for name in ("a.png", "b.bmp")] == [4, 4]
    assert np.array_equal(together(tmp_path / "out", table["b.bmp"]), pixels)
    smaller = PrepareOptions(tile="30x20", split_bytes=1000)
    result = gtmask.prepare(tmp_path / "images", tmp_path / "no", options=smaller, workers=1)
    assert result.findings["prepare-bytes"] == 2
    assert not list((tmp_path / "no").rglob("*.png"))


def test_a_png_of_120_megapixels_is_cut_at_the_limit_of_ground_truth(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    wide = Image.new("1", (12_000, 10_001))
    wide.putpixel((11_999, 10_000), 1)
    wide.save(tmp_path / "images" / "a.png")
    options = PrepareOptions(tile="6000x5001")
    gtmask.prepare(tmp_path / "images", tmp_path / "out", options=options, workers=1)
    last = rows(tmp_path / "out")["a.png"]["images"][-1]
    assert (last["x"], last["y"], last["width"], last["height"]) == (6000, 5000, 6000, 5001)
    with Image.open(tmp_path / "out" / last["key"]) as image:
        assert image.getbbox() == (5999, 5000, 6000, 5001)


def test_names_that_differ_in_their_extension_keep_it(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for name in ("a.jpg", "a.tif", "b.tif", "c.webp", "c.webp.png", "c.png"):
        save(images / name, noise())
    result = gtmask.prepare(images, tmp_path / "out", workers=1)
    keys = {source: row["images"][0]["key"] for source, row in rows(tmp_path / "out").items()}
    assert keys == {
        "a.jpg": "a.jpg", "a.tif": "a.tif.png", "b.tif": "b.png", "c.webp.png": "c.webp.png",
        "c.png": "c.png",
    }  # fmt: skip
    assert result.examples["prepare-name-taken"] == ["c.webp: c.webp.jpg or c.webp.png is an image, too"]


def test_names_that_end_in_two_extensions_stay_apart(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for seed, name in enumerate(("a.jpg", "a.tif", "a.tif.tif", "b.tif.tif")):
        save(images / name, noise(seed=seed))
    gtmask.prepare(images, tmp_path / "out", workers=1)
    table = rows(tmp_path / "out")
    keys = {source: row["images"][0]["key"] for source, row in table.items()}
    assert keys == {"a.jpg": "a.jpg", "a.tif": "a.tif.png", "a.tif.tif": "a.tif.tif.png",
                    "b.tif.tif": "b.tif.png"}  # fmt: skip
    for source, key in keys.items():
        assert np.array_equal(shown(tmp_path / "out" / key), shown(images / source))


def test_images_that_need_nothing_can_be_left_where_they_are(folder: Path, tmp_path: Path) -> None:
    options = PrepareOptions(changed_only=True)
    result = gtmask.prepare(folder, tmp_path / "out", options=options, workers=1)
    assert (result.copied, result.left) == (0, 3)
    assert rows(tmp_path / "out")["plain.jpg"]["images"][0] == {
        "key": "plain.jpg", "x": 0, "y": 0, "width": 53, "height": 37, "at": str(folder),
    }  # fmt: skip
    assert not (tmp_path / "out" / "plain.jpg").exists()


def test_pages_and_animations_are_told(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(seed=seed)) for seed in range(3)]
    (tmp_path / "images").mkdir()
    for name in ("a.tif", "b.gif", "c.webp"):
        frames[0].save(tmp_path / "images" / name, save_all=True, append_images=frames[1:])
    result = gtmask.prepare(tmp_path / "images", tmp_path / "out", workers=1)
    assert result.findings["prepare-first-page"] == 3
    assert np.array_equal(shown(tmp_path / "out" / "a.png"), noise(seed=0))


def test_what_is_beyond_a_limit_is_refused_with_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "images" / "a.tif", noise())
    save(tmp_path / "images" / "b.webp", noise())
    tifffile.imwrite(tmp_path / "images" / "f.tif", np.ones((4, 5), np.float32))
    monkeypatch.setattr("gtmask.preparing.open.WHOLE_PIXELS", 1900)
    result = gtmask.prepare(
        tmp_path / "images", tmp_path / "out", options=PrepareOptions(sixteen_bit="high-byte"), workers=1
    )
    size = (tmp_path / "images" / "b.webp").stat().st_size
    told = f"b.webp: A WEBP of 53x37 pixels and {size:,} bytes cannot be read in strips."
    assert result.examples["prepare-strips"] == [told]
    assert result.examples["prepare-depth"] == ["f.tif: Samples of the type float32 have no high byte."]
    assert list(rows(tmp_path / "out")) == ["a.tif"]
    few = PrepareOptions(max_pixels=1900)
    result = gtmask.prepare(tmp_path / "images", tmp_path / "few", options=few, workers=1)
    assert result.examples["image-too-large"][0] == "a.tif: 53x37 pixels are more than --max-pixels 1,900"


def test_nothing_is_destroyed(folder: Path, tmp_path: Path) -> None:
    for out in (folder, folder / "sub" / "new", tmp_path):
        with pytest.raises(UsageError, match="never touched"):
            gtmask.prepare(folder, out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "plain.jpg").write_text("mine")
    with pytest.raises(UsageError, match=r"did not write, such as plain\.jpg"):
        gtmask.prepare(folder, tmp_path / "mine")
    assert tree(tmp_path / "mine") == {"plain.jpg": b"mine"}
    gtmask.prepare(folder, tmp_path / "mine", overwrite=True, workers=1)
    assert (tmp_path / "mine" / "plain.jpg").read_bytes() == (folder / "plain.jpg").read_bytes()
    with pytest.raises(RunConflictError, match=r"--overlap was 0 and is 3\. Use the same"):
        gtmask.prepare(folder, tmp_path / "mine", options=PrepareOptions(overlap=3))
    with pytest.raises(NotFoundError, match="IMAGES"):
        gtmask.prepare(tmp_path / "nowhere", tmp_path / "new")


def test_a_dry_run_writes_nothing(folder: Path, tmp_path: Path) -> None:
    dry = gtmask.prepare(folder, tmp_path / "out", dry_run=True, workers=1)
    assert not (tmp_path / "out").exists()
    done = gtmask.prepare(folder, tmp_path / "out", workers=1)
    assert dry.to_json() | {"dry_run": False, "table": done.table} == done.to_json()


def test_what_did_not_change_is_not_made_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gtmask.prepare(folder, out, options=SMALL, workers=1)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    for path in stamps:
        os.utime(path, ns=(1, 1))
    save(folder / "turned.png", noise(seed=7), 5)
    save(folder / "added.tif", noise(seed=8))
    (folder / "old.bmp").unlink()
    done = gtmask.prepare(folder, out, options=SMALL, workers=1)
    again = {path.relative_to(out).parts[0] for path in out.rglob("*.png") if path.stat().st_mtime_ns != 1}
    assert again == {"turned.png.tiles", "added.tif.tiles"}
    fresh = gtmask.prepare(folder, tmp_path / "fresh", options=SMALL, workers=1)
    assert (out / "prepared.jsonl").read_bytes() == (tmp_path / "fresh" / "prepared.jsonl").read_bytes()
    moved = {"out": done.out, "table": done.table}
    assert fresh.to_json() | moved == done.to_json()


@pytest.mark.parametrize("changed", [False, True], ids=["the same images", "others"])
def test_copies_that_are_gone_are_made_again(folder: Path, tmp_path: Path, *, changed: bool) -> None:
    """No table names them: the first start tells it, the next one makes them, a tile among them."""
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    gtmask.prepare(folder, out, options=SMALL, workers=1)
    for lost in (min(out.rglob("*.tiles/*")), max(out.rglob("*.tiles/*"))):
        lost.unlink()
    if changed:
        save(folder / "added.tif", noise(seed=8))
    with pytest.raises(GtmaskError, match=r"Of the files .*, 2 can no longer be found.*run the same command"):
        gtmask.prepare(folder, out, options=SMALL, workers=1)
    assert not (out / "prepared.jsonl").exists()
    again = gtmask.prepare(folder, out, options=SMALL, workers=1)
    gtmask.prepare(folder, fresh, options=SMALL, workers=1)
    one, two = ({k: v for k, v in tree(place).items() if "_gtmask" not in k} for place in (out, fresh))
    assert one == two
    assert again.to_json() == gtmask.prepare(folder, out, options=SMALL, workers=1).to_json()


PROGRAM = """
import os, sys
import gtmask
from gtmask.preparing import worker
after = int(sys.argv[3])
put = worker._Worker._put
async def dying(self, key, data, kind):
    global after
    after -= 1
    if after < 0:
        os.kill(os.getpid(), 9)
    await put(self, key, data, kind)
worker._Worker._put = dying
options = gtmask.PrepareOptions(tile="20x16", split_pixels=1000, chunk_size=2)
gtmask.prepare(sys.argv[1], sys.argv[2], options=options, workers=1)
"""


def test_it_goes_on_after_a_kill(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for after in (3, 40):
        died = subprocess.run([sys.executable, "-c", PROGRAM, str(folder), str(out), str(after)], check=False)
        assert died.returncode == -signal.SIGKILL
        assert not (out / "prepared.jsonl").exists()
    gtmask.prepare(folder, out, options=SMALL, workers=1)
    gtmask.prepare(folder, tmp_path / "fresh", options=SMALL, workers=1)
    one, two = (
        {k: v for k, v in tree(place).items() if "_gtmask" not in k} for place in (out, tmp_path / "fresh")
    )
    assert one == two


@pytest.mark.parametrize("when", ["prepare", "assemble"])
def test_a_start_that_another_one_has_replaced_writes_no_table(
    folder: Path, tmp_path: Path, when: str
) -> None:
    out = tmp_path / "out"

    class Replaced(Silent):
        def stage(self, name: str, total: int | None) -> None:
            if name == when:
                plan = out / "_gtmask" / "prepare.json"
                plan.write_bytes(plan.read_bytes().replace(b"2048x2048", b"1024x1024"))

    with pytest.raises(RunConflictError, match="Another start of gtmask prepare has taken over"):
        gtmask.prepare(folder, out, workers=1, progress=Replaced())
    assert not (out / "prepared.jsonl").exists()


def test_both_sides_in_s3(folder: Path, tmp_path: Path, s3_server: Any, bucket: str) -> None:
    s3_server.put(bucket, {f"data/{name}": data for name, data in tree(folder).items()})
    s3 = gtmask.S3Settings(endpoint_url=s3_server.endpoint)
    result = gtmask.prepare(f"s3://{bucket}/data", f"s3://{bucket}/new", options=SMALL, s3=s3, workers=1)
    local = gtmask.prepare(folder, tmp_path / "out", options=SMALL, workers=1)
    assert result.rejects == local.rejects == 1
    objects = s3_server.objects(bucket, "new/")
    wanted = {k: v for k, v in tree(tmp_path / "out").items() if k.endswith((".png", ".jpg"))}
    assert {k: v for k, v in objects.items() if k.endswith((".png", ".jpg"))} == wanted
    lines = [json.loads(line) | {"version": ""} for line in objects["prepared.jsonl"].splitlines()]
    assert lines == [row | {"version": ""} for row in rows(tmp_path / "out").values()]
    again = gtmask.prepare(f"s3://{bucket}/data", f"s3://{bucket}/new", options=SMALL, s3=s3, workers=1)
    assert again.to_json() == result.to_json()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tile": "big"}, "--tile 'big' must be WIDTHxHEIGHT in pixels, such as 2048x2048."),
        ({"overlap": 2048}, "--overlap 2048 must be 0 or more, and less than --tile 2048x2048."),
        (
            {"split_pixels": 10},
            "--tile 2048x2048 has more pixels than --split-pixels 10: give a smaller tile.",
        ),
        ({"split_bytes": 10**9}, "--split-bytes 1000000000 must lie between 1 and 40,000,000"),
        ({"max_pixels": 0}, "--max-pixels 0 must lie between 1 and 1,000,000,000."),
        ({"sixteen_bit": "low"}, "--sixteen-bit"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        PrepareOptions(**options)
    assert str(refused.value).startswith(sentence)


def test_the_command_says_what_it_did(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["prepare", str(folder), "--out", str(tmp_path / "out"), "--workers", "1"]
    )
    assert result.exit_code == 3
    assert "15 files: 10 changed, 3 copied, 0 left where they are, 1 refused" in result.stderr
    assert f"gtmask convert EXPORT --images {tmp_path / 'out'}" in result.stderr
    shown_json = CliRunner().invoke(app, ["prepare", str(folder), "--out", str(tmp_path / "out"), "--json"])
    assert json.loads(shown_json.stdout)["changes"]["turned"] == 4
