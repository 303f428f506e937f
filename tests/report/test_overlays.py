"""Previews: which images are shown, what is said of the others, and what pages hold."""

from __future__ import annotations

import html
import io
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from PIL import Image

import gtmask
from gtmask.errors import ManifestError, UnknownFormatError, UsageError
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import encode_png
from gtmask.report.pictures import shrink
from gtmask.report.tiles import picture_bytes
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path


def writer_of(*labels: str) -> ManifestWriter:
    return ManifestWriter(class_map_from_labels(labels), creation_date="2024-01-01T00:00:00.000000")


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    """Make six images and masks, and the lines that name them; each mask has a class of its own."""
    writer = writer_of("Car", "Road", "Tree", "Sky", "Sign", "Wall")
    made = []
    for i in range(6):
        Image.new("RGB", (8, 6), (i, 0, 0)).save(tmp_path / f"{i}.png")
        mask = np.zeros((6, 8), np.uint8)
        mask[i] = i + 1
        (tmp_path / f"{i}-mask.png").write_bytes(encode_png(mask))
        made.append(writer.line(str(tmp_path / f"{i}.png"), str(tmp_path / f"{i}-mask.png")))
    return made


def data_of(page: Path) -> dict[str, Any]:
    """Return what the page's script is given."""
    found = re.search(r'<script type="application/json" id="page">(.*?)</script>', page.read_text("utf-8"))
    assert found is not None
    return dict(json.loads(found[1]))


def names_of(page: Path) -> list[str]:
    found = re.findall(r'<h3 id="name-\d+"><bdi>(.*?)</bdi></h3>', page.read_text("utf-8"))
    return [html.unescape(name).removesuffix(".png") for name in found]


def shown(tmp_path: Path, manifest: bytes, count: int, **options: Any) -> tuple[list[str], str, list[str]]:
    """Return the names of the images that a page shows, its title, and the troubles."""
    path = tmp_path / "m.manifest"
    path.write_bytes(manifest)
    made = gtmask.preview(path, tmp_path / "page.html", count=count, workers=1, **options)
    title = re.search(r"<title>.*/([^<]*)</title>", (tmp_path / "page.html").read_text())
    assert title is not None
    return names_of(tmp_path / "page.html"), title[1], made.troubles


def test_blank_lines_do_not_count(tmp_path: Path, lines: list[bytes]) -> None:
    manifest = b"\n\n" + lines[0] + b"  \r\n" + lines[1] + b"\n"
    assert shown(tmp_path, manifest, 2) == (["0", "1"], "m.manifest: 2 of 2 images", [])


@pytest.mark.parametrize(("count", "names"), [(1, "0"), (2, "03"), (3, "024"), (6, "012345"), (99, "012345")])
def test_the_images_are_spread_over_the_manifest(
    tmp_path: Path, lines: list[bytes], count: int, names: str
) -> None:
    assert shown(tmp_path, b"".join(lines), count)[:2] == (
        list(names),
        f"m.manifest: {len(names)} of 6 images",
    )


def test_a_seed_draws_the_images(tmp_path: Path, lines: list[bytes]) -> None:
    drawn = {tuple(shown(tmp_path, b"".join(lines), 3, seed=seed)[0]) for seed in range(8)}
    assert len(drawn) > 1
    assert all(names == tuple(sorted(set(names))) and len(names) == 3 for names in drawn)
    again = shown(tmp_path, b"".join(lines), 3, seed=1)[0]
    assert again == shown(tmp_path, b"".join(lines), 3, seed=1)[0]


def test_a_cover_shows_every_class(tmp_path: Path, lines: list[bytes]) -> None:
    manifest = b"".join([lines[0]] * 20 + lines[1:])
    path = tmp_path / "m.manifest"
    path.write_bytes(manifest)
    for count, said in (
        (6, "Every class that occurs is on one of these images at least."),
        (4, "2 classes that occur are on none of these images: raise --count."),
    ):
        made = gtmask.preview(path, tmp_path / "page.html", count=count, cover=True, workers=1)
        assert said in made.notes
        seen = {number for tile in data_of(tmp_path / "page.html")["tiles"] for number in tile["classes"]}
        assert len(seen - {0}) == count


def test_images_are_found_by_name(tmp_path: Path, lines: list[bytes]) -> None:
    assert shown(tmp_path, b"".join(lines), 9, image=["4.png", f"{tmp_path}/2.png"])[0] == ["2", "4"]
    assert shown(tmp_path, b"".join(lines), 9, image=[f"{tmp_path.name}/2.png"])[0] == ["2"]
    with pytest.raises(UsageError, match=r"--image \.png: .* names no such image"):
        shown(tmp_path, b"".join(lines), 9, image=["4.png", ".png"])


