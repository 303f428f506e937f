"""Detection: from names and the first 64 KiB; what is not known or not clear is told in one sentence."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gtmask import convert, inspect
from gtmask.errors import DamagedExportError, NotFoundError, StrictError, UnknownFormatError, UsageError
from gtmask.formats import FORMATS, ReadOptions, check_options, open_reader, open_source, read, sampling
from gtmask.formats import detect as detect_module
from gtmask.formats.coco import CocoReader
from gtmask.formats.detect import detect, named
from gtmask.formats.keys import scan_keys
from gtmask.formats.locate import open_export
from gtmask.formats.sampling import HEAD, read_on, take_sample

LABELME: dict[str, Any] = {
    "version": "5", "imagePath": "a.jpg", "imageHeight": 9, "imageWidth": 9,
    "shapes": [{"label": "car", "points": [[1, 1], [5, 1], [5, 5]], "shape_type": "polygon"}],
}  # fmt: skip
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}],
    "categories": [{"id": 1, "name": "car"}],
}  # fmt: skip


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def packed(files: dict[str, Any], mode: str = "") -> bytes:
    """Return a zip, or in a mode of tarfile a tar, of some files."""
    members = {
        name: content if isinstance(content, bytes) else json.dumps(content).encode()
        for name, content in files.items()
    }
    out = io.BytesIO()
    if not mode:
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", b"", "is empty"),
        ("a.json", b" \n\t ", "only blanks"),
        ("a.json", bytes(100), "only blanks or NUL"),
        ("a.json", b"hello world", "no JSON object or array, it begins with 'hello world'"),
        ("a.json", b"\x89PNG\r\n\x1a\n123", "a PNG image"),
        ("a.json", b"\xff\xd8\xff123", "a JPEG image"),
        ("a.json", b"PK\x03\x04123", "a zip file"),
        ("a.json", b"\x1f\x8b123", "a gzip file"),
        ("a.json.xz", b"\xfd7zXZ\0", "an xz file: unpack it first"),
        ("a.tar.bz2", b"BZh91AY", "a bzip2 file: unpack it first"),
        ("a.json.zst", b"(\xb5/\xfd123", "a zstd file: unpack it first"),
        ("a.json", b"<!DOCTYPE html><html><body>Sign in", "an HTML page"),
        ("a.json", b'{"hello": 1, "world": {"x": 2}}', "with the keys hello, world"),
        ("a.json", b'[{"hello": 1}]', "objects in an array with the keys hello"),
        ("a.json", b"[[1, 2], [3]]", "JSON without keys"),
        ("a.json", b"12", "it is no JSON object or array"),
        ("a.toml", b"[tool]\nname = 1\n", "JSON without keys"),
        ("a.jsonl", b'{"hello": 1}\n{"hello": 2}\n', "with the keys hello"),
        ("a.xml", b"<annotation><folder>VOC2012</folder></annotation>", "XML or HTML that is not CVAT's"),
        ("a.json", json.dumps(COCO).encode("utf-16"), "UTF-16"),
        ("a.json", b'{"images": [], "annotations": []}', "with the keys images, annotations"),
    ],
)
def test_what_a_file_is_not_is_told(tmp_path: Path, name: str, content: bytes, sentence: str):
    path = write(tmp_path, {name: content}) / name
    with pytest.raises(UnknownFormatError) as told:
        open_reader(path)
    assert sentence in str(told.value)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "sentence", "offset"),
    [
        (b'{"images": [', "breaks off at byte 12", 12),
        (b"{", "breaks off at byte 1", 1),
        (b"[\n", "breaks off at byte 2", 2),
        (b'[{"id": 1, "data": {"image": "a.jpg"}, "annot', "breaks off at byte 45", 45),
        (b'{"images": [{"id": 1, "license": nul', "breaks off at byte 36", 36),
        (b"{'images': []}", "no valid JSON: expecting property name", 1),
        (b'{"hello": 1,\n"world" 2}', "at line 2, column 9", 21),
    ],
)
def test_a_file_that_breaks_off_is_not_called_unknown(
    tmp_path: Path, content: bytes, sentence: str, offset: int
):
    path = write(tmp_path / "one", {"a.json": content}) / "a.json"
    with pytest.raises(DamagedExportError) as told:
        open_reader(path)
    assert f"{path} " in str(told.value)
    assert sentence in str(told.value)
    assert told.value.offset == offset
    folder = write(tmp_path / "many", {"a.json": content, "b.json": b"[]"})
    with pytest.raises(UnknownFormatError) as told_of_folder:
        open_reader(folder)
    assert sentence in str(told_of_folder.value)


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path):
    path = write(tmp_path, {"a.json": b"\xef\xbb\xbf" + json.dumps(LABELME).encode()}) / "a.json"
    assert detect(open_export(path)).format.name == "labelme"


def test_files_of_one_image_are_read_in_utf_16_too(tmp_path: Path):
    path = write(tmp_path, {"a.json": json.dumps(LABELME).encode("utf-16")}) / "a.json"
    assert [shape.label for record in read(path) for shape in record.shapes] == ["car"]


def test_an_unknown_file_names_the_formats_that_could_fit(tmp_path: Path):
    shapes = [{"name": "x", **shape} for shape in LABELME["shapes"]]
    document = {"annotated": True, "shapes": [{"id": 1}, *shapes], "image": "a.jpg"}
    path = write(tmp_path, {"a.json": document}) / "a.json"
    with pytest.raises(UnknownFormatError, match="--format labelme could fit"):
        open_reader(path)
    assert [shape.label for record in read(path, "labelme") for shape in record.shapes] == ["car"]


@pytest.mark.parametrize(
    "content",
    [
        {"shape_type": 1, "imagePath": 2, "points": 3},
        {"images": [], "annotations": []},
        {"images": [{"id": 1, "file_name": "a.jpg"}], "data": {}},
        {"frames": [{"labels": 1}], "items": []},
        [{"data_row": 1, "Label": 2}],
        {"latest": {}, "segments": []},
    ],
)
def test_no_format_is_proposed_whose_reader_gets_nothing(tmp_path: Path, content: Any):
    path = write(tmp_path, {"a.json": content}) / "a.json"
    with pytest.raises(UnknownFormatError) as told:
        open_reader(path)
    assert "--format" not in str(told.value)


def test_a_folder_of_one_format_beside_images_and_other_files(tmp_path: Path):
    write(
        tmp_path,
        {
            "a.json": LABELME,
            "b.json": LABELME,
            "a.jpg": b"\xff\xd8\xff",
            "notes.txt": b"hello",
            "sub/c.json": LABELME,
        },
    )
    found = detect(open_export(tmp_path))
    assert (found.format.name, found.names) == ("labelme", ())


def test_a_folder_with_one_document_is_that_document(tmp_path: Path):
    write(tmp_path, {"annotations/train.json": COCO, "images/a.jpg": b"x", "info.json": {"x": 1}})
    found = detect(open_export(tmp_path))
    assert (found.format.name, found.names) == ("coco", ("annotations/train.json",))


def test_several_documents_are_one_export_and_their_images_stay_apart(tmp_path: Path):
    write(tmp_path, {"train/_annotations.coco.json": COCO, "valid/_annotations.coco.json": COCO})
    reader = open_reader(tmp_path)
    records = [reader.record(unit) for unit in reader.units()]
    assert [record.image for record in records] == ["a.jpg", "a.jpg"]
    assert [record.aliases[0] for record in records] == ["train/a.jpg", "valid/a.jpg"]
    assert reader.labels == ["car"]
    assert reader.count() == 2


def test_documents_whose_images_lie_beside_them_keep_the_images_of_one_name_apart(tmp_path: Path):
    files = {f"{split}/{name}": data for split in ("train", "valid")
             for name, data in (("_annotations.coco.json", COCO), ("a.jpg", b"x"))}  # fmt: skip
    reader = open_reader(write(tmp_path, files))
    units = list(reader.units())
    assert [reader.names_of(unit).image for unit in units] == ["train/a.jpg", "valid/a.jpg"]
    records = [reader.record(unit) for unit in units]
    assert [record.image for record in records] == ["train/a.jpg", "valid/a.jpg"]
    assert [record.aliases[0] for record in records] == ["a.jpg", "a.jpg"]


def test_several_documents_tell_the_names_of_their_images_without_making_units(tmp_path: Path):
    other = {**COCO, "images": [{"id": 1, "file_name": "b/ä.jpg"}, {"id": 2, "file_name": "c.jpg"}]}
    write(tmp_path, {"a.json": COCO, "b.json": other})
    reader: Any = open_reader(tmp_path)
    names = reader.image_names()
    assert names is not None
    told = [texts[i] for texts in names for i in range(len(texts))]
    assert told == [reader.names_of(unit).image for unit in reader.units()] == ["a.jpg", "b/ä.jpg", "c.jpg"]
    write(tmp_path, {"tasks/a.json": COCO, "tasks/a.jpg": b"x"})
    pictured: Any = open_reader(tmp_path)
    assert pictured.image_names() is None


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("val.json", b"", "document-damaged"),
        ("val.json", json.dumps(COCO).encode()[:80], "document-damaged"),
        ("val.json", b"<html>Sign in", "document-damaged"),
        ("captions.json", {"annotations": [{"caption": "x", "image_id": 1}]}, "file-skipped"),
        ("log.json", b'{"x": 1}\n{"x": 2}\n', "file-unrecognised"),
        ("b.xml", b"<annotation><object><bndbox/></object></annotation>", "file-unrecognised"),
        ("b.xml", b"<annotation>View</annotation><View/>", "file-unrecognised"),
        (
            "b.xml",
            b'<?xml version="1.0"?>\n<!-- ours -->\n<View>\n <Image name="i" value="$i"/></View>',
            "file-skipped",
        ),
        ("class_mapping.csv", b"class_name,class_color\nbox,255 0 0\n", "file-skipped"),
        ("b.csv", b"a,b\n1,2\n", "file-unrecognised"),
        ("b.txt", b"hello", "file-unrecognised"),
        ("object", b'{"x": 1}', "file-unrecognised"),
        ("CHECKSUMS", b"1234 a.jpg", "file-skipped"),
        ("notes.txt", b"hello", "file-skipped"),
        ("README.roboflow.txt", b"hello", "file-skipped"),
        ("seen.txt", b"images/a.jpg\nimages/b.PNG\n", "file-skipped"),
        ("my_classes.txt", b"car\ntree\n", "file-skipped"),
        ("rejects.jsonl", b'{"image": "a.jpg"}\n', "file-skipped"),
        ("val.json.gz", b"\x1f\x8b", "file-unrecognised"),
        ("val.zip", packed({"val.json": COCO, "b.jpg": b"x"}), "file-unrecognised"),
        ("val.zip", packed({"v.zip": packed({"v.zip": packed({"b.jpg": b"x"})})}), "file-unrecognised"),
        ("val.zip", b"PK", "file-unrecognised"),
        ("images.zip", packed({"b.jpg": b"x", "README.md": b"x", "classes.txt": b"car"}), "file-skipped"),
        ("val.tar", packed({"val.json": COCO, "b.jpg": b"x"}, "w"), "file-unrecognised"),
        ("val.tgz", packed({"b.jpg": b"x", "val.json": COCO}, "w:gz"), "file-unrecognised"),
        ("images.tgz", packed({"b.jpg": b"x", "classes.txt": b"car"}, "w:gz")[:-8], "file-skipped"),
    ],
)
def test_files_beside_documents_are_told(tmp_path: Path, name: str, content: Any, code: str):
    reader = open_reader(write(tmp_path, {"train.json": COCO, "a.jpg": b"x", name: content}))
    assert len(list(reader.units())) == 1
    (finding,) = reader.findings
    assert finding.code == code
    assert name in finding.detail


def test_an_archive_beside_pictures_is_no_export_of_masks_unless_some_are_called_so(tmp_path: Path):
    mask, photo = io.BytesIO(), io.BytesIO()
    for out in (mask, photo):
        Image.new("L", (4, 3), 1).save(out, "PNG")
    files = {"all.zip": packed({"coco.json": COCO}), "a.png": photo.getvalue()}
    with pytest.raises(UnknownFormatError, match=r"but the archive all\.zip: name that itself"):
        open_reader(write(tmp_path / "photos", files))
    reader = open_reader(write(tmp_path / "masks", {**files, "masks/a.png": mask.getvalue()}))
    assert [item.code for item in reader.findings] == ["file-unrecognised"]


def test_keypoints_and_captions_beside_coco_instances_are_no_second_records(tmp_path: Path):
    # So long that no annotation stands in the beginning, as in the files that COCO publishes.
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(2000)]
    captions = {"images": images, "annotations": [{"id": 1, "image_id": 1, "caption": "a cat"}]}
    files = {
        "instances_val.json": COCO,
        "person_keypoints_val.json": COCO,
        "captions_val.json": captions,
    }
    reader = open_reader(write(tmp_path / "all", files))
    assert [reader.record(unit).image for unit in reader.units()] == ["a.jpg"]
    assert [item.code for item in reader.findings] == ["file-skipped"]
    alone = open_reader(write(tmp_path / "alone", {"person_keypoints_val.json": COCO}))
    assert len(list(alone.units())) == 1


def test_documents_without_foreign_files_have_nothing_to_tell(tmp_path: Path):
    reader = open_reader(write(tmp_path, {"a.json": COCO, "b.json": COCO, "a.jpg": b"x", "data.yaml": b"x"}))
    assert len(list(reader.units())) == 2
    assert reader.findings == []


@pytest.mark.parametrize(
    ("files", "name", "documents"),
    [
        ({"result.json": COCO}, "coco", ("result.json",)),
        ({"labels/1.txt": b"0 0.1 0.1 0.5 0.1 0.5 0.5"}, "yolo", ()),
        ({"a/coco.json": COCO, "z/coco.json": COCO}, "coco", ("a/coco.json", "z/coco.json")),
    ],
)
def test_annotations_behind_many_images_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict, name: str, documents: tuple
):
    monkeypatch.setattr(detect_module, "MOST_NAMES", 10)
    write(tmp_path, {f"images/{number}.jpg": b"x" for number in range(20)} | files)
    found = detect(open_export(tmp_path))
    assert (found.format.name, found.names) == (name, documents)
    assert found == detect(open_export(tmp_path), name)


def test_a_mixed_folder_is_told_and_format_chooses(tmp_path: Path):
    write(tmp_path, {"coco.json": COCO, "a.json": LABELME})
    with pytest.raises(UnknownFormatError) as told:
        open_reader(tmp_path)
    assert "several formats" in str(told.value)
    assert "coco (coco.json)" in str(told.value)
    assert "labelme (a.json)" in str(told.value)
    assert detect(open_export(tmp_path), "coco").names == ("coco.json",)
    assert detect(open_export(tmp_path), "labelme").format.name == "labelme"
    with pytest.raises(UnknownFormatError, match="no file that looks like Datumaro"):
        open_reader(tmp_path, "datumaro")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "holds no files"),
        ({"a.jpg": b"x", "b.png": b"x"}, "no annotation files"),
        ({"a.jpg": b"x", "export.zip": b"x"}, "but the archive export.zip: name that itself"),
        ({"export.zip": b"PK\x03\x04"}, "export.zip is an archive: name that itself"),
        (
            {"a.json": {"x": 1}, "b.json": {"x": 1}},
            "no file of a known format; a.json is a JSON object with the keys x",
        ),
        ({"a.json": b"", "b.json": b""}, "a.json is empty"),
        ({"a.json": [{"id": 1, "result": []}], "b.txt": b"x"}, "; a.json holds Label Studio predictions"),
    ],
)
def test_a_folder_without_annotations_is_told(tmp_path: Path, files: dict, sentence: str):
    with pytest.raises(UnknownFormatError) as told:
        open_reader(write(tmp_path, files))
    assert sentence in str(told.value)


#: Longer than what detection looks at first.
LONG = [[float(number % 7) + 0.25 for number in range(HEAD // 3)]]
LATE: dict[str, Any] = {
    "coco": {
        "annotations": [{"segmentation": LONG, "iscrowd": 0, "image_id": 1, "category_id": 1}],
        "images": COCO["images"], "categories": COCO["categories"],
    },
    "coco behind categories": {
        "categories": [{"supercategory": "x" * HEAD, "id": 1, "name": "car"}],
        "images": COCO["images"], "annotations": COCO["annotations"],
    },
    "coco behind info": {"info": {"x": "{" * HEAD}, "licenses": [1, [{"x": 1}], {"id": 0}]} | COCO,
    "coco results": [{"segmentation": LONG, "image_id": 1, "category_id": 1, "score": 1}],
    "coco_panoptic": {
        "images": COCO["images"] * 2000, "categories": COCO["categories"],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": []}],
    },
    "labelme": {"flags": {"x": "x" * HEAD}} | LABELME,
    "superannotate": {"instances": [{"points": LONG[0]}], "metadata": {"name": "a.jpg"}},
    "via": {"a.jpg1": {"regions": [{"shape_attributes": {"all_points_x": LONG[0]}}], "filename": "a.jpg"}},
    "kili": [{"content": "x" * HEAD, "externalId": "a", "labels": [{"jsonResponse": {}}]}],
    "cityscapes": {"objects": [{"polygon": [[1, 2]] * HEAD}], "imgHeight": 5, "imgWidth": 5},
}  # fmt: skip


@pytest.mark.parametrize("name", LATE)
def test_detection_reads_on_until_it_knows(tmp_path: Path, name: str):
    path = write(tmp_path, {"a.json": LATE[name]}) / "a.json"
    assert path.stat().st_size > HEAD
    found = detect(open_export(path))
    assert found.format.name == name.split(maxsplit=1)[0]
    assert detect(open_export(write(tmp_path, {"b.jpg": b"x"}))).format is found.format


@pytest.mark.parametrize("at_once", [0, 1 << 30])
def test_keys_read_on_are_those_that_a_whole_document_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
):
    monkeypatch.setattr(sampling, "AT_ONCE", at_once)
    for name, document in LATE.items():
        path = write(tmp_path, {f"{name}.json": document})
        export = open_export(path / f"{name}.json")
        sample = take_sample(export, f"{name}.json")
        assert sample.more
        assert not sample.whole
        *earlier, last = read_on(export, sample, 1 << 30)
        assert earlier
        assert all(sample.early == (at_once > 0) for sample in earlier)
        assert (last.keys, last.element) == scan_keys(json.dumps(document))
        assert last.whole
        assert not any(sample.whole for sample in earlier)
        assert not last.more


@pytest.mark.parametrize(("more", "found"), [
    ({"info": {}}, "coco"), ({"image": 3}, "no known format"),
    ({"dm_format_version": "1", "items": []}, "one of"),
])  # fmt: skip
def test_what_stands_behind_annotations_counts_before_they_are_coco(tmp_path: Path, more: Any, found: str):
    box = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [LONG[0]]}
    document = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [box], "categories": []}
    path = write(tmp_path, {"a.json": {"x": "x" * HEAD, **document, **more}}) / "a.json"
    if found == "coco":
        assert open_source(path).format.name == detect(open_export(path)).format.name == found
        return
    for way in (open_source, lambda path: detect(open_export(path))):
        with pytest.raises(UnknownFormatError, match=found):
            way(path)


def test_reading_on_leaps_over_what_a_reader_has_walked_through(tmp_path: Path):
    path = write(tmp_path, {"a.json": LATE["coco"]}) / "a.json"
    export = open_export(path)
    reader = CocoReader(export, "a.json", ReadOptions())
    assert path.read_bytes()[reader.ends["annotations"] - 1 :][:1] == b"]"
    sample = take_sample(export, "a.json")
    *_, walked = read_on(export, sample, 1 << 30)
    *_, leapt = read_on(export, sample, 1 << 30, reader.ends)
    assert leapt == walked


def test_reading_on_is_bounded_by_the_memory_limit(tmp_path: Path):
    path = write(tmp_path, {"a.json": LATE["coco"]}) / "a.json"
    with pytest.raises(UnknownFormatError):
        detect(open_export(path), memory_limit=HEAD + 10)
    with pytest.raises(UnknownFormatError):
        read(path, options=ReadOptions(memory_limit=HEAD + 10))
    folder = write(tmp_path, {"b.json": COCO})
    found = detect(open_export(folder), memory_limit=HEAD + 10)
    assert (found.names, [item.code for item in found.findings]) == (("b.json",), ["file-unrecognised"])


def test_a_long_document_that_breaks_off_before_it_tells_is_damaged(tmp_path: Path):
    cut = json.dumps(LATE["coco"]).encode()[: HEAD + 100]
    found = detect(open_export(write(tmp_path, {"a.json": cut, "b.json": COCO})))
    assert [item.code for item in found.findings] == ["document-damaged"]
    with pytest.raises(DamagedExportError):
        detect(open_export(tmp_path / "a.json"))


def test_a_document_that_tells_late_is_read_with_the_others(tmp_path: Path):
    other = {**LATE["coco"], "images": [{"id": 1, "file_name": "b.jpg"}]}
    reader = open_reader(write(tmp_path, {"train.json": COCO, "val.json": other}))
    assert [reader.record(unit).image for unit in reader.units()] == ["a.jpg", "b.jpg"]
    assert reader.findings == []


def test_a_named_format_reads_whatever_the_first_bytes_look_like(tmp_path: Path):
    odd = {"annotations": [{"image_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}], "images": COCO["images"]}
    write(tmp_path, {"odd.json": odd, "train.json": COCO, "labelme.json": LABELME, "x.json": {"x": 1}})
    reader = open_reader(tmp_path, "coco")
    assert [reader.record(unit).image for unit in reader.units()] == ["a.jpg", "a.jpg"]
    told = {item.code: item.detail for item in reader.findings}
    assert told["file-unrecognised"].startswith("x.json: a JSON object with the keys x")
    assert "labelme.json" in told["file-skipped"]
    (tmp_path / "labelme.json").unlink()
    automatic = open_reader(tmp_path)
    assert [item.detail.split(":")[0] for item in automatic.findings] == ["odd.json", "x.json"]
    assert {item.code for item in automatic.findings} == {"file-unrecognised"}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"project_name": "p", "images": [{"image_name": "a.jpg"}], "label_classes": []}, "Hasty"),
        ([{"task_id": "1", "type": "segmentannotation", "response": {"annotations": []}}], "Scale"),
        ({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {}}]}, "QuPath"),
        ([{"type": "Feature", "geometry": {}, "properties": {"country": "x"}}], "another tool than QuPath"),
        (b'{"image": "a.jpg", "spans": [], "_input_hash": 1, "_task_hash": 2}\n', "Prodigy"),
        ({"asset": {"name": "a.jpg"}, "regions": [{"points": []}], "version": "2"}, "VoTT"),
        ([{"image": "a.jpg", "annotations": [{"label": "x", "coordinates": {}}]}], "CreateML"),
        (b"<annotation><object><polygon><x1>1</x1></polygon></object></annotation>", "RectLabel"),
        (b"<annotation><object><bndbox>1</bndbox></object></annotation>", "Pascal VOC"),
    ],
)
def test_tools_that_are_known_and_not_read_are_named(tmp_path: Path, content: Any, name: str):
    file = "a.xml" if isinstance(content, bytes) and content.startswith(b"<") else "a.json"
    path = write(tmp_path, {file: content}) / file
    with pytest.raises(UnknownFormatError) as told:
        open_reader(path)
    assert name in str(told.value)
    assert "--format" not in str(told.value)
    reader = open_reader(write(tmp_path, {"coco.json": COCO}))
    assert [item.code for item in reader.findings] == ["file-unrecognised"]
    assert name in reader.findings[0].detail


LINE = (
    b'{"source-ref": "s3://b/a.jpg", "x-ref": "s3://b/m.png", "x-ref-metadata": {"internal-color-map": {}}}\n'
)


@pytest.mark.parametrize("root", ["", "job-1/", "jobs/one/"])
def test_of_a_labeling_jobs_output_only_its_output_manifest_is_read(tmp_path: Path, root: str):
    answers = "annotations/worker-response/iteration-1/0/2026.json"
    files = {
        "manifests/output/output.manifest": LINE,
        "manifests/intermediate/1/output.manifest": LINE,
        answers: {"answers": [{"answerContent": {}}]},
        "annotations/intermediate/1/annotations.jsonl": LINE,
        "annotations/consolidated-annotation/output/0_2026.png": b"x",
        "annotation-tool/data.json": {"document-version": 1},
    }
    write(tmp_path, {root + name: content for name, content in files.items()})
    found = detect(open_export(tmp_path))
    assert (found.format.name, found.names) == ("sagemaker", (root + "manifests/output/output.manifest",))
    assert found.findings == ()
    (tmp_path / root / "manifests/output/output.manifest").unlink()
    without = detect(open_export(tmp_path))
    assert root + "manifests/intermediate/1/output.manifest" in without.names


def test_a_runs_own_state_is_no_part_of_an_export(tmp_path: Path):
    files = {"labeling-qa.manifest": LINE, "_gtmask/parts/000000.jsonl": LINE, "_gtmask/run.json": {"x": 1},
             "rejects.jsonl": b"", "masks/a.png": b"x"}  # fmt: skip
    found = detect(open_export(write(tmp_path, files)))
    assert found.names == ("labeling-qa.manifest",)
    assert [item.code for item in found.findings] == ["file-skipped"]


OPTIONS: dict[str, Any] = {
    "annotator": "ann", "include_predictions": True, "include_unannotated": True, "interpolate": True,
    "class_attribute": "name", "image_tags": "a=b", "masks": "masks", "partial": True, "void": "void",
}  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", FORMATS)
def test_options_that_a_format_does_not_know_are_refused(name: str, option: str):
    given = ReadOptions(**{option: OPTIONS[option]})
    if option in FORMATS[name].options:
        check_options([FORMATS[name]], given)
        return
    with pytest.raises(UsageError) as told:
        check_options([FORMATS[name]], given)
    knowing = [entry.name for entry in FORMATS.values() if option in entry.options]
    assert knowing
    assert f"--{option.replace('_', '-')}" in str(told.value)
    assert all(other in str(told.value) for other in knowing)


def test_what_formats_say_of_their_options_is_what_their_readers_ask_for():
    """A reader that never looks at an option does not know it."""
    named = {item.name for item in fields(ReadOptions)}
    special = {option for entry in FORMATS.values() for option in entry.options}
    assert special == set(OPTIONS)
    assert special <= named
    for name, entry in FORMATS.items():
        module = import_module(f"gtmask.formats.{'coco.panoptic' if name == 'coco_panoptic' else name}")
        file = Path(str(module.__file__))
        whole_package = file.name == "__init__.py" and name != "coco"
        files = file.parent.rglob("*.py") if whole_package else [file]
        source = "".join(other.read_text() for other in files)
        asked = {option for option in special if f"options.{option}" in source}
        # Whether a manifest is finished is asked by who opens the export, before its reader.
        assert asked == entry.options - {"partial"}, name


def test_an_option_without_effect_is_refused_by_every_command(tmp_path: Path):
    write(tmp_path, {"a.json": LABELME})
    for call in (read, inspect):
        with pytest.raises(UsageError, match=r"--class-attribute has no effect on .* labelme"):
            call(tmp_path, options=ReadOptions(class_attribute="x"))
    with pytest.raises(UsageError, match="--interpolate"):
        convert(tmp_path, tmp_path.parent / "out", interpolate=True)


def test_a_run_without_a_document_of_its_export_ends_with_3_and_strict_stops_it(tmp_path: Path):
    folder = write(tmp_path / "e", {"a.json": COCO, "b.json": {"x": 1}, "README.txt": b"x"})
    summary = convert(folder, tmp_path / "out", size="annotation", workers=1)
    assert (summary.exit_code, summary.tally.masks) == (3, 1)
    assert [item.code for item in summary.findings if item.level == "loss"] == ["file-unrecognised"]
    with pytest.raises(StrictError, match=r"file-unrecognised \(b\.json"):
        convert(folder, tmp_path / "strict", size="annotation", workers=1, strict=True)
    (folder / "b.json").unlink()
    assert convert(folder, tmp_path / "whole", size="annotation", workers=1).exit_code == 0


def test_detection_reads_only_the_first_64_kib(tmp_path: Path):
    write(tmp_path, {"a.json": json.dumps(LABELME).encode() + b" " * HEAD * 3})
    export = open_export(tmp_path / "a.json")
    reads = []

    class Watched:
        location = export.location

        def __getattr__(self, name: str) -> Any:
            return getattr(export, name)

        def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
            reads.append((start, stop))
            return export.read(name, start, stop)

    detect(Watched())
    assert reads == [(0, HEAD)]


def test_format_names():
    assert named("COCO-Panoptic").name == "coco_panoptic"
    with pytest.raises(UsageError, match="the nearest is labelme"):
        named("lableme")
    with pytest.raises(UsageError, match="known are cvat, yolo"):
        named("zzzz")


def test_read_opens_before_it_yields(tmp_path: Path):
    write(tmp_path, {"a.json": LABELME})
    with pytest.raises(NotFoundError, match="no export at"):
        read(tmp_path / "b.json")
    records = read(tmp_path, options=ReadOptions(keep_going=True))
    assert [record.image for record in records] == ["a.jpg"]


def test_every_format_is_registered_with_what_the_documents_need():
    for name, entry in FORMATS.items():
        assert entry.name == name
        assert all([entry.title, entry.reads, entry.limits, entry.order, entry.counts])
        facts = [entry.image, entry.label, entry.holes, entry.grid]
        assert all(fact.endswith(".") for fact in facts), name


@pytest.mark.parametrize(
    ("text", "keys", "element"),
    [
        (
            '{"a": 1, "b": {"c": {"d": 1}, "e": 2}, "f": [{"g": 1}, {"h": 2}]}',
            {"a": (), "b": ("c", "e"), "f": ("g",)},
            {},
        ),
        ('[{"a": {"b": 1}}, {"c": 1}]', {}, {"a": ("b",)}),
        ('{"a": "x: {[", "b\\"": 1', {"a": (), 'b\\"': ()}, {}),
        ('{"a": [[{"b": 1}]], "c": [1, {"d": 1}]}', {"a": (), "c": ("d",)}, {}),
        ('{"a": {"b": 1}}\n{"c": 1}', {"a": ("b",)}, {}),
        ('{"a": [{"b": 1, "c', {"a": ("b",)}, {}),
        ("[1, 2]", {}, {}),
        ("", {}, {}),
        ("]}", {}, {}),
    ],
)
def test_the_keys_of_documents_that_break_off(text: str, keys: dict, element: dict):
    assert scan_keys(text) == (keys, element)


@given(st.text(st.sampled_from('{}[]",:\\a1 '), max_size=60))
def test_scanning_keys_never_fails(text: str):
    keys, element = scan_keys(text)
    assert not (keys and element)


@given(
    st.dictionaries(
        st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.none() | st.text()), max_size=5
    )
)
def test_scanned_keys_are_the_keys(document: dict):
    text = json.dumps(document)
    keys, _ = scan_keys(text)
    assert [json.loads(f'"{key}"') for key in keys] == list(document)
    assert [[json.loads(f'"{key}"') for key in inner] for inner in keys.values()] == list(
        map(list, document.values())
    )
