"""The benchmark harness: checks before it times, and a quick run makes a table."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from bench import __main__ as command
from bench import harness
from bench.__main__ import Section, page
from bench.plot import Plot, memory_against_images, speed_against_workers, svg


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


def whole_run():
    """Return a table as the benchmark of whole runs makes it: 2 workers are twice as fast as one."""
    measures = {
        "gtmask convert": harness.Measure(2.0, peak=150_000_000),
        "gtmask convert, one worker": harness.Measure(2.0),
        "gtmask convert, two workers": harness.Measure(1.0),
        "the usual script": None,
    }
    rows = [harness.Row("3,000 images of 640x480, 8 polygons each, on disk", measures)]
    return harness.Table("The whole run, start-up included", "About.", "gtmask convert", rows)


def test_plots_show_what_was_measured():
    speed, memory = speed_against_workers([whole_run()]), memory_against_images([whole_run()])
    assert list(speed.lines.values()) == [[(1, 1500.0), (2, 3000.0)]]
    assert memory.lines == {"gtmask convert, 640x480": [(3000, 150.0)]}
    text = page([Section("a day", [whole_run()])])
    assert "images per second against workers](images/speed.svg)" in text
    assert "](images/memory.svg)" in text


def test_a_plot_of_nothing_says_so():
    text = page([Section("a day", [harness.Table("Polygon fill", "About.", "ours", [])])])
    assert "images per second against workers: not measured yet" in text
    assert ".svg" not in text


def test_a_plot_has_each_point_at_its_place():
    drawn = ET.fromstring(svg(Plot("name", "A < B", "workers", "MB", {"one": [(1, 50.0), (2, 100.0)]})))
    space = "{http://www.w3.org/2000/svg}"
    (x1, y1), (x2, y2) = [
        (float(dot.get("cx")), float(dot.get("cy"))) for dot in drawn.iter(f"{space}circle")
    ]
    levels = {
        text.text: float(text.get("y")) - 4
        for text in drawn.iter(f"{space}text")
        if text.get("text-anchor") == "end"
    }
    assert x1 < x2
    assert y2 == pytest.approx(levels["100"])
    assert y1 == pytest.approx((levels["0"] + levels["100"]) / 2)


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


@pytest.mark.parametrize(
    ("name", "title", "peer"),
    [("fill", "Polygon fill", "cv2.fillPoly"), ("record", "One record", "json, cv2, Pillow")],
)
def test_a_quick_run_of_a_benchmark_makes_a_table(name: str, title: str, peer: str):
    finished = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", name],
        cwd=harness.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith(f"## {title}")
    assert peer in finished.stdout
