"""The preview's page as a person meets it, in a real browser."""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import orjson
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageOps

import gtmask
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import encode_png
from tests.support.browser import CHROMIUM, open_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]

ROOT = Path(__file__).resolve().parents[2]
#: Where screenshots go, to be looked at.
ARTIFACTS = Path(os.environ.get("GTMASK_ARTIFACTS") or ROOT / "build" / "screenshots")
WIDTH, HEIGHT = 60, 40
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LABELS = ["Car", "Road", "Tree"]
HOSTILE = [
    "<img src=x onerror=window.hacked=1>", "</script><script>window.hacked=2</script>", "a\"b'c&amp;<b>",
    "\u202egnp.exe", "tab\tline\u2028end", "{{ 7*7 }}",
]  # fmt: skip
READ_CANVAS = """canvas => [canvas.width, canvas.height,
  Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)]"""

#: The middle pixel, and all colours of the row in the middle.
READ_COLORS = """canvas => {
  const {data} = canvas.getContext("2d").getImageData(0, canvas.height >> 1, canvas.width, 1);
  const colors = Array.from({length: canvas.width}, (_, x) => [...data.slice(4 * x, 4 * x + 3)]);
  return [colors[canvas.width >> 1], colors];
}"""


def pixels_of(page: Page, selector: str) -> NDArray[np.uint8]:
    """Return what a canvas shows, uint8 (height, width, 3)."""
    width, height, data = page.locator(selector).evaluate(READ_CANVAS)
    return np.array(data, np.uint8).reshape(height, width, 4)[:, :, :3]


def masks() -> list[NDArray[np.uint8]]:
    """Return masks with all classes, background, and a border that is no straight line."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    made = []
    for number in range(4):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[(rows - 20) ** 2 + (columns - 15 - number) ** 2 < 144] = 1
        mask[rows + columns > 70 + number] = 2
        if number == 2:
            mask[3:9, 30:50] = 3
        made.append(mask)
    return made


def png_with_all_filters(mask: NDArray[np.uint8]) -> bytes:
    """Return a gray PNG whose rows take turns with the five filters of PNG."""
    height, width = mask.shape
    rows, above = bytearray(), np.zeros(width, np.int32)
    for y, row in enumerate(mask.astype(np.int32)):
        left = np.concatenate(([0], row[:-1]))
        corner = np.concatenate(([0], above[:-1]))
        guess = left + above - corner
        distances = np.abs(np.stack((guess - left, guess - above, guess - corner)))
        paeth = np.choose(distances.argmin(axis=0), (left, above, corner))
        kind = y % 5
        taken = (0, left, above, (left + above) // 2, paeth)[kind]
        rows += bytes([kind]) + ((row - taken) % 256).astype(np.uint8).tobytes()
        above = row

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(rows))
    pieces = [chunk(b"IDAT", packed[start : start + 50]) for start in range(0, len(packed), 50)]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(pieces) + chunk(b"IEND", b"")


def save_masks(folder: Path) -> None:
    """Write each mask by another encoder, one of them as a palette of 2 bits."""
    first, second, third, fourth = masks()
    (folder / "0-mask.png").write_bytes(encode_png(first))
    (folder / "1-mask.png").write_bytes(png_with_all_filters(second))
    cv2.imwrite(str(folder / "2-mask.png"), third)
    picture = Image.fromarray(fourth).convert("P")
    picture.putdata(fourth.reshape(-1).tolist())
    picture.putpalette([int(c[i : i + 2], 16) for c in COLORS for i in (1, 3, 5)])
    picture.save(folder / "3-mask.png", bits=2)


def writer() -> ManifestWriter:
    return ManifestWriter(class_map_from_labels(LABELS), creation_date="2024-01-01T00:00:00.000000")


def colors_of(line: bytes) -> list[str]:
    color_map = orjson.loads(line)["labeling-qa-ref-metadata"]["internal-color-map"]
    return [color_map[str(number)]["hex-color"] for number in range(4)]


COLORS = colors_of(writer().line("s3://b/a.jpg", "s3://b/a.png"))
RGB = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in COLORS], np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a page of four images, and one of what workers would not see and of what a job changed."""
    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(5)
    lines = []
    for number in range(4):
        soft = cv2.resize(rng.integers(0, 256, (4, 6, 3), np.uint8), (WIDTH, HEIGHT))
        Image.fromarray(soft).save(folder / f"{number}.png")
        lines.append(writer().line(str(folder / f"{number}.png"), str(folder / f"{number}-mask.png")))
    save_masks(folder)
    (folder / "good.manifest").write_bytes(b"".join(lines))
    gtmask.preview(folder / "good.manifest", folder / "good.html", workers=1)
    wrong = masks()[0]
    wrong[0, :5] = 77
    (folder / "unmapped.png").write_bytes(encode_png(wrong))
    (folder / "narrow.png").write_bytes(encode_png(masks()[0][:, :-1]))
    Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)).save(folder / "rgb.png")
    unseen = [
        writer().line(str(folder / f"{number}.png"), str(folder / f"{name}.png"))
        for number, name in enumerate(("unmapped", "narrow", "rgb", "missing"))
    ]
    values = orjson.loads(lines[0])
    values["fixed-ref"] = str(folder / "1-mask.png")
    values["fixed-ref-metadata"] = values["labeling-qa-ref-metadata"] | {"adjustment-status": "adjusted"}
    (folder / "job.manifest").write_bytes(orjson.dumps(values) + b"\n")
    gtmask.preview(folder / "job.manifest", folder / "job.html", workers=1)
    (folder / "unseen.manifest").write_bytes(b"".join(unseen))
    gtmask.preview(folder / "unseen.manifest", folder / "unseen.html", workers=1)
    write_turned(folder)
    write_hostile(folder)
    gtmask.demo(folder / "demo", images=8)
    return folder


