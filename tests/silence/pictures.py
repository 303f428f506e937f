"""Changes of pictures that hold masks."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def changes(data: bytes) -> Iterator[str]:
    """Yield every change that a picture can suffer."""
    picture = _open(data)
    yield from ("foreign", "transpose", "grow", "cut-picture", "empty-picture", "gone", "gray")
    yield "to-rgb" if picture.mode == "L" else "sixteen"
    yield from (f"recolor-{number}" for number in range(min(len(_colors(picture)) - 1, 3)))


def apply(data: bytes, kind: str) -> bytes | None:
    """Return the changed picture, None where it is taken away."""
    if kind == "gone":
        return None
    if kind == "cut-picture":
        return data[: len(data) // 2]
    if kind == "empty-picture":
        return b""
    picture = _open(data)
    if kind.startswith("recolor-"):
        return _save(_paint_over(picture, _colors(picture)[1 + int(kind[8:])]))
    return _save(_KINDS[kind](picture))


def _open(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def _save(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _colors(picture: Image.Image) -> list[Any]:
    """Return the samples of a picture, the most frequent first (that is its background)."""
    return [color for color, _ in Counter(_samples(picture)).most_common()]


def _samples(picture: Image.Image) -> list[Any]:
    array = np.asarray(picture)
    return (
        array.ravel().tolist()
        if array.ndim == 2
        else [*map(tuple, array.reshape(-1, array.shape[2]).tolist())]
    )


def _strange(picture: Image.Image) -> Any:
    """Return a sample that no picture here has."""
    if picture.mode == "P":
        # An index whose colour no class has.
        colors = [*(picture.getpalette() or []), *[0] * 768][:768]
        picture.putpalette([*colors[:750], 201, 99, 3, *colors[753:]])
        return 250
    return {"L": 250, "I;16": 250, "RGB": (201, 99, 3), "RGBA": (201, 99, 3, 255)}[picture.mode]


def _foreign(picture: Image.Image) -> Image.Image:
    """Give some pixels of the foreground a value that is not listed."""
    samples = np.asarray(picture.convert("L")) if picture.mode != "P" else np.asarray(picture)
    background = Counter(samples.ravel().tolist()).most_common(1)[0][0]
    rows, columns = np.nonzero(samples != background)
    changed = picture.copy()
    strange = _strange(changed)
    for row, column in list(zip(rows.tolist(), columns.tolist(), strict=True))[:5]:
        changed.putpixel((column, row), strange)
    return changed


def _paint_over(picture: Image.Image, color: Any) -> Image.Image:
    """Give all pixels of one colour another one that is not listed."""
    changed = picture.copy()
    strange = _strange(changed)
    changed.putdata([strange if value == color else value for value in _samples(picture)])
    return changed


def _gray(picture: Image.Image) -> Image.Image:
    """Turn colours to gray, and a palette to its indices."""
    if picture.mode == "P":
        return Image.fromarray(np.asarray(picture))
    return picture.convert("1") if picture.mode == "L" else picture.convert("L")


def _sixteen(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(_gray(picture)).astype(np.uint16) * 256)


_KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "foreign": _foreign,
    "transpose": lambda picture: picture.transpose(Image.Transpose.TRANSPOSE),
    "grow": lambda picture: picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.NEAREST),
    "gray": _gray,
    "to-rgb": lambda picture: picture.convert("RGB"),
    "sixteen": _sixteen,
}
