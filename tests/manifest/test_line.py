"""Manifest lines: written byte for byte, read again, and whatever else may stand in a manifest."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtmask.errors import ClassMapError, ManifestError, UsageError
from gtmask.findings import CODES
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.manifest.color_map import ColorMapEntry
from gtmask.manifest.line import parse_line, require_line
from gtmask.manifest.names import label_attribute_problem
from gtmask.manifest.writer import ManifestWriter, creation_date, manifest_name

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
    return ManifestWriter(class_map_from_labels(["Car", "Road", "Person"]), **settings)


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
    (label,) = line.labels
    assert (line.source_ref, label.mask or "", label.attribute) == (image, mask, "labeling-qa-ref")
    assert (label.job_name, label.creation_date, label.failure_reason) == (job, DATE, None)
    assert label.metadata["internal-color-map"]["0"]["confidence"] == confidence
    assert label.classes[1] == ColorMapEntry("1", 1, "Car", "#2ca02c")
    assert [problem.code for problem in line.problems] == [
        code for code, text in (("mask-key-missing", mask), ("source-key-missing", image)) if not text
    ]
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
        ManifestWriter(class_map_from_labels(names), creation_date=DATE)
    ManifestWriter(class_map_from_labels([name[:12] for name in names]), creation_date=DATE)


def test_creation_dates_are_utc_without_a_zone() -> None:
    assert creation_date(datetime(2024, 1, 1, tzinfo=UTC)) == DATE
    east = timezone(timedelta(hours=2))
    assert creation_date(datetime(2024, 1, 1, 2, 0, 0, 5, tzinfo=east)) == "2024-01-01T00:00:00.000005"
    assert creation_date(datetime(2024, 1, 1)) == DATE


def test_the_manifest_is_named_after_the_attribute() -> None:
    assert manifest_name("labeling-qa-ref") == "labeling-qa.manifest"


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"", ["line-blank"]),
        (b" \r\n", ["line-blank"]),
        (b"[]", ["line-not-json"]),
        (b"{", ["line-not-json"]),
        (b'{"source-ref":"\xff"}', ["manifest-encoding"]),
        (b"{}", ["mask-key-missing", "source-key-missing"]),
        (b'{"source-ref":1}', ["mask-key-missing", "source-key-missing"]),
        (b'{"source-ref":"a","b-ref":"c"}', ["metadata-missing"]),
        (b'{"source-ref":"a","b-ref":"c","b-ref-metadata":{"type":"groundtruth/x"}}', ["metadata-type"]),
        (b'{"source-ref":"a","b-ref":3,"b-ref-metadata":{}}', ["mask-key-missing"]),
        (b'{"source-ref":"a","b-ref-metadata":{}}', ["mask-key-missing"]),
    ],
)
def test_what_is_wrong_with_a_line_is_told_as_findings(data: bytes, codes: list[str]) -> None:
    line = parse_line(data)
    assert [problem.code for problem in line.problems] == codes
    assert line.is_object == data.startswith(b'{"s') * (b"\xff" not in data) or data == b"{}"
    with pytest.raises(ManifestError, match=rf"^m\.manifest, line 3: {codes[0]}"):
        require_line(data, "m.manifest, line 3")


def test_the_labels_of_a_line_are_told_with_their_state() -> None:
    good = orjson.loads(EXPECTED)["labeling-qa-ref-metadata"]
    values = {
        "source-ref": "s3://b/a.jpg",
        "first-ref": "s3://b/1.png",
        "first-ref-metadata": good,
        "second-ref": "s3://b/2.png",
        "second-ref-metadata": good | {"adjustment-status": "adjusted"},
        "third-metadata": {
            "failure-reason": "ClientError",
            "type": good["type"],
            "creation-date": "2030-01-01T00:00:00",
        },
        "box-ref": "no mask",
        "box-ref-metadata": {"type": "groundtruth/object-detection"},
        "note": 1,
        "note-metadata": {},
    }
    line = parse_line(orjson.dumps(values))
    assert [label.attribute for label in line.labels] == ["first-ref", "second-ref", "third-ref"]
    assert [label.adjustment_status for label in line.labels] == [None, "adjusted", None]
    assert [label.failure_reason for label in line.labels] == [None, None, "ClientError"]
    assert (line.newest.attribute, line.problems) == ("second-ref", ())
    assert line.label("box-ref") is None


@given(st.binary(max_size=40) | st.recursive(
    st.none() | st.text(max_size=5) | st.sampled_from(["groundtruth/semantic-segmentation", "#ffffff"]),
    lambda inner: st.dictionaries(
        st.sampled_from(["source-ref", "a-ref", "a-ref-metadata", "type", "internal-color-map", "1",
                         "failure-reason", "a-metadata", "class-name", "hex-color"]), inner, max_size=5),
).map(orjson.dumps))  # fmt: skip
def test_no_line_is_refused(data: bytes) -> None:
    line = parse_line(data)
    assert all(problem.code in CODES for problem in line.problems)
    assert line.problems or (line.source_ref and line.labels)
    for label in line.labels:
        assert isinstance(label.classes, dict)


def test_writing_lines_needs_no_heavy_library() -> None:
    heavy = "('numba', 'PIL', 'botocore', 'aioboto3')"
    code = f"import sys, gtmask.manifest.writer; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
