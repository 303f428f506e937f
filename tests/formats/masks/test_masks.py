"""Ready-made masks: every layout and class list is written here as its tool writes it."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import png
import pytest
from PIL import Image

import gtmask
from gtmask.errors import UnknownFormatError, UsageError
from gtmask.formats import open_reader, open_source
from gtmask.formats.masks.known import voc_color
from tests.support.png_masks import street

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: Value by cell: 0 background, 1 cat, 2 dog, 3 cow.
MASK = np.array([[0, 0, 1, 1, 0], [0, 2, 1, 1, 0], [3, 2, 2, 0, 0], [3, 3, 0, 0, 0]], np.uint8)
NAMES = ["background", "cat", "dog", "cow"]
COLORS = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0)}
HEX = {"cat": "#800000", "dog": "#008000", "cow": "#808000"}


def gray(mask: NDArray[Any], depth: int = 8, *, interlace: bool = False) -> bytes:
    """Return a gray PNG of any depth, written by pypng or, where interlaced, by hand from its passes."""
    out = io.BytesIO()
    height, width = mask.shape
    if not interlace:
        png.Writer(width, height, greyscale=True, bitdepth=depth).write(out, mask.tolist())
        return out.getvalue()
    writer = png.Writer(width, height, greyscale=True, bitdepth=depth, interlace=True)
    writer.write_array(out, mask.ravel().tolist())
    return out.getvalue()


def palette(mask: NDArray[Any], colors: dict[int, tuple[int, int, int]], depth: int = 8) -> bytes:
    out = io.BytesIO()
    height, width = mask.shape
    table = [colors.get(value, (value, 255 - value, 7)) for value in range(1 << depth)]
    png.Writer(width, height, palette=table, bitdepth=depth).write(out, mask.tolist())
    return out.getvalue()


def colored(mask: NDArray[Any], colors: dict[int, tuple[int, ...]]) -> bytes:
    out = io.BytesIO()
    pixels = np.zeros((*mask.shape, len(next(iter(colors.values())))), np.uint8)
    for value, color in colors.items():
        pixels[mask == value] = color
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def photo(size: tuple[int, int] = (5, 4), kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (9, 99, 200)).save(out, kind)
    return out.getvalue()


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def convert(source: Path, out: Path, **options: Any) -> tuple[dict[str, NDArray[Any]], Any]:
    """Convert, and return the masks with the names of their classes as text, by key, and the summary."""
    summary = gtmask.convert(source, out, workers=1, **options)
    classes = gtmask.parse_class_map((out / "classes.toml").read_text())
    names = np.array(["?"] * 256, object)
    names[0] = "background"
    for entry in classes.classes:
        names[entry.id] = entry.name
    masks = {}
    for path in sorted((out / "masks").rglob("*.png")):
        masks[path.relative_to(out / "masks").as_posix()] = names[np.asarray(Image.open(path))]
    return masks, summary


def told(summary: Any) -> set[str]:
    return {
        *(code for code, count in summary.tally.findings.items() if count),
        *(f.code for f in summary.findings),
    }


NAMED = np.array(NAMES, object)[MASK]

LABELMAP = "# label:color_rgb:parts:actions\n" + "".join(
    f"{name}:{','.join(map(str, COLORS[value]))}::\n" for value, name in enumerate(NAMES)
)
MAPILLARY = {"labels": [
    {"color": list(COLORS[value]), "instances": True, "readable": name, "name": name, "evaluate": True}
    for value, name in enumerate(NAMES)], "version": "1.1"}  # fmt: skip
DATUMARO = {
    "labels": NAMES, "label_map": {f"{value}": name for value, name in enumerate(NAMES)},
    "segmentation_colors": [list(color) for color in COLORS.values()], "background_label": "background",
}  # fmt: skip

#: Layout: its files, and the image that the mask must be of.
LAYOUTS: dict[str, tuple[dict[str, bytes | str], str]] = {
    "CVAT segmentation mask 1.1": ({
        "labelmap.txt": LABELMAP, "ImageSets/Segmentation/default.txt": "sub/a\n",
        "SegmentationClass/sub/a.png": colored(MASK, COLORS),
        "SegmentationObject/sub/a.png": colored(MASK, COLORS),
        "JPEGImages/sub/a.jpg": photo()}, "JPEGImages/sub/a.jpg"),
    "Pascal VOC, palette": ({
        "labelmap.txt": LABELMAP, "SegmentationClass/a.png": palette(MASK, COLORS),
        "JPEGImages/a.jpg": photo()}, "JPEGImages/a.jpg"),
    "Roboflow": ({
        "train/_classes.csv": "Pixel Value, Class\n0, background\n1, cat\n2, dog\n3, cow\n",
        "train/a_jpg.rf.0c.jpg": photo(), "train/a_jpg.rf.0c_mask.png": gray(MASK),
        "README.dataset.txt": "x", "README.roboflow.txt": "y"}, "train/a_jpg.rf.0c.jpg"),
    "labelme's labelme2voc": ({
        "class_names.txt": "_background_\ncat\ndog\ncow", "SegmentationClass/a.png": palette(MASK, {}),
        "SegmentationClassVisualization/a.jpg": photo(), "JPEGImages/a.jpg": photo()}, "JPEGImages/a.jpg"),
    "CamVid": ({
        "label_colors.txt": "0 0 0\t\tbackground\n128 0 0\t\tcat\n0 128 0\t\tdog\n128 128 0\t\tcow\n",
        "LabeledApproved_full/a_L.png": colored(MASK, COLORS),
        "701_StillsRaw_full/a.png": photo(kind="PNG")}, "701_StillsRaw_full/a.png"),
    "CamVid, as Cambridge publishes it": ({
        "label_colors.txt": "64 128 64\tAnimal\n128 0 0\tcat\n0 128 0\t\tdog\n128 128 0\tcow\n"
        "0 0 0\t\tVoid\n",
        "LabeledApproved_full/0001TP_006690_L.png": colored(MASK, COLORS),
        "701_StillsRaw_full/0001TP_006690.png": photo(kind="PNG")}, "701_StillsRaw_full/0001TP_006690.png"),
    "CamVid on Kaggle": ({
        "class_dict.csv": "name,r,g,b\nbackground,0,0,0\ncat,128,0,0\ndog,0,128,0\ncow,128,128,0\n",
        "train_labels/a_L.png": colored(MASK, COLORS), "train/a.png": photo(kind="PNG")}, "train/a.png"),
    "SegNet's CamVid": ({
        "classes.txt": "background\ncat\ndog\ncow\n", "trainannot/a.png": gray(MASK),
        "train/a.png": photo(kind="PNG")}, "train/a.png"),
    "ADE20K": ({
        "objectInfo150.txt": "Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t.1\t1\t1\t0\tcat\n2\t.1\t1\t1\t0\tdog\n"
        "3\t.1\t1\t1\t0\tcow\n", "annotations/training/ADE_1.png": gray(MASK),
        "images/training/ADE_1.jpg": photo()}, "images/training/ADE_1.jpg"),
    "Mapillary Vistas": ({
        "config_v2.0.json": json.dumps(MAPILLARY), "training/v2.0/labels/a.png": palette(MASK, COLORS),
        "training/v2.0/instances/a.png": gray(MASK.astype(np.uint16) * 256, 16),
        "training/v2.0/panoptic/a.png": colored(MASK, COLORS),
        "training/images/a.jpg": photo()}, "training/images/a.jpg"),
    "Mapillary Vistas 1": ({
        "config.json": json.dumps(MAPILLARY), "training/labels/a.png": palette(MASK, COLORS),
        "training/instances/a.png": gray(MASK.astype(np.uint16) * 256, 16),
        "training/images/a.jpg": photo()}, "training/images/a.jpg"),
    "datumaro": ({
        "dataset_meta.json": json.dumps(DATUMARO), "masks/a.png": colored(MASK, COLORS),
        "images/a.jpg": photo()}, "images/a.jpg"),
    "Ultralytics": ({
        "data.yaml": "path: .\ntrain: images/train\nval: images/val\nmasks_dir: masks\nnames:\n"
        "  0: background\n  1: cat\n  2: dog\n  3: cow\n",
        "images/train/a.jpg": photo(), "masks/train/a.png": gray(MASK)}, "images/train/a.jpg"),
    "FiftyOne": ({
        "data/a.jpg": photo(), "labels/a.png": gray(MASK),
        "metadata.json": json.dumps({"default_mask_targets": {str(v): n for v, n in enumerate(NAMES)}})},
        "data/a.jpg"),
    "V7 darwin": ({
        "class_mapping.csv": "class_name,class_color\nbackground,0 0 0\ncat,128 0 0\ndog,0 128 0\n"
        "cow,128 128 0\n",
        "masks/a.png": colored(MASK, COLORS), "images/a.jpg": photo()}, "images/a.jpg"),
    "a plain list": ({
        "classes.txt": "background\ncat\ndog\ncow\n", "a.png": gray(MASK)}, "a.jpg"),
    "Hugging Face": ({
        "id2label.json": json.dumps({str(v): n for v, n in enumerate(NAMES)}), "masks/a.png": gray(MASK),
        "images/a.jpg": photo()}, "images/a.jpg"),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_as_its_tool_writes_it(layout: str, tmp_path: Path):
    files, image = LAYOUTS[layout]
    source = write(tmp_path / "in", files)
    given = {} if image in files else {"images": write(tmp_path / "images", {image: photo()})}
    masks, summary = convert(source, tmp_path / "out", **given)
    assert list(masks) == [image.rpartition(".")[0] + ".png"]
    assert (masks[image.rpartition(".")[0] + ".png"] == NAMED).all()
    assert told(summary) <= {"file-skipped", "mask-zero", "mask-void"}
    manifest = json.loads((tmp_path / "out/labeling-qa.manifest").read_text())
    assert manifest["source-ref"].endswith(f"/{image}")


@pytest.mark.parametrize("kind", ["zip", "tar", "glob"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_archives_and_globs_read_alike(layout: str, kind: str, tmp_path: Path):
    files, _ = LAYOUTS[layout]
    source = write(tmp_path / "in", files)
    plain = open_reader(source)
    wanted = [plain.record(unit) for unit in plain.units()]
    place: Any = source / "**"
    if kind == "zip":
        place = tmp_path / "export.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for path in sorted(source.rglob("*.*")):
                archive.write(path, path.relative_to(source))
    elif kind == "tar":
        place = tmp_path / "export.tar"
        with tarfile.open(place, "w") as archive:
            archive.add(source, ".")
    opened = open_source(place)
    assert opened.format.name == "masks"
    assert [opened.reader.record(unit) for unit in opened.reader.units()] == wanted
    assert wanted[0].shapes


PICTURES: dict[str, bytes] = {
    **{f"gray {depth}": gray(MASK, depth) for depth in (2, 4, 8, 16)},
    **{f"gray {depth}, interlaced": gray(MASK, depth, interlace=True) for depth in (2, 4, 8, 16)},
    **{f"palette {depth}": palette(MASK, COLORS, depth) for depth in (2, 4, 8)},
    "RGB": colored(MASK, COLORS),
    "RGBA": colored(MASK, {value: (*color, 255) for value, color in COLORS.items()}),
    "RGB of equal samples": colored(MASK, {value: (value, value, value) for value in COLORS}),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_every_kind_of_picture_means_the_same(kind: str, tmp_path: Path):
    source = write(tmp_path / "in", {"labelmap.txt": LABELMAP, "masks/a.png": PICTURES[kind],
                                     "images/a.jpg": photo()})  # fmt: skip
    masks, summary = convert(source, tmp_path / "out")
    assert (masks["images/a.png"] == NAMED).all()
    assert not told(summary)


def wide(*planes: NDArray[Any], interlace: bool = False) -> bytes:
    """Encode planes of gray and alpha, or of colours with or without alpha, with 16 bits."""
    stream = io.BytesIO()
    height, width = planes[0].shape
    writer = png.Writer(width, height, bitdepth=16, greyscale=len(planes) == 2, alpha=len(planes) != 3,
                        interlace=interlace)  # fmt: skip
    writer.write_array(stream, np.stack(planes, axis=-1).ravel().tolist())
    return stream.getvalue()


WIDE = MASK.astype(np.int64)
OPAQUE = np.full(MASK.shape, 65535)


@pytest.mark.parametrize(
    "data",
    [
        wide(WIDE, OPAQUE),
        wide(WIDE, WIDE, WIDE),
        wide(WIDE, WIDE, WIDE, OPAQUE),
        wide(WIDE * 257, WIDE * 257, WIDE * 257),
    ],
    ids=["gray and alpha", "colours", "colours and alpha", "colours of 8 bits"],
)
def test_16_bits_with_colours_or_alpha_are_not_cut_to_8(data: bytes, tmp_path: Path):
    names = "\n".join(NAMES)
    source = write(tmp_path / "in", {"masks/a.png": data, "images/a.jpg": photo(), "classes.txt": names})
    masks, _ = convert(source, tmp_path / "out")
    (mask,) = masks.values()
    assert np.array_equal(mask, NAMED)


@pytest.mark.parametrize("data", [wide(WIDE * 200, WIDE, WIDE), wide(WIDE, WIDE, WIDE, interlace=True)])
def test_16_bits_that_are_no_class_are_refused(data: bytes, tmp_path: Path):
    source = write(tmp_path / "in", {"masks/a.png": data, "images/a.jpg": photo(), "classes.txt": "b\nc"})
    _, summary = convert(source, tmp_path / "out", format="masks")
    assert told(summary) == {"record-bad"}


def test_one_bit_is_a_value(tmp_path: Path):
    mask = (MASK > 0).astype(np.uint8)
    for name, data in (("plain", gray(mask, 1)), ("interlaced", gray(mask, 1, interlace=True)),
                       ("palette", palette(mask, {}, 1))):  # fmt: skip
        source = write(tmp_path / name, {"classes.txt": "background\nthing", "a.png": data})
        masks, summary = convert(source, tmp_path / f"{name} out", size="annotation")
        assert ((masks["a.png"] == "thing") == mask).all()
        assert told(summary) == {"sizes-trusted"}


def test_ids_are_values_and_colours_are_kept(tmp_path: Path):
    source = write(tmp_path / "in", {"labelmap.txt": LABELMAP, "a.png": colored(MASK, COLORS)})
    convert(source, tmp_path / "out", size="annotation")
    classes = gtmask.parse_class_map((tmp_path / "out/classes.toml").read_text())
    assert {entry.name: (entry.id, entry.color) for entry in classes.classes} == {
        name: (value, HEX[name]) for value, name in enumerate(NAMES) if value
    }
    text = '[[class]]\nid = 9\nname = "cat"\ncolor = "#123456"\n'
    text += '[[class]]\nid = 8\nname = "rest"\nlabels = ["dog", "cow"]\n'
    other = write(tmp_path / "map", {"classes.toml": text})
    convert(source, tmp_path / "other", size="annotation", classes=other / "classes.toml")
    mask = np.asarray(Image.open(tmp_path / "other/masks/a.png"))
    assert (mask == np.array([0, 9, 8, 8])[MASK]).all()
    line = json.loads((tmp_path / "other/labeling-qa.manifest").read_text())
    assert line["labeling-qa-ref-metadata"]["internal-color-map"]["9"]["hex-color"] == "#123456"


def test_a_class_at_value_0_gets_another_id(tmp_path: Path):
    source = write(tmp_path / "in", {"classes.txt": "sky\ncat\ndog\ncow", "a.png": gray(MASK)})
    masks, _ = convert(source, tmp_path / "out", size="annotation")
    assert (masks["a.png"] == np.array(["sky", "cat", "dog", "cow"], object)[MASK]).all()
    assert gtmask.parse_class_map((tmp_path / "out/classes.toml").read_text()).id_of("sky") == 4


@pytest.mark.parametrize("picture", ["gray", "palette", "RGB"])
@pytest.mark.parametrize(("void", "becomes"), [("background", "background"), ("keep", "void"), ("cat", "cat"),
                                               ("edge", "edge")])  # fmt: skip
def test_void_is_a_choice(picture: str, void: str, becomes: str, tmp_path: Path):
    mask = MASK.copy()
    mask[0, 0] = 255
    edge = voc_color(255)
    colors = {**COLORS, 255: (edge >> 16, edge >> 8 & 255, edge & 255)}
    data = {"gray": gray(mask), "palette": palette(mask, colors), "RGB": colored(mask, colors)}[picture]
    source = write(tmp_path / "in", {"labelmap.txt": LABELMAP, "a.png": data})
    masks, summary = convert(source, tmp_path / "out", size="annotation", void=void)
    wanted = NAMED.copy()
    wanted[0, 0] = becomes
    assert (masks["a.png"] == wanted).all()
    assert ("mask-void" in told(summary)) == (void == "background")
    assert summary.exit_code == gtmask.convert(
        write(tmp_path / "plain", {"labelmap.txt": LABELMAP, "a.png": colored(MASK, COLORS)}),
        tmp_path / "plain out", size="annotation", workers=1,
    ).exit_code  # fmt: skip


def test_a_class_called_ignore_is_void(tmp_path: Path):
    source = write(tmp_path / "in", {"classes.txt": "background\ncat\nignore\ncow", "a.png": gray(MASK)})
    masks, summary = convert(source, tmp_path / "out", size="annotation")
    assert (masks["a.png"] == np.array(["background", "cat", "background", "cow"], object)[MASK]).all()
    assert "mask-void" in told(summary)
    masks, _ = convert(source, tmp_path / "kept", size="annotation", void="keep")
    assert (masks["a.png"] == np.array(["background", "cat", "ignore", "cow"], object)[MASK]).all()


def test_255_of_a_binary_mask_is_not_taken_for_void(tmp_path: Path):
    source = write(
        tmp_path / "in", {"classes.txt": "background\nthing", "a.png": gray((MASK > 0) * np.uint8(255))}
    )
    _, summary = convert(source, tmp_path / "out", size="annotation")
    assert "shape-unknown-label" in told(summary)
    assert "mask-void" not in told(summary)
    write(tmp_path, {"map.toml": '[[class]]\nid = 1\nname = "thing"\nvalue = 255\n'})
    masks, summary = convert(source, tmp_path / "named", size="annotation", classes=tmp_path / "map.toml")
    assert ((masks["a.png"] == "thing") == (MASK > 0)).all()
    assert "shape-unknown-label" not in told(summary)


STRANGE = MASK + (MASK == 3) * np.uint8(4)


@pytest.mark.parametrize(
    "data", [gray(STRANGE), palette(STRANGE, {}), colored(MASK, {**COLORS, 3: (1, 2, 3)})]
)
def test_what_no_class_has_is_counted_and_background(data: bytes, tmp_path: Path):
    source = write(tmp_path / "in", {"labelmap.txt": LABELMAP, "a.png": data})
    masks, summary = convert(source, tmp_path / "out", size="annotation")
    assert (masks["a.png"] == np.where(MASK == 3, "background", NAMED)).all()
    assert summary.tally.findings["shape-unknown-label"] == summary.tally.findings["mask-value-unnamed"] == 1
    assert "3 pixels of" in summary.tally.examples["mask-value-unnamed"][0]


def test_a_class_map_names_values_and_colours(tmp_path: Path):
    text = "".join(f'[[class]]\nid = {9 - value}\nname = "{name}"\nvalue = {value}\n'
                   for value, name in enumerate(NAMES) if value)  # fmt: skip
    source = write(tmp_path / "in", {"a.png": gray(MASK)})
    write(tmp_path, {"values.toml": text})
    masks, summary = convert(source, tmp_path / "out", size="annotation", classes=tmp_path / "values.toml")
    assert (masks["a.png"] == NAMED).all()
    assert not told(summary) & {"shape-unknown-label", "classes-foreign"}
    text = "".join(f'[[class]]\nid = {value}\nname = "{name}"\ncolor = "{HEX[name]}"\n'
                   for value, name in enumerate(NAMES) if value)  # fmt: skip
    write(tmp_path, {"colors.toml": text})
    for number, data in enumerate((colored(MASK, COLORS), palette(MASK, COLORS))):
        source = write(tmp_path / f"colors {number}", {"a.png": data})
        masks, summary = convert(source, tmp_path / f"out {number}", size="annotation",
                                 classes=tmp_path / "colors.toml")  # fmt: skip
        assert (masks["a.png"] == NAMED).all()


def test_without_a_list_values_are_names_and_ids(tmp_path: Path):
    source = write(tmp_path / "in", {"a.png": palette(MASK * np.uint8(5), {5: (1, 2, 3)})})
    masks, summary = convert(source, tmp_path / "out", size="annotation")
    assert (masks["a.png"] == np.array(["background", "5", "10", "15"], object)[MASK]).all()
    assert summary.tally.findings["mask-value-unnamed"] == 3
    classes = gtmask.parse_class_map((tmp_path / "out/classes.toml").read_text())
    assert [(entry.id, entry.value) for entry in classes.classes] == [(5, 5), (10, 10), (15, 15)]
    assert classes.classes[0].color == "#010203"


def test_colours_that_mean_other_classes_than_values_are_told(tmp_path: Path):
    swapped = {0: (0, 0, 0), 1: (0, 128, 0), 2: (128, 0, 0), 3: (128, 128, 0)}
    source = write(tmp_path / "in", {"labelmap.txt": LABELMAP, "a.png": palette(MASK, swapped)})
    masks, summary = convert(source, tmp_path / "out", size="annotation")
    assert (masks["a.png"] == np.array(["background", "dog", "cat", "cow"], object)[MASK]).all()
    assert "mask-reading-guessed" in told(summary)


def test_a_mask_of_another_size_is_rejected(tmp_path: Path):
    source = write(tmp_path / "in", {"classes.txt": "\n".join(NAMES), "masks/a.png": gray(MASK),
                                     "images/a.jpg": photo((10, 8))})  # fmt: skip
    summary = gtmask.convert(source, tmp_path / "out", workers=1)
    assert (summary.tally.masks, summary.tally.findings["mask-size-differs"]) == (0, 1)
    assert not list((tmp_path / "out/masks").rglob("*.png"))


def test_ambiguous_names_are_told_and_never_picked(tmp_path: Path):
    source = write(tmp_path / "in", {
        "classes.txt": "\n".join(NAMES), "masks/a.png": gray(MASK), "images/a.jpg": photo(),
        "images/a.png": photo(kind="PNG"),
        "masks/b.png": gray(MASK), "labels/b.png": gray(MASK), "images/b.jpg": photo(),
        "masks/c.png": gray(MASK), "images/c.jpg": photo(), "images/d.jpg": photo(),
    })  # fmt: skip
    summary = gtmask.convert(source, tmp_path / "out", workers=1)
    assert summary.tally.findings["mask-ambiguous"] == 3
    assert [path.name for path in (tmp_path / "out/masks").rglob("*.png")] == ["c.png"]
    assert "image-maskless" in told(summary)


def test_images_elsewhere_are_found_by_the_end_of_their_path(tmp_path: Path):
    source = write(tmp_path / "in", {"classes.txt": "\n".join(NAMES), "masks/x/a.png": gray(MASK)})
    images = write(tmp_path / "photos", {"x/a.jpg": photo()})
    masks, _ = convert(source, tmp_path / "out", images=images)
    assert list(masks) == ["x/a.png"]
    both = write(tmp_path / "both", {"classes.txt": "\n".join(NAMES), "masks/a.png": gray(MASK),
                                     "photos/2024/may/a.jpg": photo()})  # fmt: skip
    masks, _ = convert(both, tmp_path / "other")
    assert list(masks) == ["photos/2024/may/a.png"]


def test_cityscapes_needs_no_list(tmp_path: Path):
    ids = np.array([0, 7, 26, 11], np.uint8)[MASK]
    train = np.array([255, 0, 13, 2], np.uint8)[MASK]
    colors = {0: (0, 0, 0), 1: (128, 64, 128), 2: (0, 0, 142), 3: (70, 70, 70)}
    pictures = {"labelIds": gray(ids), "labelTrainIds": gray(train), "color": colored(MASK, colors),
                "instanceIds": gray(ids.astype(np.uint16) * 1000, 16)}  # fmt: skip
    wanted = np.array(["background", "road", "car", "building"], object)[MASK]
    image = "leftImg8bit/train/x/x_000000_000019_leftImg8bit.png"
    kinds = [("labelIds",), ("labelTrainIds",), ("color",), tuple(pictures)]
    for number, some in enumerate(kinds):
        files: dict[str, bytes | str] = {
            f"gtFine/train/x/x_000000_000019_gtFine_{kind}.png": pictures[kind] for kind in some
        }
        source = write(tmp_path / f"in {number}", {**files, image: photo(kind="PNG")})
        masks, summary = convert(source, tmp_path / f"out {number}")
        assert list(masks) == [image]
        assert (masks[image] == wanted).all()
        assert {"mask-void", "classes-assumed"} <= told(summary)
    kitti = write(tmp_path / "kitti", {"training/semantic/000000_10.png": gray(ids),
                                       "training/semantic_rgb/000000_10.png": colored(MASK, colors),
                                       "training/image_2/000000_10.png": photo(kind="PNG")})  # fmt: skip
    masks, _ = convert(kitti, tmp_path / "kitti out")
    assert list(masks) == ["training/image_2/000000_10.png"]


def test_kitti_is_read_from_whichever_of_its_pictures_there_are(tmp_path: Path):
    """Classes as values, as colours, or as 256 times the class and the number of the object, in 16 bits."""
    ids = np.array([0, 7, 26, 11], np.uint8)[MASK]
    colors = {0: (0, 0, 0), 1: (128, 64, 128), 2: (0, 0, 142), 3: (70, 70, 70)}
    numbered = ids.astype(np.uint16) * 256 + np.arange(5, dtype=np.uint16) * (MASK == 2)
    pictures = {"semantic": gray(ids), "semantic_rgb": colored(MASK, colors), "instance": gray(numbered, 16)}
    image = "training/image_2/000000_10.png"
    wanted = np.array(["background", "road", "car", "building"], object)[MASK]
    for number, kinds in enumerate((tuple(pictures), ("semantic",), ("semantic_rgb",), ("instance",))):
        files: dict[str, bytes | str] = {f"training/{kind}/000000_10.png": pictures[kind] for kind in kinds}
        source = write(tmp_path / f"in {number}", {**files, image: photo(kind="PNG")})
        masks, summary = convert(source, tmp_path / f"out {number}")
        assert (masks[image] == wanted).all()
        assert told(summary) <= {"classes-assumed", "mask-void", "file-skipped"}
    alone = write(tmp_path / "alone", {f"training/instance/{number:06}_10.png": pictures["instance"]
                                       for number in range(2)})  # fmt: skip
    images = write(
        tmp_path / "images", {f"training/image_2/{n:06}_10.png": photo(kind="PNG") for n in range(2)}
    )
    masks, _ = convert(alone, tmp_path / "alone out", images=images)
    assert [(mask == wanted).all() for mask in masks.values()] == [True, True]


def test_instances_of_cityscapes_tell_classes_where_nothing_else_does(tmp_path: Path):
    ids = np.array([4, 7, 26, 11], np.uint16)[MASK]
    name, image = (
        "gtFine/train/x/x_000000_000019_gtFine_",
        "leftImg8bit/train/x/x_000000_000019_leftImg8bit.png",
    )
    numbered = np.where(MASK == 2, ids * 1000 + 3, ids).astype(np.uint16)
    source = write(tmp_path / "in", {f"{name}instanceIds.png": gray(numbered, 16), image: photo(kind="PNG")})
    masks, _ = convert(source, tmp_path / "out")
    assert (masks[image] == np.array(["static", "road", "car", "building"], object)[MASK]).all()


def test_image_segmentation_directories_name_no_classes(tmp_path: Path):
    """FiftyOne's exporter writes no list: values are names until a class map names them."""
    source = write(tmp_path / "in", {"data/a.jpg": photo(), "labels/a.png": gray(MASK)})
    masks, summary = convert(source, tmp_path / "out")
    assert (masks["data/a.png"] == np.array(["background", "1", "2", "3"], object)[MASK]).all()
    assert summary.tally.findings["mask-value-unnamed"] == 3
    rows = (
        f'[[class]]\nid = {value}\nname = "{name}"\nvalue = {value}\n' for value, name in enumerate(NAMES)
    )
    write(tmp_path, {"classes.toml": "".join(list(rows)[1:])})
    masks, _ = convert(source, tmp_path / "named", classes=tmp_path / "classes.toml")
    assert (masks["data/a.png"] == NAMED).all()


