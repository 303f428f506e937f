"""Which pixels labelme and its dialects mean, by tool and version: as stored, or as EXIF turns them.

Sources: the histories of the tools' own code that loads images.

======================  ===================  =========================================================
tool                    version              pixels
======================  ===================  =========================================================
labelme                 before 3.7           stored
labelme                 3.7 to 3.10          turned, but for pictures inside the file; not certain
labelme                 from 3.11            turned (``apply_exif_orientation`` in all that loads an image)
AnyLabeling             all                  turned (the same function)
X-AnyLabeling           up to 2.3.4          turned (the same function)
X-AnyLabeling           2.3.5 to 2.3.7       stored (the call was taken out for speed)
X-AnyLabeling           2.4.0 to 3.0.0       turned: the file is rewritten so; an original has EXIF
X-AnyLabeling           3.0.1 to 3.2.2       stored (rewriting was taken out); not certain
X-AnyLabeling           from 3.2.3           turned where the user let the file be rewritten; not certain
======================  ===================  =========================================================

Not certain, too, is a file that tells no version.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gtmask.model import Grid

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")
#: From which version on (major, minor, patch) the pixels are these, and whether that is certain.
_LABELME: tuple[tuple[tuple[int, int, int], Grid, bool], ...] = (
    ((0, 0, 0), "stored", True),
    ((3, 7, 0), "displayed", False),
    ((3, 11, 0), "displayed", True),
)
_DIALECTS: tuple[tuple[tuple[int, int, int], Grid, bool], ...] = (
    ((0, 0, 0), "displayed", True),
    ((2, 3, 5), "stored", True),
    ((2, 4, 0), "displayed", True),
    ((3, 0, 1), "stored", False),
    ((3, 2, 3), "displayed", False),
)


@lru_cache(64)  # the files of an export were written by few versions
def grid_of(version: str, *, dialect: bool) -> tuple[Grid, bool]:
    """Return the pixel grid of a file, and whether its tool and version make that certain.

    - ``version``: what the file says; "" where it says none.
    - ``dialect``: whether AnyLabeling or X-AnyLabeling wrote it, which count from 0, and not labelme.

    Examples
    --------
    >>> from gtmask.formats.labelme_versions import grid_of
    >>> grid_of("2.3.6", dialect=True), grid_of("5.4.1", dialect=False)
    (('stored', True), ('displayed', True))
    """
    match = _VERSION.match(version)
    if match is None:
        return "displayed", False
    found = (int(match[1]), int(match[2]), int(match[3] or 0))
    reached = [row for row in (_DIALECTS if dialect else _LABELME) if row[0] <= found]
    return reached[-1][1], reached[-1][2]
