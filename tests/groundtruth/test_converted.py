"""What ``convert`` writes passes every rule, at the deepest level, with warnings as errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pytest
from PIL import Image

import gtmask
from gtmask.errors import ExportError, UsageError
from gtmask.manifest.contract import IMAGE_EXTENSIONS
from gtmask.manifest.line import parse_line
from gtmask.png import read_header

SUFFIXES = {".json", ".xml", ".ndjson", ".jsonl", ".yaml", ".manifest"}


def convert(source: Path, out: Path, mode: str) -> Path | None:
    """Convert an export and return the manifest, None where it holds nothing that could become a mask."""
    try:
        gtmask.convert(source, out, png=mode, workers=1)
    except (ExportError, UsageError):
        return None
    manifest = next(out.glob("*.manifest"), None)
    return manifest if manifest and manifest.stat().st_size else None


def give_images(manifest: Path, folder: Path) -> None:
    """Copy the images that a manifest names, or make them in the size of their masks."""
    for text in manifest.read_bytes().splitlines():
        line = parse_line(text)
        path = folder / line.source_ref.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if Path(line.source_ref).is_file():
            shutil.copy(line.source_ref, path)
        else:
            header = read_header(Path(str(line.newest.mask)).read_bytes())
            form = "PNG" if path.suffix.lower() == ".png" else "JPEG"
            Image.new("RGB", (header.width, header.height)).save(path, form)


@pytest.mark.parametrize("mode", ["gray", "palette"])
def test_what_is_converted_is_valid(mode: str, tmp_path: Path) -> None:
    shapes = [[10, 10, 50, 12, 40, 60], [0, 0, 99, 0, 99, 30, 0, 30], [-20, 70, 120, 65, 50, 90]]
    export = {
        "images": [{"id": i, "file_name": f"img {i}.png", "width": 100, "height": 80} for i in range(3)],
        "categories": [{"id": 7 + i, "name": name} for i, name in enumerate(("Car", "Road", "Ü & 'x'"))],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 7 + i, "segmentation": [shape], "iscrowd": 0}
            for i, shape in enumerate(shapes)
        ],
    }
    (tmp_path / "export.json").write_bytes(orjson.dumps(export))
    for i in range(3):
        Image.new("RGB", (100, 80)).save(tmp_path / f"img {i}.png")
    manifest = convert(tmp_path / "export.json", tmp_path / "out", mode)
    assert manifest is not None
    report = gtmask.validate(manifest, level="deep", strict=True)
    assert report.codes == {"reference-local": 6}
    assert report.exit_code == 0
    assert set(report.pixels) == {0, 1, 2, 3}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["gray", "palette"])
def test_every_real_export_is_converted_to_something_valid(mode: str, samples: Path, tmp_path: Path) -> None:
    sources = [path for path in sorted(samples.rglob("*")) if path.suffix in SUFFIXES and path.is_file()]
    valid = 0
    for number, source in enumerate(sources):
        folder = tmp_path / str(number)
        manifest = convert(source, folder / "out", mode)
        if manifest is None:
            continue
        give_images(manifest, folder / "images")
        report = gtmask.validate(
            manifest, level="deep", strict=True, images=str(folder / "images"), workers=1
        )
        serious = [rule for rule in report.rules if rule.level != "note"]
        # A few exports name images that Ground Truth cannot show; nothing else may be wrong.
        assert {rule.code for rule in serious} <= {"source-format"}, source
        assert not any(
            example.uri.lower().endswith(IMAGE_EXTENSIONS) for rule in serious for example in rule.examples
        )
        valid += not serious
        shutil.rmtree(folder)
    assert valid >= 60
