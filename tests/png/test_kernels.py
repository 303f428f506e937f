"""Each kernel of the encoder against a slow, obvious twin."""

from __future__ import annotations

import heapq
import os
import subprocess
import sys
import zlib
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask import simd
from gtmask.png import bits, blocks, dynamic, huffman, runs
from tests.support.png_masks import odd_masks

COUNTS = st.lists(st.integers(0, 5000) | st.integers(0, 3), min_size=2, max_size=286)


def write_all_runs(mask: np.ndarray) -> tuple[list[tuple[int, int]], np.ndarray, int]:
    """Return all runs of a mask, the rows' filters, and Adler-32; blocks as small as they may be."""
    height, width = mask.shape
    pixels = np.pad(mask.reshape(-1), (0, max(0, width + runs.SPARE_BYTES - mask.size)))
    marks = np.empty(runs.marks_size(width), np.uint64)
    tokens = np.zeros(2 * width + 8, np.uint32)
    filters = np.zeros(height, np.uint8)
    found, row, low, high = [], 0, 1, 0
    by_value = np.zeros(256, np.int64)
    while row < height:
        first = row
        row, used = runs.write_runs(pixels, width, row, height, 3, marks, tokens, filters, by_value)
        places = tokens[: used + 1].astype(int) >> 8
        block = list(zip((tokens[:used] & 255).tolist(), np.diff(places).tolist(), strict=True))
        assert places[0] == 0
        assert places[-1] == (row - first) * (width + 1)
        counts = np.full(blocks.COUNTED, -1)
        low_more, high_more = blocks.count_parts(tokens, used, counts)
        high = (high + int(places[-1]) * low + int(high_more)) % 65521
        low = (low + int(low_more)) % 65521
        assert [parts_of(int(token)) for token in tokens[:used]] == [naive_parts(*run) for run in block]
        assert np.array_equal(counts, naive_counts(block))
        found += block
        assert np.array_equal(by_value, np.bincount(mask[:row].reshape(-1), minlength=256))
    return found, filters, high << 16 | low


def parts_of(token: int) -> tuple[int, int, int]:
    """Return the index of a rewritten token's literals, that of its rest, and its longest matches."""
    literals, rest = indices(np.uint32(token))
    return int(literals), int(rest), token >> blocks.CHAIN_SHIFT


@numba.njit
def indices(token: np.uint32) -> Any:
    return blocks.literals_of(token), blocks.rest_of(token)


def naive_parts(value: int, length: int) -> tuple[int, int, int]:
    rest = (length - 1) % 258
    literals = 1 + (rest if rest < 3 else 0)
    return value + 256 * (literals - 1), blocks.RUNS + rest, (length - 1) // 258


def naive_counts(block: list[tuple[int, int]]) -> np.ndarray:
    counts = np.zeros(blocks.COUNTED, int)
    counts[blocks.END] = 1
    for run in block:
        literals, rest, chain = naive_parts(*run)
        counts[literals] += 1
        counts[rest] += 1
        counts[blocks.RUNS + 258] += chain
    return counts


def naive_rows(mask: np.ndarray, filters: np.ndarray) -> bytes:
    rows = b""
    for y, kind in enumerate(filters):
        row = mask[y].astype(int) - (mask[y - 1].astype(int) if kind == 2 else 0)
        rows += bytes([kind]) + bytes(row % 256 for row in row.tolist())
    return rows


@pytest.mark.parametrize("name", [name for name in odd_masks() if "70,000" not in name])
def test_runs_are_the_filtered_rows(name: str) -> None:
    mask = odd_masks()[name]
    found, filters, adler = write_all_runs(mask)
    rows = b"".join(bytes([value]) * length for value, length in found)
    assert set(filters.tolist()) <= {0, 2}
    assert rows == naive_rows(mask, filters)
    assert adler == zlib.adler32(rows)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 260), st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from([1, 4, 70]))
def test_runs_of_random_rows(width: int, height: int, seed: int, longest: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.repeat(rng.integers(0, 3, (height, width)), longest, axis=1)[:, :width].astype(np.uint8)
    mask = np.ascontiguousarray(mask)
    found, filters, adler = write_all_runs(mask)
    assert b"".join(bytes([value]) * length for value, length in found) == naive_rows(mask, filters)
    assert adler == zlib.adler32(naive_rows(mask, filters))


@numba.njit
def compare(pixels: np.ndarray, i: int, j: int) -> tuple[int, int, int, int, int]:
    word = simd.differences(pixels, i, j)
    slopes = simd.slope_differences(pixels, i, j)
    return word, slopes, simd.count_bits(word), simd.lowest_bit(word), simd.clear_lowest_bit(word)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(0, 40))
