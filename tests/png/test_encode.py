"""Every PNG we write is read back by four independent decoders, and is what the contract says."""

from __future__ import annotations

import io
import threading
import zlib
from hashlib import sha256
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import gtmask
from gtmask.png import container, count_values, deflate, encode_counted, encode_png, read_header
from gtmask.png.deflate import deflate_rows
from gtmask.png.runs import WIDEST_ROW, marks_size, write_runs
from tests.support.png_masks import chunks, decode_everywhere, odd_masks, street

COLORS = ["#ffffff", "#2ca02c", "#1f77b4", "#ff7f0e"]


def assert_equal_everywhere(mask: np.ndarray, data: bytes) -> None:
    for decoder, pixels in decode_everywhere(data).items():
        assert pixels.shape == mask.shape, decoder
        assert np.array_equal(pixels, mask), decoder


@pytest.mark.parametrize("name", odd_masks())
@pytest.mark.parametrize("palette", [None, COLORS])
def test_odd_masks_decode_to_equal_pixels(name: str, palette: list[str] | None) -> None:
    mask = odd_masks()[name]
    assert_equal_everywhere(mask, encode_png(mask, palette=palette))


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Random bytes or runs, rows that repeat or move sideways, widths of every kind."""
    width = draw(st.one_of(st.integers(1, 200), st.sampled_from([255, 256, 257, 258, 4095, 70_000])))
    height = draw(st.integers(1, 40 if width < 1000 else 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = draw(st.sampled_from([1, 2, 5, 256]))
    longest = draw(st.sampled_from([1, 3, 9, 300]))
    runs = rng.integers(1, longest + 1, width * height)
    line = np.repeat(rng.integers(256 - values, 256, runs.size), runs)[: width * height]
    mask = line.astype(np.uint8).reshape(height, width)
    for y in range(1, height):
        if rng.random() < draw(st.sampled_from([0, 0.9])):
            mask[y] = np.roll(mask[y - 1], int(rng.integers(-2, 3)))
    return mask


@settings(max_examples=150, deadline=None)
@given(masks())
def test_any_mask_decodes_to_equal_pixels(mask: np.ndarray) -> None:
    data = encode_png(mask)
    assert_equal_everywhere(mask, data)
    assert len(data) <= 1.01 * (mask.size + mask.shape[0]) + 80


@pytest.mark.parametrize("shape", [(1, 70_000), (70_000, 1), (1000, 1000), (3, 65_535), (2, 200_000)])
def test_noise_is_stored(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    rows = noise.size + shape[0]
    stored = rows + 5 * -(-rows // 65535)
    data = encode_png(noise)
    assert len(data) <= 1.01 * stored + 63  # 63: signature, chunks, and the zlib stream's own 6 bytes
    assert_equal_everywhere(noise, data)


def test_rows_beyond_the_kernels_limit_are_still_written() -> None:
    mask = np.zeros((2, WIDEST_ROW + 1), np.uint8)
    mask[1, 12345:] = 9
    assert zlib.decompress(deflate_rows(mask)) == b"\0" + mask[0].tobytes() + b"\0" + mask[1].tobytes()


def test_runs_of_many_rows_are_cut_where_a_block_ends() -> None:
    mask = np.zeros((9000, 1000), np.uint8)  # more than one of the longest blocks
    mask[-1, -1] = 1
    assert_equal_everywhere(mask, encode_png(mask))


def test_gray_has_exactly_three_chunks() -> None:
    data = encode_png(street(48, 64))
    assert [name for name, _ in chunks(data)] == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks(data)[0][1] == bytes([0, 0, 0, 64, 0, 0, 0, 48, 8, 0, 0, 0, 0])


@pytest.mark.parametrize("encoder", ["fast", "pypng"])
@pytest.mark.parametrize(
    "palette", [COLORS, dict(enumerate(COLORS)), tuple(color.upper() for color in COLORS)]
)
def test_palette_has_256_entries_and_nothing_else(encoder: str, palette: object) -> None:
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = encode_png(mask, palette=palette, encoder=encoder)
    assert [name for name, _ in chunks(data)] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert chunks(data)[0][1] == bytes([0, 0, 0, 4, 0, 0, 0, 3, 8, 3, 0, 0, 0])
    named = b"".join(bytes.fromhex(color[1:]) for color in COLORS)
    assert chunks(data)[1][1] == named + b"\xff" * (768 - len(named))
    assert_equal_everywhere(mask, data)


def test_palette_of_single_ids() -> None:
    data = encode_png(np.zeros((2, 2), np.uint8), palette={255: "#010203"})
    assert chunks(data)[1][1] == b"\xff" * 765 + b"\1\2\3"


def test_pypng_writes_the_same_pixels() -> None:
    mask = street(480, 640)
    data = encode_png(mask, encoder="pypng")
    assert [name for name, _ in chunks(data)] == [b"IHDR", b"IDAT", b"IEND"]
    assert_equal_everywhere(mask, data)


@pytest.mark.parametrize("encoder", ["fast", "pypng"])
@pytest.mark.parametrize("longest", [299_999, 300_000])
def test_pixels_beyond_the_longest_chunk_go_into_several(monkeypatch, encoder: str, longest: int) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (700, 1000)).astype(np.uint8)
    monkeypatch.setattr(container, "_LONGEST_CHUNK", longest)
    data = encode_png(noise, encoder=encoder)
    lengths = [len(body) for name, body in chunks(data) if name == b"IDAT"]
    assert len(lengths) > 2
    assert 0 < max(lengths) <= longest
    assert_equal_everywhere(noise, data)


def test_views_are_encoded_as_they_look() -> None:
    mask = street(240, 321)
    for view in (mask[::2, 5:-7:3], mask.T, mask[::-1]):
        assert encode_png(view) == encode_png(view.copy())
        assert_equal_everywhere(view, encode_png(view))


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((2, 2), np.int64),
        np.zeros(4, np.uint8),
        np.zeros((2, 2, 3), np.uint8),
        np.zeros((0, 5), np.uint8),
        [[0, 1], [1, 0]],
        None,
    ],
)
def test_what_is_no_mask_is_refused(mask: object) -> None:
    with pytest.raises(ValueError, match="A mask is a 2-dimensional uint8 array"):
        encode_png(mask)


@pytest.mark.parametrize(
    ("palette", "said"),
    [
        (["#fff"], "class id 0 is '#fff'"),
        (["2ca02c"], "colours are '#rrggbb'"),
        (["#2ca02g"], "colours are '#rrggbb'"),
        ({256: "#000000"}, "class id 256"),
        ({-1: "#000000"}, "class id -1"),
        (["#000000"] * 257, "class id 256"),
    ],
)
def test_a_wrong_palette_is_refused(palette: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encode_png(np.zeros((2, 2), np.uint8), palette=palette)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="no PNG encoder 'best'"):
        encode_png(np.zeros((2, 2), np.uint8), encoder="best")


def test_the_same_mask_gives_the_same_bytes_in_every_thread() -> None:
    many = [street(120 + i, 160, seed=i) for i in range(12)]
    expected = [encode_png(mask) for mask in many]
    differing = []

    def encode(turn: int) -> None:
        for _ in range(10):
            for i in range(turn, turn + len(many)):
                if encode_png(many[i % len(many)]) != expected[i % len(many)]:
                    differing.append(i)

    threads = [threading.Thread(target=encode, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not differing


def test_the_library_exports_the_encoder() -> None:
    header = read_header(gtmask.encode_png(np.zeros((3, 5), np.uint8)))
    assert (header.width, header.height, header.chunks) == (5, 3, ("IHDR", "IDAT", "IEND"))


def test_the_bytes_do_not_depend_on_the_masks_before():
    noise = np.random.default_rng(1).integers(0, 3, (700, 300)).astype(np.uint8)
    before = encode_png(noise)
    encode_png(np.zeros((1, 200_000), np.uint8))
    assert encode_png(noise) == before


def test_a_read_only_mask_is_encoded_by_the_kernels_that_are_compiled():
    mask = np.zeros((40, 50), np.uint8)
    expected = encode_png(mask)
    compiled: Any = write_runs
    variants = len(compiled.signatures)
    mask.setflags(write=False)
    assert encode_png(mask) == expected
    assert len(compiled.signatures) == variants


@pytest.mark.parametrize("name", odd_masks())
def test_pixels_are_counted_while_they_are_encoded(name: str) -> None:
    mask = odd_masks()[name]
    data, counts = encode_counted(mask)
    assert data == encode_png(mask)
    assert counts.tolist() == np.bincount(mask.reshape(-1), minlength=256).tolist()


@pytest.mark.parametrize(
    ("shape", "encoder"), [((3, 7), "pypng"), ((700, 300), "fast"), ((2, WIDEST_ROW + 1), "fast")]
)
def test_every_encoder_counts(shape: tuple[int, int], encoder: Literal["fast", "pypng"]) -> None:
    mask = np.random.default_rng(3).integers(0, 5, shape).astype(np.uint8)[:, ::-1]
    data, counts = encode_counted(mask, encoder=encoder)
    assert data == encode_png(mask, encoder=encoder)
    assert counts.tolist() == count_values(np.ascontiguousarray(mask)).tolist()


def test_the_bytes_of_a_mask_are_those_of_other_machines_and_releases():
    """Runs that go on elsewhere, or after an update, are compared by bytes; another encoder needs a note."""
    digest = sha256()
    for mask in odd_masks().values():
        digest.update(encode_png(mask))
    assert digest.hexdigest() == "822c2462023b3c2f64bb0b58258bf08592c24ec2d66a4656e7af80fc7aa72202"


def test_a_stored_block_begins_wherever_in_a_byte_the_block_before_ends(monkeypatch):
    """Rows of few values become runs, noise after them is stored: at all eight places in a byte."""
    store, places = deflate._store_rows, []

    def noted(mask: Any, first: int, *rest: Any) -> None:
        places.append(int(rest[-1][2]) if first else -1)
        store(mask, first, *rest)

    monkeypatch.setattr(deflate, "_store_rows", noted)
    rng = np.random.default_rng(11)
    while set(places) != set(range(8)):
        assert len(places) < 1000
        mask = rng.integers(0, 256, (700, 256)).astype(np.uint8)
        mask[:500] = rng.integers(0, rng.integers(2, 30), (500, 256))
        data, counts = encode_counted(mask)
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.array(image), mask)
        assert np.array_equal(counts, count_values(mask))


@pytest.mark.parametrize("shape", [(1, 1), (70_000, 1), (1, 70_000), (100, 32_768), (300, 300), (2000, 65)])
def test_buffers_are_as_large_as_the_worst_mask_needs(monkeypatch, shape: tuple[int, int]):
    """The kernels look at no bounds: what does not fit is written into other memory, without a word."""
    monkeypatch.setattr(deflate, "_workspace", deflate._Workspace())
    noise = np.random.default_rng(2).integers(0, 256, shape).astype(np.uint8)
    written = len(deflate_rows(noise))
    work = deflate._workspace
    assert work.out.size >= written + 8  # bits are written eight bytes at a time
    assert work.tokens.size >= 2 * shape[1] + 8
    assert work.filters.size >= shape[0]
    assert work.marks.size >= marks_size(shape[1])
