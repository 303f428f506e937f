"""Counting pixels by value, and the kernels under it: against decoding, by-the-book filters, zlib, Pillow."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gtmask import simd
from gtmask.errors import PngError
from gtmask.png import count_png, count_values, decode_png, encode_png, read_header, unfilter
from tests.support.png_masks import chunks, filtered_png, join, odd_masks, street


def naive_counts(pixels: np.ndarray) -> list[int]:
    return [int((pixels == value).sum()) for value in range(256)]


def by_pillow(mask: np.ndarray) -> bytes:
    image = io.BytesIO()
    Image.fromarray(mask).save(image, "png")
    return image.getvalue()


def flat(height: int, width: int, seed: int, longest: int, values: int) -> np.ndarray:
    """Rows of runs, many of them like the row above."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width), np.uint8)
    for y in range(height):
        if y and rng.random() < 0.7:
            pixels[y] = pixels[y - 1]
            start = int(rng.integers(0, width))
            pixels[y, start : start + int(rng.integers(0, longest + 1))] = rng.integers(0, values)
        else:
            runs = rng.integers(1, longest + 1, width)
            pixels[y] = np.repeat(rng.integers(0, values, width), runs)[:width]
    return pixels


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 330), st.integers(0, 70), st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 90]))
def test_values_in_memory(size: int, start: int, seed: int, longest: int) -> None:
    pixels = flat(1, size + start + 1, seed, longest, 256)[0]
    part = pixels[start : start + size]
    assert count_values(part).tolist() == naive_counts(part)


@pytest.mark.parametrize("name", odd_masks())
def test_odd_masks_of_every_writer(name: str) -> None:
    mask = odd_masks()[name]
    for data in (encode_png(mask), by_pillow(mask)):
        assert count_png(data).tolist() == naive_counts(mask)
        assert count_png(data, read_header(data)).tolist() == naive_counts(mask)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 330),
    st.integers(1, 14),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 5, 90, 400]),
    st.sampled_from([2, 5, 256]),
    st.lists(st.integers(0, 4), min_size=1, max_size=6),
)
def test_all_filters_at_all_widths(
    width: int, height: int, seed: int, longest: int, values: int, filters: list[int]
) -> None:
    pixels = flat(height, width, seed, longest, values)
    data = filtered_png(pixels, filters, width)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
    assert np.array_equal(decode_png(data), pixels)
    assert count_png(data).tolist() == naive_counts(pixels)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_samples_of_less_than_a_byte_are_counted_without_the_padding(bits: int) -> None:
    data = filtered_png(np.full((3, 1), 255, np.uint8), [0], 1, bits)
    assert np.flatnonzero(count_png(data)).tolist() == [2**bits - 1]
    assert count_png(data).sum() == 3


@pytest.mark.parametrize("width", [1, 63, 64, 65, 200])
def test_the_first_bad_row_is_named(width: int) -> None:
    mask = np.zeros((9, width), np.uint8)
    rows = bytearray(np.pad(mask, ((0, 0), (1, 0))).tobytes())
    rows[(width + 1) * 8] = 5
    ihdr, _, iend = chunks(encode_png(mask))
    data = join([ihdr, (b"IDAT", zlib.compress(bytes(rows))), iend])
    for read in (decode_png, count_png):
        with pytest.raises(PngError, match="row 8 names filter 5"):
            read(data)


