"""How text that is not plain UTF-8 JSON is decoded: BOMs, UTF-16, GBK from Windows, NaN literals.

The fast path is orjson on the bytes as they are; this module is the slow path that readers of small
files fall back to, so that what a tool really wrote is read instead of refused.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

from gtmask.formats.doubled import without_doubled

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: What encodings without a mark of their own are called where they are guessed.
_SPOKEN = {"gb18030": "GB18030 (Chinese)", "latin-1": "Latin-1 (Western)"}


def decode_text(data: bytes) -> str:
    """Decode text by its BOM, else as UTF-8, else as GB18030 (a superset of GBK), else as Latin-1."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    if _looks_wide(data):
        return data.decode("utf-16-le", "replace")
    return data.decode(_narrow_encoding(data))


def guessed_encoding(data: bytes) -> str:
    """Return how :func:`decode_text` reads text that is neither UTF-8 nor what its BOM says, else ""."""
    if data.isascii() or _looks_wide(data):
        return ""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                data[len(bom) :].decode(encoding)
            except UnicodeDecodeError:
                return f"{encoding.upper()}, as its BOM says, with characters that are none there"
            return ""
    return _SPOKEN.get(_narrow_encoding(data), "")


def _looks_wide(data: bytes) -> bool:
    return len(data) > 3 and data[1] == 0 and data[3] == 0


def _narrow_encoding(data: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def decode_json(data: bytes) -> Any:
    """Parse JSON that orjson refuses: other encodings, NaN and Infinity (they become None).

    Raises ValueError where it is no JSON; the message says where. Raises DoubledKey: an object has two values
    under one key.
    """
    if not data.strip():
        raise ValueError("the file is empty")
    try:
        return json.loads(decode_text(data), parse_constant=lambda _: None, object_pairs_hook=without_doubled)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"no JSON: {error.msg.removesuffix(' at')} at line {error.lineno} column {error.colno}"
        ) from error
    except RecursionError:
        raise ValueError("no JSON that can be read: nested too deeply") from None
