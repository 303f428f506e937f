"""The same photos in several formats: equal masks where coordinates are equal, else a measured loss.

The five photos of ISAT's example exist as ISAT, COCO and YOLO files. COCO and YOLO hold the same outlines;
the ISAT files were drawn anew (878 vertices where COCO has 439 in the first photo), so they are compared
with COCO by overlap only. For equal coordinates the ISAT files are written as COCO, labelme and YOLO here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gtmask.formats import open_reader
from gtmask.run.paint import rasterize
from tests.support.small_exports import class_map, read_files

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from gtmask.model import Record

EXAMPLE = "yatengLG__ISAT_with_segment_anything/example/convert/coco_tiny/"
PHOTOS = {"000000013923": (640, 427), "000000076261": (640, 427), "000000083540": (640, 443),
          "000000100723": (500, 333), "000000549930": (640, 558)}  # fmt: skip


def read_all(place: Path) -> dict[str, Record]:
    """Return the records of an export by the stem of their image."""
    reader = open_reader(place)
    records = [reader.record(unit) for unit in reader.units()]
    return {record.image.rpartition("/")[2].partition(".")[0]: record for record in records}


def by_class(record: Record, fill: str = "opencv") -> dict[str, NDArray[np.bool_]]:
    """Return the pixels of each class, whatever lies over them; crowd regions left out."""
    shapes = [shape for shape in record.shapes if not shape.ignore]
    masks = {}
    for label in {shape.label for shape in shapes}:
        record.shapes = [shape for shape in shapes if shape.label == label]
        masks[label] = rasterize(record, class_map(label), fill=fill) > 0
    record.shapes = shapes
    return masks


def isat_objects(samples: Path, photo: str) -> list[dict]:
    """Return the objects of an ISAT file in painting order."""
    document = json.loads((samples / "isat" / EXAMPLE / "isat" / f"{photo}.json").read_text())
    return sorted(document["objects"], key=lambda item: item["layer"])


def as_coco(photo: str, objects: list[dict]) -> Record:
    width, height = PHOTOS[photo]
    names = sorted({item["category"] for item in objects})
    document = {
        "images": [{"id": 1, "file_name": f"{photo}.jpg", "width": width, "height": height}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 7)],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 7 + names.index(item["category"]), "iscrowd": 0,
             "segmentation": [[value for point in item["segmentation"] for value in point]]}
            for number, item in enumerate(objects, 1)
        ],
    }  # fmt: skip
    (record,) = read_files("coco", {"a.json": document})
    return record


def as_labelme(photo: str, objects: list[dict]) -> Record:
    width, height = PHOTOS[photo]
    document = {"version": "5.0", "flags": {}, "imagePath": f"{photo}.jpg", "imageData": None,
                "imageHeight": height,
                "imageWidth": width, "shapes": [
                    {"label": item["category"], "points": item["segmentation"], "shape_type": "polygon",
                     "flags": {},
                     "group_id": None} for item in objects]}  # fmt: skip
    (record,) = read_files("labelme", {"a.json": document})
    return record


def as_yolo(photo: str, objects: list[dict], digits: int) -> Record:
    width, height = PHOTOS[photo]
    names = sorted({item["category"] for item in objects})
    rows = []
    for item in objects:
        pairs = (f"{x / width:.{digits}f} {y / height:.{digits}f}" for x, y in item["segmentation"])
        rows.append(" ".join([str(names.index(item["category"])), *pairs]))
    (record,) = read_files("yolo", {"labels/a.txt": "\n".join(rows), "classes.txt": "\n".join(names)})
    record.width, record.height = width, height
    return record


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize("fill", ["opencv", "center", "skimage"])
def test_equal_coordinates_give_equal_masks(photo: str, fill: str, samples: Path):
    objects = isat_objects(samples, photo)
    names = sorted({item["category"] for item in objects})
    isat = read_all(samples / "isat" / EXAMPLE / "isat")[photo]
    expected = rasterize(isat, class_map(*names), fill=fill)
    assert expected.any()
    for twin in (as_coco(photo, objects), as_labelme(photo, objects)):
        assert np.array_equal(rasterize(twin, class_map(*names), fill=fill), expected)


#: Pixels of all classes that YOLO files lose, written with 16 and with 6 digits, and their whole area.
ROUNDING = {
    "000000013923": (14, 288, 61430), "000000076261": (0, 34, 491), "000000083540": (0, 29, 4085),
    "000000100723": (72, 486, 87899), "000000549930": (19, 140, 74087),
}  # fmt: skip


@pytest.mark.parametrize("photo", PHOTOS)
def test_what_yolo_loses_by_rounding_fractions(photo: str, samples: Path):
    """Only pixels flip through whose centre an edge passes, to the rounding of a fraction.

    Many of ISAT's vertices are whole numbers, so that slanted edges pass exactly through pixel centres;
    there the last bit of x / width * width decides, however many digits are written.
    """
    objects = isat_objects(samples, photo)
    plain = by_class(as_coco(photo, objects), "center")
    lost, flipped = [], 0
    for digits in (16, 6):
        yolo = by_class(as_yolo(photo, objects, digits), "center")
        assert yolo.keys() == plain.keys()
        lost.append(sum(int((yolo[name] ^ plain[name]).sum()) for name in plain))
        # A pixel that flips lies on an outline, before or after: a neighbour is of the other kind.
        flipped += sum(
            int((yolo[name] ^ plain[name])[~(outline(plain[name]) | outline(yolo[name]))].sum())
            for name in plain
        )
    exact, six, area = ROUNDING[photo]
    assert sum(int(mask.sum()) for mask in plain.values()) == area
    assert lost[0] <= exact
    assert lost[1] <= six
    assert flipped == 0


def outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels that have a neighbour of the other kind."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.any(shifts, axis=0) & ~np.all(shifts, axis=0)


#: Pixels that differ between the published COCO and YOLO files, of 232,050 in all.
PUBLISHED = {("000000013923", "vase"): 8, ("000000013923", "potted plant"): 8, ("000000549930", "person"): 2}


def test_the_published_coco_and_yolo_files(samples: Path):
    """They hold the same outlines: 18 pixels differ, along edges that six digits move and where YOLO joins
    the parts of an object by bridges."""
    names = open_reader(samples / "coco" / EXAMPLE / "coco_tiny.json").labels
    coco_records = read_all(samples / "coco" / EXAMPLE / "coco_tiny.json")
    yolo_records = read_all(samples / "yolo_seg" / EXAMPLE)
    assert coco_records.keys() == yolo_records.keys() == PHOTOS.keys()
    area = 0
    for photo, (width, height) in PHOTOS.items():
        yolo = yolo_records[photo]
        yolo.width, yolo.height = width, height
        theirs = {names[int(label)]: mask for label, mask in by_class(yolo, "center").items()}
        ours = by_class(coco_records[photo], "center")
        assert ours.keys() == theirs.keys()
        for name, mask in ours.items():
            area += int(mask.sum())
            assert int((mask ^ theirs[name]).sum()) <= PUBLISHED.get((photo, name), 0), (photo, name)
    assert area == 232_050


def test_isat_drew_the_same_things_anew(samples: Path):
    """No vertex is shared with COCO, but the classes that both have lie in the same places."""
    coco_records = read_all(samples / "coco" / EXAMPLE / "coco_tiny.json")
    isat_records = read_all(samples / "isat" / EXAMPLE / "isat")
    for photo in PHOTOS:
        ours, theirs = by_class(isat_records[photo]), by_class(coco_records[photo])
        common = ours.keys() & theirs.keys()
        assert common
        for name in common:
            overlap = (ours[name] & theirs[name]).sum() / (ours[name] | theirs[name]).sum()
            assert overlap > 0.5, (photo, name)