def test_images_are_found_by_their_findings(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / "1-mask.png").write_bytes(encode_png(np.full((6, 8), 77, np.uint8)))
    (tmp_path / "3-mask.png").unlink()
    (tmp_path / "5-mask.png").write_bytes(encode_png(np.full((6, 7), 1, np.uint8)))
    manifest = b"".join(lines)
    names, _, troubles = shown(tmp_path, manifest, 9, only=["mask-value", "mask-not-found"])
    assert names == ["1", "3"]
    assert "mask-value (value 77 in 48 pixels" in troubles[0]
    assert "There is nothing at" in troubles[1]
    assert str(tmp_path) not in "".join(troubles)
    assert shown(tmp_path, manifest, 9, only=["mask-size"])[0] == ["5"]
    with pytest.raises(UsageError, match="--only mask-sizes is no finding code"):
        shown(tmp_path, manifest, 9, only=["mask-sizes"])


def test_a_broken_line_that_is_not_chosen_does_no_harm(tmp_path: Path, lines: list[bytes]) -> None:
    manifest = lines[0] + b"{broken\n" + lines[2] + b"[]\n"
    assert shown(tmp_path, manifest, 2) == (["0", "2"], "m.manifest: 2 of 4 images", [])


def test_a_broken_line_that_is_chosen_is_told_in_its_place(tmp_path: Path, lines: list[bytes]) -> None:
    names, title, troubles = shown(tmp_path, lines[0] + b"{broken\n" + lines[2], 3)
    assert (names, title, len(troubles)) == (["0", "line 2", "2"], "m.manifest: 3 of 3 images", 1)
    assert "line 2: line-not-json" in troubles[0]


def test_a_file_of_which_no_line_can_be_used_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="line 1: line-not-json"):
        shown(tmp_path, b"no\nmanifest\n", 2)


def test_a_page_never_takes_the_place_of_its_manifest(tmp_path: Path, lines: list[bytes]) -> None:
    manifest = tmp_path / "m.manifest"
    manifest.write_bytes(lines[0])
    (tmp_path / "link").symlink_to(manifest)
    for out in (manifest, tmp_path / "link"):
        with pytest.raises(UsageError, match=r"--out .* would overwrite the manifest"):
            gtmask.preview(manifest, out)
    assert manifest.read_bytes() == lines[0]


def test_a_manifest_without_lines_makes_no_page(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="has no lines"):
        shown(tmp_path, b"\n", 2)


def test_what_is_missing_is_told(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / "1-mask.png").unlink()
    (tmp_path / "0.png").unlink()
    names, _, troubles = shown(tmp_path, b"".join(lines[:3]), 3)
    assert names == ["0", "1", "2"]
    assert [told.partition(":")[0] for told in troubles] == ["0.png", "1.png"]


@pytest.mark.parametrize(
    ("mode", "code"), [("RGB", "mask-rgb"), ("LA", "mask-alpha"), ("I;16", "mask-bit-depth")]
)
def test_a_mask_of_several_channels_is_not_drawn(
    tmp_path: Path, lines: list[bytes], mode: str, code: str
) -> None:
    Image.new(mode, (8, 6)).save(tmp_path / "0-mask.png")
    _, _, troubles = shown(tmp_path, lines[0], 1)
    assert code in troubles[0]
    assert data_of(tmp_path / "page.html")["tiles"][0]["layers"][0]["drawn"] is False


def test_a_palette_mask_is_shown_by_its_colors(tmp_path: Path) -> None:
    """The worker UI finds classes by colour: an exchanged palette shows exchanged classes."""
    writer = writer_of("Car", "Road")
    Image.new("RGB", (8, 6)).save(tmp_path / "0.png")
    line = writer.line(str(tmp_path / "0.png"), str(tmp_path / "0-mask.png"))
    colors = {
        int(key): entry["hex-color"]
        for key, entry in orjson.loads(line)["labeling-qa-ref-metadata"]["internal-color-map"].items()
    }
    mask = np.zeros((6, 8), np.uint8)
    mask[1] = 1
    mask[2] = 9
    for palette, expected in (
        (colors, {0: "BACKGROUND", 1: "Car", 2: "Road"}),
        ({**colors, 1: colors[2], 2: colors[1]}, {0: "BACKGROUND", 1: "Road", 2: "Car"}),
    ):
        (tmp_path / "0-mask.png").write_bytes(encode_png(mask, palette=palette))
        shown(tmp_path, line, 1)
        data = data_of(tmp_path / "page.html")
        names = [one["name"] for one in data["classes"]]
        assert {value: names[kind] for value, kind in data["maps"][0]} == expected
        assert [kind if kind < 0 else names[kind] for kind in data["tiles"][0]["classes"]] == [
            "BACKGROUND", expected[1], -1,
        ]  # fmt: skip


