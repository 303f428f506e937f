"""Parsing the bytes that were found: whole values, or all elements of a batch at once.

orjson parses what is JSON. What it refuses is tried again by :mod:`gtmask.formats.text`, which takes NaN
(as null) and the encodings of old Windows tools; only what comes out as sound JSON values counts. Nothing is
parsed without a look for keys that stand twice (:mod:`gtmask.formats.doubled`).
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from gtmask.errors import DamagedExportError
from gtmask.formats.doubled import DoubledKey, check_keys
from gtmask.formats.jsonstream import kernels
from gtmask.formats.text import decode_json

if TYPE_CHECKING:
    from collections.abc import Iterator


def loads(data: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises orjson.JSONDecodeError where it is no JSON. Raises DoubledKey: an object has two values under one
    key.
    """
    value = orjson.loads(data)
    check_keys(data)
    return value


def load(data: bytes | memoryview, where: str = "The document") -> Any:
    """Parse JSON bytes.

    Raises DamagedExportError: the bytes are no JSON value; ``where`` names them in the message.
    """
    value = parse_value(data)
    if isinstance(value, DoubledKey):
        raise DamagedExportError(f"{where} is damaged: {value}; only one of the two can count, keep that.")
    if isinstance(value, orjson.JSONDecodeError):
        raise DamagedExportError(
            f"{where} is no valid JSON at byte {value.pos} (line {value.lineno}): {value.msg}; "
            "export it again.",
            value.pos,
        )
    return value


def parse_value(data: bytes | memoryview) -> Any:
    """Return the value of JSON bytes, or the error of :func:`loads` that tells why there is none."""
    data = bytes(data)
    refused: ValueError
    try:
        return loads(data)
    except DoubledKey as error:
        return error
    except orjson.JSONDecodeError as error:
        refused = error
    try:
        data.decode()
    except UnicodeDecodeError as error:
        # Of a part of a document nothing tells another encoding: each part would be guessed to be in its own.
        return orjson.JSONDecodeError("what stands there is not UTF-8, as which it must be saved",
                                      data.decode("latin-1"), error.start)  # fmt: skip
    try:
        return orjson.loads(orjson.dumps(decode_json(data)))
    except DoubledKey as error:
        refused = error
    except (ValueError, TypeError):
        pass
    return refused


def parse_elements(body: bytes) -> list[Any]:
    """Parse what stands between an array's brackets.

    Returns values, with an error of :func:`loads` in place of each that cannot be parsed.
    """
    try:
        values: list[Any] = loads(b"[" + body + b"]")
    except ValueError:
        return [parse_value(piece) for piece in split_array(body)]
    return values


def split_array(body: bytes) -> list[bytes]:
    """Return the elements of an array from what stands between its brackets.

    This is for telling a bad element from its good neighbours: what follows a damage in the structure
    itself is left out.
    """
    data = np.zeros((len(body) + 8) // 8 * 8, np.uint8)
    data[: len(body)] = np.frombuffer(body, np.uint8)
    data[len(body)] = ord("]")
    state = np.zeros(kernels.STATE_SIZE, np.int64)
    rows = np.empty((body.count(b",") + 1, kernels.COLUMNS), np.int64)
    nothing = np.empty(0, np.uint8)
    kernels.scan_entries(data, data.view(np.uint64), 0, len(body) + 1, 0, state, rows, nothing)
    return [body[start:stop] for start, stop in rows[: state[kernels.COUNT], 2:4].tolist()]


@contextlib.contextmanager
def paused_gc() -> Iterator[None]:
    """Pause garbage collection: parsed JSON has no cycles, and looking for them halves the speed."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
