"""Which pixels CVAT's shapes mean, as stored or as EXIF turns them: by when tasks were made, and by what.

- CVAT 2.1 of spring 2022 turns images when a task is made (cvat #4529). A task made before, or a document
  dumped before, speaks of the stored pixels.
- A server may be older than the task. Labels have a ``type`` since 2.2: with it and a task of 2023 or later
  it is certain that images were turned, but for the end of 2023, when 2.9 forgot some (cvat #7162).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from gtmask.model import Grid

#: Months: no server turned images before the first, all that were kept up did from the second on.
_TURNED_SINCE, _CERTAIN_SINCE = "2022-04", "2023-01"
#: From when until when some were forgotten, with time for servers to be brought up to date.
_FORGOTTEN = ("2023-11", "2024-03")
_MONTH = re.compile(r"[12][0-9]{3}-[01][0-9]")


def grid_of(meta: Element) -> tuple[Grid, bool]:
    """Return the grid of a document by its ``meta``, and whether that is certain."""
    made = [found[0] for date in meta.iter("created") if (found := _MONTH.match((date.text or "").strip()))]
    dumped = _MONTH.match((meta.findtext("dumped") or "").strip())
    latest = [*([max(made)] if made else []), *([dumped[0]] if dumped else [])]
    if any(month < _TURNED_SINCE for month in latest):
        return "stored", True
    recent = meta.find(".//labels/label/type") is not None and bool(made) and min(made) >= _CERTAIN_SINCE
    return "displayed", recent and not any(_FORGOTTEN[0] <= month <= _FORGOTTEN[1] for month in made)
