"""Ready-made masks: layouts and class lists of several tools, the images beside their masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.silence.documents.parts import colored, encoded, mask_of
from tests.silence.variant import cell, ring, variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.silence.variant import Variant

COLORS = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0)}
LABELMAP = """# label:color_rgb:parts:actions
background:0,0,0::
cat:128,0,0::
dog:0,128,0::
cow:128,128,0::
"""
ONE = {0: 1, 1: 2, 6: 3, 11: 1}
OTHER = {0: 3, 5: 2, 8: 1}
TALL = (40, 56)


def image(size: tuple[int, int] = (48, 32)) -> bytes:
    """Return an image of noise, which is no mask."""
    rng = np.random.default_rng(3)
    return encoded(rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8))


def variants() -> Iterator[Variant]:
    """Yield the variants of this file."""
    one, other = mask_of(ONE), mask_of(OTHER, TALL)
    street = np.where(one > 0, one + 23, 7).astype(np.uint8)
    yield variant("masks", "cvat", {
        "labelmap.txt": LABELMAP,
        "ImageSets/Segmentation/default.txt": "train/a\nval/a\n",
        "SegmentationClass/train/a.png": colored(one, COLORS),
        "SegmentationClass/val/a.png": colored(other, COLORS),
        "SegmentationObject/train/a.png": colored(one, COLORS),
    }, {"train/a.jpg": (48, 32), "val/a.jpg": TALL})  # fmt: skip
    yield variant("masks", "palette", {
        "VOC2012/labelmap.txt": LABELMAP,
        "VOC2012/ImageSets/Segmentation/train.txt": "a\n",
        "VOC2012/SegmentationClass/a.png": encoded(one, COLORS),
        "VOC2012/JPEGImages/a.png": image(),
    }, {"VOC2012/JPEGImages/a.png": (48, 32)})  # fmt: skip
    # Whatever stands in the column of names is a name.
    yield variant("masks", "roboflow", {
        "train/_classes.csv": "Pixel Value,Class\n0,background\n1,cat\n2,dog\n3,cow\n",
        "train/a.png": image(), "train/a_mask.png": encoded(one),
        "valid/_classes.csv": "Pixel Value,Class\n0,background\n1,cow\n2,dog\n3,cat\n",
        "valid/b.png": image(TALL), "valid/b_mask.png": encoded(other),
    }, {"train/a.png": (48, 32), "valid/b.png": TALL}, free="Class")  # fmt: skip
    yield variant("masks", "plain", {
        "classes.txt": "background\ncat\ndog\ncow\n",
        "images/a.png": image(), "masks/a.png": encoded(one),
    }, {"images/a.png": (48, 32)})  # fmt: skip
    yield variant("masks", "datumaro", {
        "dataset_meta.json": {
            "label_map": {"0": "background", "1": "cat", "2": "dog", "3": "cow"},
            "segmentation_colors": [list(color) for color in COLORS.values()],
        },
        "images/a.png": image(), "masks/a.png": colored(one, COLORS),
    }, {"images/a.png": (48, 32)})  # fmt: skip
    yield variant("masks", "ultralytics", {
        "data.yaml": {"path": "x", "train": "images/train", "masks_dir": "masks",
                      "names": {0: "sky", 1: "cat", 2: "dog", 3: "cow"}},
        "images/train/a.png": image(), "masks/train/a.png": encoded(one),
    }, {"images/train/a.png": (48, 32)})  # fmt: skip
    yield variant("masks", "cityscapes", {
        "gtFine/train/x/x_000000_gtFine_labelIds.png": encoded(street),
        "leftImg8bit/train/x/x_000000_leftImg8bit.png": image(),
    }, {"leftImg8bit/train/x/x_000000_leftImg8bit.png": (48, 32)})  # fmt: skip
    yield variant("masks", "mapillary", {
        "config_v2.0.json": {"labels": [
            {"name": "nature--sky", "readable": "Sky", "color": [70, 130, 180]},
            {"name": "animal--cat", "readable": "Cat", "color": [128, 0, 0]},
            {"name": "animal--dog", "readable": "Dog", "color": [0, 128, 0]},
            {"name": "void--unlabeled", "readable": "Unlabeled", "color": [128, 128, 0]}]},
        "training/images/a.png": image(), "training/v2.0/labels/a.png": encoded(one),
    }, {"training/images/a.png": (48, 32)}, free="readable")  # fmt: skip
    # Where no list names the values, another value is another class.
    yield variant("masks", "fiftyone", {
        "data/a.png": image(), "labels/a.png": encoded(one),
    }, {"data/a.png": (48, 32)}, free="recolor-0 recolor-1 recolor-2")  # fmt: skip
    # Any text is a name.
    yield variant("labelme_xml", "cvat", {
        "default/a.xml": _labelme(), "default/Masks/a_mask_2.png": _drawn(),
    }, {"default/a.jpg": (48, 32)}, free="text:name")  # fmt: skip


def _drawn() -> bytes:
    return colored(mask_of({6: 1}), {0: (0, 0, 0, 0), 1: (255, 203, 0, 153)})


def _labelme() -> str:
    """Return what datumaro's converter writes for a polygon, a box and a mask."""
    x, y = cell(1)
    box = _points([[x, y], [x + 7, y], [x + 7, y + 5], [x, y + 5]])
    shapes = [
        f"<polygon>{_points(ring(0))}<username/></polygon>",
        f"<type>bounding_box</type><polygon>{box}<username>me</username></polygon>",
        "<segm><mask>a_mask_2.png</mask><box><xmin>1.00</xmin><ymin>2.00</ymin></box><username/></segm>",
    ]
    objects = "".join(
        f"<object><name>{name}</name><deleted>0</deleted><verified>0</verified><occluded>no</occluded><date/>"
        f"<id>{number}</id><parts><hasparts/><ispartof/></parts>{shape}<attributes/></object>"
        for number, (name, shape) in enumerate(zip(("cat", "dog", "cow"), shapes, strict=True))
    )
    return (
        "<annotation><filename>a.jpg</filename><folder></folder><source><sourceImage/><sourceAnnotation>"
        "Datumaro</sourceAnnotation></source><imagesize><nrows>32</nrows><ncols>48</ncols></imagesize>"
        f"{objects}</annotation>"
    )


def _points(points: list[list[int]]) -> str:
    return "".join(f"<pt><x>{x:.2f}</x><y>{y:.2f}</y></pt>" for x, y in points)