def write_turned(folder: Path) -> None:
    """Make pages of images that EXIF turns in all its ways, in the grid of files and in that of viewers."""
    rng = np.random.default_rng(6)
    mask = masks()[0]
    document: dict[str, Any] = {
        "images": [], "annotations": [], "categories": [{"id": 1, "name": "Car"}],
    }  # fmt: skip
    lines = []
    (folder / "turned").mkdir()
    (folder / "turned.png").write_bytes(encode_png(mask))
    for orientation in range(1, 9):
        name = folder / "turned" / f"{orientation}.png"
        exif = Image.Exif()
        exif[0x0112] = orientation
        soft = cv2.resize(rng.integers(0, 256, (4, 6, 3), np.uint8), (WIDTH, HEIGHT))
        Image.fromarray(soft).save(name, exif=exif)
        lines.append(writer().line(str(name), str(folder / "turned.png")))
        width, height = (WIDTH, HEIGHT) if orientation < 5 else (HEIGHT, WIDTH)
        document["images"].append(
            {"id": orientation, "file_name": name.name, "width": width, "height": height}
        )
        document["annotations"].append({
            "id": orientation, "image_id": orientation, "category_id": 1, "iscrowd": 0,
            "segmentation": [[2, 2, 9, 2, 9, 30]],
        })  # fmt: skip
    (folder / "turned.manifest").write_bytes(b"".join(lines))
    (folder / "turned.json").write_bytes(orjson.dumps(document))
    gtmask.preview(folder / "turned.manifest", folder / "stored.html", count=8, workers=1)
    gtmask.preview(
        folder / "turned.json", folder / "display.html", images=str(folder / "turned"), count=8,
        orientation="display", workers=1,
    )  # fmt: skip


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return an image's pixels as viewers that follow EXIF show them."""
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def write_hostile(folder: Path) -> None:
    """Make a page of an export whose names and labels would do harm where they counted as HTML."""
    names = [f"{number}{name.replace('/', ':')}.png" for number, name in enumerate(HOSTILE)]
    document: dict[str, Any] = {
        "images": [], "annotations": [],
        "categories": [{"id": number, "name": name} for number, name in enumerate(HOSTILE, 1)],
    }  # fmt: skip
    (folder / "hostile").mkdir()
    for number, name in enumerate(names, 1):
        Image.new("RGB", (20, 20), (90, 90, 90)).save(folder / "hostile" / name)
        document["images"].append({"id": number, "file_name": name, "width": 20, "height": 20})
        document["annotations"].append({
            "id": number, "image_id": number, "category_id": number, "iscrowd": 0,
            "segmentation": [[2, 2, 9, 2, 9, 9]],
        })  # fmt: skip
    (folder / "hostile.json").write_bytes(orjson.dumps(document))
    made = gtmask.preview(
        folder / "hostile.json", folder / "hostile.html", images=str(folder / "hostile"), workers=1
    )
    assert made.shown == len(HOSTILE), made.troubles


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Browser]:
    """Run the browser once the pages are made."""
    with open_browser() as browser:
        yield browser


