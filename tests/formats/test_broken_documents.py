"""Broken exports of every kind: sound records, findings and errors of the project come out, nothing else.

Each format's small document is broken at random: keys dropped, types swapped, numbers made huge or NaN,
nesting changed, files cut off or re-encoded. What was read is painted too, so that no mask of a wrong size
and no crash of a kernel can hide behind a record.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gtmask.findings import is_reject
from gtmask.formats.base import ReadOptions
from gtmask.formats.detect import detect
from gtmask.formats.registry import FORMATS
from gtmask.run.paint import rasterize
from tests.support.mutate import as_json, assert_survives, broken_bytes, mutations
from tests.support.small_exports import FilesExport, class_map, png

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.model import Record

PICTURE = base64.b64encode(png(np.full((2, 3), 255, np.uint8))).decode()
URL = "data:image/png;base64," + base64.b64encode(png(np.full((10, 20), 255, np.uint8))).decode()

LABELME: Any = {
    "version": "5.2.1",
    "imagePath": "..\\a.jpg",
    "imageData": None,
    "imageHeight": 10,
    "imageWidth": 20,
    "shapes": [
        {"label": "a", "points": [[1, 1], [5, 1], [5, 5]], "shape_type": "polygon"},
        {"label": "a", "points": [[1, 1], [5, 5]], "shape_type": "rectangle"},
        {"label": "b", "points": [[5, 5], [8, 5]], "shape_type": "circle"},
        {"label": "b", "points": [[1, 1], [3, 2]], "shape_type": "mask", "mask": PICTURE},
        {"label": "b", "points": [[1, 1], [3, 2]], "shape_type": "linestrip"},
    ],
}


def _result(kind: str, **value: Any) -> dict:
    return {
        "id": "r1",
        "type": kind,
        "value": value,
        "to_name": "image",
        "original_width": 20,
        "original_height": 10,
        "image_rotation": 0,
        "item_index": 0,
    }


RESULTS = [
    _result("polygonlabels", points=[[10, 10], [50, 10], [50, 60]], polygonlabels=["a"], closed=True),
    _result("rectanglelabels", x=10, y=10, width=30, height=20, rotation=30, rectanglelabels=["b"]),
    _result("ellipselabels", x=50, y=50, radiusX=10, radiusY=20, rotation=10, ellipselabels=["a"]),
    _result("brushlabels", format="rle", rle=[0, 0, 3, 32, 57, 27, 255, 255, 255, 128, 0], brushlabels=["b"]),
    _result("bitmasklabels", imageDataURL=URL, bitmasklabels=["a"]),
    _result("polygon", points=[[10, 10], [50, 10], [50, 60]]),
    _result("labels", labels=["b"]),
]
LABEL_STUDIO: Any = [
    {
        "id": 1,
        "data": {"image": "/data/upload/a.jpg"},
        "file_upload": "a.jpg",
        "drafts": [],
        "annotations": [
            {
                "id": 1,
                "completed_by": {"id": 1},
                "result": RESULTS,
                "was_cancelled": False,
                "updated_at": "2024",
            },
            {"id": 2, "completed_by": 2, "result": RESULTS[:1], "ground_truth": True, "updated_at": "2023"},
        ],
        "predictions": [{"id": 3, "result": RESULTS[:1]}],
    },
    {"id": 2, "data": {"images": ["a.jpg", "b.jpg"]}, "annotations": [{"id": 4, "result": RESULTS[:2]}]},
]
JSON_MIN: Any = [
    {
        "image": "a.jpg",
        "id": 1,
        "annotation_id": 1,
        "annotator": 1,
        "updated_at": "2026",
        "lead_time": 1.5,
        "label": [{**result["value"], "original_width": 20, "original_height": 10} for result in RESULTS[:5]],
    },
    {
        "image": "a.jpg",
        "id": 1,
        "annotation_id": 2,
        "annotator": 2,
        "updated_at": "2025",
        "lead_time": 1.5,
        "label": [],
    },
]
REGIONS: Any = [
    {
        "shape_attributes": {"name": "polygon", "all_points_x": [1, 5, 5], "all_points_y": [1, 1, 5]},
        "region_attributes": {"label": "a", "x": "y"},
    },
    {
        "shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 5, "height": 5},
        "region_attributes": {"label": {"a": True, "b": False}},
    },
    {
        "shape_attributes": {"name": "ellipse", "cx": 5, "cy": 5, "rx": 4, "ry": 2, "theta": 0.5},
        "region_attributes": {"label": "b"},
    },
]
VIA: Any = {"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": REGIONS, "file_attributes": {}}}
VIA_PROJECT: Any = {
    "_via_img_metadata": VIA,
    "_via_attributes": {"region": {"label": {"options": {"a": ""}}}},
}
VIA_3: Any = {
    "project": {"vid_list": ["1"]},
    "attribute": {"1": {"aname": "class", "options": {"0": "a", "1": "b"}}},
    "file": {"1": {"fname": "a.jpg", "loc": 1, "src": ""}},
    "view": {"1": {"fid_list": ["1"]}},
    "metadata": {
        "x": {"vid": "1", "z": [], "xy": [7, 1, 1, 5, 1, 5, 5], "av": {"1": "0"}},
        "y": {"vid": "1", "z": [], "xy": [9, 2, 0, 0, 2, 4, 2], "av": {"1": "1"}},
    },
}
CVAT = (
    "<annotations><version>1.1</version><meta><task><labels><label><name>a</name></label></labels></task>"
    "</meta>"
    '<image id="0" name="a.jpg" width="20" height="10"><polygon label="a" points="1,1;5,1;5,5" z_order="-1"/>'
    '<mask label="b" rle="1,3,2" left="1" top="1" width="3" height="2"/><box label="a" xtl="1" ytl="1" '
    'xbr="5" ybr="5" rotation="30"/><ellipse label="b" cx="5" cy="5" rx="3" ry="2"/></image></annotations>'
)
CVAT_VIDEO = (
    "<annotations><meta><task><original_size><width>20</width><height>10</height></original_size></task></meta>"
    '<track id="0" label="a"><box frame="0" outside="0" xtl="1" ytl="1" xbr="5" ybr="5"/><box frame="4" '
    'outside="0" xtl="3" ytl="1" xbr="7" ybr="5"/></track><track label="b">'
    '<polygon frame="2" points="1,1;5,1;5,5"/>'
    '<polygon frame="4" outside="1" points="1,1;5,1;5,5"/></track></annotations>'
)
YOLO = "0 0.1 0.1 0.5 0.1 0.5 0.6\n1 0.5 0.5 0.5 1.0\n0 0.5 0.1 0.9 0.5 0.5 0.9 0.1 0.5\n"
ULTRALYTICS = (
    '{"type":"dataset","task":"segment","name":"d","class_names":{"0":"a","1":"b"}}\n'
    '{"type":"image","file":"a.jpg","url":"https://h/a.jpg","width":20,"height":10,"split":"train",'
    '"annotations":{"segments":[[0,0.1,0.1,0.5,0.1,0.5,0.6],[1,0.5,0.5,0.5,1.0]]}}\n'
)
CSV = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    'a.jpg,1,"{}",1,0,"{""name"":""rect"",""x"":1,""y"":1,""width"":5,""height"":5}","{""label"":""a""}"\n'
)

DOCUMENTS = {
    "labelme": LABELME,
    "label_studio": LABEL_STUDIO,
    "label_studio-min": JSON_MIN,
    "via": VIA,
    "via-project": VIA_PROJECT,
    "via-3": VIA_3,
}
TEXTS = {
    "cvat": CVAT,
    "cvat-video": CVAT_VIDEO,
    "yolo": YOLO,
    "via-csv": CSV,
    "ultralytics": ULTRALYTICS,
    **{name: json.dumps(document) for name, document in DOCUMENTS.items()},
}
NAMES = {
    "cvat": "a.xml",
    "yolo": "a.txt",
    "ultralytics": "a.ndjson",
    "via-csv": "a.csv",
    "cvat-video": "a.xml",
}
#: What is put in place of a value in text.
WORDS = ["", "x", "nan", "inf", "-1", "0", "1e300", "1" * 40, "1,2", "1,2;3", "\u00e9", "&lt;", "9" * 5000]
CLASSES = class_map("a", "b", "c")
OPTIONS = st.builds(
    ReadOptions,
    annotator=st.none() | st.just("1"),
    include_predictions=st.booleans(),
    include_unannotated=st.booleans(),
    interpolate=st.booleans(),
    class_attribute=st.none() | st.just("label"),
    keep_going=st.booleans(),
)
quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def read(kind: str, data: bytes, options: ReadOptions) -> Iterator[Record]:
    """Read and paint a document with the reader of its format."""
    name = NAMES.get(kind, "a.json")
    reader = FORMATS[kind.partition("-")[0]].read(FilesExport({name: data}), options)
    for unit in reader.units():
        record = reader.record(unit)
        if not is_reject(record.findings):
            record.width, record.height = record.width or 20, record.height or 10
            if record.width * record.height < 1 << 20:
                mask = rasterize(record, CLASSES)
                assert mask.shape == (record.height, record.width)
                assert mask.max(initial=0) <= len(CLASSES.classes)
        yield record


@pytest.mark.parametrize("kind", DOCUMENTS)
@quick
@given(data=st.data())
def test_broken_documents(kind: str, data: st.DataObject):
    document = data.draw(mutations(DOCUMENTS[kind]))
    options = data.draw(OPTIONS)
    assert_survives(lambda: read(kind, as_json(document), options))


@pytest.mark.parametrize("kind", TEXTS)
@quick
@given(data=st.data())
def test_broken_files(kind: str, data: st.DataObject):
    content = data.draw(broken_bytes(TEXTS[kind].encode()))
    options = data.draw(OPTIONS)
    assert_survives(lambda: read(kind, content, options))


@pytest.mark.parametrize("kind", ["cvat", "cvat-video", "yolo"])
@quick
@given(data=st.data())
def test_broken_values_in_text(kind: str, data: st.DataObject):
    """Values inside quotes, or words of a line, become strangers."""
    text = TEXTS[kind]
    separator = '"' if kind != "yolo" else " "
    words = text.split(separator)
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(words) - 1))
        words[index] = data.draw(st.sampled_from(WORDS))
    options = data.draw(OPTIONS)
    assert_survives(lambda: read(kind, separator.join(words).encode(), options))


@pytest.mark.parametrize("kind", TEXTS)
@quick
@given(data=st.data())
def test_detection_of_broken_files(kind: str, data: st.DataObject):
    content = data.draw(broken_bytes(TEXTS[kind].encode()))

    def detected() -> Iterator[Record]:
        detect(FilesExport({NAMES.get(kind, "a.json"): content}))
        yield from ()

    assert_survives(detected)


@pytest.mark.parametrize("kind", TEXTS)
def test_the_whole_documents_are_read(kind: str):
    """What is broken above is good before: otherwise the tests above would see rejects only."""
    records = list(read(kind, TEXTS[kind].encode(), ReadOptions(keep_going=False)))
    assert records
    assert any(len(record.shapes) for record in records)
    assert not any(is_reject(record.findings) for record in records)
    assert {record.source_fill for record in records} == {FORMATS[kind.partition("-")[0]].source_fill}
