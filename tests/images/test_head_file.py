"""The file of a probe cache: what was written is read, and no damage is."""

from __future__ import annotations

import numpy as np
import pytest

from gtmask.images import head_file
from gtmask.images.head_file import Block, is_own, parse, to_bytes
from gtmask.images.known_heads import ROW, Heads, Kind, halves, hashed, joined

KINDS: list[Kind] = [("JPEG", 8, "", "RGB"), ("PNG", 16, "", "I;16"), ("JPEG", 8, "arithmetic", "")]


def heads_of(keys: list[str], seed: int = 0, kinds: list[Kind] = KINDS) -> Heads:
    """Return random rows for keys."""
    rng, pairs = np.random.default_rng(seed), halves(map(hashed, keys))
    rows = np.zeros(len(keys), ROW)
    for name in ("size", "tag", "tag_low"):
        rows[name] = rng.integers(0, 1 << 63, len(keys))
    rows["low"], rows["kind"] = pairs[:, 1], rng.integers(0, len(kinds), len(keys))
    rows["width"], rows["height"] = rng.integers(1, 1 << 32, (2, len(keys)))
    rows["orientation"] = rng.integers(1, 9, len(keys))
    order = pairs[:, 0].argsort()
    return Heads(pairs[order, 0], rows[order], list(kinds))


def values(heads: Heads) -> dict[int, tuple[object, ...]]:
    """Return rows as plain values by their keys, with kinds in place of their numbers."""
    return {
        int(high): (*row.item()[:-2], heads.kinds[row["kind"]], row["orientation"].item())
        for high, row in zip(heads.high, heads.rows, strict=True)
    }


FILE = to_bytes([
    Block.of("s3://a/images", heads_of(["1.jpg", "2.jpg", "ü\udcff"])),
    Block.of("/b", heads_of([f"{number}" for number in range(9)])),
])  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_what_is_written_is_read(count: int) -> None:
    heads = heads_of([f"{number}.jpg" for number in range(count)])
    other, ours = parse(to_bytes([Block.of("/other", heads_of(["a"])), Block.of("s3://b/ü", heads)]))
    assert (other.root, ours.root, ours.reader) == ("/other", "s3://b/ü", head_file.READER)
    assert values(ours.heads()) == values(heads)
    assert len(ours.heads()) == count


def test_rows_take_as_many_bytes_as_is_said() -> None:
    """Images of some sizes, as files have them."""
    heads, rng = heads_of([f"{number}.jpg" for number in range(20_000)]), np.random.default_rng(1)
    heads.rows["width"], heads.rows["height"] = 1920, rng.choice([1080, 1200], 20_000)
    heads.rows["kind"], heads.rows["orientation"] = 0, 1
    heads.rows["size"] = rng.integers(200_000, 900_000, 20_000)
    assert len(to_bytes([Block.of("r", heads)])) / 20_000 < 37


def test_a_file_that_is_cut_off_anywhere_is_none() -> None:
    for length in range(len(FILE)):
        assert is_own(FILE[:length])
        with pytest.raises(ValueError, match=r"is damaged|is cut off"):
            parse(FILE[:length])


def test_a_file_with_any_other_byte_is_none() -> None:
    for place in range(len(FILE)):
        for bit in (1, 0x80):
            damaged = FILE[:place] + bytes([FILE[place] ^ bit]) + FILE[place + 1 :]
            with pytest.raises(ValueError, match=r"is (damaged|no probe cache)|was written by another"):
                parse(damaged)
            assert is_own(damaged) is (place >= len(b"gtmask probe cache "))


def test_a_file_that_goes_on_is_none() -> None:
    with pytest.raises(ValueError, match="is damaged"):
        parse(FILE + b"\0")


def test_other_files_are_not_ours() -> None:
    for data in (b"{}", b"\x89PNG\r\n\x1a\n", b"gtmask probe cash 1\n", b"g" * 19):
        assert not is_own(data)
        with pytest.raises(ValueError, match="is no probe cache"):
            parse(data)


def test_another_version_is_told_as_such() -> None:
    with pytest.raises(ValueError, match="was written by another version"):
        parse(FILE.replace(b" cache 1\n", b" cache 12\n"))


@pytest.mark.parametrize(
    ("column", "value"), [("width", 0), ("height", 0), ("orientation", 0), ("orientation", 9), ("kind", 3)]
)
def test_rows_that_cannot_be_are_none(column: str, value: int) -> None:
    """A digest says that the file is whole, and not that who wrote it did well."""
    heads = heads_of(["a", "b", "c"])
    heads.rows[column][1] = value
    with pytest.raises(ValueError, match="is damaged"):
        parse(to_bytes([Block.of("r", heads)]))[0].heads()


def test_joined_rows_are_those_of_the_first_that_has_them() -> None:
    kinds: list[Kind] = [("TIFF", 8, "", "L"), *KINDS[::-1]]
    first, second = heads_of(["a", "b"]), heads_of(["b", "c", "d"], 1, kinds)
    both = joined([first, Heads(), second])
    assert both.are_sound()
    assert values(both) == values(second) | values(first)
    places = both.at(first.high, first.rows["low"])
    assert (both.high[places] == first.high).all()
    assert (both.at(first.high, first.rows["low"] + np.uint64(1)) == -1).all()
    assert (Heads().at(first.high, first.rows["low"]) == -1).all()
