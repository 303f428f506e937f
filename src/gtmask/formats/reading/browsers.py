"""Whether a tool that runs in a browser showed images as EXIF turns them: by when it was used.

Safari 13.1, Chrome 81 and Firefox 77 of spring 2020 made ``image-orientation: from-image`` of CSS Images 3
the rule for all images on a page, their natural size included; before, pages showed the stored pixels.
"""

from __future__ import annotations

#: The first year in which no browser that was kept up to date showed stored pixels.
TURNED_SINCE = 2021


def turns_images(date: object) -> bool:
    """Say whether browsers turned images on a date for certain.

    - ``date``: as exports write it: text that begins with the year, or seconds since 1970.

    Examples
    --------
    >>> from gtmask.formats.reading.browsers import turns_images
    >>> turns_images("2024-05-01T10:00:00Z"), turns_images("2019-11-30"), turns_images(None)
    (True, False, False)
    """
    if isinstance(date, str):
        return date[:4].isascii() and date[:4].isdigit() and int(date[:4]) >= TURNED_SINCE
    return isinstance(date, int | float) and date >= (TURNED_SINCE - 1970) * 365.25 * 86400
