"""What new images show: the pixels of the old ones, upright, in 8 bits, whatever reads them."""

from __future__ import annotations

import io
import itertools
import mmap
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import PIL
import png as pypng
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from gtmask import raster
from gtmask.errors import PrepareError
from gtmask.images.probe import ImageInfo
from gtmask.png.filtered import undo_rows
from gtmask.preparing import open as opening
from gtmask.preparing.make import make_images
from gtmask.preparing.open import open_pixels, open_with_pillow
from gtmask.preparing.options import PrepareOptions
from gtmask.preparing.png_rows import read_png
from gtmask.preparing.samples import Samples, cmyk_to_rgb
from gtmask.preparing.tiff_strips import layout_of, read_tiff
from gtmask.preparing.tiles import Box, stored_box, tiles, upright
from gtmask.run.sizes import INVERSE
from tests.preparing.pictures import filtered, noise, png, save

#: Older ones refuse such TIFFs where they are not compressed.
PILLOW_READS_YCBCR = int(PIL.__version__.split(".")[0]) >= 13

if TYPE_CHECKING:
    from pathlib import Path

SIZES = st.integers(1, 40)


def info_of(path: Path, bits: int = 8) -> ImageInfo:
    with Image.open(path) as image:
        return ImageInfo(*image.size, 1, image.format or "", bits)


def block(path: Path, rule: str = "scale", bits: int = 8) -> np.ndarray:
    """Return what is seen of an image."""
    info = info_of(path, bits)
    with ExitStack() as until:
        pixels, _ = open_pixels(str(path), info, rule, until)
        return pixels.block(Box(0, 0, info.width, info.height)).copy()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_that_of_viewers_and_of_masks(orientation: int) -> None:
    pixels = noise(5, 7)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", exif=exif)
    with Image.open(file) as image:
        assert np.array_equal(upright(pixels, orientation), np.asarray(ImageOps.exif_transpose(image)))
    mask = pixels[..., 0].copy()
    assert np.array_equal(upright(mask, orientation), raster.turn(mask, INVERSE[orientation]))


@given(SIZES, SIZES, st.integers(1, 8), st.data())
def test_a_box_of_the_upright_image_is_found_in_the_file(
    width: int, height: int, orientation: int, data: Any
) -> None:
    stored = np.arange(width * height).reshape(height, width)
    whole = upright(stored, orientation)
    x, y = data.draw(st.integers(0, whole.shape[1] - 1)), data.draw(st.integers(0, whole.shape[0] - 1))
    box = Box(
        x, y, data.draw(st.integers(1, whole.shape[1] - x)), data.draw(st.integers(1, whole.shape[0] - y))
    )
    there = stored_box(box, width, height, orientation)
    part = stored[there.y : there.y + there.height, there.x : there.x + there.width]
    wanted = whole[y : y + box.height, x : x + box.width]
    assert np.array_equal(upright(part, orientation), wanted)


@given(SIZES, SIZES, st.integers(1, 12), st.integers(1, 12), st.integers(0, 11))
def test_tiles_cover_each_pixel(width: int, height: int, across: int, down: int, overlap: int) -> None:
    overlap = min(overlap, across - 1, down - 1)
    seen = np.zeros((height, width), int)
    boxes = list(tiles(width, height, (across, down), overlap))
    for box in boxes:
        assert box.width <= across
        assert box.height <= down
        seen[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert seen.min() == 1
    if not overlap:
        assert seen.max() == 1
    for one, other in itertools.pairwise(boxes):
        if one.y == other.y:
            assert one.x + one.width - other.x == min(overlap, width - other.x)


@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4, 6, 8]), st.text("01234", min_size=1)
)
def test_filters_are_undone_as_they_were_made(rows: int, pixels: int, step: int, filters: str) -> None:
    values = np.random.default_rng(rows * pixels).integers(0, 256, (rows, pixels * step), np.uint8)
    stream = np.frombuffer(filtered(values, step, filters), np.uint8).copy()
    above = np.zeros(pixels * step, np.uint8)
    assert undo_rows(stream, above, pixels * step, step)
    assert np.array_equal(stream.reshape(rows, -1)[:, 1:], values)
    assert np.array_equal(above, values[-1])
    stream[0] = 5
    assert not undo_rows(stream, above, pixels * step, step)


