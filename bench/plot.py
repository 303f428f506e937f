"""Line plots as SVG, of what the benchmarks kept: no figure is drawn that was not measured.

One plot has one unit on each axis, points with their values, and lines between the points of one name. The
text is the reader's own font and colour scheme: light and dark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.harness import Table

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 260, 44, 56
#: Colours of lines that stay apart for colour-blind eyes, on white and on black (Okabe and Ito, 2008).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLE = """text { font: 13px system-ui, sans-serif; fill: #222 } .grid { stroke: #ddd } .paper { fill: #fff }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .grid { stroke: #444 } .paper { fill: #1e2129 } }"""


@dataclass(frozen=True)
class Plot:
    """Named lines of points (x, y); ``log`` says that x grows by factors."""

    name: str
    title: str
    across: str
    up: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    log: bool = False


def speed_against_workers(tables: Sequence[Table]) -> Plot:
    """Return images per second against worker processes, a line for each export."""
    whole = _table(tables, "The whole run, start-up included")
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in whole.rows if whole else ():
        count = int(row.scene.split()[0].replace(",", ""))
        for workers, word in enumerate(("one worker", "two workers"), 1):
            if measure := row.measures.get(f"gtmask convert, {word}"):
                lines.setdefault(row.scene, []).append((workers, count / measure.seconds))
    return Plot("speed", "Whole runs, start-up included", "workers", "images per second", lines)


def memory_against_images(tables: Sequence[Table]) -> Plot:
    """Return the peak memory of the process that leads a run against the images of the run."""
    lines: dict[str, list[tuple[float, float]]] = {}
    leading = _table(tables, "Memory of the leading process")
    for row in leading.rows if leading else ():
        if (measure := row.measures[leading.ours if leading else ""]) and measure.peak:
            count = int(row.scene.split()[0].replace(",", ""))
            lines.setdefault("two workers, sizes from the export", []).append((count, measure.peak / 1e6))
    whole = _table(tables, "The whole run, start-up included")
    for row in whole.rows if whole else ():
        if "640x480" in row.scene and "memory" not in row.scene:
            count = int(row.scene.split()[0].replace(",", ""))
            for name, measure in row.measures.items():
                if name in {"gtmask convert", "the usual script"} and measure and measure.peak:
                    lines.setdefault(f"{name}, 640x480", []).append((count, measure.peak / 1e6))
    return Plot("memory", "Peak memory of the process that was started", "images", "MB", lines, log=True)


def _table(tables: Sequence[Table], title: str) -> Table | None:
    return next((table for table in tables if table.title == title), None)


def svg(plot: Plot) -> str:
    """Return a plot as an SVG document; ``plot.lines`` has at least one point."""
    points = [point for line in plot.lines.values() for point in line]
    step = _step(max(y for _, y in points))
    top = step * math.ceil(max(y for _, y in points) / step)
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    marks = sorted({x for x, _ in points})
    low, most = _along(plot, marks[0]), _along(plot, marks[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        share = (_along(plot, x) - low) / (most - low) if most > low else 0.5
        return LEFT + 20 + share * (wide - 40), TOP + high * (1 - y / top)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(plot.title)}: {escape(plot.up)} against {escape(plot.across)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        _text(LEFT, 22, f"{plot.title}: {plot.up}", "start", "font-weight: bold"),
    ]
    for number in range(round(top / step) + 1):
        _, y = place(marks[0], number * step)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{number * step:,g}", "end"))
    parts += [_text(place(x, 0)[0], HEIGHT - BOTTOM + 20, f"{x:,g}", "middle") for x in marks]
    parts.append(_text(LEFT + wide / 2, HEIGHT - 12, plot.across, "middle"))
    for number, (name, line) in enumerate(plot.lines.items()):
        color, lead = COLORS[number % len(COLORS)], TOP + 8 + 38 * number
        placed = [place(*point) for point in sorted(line)]
        drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        parts.append(f'<path d="M{drawn}" fill="none" stroke="{color}" stroke-width="2"/>')
        for (x, y), (_, value) in zip(placed, sorted(line), strict=True):
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"><title>{value:,.0f}</title></circle>'
            )
        beside = WIDTH - RIGHT + 34
        parts.append(f'<path d="M{beside - 22} {lead}h16" stroke="{color}" stroke-width="3"/>')
        parts += [_text(beside, lead + 4 + 15 * at, piece) for at, piece in enumerate(_pieces(name))]
    return "\n".join([*parts, "</svg>", ""])


def _along(plot: Plot, x: float) -> float:
    return math.log10(x) if plot.log else x


def _step(most: float) -> float:
    """Return the distance of grid lines: 1, 2 or 5 of a power of ten, at most six of them."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(unit * power for unit in (0.2, 0.5, 1.0, 2.0) if most / (unit * power) <= 6)


def _pieces(name: str) -> list[str]:
    """Return a line's name in two rows, cut at a comma."""
    head, _, tail = name.partition(", ")
    return [f"{head},", tail] if tail else [head]


def _text(x: float, y: float, text: str, anchor: str = "start", style: str = "") -> str:
    shown = f' style="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{shown}>{escape(text)}</text>'
