"""What kernels are given: numbers up to the ends of their types, and none that would become another one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gtmask.raster import (
    center,
    fill_center,
    fill_coco,
    fill_pillow,
    fill_pillow_ellipse,
    fill_polygons,
    fill_skimage,
    fill_touched,
    opencv,
    paint_bitmap,
    paint_ids,
    paint_runs,
    stroke_lines,
)
from gtmask.raster.arguments import LIMIT, as_kernel_array, check_mask, narrow, narrow_both

EXACT = (np.uint8, np.int32, np.uint32, np.int64)
ENDS = {dtype: (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) for dtype in (*EXACT, np.uint64)}


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("given", [np.int64, np.uint64])
def test_numbers_are_taken_up_to_the_ends_of_a_type(dtype: type, given: type) -> None:
    least, most = ENDS[dtype]
    for number in sorted({end + step for ends in ENDS.values() for end in ends for step in (-1, 0, 1)}):
        if not ENDS[given][0] <= number <= ENDS[given][1]:
            continue
        array = np.array([1, number, 2], given)
        if least <= number <= most:
            taken = as_kernel_array(array, dtype, 1, "numbers")
            assert taken.dtype == dtype
            assert taken.tolist() == [1, number, 2]
        else:
            with pytest.raises(ValueError, match=f"numbers must lie between {least} and {most}, to fit"):
                as_kernel_array(array, dtype, 1, "numbers")


@pytest.mark.parametrize("dtype", [*EXACT, np.float32, np.float64])
def test_what_is_as_kernels_want_it_is_not_copied_and_what_is_not_is(dtype: type) -> None:
    array = np.arange(12).astype(dtype).reshape(3, 4)
    assert as_kernel_array(array, dtype, 2, "numbers") is array
    frozen = array.copy()
    frozen.flags.writeable = False
    for given in (array[:, ::2], array.T, frozen, array.astype(np.dtype(dtype).newbyteorder())):
        taken = as_kernel_array(given, dtype, 2, "numbers")
        assert taken.flags.carray
        assert taken.dtype is np.dtype(dtype)
        assert np.array_equal(taken, given)
    with pytest.raises(ValueError, match="numbers must have 1 dimensions, but has 2"):
        as_kernel_array(array, dtype, 1, "numbers")


@pytest.mark.parametrize("dtype", [*EXACT, np.float32, np.float64])
def test_only_numbers_are_taken_for_numbers(dtype: type) -> None:
    """An empty list has no type of its own; truth values are 0 and 1 to every tool."""
    assert as_kernel_array([], dtype, 1, "numbers").shape == (0,)
    assert as_kernel_array([True, False], dtype, 1, "numbers").tolist() == [1, 0]
    wrong = [["1"], [None], [1 + 1j], *([] if dtype in {np.float32, np.float64} else [[1.0], [np.nan]])]
    for numbers in wrong:
        with pytest.raises(ValueError, match=f"numbers must be {np.dtype(dtype).name}, but is "):
            as_kernel_array(numbers, dtype, 1, "numbers")


@pytest.mark.parametrize("value", [0, 1, 254, 255])
def test_every_value_of_a_byte_is_painted(value: int) -> None:
    for paint in (
        lambda mask: paint_runs(mask, [0, 9], 3, 3, 0, 0, True, value),
        lambda mask: paint_bitmap(mask, np.ones((3, 3), bool), 0, 0, value),
        lambda mask: fill_pillow_ellipse(mask, -9, -9, 9, 9, value),
    ):
        mask = np.full((3, 3), 7, np.uint8)
        paint(mask)
        assert (mask == value).all()


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ([[0]], "must be a uint8 array"),
        (np.zeros((2, 2), np.int8), "must be a uint8 array"),
        (np.zeros((2, 2, 1), np.uint8), "must be a uint8 array"),
        (np.zeros(2, np.uint8), "must be a uint8 array"),
        (np.zeros((2, 4), np.uint8)[:, ::2], "C-contiguous and writable"),
        (np.broadcast_to(np.uint8(0), (2, 2)), "C-contiguous and writable"),
    ],
)
def test_what_is_no_mask_to_paint_in_is_refused(mask: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_mask(mask)


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_coordinates_end_at_the_limit(place: tuple[int, int]) -> None:
    """For each coordinate by itself: those of a kernel that has a limit, and that of an ellipse."""
    square = np.array([[0.5, 0.5], [1.5, 0.5]])
    mask = np.zeros((3, 3), np.uint8)
    for number in (LIMIT, -LIMIT):
        square[place] = number
        stroke_lines(mask, square, [0, 2], 1.0, [1])
        fill_pillow_ellipse(mask, square[0, 0], square[0, 1], square[1, 0], square[1, 1], 1)
    for number in (np.nextafter(LIMIT, np.inf), -np.nextafter(LIMIT, np.inf), np.nan, np.inf):
        square[place] = number
        with pytest.raises(ValueError, match="finite and at most 2\\*\\*30"):
            stroke_lines(mask, square, [0, 2], 1.0, [1])
        with pytest.raises(ValueError, match="finite and at most 2\\*\\*30"):
            fill_pillow_ellipse(mask, square[0, 0], square[0, 1], square[1, 0], square[1, 1], 1)


def test_a_stroke_is_as_wide_as_the_limit_and_no_wider() -> None:
    mask = np.zeros((3, 3), np.uint8)
    stroke_lines(mask, [[1.0, 1.0]], [0, 1], LIMIT, [1])
    assert mask.all()
    with pytest.raises(ValueError, match="width of a stroke"):
        stroke_lines(mask, [[1.0, 1.0]], [0, 1], np.nextafter(LIMIT, np.inf), [1])


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.uint16, np.int64, ">i4"])
@pytest.mark.parametrize("value", [0, 1, 2, 127, 128, 255])
def test_a_mask_of_any_type_is_painted_with_what_it_can_hold(dtype: type, value: int) -> None:
    mask = np.ones((4, 4), dtype)
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], float)
    most = 1 if np.dtype(dtype).kind == "b" else np.iinfo(dtype).max
    if value > most:
        with pytest.raises(ValueError, match=f"values must lie between 0 and {most}, to fit"):
            fill_center(mask, square, [0, 4], [0, 1], [value])
        assert mask.all()
    else:
        fill_center(mask, square, [0, 4], [0, 1], [value])
        assert mask[:2, :2].tolist() == [[value] * 2] * 2
        assert mask.sum() == 12 + 4 * value


@pytest.mark.parametrize("shapes", [((1, 2), (2,)), ((2,), (1, 2)), ((1, 2), (1, 2)), ((), (2,))])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_offsets_of_other_dimensions_are_refused(shapes: tuple[tuple[int, ...], ...], dtype: type) -> None:
    rings, parts = (np.resize([0, 1], shape).astype(dtype) for shape in shapes)
    mask = np.zeros((3, 3), np.uint8)
    with pytest.raises(ValueError, match="_offsets must have 1 dimensions"):
        fill_center(mask, [[1.0, 1.0]], rings, parts, [1])
    with pytest.raises(ValueError, match="_offsets must have 1 dimensions"):
        fill_polygons(mask, [[1, 1]], rings, parts, [1])


def test_offsets_that_only_64_bits_hold_are_refused() -> None:
    """Cut to 32 bits they would point at other vertices."""
    square, mask = [[0, 0], [2, 0], [2, 2], [0, 2]], np.zeros((3, 3), np.uint8)
    for number in (2**32, 2**31, -(2**31) - 1, -(2**32)):
        for rings, parts in (
            ([number, 4], [0, 1]),
            ([0, number + 4], [0, 1]),
            ([0, 4], [number, 1]),
            ([0, 4], [0, number + 1]),
        ):
            for fill in (fill_center, fill_polygons):
                with pytest.raises(ValueError, match="_offsets must"):
                    fill(mask, square, np.array(rings, np.int64), np.array(parts, np.int64), [1])
    assert not mask.any()


def best() -> dict[str, np.ndarray]:
    """Return arguments of a fill as kernels want them: none is converted."""
    return {
        "mask": np.zeros((5, 6), np.uint8),
        "points": np.array([[1, 1], [4, 1], [4, 3], [1, 3]], np.int32),
        "ring_offsets": np.array([0, 4], np.int32),
        "part_offsets": np.array([0, 1], np.int32),
        "values": np.array([7], np.uint8),
    }


@pytest.mark.parametrize("name", list(best()))
@pytest.mark.parametrize("fill", [fill_polygons, fill_center])
def test_one_argument_of_another_form_changes_nothing_and_compiles_nothing(fill: Any, name: str) -> None:
    """Where all others are as they should be, a kernel must still not be given this one as it is."""
    expected = best()
    fill(*expected.values())
    compiled: list[Any] = [opencv.fill_parts, center.fill_centers, narrow, narrow_both]
    before = [len(each.signatures) for each in compiled]
    for form in ("i1", "u2", "i4", "i8", ">i4", "u8", "F", "strided"):
        given, array = best(), best()[name]
        if form == "strided":
            given[name] = np.repeat(array, 2, axis=-1)[..., ::2]
        else:
            given[name] = np.asfortranarray(array) if form == "F" else array.astype(form)
        fill(*given.values())
        assert np.array_equal(given["mask"], expected["mask"])
    assert [len(each.signatures) for each in compiled] == before


@pytest.mark.parametrize("name", list(best()))
@pytest.mark.parametrize("fill", [fill_polygons, fill_center])
def test_one_argument_of_other_dimensions_is_refused(fill: Any, name: str) -> None:
    for change in (lambda array: array[None], lambda array: array[0]):
        given = best()
        given[name] = change(given[name])
        with pytest.raises(ValueError, match=r"dimensions|height, width|array"):
            fill(*given.values())


def test_offsets_of_64_bits_are_taken_as_they_are_meant() -> None:
    """NumPy makes them of sums: of several rings and parts, so that none is taken for another."""
    rng = np.random.default_rng(3)
    points = rng.integers(0, 30, (24, 2)).astype(np.int32)
    rings, parts, values = (
        np.cumsum([0, 4, 5, 3, 6, 6]),
        np.cumsum([0, 2, 1, 2]),
        np.array([1, 2, 3], np.uint8),
    )
    for fill in (fill_polygons, fill_center):
        wide, narrowed = np.zeros((2, 30, 30), np.uint8)
        fill(wide, points, rings, parts, values)
        fill(narrowed, points, rings.astype(np.int32), parts.astype(np.int32), values)
        assert np.array_equal(wide, narrowed)
        assert set(np.unique(wide)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "mask", [np.zeros((4, 4), np.int32), np.zeros((4, 8), np.uint8)[:, ::2], np.zeros(4, np.uint8)]
)
def test_pictures_are_painted_in_masks_only(mask: np.ndarray) -> None:
    ones = np.ones((2, 2), np.uint8)
    for paint in (
        lambda: paint_bitmap(mask, ones, 0, 0, 1),
        lambda: paint_ids(mask, ones.astype(np.uint32), 0, 0, [1], [1]),
        lambda: paint_runs(mask, [0, 4], 2, 2, 0, 0, True, 1),
        lambda: fill_pillow_ellipse(mask, 0, 0, 3, 3, 1),
    ):
        with pytest.raises(ValueError, match="A mask must be"):
            paint()
    assert not mask.any()


@pytest.mark.parametrize("fill", [fill_center, fill_coco, fill_pillow, fill_skimage, fill_touched])
def test_each_rule_says_what_it_refuses_and_what_is_its_own(fill: Any) -> None:
    """What the rules share stands once; a rule without a limit, or without notes, does not claim any."""
    said = fill.__doc__
    assert ("beyond 2**30." in said.split("Raises")[1]) == (fill is not fill_center)
    assert ("\nNotes\n-----\n" in said) == (fill is not fill_center)
    assert f">>> {fill.__name__}(mask, " in said
