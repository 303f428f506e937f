"""MIT LabelMe's XML as the tool and as CVAT's "LabelMe 3.0" write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import gtmask
from gtmask.formats import open_reader, open_source
from gtmask.formats.base import Sample
from gtmask.formats.labelme_xml import sniff
from tests.support.small_exports import png

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "<annotation><filename>{}</filename><folder>{}</folder><source><sourceImage/></source>"
SIZE = "<imagesize><nrows>20</nrows><ncols>30</ncols></imagesize>"


def points(*pairs: tuple[float, float]) -> str:
    return "".join(f"<pt><x>{x:.2f}</x><y>{y:.2f}</y></pt>" for x, y in pairs)


def item(name: str, shape: str, deleted: str = "0") -> str:
    return (
        f"<object><name>{name}</name><deleted>{deleted}</deleted><verified>0</verified><occluded>no</occluded>"
        f"<date/><id>0</id><parts><hasparts/><ispartof/></parts>{shape}<attributes/></object>"
    )


def write(folder: Path, name: str, *objects: str, image: str = "a.jpg", below: str = "") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD.format(image, below) + SIZE + "".join(objects) + "</annotation>")


POLYGON = f"<polygon>{points((1, 1), (9, 1), (9, 6), (1, 6))}<username/></polygon>"
CORNERS = points((11, 2), (20, 2), (20, 9), (11, 9))
BOX = f"<type>bounding_box</type><polygon>{CORNERS}<username>x</username></polygon>"
SEGMENT = "<segm><mask>a_mask_2.png</mask><box><xmin>1</xmin></box><username/></segm>"


def test_polygons_boxes_and_masks_are_read(tmp_path: Path):
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[12:15, 3:8] = (255, 203, 0, 153)
    write(
        tmp_path,
        "default/a.xml",
        item("cat", POLYGON),
        item("dog", BOX),
        item("cow", SEGMENT),
        item("x", BOX, "1"),
    )
    (tmp_path / "default/Masks").mkdir()
    (tmp_path / "default/Masks/a_mask_2.png").write_bytes(png(pixels))
    opened = open_source(tmp_path)
    assert opened.format.name == "labelme_xml"
    (record,) = [opened.reader.record(unit) for unit in opened.reader.units()]
    assert (record.image, record.width, record.height) == ("default/a.jpg", 30, 20)
    assert [(shape.label, shape.kind) for shape in record.shapes] == [
        ("cat", "polygon"), ("dog", "rectangle"), ("cow", "bitmap")
    ]  # fmt: skip
    assert [finding.code for finding in record.findings] == ["shape-deleted"]
    classes = gtmask.class_map_from_labels(["cat", "dog", "cow"])
    mask = gtmask.rasterize(record, classes)
    wanted = np.zeros((20, 30), np.uint8)
    wanted[1:7, 1:10] = 1
    wanted[2:10, 11:21] = 2
    wanted[12:15, 3:8] = 3
    assert (mask == wanted).all()


def test_a_mask_in_a_folder_of_all_is_of_no_file_that_has_a_twin_elsewhere(tmp_path: Path):
    (tmp_path / "Masks").mkdir()
    (tmp_path / "Masks/a_mask_2.png").write_bytes(png(np.ones((20, 30, 4), np.uint8)))
    write(tmp_path, "one/a.xml", item("cow", SEGMENT))

    def told() -> list[list[str]]:
        reader = open_reader(tmp_path)
        records = [reader.record(unit) for unit in reader.units()]
        return [[finding.code for finding in record.findings] for record in records]

    assert told() == [[]]
    write(tmp_path, "two/a.xml", item("cow", SEGMENT))
    assert told() == [["bitmap-missing"]] * 2


def test_folders_of_images_are_part_of_their_names(tmp_path: Path):
    write(tmp_path, "default/item_1.xml", item("cat", POLYGON), image="a.jpg", below="day/1")
    reader = open_reader(tmp_path)
    (record,) = [reader.record(unit) for unit in reader.units()]
    assert record.image == "default/day/1/a.jpg"
    assert "day/1/a.jpg" in record.aliases


@pytest.mark.parametrize(("shape", "code"), [
    ("", "shape-no-geometry"), (SEGMENT, "bitmap-missing"),
    ("<polygon><pt><x>1</x><y>q</y></pt></polygon>", "shape-bad-geometry"),
    (f"<polygon>{points((1, 1), (2, 2))}</polygon>", "shape-few-points"),
    (POLYGON + "<keypoints/>", "annotation-bad"),
])  # fmt: skip
def test_what_cannot_be_painted_is_told(shape: str, code: str, tmp_path: Path):
    write(tmp_path, "a.xml", item("cat", shape))
    reader = open_reader(tmp_path / "a.xml")
    (record,) = [reader.record(unit) for unit in reader.units()]
    assert code in {finding.code for finding in record.findings}
    assert sum(record.balance.left_out.values()) + record.balance.painted == record.balance.handed == 1


def test_boxes_of_pascal_voc_and_cvat_are_no_labelme(tmp_path: Path):
    box = "<object><name>x</name><bndbox><xmin>1</xmin></bndbox></object>"
    voc = f"<annotation><filename>a.jpg</filename>{box}</annotation>"
    cvat = '<annotations><image id="0" name="a" width="1" height="1"/></annotations>'
    for text in (voc, cvat):
        assert sniff(Sample("a.xml", text.encode(), text)) is None


def test_damage_costs_one_file(tmp_path: Path):
    write(tmp_path, "a.xml", item("cat", POLYGON))
    (tmp_path / "b.xml").write_text(HEAD.format("b.jpg", "") + "<imagesize>")
    reader = open_reader(tmp_path)
    codes = [[finding.code for finding in reader.record(unit).findings] for unit in reader.units()]
    assert codes == [[], ["record-bad"]]


def test_an_element_that_stands_twice_is_told(tmp_path: Path):
    write(tmp_path, "a.xml", item("cat</name><name>dog", POLYGON), item("cow", POLYGON + BOX))
    record = next(iter_records(tmp_path))
    told = [finding.detail for finding in record.findings if finding.code == "annotation-bad"]
    assert told == [f"<object> holds <{tag}> twice: the first counts" for tag in ("name", "polygon")]
    write(tmp_path, "a.xml", item("cat", POLYGON.replace("<x>9.00</x>", "<x>9.00</x><x>1.00</x>")))
    assert [finding.code for finding in next(iter_records(tmp_path)).findings] == ["shape-bad-geometry"]


def iter_records(folder: Path):
    reader = open_reader(folder)
    return map(reader.record, reader.units())
