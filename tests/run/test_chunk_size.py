"""How many images a chunk has where nobody says it: by what there is to convert, once for all starts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gtmask
from gtmask.errors import RunConflictError
from gtmask.formats import open_reader
from gtmask.run import chunk_size
from gtmask.run.chunk_size import LEAST, LONGEST, MOST, NEAR, Load, fitting_size, kept_size
from gtmask.run.plan import freeze, load_plan
from gtmask.storage import open_storage
from tests.support import coco_data
from tests.support.commands import tree

if TYPE_CHECKING:
    from pathlib import Path

DATE = "2024-01-01T00:00:00.000000"
COMMON: dict[str, Any] = {
    "creation_date": DATE,
    "workers": 1,
    "mask_uri": "s3://b/m",
    "image_uri": "s3://b/i",
}
COUNT = 40
LOADS = st.builds(
    lambda count, shapes, pixels, *s3: Load(count, count * shapes, count * pixels, *s3),
    st.integers(1, 10**8), st.floats(0, 1e5), st.floats(1, 1e9), st.booleans(), st.booleans(),
)  # fmt: skip


@given(LOADS)
def test_a_chunk_is_never_too_small_too_large_or_too_long(load: Load) -> None:
    size = fitting_size(load)
    assert LEAST <= size <= MOST
    assert size == LEAST or size * load.each <= LONGEST * 1.1


@given(LOADS, st.floats(1, 100))
def test_the_heavier_images_are_the_fewer_has_a_chunk_and_the_more_images_the_more(
    load: Load, factor: float
) -> None:
    more = round(load.records * factor)
    shapes, pixels = (whole * more / load.records for whole in (load.shapes, load.pixels))
    alike = load._replace(records=more, shapes=shapes, pixels=pixels)
    assert fitting_size(alike) >= fitting_size(load)
    assert fitting_size(load._replace(shapes=load.shapes * factor)) <= fitting_size(load)
    assert fitting_size(load._replace(pixels=load.pixels * factor)) <= fitting_size(load)


@given(LOADS)
def test_what_chunks_cost_and_what_they_keep_waiting_is_least(load: Load) -> None:
    def cost(size: float) -> float:
        return load.records / size * load.chunk + size * load.each

    size = fitting_size(load)
    if LEAST < size < MOST and size * load.each < LONGEST / 2:
        assert cost(size) <= 1.001 * min(cost(size / 2), cost(size - 1), cost(size + 1), cost(size * 2))


@pytest.mark.parametrize(("count", "shapes", "pixels", "fewest", "most"), [
    (200, 8, 640 * 480, 5, 16),  # two workers have something to do to the end
    (3_000, 8, 640 * 480, 16, 60),
    (1_000_000, 1, 256 * 256, 1_900, 2_100),  # part files cost money in S3
    (1_000, 3_000, 4096 * 4096, 30, 125),  # large drawings: a crash costs a second of them
    (3, 8, 640 * 480, 1, 1),
])  # fmt: skip
def test_runs_are_cut_into_as_many_chunks_as_they_need(
    count: int, shapes: int, pixels: int, fewest: int, most: int
) -> None:
    chunks = -(-count // fitting_size(Load(count, count * shapes, count * pixels)))
    assert fewest <= chunks <= most


def test_chunks_in_s3_have_more_images() -> None:
    for count in (200, 3_000):
        local = Load(count, 8 * count, 3e5 * count)
        assert fitting_size(local) < fitting_size(local._replace(gets=True, puts=True)) < count


def test_an_export_without_records_has_a_size_too() -> None:
    assert fitting_size(Load(0, 0, 0)) == LEAST


@given(LOADS, st.integers(1, 100_000))
def test_an_update_keeps_the_size_while_it_is_near(load: Load, earlier: int) -> None:
    best, kept = fitting_size(load), kept_size(earlier, load)
    assert kept == earlier if max(best, earlier) <= NEAR * min(best, earlier) else kept == best
    assert kept_size(kept, load) == kept


def frozen_size(out: Path) -> int:
    size: int = json.loads((out / "_gtmask" / "run.json").read_bytes())["settings"]["chunk_size"]
    return size


def outcome(out: Path) -> dict[str, bytes]:
    """Return what a run leaves behind but its own state."""
    return {name: data for name, data in tree(out).items() if not name.startswith("_gtmask")}


def names(count: int = COUNT) -> list[str]:
    return [f"{number:03d}.png" for number in range(count)]


def coco(folder: Path, shapes: int) -> Path:
    path = coco_data.write(folder, names())
    document = json.loads(path.read_bytes())
    document["annotations"] = [
        {"id": number, "image_id": image["id"], "category_id": 3, "iscrowd": 0,
         "segmentation": [[1, 1, 15.25, 1, 15.25, 9.5, 1, 9.5]]}
        for image in document["images"] for number in range(shapes)
    ]  # fmt: skip
    path.write_text(json.dumps(document))
    return path


def labelme(folder: Path, shapes: int) -> Path:
    square = {"label": "a", "points": [[1, 1], [15, 1], [15, 9]], "shape_type": "polygon"}
    coco_data.write(folder, names())
    for name in names():
        document = {"version": "5.4.1", "imagePath": name, "imageData": None, "imageWidth": 20,
                    "imageHeight": 12, "flags": {}, "shapes": [square] * shapes}  # fmt: skip
        path = folder / "labels" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document))
    return folder / "labels"


def cvat(folder: Path, shapes: int) -> Path:
    square = '<polygon label="a" source="manual" occluded="0" points="1,1;15,1;15,9" z_order="0"/>'
    images = "".join(
        f'<image id="{number}" name="{name}" width="20" height="12">{square * shapes}</image>'
        for number, name in enumerate(names())
    )
    coco_data.write(folder, names())
    path = folder / "annotations.xml"
    path.write_text(
        "<annotations><version>1.1</version><meta><task><labels><label><name>a</name></label></labels></task>"
        f"</meta>{images}</annotations>"
    )
    return path


@pytest.mark.parametrize("write", [coco, labelme, cvat])
def test_a_run_is_cut_by_what_its_export_holds(tmp_path: Path, write: Any) -> None:
    """Told by tables (COCO), by all records (labelme), or by the first ones (CVAT)."""
    sizes = []
    for shapes in (1, 60):
        folder = tmp_path / str(shapes)
        folder.mkdir()
        source = write(folder, shapes)
        for out in ("out", "dealt"):
            workers = {"workers": 1} if out == "out" else {"shard": "0/3"}
            gtmask.convert(source, folder / out, images=folder / "images", **COMMON | workers)
        assert frozen_size(folder / "out") == frozen_size(folder / "dealt")
        sizes.append(frozen_size(folder / "out"))
    light, heavy = sizes
    assert LEAST <= heavy < light < COUNT


def test_a_class_map_that_is_given_changes_nothing(tmp_path: Path) -> None:
    source = labelme(tmp_path, 60)
    classes = tmp_path / "classes.toml"
    classes.write_text('[[class]]\nid = 1\nname = "a"\n')
    gtmask.convert(source, tmp_path / "made", images=tmp_path / "images", **COMMON)
    gtmask.convert(source, tmp_path / "given", images=tmp_path / "images", classes=classes, **COMMON)
    assert frozen_size(tmp_path / "given") == frozen_size(tmp_path / "made")


def test_a_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Load] = []

    def size(load: Load) -> int:
        asked.append(load)
        return LEAST

    monkeypatch.setattr("gtmask.run.new_plan.fitting_size", size)
    source = coco(tmp_path, 3)
    for number, limit in enumerate((None, 10)):
        gtmask.convert(source, tmp_path / str(number), images=tmp_path / "images", limit=limit, **COMMON)
    whole, part = asked
    assert (whole.records, part.records) == (COUNT, 10)
    assert whole.shapes == pytest.approx(4 * part.shapes, rel=0.1)
    document = json.loads(source.read_bytes())
    first = document["images"][: gtmask.run.survey.TASTE]
    mean = sum(image["width"] * image["height"] for image in first) / len(first)
    assert part.pixels == pytest.approx(10 * mean)


@pytest.mark.parametrize("size", [None, 1, 7, 128])
def test_the_output_is_the_same_whatever_the_size(tmp_path: Path, size: int | None) -> None:
    source = coco_data.write(tmp_path, names())
    options = COMMON | {"images": tmp_path / "images"}
    gtmask.convert(source, tmp_path / "one", chunk_size=COUNT, **options)
    gtmask.convert(source, tmp_path / "other", chunk_size=size, **options)
    assert outcome(tmp_path / "one") == outcome(tmp_path / "other")


def test_who_goes_on_need_not_know_the_size(tmp_path: Path) -> None:
    source = coco_data.write(tmp_path, names())
    options = COMMON | {"images": tmp_path / "images"}
    for given_size in (
        128,
        None,
    ):  # what a run that began by an earlier default has, and one that was worked out
        out = tmp_path / str(given_size)
        gtmask.convert(source, out, shard="0/2", chunk_size=given_size, **options)
        size = frozen_size(out)
        assert given_size in {None, size}
        # A size that is given must be the same.
        with pytest.raises(RunConflictError, match=f"--chunk-size was {size} and is {size + 1}"):
            gtmask.convert(source, out, chunk_size=size + 1, **options)
        gtmask.convert(source, out, shard="1/2", chunk_size=size, **options)
        assert gtmask.convert(source, out, **options).complete
        assert frozen_size(out) == size


def test_of_two_starts_at_once_the_first_ones_size_counts_unless_another_was_given(tmp_path: Path) -> None:
    source = coco_data.write(tmp_path, names())
    gtmask.convert(source, tmp_path / "out", images=tmp_path / "images", **COMMON)

    async def second(size: int, filled_in: list[str]) -> int:
        async with open_storage(str(tmp_path / "out")) as out:
            first = await load_plan(out)
            assert first is not None
            plan = replace(first, settings=first.settings | {"chunk_size": size})
            found: int = (await freeze(out, plan, filled_in)).settings["chunk_size"]
            return found

    size = frozen_size(tmp_path / "out")
    assert asyncio.run(second(size, [])) == size
    assert asyncio.run(second(size + 1, ["chunk_size"])) == size
    with pytest.raises(RunConflictError, match=f"--chunk-size was {size} and is {size + 1}"):
        asyncio.run(second(size + 1, []))


def test_an_update_keeps_its_chunks_until_the_export_has_grown_far_beyond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = coco_data.write(tmp_path, names())
    whole = json.loads(source.read_bytes())
    options = COMMON | {"images": tmp_path / "images"}

    def convert(count: int, out: str, **more: Any) -> gtmask.Summary:
        source.write_text(json.dumps(whole | {"images": whole["images"][:count]}))
        return gtmask.convert(source, tmp_path / out, **options, **more)

    convert(COUNT - 2, "out")
    before = frozen_size(tmp_path / "out")
    summary = convert(COUNT, "out", update=True)
    assert summary.changes is not None
    assert (summary.changes.made, summary.changes.kept) == (2, COUNT - 2)
    assert frozen_size(tmp_path / "out") == before
    # As if it had grown a thousandfold: each chunk is worth more.
    monkeypatch.setattr(chunk_size, "CHUNK", chunk_size.CHUNK * 1000)
    with pytest.raises(RunConflictError, match="--chunk-size"):
        convert(COUNT, "out", update=True, chunk_size=before + 1)
    again = convert(COUNT, "out", update=True)
    assert again.changes is not None
    assert (again.changes.made, again.changes.kept) == (0, COUNT)
    assert frozen_size(tmp_path / "out") > before * NEAR
    convert(COUNT, "fresh")
    assert outcome(tmp_path / "out") == outcome(tmp_path / "fresh")
    # And the next one keeps that.
    now = frozen_size(tmp_path / "out")
    assert convert(COUNT, "out", update=True).complete
    assert frozen_size(tmp_path / "out") == now


def test_looking_at_the_first_records_leaves_no_word(tmp_path: Path) -> None:
    source = cvat(tmp_path, 2)
    reader = open_reader(source)
    told = list(reader.findings)
    summary = gtmask.convert(source, tmp_path / "out", images=tmp_path / "images", dry_run=True, **COMMON)
    assert summary.findings == told
