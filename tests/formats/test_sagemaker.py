"""Ground Truth manifests as input: pixels by colour, maps that differ per line, failed attributes."""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import gtmask
from gtmask.answers.relabel import Relabeler
from gtmask.errors import StorageError
from gtmask.formats import read
from gtmask.manifest.line import parse_line
from gtmask.storage.base import S3Settings
from tests.support.small_exports import codes, grid, labels, open_files, painted, png, read_files

if TYPE_CHECKING:
    from pathlib import Path

KEY = "s3://out/job/annotations/consolidated-annotation/output/0_2022-09-09T17:25:31.918770.png"
CAR, DOG = "#2ca02c", "#1f77b4"


def colors(*entries: tuple[str, str]) -> dict:
    made = {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.9}}
    return made | {
        str(i): {"class-name": n, "hex-color": h, "confidence": 0.9} for i, (n, h) in enumerate(entries, 1)
    }


def line(color_map: dict, name: str = "job-ref", key: str = KEY, **more: object) -> dict:
    return {"source-ref": "s3://in/a.jpg", name: key, f"{name}-metadata": {
        "internal-color-map": color_map, "type": "groundtruth/semantic-segmentation",
        "human-annotated": "yes"}, **more}  # fmt: skip


def manifest(*lines: dict, end: str = "") -> bytes:
    return ("\n".join(map(json.dumps, lines)) + end).encode()


def palette(*hexes: str) -> list[int]:
    return [int(color[at : at + 2], 16) for color in hexes for at in (1, 3, 5)]


INDICES = grid("012", "210")
MASK = png(INDICES, "P", palette("#ffffff", CAR, DOG))
HERE = KEY.rpartition("/")[2]


@pytest.mark.parametrize("place", [
    HERE, "consolidated-annotation/output/" + HERE, "../../" + KEY.removeprefix("s3://out/job/"),
    "masks/" + HERE, HERE.replace(":", "_"),
])  # fmt: skip
def test_masks_are_found_beside_the_manifest(place: str):
    (record,) = read_files(
        "sagemaker", {"output.manifest": manifest(line(colors(("car", CAR), ("dog", DOG)))), place: MASK}
    )
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), INDICES)
    assert (record.image, codes(record)) == ("s3://in/a.jpg", [])


def test_colours_count_where_the_indices_are_wrong():
    """Jobs of mid-2020: the map's numbers disagree with the indices of the pixels, the colours agree."""
    (record,) = read_files(
        "sagemaker", {"m.manifest": manifest(line(colors(("dog", DOG), ("car", CAR)))), HERE: MASK}
    )
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), INDICES)


def test_maps_differ_from_line_to_line():
    other = png(grid("01"), "P", palette("#ffffff", DOG))
    files = {"m.manifest": manifest(line(colors(("car", CAR), ("dog", DOG))), line(colors(("dog", DOG)), key="s3://b/o.png")),
             HERE: MASK, "b/o.png": other}  # fmt: skip
    first, second = read_files("sagemaker", files)
    assert np.array_equal(painted(first, "car", "dog", size=(3, 2)), INDICES)
    assert painted(second, "car", "dog", size=(2, 1)).tolist() == [[0, 2]]


def test_in_a_grey_mask_the_index_is_all_there_is():
    (record,) = read_files(
        "sagemaker", {"m.manifest": manifest(line(colors(("car", CAR), ("dog", DOG)))), HERE: png(INDICES)}
    )
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), INDICES)


def test_colour_masks_are_read_by_colour():
    rgb = np.array(palette("#ffffff", CAR, DOG), np.uint8).reshape(3, 3)[INDICES]
    (record,) = read_files(
        "sagemaker", {"m.manifest": manifest(line(colors(("car", CAR), ("dog", DOG)))), HERE: png(rgb)}
    )
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), INDICES)


def test_the_class_list_has_all_lines_classes_in_the_order_of_their_numbers():
    first, second = colors(("z", CAR), ("b\u00e9", DOG)), colors(("z", CAR), ("a", DOG))
    second["10"] = {"hex-color": "#000001", "class-name": "last"}
    content = manifest(line(first), line(second), {"source-ref": "x"}) + b'\n{"broken'
    assert open_files("sagemaker", {"m.manifest": content}).labels == ["z", "a", "b\u00e9", "last"]
    assert open_files("sagemaker", {"m.manifest": manifest({"source-ref": "x"})}).labels is None


