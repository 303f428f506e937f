"""The color map of a manifest line: made, read as far as it is well-formed, and searched in bytes."""

from __future__ import annotations

from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.manifest.color_map import ColorMapEntry, make_color_map, read_color_map

DATE = "2024-01-01T00:00:00.000000"


def test_color_map_lists_background_first() -> None:
    assert make_color_map(class_map_from_labels(["Car"]), 0.5) == {
        "0": {"class-name": "BACKGROUND", "confidence": 0.5, "hex-color": "#ffffff"},
        "1": {"class-name": "Car", "confidence": 0.5, "hex-color": "#2ca02c"},
    }


def test_what_is_not_well_formed_is_left_empty() -> None:
    read = read_color_map(
        {"1": {"class-name": "Car", "hex-color": "#2CA02C"}, "01": {}, "256": {"class-name": 3}, "2": None}
    )
    assert read == [
        ColorMapEntry("1", 1, "Car", "#2ca02c"),
        ColorMapEntry("01", None, "", ""),
        ColorMapEntry("256", None, "", ""),
        ColorMapEntry("2", None, "", ""),
    ]
    assert read_color_map(None) == read_color_map([1]) == read_color_map("x") == []
