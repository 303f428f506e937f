"""Single-channel 8-bit PNGs: encoder and decoder for label masks.

Reading a header loads neither NumPy nor Numba; the encoder and the decoder are imported when they are
first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gtmask.png.header import PngHeader, read_header

if TYPE_CHECKING:
    from gtmask.png.container import encode_counted as encode_counted
    from gtmask.png.container import encode_png as encode_png
    from gtmask.png.counts import count_values as count_values
    from gtmask.png.decoder import count_png as count_png
    from gtmask.png.decoder import decode_png as decode_png
    from gtmask.png.lookup import look_up as look_up

_HOMES = {
    "count_png": "gtmask.png.decoder",
    "count_values": "gtmask.png.counts",
    "decode_png": "gtmask.png.decoder",
    "encode_counted": "gtmask.png.container",
    "encode_png": "gtmask.png.container",
    "look_up": "gtmask.png.lookup",
}

__all__ = [
    "PngHeader", "count_png", "count_values", "decode_png", "encode_counted", "encode_png", "look_up",
    "read_header",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    msg = f"module 'gtmask.png' has no attribute {name!r}"
    raise AttributeError(msg)