class Opened:
    """A page that was opened; what it complained of is in ``troubles``."""

    def __init__(self, browser: Browser, path: Path, **options: Any) -> None:
        self.troubles: list[str] = []
        self.context = browser.new_context(**{"viewport": DESKTOP, **options})
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda message: self.troubles.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self._heed(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("article[data-drawn]")

    def _refuse(self, dialog: Any) -> None:
        self.troubles.append("a dialog")
        dialog.dismiss()

    def _heed(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.troubles.append(f"fetched {url}")

    def __enter__(self) -> Page:
        return self.page

    def __exit__(self, *exc: object) -> None:
        self.context.close()
        assert self.troubles == []


def choose(page: Page, name: str, value: str, group: str = "#all") -> None:
    page.locator(f"{group} [name={name}]").select_option(value)


def slide(page: Page, percent: int, group: str = "#all") -> None:
    page.locator(f"{group} [name=opacity]").fill(str(percent))


def wait_for_pixel(page: Page, number: int, x: int, y: int, color: NDArray[Any]) -> None:
    """Wait until a tile's canvas has a colour at a place."""
    page.wait_for_function(
        """([number, x, y, color]) => {
          const canvas = document.querySelector(`#tile-${number} canvas`);
          const pixel = canvas.getContext("2d").getImageData(x, y, 1, 1).data;
          return color.every((part, at) => pixel[at] === part);
        }""",
        arg=[number, x, y, [int(part) for part in color]],
    )


def test_masks_are_drawn_sample_by_sample(browser: Browser, folder: Path) -> None:
    """By four encoders, all filters, several IDAT chunks, and 2 bits a sample: no pixel is another."""
    with Opened(browser, folder / "good.html") as page:
        choose(page, "show", "mask")
        for number, mask in enumerate(masks()):
            page.wait_for_selector(f"#tile-{number}[data-drawn]")
            wait_for_pixel(page, number, WIDTH - 1, HEIGHT - 1, RGB[2])
            assert np.array_equal(pixels_of(page, f"#tile-{number} canvas"), RGB[mask]), number


@pytest.mark.parametrize("percent", [20, 55, 90])
def test_pixels_are_blended_as_stated(browser: Browser, folder: Path, percent: int) -> None:
    with Opened(browser, folder / "good.html") as page:
        choose(page, "show", "image")
        page.wait_for_function("() => document.querySelector('#tile-0 select').value === 'image'")
        image = pixels_of(page, "#tile-0 canvas").astype(np.float64)
        slide(page, percent)
        choose(page, "show", "both")
        mask = masks()[0]
        expected = np.floor(image * (1 - percent / 100) + RGB[mask] * (percent / 100) + 0.5)
        expected[mask == 0] = image[mask == 0]
        wait_for_pixel(page, 0, WIDTH - 1, HEIGHT - 1, expected[-1, -1].astype(np.uint8))
        assert np.abs(pixels_of(page, "#tile-0 canvas") - expected).max() == 0


def test_outlines_have_the_color_of_the_class(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "good.html") as page:
        slide(page, 0)
        image = pixels_of(page, "#tile-0 canvas")
        page.locator("#all [name=outlines]").check()
        mask = masks()[0]
        column = int((mask[20] == 1).nonzero()[0][0])
        wait_for_pixel(page, 0, column - 1, 20, RGB[1])
        shown = pixels_of(page, "#tile-0 canvas")
        assert (shown[20, column + 3] == image[20, column + 3]).all()
        border = (mask[:-1, :-1] != mask[1:, :-1]) | (mask[:-1, :-1] != mask[:-1, 1:])
        changed = (shown != image).any(axis=2)[:-1, :-1]
        assert not (changed & ~border).any()
        assert changed[border].mean() > 0.95


def test_classes_are_switched(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "good.html") as page:
        choose(page, "show", "mask")
        wait_for_pixel(page, 0, 15, 20, RGB[1])
        page.get_by_label("Car", exact=True).uncheck()
        wait_for_pixel(page, 0, 15, 20, RGB[0])
        wait_for_pixel(page, 0, WIDTH - 1, HEIGHT - 1, RGB[2])
        page.locator("#every-class").click()
        wait_for_pixel(page, 0, 15, 20, RGB[1])
        page.locator("#every-class").click()
        wait_for_pixel(page, 0, WIDTH - 1, HEIGHT - 1, RGB[0])


def test_one_image_alone_is_set(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "good.html") as page:
        slide(page, 100, "#tile-1")
        wait_for_pixel(page, 1, WIDTH - 1, HEIGHT - 1, RGB[2])
        assert (pixels_of(page, "#tile-0 canvas")[-1, -1] != RGB[2]).any()


def visible(page: Page) -> list[str]:
    return [name.text_content() or "" for name in page.locator("article:visible h3").all()]


def test_images_are_filtered_and_sorted(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "good.html") as page:
        status = page.locator("#status")
        assert status.text_content() == "4 of 4 images"
        choose(page, "klass", "3", "#filters")
        assert (status.text_content(), visible(page)) == ("1 of 4 images", ["2.png"])
        page.get_by_text("Show all again").click()
        page.wait_for_function("() => document.getElementById('status').textContent === '4 of 4 images'")
        page.locator("#filters [name=name]").fill("1.PN")
        assert visible(page) == ["1.png"]
        page.locator("#filters [name=name]").fill("")
        choose(page, "order", "crowding", "#filters")
        assert visible(page)[0] == "2.png"
        choose(page, "order", "manifest", "#filters")
        assert visible(page) == ["0.png", "1.png", "2.png", "3.png"]
        choose(page, "finding", "reference-local", "#filters")
        assert len(visible(page)) == 4


def test_the_pointer_tells_value_and_class(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "good.html") as page:
        canvas = page.locator("#tile-0 canvas")
        box = canvas.bounding_box()
        assert box is not None
        place = {"x": (15 + 0.5) * box["width"] / WIDTH, "y": (20 + 0.5) * box["height"] / HEIGHT}
        canvas.hover(position=place)
        page.wait_for_function(
            "() => document.querySelector('#tile-0 output').textContent === 'x 15, y 20: value 1, Car'"
        )


def test_an_image_is_looked_at_by_keys_alone(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "good.html") as page:
        page.locator("#tile-0 .picture").focus()
        page.keyboard.press("Enter")
        told = page.locator("#viewer output")
        page.wait_for_function(
            "() => /in the middle x 30, y 20/.test(document.querySelector('#viewer output').textContent)"
        )
        page.keyboard.press("1")
        assert (told.text_content() or "").startswith("100 %")
        for _ in range(6):
            page.keyboard.press("+")
        page.keyboard.press("ArrowLeft")
        zoomed = re.match(r"(\d+) %, in the middle x (\d+), y 20", told.text_content() or "")
        assert zoomed is not None
        assert (int(zoomed[1]), int(zoomed[2])) == (1139, 24)  # 1.5 ** 6; 60 pixels of the screen to the left
        page.keyboard.press("v")
        page.keyboard.press("v")
        middle, colors = page.locator("#viewer canvas").evaluate(READ_COLORS)
        assert middle == RGB[masks()[0][20, 24]].tolist()
        assert {tuple(color) for color in colors} <= {*map(tuple, RGB.tolist()), (0, 0, 0)}
        page.keyboard.press("PageDown")
        assert page.locator("#viewer-name").text_content() == "1.png"
        page.keyboard.press("0")
        page.keyboard.press("Escape")
        # The dialog gives focus back to where it was opened from; what listens to its end moves it on.
        page.wait_for_function("() => document.activeElement.closest('article')?.id === 'tile-1'")
        assert not page.evaluate("document.getElementById('viewer').open")


def test_an_image_is_moved_and_zoomed_by_the_pointer(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "good.html") as page:
        page.locator("#tile-0 .picture").click()
        page.wait_for_function(
            "() => /in the middle x 30/.test(document.querySelector('#viewer output').textContent)"
        )
        before = page.evaluate("[viewer.left, viewer.top, viewer.scale]")
        box = page.locator("#viewer canvas").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 130)
        page.mouse.up()
        left, top, scale = page.evaluate("[viewer.left, viewer.top, viewer.scale]")
        assert (left, top) == pytest.approx((before[0] - 40 / scale, before[1] - 30 / scale))
        page.mouse.wheel(0, -100)
        page.wait_for_function("before => viewer.scale > before", arg=scale)


def test_what_workers_would_not_see_is_shown_so(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "unseen.html") as page:
        for number, code in enumerate(("mask-value", "mask-size", "mask-rgb", "mask-not-found")):
            assert code in (page.locator(f"#tile-{number} .findings").text_content() or "")
        choose(page, "show", "mask")
        wait_for_pixel(page, 0, 2, 0, RGB[0])
        page.get_by_role("checkbox", name="values in no class").check()
        wait_for_pixel(page, 0, 2, 0, np.array([255, 0, 255]))
        # The samples of a mask of another width follow each other row by row.
        flat = np.zeros(WIDTH * HEIGHT, np.uint8)
        narrow = masks()[0][:, :-1].reshape(-1)
        flat[: len(narrow)] = narrow
        page.wait_for_selector("#tile-1[data-drawn]")
        assert np.array_equal(pixels_of(page, "#tile-1 canvas"), RGB[flat.reshape(HEIGHT, WIDTH)])
        for number in (2, 3):
            page.wait_for_selector(f"#tile-{number}[data-drawn]")
            assert (pixels_of(page, f"#tile-{number} canvas") == 255).all()
        choose(page, "finding", "mask-rgb", "#filters")
        assert visible(page) == ["2.png"]


def test_a_change_is_shown_before_after_and_as_a_difference(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "job.html") as page:
        before, after = masks()[0], masks()[1]
        assert f"{(before != after).sum():,} pixels changed" in (
            page.locator("#tile-0 .facts").text_content() or ""
        )
        choose(page, "show", "mask")
        difference = np.where(before != after, after, 0)
        for layer, mask in (("before", before), ("after", after), ("difference", difference)):
            choose(page, "layer", layer)
            place = np.argwhere(mask != 0)[0].tolist()
            wait_for_pixel(page, 0, place[1], place[0], RGB[mask[tuple(place)]])
            assert np.array_equal(pixels_of(page, "#tile-0 canvas"), RGB[mask]), layer


def test_images_that_exif_turns_are_seen_in_both_grids(browser: Browser, folder: Path) -> None:
    """The image is drawn turned or not, and the mask stays as it is, from the same corner on."""
    for grid, other in (("stored", "display"), ("display", "stored")):
        with Opened(browser, folder / f"{grid}.html") as page:
            assert page.locator("#tile-0 [name=grid]").count() == 0
            for number in range(1, 8):
                tile, orientation = f"#tile-{number}", number + 1
                page.locator(tile).scroll_into_view_if_needed()
                page.wait_for_selector(f"{tile}[data-drawn]")
                seen = {}
                for way in (grid, other):
                    choose(page, "grid", way, tile)
                    for show in ("mask", "image"):
                        choose(page, "show", show, tile)
                        page.wait_for_selector(f"{tile}[data-drawn='{way} {show}']")
                        seen[way, show] = pixels_of(page, f"{tile} canvas")
                expected = turned(seen["stored", "image"], orientation)
                assert np.array_equal(seen["display", "image"], expected), orientation
                mask, moved = seen[grid, "mask"], seen[other, "mask"]
                rows, columns = np.minimum(mask.shape, moved.shape)[:2]
                assert np.array_equal(mask[:rows, :columns], moved[:rows, :columns])
                assert (moved[rows:] == 255).all()
                assert (moved[:, columns:] == 255).all()
            choose(page, "grid", other, "#tile-5")
            page.locator("#tile-5 .picture").click()
            page.wait_for_function("() => document.querySelector('#viewer output').textContent !== ''")
            middle = "x 20, y 30" if other == "display" else "x 30, y 20"
            assert middle in (page.locator("#viewer output").text_content() or "")
            choose(page, "grid", grid, "#viewer")
            page.wait_for_function("grid => tiles[5].own.grid === grid", arg=grid)
            middle = "x 20, y 30" if grid == "display" else "x 30, y 20"
            assert middle in (page.locator("#viewer output").text_content() or "")


def test_hostile_names_and_labels_do_no_harm(browser: Browser, folder: Path) -> None:
    with Opened(browser, folder / "hostile.html") as page:
        assert page.evaluate("window.hacked") is None
        assert page.locator("article img, article script, h3 b").count() == 0
        names = visible(page)
        assert len(names) == len(HOSTILE)
        assert "<img src=x onerror=window.hacked=1>.png" in names[0]
        assert names[3] == "3\\u202egnp.exe.png"
        assert not any(character in "".join(names) for character in "\u202e\u2028")
        page.locator("#tile-1 .picture").click()
        assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["good", "unseen", "job", "stored"])