@pytest.mark.parametrize("color", [0, 2, 4, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rows_of_a_png_have_all_bits(tmp_path: Path, color: int, dtype: Any) -> None:
    count = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    values = np.random.default_rng(color).integers(0, np.iinfo(dtype).max, (9, 11, count), dtype)
    (tmp_path / "a.png").write_bytes(png(values, color))
    read = read_png(str(tmp_path / "a.png"))
    assert np.array_equal(read.values, values)
    assert np.array_equal(imagecodecs.png_decode(png(values, color)).reshape(values.shape), values)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("kind", ["gray", "palette", "transparent"])
def test_rows_of_a_png_of_few_bits_look_as_pillow_shows_them(tmp_path: Path, bits: int, kind: str) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, (7, 13), np.uint8)
    path = tmp_path / "a.png"
    if kind == "gray":
        with path.open("wb") as file:
            pypng.Writer(13, 7, greyscale=True, bitdepth=bits).write(file, values)
    else:
        image = Image.frombytes("P", values.shape[::-1], values.tobytes())
        image.putpalette(noise(1, 1 << bits).tobytes())
        image.save(path, bits=bits, **({"transparency": 0} if kind == "transparent" else {}))
    seen = read_png(str(path)).block(Box(0, 0, 13, 7))
    with Image.open(path) as image:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        wanted = np.asarray(white.convert("RGB"))
    assert np.array_equal(np.broadcast_to(seen[..., None] if seen.ndim == 2 else seen, wanted.shape), wanted)


TIFFS = [
    (np.uint8, 3, {}), (np.uint16, 3, {}), (np.uint16, 1, {}), (np.uint8, 1, {}),
    (np.uint8, 3, {"compression": "lzw"}), (np.uint16, 3, {"compression": "lzw", "predictor": True}),
    (np.uint16, 1, {"compression": "deflate", "predictor": True}), (np.uint8, 4, {"compression": "deflate"}),
    (np.uint16, 3, {"planarconfig": "separate", "compression": "deflate"}),
    (np.uint8, 3, {"tile": (16, 16), "compression": "lzw", "predictor": True}),
    (np.uint16, 3, {"tile": (16, 32), "byteorder": ">"}),
    (np.uint16, 1, {"byteorder": ">", "compression": "lzw"}),
    (np.uint8, 3, {"bigtiff": True, "rowsperstrip": 3}), (np.uint8, 3, {"compression": "packbits"}),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "count", "how"), TIFFS, ids=str)
def test_strips_of_a_tiff_have_all_bits(tmp_path: Path, dtype: Any, count: int, how: dict[str, Any]) -> None:
    values = np.random.default_rng(count).integers(0, np.iinfo(dtype).max, (37, 53, count), dtype)
    path = tmp_path / "a.tif"
    how = {"photometric": "rgb" if count >= 3 else "minisblack", "rowsperstrip": 7} | how
    if "tile" in how:
        del how["rowsperstrip"]
    if count == 4:
        how["extrasamples"] = ["unassalpha"]
    planar = how.get("planarconfig") == "separate"
    given_values = np.moveaxis(values, -1, 0) if planar else values[..., 0] if count == 1 else values
    tifffile.imwrite(path, given_values, **how)
    with open_with_pillow(str(path), "TIFF") as image:
        layout = layout_of(image)
        assert layout is not None
        read = read_tiff(image, str(path), layout)
    assert np.array_equal(read.values, values)
    assert read.alpha == (count == 4)


@pytest.mark.parametrize(
    "kind", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "jpeg", "white-is-zero", "4 bits"]
)
def test_a_tiff_is_seen_as_pillow_shows_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tif"
    image = Image.fromarray(noise())
    if kind == "jpeg":
        image.save(path, compression="jpeg", quality=90)
    elif kind == "white-is-zero":
        tifffile.imwrite(path, noise()[..., 0], photometric="miniswhite")
    elif kind == "4 bits":
        tifffile.imwrite(path, noise()[..., 0] >> 4, photometric="minisblack", bitspersample=4)
    else:
        image.convert(kind).save(path, compression="tiff_lzw")
    seen = block(path)
    with Image.open(path) as opened:
        white = Image.new("RGBA", opened.size, "white")
        white.alpha_composite(opened.convert("RGBA"))
        wanted = np.asarray(white.convert("RGB"))
    assert np.array_equal(np.broadcast_to(seen[..., None] if seen.ndim == 2 else seen, wanted.shape), wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["1", "F", "I", "YCbCr"])
def test_a_tiff_that_pillow_decodes_is_turned_once(tmp_path: Path, kind: str, orientation: int) -> None:
    path = tmp_path / "a.tif"
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = Image.fromarray(noise()).convert("L").convert(kind if kind != "YCbCr" else "RGB").convert(kind)
    plain.save(path, exif=exif)
    info = ImageInfo(53, 37, orientation, "TIFF")
    options = PrepareOptions(tile="20x16", split_pixels=320)
    if kind == "YCbCr" and not PILLOW_READS_YCBCR:
        with ExitStack() as until, pytest.raises(OSError, match="truncated"):
            open_pixels(str(path), info, "scale", until)
        return
    with ExitStack() as until:
        pixels, tables = open_pixels(str(path), info, "scale", until)
        seen = pixels.block(Box(0, 0, 53, 37)).copy()
        made = list(make_images(pixels, tables, info, options))
    plain.save(path)
    wanted = block(path)
    assert np.array_equal(seen, wanted)
    upright_one = upright(wanted, orientation)
    for (x, y, width, height), data in made:
        part = np.asarray(Image.open(io.BytesIO(data)))
        assert np.array_equal(part, upright_one[y : y + height, x : x + width])


def test_a_png_of_16_bits_with_other_bytes_than_were_written_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    data = bytearray(png(noise().astype(np.uint16) * 257, 2))
    data[data.rindex(b"IDAT") - 5] ^= 1  # of the check sum of the first chunk of pixels
    path.write_bytes(data)
    with pytest.raises(ValueError, match="pixels are not those that were written"):
        block(path, bits=16)