def by_the_book(data: bytes) -> np.ndarray | None:
    """Return the pixels of a PNG as zlib and the specification have them, None where it is damaged."""
    try:
        stream = zlib.decompressobj()
        rows = stream.decompress(b"".join(body for name, body in chunks(data) if name == b"IDAT"))
    except zlib.error:
        return None
    header = read_header(data)
    if not stream.eof or len(rows) != header.height * (header.width + 1):
        return None
    pixels = np.zeros((header.height + 1, header.width + 1), int)
    for y in range(header.height):
        row = rows[y * (header.width + 1) : (y + 1) * (header.width + 1)]
        for x, residual in enumerate(row[1:], 1):
            left, up, corner = (int(pixels[j]) for j in ((y + 1, x - 1), (y, x), (y, x - 1)))
            nearest = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
            if row[0] > 4:
                return None
            pixels[y + 1, x] = (residual + (0, left, up, (left + up) // 2, nearest)[row[0]]) & 255
    return pixels[1:, 1:]


@pytest.mark.parametrize("writer", ["gtmask", "Pillow"])
def test_damage_at_every_byte_is_refused(writer: str) -> None:
    mask = street(9, 21)
    whole = encode_png(mask) if writer == "gtmask" else by_pillow(mask)
    for place in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            data = bytearray(whole)
            data[place] ^= change
            for read in (decode_png, count_png):
                with pytest.raises(PngError):
                    read(bytes(data))


@pytest.mark.slow
@pytest.mark.parametrize("writer", ["gtmask", "Pillow"])
def test_damage_below_a_right_checksum_is_refused_as_zlib_does(writer: str) -> None:
    mask = street(9, 21)
    ihdr, idat, iend = chunks(encode_png(mask) if writer == "gtmask" else by_pillow(mask))
    for place in range(len(idat[1])):
        for change in range(1, 256):
            stream = bytearray(idat[1])
            stream[place] ^= change
            data = join([ihdr, (b"IDAT", bytes(stream)), iend])
            expected = by_the_book(data)
            try:
                found = decode_png(data)
            except PngError:
                assert expected is None
                with pytest.raises(PngError):
                    count_png(data)
            else:
                # Of a distance code with one code, libdeflate takes the unused bit for the used one: the
                # pixels are then still those that the stream's own checksum stands for.
                assert np.array_equal(found, mask if expected is None else expected)
                assert count_png(data).tolist() == naive_counts(found)


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = encode_png(street(30, 40), palette=["#010203"])
    for length in range(len(whole)):
        for read in (decode_png, count_png):
            with pytest.raises(PngError):
                read(whole[:length])


@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("strategy", [0, 1, 2, 3, 4])
def test_streams_of_every_kind(level: int, strategy: int) -> None:
    mask = street(80, 130)
    stream = zlib.compressobj(level, 8, 9, 1, strategy)
    ihdr, _, iend = chunks(encode_png(mask))
    rows = np.pad(mask, ((0, 0), (1, 0))).tobytes()
    data = join([ihdr, (b"IDAT", stream.compress(rows) + stream.flush()), iend])
    assert count_png(data).tolist() == naive_counts(mask)
    assert np.array_equal(decode_png(data), mask)


@numba.njit
def first_wrong_sum() -> tuple[int, int, int]:
    for left in range(256):
        for up in range(256):
            for corner in range(256):
                guess = left + up - corner
                nearest = left
                if abs(guess - up) < abs(guess - nearest):
                    nearest = up
                if abs(guess - corner) < abs(guess - nearest):
                    nearest = corner
                if unfilter.add_paeth(3, left, up, corner) != (3 + nearest) & 255:
                    return left, up, corner
    return -1, -1, -1


def test_paeth_for_all_neighbours() -> None:
    search: Any = first_wrong_sum  # Numba's types know no function without arguments
    assert search() == (-1, -1, -1)


@numba.njit
def move(out: np.ndarray, i: int, left: np.ndarray, j: int, k: int, value: int) -> None:
    simd.copy(out, i, left, j)
    simd.add(out, i + 70, left, j, left, k)
    simd.accumulate(out, i + 140, left, j, np.uint8(value))
    simd.fill(out, i + 210, np.uint8(value))


@numba.njit
def find_others(pixels: np.ndarray, i: int, value: int) -> int:
    return simd.others(pixels, i, np.uint8(value))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(0, 40), st.integers(0, 255))
def test_compiled_moves_equal_those_in_python(seed: int, i: int, j: int, value: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, 110).astype(np.uint8)
    out = np.zeros(350, np.uint8)
    expected = out.copy()
    move(out, i, pixels, j, i, value)
    simd.copy_in_python(expected, i, pixels, j)
    simd.add_in_python(expected, i + 70, pixels, j, pixels, i)
    simd.accumulate_in_python(expected, i + 140, pixels, j, value)
    simd.fill_in_python(expected, i + 210, value)
    assert np.array_equal(out, expected)
    sums = [(value + sum(pixels[j : j + k + 1].tolist())) & 255 for k in range(64)]
    assert out[i + 140 : i + 204].tolist() == sums
    value = int(pixels[i + value % 64])
    bits = sum(1 << k for k in range(64) if pixels[i + k] != value)
    assert find_others(pixels, i, value) == bits == int(simd.others_in_python(pixels, i, value))


ALL_FILTERS = """
import numpy as np
from gtmask.png import count_png, decode_png
from tests.support.png_masks import filtered_png
rng = np.random.default_rng(3)
for height, width in ((1, 1), (3, 63), (4, 64), (5, 65), (6, 200), (40, 33)):
    for longest in (1, 9, 90):
        pixels = np.repeat(rng.integers(0, 3, (height, width)), longest, axis=1)[:, :width].astype(np.uint8)
        for filters in ([0], [1], [2], [3], [4], [4, 4, 1, 2, 0, 3]):
            data = filtered_png(pixels, filters, width)
            assert np.array_equal(decode_png(data), pixels)
            assert np.array_equal(count_png(data), np.bincount(pixels.ravel(), minlength=256))
print("equal")
"""


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_no_kernel_leaves_its_arrays(flag: str, tmp_path) -> None:
    paths = {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent.parent)}
    environment = {**os.environ, flag: "1", **paths}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALL_FILTERS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "equal\n", done.stderr