def test_compiled_comparisons_equal_those_in_python(seed: int, i: int, j: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 2, 110).astype(np.uint8)
    differing = [k for k in range(64) if pixels[i + k] != pixels[j + k]]
    word, slopes, count, lowest, cleared = compare(pixels, i, j)
    assert word == sum(1 << k for k in differing) == int(simd.differences_in_python(pixels, i, j))
    assert slopes == int(simd.slope_differences_in_python(pixels, i, j))
    assert count == len(differing) == simd.count_bits_in_python(word)
    assert lowest == min(differing, default=64) == simd.lowest_bit_in_python(word)
    assert cleared == sum(1 << k for k in differing[1:]) == int(simd.clear_lowest_bit_in_python(word))


def scratch() -> np.ndarray:
    return np.full(huffman.SCRATCH, -1)


@numba.njit
def canonical_codes(lengths: np.ndarray, symbols: int, codes: np.ndarray) -> None:
    huffman.canonical_codes(lengths, symbols, np.empty(17, np.int64), codes)


def naive_cost(counts: list[int]) -> int:
    """Bits of the best prefix code: the sum of all inner nodes of the Huffman tree."""
    heap = [count for count in counts if count]
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        node = heapq.heappop(heap) + heapq.heappop(heap)
        cost += node
        heapq.heappush(heap, node)
    return cost


def naive_limited_cost(counts: list[int], limit: int) -> int:
    """Bits of the best prefix code with limited lengths, by package-merge."""
    leaves = sorted(count for count in counts if count)
    packages = list(leaves)
    for _ in range(limit - 1):
        pairs = [sum(pair) for pair in zip(packages[::2], packages[1::2], strict=False)]
        packages = sorted(leaves + pairs)
    return sum(packages[: 2 * len(leaves) - 2])


@settings(max_examples=200, deadline=None)
@given(COUNTS, st.sampled_from([9, 15, 40]))
def test_code_lengths(counts: list[int], limit: int) -> None:
    lengths = np.full(len(counts), -1, np.int64)
    huffman.code_lengths(np.array(counts), limit, lengths, scratch())
    assert [length > 0 for length in lengths] == [count > 0 for count in counts]
    used = [int(length) for length in lengths if length]
    assert max(used, default=0) <= limit
    if len(used) > 1:
        assert sum(2 ** (limit - length) for length in used) == 2**limit  # Kraft equality: complete
        cost = int((lengths * counts).sum())
        assert cost >= naive_limited_cost(counts, limit)
        if cost != naive_cost(counts):  # only where the limit bites, and then close to the best
            assert naive_limited_cost(counts, limit) > naive_cost(counts)
            assert cost <= 1.05 * naive_limited_cost(counts, limit)
    else:
        assert used in ([], [1])


def test_code_lengths_of_fibonacci_weights_are_cut() -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 40:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    lengths = np.zeros(40, np.int64)
    huffman.code_lengths(np.array(fibonacci), 15, lengths, scratch())
    assert lengths.max() == 15
    assert sum(2.0**-length for length in lengths) == 1


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_canonical_codes(counts: list[int]) -> None:
    lengths = np.zeros(len(counts), np.int64)
    codes = np.zeros(len(counts), np.uint64)
    huffman.code_lengths(np.array(counts), 15, lengths, scratch())
    canonical_codes(lengths, len(counts), codes)
    code, last, expected = 0, 0, {}
    for length, symbol in sorted((int(length), symbol) for symbol, length in enumerate(lengths) if length):
        code <<= length - last
        expected[symbol] = format(code, f"0{length}b")[::-1]
        code, last = code + 1, length
    for symbol, digits in expected.items():
        assert int(codes[symbol]) >> 56 == len(digits)
        assert int(codes[symbol]) & (1 << 56) - 1 == int(digits, 2)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 15), st.integers(1, 150)), min_size=1, max_size=40))
