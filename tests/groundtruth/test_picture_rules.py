"""The rules of masks and images at the ends of what they allow, and what is said of what they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gtmask.groundtruth.picture_rules import (
    SMALL_IMAGE_PIXELS,
    can_decode,
    check_bytes,
    check_image,
    check_mask,
    check_size,
    check_values,
)
from gtmask.images.probe import ImageInfo
from gtmask.manifest.contract import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS
from gtmask.png import PngHeader, encode_png, read_header

COLORS = {0: "#ffffff", 1: "#2ca02c", 2: "#1f77b4"}
#: PLTE of these colours, the unused entries white.
PALETTE = bytes.fromhex("ffffff2ca02c1f77b4") + b"\xff" * (3 * 253)


def header(**changes: Any) -> PngHeader:
    given: dict[str, Any] = {
        "width": 4, "height": 3, "bit_depth": 8, "color_type": 0, "interlace": 0, "palette": None,
        "transparency": False, "chunks": ("IHDR", "IDAT", "IEND"),
    }  # fmt: skip
    return PngHeader(**given | changes)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"color_type": 2}, [("mask-rgb", "RGB")]),
        ({"color_type": 6}, [("mask-rgb", "RGB with alpha")]),
        ({"color_type": 4}, [("mask-alpha", "gray with alpha")]),
        ({"transparency": True}, [("mask-alpha", "a tRNS chunk")]),
        ({"bit_depth": 4}, [("mask-bit-depth", "4 bits")]),
        ({"bit_depth": 16}, [("mask-bit-depth", "16 bits")]),
        ({"interlace": 1}, [("mask-interlaced", "so its pixel values are not looked at")]),
        ({"chunks": ("IHDR", "gAMA", "sRGB", "IDAT")}, [("mask-color-chunks", "gAMA, sRGB")]),
        ({"chunks": ("IHDR", "eXIf", "acTL", "eXIf", "IDAT")}, [("mask-moves", "acTL, eXIf")]),
        (
            {"color_type": 2, "interlace": 1, "chunks": ("IHDR", "iCCP", "eXIf")},
            ["mask-rgb", "mask-interlaced", "mask-moves", "mask-color-chunks"],
        ),
    ],
)
def test_a_header_is_judged(changes: dict[str, Any], found: list[Any]) -> None:
    breaches = list(check_mask(header(**changes), COLORS))
    assert breaches == found or [code for code, _ in breaches] == found


def recolored(entry: int, color: str) -> bytes:
    return PALETTE[: 3 * entry] + bytes.fromhex(color) + PALETTE[3 * entry + 3 :]


@pytest.mark.parametrize(
    ("palette", "found"),
    [
        (PALETTE, []),
        (recolored(0, "fffffe"), [("mask-palette", "entry 0 is #fffffe, and class 0 has #ffffff")]),
        (recolored(2, "1f77b5"), [("mask-palette", "entry 2 is #1f77b5, and class 2 has #1f77b4")]),
        (PALETTE[:6], [("mask-palette", "entry 2 is missing, and class 2 has #1f77b4")]),
        (None, [("mask-palette", "entry 0 is missing, and class 0 has #ffffff")]),
        (recolored(3, "000000"), [("mask-palette-padding", "entry 3 of no class is no white")]),
        (recolored(255, "ffffef"), [("mask-palette-padding", "entry 255 of no class is no white")]),
        (PALETTE[:9], [("mask-palette-padding", "the palette has 3 entries instead of 256")]),
        (PALETTE[:-3], [("mask-palette-padding", "the palette has 255 entries instead of 256")]),
    ],
)
def test_a_palette_is_compared_with_the_color_map(palette: bytes | None, found: list[Any]) -> None:
    given = header(color_type=3, palette=palette)
    assert list(check_mask(given, COLORS)) == found
    assert list(check_mask(given, {})) == []
    # What is no colour cannot be compared: the rules of the color map tell it.
    others = [breach for breach in found if "class 2 " not in breach[1]]
    assert [b for b in check_mask(given, {**COLORS, 2: "blue"}) if b[0] == "mask-palette"] == [
        b for b in others if b[0] == "mask-palette"
    ]


def test_only_one_channel_of_at_most_8_bits_is_decoded() -> None:
    assert can_decode(header())
    assert can_decode(header(color_type=3, bit_depth=1))
    for changes in (
        {"color_type": 2},
        {"color_type": 4},
        {"color_type": 6},
        {"bit_depth": 16},
        {"interlace": 1},
    ):
        assert not can_decode(header(**changes))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("grid", ["stored", "display"])
@pytest.mark.parametrize("mask", [(4, 3), (3, 4), (4, 4)])
def test_a_mask_has_the_size_of_its_image_in_the_grid_of_the_run(
    orientation: int, grid: str, mask: tuple[int, int]
) -> None:
    turns = orientation in {5, 6, 7, 8}
    wanted = (3, 4) if grid == "display" and turns else (4, 3)
    found = list(
        check_size(header(width=mask[0], height=mask[1]), ImageInfo(4, 3, orientation, "JPEG"), grid)
    )
    if mask == wanted:
        assert found == []
        return
    if grid == "display" and turns:
        said = f"the mask has {mask[0]}x{mask[1]} pixels, the image 3x4 as EXIF turns it"
    else:
        turned = " (the image as EXIF turns it)" if turns and mask == (3, 4) else ""
        said = f"the mask has {mask[0]}x{mask[1]} pixels{turned}, the image 4x3"
    assert found == [("mask-size", said)]


def judged(mask: np.ndarray, colors: dict[int, str]) -> list[tuple[str, str]]:
    data = encode_png(mask)
    return list(check_values(read_header(data), data, np.bincount(mask.ravel(), minlength=256), colors))


def test_values_that_the_map_does_not_have_are_told_with_their_place() -> None:
    mask = np.ones((3, 5), np.uint8)
    assert judged(mask, COLORS) == []
    mask[1, 3] = 9
    where = "in {} pixels, first at column 3, row 1; the map has {}"
    assert judged(mask, COLORS) == [("mask-value", "value 9 " + where.format(1, "0 to 2"))]
    assert judged(mask, {0: "", 1: "", 7: ""}) == [("mask-value", "value 9 " + where.format(1, "0, 1, 7"))]
    mask[2, 0], mask[2, 1] = 9, 200
    assert judged(mask, COLORS) == [
        ("mask-value", "value 9 (and 1 more values) " + where.format(3, "0 to 2"))
    ]
    assert judged(mask, {}) == []


def test_a_mask_of_background_alone_is_told() -> None:
    assert judged(np.zeros((3, 5), np.uint8), COLORS) == [("mask-all-background", "")]
    assert judged(np.full((3, 5), 2, np.uint8), COLORS) == []


@pytest.mark.parametrize(
    ("image", "grid", "found"),
    [
        (ImageInfo(10_000, 10_000, 1, "JPEG"), "stored", []),
        (ImageInfo(1, 1, 1, "PNG", bits=8), "display", []),
        (ImageInfo(MAX_IMAGE_PIXELS + 1, 1, 1, "PNG"), "stored", [("source-pixels", "100000001x1 pixels")]),
        (ImageInfo(1, 1, 1, "TIFF"), "stored", [("source-format", "the file is TIFF")]),
        (ImageInfo(1, 1, 1, "PNG", bits=16), "stored", [("source-depth", "16 bits a sample")]),
        (ImageInfo(1, 1, 1, "JPEG", coding="CMYK"), "stored", [("source-coding", "CMYK JPEG")]),
        (ImageInfo(1, 1, 2, "JPEG"), "stored", [("source-turned", "EXIF orientation 2")]),
        (ImageInfo(1, 1, 8, "JPEG"), "display", [("mask-turned", "EXIF orientation 8")]),
    ],
)
def test_an_image_is_judged_by_its_header(image: ImageInfo, grid: str, found: list[tuple[str, str]]) -> None:
    assert list(check_image(image, grid)) == found


def test_an_image_has_at_most_40_million_bytes() -> None:
    assert list(check_bytes(MAX_IMAGE_BYTES)) == []
    assert list(check_bytes(MAX_IMAGE_BYTES + 1)) == [("source-bytes", "40,000,001 bytes")]
    assert SMALL_IMAGE_PIXELS * 8 == MAX_IMAGE_BYTES
