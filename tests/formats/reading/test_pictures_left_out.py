"""Pictures beyond the annotation files of exports that have one file for each image."""

from __future__ import annotations

import pytest

from tests.support.small_exports import open_files

LABELME = {"version": "5.4.1", "flags": {}, "shapes": [], "imagePath": "a.jpg", "imageData": None}
ISAT = {"info": {"description": "ISAT", "name": "a.jpg", "width": 9, "height": 9}, "objects": []}
YOLO = {"labels/a.txt": "0 0.1 0.1 0.5 0.1 0.5 0.6\n", "data.yaml": "names: [car]"}


@pytest.mark.parametrize(
    ("format_name", "files"), [("labelme", {"a.json": LABELME}), ("isat", {"a.json": ISAT}), ("yolo", YOLO)]
)
@pytest.mark.parametrize(("pictures", "told"), [([], 0), (["a.jpg"], 0), (["a.jpg", "b.jpg", "b.png"], 1)])
def test_more_pictures_than_annotation_files_are_told_once(
    format_name: str, files: dict, pictures: list[str], told: int
) -> None:
    reader = open_files(format_name, files | dict.fromkeys(pictures, b""))
    for _ in range(2):
        assert len(list(reader.units())) == 1
    found = [finding.detail for finding in reader.findings if finding.code == "pictures-left-out"]
    assert found == ["pictures: 3, annotation files: 1"] * told