def test_axe_finds_nothing_serious(browser: Browser, folder: Path, name: str, theme: Any) -> None:
    with Opened(browser, folder / f"{name}.html", color_scheme=theme) as page:
        for opened in (False, True):
            if opened:
                page.locator("#tile-0 .picture").click()
                page.wait_for_function("() => document.querySelector('#viewer output').textContent !== ''")
            found = Axe().run(page).response["violations"]
            serious = [
                (one["id"], one["nodes"][0]["html"])
                for one in found
                if one["impact"] in {"serious", "critical"}
            ]
            assert serious == []


def test_screenshots_are_taken(browser: Browser, folder: Path) -> None:
    """To be looked at; what is asserted is that nothing reaches beyond a phone's edge."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for name, options in (
        ("desktop", {}),
        ("dark", {"color_scheme": "dark"}),
        ("phone", {"viewport": PHONE, "has_touch": True, "is_mobile": True}),
    ):
        with Opened(browser, folder / "demo" / "preview.html", **options) as page:
            page.wait_for_selector("#tile-1[data-drawn]")
            page.screenshot(path=ARTIFACTS / f"preview-{name}.png")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            page.locator("#tile-0 .picture").click()
            page.wait_for_function("() => document.querySelector('#viewer output').textContent !== ''")
            page.screenshot(path=ARTIFACTS / f"preview-{name}-large.png")
            page.keyboard.press("Escape")
            page.emulate_media(media="print")
            assert not page.locator("#filters").is_visible()
            assert page.locator("#tile-0 canvas").is_visible()
