"""The decoder against other libraries' PNGs and by-the-book filters; damage gives one sentence."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gtmask.errors import GtmaskError, PngError
from gtmask.png import decode_png, encode_png, read_header
from tests.support.png_masks import SIGNATURE, chunks, filtered_png, join, odd_masks, street


@pytest.mark.parametrize("name", odd_masks())
def test_other_libraries_pngs(name: str) -> None:
    mask = odd_masks()[name]
    image, palette = io.BytesIO(), io.BytesIO()
    Image.fromarray(mask).save(image, "png", optimize=True)
    colored = Image.fromarray(mask, mode=None).convert("P")
    colored.putpalette(list(range(256)) * 3)
    colored.save(palette, "png", bits=8)
    for data in (image.getvalue(), palette.getvalue(), cv2.imencode(".png", mask)[1].tobytes()):
        assert np.array_equal(decode_png(data), mask)


@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [4, 3, 2, 1, 0], [2, 2, 4], [3, 1]])
@pytest.mark.parametrize("color", [0, 3])
def test_filters(filters: list[int], color: int) -> None:
    for seed, most in ((0, 256), (1, 3)):
        pixels = np.random.default_rng(seed).integers(0, most, (11, 29)).astype(np.uint8)
        data = filtered_png(pixels, filters, 29, color=color)
        assert np.array_equal(decode_png(data), pixels)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("width", [1, 7, 8, 9, 33])
@pytest.mark.parametrize("color", [0, 3])
def test_samples_of_less_than_a_byte(bits: int, width: int, color: int) -> None:
    samples = np.random.default_rng(bits).integers(0, 2**bits, (5, width)).astype(np.uint8)
    rows = []
    for row in samples:
        digits = "".join(format(sample, f"0{bits}b") for sample in row)
        digits += "0" * (-len(digits) % 8)
        rows.append([int(digits[i : i + 8], 2) for i in range(0, len(digits), 8)])
    data = filtered_png(np.array(rows, np.uint8), [0, 1, 2, 3, 4], width, bits, color)
    assert np.array_equal(decode_png(data), samples)


def test_image_data_in_many_chunks_and_other_chunks_between() -> None:
    mask = street(60, 80)
    ihdr, idat, iend = chunks(encode_png(mask))
    pieces = [(b"IDAT", idat[1][i : i + 50]) for i in range(0, len(idat[1]), 50)]
    data = join([ihdr, (b"gAMA", b"\0\1\2\3"), (b"tEXt", b"a\0b"), *pieces, iend])
    assert np.array_equal(decode_png(data), mask)
    assert read_header(data).chunks[:3] == ("IHDR", "gAMA", "tEXt")


def test_a_header_is_read_from_the_first_bytes() -> None:
    data = encode_png(
        np.random.default_rng(0).integers(0, 256, (300, 400)).astype(np.uint8), palette=["#010203"]
    )
    header = read_header(data[: 1 << 16])
    assert (header.width, header.height, header.bit_depth, header.color_type, header.interlace) == (
        400, 300, 8, 3, 0,
    )  # fmt: skip
    assert header.palette == b"\1\2\3" + b"\xff" * 765
    assert header.chunks == ("IHDR", "PLTE", "IDAT")
    assert not header.transparency


def test_a_palette_beyond_the_bytes_is_not_seen() -> None:
    header = read_header(encode_png(np.zeros((2, 2), np.uint8), palette=["#010203"])[:100])
    assert header.palette is None
    assert header.chunks == ("IHDR", "PLTE")


def test_transparency_is_told() -> None:
    ihdr, idat, iend = chunks(encode_png(street(20, 30)))
    assert read_header(join([ihdr, (b"tRNS", b"\0\0"), idat, iend])).transparency


def test_headers_of_other_kinds_are_read() -> None:
    for mode, color_type in (("RGB", 2), ("RGBA", 6), ("LA", 4)):
        image = io.BytesIO()
        Image.new(mode, (7, 5)).save(image, "png")
        assert read_header(image.getvalue()).color_type == color_type
        with pytest.raises(PngError, match=f"colour type {color_type} with 8 bits"):
            decode_png(image.getvalue())


GOOD = chunks(encode_png(street(40, 50), palette=["#010203"]))
IHDR, PLTE, IDAT, IEND = GOOD


def with_header(**changes: int) -> bytes:
    names = ["width", "height", "bits", "color", "compression", "filter", "interlace"]
    fields = dict(zip(names, struct.unpack(">IIBBBBB", IHDR[1]), strict=True)) | changes
    return join([(b"IHDR", struct.pack(">IIBBBBB", *fields.values())), PLTE, IDAT, IEND])


def with_rows(rows: bytes) -> bytes:
    return join([IHDR, PLTE, (b"IDAT", zlib.compress(rows)), IEND])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty"),
        (SIGNATURE[:5], "cut off after 5 bytes"),
        (SIGNATURE, "cut off after 8 bytes, before its header"),
        (b"\xff\xd8\xff\xe0 a JPEG", "is a JPEG, not a PNG"),
        (b'  {"shapes": []}', "is JSON, not a PNG"),
        (b"hello, world", "does not begin with the PNG signature"),
        (join([IDAT, IEND]), "begins with a IDAT chunk"),
        (SIGNATURE + b"\0\0\0\rIH\0R" + bytes(30), "at byte 8 stands no chunk"),
        (join(GOOD)[:-2], "is cut off: its IEND chunk"),
        (join(GOOD)[:-12], "before its end"),
        (join(GOOD)[:-40], "is cut off: its IDAT chunk"),
        (join(GOOD).replace(PLTE[1][:9], b"\1\2\3\4\5\6\7\x08\x09"), "checksum of its PLTE chunk at byte 33"),
        (join([IHDR, (b"PLTE", b"\0" * 7), IDAT, IEND]), "has 7 bytes"),
        (join([IHDR, PLTE, IEND]), "no image data"),
        (with_header(width=0), "0x40 pixels"),
        (with_header(height=2**31), "50x2147483648 pixels"),
        (with_header(width=2**31 - 1, height=2**31 - 1), "cannot"),
        (with_header(bits=3), "colour type 3 with 3 bits"),
        (with_header(color=5), "colour type 5 with 8 bits"),
        (with_header(compression=1), "compression 1"),
        (with_header(interlace=2), "interlace 2"),
        (with_header(interlace=1), "interlaced, which is not supported"),
        (with_header(bits=16, color=0), "16 bits per sample"),
        (with_header(height=41), "does not hold the 2091 bytes"),
        (with_header(height=39), "does not hold the 1989 bytes"),
        (with_rows(b"\0" * 51 * 40 + b"\0"), "does not hold the 2040 bytes"),
        (with_rows((b"\0" * 51 * 3 + b"\5" + bytes(50)) + b"\0" * 51 * 36), "row 3 names filter 5"),
        (with_rows(b"\5" + b"\0" * (51 * 40 - 1)), "row 0 names filter 5"),
        (with_rows(b"\0" * 51 * 39 + b"\xff" + bytes(50)), "row 39 names filter 255"),
        (with_rows(bytes(100_000_000)), "does not hold the 2040 bytes"),
        (join([IHDR, PLTE, (b"IDAT", b"no zlib stream " * 20), IEND]), "cannot be decompressed"),
        (join([IHDR, PLTE, (b"IDAT", IDAT[1][:-1] + b"\0"), IEND]), "cannot be decompressed"),
        (join([IHDR, PLTE, (b"IDAT", IDAT[1][: len(IDAT[1]) // 2]), IEND]), "cannot be decompressed"),
    ],
)
def test_damage_gives_one_sentence(data: bytes, said: str) -> None:
    with pytest.raises(PngError, match=said) as caught:
        decode_png(data)
    assert isinstance(caught.value, GtmaskError)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_pngs_are_decoded_or_refused(data: st.DataObject) -> None:
    png = bytearray(join(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(png) - 1))
        length = data.draw(st.integers(0, 40))
        png[place : place + length] = data.draw(st.binary(max_size=40))
        if not png:
            png = bytearray(1)
    if data.draw(st.booleans()):
        png = bytearray(repair_checksums(bytes(png)))
    for read in (decode_png, read_header):
        with contextlib.suppress(PngError):
            read(bytes(png))


def repair_checksums(data: bytes) -> bytes:
    """Make every chunk's CRC right, so that damage reaches what lies behind the check."""
    fixed, place = bytearray(data), 8
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if end + 4 > len(data):
            break
        fixed[end : end + 4] = zlib.crc32(data[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(fixed)