def test_255_of_ultralytics_is_ignored_there_and_void_here(tmp_path: Path):
    mask = np.where(MASK == 3, 255, MASK).astype(np.uint8)
    files = {**LAYOUTS["Ultralytics"][0], "masks/train/a.png": gray(mask)}
    masks, summary = convert(write(tmp_path / "in", files), tmp_path / "out")
    assert (masks["images/train/a.png"] == np.where(MASK == 3, "background", NAMED)).all()
    assert "mask-void" in told(summary)


def test_brush_pictures_of_label_studio_are_put_together_by_task(tmp_path: Path):
    def drawn(value: int) -> bytes:
        return gray(np.asarray(value == MASK, np.uint8) * np.uint8(255))

    files: dict[str, bytes | str] = {
        "task-12-annotation-3-by-a@x.y-tag-cat-0.png": drawn(3),
        "task-12-annotation-34-by-1-tag-cat-0.png": drawn(1),
        "task-12-annotation-34-by-1-tag-dog-0.png": drawn(2),
        "task-12-annotation-34-by-1-tag-big-cow-0.png": drawn(3),
        "task-13-annotation-35-by-1-tag-cat-0.png": drawn(1),
    }
    source = write(tmp_path / "in", files)
    images = write(tmp_path / "images", {"12.jpg": photo(), "task-13.jpg": photo()})
    masks, summary = convert(source, tmp_path / "out", images=images)
    assert (masks["12.png"] == np.array(["background", "cat", "dog", "big-cow"], object)[MASK]).all()
    assert (masks["task-13.png"] == np.where(MASK == 1, "cat", "background")).all()
    assert "annotation-chosen" in told(summary)
    assert "order-guessed" not in told(summary)
    over = {**files, "task-12-annotation-34-by-1-tag-ape-0.png": drawn(1)}
    _, covered = convert(write(tmp_path / "over", over), tmp_path / "over out", images=images)
    assert covered.tally.findings["order-guessed"] == 1
    masks, _ = convert(source, tmp_path / "hers", images=images, annotator="a@x.y")
    assert (masks["12.png"] == np.where(MASK == 3, "cat", "background")).all()
    tasks = [
        {"id": 12, "data": {"image": "/data/upload/1/photo.jpg"}},
        {"id": 13, "data": {"image": "other.jpg"}},
    ]
    write(source, {"tasks.json": json.dumps(tasks)})
    images = write(tmp_path / "more", {"photo.jpg": photo(), "other.jpg": photo()})
    masks, _ = convert(source, tmp_path / "named", images=images, format="masks")
    assert list(masks) == ["other.png", "photo.png"]
    tasks[0]["data"] = {"left": "photo.jpg", "right": "other.jpg"}
    write(source, {"tasks.json": json.dumps(tasks[:1])})
    _, summary = convert(source, tmp_path / "two", images=images, format="masks")
    assert "task-image-guessed" in told(summary)


