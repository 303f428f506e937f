"""Text that is not UTF-8 is told or refused by every reader: guessed letters would rename classes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gtmask.errors import ExportError, GtmaskError
from tests.support.one_of_each import EXPORTS, FLAT, SQUARE
from tests.support.small_exports import codes, open_files, png, read_one

#: In Latin-1 these bytes are Chinese characters of GB18030, too.
NAME = "B\u00e4r Stra\u00dfe"
_SHAPES = [{"label": NAME, "points": SQUARE, "shape_type": "polygon"}]
_COCO = {"images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}],
         "categories": [{"id": 1, "name": NAME}],
         "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [FLAT]}]}  # fmt: skip
_RECT = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}
_REGION = {"shape_attributes": _RECT, "region_attributes": {"class": NAME}}
_RESULT = {"type": "rectanglelabels", "from_name": "l", "to_name": "image", "original_width": 8,
           "original_height": 6, "value": {"x": 0, "y": 0, "width": 50, "height": 50,
                                           "rectanglelabels": [NAME]}}  # fmt: skip
_MORE: dict[str, tuple[str, Any]] = {
    "labelme": ("a.json", {"shapes": _SHAPES, "imagePath": "a.jpg", "imageWidth": 8, "imageHeight": 6}),
    "coco": ("a.json", _COCO),
    "via": ("a.json", {"a.jpg1": {"filename": "a.jpg", "regions": [_REGION]}}),
    "label_studio": ("a.json", [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [
        {"id": 1, "result": [_RESULT]}]}]),
    "datumaro": ("a.json", {"categories": {"label": {"labels": [{"name": NAME}]}}, "items": [
        {"id": "a", "image": {"path": "a.jpg", "size": [6, 8]}, "annotations": [
            {"type": "polygon", "label_id": 0, "points": FLAT}]}]}),
}  # fmt: skip
CASES = {**{name: (document, content) for name, (document, content, _) in EXPORTS.items()}, **_MORE}


@pytest.mark.parametrize("encoding", ["latin-1", "gb18030"])
@pytest.mark.parametrize("format_name", sorted(CASES))
def test_what_is_not_utf8_is_told_or_refused(format_name: str, encoding: str) -> None:
    name, content = CASES[format_name]
    text = json.dumps(content, ensure_ascii=False)
    for label in ("a", "road", "a--b"):
        text = text.replace(f'"{label}"', f'"{NAME}"')
    others = EXPORTS[format_name][2] if format_name in EXPORTS else {}
    told = _told(format_name, {**others, name: text.encode(encoding)})
    assert {"encoding-guessed", "record-bad", "line-not-json", "document-damaged"} & set(
        told
    ) or "UTF-8" in told[0]


def _told(format_name: str, files: dict[str, Any]) -> list[str]:
    """Return the codes of all findings of an export, or the sentence that refuses it."""
    try:
        reader = open_files(format_name, files)
        records = [reader.record(unit) for unit in reader.units()]
    except GtmaskError as error:
        return [str(error)]
    return [finding.code for finding in reader.findings] + [code for one in records for code in codes(one)]


def test_letters_that_differ_stay_apart_in_csv() -> None:
    cell = json.dumps({"class": "B\u00e4r"}, ensure_ascii=False).replace('"', '""')
    text = ("filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
            "region_attributes\n"
            f'a.jpg,1,{{}},1,0,"{json.dumps(_RECT)}","{cell}"\n'.replace('"{"name', '"{""name'))  # fmt: skip
    with pytest.raises(ExportError, match="is not in UTF-8: save it as UTF-8"):
        open_files("via", {"a.csv": text.encode("latin-1")})


def test_an_annotation_in_another_encoding_is_told_alone() -> None:
    first = {**_COCO["annotations"][0], "attributes": {"kind": "a"}}
    other = {**_COCO, "categories": [{"id": 1, "name": "a"}],
             "annotations": [first, {**first, "id": 2, "attributes": {"kind": NAME}}]}  # fmt: skip
    data = json.dumps(other, ensure_ascii=False).encode("latin-1")
    record = read_one("coco", data, "a.json", class_attribute="kind")
    assert len(record.shapes) == 1
    assert codes(record) == ["annotation-bad"]


@pytest.mark.parametrize("encoding", ["latin-1", "gb18030"])
def test_lists_of_classes_in_another_encoding_are_told(encoding: str) -> None:
    listed = f"background\n{NAME}\n".encode(encoding)
    masks = open_files("masks", {"masks/a.png": png(np.eye(6, 8, dtype=np.uint8)), "classes.txt": listed})
    lines = open_files("yolo", {"labels/a.txt": "0 0.1 0.1 0.5 0.1 0.5 0.5\n", "classes.txt": listed})
    for reader in (masks, lines):
        assert "encoding-guessed" in [finding.code for finding in reader.findings]


@pytest.mark.parametrize(
    ("declared", "written", "code"),
    [
        ("iso-8859-1", "latin-1", None),
        ("gb18030", "gb18030", None),
        ("utf-8", "latin-1", "record-bad"),
        ("", "latin-1", "record-bad"),
        ("no-such", "utf-8", "record-bad"),
    ],
)
def test_xml_is_in_the_encoding_that_it_names(declared: str, written: str, code: str | None) -> None:
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in SQUARE)
    text = (f"<annotation><filename>a.jpg</filename><object><name>{NAME}</name><deleted>0</deleted>"
            f"<polygon>{points}</polygon></object></annotation>")  # fmt: skip
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    record = read_one("labelme_xml", (head + text).encode(written), "a.xml")
    assert codes(record) == ([] if code is None else [code])
    assert [shape.label for shape in record.shapes] == ([NAME] if code is None else [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_says_its_encoding_is_not_told(encoding: str) -> None:
    name, content = CASES["labelme"]
    record = read_one("labelme", json.dumps(content, ensure_ascii=False).encode(encoding), name)
    assert (record.shapes[0].label, codes(record)) == (NAME, [])