def test_wrong_usage_is_refused(tmp_path: Path, lines: list[bytes]) -> None:
    with pytest.raises(UsageError, match="--count 0"):
        shown(tmp_path, b"".join(lines), 0)
    with pytest.raises(UsageError, match="--seed -1"):
        shown(tmp_path, b"".join(lines), 1, seed=-1)
    with pytest.raises(UsageError, match="--out"):
        gtmask.preview(tmp_path / "m.manifest", "gs://bucket/page.html")


def test_the_output_of_a_job_shows_both_masks(tmp_path: Path, lines: list[bytes]) -> None:
    """Classes are compared by name and colour: the job may have numbered them anew."""
    values = orjson.loads(lines[0])
    after = np.zeros((6, 8), np.uint8)
    after[0, :5] = 2
    after[3, 3] = 1
    (tmp_path / "after.png").write_bytes(encode_png(after))
    values["fixed-ref"] = str(tmp_path / "after.png")
    color_map = values["labeling-qa-ref-metadata"]["internal-color-map"]
    values["fixed-ref-metadata"] = {
        **values["labeling-qa-ref-metadata"],
        "internal-color-map": {"0": color_map["0"], "1": color_map["2"], "2": color_map["1"]},
        "adjustment-status": "adjusted",
    }
    shown(tmp_path, orjson.dumps(values) + b"\n", 1)
    tile = data_of(tmp_path / "page.html")["tiles"][0]
    assert [layer["role"] for layer in tile["layers"]] == ["before", "after"]
    assert tile["change"] == 4  # three of the row are gone, one pixel is new


def test_an_export_is_painted_as_it_would_be_converted(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(6)])
    made = gtmask.convert(tmp_path / "export.json", tmp_path / "out", images=tmp_path / "images", workers=1)
    page, other = tmp_path / "page.html", tmp_path / "other.html"
    before = sorted(tmp_path.rglob("*"))
    export = gtmask.preview(
        tmp_path / "export.json", page, images=str(tmp_path / "images"), count=6, cover=True, workers=1
    )
    assert {*tmp_path.rglob("*")} - {*before} == {page}
    gtmask.preview(made.manifest, other, count=6)
    payloads = [
        re.findall(r'<script type="text/plain" id="(.*?)">(.*?)</script>', path.read_text())
        for path in (page, other)
    ]
    assert len(payloads[0]) == 12
    assert payloads[0] == payloads[1]
    assert (export.shown, export.troubles) == (6, [])
    assert "not converted yet" in export.notes[0]


def test_rejects_of_an_export_are_told(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(6)])
    (tmp_path / "images" / "2.jpg").unlink()
    made = gtmask.preview(
        tmp_path / "export.json", tmp_path / "page.html", images=str(tmp_path / "images"),
        only=["image-missing"], workers=1,
    )  # fmt: skip
    assert names_of(tmp_path / "page.html") == ["2.jpg"]
    assert made.shown == 0
    assert made.troubles[0].startswith("2.jpg: image-missing")


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("nothing")
    with pytest.raises(UnknownFormatError):
        gtmask.preview(tmp_path / "folder", tmp_path / "page.html")


def test_areas_and_findings_are_those_of_the_run(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(6)])
    made = gtmask.convert(
        tmp_path / "export.json", tmp_path / "out", images=tmp_path / "images", workers=1, chunk_size=2
    )
    page = tmp_path / "page.html"
    gtmask.preview(made.manifest, page, count=1)
    text = page.read_text()
    assert "Pixels in all masks of the run" in text
    for value, pixels in made.tally.pixels.items():
        assert f"{pixels:,}" in text, value
    # A manifest that was changed since is not that run's.
    manifest = tmp_path / "out" / "labeling-qa.manifest"
    manifest.write_bytes(b"".join(manifest.read_bytes().splitlines(keepends=True)[:-1]))
    gtmask.preview(manifest, page, count=1)
    assert "Pixels in the masks of the 1 images shown, of 5." in page.read_text()


def test_names_of_this_machine_stay_on_it(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / "1-mask.png").unlink()
    shown(tmp_path, b"".join(lines), 6)
    assert str(tmp_path) not in (tmp_path / "page.html").read_text()


def test_a_page_fetches_nothing_and_allows_its_own_script_alone(tmp_path: Path, lines: list[bytes]) -> None:
    shown(tmp_path, b"".join(lines), 6)
    text = (tmp_path / "page.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", text)
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', text)
    assert policy is not None
    assert html.unescape(policy[1]).startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]


def test_pages_of_many_images_stay_small() -> None:
    """500 images of 640x480 are to take 25 MB at most, whatever they show: noise is the worst."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    picture = shrink(buffer.getvalue(), picture_bytes(500))
    assert len(picture.data) * 500 * 4 / 3 < 22e6
    assert (picture.full_width, picture.full_height) == (640, 480)
