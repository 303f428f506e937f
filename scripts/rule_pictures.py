"""Paint the same polygons by every rule and put the pictures into docs/rasterizing.md.

    python scripts/rule_pictures.py            rewrite the block between the markers
    python scripts/rule_pictures.py --check    fail if the page shows something else than the code paints

The pictures cannot lie because nobody draws them: what stands between the markers is what the kernels
paint now.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gtmask.raster import (
    fill_center,
    fill_coco,
    fill_pillow,
    fill_polygons,
    fill_skimage,
    fill_touched,
    round_points,
    trunc_points,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Paint = Callable[[NDArray[np.uint8], NDArray[np.float64]], None]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "rasterizing.md"
BEGIN = "<!-- Made by scripts/rule_pictures.py: begin -->\n"
END = "<!-- Made by scripts/rule_pictures.py: end -->\n"

ONE_PART = np.array([0, 1], np.int32)
ONE_VALUE = np.ones(1, np.uint8)

POLYGONS = {
    "A rectangle whose corners lie on pixel borders: x from 1 to 6, y from 1 to 4": (
        [(1, 1), (6, 1), (6, 4), (1, 4)],
        (6, 8),
    ),
    "The same, moved by 0.6 pixels each way: x from 1.6 to 6.6, y from 1.6 to 4.6": (
        [(1.6, 1.6), (6.6, 1.6), (6.6, 4.6), (1.6, 4.6)],
        (6, 8),
    ),
    "A slanted shape: (1.5, 0.8), (9.7, 2.4), (6.2, 3.9), (7.9, 8.2), (2.3, 6.6)": (
        [(1.5, 0.8), (9.7, 2.4), (6.2, 3.9), (7.9, 8.2), (2.3, 6.6)],
        (10, 11),
    ),
}


def of_floats(fill: Callable[..., None]) -> Paint:
    def paint(mask: NDArray[np.uint8], ring: NDArray[np.float64]) -> None:
        fill(mask, ring, np.array([0, len(ring)], np.int32), ONE_PART, ONE_VALUE)

    return paint


def of_integers(convert: Callable[[NDArray[np.float64]], NDArray[np.int32]]) -> Paint:
    def paint(mask: NDArray[np.uint8], ring: NDArray[np.float64]) -> None:
        fill_polygons(mask, convert(ring), np.array([0, len(ring)], np.int32), ONE_PART, ONE_VALUE)

    return paint


RULES: dict[str, Paint] = {
    "center": of_floats(fill_center),
    "coco": of_floats(fill_coco),
    "touched": of_floats(fill_touched),
    "opencv": of_integers(round_points),
    "opencv-trunc": of_integers(trunc_points),
    "pillow": of_floats(fill_pillow),
    "skimage": lambda mask, ring: of_floats(fill_skimage)(mask, np.trunc(ring)),
}


def painted(rule: str, ring: NDArray[np.float64], height: int, width: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    RULES[rule](mask, ring)
    return mask


def pictures() -> str:
    """Return every polygon under every rule, four pictures side by side."""
    out = []
    for title, (vertices, (height, width)) in POLYGONS.items():
        ring = np.array(vertices, np.float64)
        out += [f"{title}.\n", "```text"]
        names = list(RULES)
        for group in (names[:4], names[4:]):
            masks = {rule: painted(rule, ring, height, width) for rule in group}
            column = 2 * max(width, 8) + 2
            out.append("".join(rule.ljust(column) for rule in group).rstrip())
            for row in range(height):
                lines = [" ".join("#" if value else "." for value in mask[row]) for mask in masks.values()]
                out.append("".join(line.ljust(column) for line in lines).rstrip())
            counts = (f"{int(mask.sum())} pixels" for mask in masks.values())
            out.append("".join(count.ljust(column) for count in counts).rstrip())
            if group[0] == names[0]:
                out.append("")
        out.append("```\n")
    return "\n".join(out)


def blobs(count: int = 400, size: int = 160) -> list[NDArray[np.float64]]:
    """Return outlines like those that people draw: 8 to 40 vertices, 20 to 140 pixels across."""
    rng = np.random.default_rng(20260101)
    rings = []
    for _ in range(count):
        vertices = int(rng.integers(8, 41))
        angle = np.sort(rng.random(vertices)) * 2 * np.pi
        radius = rng.uniform(10, 70) * rng.uniform(0.75, 1, vertices)
        rings.append(size / 2 + rng.random(2) + np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None])
    return rings


def exact_area(ring: NDArray[np.float64]) -> float:
    x, y = ring.T
    return abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2


def differences(size: int = 160) -> str:
    """Return a table: how much too large each rule paints, and how far the rules are apart."""
    rings = blobs(size=size)
    masks = {rule: [painted(rule, ring, size, size) for ring in rings] for rule in RULES}
    whole = sum(exact_area(ring) for ring in rings)
    rows = [
        "| rule | painted area against the true one | pixels unlike `center` | pixels unlike `opencv` |",
        "|---|---|---|---|",
    ]
    for rule, found in masks.items():
        area = sum(int(mask.sum()) for mask in found) / whole - 1
        unlike = [
            sum(int((a != b).sum()) for a, b in zip(found, masks[other], strict=True)) / len(rings)
            for other in ("center", "opencv")
        ]
        rows.append(f"| `{rule}` | {area:+.1%} | {unlike[0]:.0f} | {unlike[1]:.0f} |")
    mean = whole / len(rings)
    note = f"Averages over {len(rings)} outlines of 8 to 40 vertices, {mean:,.0f} pixels of true area each.\n"
    return "\n".join([*rows, "", note])


def filled(page: str) -> str:
    """Return the page with the block between the markers made anew."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{pictures()}\n{differences()}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only fail if the page is out of date")
    arguments = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    new = filled(page)
    if arguments.check:
        if new != page:
            print("docs/rasterizing.md is out of date: run python scripts/rule_pictures.py", file=sys.stderr)
        return int(new != page)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