def test_packed_lengths_unpack(stretches: list[tuple[int, int]]) -> None:
    lengths = np.array([value for value, times in stretches for _ in range(times)], np.int64)[:287]
    packed = np.zeros(287, np.int64)
    unpacked: list[int] = []
    counts = np.full(19, -1, np.int64)
    items = packed[: dynamic.pack_lengths(lengths, packed, counts)].tolist()
    assert counts.tolist() == [sum(item & 255 == symbol for item in items) for symbol in range(19)]
    for item in items:
        symbol, extra = item & 255, item >> 8
        if symbol < 16:
            unpacked.append(symbol)
        else:
            value, least, most = {16: (unpacked[-1:], 3, 6), 17: ([0], 3, 10), 18: ([0], 11, 138)}[symbol]
            assert least <= extra + least <= most
            unpacked += value * (extra + least)
    assert unpacked == lengths.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(1, 900)), min_size=1, max_size=60))
def test_a_block_is_as_long_as_planned_and_inflates_to_its_runs(block: list[tuple[int, int]]) -> None:
    check_block(block)


@pytest.mark.parametrize("rarest", [1, 4, 64])
def test_runs_of_any_length_are_written_where_codes_are_as_long_as_they_may_be(rarest: int) -> None:
    """One literal has a code of 15 bits, and the longest match one of a few bits, or of very many."""
    block = [(value, 1) for value in range(15) for _ in range(1 << value)]
    # The rarest literal comes once to three times, before so many longest matches and a rest of any length.
    lengths = [times + 258 * many for times in (1, 2, 3, 4, 200) for many in range(0, rarest + 1, rarest)]
    check_block([*block, *((200, length) for length in lengths), *((201, 1), (200, 258 * 9 + 3))])


@pytest.mark.parametrize("values", [2, 200])
def test_many_runs_of_any_length_inflate(values: int) -> None:
    """Of blocks with so many runs the codes of a few longest matches are joined."""
    rng = np.random.default_rng(5)
    lengths = np.concatenate([np.arange(1, 258 * 6), rng.integers(1, 40, 5000)])
    rng.shuffle(lengths)
    start = int(rng.integers(values))
    check_block([((start + i) % values, length) for i, length in enumerate(lengths.tolist())])


def check_block(block: list[tuple[int, int]]) -> None:
    """Write runs as a block and inflate it."""
    stream = b"".join(bytes([value]) * length for value, length in block)
    starts = np.cumsum([0, *(length for _, length in block)])
    tokens = (starts << 8 | [*(value for value, _ in block), 0]).astype(np.uint32)
    plan = dynamic.BlockPlan()
    blocks.count_parts(tokens, len(block), plan.counts)
    planned = plan.find(True)
    out, state = np.zeros(2 * len(stream) + 400, np.uint8), np.zeros(3, np.uint64)
    bits.write_block(plan.header, plan.items, tokens, len(block), plan.codes, out, state)
    assert 8 * int(state[0]) + int(state[2]) == planned
    assert zlib.decompress(out[: int(state[0]) + 1].tobytes(), wbits=-15) == stream


def test_the_reciprocal_divides_exactly_up_to_the_longest_block() -> None:
    lengths = np.arange(runs.LONGEST_BLOCK)
    assert np.array_equal((lengths * blocks.RECIPROCAL) >> 32, lengths // 258)
    assert runs.LONGEST_BLOCK // 258 < 1 << (32 - blocks.CHAIN_SHIFT)


def test_length_symbols_are_those_of_the_standard() -> None:
    # RFC 1951, 3.2.5: first length and extra bits of the symbols 257 to 285.
    first = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131]
    first += [163, 195, 227, 258]
    extra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
    for length in range(3, 259):
        symbol = max(i for i, start in enumerate(first) if start <= length)
        assert dynamic.LENGTH_SYMBOLS[length] == 257 + symbol
        assert dynamic.LENGTH_WIDTHS[length] == extra[symbol]
        assert dynamic.LENGTH_EXTRAS[length] == length - first[symbol]


ROUND_TRIPS = """
import numpy as np
from gtmask.png import decode_png, encode_png
rng = np.random.default_rng(3)
for height, width in ((1, 1), (3, 64), (4, 65), (9, 130), (6, 200), (40, 33)):
    for mask in (
        rng.integers(0, 256, (height, width)),
        np.repeat(rng.integers(0, 3, (height, width)), 9, axis=1)[:, :width],
        np.repeat(rng.integers(0, 3, (1, width)), height, axis=0),
        np.zeros((height, width)),
    ):
        mask = np.ascontiguousarray(mask, dtype=np.uint8)
        assert np.array_equal(decode_png(encode_png(mask)), mask)
print("equal")
"""


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_no_kernel_leaves_its_arrays(flag: str, tmp_path) -> None:
    environment = {**os.environ, flag: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ROUND_TRIPS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "equal\n", done.stderr
