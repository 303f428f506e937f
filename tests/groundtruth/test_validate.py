"""One manifest and mask set per rule, broken in exactly that way; the untouched set is clean."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from PIL import Image

import gtmask
from gtmask.errors import AccessError, ManifestError, NotFoundError, UsageError
from gtmask.findings import CODES, Problem
from gtmask.groundtruth import manifest_file, validation
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.groundtruth.media import MediaReader
from gtmask.groundtruth.report import Report
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import encode_png
from tests.support.progress import Heard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = ["Car", "Road", "Person"]
COLORS = {0: "#ffffff", 1: "#2ca02c", 2: "#1f77b4", 3: "#ff7f0e"}
ATTRIBUTE = "labeling-qa-ref"
METADATA = ATTRIBUTE + "-metadata"
WIDTH, HEIGHT = 40, 30


def picture(width: int = WIDTH, height: int = HEIGHT, form: str = "JPEG", orientation: int = 1) -> bytes:
    image = Image.new("RGB", (width, height), (90, 120, 60))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, form, exif=exif)
    return stream.getvalue()


def pixels(number: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:20, 5 + number : 25] = 1 + number % 3
    mask[20:28, 10:40] = 3
    return mask


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    """Insert a chunk after the header and palette."""
    position = png.index(b"IDAT") - 4
    return png[:position] + chunk(name, data) + png[position:]


def raw_png(width: int, height: int, depth: int, color: int, rows: bytes, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def pillow(mode: str) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (WIDTH, HEIGHT)).save(stream, "PNG")
    return stream.getvalue()


@dataclass
class Data:
    """Four lines, their images and masks, before they are written; ``s3://`` references."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    masks: dict[str, bytes] = field(default_factory=dict)
    raw: Callable[[bytes], bytes] = lambda data: data

    @property
    def metadata(self) -> list[dict[str, Any]]:
        return [line[METADATA] for line in self.lines]

    def classes(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the color map of every line."""
        for metadata in self.metadata:
            change(metadata["internal-color-map"])

    def rename(self, names: dict[str, str]) -> None:
        for i, line in enumerate(self.lines):
            self.lines[i] = {names.get(key, key): value for key, value in line.items()}

    def write(self, folder: Path) -> Path:
        for kind, files in (("images", self.images), ("masks", self.masks)):
            for name, data in files.items():
                path = folder / kind / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        path = folder / "labeling-qa.manifest"
        path.write_bytes(self.raw(b"".join(orjson.dumps(line) + b"\n" for line in self.lines)))
        return path


def good(mode: str = "gray") -> Data:
    writer = ManifestWriter(class_map_from_labels(LABELS), creation_date="2024-01-01T00:00:00.000000")
    data = Data()
    for i in range(4):
        line = writer.line(f"s3://data/in/batch/img_{i}.jpg", f"s3://data/aws/masks/img_{i}.png")
        data.lines.append(orjson.loads(line))
        data.images[f"img_{i}.jpg"] = picture()
        data.masks[f"img_{i}.png"] = encode_png(pixels(i), palette=COLORS if mode == "palette" else None)
    return data


def check(data: Data, folder: Path, level: str = "deep", **options: Any) -> Any:
    path = data.write(folder)
    return gtmask.validate(
        path, level=level, images=str(folder / "images"), masks=str(folder / "masks"), **options
    )


@pytest.mark.parametrize("level", ["quick", "default", "deep"])
@pytest.mark.parametrize("mode", ["gray", "palette"])
def test_what_is_right_is_clean(mode: str, level: str, tmp_path: Path) -> None:
    report = check(good(mode), tmp_path, level, strict=True)
    assert report.codes == {}
    assert report.exit_code == 0
    assert report.lines == 4
    assert report.masks == report.images == (0 if level == "quick" else 4)
    assert report.decoded == (0 if level == "quick" else 4)
    assert report.classes == {0: "BACKGROUND", 1: "Car", 2: "Road", 3: "Person"}
    if level != "quick":
        counts = np.bincount(np.concatenate([pixels(i).ravel() for i in range(4)]), minlength=256)
        assert report.pixels == {i: int(count) for i, count in enumerate(counts) if count}


# --- one way to break each rule ---------------------------------------------------------------------

BREAKS: dict[str, Callable[[Data], object]] = {}


def breaks(code: str) -> Callable[[Callable[[Data], object]], Callable[[Data], object]]:
    """Register a function that breaks the rule ``code`` (several per rule: ``code, variant``)."""

    def register(function: Callable[[Data], object]) -> Callable[[Data], object]:
        assert code not in BREAKS
        BREAKS[code] = function
        return function

    return register


def on_line(index: int, key: str, value: object) -> Callable[[Data], object]:
    return lambda data: data.lines[index].__setitem__(key, value)


def in_metadata(key: str, value: object) -> Callable[[Data], object]:
    return lambda data: [metadata.update({key: value}) for metadata in data.metadata]


def without(key: str) -> Callable[[Data], object]:
    return lambda data: [metadata.pop(key) for metadata in data.metadata]


def in_class(number: str, key: str, value: object) -> Callable[[Data], object]:
    return lambda data: data.classes(lambda classes: classes[number].__setitem__(key, value))


def mask(content: bytes | Callable[[], bytes]) -> Callable[[Data], object]:
    return lambda data: data.masks.__setitem__(
        "img_2.png", content if isinstance(content, bytes) else content()
    )


def image(content: bytes | Callable[[], bytes]) -> Callable[[Data], object]:
    return lambda data: data.images.__setitem__(
        "img_2.jpg", content if isinstance(content, bytes) else content()
    )


def raw(change: Callable[[bytes], bytes]) -> Callable[[Data], object]:
    return lambda data: setattr(data, "raw", change)


def value_four() -> bytes:
    changed = pixels(2)
    changed[7, 9] = 4
    return encode_png(changed)


# The four seeds: the failures that this project exists for.
breaks("mask-is-json")(on_line(1, ATTRIBUTE, "s3://autonomous-training-data/labels/img_0299.json"))
breaks("mask-is-json, of places")(on_line(1, ATTRIBUTE, "s3://data/labels/img_0299.GeoJSON"))
breaks("mask-rgb")(mask(pillow("RGB")))
breaks("mask-size")(mask(encode_png(np.ascontiguousarray(pixels()[:, :-1]))))
breaks("mask-value")(mask(value_four))

breaks("manifest-empty")(raw(lambda data: b""))
breaks("manifest-bom")(raw(lambda data: b"\xef\xbb\xbf" + data))
breaks("manifest-encoding")(raw(lambda data: data.replace(b"img_1.jpg", b"img\xff1.jpg")))
breaks("line-not-json")(raw(lambda data: data.replace(b'"},"2"', b'"},,"2"', 1)))
breaks("line-not-json, an array")(raw(lambda data: data + b"[1, 2]\n"))
breaks("line-not-json, cut off")(raw(lambda data: data[:-40]))
breaks("line-too-long")(on_line(1, "note", "x" * 200_000))
breaks("line-too-long, by its image")(on_line(1, "source-ref", f"s3://data/{'x' * 200_000}.jpg"))
breaks("attribute-too-long")(on_line(1, "note", "x" * 20_001))
breaks("attribute-too-long, a list")(on_line(1, "note", [1] * 10_001))
breaks("attribute-too-long, deeply nested")(
    raw(
        lambda data: data.replace(
            b'"type":', b'"x":' + b'{"a":' * 990 + b"1" + b"}" * 990 + b" " * 20_000 + b',"type":', 1
        )
    )
)
breaks("attribute-too-long, by blanks")(
    raw(lambda data: data.replace(b'"type":', b" " * 20_000 + b'"type":', 1))
)
breaks("line-blank")(raw(lambda data: data.replace(b"\n", b"\n\n", 1)))
breaks("source-key-missing")(lambda data: data.lines[1].pop("source-ref"))
breaks("source-key-missing, misnamed")(lambda data: data.rename({"source-ref": "source_ref"}))
breaks("mask-key-missing")(lambda data: [data.lines[1].pop(key) for key in (ATTRIBUTE, METADATA)])
breaks("mask-key-missing, no text")(on_line(1, ATTRIBUTE, None))
breaks("metadata-missing")(lambda data: data.rename({METADATA: "labeling-qa-metadata"}))
breaks("metadata-type")(in_metadata("type", "groundtruth/image-classification"))
breaks("metadata-type, none")(without("type"))
breaks("attribute-suffix")(lambda data: data.rename({ATTRIBUTE: "labels", METADATA: "labels-metadata"}))
breaks("attribute-name")(lambda data: data.rename({ATTRIBUTE: "my_qa-ref", METADATA: "my_qa-ref-metadata"}))


@breaks("attribute-differs")
def other_attribute(data: Data) -> None:
    line = data.lines[2]
    data.lines[2] = {
        "source-ref": line["source-ref"],
        "b-ref": line[ATTRIBUTE],
        "b-ref-metadata": line[METADATA],
    }


breaks("key-duplicate")(raw(lambda data: data.replace(b'"type":', b'"type":"other","type":', 1)))
breaks("key-duplicate, the image")(
    raw(lambda data: data.replace(b'{"source-ref":', b'{"source-ref":"s3://data/x.jpg","source-ref":'))
)
breaks("key-duplicate, a class")(raw(lambda data: data.replace(b'{"0":{', b'{"0":{},"0":{')))
breaks("source-both")(on_line(1, "source", "a text"))
breaks("key-dollar")(on_line(1, "$note", 1))
breaks("color-map-missing")(without("internal-color-map"))
breaks("color-map-key")(lambda data: data.classes(lambda classes: classes.update({"007": classes["1"]})))
breaks("color-map-key, too large")(
    lambda data: data.classes(lambda classes: classes.update({"256": classes["1"]}))
)
breaks("color-map-differs")(
    lambda data: data.metadata[3]["internal-color-map"]["1"].update({"class-name": "Van"})
)
breaks("color-bad")(lambda data: data.classes(lambda classes: classes["1"].pop("hex-color")))
breaks("color-bad, form")(in_class("1", "hex-color", "green"))
breaks("color-duplicate")(in_class("2", "hex-color", "#2CA02C".lower()))
breaks("color-white")(in_class("2", "hex-color", "#ffffff"))
breaks("background-bad")(in_class("0", "class-name", "background"))
breaks("background-bad, colour")(in_class("0", "hex-color", "#000000"))
breaks("background-reserved")(in_class("2", "class-name", "Background"))
breaks("background-reserved, blanks")(in_class("2", "class-name", " BACKGROUND "))
breaks("class-name-bad")(in_class("2", "class-name", ""))
breaks("class-name-bad, long")(in_class("2", "class-name", "x" * 257))
breaks("class-name-duplicate")(in_class("2", "class-name", "Car"))
breaks("reference-form")(on_line(1, ATTRIBUTE, "s3://s3://data/aws/masks/img_1.png"))
breaks("reference-form, web")(on_line(1, "source-ref", "https://data.example/img_1.jpg"))
breaks("reference-form, relative")(on_line(1, "source-ref", "in/img_1.jpg"))
breaks("reference-form, no bucket")(on_line(1, "source-ref", "s3:///img_1.jpg"))
breaks("mask-not-found")(lambda data: data.masks.pop("img_2.png"))
breaks("mask-not-png")(mask(picture))
breaks("mask-not-png, JSON")(mask(b'{"shapes": []}'))
breaks("mask-not-png, empty")(mask(b""))
breaks("mask-damaged")(mask(lambda: encode_png(pixels(2))[:-30]))
breaks("mask-damaged, a bit")(mask(lambda: encode_png(pixels(2)).replace(b"IDAT", b"IDAT\xff", 1)))
breaks("mask-rgb, alpha")(mask(pillow("RGBA")))
breaks("mask-alpha")(mask(pillow("LA")))
breaks("mask-alpha, tRNS")(mask(lambda: with_chunk(encode_png(pixels(2), palette=COLORS), b"tRNS", b"\0")))
breaks("mask-bit-depth")(mask(raw_png(WIDTH, HEIGHT, 16, 0, (b"\0" + b"\0\1" * WIDTH) * HEIGHT)))
breaks("mask-bit-depth, short")(mask(raw_png(WIDTH, HEIGHT, 4, 0, (b"\0" + b"\x12" * (WIDTH // 2)) * HEIGHT)))
breaks("mask-size, turned")(mask(encode_png(np.ascontiguousarray(pixels().T))))
breaks("mask-palette")(mask(lambda: encode_png(pixels(2), palette={**COLORS, 2: "#1f77b5"})))
breaks("source-not-found")(lambda data: data.images.pop("img_2.jpg"))
breaks("source-unreadable")(image(b"no image at all"))
breaks("source-format")(image(lambda: picture(form="WEBP")))
breaks("source-bytes")(image(lambda: picture() + bytes(40_000_001)))
breaks("class-gap")(lambda data: data.classes(lambda classes: classes.__setitem__(
    "5", {"class-name": "Sky", "hex-color": "#123456", "confidence": 0.9})))  # fmt: skip
breaks("confidence-missing")(lambda data: data.classes(lambda classes: classes["2"].pop("confidence")))
breaks("confidence-missing, a text")(in_class("2", "confidence", "0.9"))
breaks("confidence-missing, in percent")(in_class("2", "confidence", 90))
breaks("human-annotated")(in_metadata("human-annotated", True))
breaks("human-annotated, missing")(without("human-annotated"))
breaks("creation-date")(in_metadata("creation-date", "Tue Jan 02 2024"))
breaks("source-duplicate")(on_line(3, "source-ref", "s3://data/in/batch/img_0.jpg"))
breaks("mask-duplicate")(on_line(3, ATTRIBUTE, "s3://data/aws/masks/img_0.png"))
breaks("mask-interlaced")(mask(raw_png(WIDTH, HEIGHT, 8, 0, b"", 1)))
breaks("mask-color-chunks")(
    mask(lambda: with_chunk(encode_png(pixels(2)), b"gAMA", struct.pack(">I", 45455)))
)
breaks("mask-moves")(mask(lambda: with_chunk(encode_png(pixels(2)), b"eXIf", Image.Exif().tobytes()[6:])))
breaks("mask-moves, animated")(
    mask(lambda: with_chunk(encode_png(pixels(2)), b"acTL", struct.pack(">II", 1, 0)))
)
breaks("mask-palette-padding")(mask(lambda: encode_png(pixels(2), palette={**COLORS, 200: "#000000"})))
breaks("mask-palette-padding, short")(
    mask(lambda: with_chunk(raw_png(WIDTH, HEIGHT, 8, 3, (b"\0" + b"\1" * WIDTH) * HEIGHT), b"PLTE",
                            bytes.fromhex("".join(color[1:] for color in COLORS.values()))))
)  # fmt: skip
breaks("source-turned")(image(lambda: picture(orientation=6)))
breaks("key-double-slash")(on_line(1, ATTRIBUTE, "s3://data/aws//masks/img_1.png"))


@breaks("object-failed")
def failed(data: Data) -> None:
    data.lines[1].pop(ATTRIBUTE)
    data.metadata[1]["failure-reason"] = "the worker gave up"


breaks("adjustment-status")(in_metadata("adjustment-status", "maybe"))
breaks("color-case")(in_class("1", "hex-color", "#2CA02C"))
breaks("mask-all-background")(mask(encode_png(np.zeros((HEIGHT, WIDTH), np.uint8))))


@breaks("source-pixels")
def huge(data: Data) -> None:
    """Say in the image's header, and in the mask's, that they have more than 100 million pixels."""
    data.images["img_2.jpg"] = raw_png(10_001, 10_000, 8, 2, b"")
    data.masks["img_2.png"] = raw_png(10_001, 10_000, 8, 0, (b"\0" + b"\1" * 10_001) * 10_000)


@breaks("key-encoded")
def encoded(data: Data) -> None:
    data.lines[1]["source-ref"] = "s3://data/in/batch/img%201.jpg"
    data.images["img%201.jpg"] = data.images.pop("img_1.jpg")


@breaks("key-colon")
def colon(data: Data) -> None:
    data.lines[1][ATTRIBUTE] = "s3://data/aws/masks/0_2022-09-09T17:25:31.918770.png"
    data.masks["0_2022-09-09T17:25:31.918770.png"] = data.masks.pop("img_1.png")


@breaks("labels-console")
def eleven(data: Data) -> None:
    entries = {
        str(i): {"class-name": f"c{i}", "hex-color": f"#0000{i:02x}", "confidence": 0} for i in range(4, 12)
    }
    data.classes(lambda classes: classes.update(entries))


#: Tested below, since they need another kind of data.
ELSEWHERE = {"labels-automated", "labels-none", "run-unfinished",
             "objects-too-many", "reference-local", "mask-unreadable", "bucket-region",
             "bucket-cors", "cors-header-hidden", "bucket-missing", "bucket-unchecked", "mask-turned",
             "kms-region", "tasks-quota", "role-missing", "role-trust", "role-access", "source-depth",
             "source-coding"}  # fmt: skip


#: Changes of the color map's colours, which palette masks would then rightly disagree with.
GRAY_ONLY = {"color-duplicate", "color-white", "background-bad", "labels-console", "class-gap"}


@pytest.mark.parametrize("mode", ["gray", "palette"])
@pytest.mark.parametrize("case", BREAKS)
def test_each_broken_rule_is_found_and_nothing_else(case: str, mode: str, tmp_path: Path) -> None:
    code = case.partition(",")[0]
    data = good("gray" if code in GRAY_ONLY else mode)
    BREAKS[case](data)
    report = check(data, tmp_path)
    assert set(report.codes) == {code}
    level = CODES[code].level
    assert report.exit_code == (3 if level == "error" else 0)
    (rule,) = report.rules
    assert rule.level == level
    assert rule.count >= 1
    assert rule.meaning.endswith(".")
    assert rule.remedy.endswith(".")
    report.strict = True
    assert report.exit_code == (0 if level == "note" else 3)


def test_every_declared_code_is_in_the_table() -> None:
    declared = {code for code, row in CODES.items() if row.level in {"error", "warning"}}
    declared |= {"reference-local", "color-case", "key-colon", "mask-all-background", "labels-console",
                 "labels-automated", "bucket-unchecked"}  # fmt: skip
    assert declared == {case.partition(",")[0] for case in BREAKS} | ELSEWHERE


def test_a_finding_names_line_reference_and_detail(tmp_path: Path) -> None:
    data = good()
    BREAKS["mask-value"](data)
    (rule,) = check(data, tmp_path).rules
    (example,) = rule.examples
    assert example.line == 3
    assert example.uri == "s3://data/aws/masks/img_2.png"
    assert example.detail == "value 4 in 1 pixels, first at column 9, row 7; the map has 0 to 3"


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_mask_that_fits_the_image_as_exif_turns_it_is_told_as_such(
    tmp_path: Path, orientation: int
) -> None:
    data = good()
    BREAKS["mask-size, turned"](data)
    data.images["img_2.jpg"] = picture(orientation=orientation)
    (rule,) = [rule for rule in check(data, tmp_path).rules if rule.code == "mask-size"]
    assert ("as EXIF turns it" in rule.examples[0].detail) == (orientation == 6)


def test_masks_of_few_bits_are_decoded_too(tmp_path: Path) -> None:
    data = good()
    BREAKS["mask-bit-depth, short"](data)
    report = check(data, tmp_path)
    assert (report.decoded, sum(report.pixels.values())) == (4, 4 * WIDTH * HEIGHT)


def test_the_default_level_decodes_the_first_masks_and_some_of_the_others(tmp_path: Path) -> None:
    data = good()
    data.lines = data.lines * 26
    report = check(data, tmp_path, "default")
    assert (report.masks, report.decoded) == (104, 20 + 2)


def test_a_reference_to_polygons_says_what_this_project_is_for(tmp_path: Path) -> None:
    data = good()
    BREAKS["mask-is-json"](data)
    report = check(data, tmp_path, "quick")
    (rule,) = report.rules
    assert rule.examples[0].uri.endswith("img_0299.json")
    assert "no labels appear" in rule.meaning
    assert "gtmask convert" in rule.remedy
    assert report.exit_code == 3


def test_many_labels_are_noted(tmp_path: Path) -> None:
    data = good()
    entries = {
        str(i): {"class-name": f"c{i}", "hex-color": f"#0000{i:02x}", "confidence": 0} for i in range(4, 30)
    }
    data.classes(lambda classes: classes.update(entries))
    # Once, and not on each line.
    assert check(data, tmp_path).codes == {"labels-console": 1, "labels-automated": 1}, (
        "once, not on each line"
    )


def test_a_map_without_a_label_is_found(tmp_path: Path) -> None:
    data = good()
    data.classes(lambda classes: [classes.pop(number) for number in "123"])
    report = check(data, tmp_path, "quick")
    assert report.codes == {"labels-none": 4}
    assert report.exit_code == 3


def test_local_paths_are_noted_and_no_error(tmp_path: Path) -> None:
    data = good()
    for line in data.lines:
        line["source-ref"] = line["source-ref"].replace("s3://data/in/batch", str(tmp_path / "images"))
        line[ATTRIBUTE] = line[ATTRIBUTE].replace("s3://data/aws/masks", str(tmp_path / "masks"))
    report = gtmask.validate(data.write(tmp_path), level="deep", strict=True)
    assert report.codes == {"reference-local": 8}
    assert report.exit_code == 0
    assert report.masks == 4


def test_a_mask_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = good()
    read = MediaReader.read_mask

    async def refused(media: MediaReader, reference: str, stop: int | None = None) -> Any:
        if "img_2" in reference:
            raise AccessError(f"Cannot read {reference}: permission denied")
        return await read(media, reference, stop)

    monkeypatch.setattr(MediaReader, "read_mask", refused)
    report = check(data, tmp_path)
    assert report.codes == {"mask-unreadable": 1}
    assert report.rules[0].examples[0].detail.endswith("permission denied")


def test_a_reference_that_is_no_bucket_stops_no_other_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation._Validation, "_check_buckets", lambda self: None)
    data = good()
    for line in data.lines:
        line["source-ref"] = line["source-ref"].replace("s3://data/in/batch", str(tmp_path / "images"))
    data.lines[1]["source-ref"] = "s3://ab/img_1.jpg"
    path = data.write(tmp_path)
    report = gtmask.validate(path, masks=str(tmp_path / "masks"), level="deep")
    assert report.codes == {"source-unreadable": 1, "reference-local": 3}
    (example,) = report.rules[0].examples
    assert (example.line, example.uri) == (2, "s3://ab/img_1.jpg")
    assert "no valid bucket name" in example.detail
    with pytest.raises(UsageError, match="no valid bucket name"):
        gtmask.validate(path, images="s3://ab", masks=str(tmp_path / "masks"))


def test_more_than_a_job_takes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MAX_JOB_OBJECTS", 3)
    assert check(good(), tmp_path, "quick").codes == {"objects-too-many": 1}


def test_carriage_returns_and_a_missing_last_newline_are_fine(tmp_path: Path) -> None:
    data = good()
    data.raw = lambda written: written.replace(b"\n", b"\r\n")[:-2]
    report = check(data, tmp_path)
    assert report.codes == {}
    assert report.lines == 4


def test_other_keys_are_left_alone(tmp_path: Path) -> None:
    data = good()
    for i, line in enumerate(data.lines):
        line["id"] = i
        line["class"] = 1
        line["class-metadata"] = {"type": "groundtruth/image-classification", "class-name": "x"}
    assert check(data, tmp_path).codes == {}


def test_lines_whose_metadata_is_alike_are_judged_each(tmp_path: Path) -> None:
    """The metadata of the line before is not read again, but what it says counts for this line too."""
    data = good()
    in_metadata("adjustment-status", "adjusted")(data)
    assert check(data, tmp_path, "quick").adjustments == {"adjusted": 4}
    data.raw = lambda written: written.replace(b'"type":', b" " * 20_000 + b'"type":')
    assert check(data, tmp_path, "quick").codes == {"attribute-too-long": 4}


def unsampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the default depth decode no mask."""
    monkeypatch.setattr(validation, "SAMPLE_FIRST", 0)


def test_a_palette_behind_long_texts_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unsampled(monkeypatch)
    data = good("palette")
    png = data.masks["img_1.png"]
    data.masks["img_1.png"] = png[:33] + chunk(b"tEXt", b"C\0" + b"x" * 100_000) + png[33:]
    longer = with_chunk(data.masks["img_2.png"], b"tEXt", b"C\0" + b"x" * 100_000)
    data.masks["img_2.png"] = with_chunk(longer, b"tRNS", b"\0")
    report = check(data, tmp_path, "default")
    assert report.decoded == 0
    assert report.codes == {"mask-alpha": 1}


def test_a_small_mask_that_is_cut_off_is_found_without_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsampled(monkeypatch)
    data = good()
    data.masks["img_2.png"] = data.masks["img_2.png"][:-20]
    report = check(data, tmp_path, "default")
    assert report.decoded == 0
    assert report.codes == {"mask-damaged": 1}


def test_every_finding_is_written_where_asked(tmp_path: Path) -> None:
    data = good()
    data.lines = [{**data.lines[i % 4], "source-ref": f"s3://data/in/{i}.jpg"} for i in range(300)]
    report = check(data, tmp_path, findings=tmp_path / "all.jsonl")
    rows = [orjson.loads(line) for line in (tmp_path / "all.jsonl").read_bytes().splitlines()]
    assert len(rows) == sum(report.codes.values()) == 596
    missing = [row for row in rows if row["code"] == "source-not-found"]
    assert [row["line"] for row in missing] == list(range(1, 301))
    assert missing[-1] == {
        "code": "source-not-found", "level": "error", "line": 300, "uri": "s3://data/in/299.jpg",
        "detail": f"searched below {tmp_path / 'images'}",
    }  # fmt: skip
    assert not list(tmp_path.glob("*.part"))


def test_findings_that_cannot_be_written_are_one_sentence(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "no" / "such.jsonl"):
        with pytest.raises(UsageError, match=r"--findings .* cannot be written"):
            check(good(), tmp_path, findings=place)
    with pytest.raises(UsageError, match="would overwrite the manifest"):
        check(good(), tmp_path, findings=tmp_path / "labeling-qa.manifest")
    assert (tmp_path / "labeling-qa.manifest").read_bytes().count(b"\n") == 4


def test_a_list_of_findings_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    place = tmp_path / "all.jsonl"
    data = good()
    BREAKS["mask-rgb"](data)
    for before in (None, b""):
        if before is not None:
            place.write_bytes(before)
        check(data, tmp_path, findings=place)
        assert [orjson.loads(line)["code"] for line in place.read_bytes().splitlines()] == ["mask-rgb"]
    check(data, tmp_path, findings=place)  # over its own
    for other in (b"notes\n", b"[1]\n", b'{"code": "mask-rgb"}\n', b'{"code": "x", "level": "error"}\n',
                  b'{"code": "mask-rgb", "level": "note"}\n'):  # fmt: skip
        place.write_bytes(other)
        with pytest.raises(UsageError, match=r"--findings .*all\.jsonl"):
            check(data, tmp_path, findings=place)
        assert place.read_bytes() == other
    check(data, tmp_path, findings=place, overwrite=True)
    assert place.read_bytes().count(b"\n") == 1


def test_a_run_that_stops_leaves_no_findings(tmp_path: Path) -> None:
    (tmp_path / "m.manifest").write_bytes(b"hello\n")
    with pytest.raises(ManifestError):
        gtmask.validate(tmp_path / "m.manifest", findings=tmp_path / "all.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["m.manifest"]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda data: data.replace(b'0.9,"hex', b'NaN,"hex', 1), '"confidence":NaN,"hex'),
        (lambda data: data.replace(b'"1":{', b'1:{', 1), "},1:{"),
        (lambda data: data.replace(b"\n", b"\r", 1), r"lines end in \r alone: write \n"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_shown_at_its_place(
    change: Callable[[bytes], bytes], detail: str, tmp_path: Path
) -> None:
    data = good()
    data.raw = change
    (rule,) = [rule for rule in check(data, tmp_path, "quick").rules if rule.code == "line-not-json"]
    assert detail in rule.examples[0].detail


def test_examples_are_few_and_counts_are_whole(tmp_path: Path) -> None:
    data = good()
    data.lines = [{**data.lines[i % 4], "source-ref": f"s3://data/in/{i}.jpg"} for i in range(300)]
    report = check(data, tmp_path)
    assert report.codes == {"source-not-found": 300, "mask-duplicate": 296}
    assert [example.line for example in report.rules[0].examples] == [1, 2, 3, 4, 5]
    assert report.rules[0].examples[4].uri == "s3://data/in/4.jpg"
    repeated = report.rules[1].examples[0]
    assert (repeated.line, repeated.uri, repeated.detail) == (
        5,
        "s3://data/aws/masks/img_0.png",
        "as on line 1",
    )


def test_repeats_are_named_on_the_longest_lines(tmp_path: Path) -> None:
    data = good()
    for line in (data.lines[0], data.lines[1]):
        line |= {f"note{number}": "\N{AUTOMOBILE}" * 19_000 for number in range(5)}
        line["source-ref"] = "s3://data/in/batch/img_0.jpg"
    report = check(data, tmp_path, "quick")
    assert report.codes == {"source-duplicate": 1}
    assert report.rules[0].examples == [
        Problem("source-duplicate", 2, "s3://data/in/batch/img_0.jpg", "as on line 1")
    ]


def test_buckets_that_cannot_be_asked_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise UsageError("there is no profile x")

    monkeypatch.setattr("gtmask.groundtruth.aws.check_buckets", refused)
    data = good()
    for line in data.lines:
        line[ATTRIBUTE] = line[ATTRIBUTE].replace("s3://data/aws/masks", str(tmp_path / "masks"))
    report = gtmask.validate(data.write(tmp_path), images=str(tmp_path / "images"), workers=1)
    assert report.codes["bucket-unchecked"] == 1
    (rule,) = [rule for rule in report.rules if rule.code == "bucket-unchecked"]
    assert rule.examples == [Problem("bucket-unchecked", 0, "", "there is no profile x")]


def test_examples_are_those_of_the_lowest_lines_in_whatever_order_they_are_found() -> None:
    report = Report("m", "deep")
    report.add(Problem("mask-rgb", line) for line in (9, 8, 7, 6, 5, 1, 10, 2))
    (rule,) = report.rules
    assert [example.line for example in rule.examples] == [1, 2, 5, 6, 7]
    assert rule.count == 8


def test_pixels_of_all_batches_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = check(good(), tmp_path)
    monkeypatch.setattr(validation, "BATCH", 1)
    parts = check(good(), tmp_path)
    assert sum(parts.pixels.values()) == 4 * WIDTH * HEIGHT
    assert parts.to_json() == whole.to_json()


@pytest.mark.parametrize("strict", [False, True])
def test_errors_count_and_warnings_where_they_are_asked_for(strict: bool) -> None:
    codes = {CODES[code].level: code for code in CODES if CODES[code].level in {"error", "warning", "note"}}
    for errors, warnings in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 3)):
        report = Report("m", "deep", strict)
        report.add([Problem(codes["note"])] * 5 + [Problem(codes["warning"])] * warnings)
        report.add([Problem(codes["error"])] * errors)
        assert report.exit_code == (3 if errors or (strict and warnings) else 0)
        levels = [rule.level for rule in report.rules]
        assert levels == sorted(levels, key=["error", "warning", "note"].index)
        shown = report.to_json()
        assert (shown["errors"], shown["warnings"], shown["notes"]) == (errors, warnings, 5)


@pytest.mark.usefixtures("processes_alone")
def test_the_report_is_the_same_whatever_the_workers(tmp_path: Path) -> None:
    data = good()
    for name in ("mask-rgb", "source-duplicate", "source-turned"):
        BREAKS[name](data)
    data.lines = [line for _ in range(100) for line in data.lines]
    one = check(data, tmp_path, workers=1).to_json()
    two = check(data, tmp_path, workers=2).to_json()
    assert one == two
    assert one["errors"] == 100
    assert orjson.loads(orjson.dumps(one)) == one


def test_progress_knows_about_how_many_lines_there_are_and_ends_with_all(tmp_path: Path) -> None:
    data = good()
    data.lines = [line for _ in range(100) for line in data.lines]
    heard = Heard()
    check(data, tmp_path, "quick", progress=heard)
    assert heard.done == [400]
    [(stage, total)] = heard.stages
    assert stage == "validate"
    assert abs((total or 0) - 400) < 20


# --- what is no manifest at all -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        b"hello\nworld\n",
        b'{\n "images": [],\n "annotations": []\n}\n',
        b"x\n" * 5000,
        b"\n\n",
        b'{"images":[],"annotations":[]}\n',
        b'{"images":[],"annotations":[]}\n' * 3,
        b'{"images":[' + b"1," * 200_000 + b"1]}",
    ],
)
def test_a_file_that_is_no_manifest_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.manifest").write_bytes(content)
    with pytest.raises(ManifestError, match=r"m\.manifest is no manifest") as caught:
        gtmask.validate(tmp_path / "m.manifest")
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_file_without_line_breaks_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_file, "BLOCK", 64)
    monkeypatch.setattr(manifest_file, "LONGEST_LINE", 1000)
    (tmp_path / "m.manifest").write_bytes(b"{}\n" + b"x" * 5000)
    with pytest.raises(ManifestError, match="line 2 has more than 16 MB"):
        gtmask.validate(tmp_path / "m.manifest")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_manifest_in_utf_16_is_told_so(encoding: str, tmp_path: Path) -> None:
    data = good()
    data.lines *= 300
    data.raw = lambda written: written.decode().encode(encoding)
    with pytest.raises(ManifestError, match=r"is UTF-16, .* save it as UTF-8"):
        check(data, tmp_path)


