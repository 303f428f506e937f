"""Parsing with a memory of color maps gives what parsing alone gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtmask.manifest.line import parse_line
from gtmask.manifest.parser import LineParser

MAP = {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff"}, "1": {"class-name": "car"}}


def metadata(color_map: Any) -> dict[str, Any]:
    return {"type": "groundtruth/semantic-segmentation", "internal-color-map": color_map}


@pytest.mark.parametrize("color_map", [
    MAP, {}, 3, None, [], "x", {"1": {"class-name": "}} odd"}}, {"1": {"class-name": {"x": {}}}},
    {"1": {"internal-color-map": {"2": {}}}},
])  # fmt: skip
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_any_line_is_parsed_as_before(color_map: Any, separators: tuple[str, str]) -> None:
    parser = LineParser()
    for name in ("a", "b"):
        values = {"source-ref": name, "x-ref": "s3://b/m.png", "x-ref-metadata": metadata(color_map),
                  "y-ref-metadata": metadata(MAP), "other": {"internal-color-map": color_map}}  # fmt: skip
        data = json.dumps(values, separators=separators).encode()
        for part in (data, data[:-1], data + b"\r\n", data.replace(b"}}", b"} }")):
            assert parser.parse(part) == parse_line(part)


@given(st.text(max_size=12), st.text(max_size=12))
def test_names_do_not_matter(first: str, second: str) -> None:
    parser = LineParser()
    color_map = {"1": {"class-name": first}, second: {"class-name": "internal-color-map"}}
    for reference in (first, second, first):
        data = json.dumps({"source-ref": reference, "x-ref": second, "x-ref-metadata": metadata(color_map)})
        assert parser.parse(data.encode()) == parse_line(data.encode())