def test_what_gtmask_wrote_is_read_to_the_same_bytes(tmp_path: Path):
    masks = {f"sub/{number}.png": gray(street(60, 80, number)) for number in range(5)}
    first = write(
        tmp_path / "in", {"classes.txt": "\n".join(["background", *(f"c{n}" for n in range(1, 20))]), **masks}
    )
    for kind in ("gray", "palette"):
        out, again = tmp_path / kind, tmp_path / f"{kind} again"
        gtmask.convert(first, out, size="annotation", png=kind, workers=1)
        summary = gtmask.convert(out / "masks", again, size="annotation", png=kind, workers=1)
        assert summary.tally.masks == 5
        assert told(summary) == {"sizes-trusted"}
        for path in (out / "masks").rglob("*.png"):
            assert (again / path.relative_to(out)).read_bytes() == path.read_bytes()
        assert (again / "classes.toml").read_text() == (out / "classes.toml").read_text()


def test_photos_are_no_masks(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    source = write(tmp_path / "in", {"a.png": out.getvalue(), "b.png": out.getvalue()})
    with pytest.raises(UnknownFormatError):
        open_reader(source)
    summary = gtmask.inspect(source, format="masks")
    assert summary.unusable == 2


def test_a_damaged_mask_costs_itself(tmp_path: Path):
    source = write(
        tmp_path / "in", {"classes.txt": "\n".join(NAMES), "a.png": gray(MASK), "b.png": gray(MASK)[:40]}
    )
    masks, summary = convert(source, tmp_path / "out", size="annotation")
    assert list(masks) == ["a.png"]
    assert summary.tally.findings["record-bad"] == 1


LISTS = {
    "classes.txt": ["background\ncat\n\ndog\n", "back\0ground\ncat\n", "", "0: background\n1: cat\n1: dog\n"],
    "labelmap.txt": ["background:0,0,0::\ncat:300,0,0::\n", "background:0,0,0::\ncat:0,0,0::\n",
                     "a\nb:1,2,3::\nc:1,2,4::\n"],
    "_classes.csv": ["Pixel Value, Class\nx, background\n", "a,b,c,d\n", "value,class,class\n1,cat,dog\n",
                     "value,class\n1,cat,dog\n"],
    "dataset_meta.json": ["{", '{"label_map": {"0": 7}}',
                          '{"label_map": {"0": "a", "1": "b"}, "segmentation_colors": [[1]]}'],
    "data.yaml": ["names: 3\n", "names: {0: yes, 1: cat}\n", "x: [\n"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in LISTS.items() for text in texts])
def test_what_is_wrong_with_a_list_is_told(name: str, text: str, tmp_path: Path):
    source = write(tmp_path / "in", {name: text, "a.png": gray(MASK), "b.png": gray(MASK)})
    codes = {finding.code for finding in open_reader(source, "masks").findings}
    assert codes & {"classes-unread", "classes-alike", "value-type", "label-duplicate", "label-number"}


def test_real_masks_keep_their_pixels_by_class_name(samples: Path, tmp_path: Path):
    voc = samples / "labelme/wkentaro__labelme/examples/semantic_segmentation/data_dataset_voc"
    names = (voc / "class_names.txt").read_text().split("\n")
    masks, summary = convert(voc, tmp_path / "voc", size="annotation")
    assert len(masks) == 3
    assert summary.tally.findings["mask-void"]
    for path in (voc / "SegmentationClass").glob("*.png"):
        ids = np.asarray(Image.open(path))
        wanted = np.array([*names, *["background"] * 256], object)[ids]
        wanted[wanted == "_background_"] = "background"
        assert (masks[path.name] == wanted).all()
    vistas = samples / "mapillary/cvat-ai__datumaro/tests/assets/mapillary_vistas_dataset/v2.0"
    names = [label["name"] for label in json.loads((vistas / "config_v2.0.json").read_text())["labels"]]
    masks, _ = convert(vistas, tmp_path / "vistas", size="annotation", format="masks")
    pictures = sorted(vistas.rglob("labels/*.png"))
    assert len(masks) == len(pictures) == 3
    for (_, mask), path in zip(masks.items(), pictures, strict=True):
        assert (mask == np.array(names, object)[np.asarray(Image.open(path))]).all()


def test_real_masks_of_ground_truth_keep_their_values(samples: Path, tmp_path: Path):
    pictures = sorted((samples / "sagemaker_gt").rglob("*.png"))
    assert len(pictures) == 7
    (tmp_path / "masks").mkdir()
    for number, path in enumerate(pictures):
        shutil.copy(path, tmp_path / "masks" / f"{number}.png")
    masks, summary = convert(tmp_path / "masks", tmp_path / "out", size="annotation", format="masks")
    assert (len(masks), summary.tally.rejects) == (7, 0)
    for number, path in enumerate(pictures):
        values = np.asarray(Image.open(path))
        wanted = np.array(["background", *map(str, range(1, 256))], object)[values]
        assert (masks[f"{number}.png"] == wanted).all()


def test_every_pair_of_words_for_folders_fits(tmp_path: Path):
    for number, (masks, images) in enumerate(itertools.product(
        ("masks", "train_masks", "annotations", "gt", "SegmentationClass"),
        ("images", "train_images", "JPEGImages"),
    )):  # fmt: skip
        if ("train" in masks) == ("train" in images):
            files = {
                "classes.txt": "\n".join(NAMES),
                f"{masks}/a.png": gray(MASK),
                f"{images}/a.jpg": photo(),
            }
            source = write(tmp_path / f"{number}", files)
            reader = open_reader(source)
            assert [reader.record(unit).image for unit in reader.units()] == [f"{images}/a.jpg"]
            assert not reader.findings


def test_a_mask_is_never_its_own_image(tmp_path: Path):
    source = write(tmp_path / "in", {"classes.txt": "\n".join(NAMES), "a.png": gray(MASK)})
    with pytest.raises(UsageError, match=r"The image a\.jpg is not in"):
        convert(source, tmp_path / "out", images=source)
    _, summary = convert(source, tmp_path / "out")
    assert summary.tally.masks == 1
    manifest = (tmp_path / "out/labeling-qa.manifest").read_text()
    assert "in/a.png" not in manifest
    images = write(tmp_path / "photos", {"a.png": photo(kind="PNG")})
    _, summary = convert(source, tmp_path / "other", images=images)
    assert (
        json.loads((tmp_path / "other/labeling-qa.manifest").read_text())["source-ref"] == f"{images}/a.png"
    )


def test_a_prefix_in_s3_reads_like_a_folder(s3_server: Any, bucket: str, tmp_path: Path):
    files, _ = LAYOUTS["Roboflow"]
    source = write(tmp_path / "in", files)
    s3_server.put(bucket, {f"set/{name}": (source / name).read_bytes() for name in files})
    settings = gtmask.S3Settings(endpoint_url=s3_server.endpoint)
    plain, remote = open_reader(source), open_reader(f"s3://{bucket}/set/", s3=settings)
    assert [remote.record(unit) for unit in remote.units()] == [plain.record(unit) for unit in plain.units()]
    assert remote.labels == plain.labels == ["cat", "dog", "cow"]


def test_a_document_beside_masks_that_nobody_reads_is_a_loss(tmp_path: Path):
    files = {
        "masks/a.png": gray(MASK),
        "images/a.jpg": photo(),
        "labels.json": "{}",
        "notes.txt": "x",
        "x.dat": "x",
    }
    _, summary = convert(write(tmp_path / "in", files), tmp_path / "out")
    codes = [item.code for item in summary.findings if item.code.startswith("file-")]
    assert (codes, summary.exit_code) == (["file-skipped", "file-unrecognised"], 3)


@pytest.mark.parametrize(
    ("lists", "zero"),
    [
        ({"classes.txt": "cat\ndog\ncow\npig\n"}, "cat"),
        ({"classes.json": '["cat", "dog", "cow", "pig"]'}, "cat"),
        ({"data.yaml": "names: [cat, dog, cow, pig]\n"}, "cat"),
        ({"data.yaml": "names: {0: cat, 1: dog, 2: cow, 3: pig}\n"}, "cat"),
        ({"data.yaml": "masks_dir: masks\nnames: [cat, dog, cow, pig]\n"}, None),
        ({"labelmap.txt": "cat:255,0,0::\nbackground:0,0,0::\ndog:0,255,0::\ncow:0,0,255::\n"}, "cat"),
        ({"classes.txt": "background\ncat\ndog\ncow\n"}, None),
        ({"classes.json": '{"0": "cat", "1": "dog", "2": "cow", "3": "pig"}'}, None),
        ({"_classes.csv": "Pixel Value, Class\n0, cat\n1, dog\n2, cow\n3, pig\n"}, None),
        ({"labelmap.txt": "wall:0,0,0::\ncat:1,0,0::\ndog:0,1,0::\ncow:0,0,1::\n"}, None),
    ],
)
def test_a_first_class_that_takes_the_pixels_of_zero_is_told(
    tmp_path: Path, lists: dict[str, bytes | str], zero: str | None
) -> None:
    """A list of a detector's classes beside masks names none of their values: 0 is background there."""
    source = write(tmp_path / "in", {"masks/a.png": gray(MASK), "images/a.jpg": photo(), **lists})
    masks, summary = convert(source, tmp_path / "out")
    assert ("mask-zero-class" in told(summary)) is (zero is not None)
    if zero is not None:
        [found] = masks.values()
        assert (found[MASK == 0] == zero).all()


@pytest.mark.parametrize(
    ("grays", "codes"),
    [((0, 255, 90, 180), set()), ((0, 3, 1, 2), {"mask-reading-guessed"}), ((0, 1, 2, 3), set())],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_colours_that_are_all_gray_may_be_saved_as_one_channel(
    tmp_path: Path, grays: tuple[int, ...], codes: set[str], channels: int
) -> None:
    """A list of colours alone tells no values: white is the colour of a class, not its number."""
    rows = "".join(f"{name},{gray},{gray},{gray}\n" for name, gray in zip(NAMES, grays, strict=True))
    drawn = np.array(grays, np.uint8)[MASK]
    source = write(tmp_path / "in", {
        "class_dict.csv": f"name,r,g,b\n{rows}", "images/a.jpg": photo(),
        "masks/a.png": gray(drawn) if channels == 1 else colored(drawn, {v: (v,) * 3 for v in grays}),
    })  # fmt: skip
    masks, summary = convert(source, tmp_path / "out")
    [found] = masks.values()
    assert (found == NAMED).all()
    assert told(summary) == codes


def test_gray_samples_are_values_where_a_list_has_tints(tmp_path: Path) -> None:
    rows = "cat,128,0,0\ndog,0,128,0\nvoid,0,0,0\n"
    files = {f"masks/{n}.png": gray(np.full((4, 5), n, np.uint8)) for n in (0, 1)}
    files |= {f"images/{n}.jpg": photo() for n in (0, 1)}
    source = write(tmp_path / "in", {"class_dict.csv": f"name,r,g,b\n{rows}", **files})
    masks, _ = convert(source, tmp_path / "out")
    assert [set(found.ravel()) for _, found in sorted(masks.items())] == [{"cat"}, {"dog"}]


@pytest.mark.parametrize("name", ["labels.txt", "classes.txt"])
def test_the_list_that_labelme_is_started_with_counts_from_minus_one(name: str, tmp_path: Path) -> None:
    """labelme2voc writes the line after ``__ignore__`` as 0, and what is to be ignored as -1."""
    ignored = MASK.copy()
    ignored[0, 0] = 255
    source = write(tmp_path / "in", {
        "SegmentationClassPNG/a.png": palette(ignored, {**COLORS, 255: (224, 224, 192)}),
        "JPEGImages/a.jpg": photo(),
        name: "__ignore__\n_background_\ncat\ndog\ncow\n",
        "class_names.txt" if name == "labels.txt" else "_classes.txt": "_background_\ncat\ndog\ncow\n",
    })  # fmt: skip
    masks, summary = convert(source, tmp_path / "out")
    [found] = masks.values()
    assert MASK[0, 0] == 0
    assert (found == NAMED).all()
    assert told(summary) == {"mask-void"}


def test_comments_in_a_list_of_names_have_no_number_and_are_told(tmp_path: Path) -> None:
    listed = "# classes of the farm\n" + "\n".join(NAMES) + "\n"
    source = write(
        tmp_path / "in", {"masks/a.png": gray(MASK), "images/a.jpg": photo(), "classes.txt": listed}
    )
    masks, summary = convert(source, tmp_path / "out")
    [found] = masks.values()
    assert (found == NAMED).all()
    assert told(summary) == {"classes-alike"}
