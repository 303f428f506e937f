"""QuPath's GeoJSON: its three forms, holes, classes, planes, and how the image is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from PIL import Image

import gtmask

if TYPE_CHECKING:
    from pathlib import Path

SQUARE = [[2, 2], [12, 2], [12, 10], [2, 10], [2, 2]]
INNER = [[4, 4], [8, 4], [8, 8], [4, 8], [4, 4]]


def feature(geometry: dict[str, Any], classification: Any = "Tumor", **properties: Any) -> dict[str, Any]:
    named = {"name": classification} if isinstance(classification, str) else classification
    return {"type": "Feature", "id": "0", "geometry": geometry,
            "properties": {"objectType": "annotation", "classification": named, **properties}}  # fmt: skip


def polygon(*rings: list[list[int]], **more: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings), **more}


def converted(tmp_path: Path, document: Any, name: str = "a.geojson", **options: Any) -> Any:
    (tmp_path / "set").mkdir()
    Image.new("RGB", (20, 16)).save(tmp_path / "set" / "a.png")
    (tmp_path / "set" / name).write_bytes(orjson.dumps(document))
    return gtmask.convert(tmp_path / "set", tmp_path / "out", fill="center", workers=1, **options)


def mask(tmp_path: Path) -> np.ndarray:
    return np.asarray(Image.open(tmp_path / "out" / "masks" / "a.png"))


DONUT = feature(polygon(SQUARE, INNER))


@pytest.mark.parametrize("form", [{"type": "FeatureCollection", "features": [DONUT]}, [DONUT], DONUT])
@pytest.mark.parametrize("name", ["a.geojson", "a.png.geojson", "a.json"])
def test_holes_are_cut_in_each_form(tmp_path: Path, form: Any, name: str) -> None:
    done = converted(tmp_path, form, name)
    expected = np.zeros((16, 20), np.uint8)
    expected[2:10, 2:12] = 1
    expected[4:8, 4:8] = 0
    assert (done.title, done.exit_code) == ("QuPath GeoJSON", 0)
    np.testing.assert_array_equal(mask(tmp_path), expected)


def test_a_hole_that_reaches_beyond_its_exterior_paints_nothing(tmp_path: Path) -> None:
    converted(tmp_path, [feature(polygon(SQUARE, [[8, 4], [18, 4], [18, 8], [8, 8], [8, 4]]))])
    assert not mask(tmp_path)[:, 12:].any()
    assert not mask(tmp_path)[4:8, 8:].any()


@pytest.mark.parametrize(
    "color", [{"color": [200, 0, 16]}, {"colorRGB": -3670000}, {"colorRGB": 0xC80010}], ids=str
)
def test_the_colours_of_classes_are_kept(tmp_path: Path, color: dict[str, Any]) -> None:
    """QuPath wrote one integer with its sign before it wrote three numbers."""
    features = [feature(polygon(SQUARE), {"name": "Tumor", **color}), feature(polygon(INNER), "Stroma")]
    done = converted(tmp_path, features)
    colors = {entry.name: entry.color for entry in done.classes.classes}
    assert colors["Tumor"] == "#c80010"
    assert colors["Stroma"] != "#c80010"
    assert gtmask.inspect(tmp_path / "set").class_map().classes == done.classes.classes


def test_parts_are_a_union_and_later_features_lie_over_earlier_ones(tmp_path: Path) -> None:
    parts = {
        "type": "MultiPolygon",
        "coordinates": [[SQUARE], [[[14, 2], [18, 2], [18, 6], [14, 6], [14, 2]]]],
    }
    converted(tmp_path, [feature(parts), feature(polygon(INNER), {"names": ["Stroma", "Positive"]})])
    seen = gtmask.read(tmp_path / "set")
    assert [shape.label for record in seen for shape in record.shapes] == ["Tumor", "Stroma: Positive"]
    values = mask(tmp_path)
    ids = gtmask.parse_class_map((tmp_path / "out" / "classes.toml").read_text(), "classes.toml")
    assert values[3, 15] == values[3, 3] == ids.id_of("Tumor")
    assert values[5, 5] == ids.id_of("Stroma: Positive")


def test_what_has_no_class_is_told_and_named_on_request(tmp_path: Path) -> None:
    done = converted(tmp_path, [feature(polygon(SQUARE)), feature(polygon(INNER), None)])
    assert done.tally.findings["shape-no-label"] == 1
    assert mask(tmp_path)[5, 5] == 1
    named = gtmask.convert(
        tmp_path / "set", tmp_path / "named", fill="center", default_label="Region", workers=1
    )
    assert sorted(entry.name for entry in named.classes.classes) == ["Region", "Tumor"]


def test_lines_points_and_other_planes_are_told_and_never_painted(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": SQUARE}
    points = {"type": "MultiPoint", "coordinates": [[1, 1], [3, 3]]}
    deep = polygon(SQUARE, plane={"c": -1, "z": 3, "t": 0})
    done = converted(tmp_path, [feature(polygon(INNER)), feature(line), feature(points), feature(deep)])
    assert done.tally.findings["shape-kind-unsupported"] == 1
    assert mask(tmp_path).sum() == 16


def test_geojson_of_maps_is_none_of_qupath(tmp_path: Path) -> None:
    (tmp_path / "map.geojson").write_bytes(
        orjson.dumps({
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "geometry": polygon(SQUARE), "properties": {"country": "x"}}],
        })
    )  # fmt: skip
    with pytest.raises(gtmask.errors.UnknownFormatError, match="GeoJSON of another tool than QuPath"):
        gtmask.inspect(tmp_path / "map.geojson")
