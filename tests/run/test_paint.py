"""Which shapes of a record are painted, in which order and how: expected masks by hand."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import gtmask
from gtmask.class_map import ClassMap, LabelClass
from gtmask.errors import GtmaskError, NotFoundError, UsageError
from gtmask.findings import Finding
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import drawn_pixels
from gtmask.model import Bitmap, Record, Runs, Select
from gtmask.run.paint import paint
from gtmask.run.pictures import select_pixels

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = ClassMap(
    (LabelClass(1, "large", "#2ca02c", priority=0), LabelClass(2, "small", "#1f77b4", priority=0)),
    ignore=frozenset({"skip"}),
    background=frozenset({"hole"}),
)
DEFAULTS: dict[str, Any] = {"fill": "center", "stroke": 0.0, "overlap": "order", "crowd": "paint"}


def square(x: float, y: float, side: float) -> list[float]:
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def build(*shapes: tuple[str, list[float]], size: int = 12) -> RecordBuilder:
    builder = RecordBuilder("a.jpg", size, size)
    for label, ring in shapes:
        builder.polygon(label, ring)
    return builder


def codes(record: Record, **options: Any) -> list[str]:
    return [finding.code for finding in paint(record, CLASSES, **{**DEFAULTS, **options}).findings]


@pytest.mark.parametrize(
    ("overlap", "priorities", "top"),
    [
        ("order", (0, 5), 1),
        ("area", (5, 0), 2),
        ("priority", (5, 0), 1),
        ("priority", (0, 5), 2),
        ("priority", (0, 0), 1),
    ],
)
def test_who_wins_where_shapes_overlap(overlap: str, priorities: tuple[int, int], top: int) -> None:
    record = build(("small", square(3, 3, 4)), ("large", square(0, 0, 10))).build()
    classes = ClassMap(
        tuple(
            LabelClass(number, name, color, priority=priority)
            for number, name, color, priority in zip(
                (1, 2), ("large", "small"), ("#2ca02c", "#1f77b4"), priorities, strict=True
            )
        )
    )
    mask = gtmask.rasterize(record, classes, fill="center", overlap=overlap)
    expected = np.zeros((12, 12), np.uint8)
    expected[:10, :10] = 1
    expected[3:7, 3:7] = top
    np.testing.assert_array_equal(mask, expected)


def test_holes_do_not_count_for_the_area() -> None:
    builder = RecordBuilder("a.jpg", 12, 12)
    builder.polygons("small", [[square(0, 0, 9), square(1, 1, 7)]])
    builder.polygon("large", square(0, 0, 6))
    mask = gtmask.rasterize(builder.build(), CLASSES, fill="center", overlap="area")
    assert (mask[0, 0], mask[3, 3], mask[8, 8]) == (2, 1, 2), "a frame of 32 pixels lies over a square of 36"


def test_labels_that_are_not_painted_are_told() -> None:
    shapes = [(label, square(0, 0, 4)) for label in ("large", "skip", "who", "")]
    record = build(*shapes).build()
    assert codes(record) == ["shape-ignored", "shape-unknown-label", "shape-no-label"]
    assert int((gtmask.rasterize(record, CLASSES, fill="center") == 1).sum()) == 16


def test_labels_of_the_background_cut_holes() -> None:
    record = build(("large", square(0, 0, 6)), ("hole", square(2, 2, 2))).build()
    mask = gtmask.rasterize(record, CLASSES, fill="center")
    assert (int(mask.sum()), mask[2, 2], mask[1, 1]) == (32, 0, 1)


@pytest.mark.parametrize(("crowd", "area", "told"), [("paint", 16, []), ("ignore", 0, ["shape-ignored"])])
def test_crowd_regions_are_painted_unless_told_otherwise(crowd: str, area: int, told: list[str]) -> None:
    record = build(("large", square(0, 0, 4))).build()
    record.shapes[0].ignore = True
    assert int(gtmask.rasterize(record, CLASSES, fill="center", crowd=crowd).sum()) == area
    assert codes(record, crowd=crowd) == told


def test_lines_and_points_need_a_stroke() -> None:
    builder = build(("large", square(8, 8, 2)))
    builder.polygon("small", [1.5, 2.5, 5.5, 2.5], "polyline")
    builder.polygon("small", [9.5, 4.5], "point")
    record = builder.build()
    assert codes(record) == ["shape-no-area", "shape-no-area"]
    assert not (gtmask.rasterize(record, CLASSES, fill="center") == 2).any()
    mask = gtmask.rasterize(record, CLASSES, fill="center", stroke=1.0)
    assert codes(record, stroke=1.0) == []
    assert (mask == 2).nonzero()[0].tolist() == [2] * 5 + [4]
    assert (mask == 2).nonzero()[1].tolist() == [1, 2, 3, 4, 5, 9]


def test_fractions_are_of_the_size_that_is_painted() -> None:
    record = build(("large", [0, 0, 0.5, 0, 0.5, 0.25, 0, 0.25])).build()
    record.units = "fraction"
    mask = gtmask.rasterize(record, CLASSES, fill="center")
    assert mask[:3, :6].all()
    assert int(mask.sum()) == 18


def test_the_source_rule_is_that_of_the_record_and_isat_truncates_before() -> None:
    record = build(("large", square(1.9, 1.9, 4))).build()
    record.source_fill = "skimage"
    mask = gtmask.rasterize(record, CLASSES, fill="source")
    assert mask[1:6, 1:6].all()
    assert int(mask.sum()) == 25


def test_circles_of_labelme_are_ellipses_of_pillow() -> None:
    builder = RecordBuilder("a.jpg", 30, 30, source_fill="pillow")
    builder.ellipse("large", (14.3, 15.6), (9.2, 9.2), kind="circle")
    picture = Image.new("L", (30, 30))
    box = (14.3 - 9.2, 15.6 - 9.2, 14.3 + 9.2, 15.6 + 9.2)
    ImageDraw.Draw(picture).ellipse(box, fill=1)
    mask = gtmask.rasterize(builder.build(), CLASSES, fill="source")
    np.testing.assert_array_equal(mask, np.array(picture))


def test_a_record_without_a_size_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a\.jpg has no size"):
        gtmask.rasterize(Record("a.jpg"), CLASSES)


# --- bitmaps ------------------------------------------------------------------------------------------


def picture(mode: str, *pixels: Any) -> Image.Image:
    image = Image.new(mode, (len(pixels), 1))
    image.putdata(list(pixels))
    return image


@pytest.mark.parametrize(
    ("image", "how", "value", "expected"),
    [
        (picture("L", 0, 1, 255), "nonzero", 0, [0, 1, 1]),
        (picture("1", 0, 255, 0), "nonzero", 0, [0, 1, 0]),
        (picture("LA", (9, 0), (9, 7), (0, 9)), "nonzero", 0, [0, 1, 0]),
        (picture("RGB", (0, 0, 0), (0, 0, 1), (5, 0, 0)), "nonzero", 0, [0, 1, 1]),
        (picture("RGBA", (1, 1, 1, 0), (0, 0, 0, 9), (0, 3, 0, 1)), "nonzero", 0, [0, 0, 1]),
        (picture("RGBA", (1, 1, 1, 0), (0, 0, 0, 9), (0, 3, 0, 1)), "alpha", 0, [0, 1, 1]),
        (picture("L", 3, 7, 3), "index", 3, [1, 0, 1]),
        (picture("LA", (3, 0), (7, 9), (3, 9)), "index", 3, [1, 0, 1]),
        (picture("RGB", (1, 2, 3), (3, 2, 1), (1, 2, 4)), "rgb", 0x010203, [1, 0, 0]),
        (picture("RGB", (1, 2, 3), (3, 2, 1), (1, 2, 4)), "id", 1 + 256 * 2 + 65536 * 3, [1, 0, 0]),
    ],
)
def test_which_pixels_of_a_picture_are_the_shape(
    image: Image.Image, how: str, value: int, expected: list[int]
) -> None:
    assert (select_pixels(image, how, value) != 0).astype(int).tolist() == [expected]


def encoded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)


def in_palette(indices: list[int], *colors: tuple[int, int, int], transparent: int | None = None) -> bytes:
    image = Image.new("P", (len(indices), 1))
    image.putpalette([sample for color in colors for sample in color])
    image.putdata(indices)
    stream = io.BytesIO()
    image.save(stream, "PNG", **({} if transparent is None else {"transparency": transparent}))
    return stream.getvalue()


def in_gray(*values: int, transparent: int) -> bytes:
    stream = io.BytesIO()
    picture("L", *values).save(stream, "PNG", transparency=transparent)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "drawn", "told"),
    [
        (in_palette([0, 1, 1], BLACK, WHITE), [0, 1, 1], []),
        (in_palette([1, 0, 0], WHITE, BLACK), [0, 1, 1], ["mask-reading-guessed"]),
        (in_palette([0, 2, 1], BLACK, BLACK, WHITE), [0, 1, 0], ["mask-reading-guessed"]),
        (in_palette([0, 1, 1], WHITE, RED), [0, 1, 1], ["mask-reading-guessed"]),
        (in_palette([0, 1, 1], BLACK, WHITE, transparent=0), [0, 1, 1], []),
        (in_palette([1, 0, 0], BLACK, WHITE, transparent=1), [0, 1, 1], []),
        (in_palette([0, 1, 1], WHITE, BLACK, transparent=0), [0, 1, 1], []),
        (in_palette([0, 1, 1], BLACK, WHITE, RED, transparent=2), [0, 1, 1], []),
        (in_gray(255, 0, 0, transparent=255), [0, 1, 1], []),
        (in_gray(0, 9, 255, transparent=0), [0, 1, 1], []),
        (in_gray(0, 9, 255, transparent=7), [0, 1, 1], []),
    ],
)
def test_what_is_drawn_is_told_by_colour_and_transparency_never_by_the_order_of_a_palette(
    data: bytes, drawn: list[int], told: list[str]
) -> None:
    record = with_bitmap(Bitmap(data, select=drawn_pixels(data)))
    record.width, record.height = 3, 1
    painting = paint(record, CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    assert (painting.mask != 0).astype(int).tolist() == [drawn]
    assert [finding.code for finding in painting.findings] == told


def test_what_is_drawn_is_not_told_by_a_jpeg_or_by_16_bits_that_pillow_cuts() -> None:
    for data in (saved(Image.new("L", (4, 2), 1), "JPEG"), deep()):
        record = with_bitmap(Bitmap(data, select=drawn_pixels(data)))
        assert codes(record) == ["bitmap-inexact"]
        assert not gtmask.rasterize(record, CLASSES).any()


def with_bitmap(bitmap: Bitmap, files: Callable[[str], bytes] | None = None) -> Record:
    builder = RecordBuilder("a.jpg", 4, 2)
    builder.bitmap("large", bitmap)
    record = builder.build()
    record.files = files
    return record


def test_a_bitmap_lies_where_it_is_said_to_and_is_clipped() -> None:
    record = with_bitmap(Bitmap(encoded(picture("L", 1, 0, 1)), x=2, y=1))
    assert gtmask.rasterize(record, CLASSES).tolist() == [[0, 0, 0, 0], [0, 0, 1, 0]]


def gone(name: str) -> bytes:
    raise NotFoundError(f"there is no {name}")


@pytest.mark.parametrize(
    ("bitmap", "files", "code"),
    [
        (Bitmap(b"no picture"), None, "bitmap-unreadable"),
        (Bitmap(encoded(Image.effect_noise((64, 64), 90))[:500]), None, "bitmap-unreadable"),
        (Bitmap(encoded(Image.new("L", (3, 2), 1)), whole=True), None, "bitmap-size-differs"),
        (Bitmap(file="m.png", select=Select("id", 1)), gone, "bitmap-missing"),
        (Bitmap(file="m.png"), None, "bitmap-missing"),
    ],
)
def test_a_bitmap_that_will_not_do_is_told(
    bitmap: Bitmap, files: Callable[[str], bytes] | None, code: str
) -> None:
    record = with_bitmap(bitmap, files)
    assert codes(record) == [code]
    assert not gtmask.rasterize(record, CLASSES).any()


def test_segments_of_one_picture_are_painted_in_one_pass_and_the_later_of_two_counts() -> None:
    reads: list[str] = []

    def read(name: str) -> bytes:
        reads.append(name)
        if name != "m.png":
            raise GtmaskError(name)
        return encoded(picture("RGB", (1, 0, 0), (2, 0, 0), (3, 0, 0)))

    builder = RecordBuilder("a.jpg", 3, 1)
    for label, value in (("large", 1), ("small", 2), ("small", 1)):
        builder.bitmap(label, Bitmap(file="m.png", select=Select("id", value)))
    record = builder.build()
    record.files = read
    assert gtmask.rasterize(record, CLASSES).tolist() == [[2, 2, 0]]
    assert reads == ["m.png"]


def segments(
    picture: Image.Image, *values: int, background: int = 0, optional: bool = False
) -> tuple[list[int], list[tuple[str, str]]]:
    """Paint one row in which segments have these values: the mask's row and what was found."""
    builder = RecordBuilder("a.jpg", picture.width, 1)
    for value in values:
        select = Select("id", value)
        bitmap = Bitmap(file="m.png", select=select, whole=True, background=background, optional=optional)
        builder.bitmap("large", bitmap)
    record = builder.build()
    record.files = lambda _: encoded(picture)
    painting = paint(record, CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    found = [(finding.code, finding.detail) for finding in painting.findings]
    return (painting.mask[0] != 0).astype(int).tolist(), found


def test_a_value_that_no_segment_lists_is_told_with_its_pixels() -> None:
    row, found = segments(picture("RGB", (0, 0, 0), (1, 0, 0), (7, 1, 0), (7, 1, 0)), 1)
    assert row == [0, 1, 0, 0]
    assert found == [("bitmap-value-unknown", "m.png: 2 pixels of one value, such as 263 (#070100)")]


def test_a_listed_value_without_pixels_is_told_with_its_label() -> None:
    row, found = segments(picture("RGB", (0, 0, 0), (1, 0, 0)), 1, 258)
    assert row == [0, 1]
    assert found == [("segment-without-pixels", "large: 258 (#020100) in m.png")]


def test_classes_of_a_table_for_all_images_may_lack_pixels() -> None:
    row, found = segments(picture("RGB", (0, 0, 0), (1, 0, 0)), 1, 258, 259, optional=True)
    assert row == [0, 1]
    assert found == [("class-without-pixels", "m.png: large, large")]


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def deep() -> bytes:
    """Return a PNG of 2 pixels with colours of 16 bits, which Pillow reads and does not write."""
    import struct  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" + struct.pack(">6H", 256, 0, 0, 0, 0, 0))
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (saved(Image.new("RGB", (2, 1), (1, 0, 0)), "JPEG"), "a JPEG changes colours"),
        (saved(Image.new("RGB", (2, 1), (1, 0, 0)), "WEBP"), "a WEBP changes colours"),
        (saved(Image.new("CMYK", (2, 1)), "TIFF"), "pixels of Pillow's mode CMYK are no ids"),
        (saved(Image.new("F", (2, 1)), "TIFF"), "pixels of Pillow's mode F are no ids"),
        (deep(), "it has colours or transparency of 16 bits"),
        (saved(Image.new("RGB", (2, 1), (1, 0, 0)), "WEBP", lossless=True), None),
        (saved(Image.new("RGB", (2, 1), (1, 0, 0)), "TIFF"), None),
    ],
)
def test_pictures_that_do_not_keep_ids_are_refused_with_a_reason(data: bytes, said: str | None) -> None:
    record = with_bitmap(Bitmap(file="m.png", select=Select("id", 1), whole=True), lambda _: data)
    record.width, record.height = 2, 1
    painting = paint(record, CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    found = [(finding.code, finding.detail) for finding in painting.findings]
    assert found == ([("bitmap-inexact", f"1 segments: {said}")] if said else [])
    assert bool(painting.mask.any()) == (said is None)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (picture("RGB", (0, 0, 0), (0, 0, 0)), []),
        (picture("RGB", (0, 0, 0), (7, 0, 0)), ["bitmap-value-unknown"]),
        (picture("RGB", (0, 0, 0)), ["bitmap-size-differs"]),
        (None, ["bitmap-missing"]),
    ],
)
def test_a_picture_without_segments_is_looked_at(image: Image.Image | None, expected: list[str]) -> None:
    record = Record("a.jpg", 2, 1, pictures=("m.png",), findings=[Finding("image-unannotated")])
    record.files = gone if image is None else lambda _: encoded(image)
    painting = paint(record, CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    assert [finding.code for finding in painting.findings] == expected


def test_a_value_that_segments_of_several_classes_share_is_told() -> None:
    builder = RecordBuilder("a.jpg", 2, 1)
    for label, value in (("large", 1), ("small", 1), ("large", 2), ("large", 2)):
        builder.bitmap(label, Bitmap(file="m.png", select=Select("id", value), whole=True))
    record = builder.build()
    record.files = lambda _: encoded(picture("RGB", (2, 0, 0), (1, 0, 0)))
    painting = paint(record, CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    assert [(finding.code, finding.detail) for finding in painting.findings] == [
        ("segment-id-shared", "large, small: 1 (#010000) in m.png")
    ]


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [
        (3, 2, "large: mask 3x2, image 4x2"),
        (2, 4, "large: mask 2x4, image 4x2: width and height are exchanged"),
        (4, 2, None),
    ],
)
def test_masks_of_the_whole_image_are_compared_with_the_size_that_is_painted(
    width: int, height: int, said: str | None
) -> None:
    runs = Runs(np.array([0, width * height]), height, width, "row", whole=True)
    picture = encoded(Image.new("RGB", (width, height), (1, 0, 0)))
    builder = RecordBuilder("a.jpg", width, height)
    builder.runs("large", runs)
    builder.bitmap("large", Bitmap(picture, whole=True))
    builder.bitmap("large", Bitmap(file="m.png", select=Select("id", 1), whole=True))
    record = builder.build()
    record.files = lambda _: picture
    # The export told the masks' own size; the image's header tells another.
    record.width, record.height = 4, 2
    painting = paint(record, CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    found = [(finding.code, finding.detail) for finding in painting.findings]
    if said is None:
        assert found == []
        assert painting.mask.all()
        return
    several = said.replace("large", "1 segments")
    assert found == [
        ("runs-size-differs", said),
        ("bitmap-size-differs", said),
        ("bitmap-size-differs", several),
    ]
    assert not painting.mask.any()


def test_a_part_of_the_image_may_have_any_size() -> None:
    builder = RecordBuilder("a.jpg", 4, 2)
    builder.runs("large", Runs(np.array([0, 2]), 1, 2, "row", 1, 1))
    assert gtmask.rasterize(builder.build(), CLASSES).tolist() == [[0, 0, 0, 0], [0, 1, 1, 0]]


@pytest.mark.parametrize(
    ("x", "y", "code"),
    [
        (2, 1, []),
        (3, 1, ["mask-cut"]),
        (-1, 0, ["mask-cut"]),
        (0, -1, ["mask-cut"]),
        (0, 2, ["shape-outside"]),
    ],
)
def test_masks_that_reach_beyond_the_image_are_told(x: int, y: int, code: list[str]) -> None:
    # Two columns and, where it begins above the image, two rows.
    height = 2 if y < 0 else 1
    by_runs, by_picture = RecordBuilder("a.jpg", 4, 2), RecordBuilder("a.jpg", 4, 2)
    by_runs.runs("large", Runs(np.array([0, 2 * height]), height, 2, "row", x, y))
    by_picture.bitmap("large", Bitmap(encoded(Image.new("L", (2, height), 1)), x=x, y=y))
    masks = []
    for builder in (by_runs, by_picture):
        painting = paint(builder.build(), CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
        assert [finding.code for finding in painting.findings] == code
        masks.append(painting.mask.tolist())
    assert masks[0] == masks[1]


def test_masks_that_agree_tell_the_size_where_the_export_does_not() -> None:
    def size(*sizes: tuple[int, int, bool]) -> tuple[int | None, int | None]:
        builder = RecordBuilder("a.jpg")
        for width, height, whole in sizes:
            builder.runs("large", Runs(np.array([0, width * height]), height, width, "row", whole=whole))
        record = builder.build()
        return record.width, record.height

    assert size((3, 2, True), (3, 2, True)) == (3, 2)
    assert size((3, 2, True), (9, 9, False)) == (3, 2)
    assert size((3, 2, True), (2, 3, True)) == (None, None)
    assert size((3, 2, False)) == (None, None)


def test_the_background_is_what_the_format_says() -> None:
    white = picture("RGB", (255, 255, 255), (1, 0, 0))
    assert segments(white, 1, background=0xFFFFFF) == ([0, 1], [])
    assert segments(white, 1)[1][0][0] == "bitmap-value-unknown"


@pytest.mark.parametrize(("mode", "value"), [("L", 7), ("I;16", 1800)])
def test_gray_pictures_hold_ids_as_their_samples(mode: str, value: int) -> None:
    image = Image.fromarray(np.array([[0, value]], np.uint8 if mode == "L" else np.uint16))
    assert segments(image, value) == ([0, 1], [])


def test_gray_and_palette_pictures_may_be_few_colours_made_smaller() -> None:
    assert segments(picture("L", 0, 7), 0x070707) == ([0, 1], [])
    small = picture("P", 0, 1)
    small.putpalette([0, 0, 0, 3, 2, 1])
    assert segments(small, 3 + 2 * 256 + 65536) == ([0, 1], [])
    assert segments(small, 1) == ([0, 1], [])


def test_an_image_without_any_shape_is_told() -> None:
    painting = paint(Record("a.jpg", 4, 2), CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    assert [finding.code for finding in painting.findings] == ["image-unannotated"]


@pytest.mark.parametrize(
    ("ring", "size", "told"),
    [
        ((0.1, 0.1, 0.5, 0.1, 0.5, 0.5), 12, ["fraction-suspected"]),
        ((0, 0, 1, 0, 1, 1, 0, 1), 12, ["fraction-suspected"]),
        ((0, 0, 1, 0, 1, 1, 0, 1), 8, []),
        ((0.1, 0.1, 1.5, 0.1, 1.5, 1.5), 12, []),
        ((-0.1, 0.1, 0.5, 0.1, 0.5, 0.5), 12, []),
        ((2, 2, 13, 2, 13, 8), 12, []),
        ((2, 2, 13.3, 2, 13.3, 8), 12, ["shape-cut"]),
        ((2, -1.3, 8, 2, 8, 8), 12, ["shape-cut"]),
        ((20, 20, 30, 20, 30, 30), 12, ["shape-outside"]),
    ],
)
def test_numbers_of_other_pixels_are_told(ring: tuple[float, ...], size: int, told: list[str]) -> None:
    """Fractions in a format that counts in pixels, and shapes of a larger copy of the image."""
    assert codes(build(("large", list(ring)), size=size).build()) == told


def test_fractions_are_no_oddity_where_the_format_counts_in_them() -> None:
    record = build(("large", [0.1, 0.1, 0.5, 0.1, 0.5, 0.5])).build()
    record.units = "fraction"
    assert codes(record) == []


def test_what_a_hole_does_beyond_the_image_is_nothing_to_tell() -> None:
    builder = RecordBuilder("a.jpg", 12, 12)
    builder.polygons("large", [[square(2, 2, 8), square(6, 4, 20)]], subtract=True)
    assert codes(builder.build()) == []


@pytest.mark.parametrize(
    ("mode", "color", "told", "painted"),
    [
        ("RGBA", (0, 0, 0, 255), ["bitmap-opaque"], 4),
        ("RGBA", (9, 9, 9, 0), ["shape-no-geometry"], 0),
        ("RGB", (255, 255, 255), ["bitmap-unreadable"], 0),
        ("L", 255, ["bitmap-unreadable"], 0),
    ],
)
def test_a_bitmap_by_transparency_needs_some(mode: str, color: Any, told: list[str], painted: int) -> None:
    builder = RecordBuilder("a.jpg", 2, 2)
    data = encoded(Image.new(mode, (2, 2), color))
    builder.bitmap("large", Bitmap(data, select=Select("alpha"), whole=True))
    painting = paint(builder.build(), CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    assert [finding.code for finding in painting.findings] == told
    assert int(painting.mask.sum()) == painted
