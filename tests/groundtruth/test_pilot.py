"""The micro-batch: which images are chosen, and what is written."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gtmask
from gtmask.errors import (
    AccessError,
    CredentialsError,
    ManifestError,
    NotFoundError,
    TransientError,
    UsageError,
)
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.groundtruth.media import MediaReader, MediaSettings
from gtmask.groundtruth.sampling import Candidate, Sampling
from gtmask.manifest.line import parse_line
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import decode_png, encode_png, read_header
from gtmask.storage import S3Settings

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ["Car", "Road", "Person", "Sky", "Never"]


def look(
    line: int, classes: set[int], painted: int = 1, pixels: int = 100, orientation: int = 1
) -> Candidate:
    present = np.zeros(256, np.uint8)
    present[list(classes | {0})] = 1
    packed = np.packbits(present, bitorder="little").tobytes()
    return Candidate(line, (10 * line, 9), packed, painted, pixels, orientation)


def choice(*glances: Candidate) -> Sampling:
    made = Sampling()
    for entry in glances:
        made.add(entry)
    return made


def test_the_cover_comes_first_and_then_the_extremes() -> None:
    made = choice(
        look(1, {1}), look(2, {1, 2, 3}, painted=5), look(3, {4}), look(4, {1}, pixels=900),
        look(5, {1, 2, 3}, painted=60), look(6, {2}, orientation=8), look(7, set()),
    )  # fmt: skip
    picks = made.choose(5, seed=1)
    assert {pick.line for pick in picks[:2]} in ({2, 3}, {5, 3})
    assert {pick.line for pick in picks} >= {3, 4, 5, 6}
    reasons = {pick.line: pick.reason for pick in picks}
    assert reasons[4] == "is the largest"
    assert reasons[6] == "is turned by EXIF"
    assert picks[0].span == (10 * picks[0].line, 9)
    assert made.classes() == {1, 2, 3, 4}


@given(
    st.lists(st.tuples(st.sets(st.integers(1, 12), max_size=4), st.integers(0, 50)), min_size=1, max_size=40),
    st.integers(1, 8),
    st.integers(0, 5),
)
def test_a_choice_is_small_repeatable_and_covers(
    masks: list[tuple[set[int], int]], count: int, seed: int
) -> None:
    made = choice(*(look(i, classes, painted) for i, (classes, painted) in enumerate(masks)))
    picks = made.choose(count, seed)
    assert picks == made.choose(count, seed)
    assert len(picks) == min(count, len(masks)) == len({pick.line for pick in picks})
    shown = set().union(*(masks[pick.line][0] for pick in picks))
    everything = set().union(*(classes for classes, _ in masks))
    # Each pick of a greedy cover shows something new, or all is shown.
    assert shown == everything or len(shown) >= count


def data(folder: Path, turned: int | None = None) -> Path:
    writer = ManifestWriter(class_map_from_labels(LABELS), creation_date="2024-01-01T00:00:00.000000")
    lines = []
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for i in range(30):
        mask = np.zeros((20, 30), np.uint8)
        mask[3:9, 4:9] = 1 if i % 2 else 2
        if i == 11:
            mask[10:, :] = 3
        if i == 23:
            mask[12, 5] = 4  # a single pixel is enough to be shown
        exif = Image.Exif()
        exif[0x0112] = 6 if i == turned else 1
        Image.new("RGB", (30, 20), (i, i, i)).save(folder / "images" / f"img {i}.jpg", exif=exif)
        (folder / "masks" / f"img {i}.png").write_bytes(encode_png(mask))
        lines.append(writer.line(f"s3://b/images/img {i}.jpg", f"s3://b/masks/img {i}.png"))
    path = folder / "labeling-qa.manifest"
    path.write_bytes(b"".join(lines))
    return path


def run(path: Path, **options: Any) -> Any:
    places = {"images": str(path.parent / "images"), "masks": str(path.parent / "masks")}
    return gtmask.pilot(path, path.parent / "pilot", **{**places, **options})


def test_a_pilot_shows_every_class_that_occurs(tmp_path: Path) -> None:
    result = run(data(tmp_path, turned=17), count=5)
    lines = (tmp_path / "pilot" / "pilot.manifest").read_bytes().splitlines()
    big = (tmp_path / "labeling-qa.manifest").read_bytes().splitlines()
    assert len(lines) == len(result.chosen) == 5
    assert [big[entry.line - 1] for entry in result.chosen] == lines
    assert {12, 24, 18} <= {entry.line for entry in result.chosen}
    assert result.classes == {1: "Car", 2: "Road", 3: "Person", 4: "Sky"}
    assert set().union(*(entry.classes for entry in result.chosen)) == {1, 2, 3, 4}
    assert (result.missing, result.unused, result.unusable) == ((), (5,), 0)
    assert result.manifest == f"{tmp_path}/pilot/pilot.manifest"
    assert not result.local
    assert any("colours" in sentence for sentence in result.look_for)
    assert [path.name for path in (tmp_path / "pilot").iterdir() if path.is_file()] == ["pilot.manifest"]


def test_the_same_seed_chooses_the_same_images_and_another_may_not(tmp_path: Path) -> None:
    path = data(tmp_path)
    chosen = [tuple(entry.line for entry in run(path, count=3, seed=seed).chosen) for seed in (0, 0, 1, 2, 3)]
    assert chosen[0] == chosen[1]
    assert len(set(chosen)) > 1


def test_what_has_no_room_is_told(tmp_path: Path) -> None:
    result = run(data(tmp_path), count=1)
    assert len(result.chosen) == 1
    assert len(result.missing) == 2


def test_masks_are_copied_where_asked(tmp_path: Path) -> None:
    result = run(data(tmp_path), count=3, copy_masks=True, mask_uri="s3://pilot/masks")
    for i, text in enumerate((tmp_path / "pilot" / "pilot.manifest").read_bytes().splitlines(), 1):
        line = parse_line(text)
        name = line.source_ref.rpartition("/")[2].replace(".jpg", ".png")
        assert line.newest.mask == f"s3://pilot/masks/{i:02}-{name}"
        copied = (tmp_path / "pilot" / "masks" / f"{i:02}-{name}").read_bytes()
        assert copied == (tmp_path / "masks" / name).read_bytes()
        assert line.source_ref == result.chosen[i - 1].source_ref


def test_comparing_writes_each_image_twice(tmp_path: Path) -> None:
    result = run(data(tmp_path), count=3, compare_png=True)
    lines = [parse_line(text) for text in (tmp_path / "pilot/pilot.manifest").read_bytes().splitlines()]
    assert len(lines) == 6
    assert len({line.source_ref for line in lines}) == 6
    for i, line in enumerate(lines):
        mode = ("gray", "palette")[i % 2]
        original = result.chosen[i // 2].source_ref.rpartition("/")[2].removesuffix(".jpg")
        assert line.source_ref == f"{tmp_path}/pilot/images/{i // 2 + 1:02}-{original}-{mode}.jpg"
        written = (tmp_path / "pilot" / "masks" / f"{i // 2 + 1:02}-{original}-{mode}.png").read_bytes()
        assert read_header(written).color_type == (0, 3)[i % 2]
        before = decode_png((tmp_path / "masks" / f"{original}.png").read_bytes())
        assert np.array_equal(decode_png(written), before)
        copied = (tmp_path / "pilot" / "images" / f"{i // 2 + 1:02}-{original}-{mode}.jpg").read_bytes()
        assert Image.open(io.BytesIO(copied)).size == (30, 20)
    assert "--png" in result.look_for[-1]
    assert result.local
    report = gtmask.validate(tmp_path / "pilot" / "pilot.manifest", level="deep", strict=True)
    assert report.codes == {"reference-local": 12}


def test_lines_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    path = data(tmp_path)
    (tmp_path / "masks" / "img 11.png").write_bytes(b"no PNG")
    (tmp_path / "images" / "img 23.jpg").unlink()
    (tmp_path / "masks" / "img 5.png").write_bytes(encode_png(np.full((20, 31), 5, np.uint8)))
    result = run(path)
    assert result.unusable == 3
    assert result.classes == {1: "Car", 2: "Road"}


def test_a_pilot_of_nothing_is_refused(tmp_path: Path) -> None:
    path = data(tmp_path)
    with pytest.raises(UsageError, match="--count 0 must be at least 1"):
        run(path, count=0)
    with pytest.raises(UsageError, match="--seed -1 must be"):
        run(path, seed=-1)
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(
        ManifestError, match=r"none of 30 lines has an image and a mask that can be read: There is noth"
    ):
        gtmask.pilot(path, tmp_path / "pilot", images=str(tmp_path), masks=str(tmp_path / "nowhere"))
    path.write_bytes(orjson.dumps({"source-ref": "s3://b/a.jpg"}))
    with pytest.raises(ManifestError, match="line 1: mask-key-missing"):
        run(path)
    assert not (tmp_path / "pilot").exists()


COLOR_MAPS: dict[str, Any] = {
    "a list": ["Car"],
    "nothing": None,
    "no class ids": {"x": {"class-name": "Car"}, "-1": {"class-name": "Car"}, "999": {"class-name": "Car"}},
    "texts": {"1": "Car"},
}


def test_what_a_pilot_would_harm_or_leave_without_effect_is_refused(tmp_path: Path) -> None:
    path = data(tmp_path)
    small = path.rename(tmp_path / "pilot.manifest")
    before = small.read_bytes()
    for options, sentence in (
        ({"out": tmp_path}, "--out .* would overwrite the manifest"),
        ({"out": small}, "--out .* is a file"),
        ({"out": tmp_path / "p", "mask_uri": "s3://b/m"}, "--mask-uri is for copies"),
        ({"out": tmp_path / "p", "image_uri": "s3://b/i", "copy_masks": True}, "--image-uri is for copies"),
        ({"out": tmp_path / "p", "mask_uri": "masks", "copy_masks": True}, "--mask-uri 'masks' must be"),
        ({"out": tmp_path / "p", "masks": str(tmp_path / "no")}, "--masks .* is no folder"),
    ):
        with pytest.raises((UsageError, NotFoundError), match=sentence):
            gtmask.pilot(small, **options)
    assert small.read_bytes() == before
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("case", COLOR_MAPS)
@pytest.mark.parametrize("command", ["pilot", "preview"])
def test_a_color_map_that_is_none_is_no_crash(command: str, case: str, tmp_path: Path) -> None:
    path = data(tmp_path)
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        line["labeling-qa-ref-metadata"]["internal-color-map"] = COLOR_MAPS[case]
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    if command == "pilot":
        assert run(path).classes == {number: f"value {number}" for number in (1, 2, 3, 4)}
    else:
        places = {"images": str(tmp_path / "images"), "masks": str(tmp_path / "masks")}
        gtmask.preview(path, tmp_path / "look.html", **places)
        assert (tmp_path / "look.html").stat().st_size > 1000


def test_lines_are_taken_over_byte_by_byte(tmp_path: Path) -> None:
    path = data(tmp_path)
    nested = b'{"a":' * 300 + b"12345678901234567890123" + b"}" * 300
    path.write_bytes(path.read_bytes().replace(b'{"source-ref"', b'{"note": ' + nested + b', "source-ref"'))
    run(path, count=2)
    big = path.read_bytes().splitlines()
    assert all(line in big for line in (tmp_path / "pilot" / "pilot.manifest").read_bytes().splitlines())
    with pytest.raises(ManifestError, match="cannot be written with other references"):
        run(path, count=2, copy_masks=True)


def test_comparing_needs_colors(tmp_path: Path) -> None:
    path = data(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"#2ca02c", b"green"))
    with pytest.raises(ManifestError, match=r"'green' is not a colour .* `gtmask validate`"):
        run(path, compare_png=True)


def validate(path: Path) -> Any:
    places = {"images": str(path.parent / "images"), "masks": str(path.parent / "masks")}
    return gtmask.validate(path, workers=1, **places)


@pytest.mark.parametrize("method", ["look_at_image", "read_mask"])
@pytest.mark.parametrize("error", [TransientError, CredentialsError, AccessError])
@pytest.mark.parametrize("call", [validate, run])
def test_only_what_is_wrong_with_a_file_is_told_of_the_file(
    method: str, error: type[Exception], call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server out of reach, or credentials that are refused, say nothing about any image: the run stops."""
    path = data(tmp_path)

    async def refused(*_: object, **__: object) -> None:
        raise error("no answer")

    monkeypatch.setattr(MediaReader, method, refused)
    if error is not AccessError:
        with pytest.raises(error, match="no answer"):
            call(path)
    elif call is validate:
        code = "source-unreadable" if method == "look_at_image" else "mask-unreadable"
        assert call(path).codes == {code: 30}
    else:
        with pytest.raises(
            ManifestError, match="none of 30 lines has an image and a mask that can be read: no an"
        ):
            call(path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("images", "There is no image s3://b/images/img 0.jpg"),
        ("masks", "There is nothing at s3://b/masks/img 0.png"),
    ],
)
def test_it_is_told_where_a_file_was_looked_for(kind: str, said: str, tmp_path: Path) -> None:
    path = data(tmp_path)
    for file in (tmp_path / kind).iterdir():
        file.unlink()
    with pytest.raises(ManifestError) as caught:
        run(path)
    assert f"{said} below {tmp_path / kind}." in str(caught.value)


def test_images_are_looked_for_among_images_and_masks_among_masks(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    settings = MediaSettings(S3Settings(), str(tmp_path / "images"), str(tmp_path / "masks"))

    async def look() -> None:
        async with MediaReader(settings) as media:
            for read, kind in ((media.read_image, "images"), (media.read_mask, "masks")):
                with pytest.raises(NotFoundError, match=f"nothing at s3://b/x.png below {tmp_path / kind}"):
                    await read("s3://b/x.png")

    asyncio.run(look())


def test_a_pilot_of_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    path = data(tmp_path)
    path.write_bytes(b'{"images":[]}\n' * 3)
    with pytest.raises(ManifestError, match=r"labeling-qa\.manifest is no manifest: no line has"):
        run(path)
