"""The usual JPEG and PNG: the same size as by Pillow, or no answer at all."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import png
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import gtmask
from gtmask.images.probe import FIRST, ImageInfo, _MissingBytesError, _NoImageError, _parse, _Window
from gtmask.images.usual import usual_size

if TYPE_CHECKING:
    from collections.abc import Callable

NOISE = np.random.default_rng(7).integers(0, 255, (90, 120, 3), dtype=np.uint8)


def by_pillow(data: bytes) -> ImageInfo | None:
    """Return what Pillow tells of a file's first bytes; None where it refuses them or wants more."""
    window = _Window()
    window.add(0, data[:FIRST], FIRST)
    try:
        return _parse(window)
    except (_MissingBytesError, _NoImageError):
        return None


def agrees(data: bytes) -> bool:
    """Say whether there is an answer, which then must be Pillow's."""
    usual = usual_size(data[:FIRST])
    if usual is None:
        return False
    width, height, name = usual
    assert by_pillow(data) == ImageInfo(width, height, 1, name)
    return True


def pillow(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).convert(mode).save(file, kind, **options)
    return file.getvalue()


def opencv(extension: str, image: np.ndarray[Any, Any], *options: int) -> bytes:
    return bytes(cv2.imencode(extension, image, options)[1])


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def by_pypng(**options: Any) -> bytes:
    file = io.BytesIO()
    png.Writer(120, 90, greyscale=False, **options).write(file, NOISE.reshape(90, 360).tolist())
    return file.getvalue()


USUAL: dict[str, Callable[[], bytes]] = {
    "pillow jpeg": lambda: pillow("JPEG"),
    "grey jpeg": lambda: pillow("JPEG", "L"),
    "progressive": lambda: pillow("JPEG", progressive=True, optimize=True),
    "dense": lambda: pillow("JPEG", quality=100, subsampling=0, dpi=(300, 300)),
    "commented": lambda: pillow("JPEG", comment=b"made"),
    "restarts": lambda: pillow("JPEG", restart_marker_rows=1),
    "opencv jpeg": lambda: opencv(".jpg", NOISE),
    "opencv grey": lambda: opencv(".jpg", NOISE[:, :, 0], cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "opencv restarts": lambda: opencv(".jpg", NOISE, cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
    "pillow png": lambda: pillow("PNG"),
    "palette": lambda: pillow("PNG", "P"),
    "bits": lambda: pillow("PNG", "1"),
    "grey alpha": lambda: pillow("PNG", "LA"),
    "alpha": lambda: pillow("PNG", "RGBA"),
    "dots": lambda: pillow("PNG", dpi=(72, 72)),
    "opencv png": lambda: opencv(".png", NOISE),
    "opencv deep": lambda: opencv(".png", NOISE.astype(np.uint16)),
    "interlaced": lambda: by_pypng(interlace=True),
    "gamma": lambda: by_pypng(gamma=1.0),
    "ours": lambda: gtmask.encode_png(NOISE[:, :, 0], palette={1: "#ff0000"}),
}
LEFT: dict[str, Callable[[], bytes]] = {
    "exif jpeg": lambda: pillow("JPEG", exif=exif(6)),
    "exif png": lambda: pillow("PNG", exif=exif(6)),
    "profile jpeg": lambda: pillow("JPEG", icc_profile=b"profile"),
    "profile png": lambda: pillow("PNG", icc_profile=b"profile"),
    "cmyk": lambda: pillow("JPEG", "CMYK"),
    "bmp": lambda: pillow("BMP"),
    "webp": lambda: pillow("WEBP"),
    "tiff": lambda: pillow("TIFF"),
}
FILES = [make() for make in (USUAL | LEFT).values()]


@pytest.mark.parametrize("name", USUAL)
def test_usual_files_have_the_size_that_pillow_tells(name: str) -> None:
    assert agrees(USUAL[name]())


@pytest.mark.parametrize("name", LEFT)
def test_other_files_are_left_to_pillow(name: str) -> None:
    assert not agrees(LEFT[name]())


def test_exif_behind_the_frame_is_left_to_pillow() -> None:
    turned, plain = pillow("JPEG", exif=exif(6)), pillow("JPEG")
    at = turned.index(b"\xff\xe1")
    segment = turned[at : at + 2 + int.from_bytes(turned[at + 2 : at + 4], "big")]
    scan = plain.index(b"\xff\xda")
    assert not agrees(plain[:scan] + segment + plain[scan:])


@settings(max_examples=1500)
@given(st.sampled_from(FILES), st.data())
def test_damaged_files_have_pillows_size_or_none(image: bytes, data: st.DataObject) -> None:
    damaged = bytearray(image)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, min(len(damaged), 700) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, min(len(damaged), 800))) :]
    agrees(bytes(damaged))