def test_a_manifest_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no such file"):
        gtmask.validate(tmp_path / "nothing.manifest")


def test_an_unknown_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of quick, default, deep"):
        check(good(), tmp_path, "thorough")


# --- real files -----------------------------------------------------------------------------------------


def test_the_real_line_and_mask_are_judged_rightly(samples: Path) -> None:
    folder = samples / "sagemaker_gt" / "aws-samples__amazon-lookout-for-vision-image-augmentation-pipeline"
    report = gtmask.validate(folder / "output.manifest", level="quick", strict=True)
    assert report.codes == {"key-colon": 1}
    assert report.exit_code == 0
    assert report.attributes == ("S10-label3-ref",)
    assert report.classes == {0: "BACKGROUND", 1: "IC", 2: "resistor1", 3: "resistor2"}


def test_the_real_mask_fits_its_map(samples: Path, tmp_path: Path) -> None:
    folder = samples / "sagemaker_gt" / "aws-samples__amazon-lookout-for-vision-image-augmentation-pipeline"
    name = "0_2022-09-09T17:25:31.918770.png"
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / name).write_bytes((folder / "mask.png").read_bytes())
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "s10.png").write_bytes(picture(1696, 959, "PNG"))
    report = gtmask.validate(
        folder / "output.manifest", level="deep", strict=True,
        images=str(tmp_path / "images"), masks=str(tmp_path / "masks"),
    )  # fmt: skip
    assert report.codes == {"key-colon": 1}
    assert sorted(report.pixels) == [0, 1, 2, 3]
    assert sum(report.pixels.values()) == 1696 * 959


def test_one_copy_is_no_copy_of_two_images(tmp_path: Path) -> None:
    writer = ManifestWriter(class_map_from_labels(["Car"]), creation_date="2024-01-01T00:00:00.000000")
    for folder in ("masks/x", "masks/y", "images"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in "xy":
        (tmp_path / "masks" / folder / "1.png").write_bytes(encode_png(np.ones((5, 6), np.uint8)))
    Image.new("RGB", (6, 5)).save(tmp_path / "images" / "1.jpg")
    lines = [writer.line(f"s3://b/{folder}/1.jpg", f"s3://b/masks/{folder}/1.png") for folder in "xy"]
    (tmp_path / "qa.manifest").write_bytes(b"".join(lines))
    places = {"images": str(tmp_path / "images"), "masks": str(tmp_path / "masks")}
    report = gtmask.validate(tmp_path / "qa.manifest", level="deep", workers=1, **places)
    assert (report.codes, report.images, report.masks) == ({"source-not-found": 2}, 0, 2)
