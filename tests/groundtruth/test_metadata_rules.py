"""The rules of a metadata object at the ends of what they allow."""

from __future__ import annotations

from typing import Any

import pytest

from gtmask.groundtruth.metadata_rules import check_color_map, check_metadata

#: Colours and names of as many classes as a test wants.
BACKGROUND = {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0}


def entry(number: int, **changes: Any) -> dict[str, Any]:
    given = {"class-name": f"class {number}", "hex-color": f"#0000{number:02x}", "confidence": 0.5}
    return {**given, **{key.replace("_", "-"): value for key, value in changes.items()}}


def color_map(*numbers: int, **changes: Any) -> dict[str, Any]:
    """Return a map of these classes; the last one is changed."""
    found = {"0": BACKGROUND} | {str(number): entry(number) for number in numbers}
    found[str(numbers[-1])] = entry(numbers[-1], **changes)
    return found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (color_map(1), []),
        (color_map(1, 2, 3), []),
        (color_map(*range(1, 11)), []),
        (color_map(*range(1, 12)), [("labels-console", "11 labels")]),
        (color_map(*range(1, 21)), [("labels-console", "20 labels")]),
        (color_map(*range(1, 22)), [("labels-automated", "21 labels"), ("labels-console", "21 labels")]),
        ({"0": BACKGROUND}, [("labels-none", "")]),
        (color_map(2), [("class-gap", "there is no class 1, but a class 2")]),
        (color_map(1, 2, 5), [("class-gap", "there is no class 3, but a class 5")]),
        ({"1": entry(1)}, [("background-bad", "there is no entry 0")]),
        (color_map(1) | {"0": BACKGROUND | {"hex-color": "#FFFFFF"}}, [("color-case", "class 0: #FFFFFF")]),
        (
            color_map(1) | {"0": BACKGROUND | {"hex-color": "#fffffe"}},
            [("background-bad", "class 0 has the colour '#fffffe'")],
        ),
        (color_map(1) | {"0": BACKGROUND | {"hex-color": None}}, [("color-bad", "class 0: None")]),
        (color_map(1, 2, class_name="x" * 256), []),
        (color_map(1, 2, class_name="x" * 257), ["class-name-bad"]),
        (color_map(1, 2, class_name=" "), [("class-name-bad", "class 2: ' '")]),
        (color_map(1, 2, class_name=7), [("class-name-bad", "class 2: 7")]),
        (
            color_map(1, 2, 3, class_name="class 1"),
            [("class-name-duplicate", "classes 1 and 3 are both named 'class 1'")],
        ),
        (color_map(1, 2, hex_color="#000001"), [("color-duplicate", "classes 1 and 2 both have #000001")]),
        (
            color_map(1, 10, hex_color="#000001") | {"0": BACKGROUND},
            ["color-duplicate", "class-gap"],
        ),
        (color_map(1, 2, hex_color="#FFFFFF"), ["color-case", "color-white"]),
        (color_map(1, 2, hex_color="#00000"), [("color-bad", "class 2: '#00000'")]),
        (color_map(1, 2, confidence=0), []),
        (color_map(1, 2, confidence=1), []),
        (color_map(1, 2, confidence=1.0001), [("confidence-missing", "class 2: it is 1.0001")]),
        (color_map(1, 2, confidence=-0.0001), [("confidence-missing", "class 2: it is -0.0001")]),
        (color_map(1, 2, confidence=True), [("confidence-missing", "class 2: it is True")]),
        (color_map(1, 2) | {"256": entry(3)}, ["color-map-key"]),
        (color_map(1, 2) | {"3": "Car"}, [("color-map-key", "'3': 'Car'")]),
        (None, [("color-map-missing", "")]),
        ({}, [("color-map-missing", "it is {}")]),
        ([1], [("color-map-missing", "it is [1]")]),
    ],
)
def test_a_color_map_is_judged(given: object, found: list[Any]) -> None:
    breaches = list(check_color_map(given))
    assert breaches == found or [code for code, _ in breaches] == found


def test_of_classes_without_a_confidence_the_first_is_told() -> None:
    bare = {number: {**row} for number, row in color_map(1, 2, 3).items()}
    for number in ("2", "3"):
        del bare[number]["confidence"]
    assert list(check_color_map(bare)) == [("confidence-missing", "class 2")]


GOOD = {
    "type": "groundtruth/semantic-segmentation", "human-annotated": "yes",
    "creation-date": "2024-01-01T00:00:00.000000", "internal-color-map": color_map(1),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"human-annotated": "no"}, []),
        ({"human-annotated": "maybe"}, [("human-annotated", "it is 'maybe'")]),
        ({"type": "x"}, [("metadata-type", "type is 'x'")]),
        ({"creation-date": None}, []),
        ({"creation-date": "2024-01-01T00:00:00"}, []),
        ({"creation-date": "2024-01-01T00:00:00.1"}, []),
        ({"creation-date": "2024-01-01T00:00:00.1234567"}, ["creation-date"]),
        ({"creation-date": "2024-01-01 00:00:00"}, ["creation-date"]),
        ({"creation-date": 20240101}, [("creation-date", "it is 20240101")]),
        ({"adjustment-status": "adjusted"}, []),
        ({"adjustment-status": "unadjusted"}, []),
        ({"adjustment-status": ""}, [("adjustment-status", "it is ''")]),
    ],
)
def test_metadata_are_judged(changes: dict[str, Any], found: list[Any]) -> None:
    breaches = list(check_metadata(GOOD | changes))
    assert breaches == found or [code for code, _ in breaches] == found
