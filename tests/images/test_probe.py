"""Sizes and orientations of made images of every kind, and how few bytes they take to read."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gtmask.errors import NotFoundError, ProbeError
from gtmask.images.probe import (
    FIRST,
    GLANCE,
    ImageInfo,
    _MissingBytesError,
    _NoImageError,
    _parse,
    _Window,
    probe,
)
from gtmask.storage.local import LocalStorage

if TYPE_CHECKING:
    from pathlib import Path

NOISE = np.random.default_rng(5).integers(0, 255, (480, 640, 3), dtype=np.uint8)
PHOTO = Image.fromarray(NOISE)


class CountingStorage(LocalStorage):
    """Remembers which ranges were read."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.reads: list[tuple[int, int]] = []

    async def get(self, key: str, start: int = 0, stop: int | None = None, etag: str = "") -> bytes:
        data = await super().get(key, start, stop)
        self.reads.append((start, len(data)))
        return data

    async def get_versioned(
        self, key: str, start: int = 0, stop: int | None = None, etag: str = ""
    ) -> tuple[bytes, str]:
        data, version = await super().get_versioned(key, start, stop)
        self.reads.append((start, len(data)))
        return data, version


def encoded(kind: str, orientation: int | None = None, maker_note: int = 0, **options: Any) -> bytes:
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        if maker_note:
            exif[0x927C] = b"n" * maker_note
        options["exif"] = exif
    file = io.BytesIO()
    PHOTO.save(file, kind, **options)
    return file.getvalue()


def probed(folder: Path, data: bytes) -> tuple[ImageInfo, list[tuple[int, int]]]:
    (folder / "image").write_bytes(data)
    storage = CountingStorage(str(folder))
    return asyncio.run(probe(storage, "image")), storage.reads


def probed_head(head: bytes) -> ImageInfo | None:
    """Return what the first bytes of a file tell, None if its header goes on after them."""
    window = _Window()
    window.add(0, head, len(head))
    try:
        return _parse(window)
    except _MissingBytesError:
        return None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_found_and_the_size_is_the_stored_one(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    info, _ = probed(tmp_path, encoded(kind, orientation))
    assert info == ImageInfo(640, 480, orientation, kind)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"quality": 100, "subsampling": 0}),
        ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("GIF", {}),
        ("JPEG2000", {}), ("TIFF", {}),
    ],
)  # fmt: skip
def test_a_glance_is_enough_for_usual_images_and_one_read_for_others(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    info, reads = probed(tmp_path, encoded(kind, **options))
    assert info == ImageInfo(640, 480, 1, kind)
    glance, *others = reads
    assert glance == (0, GLANCE)
    assert others == ([] if kind in {"JPEG", "PNG"} else [(0, FIRST)])


def test_a_long_header_is_read_on_in_growing_steps(tmp_path: Path) -> None:
    profile = bytes(3_000_000)
    data = encoded("JPEG", 3, maker_note=50_000, icc_profile=profile) + bytes(20_000_000)
    info, reads = probed(tmp_path, data)
    assert info == ImageInfo(640, 480, 3, "JPEG")
    assert [start for start, _ in reads] == [0, 0, 65_536, 327_680, 1_376_256]
    assert sum(length for _, length in reads) < 6_000_000


def test_a_tiff_directory_at_the_end_is_read_there(tmp_path: Path) -> None:
    data = encoded("TIFF", compression="tiff_lzw")
    info, reads = probed(tmp_path, data)
    assert info == ImageInfo(640, 480, 1, "TIFF")
    assert sum(length for _, length in reads) < GLANCE + FIRST + 1000 < len(data)


def test_webp_keeps_its_exif_behind_the_pixels(tmp_path: Path) -> None:
    data = encoded("WEBP", 6, lossless=True)
    info, reads = probed(tmp_path, data)
    assert info == ImageInfo(640, 480, 6, "WEBP")
    assert sum(length for _, length in reads) < GLANCE + FIRST + 1000 < len(data)


def test_webp_chunks_of_odd_length_are_followed_by_a_byte_of_padding(tmp_path: Path) -> None:
    data = encoded("WEBP", 6, icc_profile=b"odd")
    assert data.index(b"ICCP") < data.index(b"EXIF")
    assert probed(tmp_path, data)[0].orientation == 6


def test_an_image_larger_than_any_decoder_would_take_has_a_size(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 200_000, 150_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    info, _ = probed(tmp_path, start + struct.pack(">I", 4) + b"IDAT" + bytes(8))
    assert info == ImageInfo(200_000, 150_000, 1, "PNG")


@pytest.mark.parametrize("value", [0, 9, 300])
def test_an_invalid_orientation_is_none(tmp_path: Path, value: int) -> None:
    assert probed(tmp_path, encoded("JPEG", value))[0].orientation == 1


def test_orientation_in_xmp_alone_does_not_count(tmp_path: Path) -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    assert probed(tmp_path, encoded("JPEG", xmp=packet))[0].orientation == 1


def test_damaged_exif_is_none(tmp_path: Path) -> None:
    assert probed(tmp_path, encoded("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))[0].orientation == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty; replace the file"),
        (b"x", "it begins with 78; replace"),
        (b"<html>not found</html>", "is no image that can be read: it begins with 3c 68"),
        (b"\xff\xd8\xff", "is a JPEG whose header is damaged or incomplete"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "is a JPEG whose header"),
        (b"\0\0\0\x18ftypheic" + bytes(20), r"is 'heic' \(HEIC, AVIF or video\)"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "is a WEBP whose header"),
        (b"II*\0\x08\0\0\0", "is a TIFF whose header"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG whose header"),
        (b"BM" + bytes(60), "is a BMP whose header"),
    ],
)
def test_what_is_no_image_is_told_in_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ProbeError, match=words) as caught:
        probed(tmp_path, data)
    assert str(caught.value).startswith(str(tmp_path / "image"))


def test_a_missing_image_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        asyncio.run(probe(LocalStorage(str(tmp_path)), "none.jpg"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_every_beginning_gives_the_size_or_asks_for_more(kind: str) -> None:
    data = encoded(kind, 6) if kind not in {"BMP", "GIF"} else encoded(kind)
    whole = probed_head(data)
    assert whole is not None
    enough = False
    for length in range(32, 2048, 7):
        info = probed_head(data[:length])
        assert info in (None, whole)
        assert info is not None or not enough  # more bytes never lose what fewer told
        enough = info is not None


@given(st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP"]), st.data())
def test_damage_gives_an_answer_or_our_error(kind: str, data: st.DataObject) -> None:
    image = bytearray(SMALL[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        image[data.draw(st.integers(0, min(len(image), 400) - 1))] = data.draw(st.integers(0, 255))
    del image[data.draw(st.integers(0, len(image))) :]
    try:
        info = probed_head(bytes(image))
    except _NoImageError:
        return
    assert info is None or 1 <= info.orientation <= 8


SMALL = {kind: encoded(kind, 6)[:4000] for kind in ("JPEG", "PNG", "TIFF", "WEBP")}
