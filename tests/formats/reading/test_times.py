"""Moments: in which order times of exports come, however they are written."""

from __future__ import annotations

import pytest

from gtmask.formats.reading.times import moment

#: From the oldest to the newest; those of one line are the same moment.
ORDER = (
    ("2010",),
    ("2023-12-31T23:59:59.999Z",),
    ("2024-01-01", "2024-01", "1704067200", "1704067200000", "2024-01-01 00:00:00 UTC", "20240101"),
    ("2024-01-01T01:00:00Z", "2024-01-01T06:30:00+05:30", " 2024-01-01T01:00:00 ", "20240101T010000"),
    ("1712010500123",),
    ("1712010501",),
)


def test_times_are_moments_however_they_are_written() -> None:
    for same in ORDER:
        assert len({moment(text) for text in same}) == 1, same
    moments = [moment(same[0]) for same in ORDER]
    assert moments == sorted(set(moments))


@pytest.mark.parametrize("text", ["", "yesterday", "171201050012345", "123456789", "2024-13-01", "9" * 400])
def test_what_is_no_time_is_older_than_all(text: str) -> None:
    assert moment(text) < moment(ORDER[0][0])
