"""The benchmark harness: checks before it times, and a quick run makes a table."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench import __main__ as command
from bench import harness
from bench.__main__ import Section, page


def test_a_wrong_output_is_never_timed():
    calls = []

    def check(name, result):
        assert result == 4, name

    with pytest.raises(AssertionError, match="wrong"):
        harness.race({"right": lambda: 4, "wrong": lambda: calls.append(1)}, check)
    assert len(calls) == 1


def test_rows_that_are_lost_are_marked_and_goals_told():
    rows = [harness.Row("scene", {"ours": harness.Measure(2e-3), "peer": harness.Measure(1e-3, bytes=12)})]
    text = harness.markdown(
        harness.Table("Title", "About.", "ours", rows, [harness.Goal("2x", "0.5x", reached=False)])
    )
    assert "| scene | 2 ms | 1 ms | **0.50x (we lose)** | 12 B |" in text
    assert "| 2x | 0.5x | **no** |" in text


def test_the_page_begins_with_all_goals_and_links_to_their_figures():
    goals = [harness.Goal("2x", "0.5x", reached=False)]
    table = harness.Table("The whole run, start-up included", "About.", "ours", [], goals)
    text = page([Section("a day", [table])])
    assert (
        "| [The whole run, start-up included](#the-whole-run-start-up-included) | 2x | 0.5x | **no** |"
        in text
    )
    assert text.index("## At a glance") < text.index("## The whole run")


def test_what_was_kept_of_a_section_is_read_back_and_told_where_it_was_measured_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "MEASURED", tmp_path / "measured")
    monkeypatch.setattr(command, "benchmarks", lambda: ["fill", "png", "scan"])
    rows = [harness.Row("scene", {"ours": harness.Measure(2e-3, bytes=12, peak=99), "peer": None})]
    table = harness.Table("Title", "About.", "ours", rows, [harness.Goal("2x", "3x", reached=True)])
    for name, day in (("fill", "a day"), ("png", "another day"), ("scan", "a day")):
        command.keep(name, Section(day, [table]))
    assert command.kept()[1] == Section("another day", [table])
    text = page(command.kept())
    assert "\nMeasured on a day.\n" in text
    assert text.count("Measured on another day. About.") == 1


def test_a_process_of_its_own_is_measured():
    found = harness.in_own_process("bench.harness", "format_bytes", 1234)
    assert found.value == "1,234 B"
    assert found.peak > 1_000_000
    assert found.whole > found.seconds > 0


def test_a_quick_run_of_the_fill_benchmark_makes_a_table():
    finished = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "fill"],
        cwd=harness.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("## Polygon fill")
    assert "cv2.fillPoly" in finished.stdout