def attribute(name: str, mask: str, color_map: dict, **metadata: object) -> dict:
    """Return a label attribute and its metadata."""
    made = line(color_map, f"{name}-ref", mask)
    made[f"{name}-ref-metadata"] |= metadata
    del made["source-ref"]
    return made


OLD = attribute(
    "one", "s3://b/run/gone.png", colors(("old", CAR)), **{"creation-date": "2026-01-01T00:00:00"}
)
NEW = attribute("two", KEY, colors(("car", CAR), ("dog", DOG)), **{"creation-date": "2026-01-02T00:00:00"})
ADJUSTED = attribute("two", KEY, colors(("car", CAR), ("dog", DOG)), **{"adjustment-status": "adjusted"})
FAILED = {"two-ref-metadata": {"failure-reason": "ClientError: nobody agreed", "job-name": "labeling-job/x"}}
HEAD = {"source-ref": "s3://in/a.jpg"}


def test_the_newest_attribute_counts_wherever_it_stands():
    for parts in ((OLD, NEW), (NEW, OLD)):
        both = {**parts[0], **HEAD, **parts[1]}
        files = {"m.manifest": manifest(both), HERE: MASK, "run/gone.png": MASK}
        (record,) = read_files("sagemaker", files)
        assert (labels(record), codes(record)) == (["car", "dog"], ["annotation-chosen"])
        assert open_files("sagemaker", files).labels == ["car", "dog"]
        for name in ("one", "one-ref"):
            assert open_files("sagemaker", files, class_attribute=name).labels == ["old"]
            (record,) = read_files("sagemaker", files, class_attribute=name)
            assert (labels(record), codes(record)) == (["old"], [])


def test_what_a_job_adjusted_is_newer_than_any_date():
    for parts in ((OLD, ADJUSTED), (ADJUSTED, OLD)):
        (record,) = read_files("sagemaker", {"m.manifest": manifest(HEAD | parts[0] | parts[1]), HERE: MASK})
        assert (labels(record), codes(record)) == (["car", "dog"], [])


def test_where_nothing_tells_which_is_the_newest_none_is_taken():
    undated = attribute("one", KEY, colors(("old", CAR))) | attribute("two", KEY, colors(("car", CAR)))
    for order in (undated, dict(reversed(undated.items()))):
        (record,) = read_files("sagemaker", {"m.manifest": manifest(HEAD | order), HERE: MASK})
        (finding,) = record.findings
        assert (finding.code, finding.detail) == ("attribute-undecided", "one-ref, two-ref")
        (record,) = read_files(
            "sagemaker", {"m.manifest": manifest(HEAD | order), HERE: MASK}, class_attribute="two"
        )
        assert (labels(record), codes(record)) == (["car"], [])


def test_failed_and_unanswered_objects_are_told_with_the_reason():
    content = manifest(HEAD | OLD | ADJUSTED, HEAD | OLD, HEAD | OLD | FAILED, HEAD | FAILED)
    records = read_files("sagemaker", {"m.manifest": content, HERE: MASK, "run/gone.png": MASK})
    assert [codes(record) for record in records] == [[], ["answer-missing"], ["answer-failed"],
                                                     ["object-unlabeled"]]  # fmt: skip
    assert [labels(record) for record in records] == [["car", "dog"], ["old"], ["old"], []]
    for record in records[2:]:
        assert "ClientError: nobody agreed" in record.findings[0].detail


def test_an_attribute_without_usable_metadata_is_told():
    for broken in (None, [], 3, {}, {"type": "groundtruth/semantic-segmentation"}):
        both = HEAD | OLD | ADJUSTED | {"two-ref-metadata": broken}
        (record,) = read_files("sagemaker", {"m.manifest": manifest(both), "run/gone.png": MASK})
        assert (labels(record), codes(record)) == (["old"], ["annotation-bad"])


