"""The simulation of many machines: what it does where the right answer is known."""

from __future__ import annotations

import pytest

from bench.sizing import Job, simulate


def test_a_machine_alone_is_bound_by_its_requests_or_its_cores() -> None:
    waiting = Job(0.0, 0.1, cores=1, concurrency=8, seconds=10.0)
    # Of an image the head is read and the mask is put; the state of each chunk takes some more.
    assert 8 / 0.3 <= simulate(waiting).images <= 8 / 0.2
    working = Job(0.05, 0.001, cores=2, concurrency=8, seconds=10.0)
    assert simulate(working).images == pytest.approx(2 / 0.05, rel=0.1)


def test_more_machines_get_no_more_than_the_server_gives() -> None:
    job = Job(0.0, 0.1, cores=1, nodes=20, concurrency=8, puts=100.0, gets=150.0, seconds=20.0)
    found = simulate(job)
    # The journals take their share of the requests; what the server saved up in a second comes on top.
    assert 50 <= found.images <= 110
    assert found.share > 0
    assert found.given_up == 0
