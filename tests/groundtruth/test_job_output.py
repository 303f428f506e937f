"""Ground Truth's answer back: what the workers changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import gtmask
from gtmask.errors import AccessError, CredentialsError, ManifestError, TransientError
from gtmask.groundtruth import job_output
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.groundtruth.confusion_matrix import count_pairs
from gtmask.groundtruth.job_output import JobOutput, by_name, summarize_job_output
from gtmask.groundtruth.manifest_file import open_manifest
from gtmask.groundtruth.media import MediaReader
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import encode_png
from tests.support.progress import Heard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEFORE, AFTER = "labeling-qa-ref", "labeling-qa-adjusted-ref"
PALETTE = {0: "#ffffff", 1: "#2ca02c", 2: "#1f77b4"}


@settings(deadline=None)  # the first call compiles the kernel
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda size: st.tuples(*[arrays(np.uint8, size, elements=st.sampled_from([0, 1, 2, 255]))] * 2)
    )
)
def test_pairs_are_counted_as_a_plain_loop_would(masks: tuple[Any, Any]) -> None:
    before, after = masks
    expected = np.zeros((256, 256), np.int64)
    np.add.at(expected, (before, after), 1)
    table = np.zeros((256, 256), np.int64)
    count_pairs(before, after, table)
    assert np.array_equal(table, expected)


def test_pixels_of_classes_with_one_name_add_up() -> None:
    table = np.zeros((256, 256), np.int64)
    table[1, 2], table[1, 5], table[3, 2], table[255, 255] = 10, 200, 3000, 7
    assert by_name(table, {1: "Car", 3: "Car"}, {2: "Road", 5: "Road", 255: "Sky"}) == {
        ("Car", "Road"): 3210, ("value 255", "Sky"): 7,
    }  # fmt: skip


def test_what_failed_is_counted_and_every_value_is_compared(tmp_path: Path) -> None:
    path = answer(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2], lines[2], lines[3]]))
    full = np.full((8, 10), 255, np.uint8)
    (tmp_path / "masks" / "0-adjusted.png").write_bytes(encode_png(full))
    found = summarize(path, masks=str(tmp_path / "masks"))
    assert found.statuses["failed"] == sum(found.failures.values()) == 2
    assert found.pixels["BACKGROUND", "value 255"] == 62
    assert found.pixels["Car", "value 255"] == 18


def summarize(path: Path, **options: Any) -> JobOutput:
    with open_manifest(str(path)) as manifest:
        found = summarize_job_output([manifest], **options)
    assert found is not None
    return found


def answer(folder: Path) -> Path:
    """Write an output manifest: one image adjusted, one not, one failed, one never answered."""
    writer = ManifestWriter(
        class_map_from_labels(["Car", "Road"]), creation_date="2024-01-01T00:00:00.000000"
    )
    (folder / "masks").mkdir()
    (folder / "images").mkdir()
    lines = []
    for i in range(4):
        values = orjson.loads(writer.line(f"s3://b/images/{i}.png", f"s3://b/masks/{i}.png"))
        Image.new("RGB", (10, 8)).save(folder / "images" / f"{i}.png")
        old = np.zeros((8, 10), np.uint8)
        old[2:5, 2:8] = 1
        (folder / "masks" / f"{i}.png").write_bytes(encode_png(old))
        metadata = copy.deepcopy(values[BEFORE + "-metadata"])
        metadata["job-name"] = "labeling-job/labeling-qa-adjustment"
        if i < 2:
            new = old.copy()
            if i == 0:
                new[2, 2:8] = 2
                new[6, 0] = 1
            (folder / "masks" / f"{i}-adjusted.png").write_bytes(encode_png(new, palette=PALETTE))
            values[AFTER] = f"s3://b/masks/{i}-adjusted.png"
            values[AFTER + "-metadata"] = metadata | {
                "adjustment-status": "adjusted" if i == 0 else "unadjusted"
            }
        elif i == 2:
            values[AFTER + "-metadata"] = {
                "failure-reason": "ClientError: the image cannot be read",
                "human-annotated": "yes", "type": "groundtruth/semantic-segmentation",
            }  # fmt: skip
        lines.append(orjson.dumps(values) + b"\n")
    path = folder / "output.manifest"
    path.write_bytes(b"".join(lines))
    return path


def test_what_the_workers_changed_is_summed_up(tmp_path: Path) -> None:
    heard = Heard()
    found = summarize(answer(tmp_path), masks=str(tmp_path / "masks"), progress=heard)
    assert (heard.stages, heard.done) == ([("compare", 4)], [4])
    assert found.to_json() == {
        "before": BEFORE,
        "after": AFTER,
        "objects": 4,
        "statuses": {"adjusted": 1, "failed": 1, "unadjusted": 1, "unanswered": 1},
        "failures": {"ClientError: the image cannot be read": 1},
        "compared": 2,
        "changed": 1,
        "changed_pixels": 7,
        "unreadable": 0,
        "confusion": {
            "BACKGROUND": {"BACKGROUND": 61 + 62, "Car": 1},
            "Car": {"Car": 12 + 18, "Road": 6},
        },
    }


def test_classes_are_compared_by_name(tmp_path: Path) -> None:
    path = answer(tmp_path)
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines[:2]:
        color_map = line[AFTER + "-metadata"]["internal-color-map"]
        color_map["1"]["class-name"], color_map["2"]["class-name"] = "Road", "Car"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    confusion = summarize(path, masks=str(tmp_path / "masks")).to_json()["confusion"]
    assert confusion["Car"] == {"Road": 12 + 18, "Car": 6}


def test_masks_that_are_gone_are_counted(tmp_path: Path) -> None:
    path = answer(tmp_path)
    (tmp_path / "masks" / "1.png").unlink()
    found = summarize(path, masks=str(tmp_path / "masks"))
    assert (found.compared, found.unreadable) == (1, 1)


def test_masks_of_another_size_are_not_compared(tmp_path: Path) -> None:
    path = answer(tmp_path)
    (tmp_path / "masks" / "1-adjusted.png").write_bytes(encode_png(np.zeros((8, 9), np.uint8)))
    found = summarize(path, masks=str(tmp_path / "masks"))
    assert (found.compared, found.unreadable, sum(found.pixels.values())) == (1, 1, 80)


def test_a_failure_may_stand_under_the_attribute_without_its_ending(tmp_path: Path) -> None:
    path = answer(tmp_path)
    path.write_bytes(
        path.read_bytes().replace(b'adjusted-ref-metadata":{"failure', b'adjusted-metadata":{"failure')
    )
    found = summarize(path)
    assert found.statuses == {"adjusted": 1, "failed": 1, "unadjusted": 1, "unanswered": 1}


def test_validate_understands_an_answer(tmp_path: Path) -> None:
    path = answer(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))
    places = {"images": str(tmp_path / "images"), "masks": str(tmp_path / "masks")}
    report = gtmask.validate(path, level="deep", **places)
    assert report.codes == {"object-failed": 1}
    assert report.attributes == (BEFORE, AFTER)
    assert report.adjustments == {"adjusted": 1, "unadjusted": 1}
    assert report.masks == 5
    assert report.exit_code == 0
    path.write_bytes(b"".join(lines))
    report = gtmask.validate(path, level="deep", **places)
    assert report.codes == {"object-open": 1, "object-failed": 1}
    assert report.exit_code == 0
    path.write_bytes(b"".join(reversed(lines)))
    report = gtmask.validate(path, level="deep", **places)
    assert report.codes == {"object-open": 1, "object-failed": 1}


def change(path: Path, edit: Callable[[dict[str, Any]], object], count: int = 3) -> None:
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()][:count]
    for line in lines:
        edit(line)
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))


def test_an_answer_may_have_a_color_map_of_its_own(tmp_path: Path) -> None:
    path = answer(tmp_path)

    def edit(line: dict[str, Any]) -> None:
        color_map = line[AFTER + "-metadata"].get("internal-color-map")
        if color_map:
            color_map["3"] = {"class-name": "Bus", "confidence": 0, "hex-color": "#ff7f0e"}

    change(path, edit)
    report = gtmask.validate(path, level="quick")
    assert report.codes == {"object-failed": 1}
    assert report.classes == {0: "BACKGROUND", 1: "Car", 2: "Road", 3: "Bus"}
    change(
        path,
        lambda line: line[BEFORE + "-metadata"]["internal-color-map"]["1"].update({"class-name": "X"}),
        1,
    )
    lines = path.read_bytes()
    path.write_bytes(lines + answer_lines(tmp_path / "again")[1])
    report = gtmask.validate(path, level="quick")
    assert report.codes == {"color-map-differs": 2}
    assert report.rules[0].examples[0].detail.startswith(AFTER)


def answer_lines(folder: Path) -> list[bytes]:
    folder.mkdir()
    return answer(folder).read_bytes().splitlines(keepends=True)


def test_the_metadata_of_a_failed_object_may_stand_without_its_ref(tmp_path: Path) -> None:
    path = answer(tmp_path)

    def edit(line: dict[str, Any]) -> None:
        if AFTER not in line:
            line["labeling-qa-adjusted-metadata"] = line.pop(AFTER + "-metadata")

    change(path, edit)
    assert gtmask.validate(path, level="quick").codes == {"object-failed": 1}
    assert summarize(path).statuses["failed"] == 1


def test_a_mask_whose_metadata_have_no_color_map_is_no_answer(tmp_path: Path) -> None:
    path = answer(tmp_path)

    def edit(line: dict[str, Any]) -> None:
        if AFTER in line:
            del line[AFTER + "-metadata"]["internal-color-map"]

    change(path, edit)
    found = summarize(path, masks=str(tmp_path / "masks"))
    assert (found.statuses, found.compared) == ({"unanswered": 2, "failed": 1}, 0)


def test_masks_are_looked_for_in_the_folders_about_a_manifest(tmp_path: Path) -> None:
    path = answer(tmp_path)
    assert summarize(path) == summarize(path, masks=str(tmp_path / "masks"))


def test_what_batches_have_counted_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = answer(tmp_path)
    whole = summarize(path, masks=str(tmp_path / "masks"))
    monkeypatch.setattr(job_output, "BATCH", 1)
    assert summarize(path, masks=str(tmp_path / "masks")) == whole


def test_pixels_are_those_of_the_newest_mask_of_each_line(tmp_path: Path) -> None:
    places = {"images": str(tmp_path / "images"), "masks": str(tmp_path / "masks")}
    report = gtmask.validate(answer(tmp_path), level="deep", **places)
    assert report.pixels == {0: 61 + 3 * 62, 1: 13 + 3 * 18, 2: 6}


def test_a_plain_manifest_is_no_answer(tmp_path: Path) -> None:
    path = answer(tmp_path)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([b"", lines[3], lines[2]]))
    assert summarize(path).statuses == {"unanswered": 1, "failed": 1}
    path.write_bytes(lines[3])
    with open_manifest(str(path)) as manifest:
        assert summarize_job_output([manifest]) is None


def test_the_output_may_lie_in_several_files(tmp_path: Path) -> None:
    path = answer(tmp_path)
    whole = summarize(path, masks=str(tmp_path / "masks"))
    lines = path.read_bytes().splitlines(keepends=True)
    first, second = tmp_path / "1.manifest", tmp_path / "2.manifest"
    first.write_bytes(b"".join(lines[3:]))
    second.write_bytes(b"".join(lines[:3]))
    with open_manifest(str(first)) as one, open_manifest(str(second)) as two:
        assert summarize_job_output([one, two], masks=str(tmp_path / "masks")) == whole


@pytest.mark.parametrize("broken", [b"{\n", b"[]\n", b'{"a":1}\n'])
def test_a_broken_line_is_named(broken: bytes, tmp_path: Path) -> None:
    path = answer(tmp_path)
    path.write_bytes(path.read_bytes() + broken)
    with pytest.raises(ManifestError, match="line 5"):
        summarize(path)


@pytest.mark.parametrize("error", [TransientError, CredentialsError, AccessError])
def test_masks_that_are_out_of_reach_are_not_counted_as_broken(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = answer(tmp_path)

    async def refused(*_: object, **__: object) -> None:
        raise error("no answer")

    monkeypatch.setattr(MediaReader, "read_mask", refused)
    if error is AccessError:
        found = summarize(path, masks=str(tmp_path / "masks"), workers=1)
        assert (found.compared, found.unreadable) == (0, 2)
    else:
        with pytest.raises(error, match="no answer"):
            summarize(path, masks=str(tmp_path / "masks"), workers=1)