def test_a_mask_is_never_what_only_has_its_last_name(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    key = "s3://teamb/v2/masks/p0.png"
    files = {"run1/m.manifest": manifest(line(colors(("car", CAR)), key=key)), "run1/masks/p0.png": MASK,
             "run1/p0.png": MASK, "p0.png": MASK}  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    nowhere = S3Settings(endpoint_url="http://127.0.0.1:9")
    source = str(tmp_path / "run1/m.manifest")
    with pytest.raises(StorageError):
        list(read(source, s3=nowhere))
    for place in ("v2/masks/p0.png", "teamb/v2/masks/p0.png"):
        own = tmp_path / "run1" / place
        own.parent.mkdir(parents=True)
        own.write_bytes(MASK)
        (record,) = read(source, s3=nowhere)
        assert labels(record) == ["car"]
        own.unlink()


def test_copies_are_found_below_masks_by_the_longest_end_that_is_one_references_own(tmp_path):
    content = manifest(line(colors(("car", CAR)), key="s3://b/x/1.png"),
                       line(colors(("car", CAR)), key="s3://b/y/1.png"),
                       line(colors(("car", CAR)), key="s3://b/y/2.png"))  # fmt: skip
    files = {"m.manifest": content}
    (tmp_path / "x").mkdir()
    (tmp_path / "1.png").write_bytes(MASK)
    (tmp_path / "2.png").write_bytes(MASK)
    (tmp_path / "x/1.png").write_bytes(MASK)
    found = [codes(record) for record in read_files("sagemaker", files, masks=str(tmp_path))]
    assert found == [[], ["mask-missing"], []]


def test_a_mask_that_is_not_there_rejects_the_line():
    for key in ("masks/none.png", "https://x.y/none.png", "../../../etc/none.png", "/nowhere/none.png"):
        (record,) = read_files("sagemaker", {"m.manifest": manifest(line(colors(("car", CAR)), key=key))})
        assert codes(record) == ["mask-missing"]


@pytest.mark.parametrize(("document", "found"), [
    ({"source-ref": "s3://a/b.jpg"}, ["record-unannotated"]), ({"source-ref": 3, "x": 1}, []),
    ({"source-ref": ""}, ["image-name-bad"]), ([], ["record-bad"]),
    ({"source-ref": "a", "b-ref": "c", "b-ref-metadata": {"internal-color-map": 3}},
     ["annotation-bad", "record-unannotated"]),
])  # fmt: skip
def test_lines_that_are_no_masks(document: object, found: list):
    content = manifest(line(colors(("car", CAR))), document)
    record = read_files("sagemaker", {"m.manifest": content, HERE: MASK})[1]
    assert codes(record) == (found or ["record-unannotated"])


def test_line_ends_do_not_matter():
    for end in ("", "\n", "\r\n", "\n\n"):
        files = {"m.manifest": manifest(line({}), line({}), end=end), HERE: MASK}
        assert len(read_files("sagemaker", files)) == 2


def test_a_class_without_a_colour_is_told():
    broken = colors(("car", CAR))
    broken["2"] = {"class-name": "dog"}
    (record,) = read_files("sagemaker", {"m.manifest": manifest(line(broken)), HERE: MASK})
    assert (labels(record), codes(record)) == (["car"], ["shape-bad-geometry"])


@pytest.mark.parametrize(
    ("hexes", "right", "doubts"),
    [
        (("#ffffff", CAR, DOG), "012210", 0),
        (("#ffffff", CAR, DOG, "#ffffff", CAR), "012210", 0),
        ((CAR, DOG, "#ffffff"), "120021", 3),
        (("#ffffff", "#ffffff", CAR), "001100", 2),
        (("#ffffff", "#ffffff", "#ffffff"), "000000", 2),
        (("#ffffff", DOG, CAR), "021120", 2),
    ],
)
def test_a_palette_that_gives_a_value_the_colour_of_another_class_is_told(
    hexes: tuple[str, ...], right: str, doubts: int
):
    """The colours count, but it may be the palette that is wrong: off by one, or white all over."""
    entries = colors(("car", CAR), ("dog", DOG))
    mask = png(INDICES, "P", palette(*hexes))
    (record,) = read_files("sagemaker", {"m.manifest": manifest(line(entries)), HERE: mask})
    assert np.array_equal(painted(record, "car", "dog", size=(3, 2)), grid(right[:3], right[3:]))
    told = [finding.detail for finding in record.findings if finding.code == "mask-reading-guessed"]
    assert sum(detail.count(" pixels of value ") for detail in told) == doubts
    label = parse_line(json.dumps(line(entries)).encode()).labels[0]
    made = Relabeler({"BACKGROUND": 0, "car": 1, "dog": 2}).relabel(mask, label)
    assert np.array_equal(made.mask, grid(right[:3], right[3:]))
    assert len(made.doubts) == doubts


def test_a_value_without_a_class_that_has_the_colour_of_one_is_told():
    """White at a place that the color map does not have: pixels that nobody labeled, or background."""
    mask = png(grid("015"), "P", palette("#ffffff", CAR, DOG, *["#ffffff"] * 3))
    (record,) = read_files("sagemaker", {"m.manifest": manifest(line(colors(("car", CAR)))), HERE: mask})
    (told,) = [finding.detail for finding in record.findings if finding.code == "mask-reading-guessed"]
    assert told.endswith("1 pixels of value 5, no class, have the colour of BACKGROUND")


def test_an_answer_tells_of_a_colour_in_use_that_two_classes_have():
    label = parse_line(
        json.dumps(line(colors(("car", CAR), ("dog", CAR), ("cat", DOG), ("cow", DOG)))).encode()
    )
    ids = {"BACKGROUND": 0, "car": 1, "dog": 2, "cat": 3, "cow": 4}
    for mask in (
        png(grid("011"), "P", palette("#ffffff", CAR)),
        png(np.full((1, 1, 3), (44, 160, 44)), "RGB"),
    ):
        assert Relabeler(ids).relabel(mask, label.labels[0]).shared == [f"car, dog: {CAR}"]


def test_two_classes_of_one_name_are_told():
    content = manifest(line(colors(("car", CAR), ("car", DOG))))
    (record,) = read_files("sagemaker", {"output.manifest": content, HERE: MASK})
    assert codes(record) == ["label-duplicate"]


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_of_several_lines_of_an_image_the_newest_label_counts(order: tuple[int, ...], tmp_path: Path):
    """Split jobs and further rounds, merged into one manifest or given as two, in any order."""
    car = colors(("car", CAR))
    older = {"creation-date": "2026-01-01T00:00:00"}
    values = {
        "job": older | {"adjustment-status": "adjusted", "job-name": "labeling-job/one"},
        "round": {"creation-date": "2026-02-01T00:00:00", "adjustment-status": "adjusted"},
        "plain": {"creation-date": "2026-03-01T00:00:00"},
    }
    lines = []
    for number, (name, metadata) in enumerate(values.items()):
        (tmp_path / f"{name}.png").write_bytes(png(np.eye(3, dtype=np.uint8)[[number] * 2]))
        label = attribute(name, str(tmp_path / f"{name}.png"), car, **metadata)
        lines.append({"source-ref": "s3://in/a.jpg", **label})
    failed = {"again-ref-metadata": {"failure-reason": "none", "creation-date": "2026-04-01T00:00:00"}}
    lines.append({"source-ref": "s3://in/a.jpg", **failed})
    other = {"source-ref": "s3://in/b.jpg", **attribute("plain", str(tmp_path / "plain.png"), car)}
    merged = [lines[number] for number in order]
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        Image.new("L", (3, 2)).save(tmp_path / f"in/{name}.jpg")
    for number, documents in enumerate(([[*merged, other]], [merged[:2], [*merged[2:], other]])):
        folder, out = tmp_path / f"export{number}", tmp_path / f"out{number}"
        folder.mkdir()
        for place, document in enumerate(documents):
            (folder / f"{place}.manifest").write_bytes(manifest(*document))
        made = gtmask.convert(folder, out, images=str(tmp_path / "in"), workers=1)
        assert (made.tally.masks, made.tally.rejects) == (2, 3)
        assert made.tally.findings["image-duplicate"] >= 2
        assert np.asarray(Image.open(out / "masks/a.png")).tolist() == [[0, 1, 0]] * 2


@pytest.mark.parametrize("mode", ["palette", "colours"])
def test_a_class_with_the_colour_of_the_background_is_told(mode: str):
    hexes = palette("#ffffff", CAR)
    indices = grid("01", "10")
    data = png(indices, "P", hexes) if mode == "palette" else png(
        np.array(hexes, np.uint8).reshape(2, 3)[indices])  # fmt: skip
    found = {"m.manifest": manifest(line(colors(("car", CAR), ("cloud", "#ffffff")))), HERE: data}
    (record,) = read_files("sagemaker", found)
    assert codes(record) == ["segment-id-shared"]
