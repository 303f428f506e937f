"""Manifest lines: written byte for byte, and read again."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtmask.errors import ClassMapError, ManifestError, UsageError
from gtmask.groundtruth.classes import from_labels
from gtmask.groundtruth.manifest import (
    ManifestWriter,
    creation_date,
    manifest_name,
    parse_line,
)
from gtmask.groundtruth.names import label_attribute_problem

DATE = "2024-01-01T00:00:00.000000"
EXPECTED = (
    '{"source-ref":"s3://autonomous-training-data/batch_01/img_0299.jpg",'
    '"labeling-qa-ref":"s3://autonomous-training-data/aws/masks/img_0299.png",'
    '"labeling-qa-ref-metadata":{"internal-color-map":{'
    '"0":{"class-name":"BACKGROUND","confidence":0.9,"hex-color":"#ffffff"},'
    '"1":{"class-name":"Car","confidence":0.9,"hex-color":"#2ca02c"},'
    '"2":{"class-name":"Road","confidence":0.9,"hex-color":"#1f77b4"},'
    '"3":{"class-name":"Person","confidence":0.9,"hex-color":"#ff7f0e"}},'
    '"type":"groundtruth/semantic-segmentation","job-name":"labeling-qa","human-annotated":"yes",'
    '"creation-date":"2024-01-01T00:00:00.000000"}}\n'
)


def writer(**options: object) -> ManifestWriter:
    settings = {"creation_date": DATE, **options}
    return ManifestWriter(from_labels(["Car", "Road", "Person"]), **settings)


def test_a_line_is_byte_for_byte_the_contract() -> None:
    line = writer().line(
        "s3://autonomous-training-data/batch_01/img_0299.jpg",
        "s3://autonomous-training-data/aws/masks/img_0299.png",
    )
    assert line == EXPECTED.encode()


@given(st.text(), st.text(), st.text(), st.floats(0, 1))
def test_any_text_makes_one_line_that_is_read_back(
    image: str, mask: str, job: str, confidence: float
) -> None:
    data = writer(job_name=job, confidence=confidence).line(image, mask)
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == 1
    line = parse_line(data)
    assert (line.source_ref, line.mask_ref()) == (image, mask)
    assert line.attributes == ("labeling-qa-ref",)
    assert line.metadata()["job-name"] == job
    assert line.metadata()["internal-color-map"]["0"]["confidence"] == confidence
    assert line.color_map()[1] == ("Car", "#2ca02c")
    assert data == orjson.dumps(line.values) + b"\n"


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be written as UTF-8"):
        writer().line("img_\udcff.jpg", "img.png")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("labeling-qa-ref", ""),
        ("a-ref", ""),
        ("x" * 123 + "-ref", ""),
        ("x" * 124 + "-ref", "1 to 127"),
        ("labeling-qa", "must end in -ref"),
        ("labeling_qa-ref", "no _, dot or blank"),
        ("-ref", "1 to 127"),
        ("qa-ref-metadata", "ends in -metadata"),
        ("source-ref", "reserved"),
        ("$qa-ref", "starts with \\$"),
        ("qä-ref", "1 to 127"),
        ("", "must end in -ref"),
    ],
)
def test_label_attributes_follow_the_api(name: str, problem: str) -> None:
    found = label_attribute_problem(name)
    assert bool(found) == bool(problem)
    if problem:
        with pytest.raises(UsageError, match=problem):
            writer(label_attribute=name)


def test_settings_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(UsageError, match=r"confidence 1\.5"):
        writer(confidence=1.5)
    with pytest.raises(UsageError, match="--creation-date '2024-01-01'"):
        writer(creation_date="2024-01-01")


def test_a_class_map_too_long_for_a_line_is_refused() -> None:
    names = [f"{number:>03}-" + "x" * 20 for number in range(255)]
    with pytest.raises(ClassMapError, match="20,000 per attribute"):
        ManifestWriter(from_labels(names), creation_date=DATE)
    ManifestWriter(from_labels([name[:12] for name in names]), creation_date=DATE)


def test_creation_dates_are_utc_without_a_zone() -> None:
    assert creation_date(datetime(2024, 1, 1, tzinfo=UTC)) == DATE
    east = timezone(timedelta(hours=2))
    assert creation_date(datetime(2024, 1, 1, 2, 0, 0, 5, tzinfo=east)) == "2024-01-01T00:00:00.000005"
    assert creation_date(datetime(2024, 1, 1)) == DATE


def test_the_manifest_is_named_after_the_attribute() -> None:
    assert manifest_name("labeling-qa-ref") == writer().name == "labeling-qa.manifest"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"source-ref":1}', b'{"source-ref":"a","b-ref":"c"}', b"{"]
)
def test_what_is_no_manifest_line_is_told(data: bytes) -> None:
    with pytest.raises(ManifestError, match="line"):
        parse_line(data)


def test_writing_lines_needs_no_heavy_library() -> None:
    heavy = "('numba', 'PIL', 'botocore', 'aioboto3')"
    code = f"import sys, gtmask.groundtruth.manifest; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
