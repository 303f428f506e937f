"""What is told while a command works: by a clock of the test's own, and by a ticker that is waited for."""

from __future__ import annotations

import contextlib
import io
import re
import time

import orjson
import pytest

from gtmask import progress as library
from gtmask.cli.reporters import JsonLines, Lines, Reporter, duration
from tests.support.commands import wait_for


class Clock:
    """A clock that the test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lines(stream: io.StringIO) -> list[str]:
    """Return the lines of a log without their time of day."""
    found = stream.getvalue().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in found), found
    return [line[21:] for line in found]


def test_a_line_tells_done_total_rate_left_rejected_and_retries() -> None:
    clock, stream = Clock(), io.StringIO()
    log = Lines(stream)
    reporter = Reporter([log], clock=clock, interval=3600, first=3600)
    with reporter:
        reporter.stage("convert", 12_000)
        clock.now += 10
        reporter.advance(1000, 3)
        library.count_retries(2)
        log.look(reporter._stage.state(clock.now))
        clock.now += 110
        reporter.advance(11_000)
        reporter.stage("assemble", 6)
        reporter.advance(6)
    assert lines(stream) == [
        "convert   1,000/12,000 done, 100/s, 1 min 50 s left, 3 rejected, 2 retries",
        "convert   12,000/12,000 in 2 min, 100/s, 3 rejected, 2 retries",
        "assemble  6/6 in 0.0 s, 0/s, 0 rejected, 0 retries",
    ]


def test_lines_come_by_themselves_while_nothing_moves_on() -> None:
    stream = io.StringIO()
    with Reporter([Lines(stream)], interval=0.02, first=0.01) as reporter:
        wait_for(lambda: stream.getvalue().count("start ") >= 3)
        reporter.stage("survey", None)
        wait_for(lambda: stream.getvalue().count("survey ") >= 4)
    told = lines(stream)
    assert told[0].startswith("start     after ")
    assert "survey    ..." in told, "a stage that may take any time is told when it begins"
    assert told[-1].startswith("survey    in ")
    written = stream.getvalue()
    time.sleep(0.1)
    assert stream.getvalue() == written, "nothing comes after the end"


def test_services_get_a_json_document_a_line() -> None:
    clock, stream = Clock(), io.StringIO()
    with Reporter([JsonLines(stream, now=lambda: 0.0)], clock=clock, first=3600) as reporter:
        library.notice("compiling kernels (once per machine)")
        reporter.stage("convert", 4)
        clock.now += 2
        reporter.advance(4, 1)
    events = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["notice", "begin", "end"]
    assert events[0]["message"] == "compiling kernels (once per machine)"
    assert events[2] == {
        "time": "1970-01-01T00:00:00Z", "event": "end", "stage": "convert", "done": 4, "total": 4,
        "rate": 2.0, "left": 0.0, "rejected": 1, "retries": 0, "seconds": 2.0,
    }  # fmt: skip


def test_a_failure_ends_the_stage_without_a_word_of_its_own() -> None:
    stream = io.StringIO()
    reporter = Reporter([Lines(stream)], first=3600)
    with contextlib.suppress(ValueError), reporter:
        reporter.stage("convert", 4)
        raise ValueError
    assert "convert" not in stream.getvalue()
    library.notice("nobody listens any more")
    assert "listens" not in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min"),
        (252, "4 min 12 s"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
