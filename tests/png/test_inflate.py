"""The inflater for streams of runs: against zlib, on right streams, refused ones and damaged ones."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.png import decode_png, decoder, encode_png, inflate
from gtmask.png.dynamic import LENGTH_EXTRAS, LENGTH_SYMBOLS, LENGTH_WIDTHS, META_ORDER
from gtmask.png.inflate import SPARE, inflate_runs
from support.png_masks import chunks, odd_masks, street

if TYPE_CHECKING:
    from pathlib import Path

END = 256


def inflated(stream: bytes, size: int) -> bytes | None:
    found = inflate_runs(np.frombuffer(bytearray(stream + bytes(SPARE)), np.uint8), size)
    return None if found is None else found.tobytes()


def by_zlib(stream: bytes) -> bytes | None:
    """What zlib reads, None where it finds the stream wrong or cut off."""
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(stream)
    except zlib.error:
        return None
    return data if reader.eof else None


def compressed(data: bytes, level: int = 6, memory: int = 9, strategy: int = zlib.Z_RLE) -> bytes:
    writer = zlib.compressobj(level, zlib.DEFLATED, 15, memory, strategy)
    return writer.compress(data) + writer.flush()


def canonical(lengths: list[int]) -> dict[int, str]:
    """The codes of RFC 1951, 3.2.2, as digits in the order in which a stream has them."""
    codes, code = {}, 0
    for length in range(1, 16):
        for symbol, own in enumerate(lengths):
            if own == length:
                codes[symbol] = format(code, f"0{length}b")
                code += 1
        code <<= 1
    return codes


def low_first(number: int, width: int) -> str:
    return format(number, f"0{width}b")[::-1] if width else ""


def stream_of(
    lengths: list[int],
    items: list[int | tuple[int, int]],
    *,
    distances: tuple[int, ...] = (1,),
    summed: int | None = None,
    repeated: bool = False,
    meta: tuple[int, ...] = (*[4] * 15, 5, 5, 0, 0),
) -> bytes:
    """Write one dynamic block of literals and (run, distance's code) in a code of the given lengths.

    What begins before the first byte repeats the last byte, or zero. The checksum is that of all bytes or
    of so many. The header's own code has 4 bits for each length but 15, which with "twice or more" has 5.
    """
    in_header = canonical(list(meta))
    codes, of_distances = canonical(lengths), canonical(list(distances))
    bits = "1" + low_first(2, 2) + low_first(len(lengths) - 257, 5) + low_first(len(distances) - 1, 5)
    bits += low_first(15, 4) + "".join(low_first(meta[symbol], 3) for symbol in META_ORDER)
    bits += in_header[16] + "00" if repeated else "".join(in_header[length] for length in lengths[:3])
    bits += "".join(in_header[length] for length in [*lengths[3:], *distances])
    written = bytearray()
    for item in items:
        if isinstance(item, int):
            bits += codes[item]
            written.append(item)
        else:
            size, distance = item
            symbol = LENGTH_SYMBOLS[size]
            bits += codes[symbol] + low_first(LENGTH_EXTRAS[size], LENGTH_WIDTHS[size])
            bits += of_distances[distance]
            for _ in range(size):
                written.append(written[-1 - distance] if len(written) > distance else (written or b"\0")[-1])
    bits += codes[END]
    bits += "0" * (-len(bits) % 8)
    body = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
    return b"\x78\x01" + body + zlib.adler32(written[:summed]).to_bytes(4, "big")


def staircase(order: list[int]) -> list[int]:
    """A complete code whose symbols, in this order, take 1, 2, 3 ... 15 bits, and what is left 15."""
    lengths = [0] * 286
    for place, symbol in enumerate(order):
        lengths[symbol] = min(place + 1, 15)
    assert sum(2**-length for length in lengths if length) == 1, "this code has 16 symbols"
    return lengths


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(1, 700)), min_size=1, max_size=120),
    st.sampled_from([1, 2, 3, 40, 256]),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_runs_as_zlib_writes_them(runs: list[tuple[int, int]], values: int, level: int, memory: int) -> None:
    data = b"".join(bytes([value % values]) * size for value, size in runs)
    stream = compressed(data, level, memory)
    assert inflated(stream, len(data)) in (data, None)  # None where blocks are fixed or stored
    if stream[2] >> 1 & 3 == 2 and len(data) < 2000:
        assert inflated(stream, len(data)) == data


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.2, 2.0, 3.0, 30.0]), st.integers(1, 9))
def test_many_blocks_of_values_that_are_rare(seed: int, step: float, blocks: int) -> None:
    """Values whose counts fall by a factor each have codes of all lengths, up to 15 bits."""
    rng = np.random.default_rng(seed)
    writer = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    whole, stream = b"", b""
    for block in range(blocks):
        values = np.minimum(rng.exponential(1 / np.log(step), 9000), 255).astype(np.uint8)
        data = np.repeat(values, np.where(rng.random(9000) < 0.1, rng.integers(1, 300, 9000), 1)).tobytes()
        whole += data
        stream += writer.compress(data) + writer.flush(zlib.Z_FINISH if block == blocks - 1 else zlib.Z_BLOCK)
    assert inflated(stream, len(whole)) == whole


@pytest.mark.parametrize("name", odd_masks())
def test_what_gtmask_and_opencv_write(name: str) -> None:
    mask = odd_masks()[name]
    size = mask.shape[0] * (mask.shape[1] + 1)
    for data in (encode_png(mask), cv2.imencode(".png", mask)[1].tobytes()):
        stream = b"".join(body for chunk, body in chunks(data) if chunk == b"IDAT")
        found = inflated(stream, size)
        if stream[2] >> 1 & 3 == 2 and name != "noise":
            assert found == by_zlib(stream)
        else:
            assert found is None


def test_every_run_length_with_codes_of_every_length() -> None:
    symbols = sorted({int(LENGTH_SYMBOLS[size]) for size in range(3, 259)})
    for turn in range(0, len(symbols), 3):
        longest = symbols[turn : turn + 3]
        for others in (10, 2):
            order = [END, *range(others), *longest][:16] if others == 10 else [7, END, *longest, 9]
            order += [200 + i for i in range(16 - len(order))]
            sizes = [size for size in range(3, 259) if LENGTH_SYMBOLS[size] in longest]
            items: list[int | tuple[int, int]] = []
            for size in sizes:
                items += [
                    order[0] if order[0] != END else order[1],
                    (size, 0),
                    order[-1],
                    (size, 0),
                    (size, 0),
                ]
            stream = stream_of(staircase(order), items)
            data = by_zlib(stream)
            assert data is not None
            assert inflated(stream, len(data)) == data


def test_long_codes_wherever_they_begin() -> None:
    """Four looks may take 44 bits, and the next symbol 21: whatever bit of a byte they begin at."""
    lengths = staircase([END, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 284, 265])
    assert (lengths[10], lengths[284], LENGTH_WIDTHS[257], LENGTH_WIDTHS[11]) == (11, 15, 5, 1)
    for before in range(70):
        for long in ((257, 0), (227, 0), (11, 0), 13):
            stream = stream_of(lengths, [1, *[1] * before, 10, 10, 10, 10, long, 2, 10, 10, 10, 10, long, 1])
            data = by_zlib(stream)
            assert data is not None
            assert inflated(stream, len(data)) == data


def test_a_first_symbol_with_a_long_code() -> None:
    assert inflated(stream_of(GOOD, [13, 1, (258, 0)]), 260) == b"\x0d" + b"\1" * 259
    late = [END, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 258, 13, 257]
    stream = stream_of(staircase(late), [(3, 0), 1])
    assert by_zlib(stream) is None
    assert inflated(stream, 4) is None
    work = inflate._workspace
    out = np.zeros(2000, np.uint8)
    for refused in (stream, stream_of(GOOD, [(3, 0), 1])):
        spared = np.frombuffer(bytearray(refused + bytes(SPARE)), np.uint8)
        assert inflate.read_blocks(spared, out, 5, work.codes, work.entries, work.scratch) == -1


def test_another_size_than_there_is() -> None:
    data = bytes(range(200)) * 3 + bytes(5000)
    stream = compressed(data)
    assert inflated(stream, len(data)) == data
    for size in (0, 1, len(data) - 1, len(data) + 1, 3 * len(data)):
        assert inflated(stream, size) is None


def test_bytes_behind_the_checksum_do_not_matter() -> None:
    data = bytes(range(200)) * 3 + bytes(5000)
    assert inflated(compressed(data) + b"more", len(data)) == data


GOOD = staircase([END, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 257, 258, 285, 12, 13])


LATE = staircase([END, *range(20, 35)])
NOT_FULL = (*[4] * 15, 5, 6, 0, 0)
#: Five codes of two bits, of which two are the same; else it is right, and says "ABAA".
TOO_FULL = bytes.fromhex("780105e0210900000080206033fea0520c02910106")


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("matches of any distance", compressed(b"abcdefgh" * 50 + bytes(range(256)), strategy=0)),
        ("the fixed code", compressed(bytes(900), strategy=zlib.Z_FIXED)),
        ("stored", compressed(bytes(range(256)), level=0)),
        ("empty", b""),
        ("two bytes", b"\x78\x01"),
        ("no zlib", b"\x77\x01" + stream_of(GOOD, [1, 2])[2:]),
        ("a wrong sum in the head", b"\x78\x02" + stream_of(GOOD, [1, 2])[2:]),
        ("a dictionary", b"\x78\x20" + stream_of(GOOD, [1, 2])[2:]),
        ("a run at the beginning", stream_of(GOOD, [(5 - 2, 0), 1, 2])),
        ("a run of distance 2", stream_of(GOOD, [1, 1, (3, 1)], distances=(1, 1))),
        ("a run of distance 2 after one byte", stream_of(GOOD, [1, (3, 1)], distances=(1, 1))),
        ("no code for distance 1", stream_of(GOOD, [1, 2], distances=(0, 1))),
        ("two bits for distance 1", stream_of(GOOD, [1, 2], distances=(2, 2, 2, 2))),
        ("a code with too many symbols", stream_of([*GOOD[:100], 1, *GOOD[101:]], [100])),
        ("more bytes than the checksum is of", stream_of(GOOD, [1, 2, 3], summed=2)),
        ("a code that leaves bits without a symbol", stream_of([*GOOD[:13], 0, *GOOD[14:]], [1, 2])),
        ("a length before the first", stream_of(LATE, [20, 21], repeated=True)),
        ("a window that deflate does not have", b"\x88\x1c" + stream_of(GOOD, [1, 2])[2:]),
        ("too many distances' codes of one bit", stream_of(GOOD, [1, 2], distances=(1, 1, 1))),
        ("distances' codes that leave bits without one", stream_of(GOOD, [1, 2], distances=(1, 2))),
        ("31 distances", stream_of(GOOD, [1, 2], distances=(1, *[0] * 30))),
        ("a header's code that leaves bits without a symbol", stream_of(GOOD, [1], meta=NOT_FULL)),
        ("a header's code with too many symbols", TOO_FULL),
        ("symbols that deflate does not have", stream_of([*GOOD, 0, 0], [1, 2])),
    ],
)
def test_other_streams_are_left_to_others(name: str, stream: bytes) -> None:
    data = by_zlib(stream)
    for size in {len(data or b""), 1, 2, 3, 4, 900}:
        assert inflated(stream, size) is None, name


def test_what_the_refused_streams_are_made_of_is_right() -> None:
    stream = stream_of(GOOD, [1, 2, (3, 0), 12, (258, 0), 13])
    assert inflated(stream, 265) == by_zlib(stream) == b"\1" + b"\2" * 4 + b"\x0c" * 259 + b"\x0d"
    assert inflated(stream_of(GOOD, [1, 2], distances=(1, 1)), 2) == b"\1\2"
    assert inflated(stream_of(LATE, [20, 21]), 2) == b"\x14\x15"


def test_the_kernel_is_called_with_writable_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """For others Numba would compile it anew, for seconds: they are not what is compiled ahead."""
    seen = []
    monkeypatch.setattr(decoder, "inflate_runs", lambda stream, _size: seen.append(stream.flags.writeable))
    mask = street(9, 21)
    assert np.array_equal(decode_png(encode_png(mask)), mask)
    assert seen == [True]


def test_a_stream_cut_anywhere() -> None:
    mask = street(30, 90)
    (stream,) = (body for chunk, body in chunks(encode_png(mask)) if chunk == b"IDAT")
    size = 30 * 91
    assert inflated(stream, size) == by_zlib(stream)
    for length in range(len(stream)):
        assert inflated(stream[:length], size) is None


def test_damage_is_never_taken_for_right() -> None:
    mask = street(9, 21)
    (stream,) = (body for chunk, body in chunks(encode_png(mask)) if chunk == b"IDAT")
    right = by_zlib(stream)
    for place in range(len(stream)):
        for change in range(1, 256):
            data = bytearray(stream)
            data[place] ^= change
            assert inflated(bytes(data), 9 * 22) in (None, right)


# The arrays' ends are watched by Python, and, but for moves of 64 bytes, by Numba: damage of every kind must
# stay within them.
DAMAGE = """
import sys, zlib
import numpy as np
from gtmask.png.inflate import SPARE, inflate_runs
rng = np.random.default_rng(11)
right = wrong = 0
for turn in range(int(sys.argv[1])):
    size = int(rng.integers(1, 900))
    values = rng.integers(0, rng.choice([2, 9, 256]), size)
    data = np.repeat(values, rng.choice([1, 1, 3, 300], size)).astype(np.uint8).tobytes()[:6000]
    writer = zlib.compressobj(6, zlib.DEFLATED, 15, int(rng.integers(1, 10)), zlib.Z_RLE)
    stream = bytearray(writer.compress(data) + writer.flush())
    for _ in range(turn % 4):
        reach = min(len(stream), 90) if turn % 3 else len(stream)
        stream[int(rng.integers(2, reach))] ^= 1 << int(rng.integers(0, 8))
    if turn % 7 == 0:
        stream = stream[: int(rng.integers(0, len(stream)))]
    found = inflate_runs(np.frombuffer(bytes(stream) + bytes(SPARE), np.uint8), len(data))
    assert found is None or found.tobytes() == data
    right, wrong = right + (found is not None), wrong + (found is None)
assert right and wrong
print("within")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "rounds"), [("NUMBA_DISABLE_JIT", "60"), ("NUMBA_BOUNDSCHECK", "4000")])
def test_damage_stays_within_the_arrays(flag: str, rounds: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", DAMAGE, rounds],
        env={**os.environ, flag: "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "within\n", done.stderr
