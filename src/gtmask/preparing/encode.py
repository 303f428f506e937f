"""New images as bytes: the same bytes each time."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Of new JPEGs whose pixels had another form, such as CMYK.
_QUALITY = 95
_PLAIN_MODES = {"L", "RGB"}


@dataclass(frozen=True, slots=True)
class JpegTables:
    """How a JPEG was made: with the same tables its copy loses next to nothing more.

    ``tables`` are its quantization tables, ``sampling`` says how colours are thinned out, as Pillow's
    ``subsampling`` does.
    """

    tables: dict[int, Any]
    sampling: int

    @classmethod
    def of(cls, image: Any) -> JpegTables | None:
        """Return the tables of an open JPEG, None where its copy has pixels of another form."""
        from PIL.JpegImagePlugin import get_sampling  # noqa: PLC0415 - untyped, and of JPEGs only

        if image.mode not in _PLAIN_MODES or not image.quantization:
            return None
        tables = {number: list(table) for number, table in image.quantization.items()}
        return cls(tables, get_sampling(image))


def to_png(pixels: NDArray[np.uint8], profile: bytes | None) -> bytes:
    """Return pixels as PNG, gray or RGB of 8 bits."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=6, icc_profile=profile)
    return file.getvalue()


def to_jpeg(
    pixels: NDArray[np.uint8], profile: bytes | None, tables: JpegTables | None, *, exchanged: bool
) -> bytes:
    """Return pixels as JPEG, gray or RGB.

    ``exchanged`` says that rows became columns: colours that were thinned out along rows only are then kept
    whole.
    """
    if tables is None:
        how: dict[str, Any] = {"quality": _QUALITY, "subsampling": 0}
    else:
        sampling = 0 if tables.sampling < 0 or (exchanged and tables.sampling == 1) else tables.sampling
        how = {"qtables": tables.tables, "subsampling": sampling}
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", icc_profile=profile or b"", **how)
    return file.getvalue()
