"""What a header may say, by the letter of the specification: everything that it allows, and nothing else."""

from __future__ import annotations

import struct
from itertools import product

import numpy as np
import pytest

from gtmask.errors import PngError
from gtmask.png import container, decode_png, encode_png, read_header
from tests.support.png_masks import SIGNATURE, chunks, join

#: https://www.w3.org/TR/png-3/, table 12, as it stands there.
ALLOWED = {
    *((0, bits) for bits in (1, 2, 4, 8, 16)), *((3, bits) for bits in (1, 2, 4, 8)),
    (2, 8), (2, 16), (4, 8), (4, 16), (6, 8), (6, 16),
}  # fmt: skip


def header(
    width: int = 4, height: int = 3, bits: int = 8, color: int = 0, rest: tuple[int, int, int] = (0, 0, 0)
) -> bytes:
    return join([(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, *rest))])


def test_each_colour_type_has_the_depths_of_the_specification() -> None:
    for color, bits in product(range(9), range(20)):
        data = header(bits=bits, color=color)
        if (color, bits) in ALLOWED:
            found = read_header(data)
            assert (found.color_type, found.bit_depth) == (color, bits)
        else:
            with pytest.raises(PngError, match=f"colour type {color} with {bits} bits"):
                read_header(data)


def test_methods_are_those_that_there_are() -> None:
    for rest in product(range(3), repeat=3):
        if rest in {(0, 0, 0), (0, 0, 1)}:
            assert read_header(header(rest=rest)).interlace == rest[2]
        else:
            with pytest.raises(PngError, match="PNG has 0, 0 and 0 or 1"):
                read_header(header(rest=rest))


@pytest.mark.parametrize("size", [0, 1, 2**31 - 1, 2**31, 2**32 - 1])
def test_sizes_end_where_the_specification_says(size: int) -> None:
    for given in ({"width": size}, {"height": size}):
        if 0 < size < 2**31:
            found = read_header(header(**given))
            assert (found.width, found.height) == (given.get("width", 4), given.get("height", 3))
        else:
            with pytest.raises(PngError, match="gives a size of"):
                read_header(header(**given))


@pytest.mark.parametrize("length", [*range(10), 765, 766, 768, 769, 771, 774])
def test_a_palette_has_1_to_256_colours(length: int) -> None:
    palette = bytes(range(256))[:length] if length < 256 else bytes(length)
    data = header(color=3) + join([(b"PLTE", palette)])[8:]
    if length % 3 == 0 and 1 <= length // 3 <= 256:
        assert read_header(data).palette == palette
    else:
        with pytest.raises(PngError, match=f"has {length} bytes; it must have 3 for each"):
            read_header(data)


def test_of_two_palettes_the_first_counts() -> None:
    """PNG has one at most; browsers show the first."""
    more = join([(b"PLTE", b"abc"), (b"PLTE", b"defghi"), (b"PLTE", b"")])[8:]
    assert read_header(header(color=3) + more).palette == b"abc"


def test_a_chunk_is_at_most_as_long_as_the_specification_says() -> None:
    assert container._LONGEST_CHUNK == 2**31 - 1
    longest = header() + struct.pack(">I4s", 2**31 - 1, b"IDAT")
    assert read_header(longest).chunks == ("IHDR", "IDAT")
    with pytest.raises(PngError, match="at byte 33 stands no chunk"):
        read_header(header() + struct.pack(">I4s", 2**31, b"IDAT"))


def test_wherever_a_file_is_cut_its_header_is_what_the_bytes_hold() -> None:
    """A chunk is seen with its first eight bytes, and the palette with its last, which is of its checksum."""
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    whole = encode_png(mask, palette=["#010203"])
    begins = np.cumsum([8, *(12 + len(body) for _, body in chunks(whole))]).tolist()
    for length in range(len(whole) + 1):
        if length < begins[1]:
            with pytest.raises(PngError):
                read_header(whole[:length])
            continue
        found = read_header(whole[:length])
        seen = sum(begin + 8 <= length for begin in begins[:-1])
        assert found.chunks == ("IHDR", "PLTE", "IDAT", "IEND")[:seen]
        assert (found.palette is not None) == (length >= begins[2])
        if length < len(whole):
            with pytest.raises(PngError):
                decode_png(whole[:length])
    assert np.array_equal(decode_png(whole), mask)


def test_what_follows_the_end_is_not_looked_at() -> None:
    whole = encode_png(np.eye(3, dtype=np.uint8))
    assert read_header(whole + b"\0\0\0\4more of it").chunks == ("IHDR", "IDAT", "IEND")
    assert np.array_equal(decode_png(whole + SIGNATURE), np.eye(3))
