"""Previews: which lines are shown, and what a broken one costs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import gtmask
from gtmask.errors import ManifestError, UsageError
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import encode_png
from gtmask.report.overlays import UNKNOWN, paint_colors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    """Make six images and masks, and the lines that name them."""
    writer = ManifestWriter(class_map_from_labels(["Car"]), creation_date="2024-01-01T00:00:00.000000")
    made = []
    for i in range(6):
        Image.new("RGB", (8, 6), (i, 0, 0)).save(tmp_path / f"{i}.png")
        mask = np.zeros((6, 8), np.uint8)
        mask[i] = 1
        (tmp_path / f"{i}-mask.png").write_bytes(encode_png(mask))
        made.append(writer.line(str(tmp_path / f"{i}.png"), str(tmp_path / f"{i}-mask.png")))
    return made


def shown(tmp_path: Path, manifest: bytes, count: int) -> tuple[list[str], str, list[str]]:
    """Return the names of the images that a page shows, its title, and the troubles."""
    path = tmp_path / "m.manifest"
    path.write_bytes(manifest)
    page = gtmask.preview(path, tmp_path / "page.html", count=count)
    text = (tmp_path / "page.html").read_text()
    names = re.findall(r"<figcaption>[^<]*?(\d)\.png</figcaption>", text)
    title = re.search(r"<title>([^<]*)</title>", text)
    assert title is not None
    return names, title[1], page.troubles


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


def test_a_broken_line_that_is_not_chosen_does_no_harm(tmp_path: Path, lines: list[bytes]) -> None:
    manifest = lines[0] + b"{broken\n" + lines[2] + b"[]\n"
    assert shown(tmp_path, manifest, 2) == (["0", "2"], "m.manifest: 2 of 4 images", [])


def test_a_broken_line_that_is_chosen_is_told_in_its_place(tmp_path: Path, lines: list[bytes]) -> None:
    names, title, troubles = shown(tmp_path, lines[0] + b"{broken\n" + lines[2], 3)
    assert (names, title, len(troubles)) == (["0", "2"], "m.manifest: 3 of 3 images", 1)
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
    names, _, troubles = shown(tmp_path, b"".join(lines[:2]), 2)
    assert names == ["0", "1"]
    assert len(troubles) == 1


def test_wrong_usage_is_refused(tmp_path: Path, lines: list[bytes]) -> None:
    with pytest.raises(UsageError, match="--count 0"):
        shown(tmp_path, b"".join(lines), 0)
    with pytest.raises(UsageError, match="--out"):
        gtmask.preview(tmp_path / "m.manifest", "s3://bucket/page.html")


def test_values_that_the_map_does_not_know_glare() -> None:
    mask = np.array([[0, 1, 9]], np.uint8)
    painted = paint_colors(mask, {0: ("BACKGROUND", "#ffffff"), 1: ("Car", "#2ca02c")})
    assert painted.tolist() == [[[0, 0, 0, 0], [0x2C, 0xA0, 0x2C, 255], [*UNKNOWN, 255]]]
