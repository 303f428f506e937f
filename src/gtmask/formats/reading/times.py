"""When something was made or changed, so that the newest of several can be told.

Exports write times with an offset from UTC or without, and with or without fractions of a second: as text,
``2024-01-02T01:00:00+05:00`` would come after ``2024-01-01T22:00:00Z``, which is the later one. Digits alone
are seconds or milliseconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime

#: How many units a second has of a time since 1970, by its digits: from 2001 to 2286 they are so many.
_SINCE_1970 = {10: 1, 13: 1000}
#: What a year, and a year and a month, lack to be a day, by their length.
_REST = {4: "-01-01", 7: "-01"}


def moment(text: str) -> tuple[float, str]:
    """Return what times are compared by; larger is newer. Times in no form of ISO 8601 are older than all.

    - ``text``: as the export writes it; in UTC unless it says otherwise, "" where it tells none.

    Examples
    --------
    >>> from gtmask.formats.reading.times import moment
    >>> moment("2024-01-01T22:00:00Z") > moment("2024-01-02T01:00:00+05:00") > moment("yesterday")
    True
    """
    whole = text.strip().removesuffix(" UTC")
    if whole.isdecimal() and len(whole) > 8:  # Python takes some of them for a day and a time
        units = _SINCE_1970.get(len(whole))
        return (float("-inf"), text) if units is None else (int(whole) / units, "")
    try:
        found = datetime.fromisoformat(whole + _REST.get(len(whole), ""))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp(), ""
    except (ValueError, OverflowError):
        return float("-inf"), text