def test_pixels_that_the_header_does_not_tell_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    save(path, noise(), lossless=True)
    info = ImageInfo(53, 38, 1, "WEBP")
    with ExitStack() as until:
        pixels, tables = open_pixels(str(path), info, "scale", until)
        with pytest.raises(ValueError, match="it decodes to 53x37 pixels, not as its header tells"):
            list(make_images(pixels, tables, info, PrepareOptions()))


def test_a_jpeg_in_cmyk_is_seen_as_rgb(tmp_path: Path) -> None:
    Image.fromarray(noise()).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        assert np.array_equal(block(tmp_path / "a.jpg"), np.asarray(image.convert("RGB")))
        assert np.array_equal(cmyk_to_rgb(np.asarray(image)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_become_eight_by_either_rule(tmp_path: Path, name: str) -> None:
    values = np.random.default_rng(1).integers(300, 5001, (21, 17), np.uint16)
    values[3, 4], values[5, 6] = 300, 5000
    Image.fromarray(values).save(tmp_path / name)
    scaled = [[round((int(value) - 300) * 255 / 4700 + 1e-9) for value in row] for row in values]
    assert np.array_equal(block(tmp_path / name, "scale", 16), scaled)
    assert np.array_equal(block(tmp_path / name, "high-byte", 16), values >> 8)


def test_colours_of_sixteen_bits_share_their_levels(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(1000, 3000, (9, 11, 4), np.uint16)
    values[0, 0, :3], values[1, 1, :3] = 1000, 2999
    values[..., 3] = 65535
    for interlace in (False, True):
        (tmp_path / "a.png").write_bytes(png(values, 6, interlace=interlace))
        seen = block(tmp_path / "a.png", "scale", 16)
        wanted = np.floor((values[..., :3].astype(float) - 1000) * 255 / 1999 + 0.5)
        assert np.array_equal(seen, wanted)
        assert np.array_equal(block(tmp_path / "a.png", "high-byte", 16), values[..., :3] >> 8)


def test_fractions_are_scaled_and_have_no_high_byte(tmp_path: Path) -> None:
    values = np.linspace(-1, 3, 12, dtype=np.float32).reshape(3, 4)
    values[0, 1] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", values)
    seen = block(tmp_path / "a.tif")
    assert (seen[0, 0], seen[0, 1], seen[-1, -1]) == (0, 0, 255)
    assert seen[1, 0] == np.floor((values[1, 0] + 1) / 4 * 255 + 0.5)
    with pytest.raises(PrepareError, match="float32"):
        block(tmp_path / "a.tif", "high-byte")


def test_equal_samples_are_black() -> None:
    samples = Samples(np.full((2, 3, 1), 700, np.uint16), "gray")
    samples.look_at_levels("scale")
    assert (samples.block(Box(0, 0, 3, 2)) == 0).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp"])
def test_what_is_too_large_for_a_whole_is_read_in_strips_or_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    save(path, noise(), quality=90) if name == "a.jpg" else save(path, noise())
    wanted = block(path)
    monkeypatch.setattr(opening, "WHOLE_PIXELS", 100)
    if name in {"a.png", "a.tif"}:
        assert np.array_equal(block(path), wanted)
    else:
        with pytest.raises(PrepareError, match="of 53x37 pixels"):
            block(path)


def test_samples_that_do_not_fit_into_memory_lie_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gtmask.preparing.samples.IN_MEMORY", 100)
    values = np.random.default_rng(1).integers(0, 65536, (37, 53, 3), np.uint16)
    (tmp_path / "a.png").write_bytes(png(values, 2))
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    with ExitStack() as until:
        for name in ("a.png", "a.tif"):
            pixels, _ = open_pixels(str(tmp_path / name), info_of(tmp_path / name, 16), "high-byte", until)
            assert isinstance(pixels, Samples)
            assert isinstance(pixels.values.base.base.obj, mmap.mmap)
            assert np.array_equal(pixels.block(Box(2, 3, 20, 30)), values[3:33, 2:22] >> 8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_keeps_its_tables_and_its_looks(tmp_path: Path, orientation: int) -> None:
    pixels = noise(48, 64)
    save(tmp_path / "a.jpg", pixels, orientation, quality=80, subsampling=0)
    with Image.open(tmp_path / "a.jpg") as image:
        before = {number: list(table) for number, table in image.quantization.items()}  # type: ignore[attr-defined]
        wanted = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    info = ImageInfo(64, 48, orientation, "JPEG")
    with ExitStack() as until:
        opened, tables = open_pixels(str(tmp_path / "a.jpg"), info, "scale", until)
        (made,) = make_images(opened, tables, info, PrepareOptions())
    with Image.open(io.BytesIO(made.data)) as image:
        assert {number: list(table) for number, table in image.quantization.items()} == before  # type: ignore[attr-defined]
        assert image.getexif().get(0x0112) is None
        assert np.abs(np.asarray(image).astype(int) - wanted).mean() < 2
