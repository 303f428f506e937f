"""The fast way of reading COCO polygons makes the records of the careful way, or leaves the image to it."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.errors import GtmaskError
from gtmask.formats import coco
from gtmask.formats.coco.plain import fill_plain
from gtmask.formats.jsonstream.tokens import read_number
from gtmask.model import Record
from tests.support.coco_data import make_document
from tests.support.mutate import as_json, broken_bytes, mutations
from tests.support.small_exports import open_files

NAMES = {7: "Car", 3: "Road"}
RING = "[[1,1,5,1,5,5.25]]"


def annotation(segmentation: str = RING, **more) -> str:
    fields = {"image_id": "4", "category_id": "7", "segmentation": segmentation} | more
    return "{" + ",".join(f'"{key}":{value}' for key, value in fields.items() if value is not None) + "}"


def both(data: bytes, **options) -> tuple[list[Record], list[Record]]:
    """Read an export in the fast way and in the careful way."""
    found = []
    for plain in (True, False):
        reader: Any = open_files("coco", {"a.json": data}, **options)
        reader.plain = plain
        found.append([reader.record(unit) for unit in reader.units()])
    return found[0], found[1]


def with_point(drawn: tuple[str, int]) -> str:
    """Put a point into digits, from the right."""
    digits, decimals = drawn
    return f"{digits[:-decimals] or '0'}.{digits[-decimals:]}"


def halfway(drawn: tuple[int, int]) -> str:
    """Spell an odd integer of 54 bits that many halvings down: it lies half-way between two doubles."""
    bits, halvings = drawn
    return with_point((str((bits | 1) * 5**halvings), halvings))


def numerals() -> st.SearchStrategy[str]:
    """Numbers in every spelling that JSON has, and some that it has not."""
    odd = st.sampled_from(
        ["-0", "-0.0", "0.1", "1e2", "1E-3", "01", "1.", ".5", "+1", "-", "", "1.5.2", "null", '"1"',
         "9007199254740993", "0.30000000000000004", "123456789.123456789", "1" * 25]
    )  # fmt: skip
    return (
        st.integers(-(10**18), 10**18).map(str)
        | st.floats(-1e6, 1e6).map(repr)
        | st.tuples(st.integers(10**15, 10**19 - 1).map(str), st.integers(1, 18)).map(with_point)
        | st.tuples(st.integers(1 << 53, 1 << 54), st.integers(1, 4)).map(halfway)
        | st.floats(-2000, 2000).map(lambda value: f"{value:.2f}")
        | odd
    )


@settings(max_examples=500, deadline=None)
@given(numerals())
def test_numbers_are_those_of_orjson_or_left_to_it(text):
    data = np.frombuffer(text.encode() + b",", np.uint8).copy()
    stop, value = read_number(data, 0, len(data))
    if stop >= 0 and stop == len(text):
        expected = float(orjson.loads(text))
        assert (value, math.copysign(1, value) if "." in text else 0) == (
            expected, math.copysign(1, expected) if "." in text else 0,
        )  # fmt: skip
    else:
        assert stop < len(text)


def test_two_decimals_are_read_by_the_fast_way():
    for hundredths in range(-100_000, 100_000, 7):
        text = f"{hundredths / 100:.2f}".encode()
        assert read_number(np.frombuffer(text, np.uint8).copy(), 0, len(text)) == (len(text), float(text))


def test_numbers_of_full_precision_are_read_by_the_fast_way():
    rng = random.Random(0)
    for _ in range(20_000):
        text = repr(rng.uniform(-4000, 4000)).encode()
        assert read_number(np.frombuffer(text, np.uint8).copy(), 0, len(text)) == (len(text), float(text))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_both_ways_make_the_same_records(data):
    document = make_document([f"{i}.jpg" for i in range(4)], data.draw(st.integers(0, 500)))
    for item in document["annotations"]:
        if isinstance(item["segmentation"], list) and data.draw(st.booleans()):
            item["segmentation"][0][data.draw(st.integers(0, 5))] = data.draw(st.floats(-1e4, 1e4))
            item["iscrowd"] = data.draw(st.sampled_from([0, 1, True, None, 0.0]))
    indent = data.draw(st.sampled_from([None, 1]))
    fast, careful = both(json.dumps(document, indent=indent).encode())
    assert fast == careful


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_both_ways_make_the_same_of_broken_exports(data):
    document = make_document(["a.jpg", "b.jpg"], 5)
    mutated = data.draw(mutations(document))
    assert_same(as_json(mutated))
    assert_same(data.draw(broken_bytes(as_json(document))), exact=False)


def assert_same(content: bytes, *, exact: bool = True) -> None:
    """Check that both ways agree; a flipped byte in a value that nobody needs may be passed over."""
    try:
        fast, careful = both(content, keep_going=True)
    except GtmaskError:
        return
    if exact:
        assert fast == careful
    for one, other in zip(fast, careful, strict=True):
        if len(one.shapes) == len(other.shapes):
            assert one.points.tolist() == other.points.tolist()


@pytest.mark.parametrize(
    "body",
    [
        annotation(),
        annotation() + " ,\n " + annotation("[ [1 , 1, 5,1,\n5,5.25] , [2,2,3,2,3,3]\t]", category_id="3"),
        annotation(iscrowd="1"),
        annotation(image_id='"4"'),
        annotation(
            bbox="[1,2,3,4]", attributes='{"image_id":9,"x":"]}\\"","y":[{}]}', text='"a,\\\\"', area="1.5e3"
        ),
    ],
)
def test_ordinary_annotations_take_the_fast_way(body):
    record = Record("a.jpg")
    assert fill_plain(record, body.encode(), b"4", NAMES)
    assert len(record.shapes) == body.count("segmentation")
    assert record.ring_offsets[-1] == len(record.points)


@pytest.mark.parametrize(
    "body",
    [
        annotation("[[1,1,5,1,5]]"),
        annotation("[[1,1,5,1]]"),
        annotation("[[1,1,1,1,1,1]]"),
        annotation("[[1,1,5,1,5,1e1]]"),
        annotation("[[1,1,5,1,5,null]]"),
        annotation("[[1,1,5,1,5,5],[]]"),
        annotation("[[1,1,5,1,5,5],]"),
        annotation("[1,1,5,1,5,5]"),
        annotation("[[1,1,5,1,5,2000000000]]"),
        annotation("[]"),
        annotation("null"),
        annotation('{"size":[2,2],"counts":[4]}'),
        annotation(segmentation=None),
        annotation(category_id="99"),
        annotation(category_id='"7"'),
        annotation(category_id=None),
        annotation(image_id="5"),
        annotation(image_id="4.0"),
        annotation(iscrowd="true"),
        annotation()[:-1] + f',"segmentation":{RING}}}',
        annotation()[:-1] + ',"segm\\u0065ntation":[]}',
        annotation()[:-1],
        annotation() + annotation(),
        annotation() + ",3",
        "{}",
        "[]",
    ],
)
def test_others_are_left_to_the_careful_way_untouched(body):
    record = Record("a.jpg")
    assert not fill_plain(record, body.encode(), b"4", NAMES)
    assert record == Record("a.jpg")


def test_every_cut_of_an_annotation_is_survived():
    body = annotation(bbox="[1,2,3,4]", text='"a\\""') + "," + annotation()
    for stop in range(len(body)):
        fill_plain(Record("a.jpg"), body[:stop].encode(), b"4", NAMES)


def test_the_fast_way_is_taken_by_the_reader(monkeypatch):
    document = make_document(["a.jpg"], 0)
    image = document["images"][0]["id"]
    ring = [1.0, 1.0, 5.0, 1.0, 5.0, 5.0]
    document["annotations"] = [{"image_id": image, "category_id": 7, "segmentation": [ring]}]
    monkeypatch.setattr(coco, "add_segmentation", None)
    reader = open_files("coco", {"a.json": document})
    (record,) = (reader.record(unit) for unit in reader.units())
    assert record.points.tolist() == [[1, 1], [5, 1], [5, 5]]
