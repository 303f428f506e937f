"""The page of ``gtmask preview`` in a real browser: its size, its first picture, its filters.

500 images of 640x480 with 8 polygons each, converted, then shown on one page; the images are noise, which no
encoder makes small. A headless Chromium opens the page from the disk. *First picture* is the time from the
start of the navigation to the frame that shows an image under its mask; a *filter* takes from the change of
the control to the end of the next frame, or taking it back where that is slower; medians of fresh browsers.
No time counts unless each pixel of the first canvas has the colour of its class in the mask, and each filter
leaves as many images as the masks say.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import gtmask
from bench.exports import write_export
from bench.harness import Goal, Measure, Row, Table, alone, in_own_process

if TYPE_CHECKING:
    from playwright.sync_api import Page

OURS = "gtmask preview"
COUNT, WIDTH, HEIGHT, SHAPES = 500, 640, 480, 8
MOST_BYTES, MOST_SECONDS, MOST_FILTER = 25_000_000, 1.0, 0.1
#: Keeps the time at which a frame shows the first tile that is drawn.
WATCH = """
new MutationObserver((changes, observer) => {
  if (!document.querySelector("article[data-drawn]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.firstPicture = performance.now(); }));
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-drawn"] });
"""
#: Changes a control of the filters; returns the milliseconds until the next frame is over.
CHANGE = """([name, value]) => new Promise((resolve) => {
  const control = document.querySelector(`#filters [name=${name}]`);
  const start = performance.now();
  control.value = value;
  control.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
})"""
COLORS = """canvas => Array.from(
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)"""


def write_page(manifest: str, out: str, count: int) -> int:
    """Write the page of a manifest; return how many images are on it."""
    return gtmask.preview(manifest, out, count=count).shown


def run(quick: bool) -> list[Table]:
    """Write one page and measure it in a browser."""
    count = 20 if quick else COUNT
    with tempfile.TemporaryDirectory(prefix="gtmask-bench-") as name:
        folder = Path(name)
        export = write_export(folder / "data", count, WIDTH, HEIGHT, SHAPES)
        gtmask.convert(export, folder / "run", images=folder / "data" / "images", workers=1)
        manifest, page = folder / "run" / "labeling-qa.manifest", folder / "page.html"
        written = in_own_process("bench.page", "write_page", str(manifest), str(page), count, one_cpu=False)
        if written.value != count:
            sys.exit(f"{written.value} of {count} images are on the page: no time counts")
        size = page.stat().st_size
        first, filters = _in_the_browser(page, manifest, 1 if quick else 5)
    slowest = max(filters.values())
    scene = f"{count:,} images of {WIDTH}x{HEIGHT}"
    rows = [
        Row(f"{scene}: page written", {OURS: Measure(written.whole, size, written.peak)}),
        Row(f"{scene}: first picture", {OURS: Measure(first)}),
        *(Row(f"{scene}: {title}", {OURS: Measure(seconds)}) for title, seconds in filters.items()),
    ]
    goals = [
        Goal("at most 25 MB", f"{size / 1e6:.1f} MB", size <= MOST_BYTES),
        Goal("first picture within 1 s", f"{first:.2f} s", first <= MOST_SECONDS),
        Goal("each filter within 100 ms", f"at most {slowest * 1e3:.0f} ms", slowest <= MOST_FILTER),
    ]
    about = (__doc__ or "").split("\n\n", 1)[1]
    return [Table("The preview's page in a browser", about, OURS, rows, goals)]


def _in_the_browser(path: Path, manifest: Path, rounds: int) -> tuple[float, dict[str, float]]:
    """Return the seconds to the first picture and of each filter, medians of fresh browsers."""
    from tests.support.browser import open_browser  # noqa: PLC0415 - other benchmarks need no browser

    lines = [json.loads(line) for line in manifest.read_bytes().splitlines()]
    masks = [np.array(Image.open(line["labeling-qa-ref"])) for line in lines]
    firsts: list[float] = []
    filters: dict[str, list[float]] = {}
    for _ in range(rounds):
        with open_browser() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(WATCH)
            page.goto(path.as_uri(), wait_until="commit")
            firsts.append(page.wait_for_function("() => window.firstPicture").json_value() / 1e3)
            page.wait_for_load_state("load")
            _check_pixels(page, masks[0], lines[0]["labeling-qa-ref-metadata"]["internal-color-map"])
            for title, seconds in _filters(page, masks).items():
                filters.setdefault(title, []).append(seconds)
    return statistics.median(firsts), {title: statistics.median(times) for title, times in filters.items()}


def _filters(page: Page, masks: list[np.ndarray[Any, Any]]) -> dict[str, float]:
    """Use each filter and take it back; return the seconds of the slower of both."""
    having = [sum(bool((mask == value).any()) for mask in masks) for value in range(1, 256)]
    rarest = min((count, value) for value, count in enumerate(having, 1) if count)
    named = sum("7" in f"{number:06}.jpg" for number in range(1, len(masks) + 1))
    kinds = page.evaluate("wanted => page.maps[0].find(([value]) => value === wanted)[1]", rarest[1])
    steps = {
        "filter by class": ("klass", str(kinds), "", rarest[0]),
        "filter by name": ("name", "7", "", named),
        "filter by finding": ("finding", "reference-local", "", len(masks)),
        "sort by crowding": ("order", "crowding", "manifest", len(masks)),
    }
    taken = {}
    for title, (name, value, back, expected) in steps.items():
        there = page.evaluate(CHANGE, [name, value])
        told = page.locator("#status").text_content()
        if told != f"{expected:,} of {len(masks):,} images":
            sys.exit(f"{title} left {told}, not {expected}: no time counts")
        taken[title] = max(there, page.evaluate(CHANGE, [name, back])) / 1e3
    return taken


def _check_pixels(page: Page, mask: np.ndarray[Any, Any], color_map: dict[str, Any]) -> None:
    """End the benchmark unless the first canvas shows, without its image, the mask's colours."""
    page.locator("#all [name=show]").select_option("mask")
    colors = np.full((256, 3), 255, np.uint8)
    for value, entry in color_map.items():
        colors[int(value)] = list(bytes.fromhex(entry["hex-color"][1:]))
    canvas = page.locator("#tile-0 canvas")
    width, height = canvas.evaluate("canvas => [canvas.width, canvas.height]")
    # The picture, and with it the canvas, may be smaller than the mask: of each pixel its middle counts.
    rows, columns = (
        ((np.arange(count) + 0.5) * full / count).astype(int)
        for count, full in zip((height, width), mask.shape, strict=True)
    )
    expected = colors[mask[np.ix_(rows, columns)]]
    y, x = np.argwhere(mask[np.ix_(rows, columns)])[0].tolist()
    page.wait_for_function(
        """([x, y, color]) => {
          const canvas = document.querySelector("#tile-0 canvas");
          const pixel = canvas.getContext("2d").getImageData(x, y, 1, 1).data;
          return color.every((part, at) => pixel[at] === part);
        }""",
        arg=[x, y, expected[y, x].tolist()],
    )
    shown = np.array(canvas.evaluate(COLORS), np.uint8).reshape(height, width, 4)[:, :, :3]
    if not np.array_equal(shown, expected):
        sys.exit("the first canvas does not show the mask: no time counts")
    page.locator("#all [name=show]").select_option("both")


if __name__ == "__main__":
    raise SystemExit(alone(run))
