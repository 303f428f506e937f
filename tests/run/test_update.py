"""``--update``: after any edits of an export its output is what a fresh run makes, and equal masks stay."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.errors import GtmaskError, RunConflictError, StorageError, UsageError
from gtmask.progress import Silent
from gtmask.run.summary import Changes
from gtmask.storage.local import LocalStorage
from tests.support import coco_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from gtmask import Summary

OPTIONS: dict[str, Any] = {"creation_date": "2024-01-01T00:00:00.000000", "chunk_size": 5, "workers": 1,
                           "mask_uri": "s3://b/masks", "image_uri": "s3://b/images"}  # fmt: skip
LABELS = ["car", "road", "person", "tree", "sky"]


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files but the run's own state."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith("_gtmask")}


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """Return which file each mask is, and when it was written."""
    masks = out / "masks"
    found = [path for path in masks.rglob("*.png") if path.is_file()]
    return {str(path.relative_to(masks)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def left_over(out: Path) -> set[str]:
    """Return what the state of a run has that a run without an update has not."""
    return {path.name for path in (out / "_gtmask").iterdir()} - {"parts", "run.json", "starts"}


@dataclass
class Item:
    """An image with its shapes: (label, ring)."""

    name: str
    shapes: list[tuple[str, list[float]]]


@dataclass
class World:
    """An export that somebody edits, with its images."""

    folder: Path
    rng: random.Random
    items: list[Item] = field(default_factory=list)
    labels: list[str] = field(default_factory=lambda: LABELS[:2])
    number: int = 0

    def shapes(self) -> list[tuple[str, list[float]]]:
        count = self.rng.randint(0, 3)
        return [(self.rng.choice(self.labels), coco_data.polygon(self.rng, 40, 30)) for _ in range(count)]

    def put_image(self, name: str) -> None:
        path = self.folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(coco_data.jpeg(self.rng.randint(30, 60), self.rng.randint(20, 50)))

    def add(self) -> None:
        self.number += 1
        name = f"{self.rng.choice(['', 'sub/'])}{self.number:03d}{self.rng.choice(['.jpg', '.jpeg'])}"
        self.put_image(name)
        if self.rng.random() < 0.1:  # another image whose mask would have the same key
            self.put_image(name + ".jpg")
            self.items.append(Item(name + ".jpg", self.shapes()))
        self.items.insert(self.rng.randint(0, len(self.items)), Item(name, self.shapes()))

    def change(self) -> None:
        self.rng.choice(self.items).shapes = self.shapes()

    def remove(self) -> None:
        self.items.pop(self.rng.randrange(len(self.items)))

    def reorder(self) -> None:
        self.rng.shuffle(self.items)

    def replace_image(self) -> None:
        self.put_image(self.rng.choice(self.items).name)

    def lose_image(self) -> None:
        (self.folder / "images" / self.rng.choice(self.items).name).unlink(missing_ok=True)

    def bring_images_back(self) -> None:
        for item in self.items:
            if not (self.folder / "images" / item.name).exists():
                self.put_image(item.name)

    def repeat(self) -> None:
        item = self.rng.choice(self.items)
        self.items.append(Item(item.name, self.shapes()))

    def add_label(self) -> None:
        self.labels = LABELS[: len(self.labels) + 1]

    def touch(self) -> None:
        path = self.folder / "images" / self.rng.choice(self.items).name
        if path.exists():
            os.utime(path, ns=(1, self.rng.randrange(1 << 60)))

    def edit(self) -> None:
        kinds = [self.add, self.add, self.change, self.change, self.remove, self.reorder, self.repeat,
                 self.replace_image, self.lose_image, self.bring_images_back, self.touch,
                 self.add_label]  # fmt: skip
        for _ in range(self.rng.randint(0, 4)):
            self.rng.choice(kinds if len(self.items) > 3 else [self.add])()


def write_coco(world: World) -> Path:
    """One document; its list of categories is in an order of its own each time."""
    labels = sorted(world.labels, key=lambda _: world.rng.random())
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    document["categories"] = [{"id": n, "name": label} for n, label in enumerate(labels, 1)]
    for number, item in enumerate(world.items, 1):
        document["images"].append({"id": number, "file_name": item.name})
        for label, ring in item.shapes:
            document["annotations"].append(
                {"id": len(document["annotations"]) + 1, "image_id": number,
                 "category_id": labels.index(label) + 1, "segmentation": [ring]}
            )  # fmt: skip
    path = world.folder / "export.json"
    path.write_text(json.dumps(document))
    return path


def write_labelme(world: World) -> Path:
    """One file per image: labels are known when all were read; names of files decide the order."""
    folder = world.folder / "annotations"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for number, item in enumerate(world.items):
        shapes = [{"label": label, "points": [ring[i : i + 2] for i in range(0, len(ring), 2)],
                   "shape_type": "polygon", "flags": {}} for label, ring in item.shapes]  # fmt: skip
        document = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": item.name,
                    "imageData": None, "imageHeight": 30, "imageWidth": 40}  # fmt: skip
        (folder / f"{number:03d}.json").write_text(json.dumps(document))
    return folder


WRITERS: dict[str, Callable[[World], Path]] = {"coco": write_coco, "labelme": write_labelme}


def made(folder: Path, seed: int, count: int = 12) -> World:
    world = World(folder, random.Random(seed))
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(count):
        world.add()
    world.items[0].shapes = [(label, coco_data.polygon(world.rng, 40, 30)) for label in world.labels]
    return world


def convert(world: World, export: Path, out: Path, **more: Any) -> Summary:
    return gtmask.convert(export, out, images=world.folder / "images", **OPTIONS, **more)


def assert_fresh(world: World, export: Path, out: Path, fresh: Path, summary: Summary) -> None:
    """Compare an updated output with what a new run makes of the export."""
    expected = convert(world, export, fresh, classes=out / "classes.toml")
    assert tree(out) == tree(fresh)
    assert (summary.exit_code, summary.tally.to_json() | {"examples": 0}) == (
        expected.exit_code,
        expected.tally.to_json() | {"examples": 0},
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", list(WRITERS))
def test_random_edits(tmp_path: Path, kind: str, seed: int) -> None:
    """Ten rounds each, a hundred in all; masks are pruned in about every second round."""
    world, out = made(tmp_path / "world", seed), tmp_path / "out"
    convert(world, WRITERS[kind](world), out)
    kept = 0
    for number in range(10):
        world.edit()
        prune = world.rng.random() < 0.5 or number == 9
        export = WRITERS[kind](world)
        before = stamps(out)
        summary = convert(world, export, out, update=True, prune=prune)
        after = stamps(out)
        kept += sum(after.get(name) == stamp for name, stamp in before.items())
        fresh = tmp_path / f"fresh-{number}"
        if prune:
            assert_fresh(world, export, out, fresh, summary)
        else:
            convert(world, export, fresh, classes=out / "classes.toml")
            whole, wanted = tree(out), tree(fresh)
            assert {name: whole.get(name) for name in wanted} == wanted
            assert all(name.startswith("masks/") for name in whole.keys() - wanted.keys())
        assert left_over(out) <= {"dropped.txt"}
    assert kept > 50, "equal records were converted again"


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flush nothing: no power is cut here, and a flush waits for whatever else the machine writes."""
    monkeypatch.setattr(LocalStorage, "_sync", lambda *_: None)


def test_a_complete_run_looks_whether_its_masks_are_there(tmp_path: Path) -> None:
    world, out = made(tmp_path, 1), tmp_path / "out"
    export = write_coco(world)
    convert(world, export, out)
    stood = stamps(out)
    assert convert(world, export, out).exit_code == 0
    assert stamps(out).items() >= {name: at for name, at in stood.items() if name.startswith("masks")}.items()
    shutil.rmtree(out / "masks")
    with pytest.raises(GtmaskError, match=r"can no longer be found, .*/masks/.*--update"):
        convert(world, export, out)
    summary = convert(world, export, out, update=True)
    assert_fresh(world, export, out, tmp_path / "fresh", summary)
    assert convert(world, export, out).exit_code == 0


@pytest.mark.parametrize("ruin", [Path.unlink, lambda path: os.truncate(path, 60)], ids=["gone", "cut off"])
@pytest.mark.parametrize("again", ["convert", "shard", "last shard", "finish", "resumed"])
def test_no_manifest_names_masks_that_are_lost(
    tmp_path: Path, again: str, ruin: Callable[[Path], None]
) -> None:
    """Whoever writes it: it is looked for masks that other starts have made."""
    world, out = made(tmp_path, 1), tmp_path / "out"
    export = write_coco(world)
    more = {"shard": "1/2"} if again in {"shard", "last shard"} else {}
    convert(world, export, out)
    manifest = out / "labeling-qa.manifest"
    manifest.unlink()
    (part,) = (out / "_gtmask" / "parts").glob("000000-*.jsonl")
    lost = out / json.loads(part.read_bytes().splitlines()[0])["labeling-qa-ref"].removeprefix("s3://b/")
    ruin(lost)
    if again in {"resumed", "last shard"}:
        (out / "_gtmask" / "parts" / "000001.json").unlink()

    def start() -> Summary:
        return gtmask.finish(out) if again == "finish" else convert(world, export, out, **more)

    with pytest.raises(GtmaskError, match=rf"masks of this run, 1 can no .*{lost.name}.*--update.*--shard"):
        start()
    assert not manifest.exists()
    convert(world, export, out, update=True)
    assert_fresh(world, export, out, tmp_path / "fresh", start())


def test_masks_that_a_file_system_without_case_takes_for_one_are_told(tmp_path: Path) -> None:
    """Such a folder has its names in capitals, too; here one mask goes as if the other one replaced it.

    It may list names in another normal form than they were given.
    """
    world, out = made(tmp_path, 1), tmp_path / "out"
    names = ("same.jpg", "SAME.jpg", "\N{LATIN SMALL LETTER U WITH DIAERESIS}.jpg")
    world.items += [Item(name, []) for name in names]
    for name in names:
        world.put_image(name)
    export = write_coco(world)

    class Folding(Silent):
        def stage(self, name: str, total: int | None) -> None:
            if name == "assemble":
                (out / "masks" / "same.png").unlink()
                (out / "_GTMASK").mkdir()
                (out / "masks" / names[2].replace("jpg", "png")).rename(out / "masks" / "u\u0308.png")

    with pytest.raises(GtmaskError, match=r"1 can no longer be found.*same.png.*differ in case alone"):
        convert(world, export, out, progress=Folding())
    assert not (out / "labeling-qa.manifest").exists()


@pytest.mark.parametrize("edited", [False, True], ids=["the same export", "edited"])
def test_masks_that_are_gone_or_cut_off_are_made_again(tmp_path: Path, *, edited: bool) -> None:
    """By the listing alone: also where the export is what it was, and once more after such an update."""
    world, out = made(tmp_path, 1), tmp_path / "out"
    convert(world, write_coco(world), out)
    masks = [out / "masks" / Path(item.name).with_suffix(".png") for item in world.items]
    for ruin in (Path.unlink, lambda path: path.write_bytes(b""), lambda path: os.truncate(path, 60)):
        lost, others = masks[3:5], masks[:3] + masks[5:]
        for path in lost:
            ruin(path)
        if edited:
            world.items[8].shapes.append(("car", [1, 1, 20, 1, 20, 20]))
        stood, told = stamps(out), []
        export = write_coco(world)
        expected = Changes(2 + edited, len(masks) - 2 - edited, 0, prune=False)
        assert convert(world, export, out, update=True, dry_run=True).changes == expected
        with gtmask.hearing_notices(told.append):
            summary = convert(world, export, out, update=True)
        assert summary.changes == expected
        assert [
            text
            for text in told
            if text.startswith("masks made before that are gone") and text.endswith(": 2")
        ]
        assert_fresh(world, export, out, tmp_path / "fresh", summary)
        shutil.rmtree(tmp_path / "fresh")
        now = stamps(out)
        untouched = [
            str(path.relative_to(out / "masks")) for path in others if path != masks[8] or not edited
        ]
        assert [now[name] for name in untouched] == [stood[name] for name in untouched]
    assert convert(world, export, out, update=True).changes == Changes(0, len(masks), 0, prune=False)


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    world, out = made(tmp_path, 2), tmp_path / "out"
    export = write_coco(world)
    convert(world, export, out)
    state = out / "_gtmask"
    written = [*(state / "parts").rglob("*"), *(out / "masks").rglob("*"), state / "run.json"]
    before = {path: path.stat().st_mtime_ns for path in written}
    summary = convert(world, export, out, update=True)
    assert summary.resumed == summary.chunks
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_mask_without_a_line_waits_for_prune(tmp_path: Path) -> None:
    world, out = made(tmp_path, 3), tmp_path / "out"
    convert(world, write_coco(world), out)
    name = world.items.pop(2).name
    mask = (out / "masks" / name).with_suffix(".png")
    data = mask.read_bytes()
    for _ in range(2):  # whoever updates twice may prune after the second time, too
        world.items[0].shapes = world.shapes()
        convert(world, write_coco(world), out, update=True)
        assert mask.read_bytes() == data
        assert name not in (out / "labeling-qa.manifest").read_text()
    export = write_coco(world)
    summary = convert(world, export, out, update=True, prune=True)
    assert not mask.exists()
    assert_fresh(world, export, out, tmp_path / "fresh", summary)


def test_overwrite_removes_masks_that_an_update_has_dropped(tmp_path: Path) -> None:
    world, out = made(tmp_path, 4), tmp_path / "out"
    convert(world, write_coco(world), out)
    mask = (out / "masks" / world.items.pop(2).name).with_suffix(".png")
    convert(world, write_coco(world), out, update=True)
    assert mask.exists()
    export = write_coco(world)
    convert(world, export, out, overwrite=True)
    convert(world, export, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")
    assert not left_over(out)


def test_the_first_runs_date_stays(tmp_path: Path) -> None:
    world, out = made(tmp_path, 5), tmp_path / "out"
    options = {name: value for name, value in OPTIONS.items() if name != "creation_date"}
    gtmask.convert(write_coco(world), out, images=tmp_path / "images", **options)
    date = json.loads((out / "_gtmask" / "run.json").read_text())["settings"]["creation_date"]
    world.add()
    gtmask.convert(write_coco(world), out, images=tmp_path / "images", update=True, **options)
    lines = (out / "labeling-qa.manifest").read_text().splitlines()
    assert len(lines) == len(world.items)
    assert all(date in line for line in lines)


@pytest.mark.parametrize("kind", list(WRITERS))
def test_ids_stay_and_new_labels_come_last(tmp_path: Path, kind: str) -> None:
    world, out = made(tmp_path, 6), tmp_path / "out"
    convert(world, WRITERS[kind](world), out)
    ids = {
        entry.name: entry.id for entry in gtmask.parse_class_map((out / "classes.toml").read_text()).classes
    }
    world.labels = ["aardvark", *world.labels, "zebra"]
    ring = coco_data.polygon(world.rng, 40, 30)
    world.items[1].shapes = [("zebra", ring), ("aardvark", ring)]
    convert(world, WRITERS[kind](world), out, update=True)
    after = {
        entry.name: entry.id for entry in gtmask.parse_class_map((out / "classes.toml").read_text()).classes
    }
    assert after.items() >= ids.items()
    assert sorted(after[name] for name in ("aardvark", "zebra")) == [3, 4]


def test_palette_masks_are_made_anew_where_a_class_comes_in(tmp_path: Path) -> None:
    """Each of them has the colours of all classes."""
    world, out = made(tmp_path, 7), tmp_path / "out"
    convert(world, write_coco(world), out, png="palette")
    world.labels = LABELS[:3]
    export = write_coco(world)
    summary = convert(world, export, out, png="palette", update=True, prune=True)
    fresh = convert(world, export, tmp_path / "fresh", png="palette", classes=out / "classes.toml")
    assert tree(out) == tree(tmp_path / "fresh")
    assert summary.tally == fresh.tally


def test_a_class_map_that_takes_a_label_in(tmp_path: Path) -> None:
    """A record that did not change gets another mask where its label has become a class."""
    world, out = made(tmp_path, 8), tmp_path / "out"
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('[[class]]\nid = 1\nname = "car"\n')
    second.write_text('[[class]]\nid = 1\nname = "car"\n[[class]]\nid = 2\nname = "road"\n')
    export = write_coco(world)
    convert(world, export, out, classes=first)
    summary = convert(world, export, out, classes=second, update=True, prune=True)
    assert summary.tally.shapes["road"] > 0
    assert_fresh(world, export, out, tmp_path / "fresh", summary)
    # A class map that somebody gave is not added to.
    world.labels = LABELS[:4]
    world.items[0].shapes.append((LABELS[3], [1, 1, 20, 1, 20, 20]))
    summary = convert(world, write_coco(world), out, update=True)
    assert summary.tally.findings["shape-unknown-label"] > 0
    assert [entry.name for entry in summary.classes.classes] == ["car", "road"]


def test_a_map_that_would_move_ids_is_refused(tmp_path: Path) -> None:
    world, out = made(tmp_path, 9), tmp_path / "out"
    export, classes = write_coco(world), tmp_path / "classes.toml"
    classes.write_text('[[class]]\nid = 1\nname = "car"\n[[class]]\nid = 2\nname = "road"\n')
    convert(world, export, out, classes=classes)
    before = tree(out)
    for moved, said in (
        (
            '[[class]]\nid = 2\nname = "car"\n[[class]]\nid = 1\nname = "road"\n',
            "car was class 1 and is class 2",
        ),
        (
            '[[class]]\nid = 1\nname = "tram"\n[[class]]\nid = 2\nname = "road"\n',
            "class 1 was car and is tram",
        ),
    ):
        classes.write_text(moved)
        with pytest.raises(UsageError, match=f"--classes moves ids, .*: {said}. Keep the ids of"):
            convert(world, export, out, classes=classes, update=True)
    assert tree(out) == before


def test_what_is_refused(tmp_path: Path) -> None:
    world, out = made(tmp_path, 10), tmp_path / "out"
    export = write_coco(world)
    with pytest.raises(
        UsageError, match=r"There is no run in .*out: .*nothing to update: leave --update out of the first"
    ):
        convert(world, export, out, update=True)
    assert not out.exists()
    convert(world, export, out)
    world.add()
    with pytest.raises(
        RunConflictError, match=r"the export's content. Convert what is new or changed with --update, "
    ):
        convert(world, write_coco(world), out)
    with pytest.raises(RunConflictError, match=r"--png was gray and is palette. Use the same again"):
        convert(world, write_coco(world), out, update=True, png="palette")
    for options, said in (
        ({"overwrite": True}, "--update goes on from the run in DEST, and --overwrite removes it: give one."),
        ({"shard": "0/2"}, "--update with --shard would have each machine compare the whole export"),
    ):
        with pytest.raises(UsageError, match=said):
            convert(world, export, out, update=True, **options)
    with pytest.raises(
        UsageError, match="--prune removes masks of images that an update dropped: give --update"
    ):
        convert(world, export, out, prune=True)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    world, out = made(tmp_path, 11), tmp_path / "out"
    convert(world, write_coco(world), out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    unchanged = convert(world, world.folder / "export.json", out, update=True, dry_run=True)
    assert unchanged.changes == Changes(made=0, kept=len(world.items), without_line=0, prune=False)
    for _ in range(6):
        world.edit()
    world.remove()
    export = write_coco(world)
    summary = convert(world, export, out, update=True, dry_run=True)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    stood = stamps(out)
    updated = convert(world, export, out, update=True, prune=True)
    assert summary.tally == updated.tally
    # What it said is what then happens to the files.
    now = stamps(out)
    kept = sum(stood.get(name) == stamp for name, stamp in now.items())
    assert summary.changes == Changes(len(now) - kept, kept, len(stood.keys() - now.keys()), prune=False)
    assert updated.changes == replace(summary.changes, prune=True)
    assert summary.changes.without_line


class StopError(StorageError):
    """Raised in place of a write: what a kill leaves behind, without a process to start."""


@pytest.mark.slow
@pytest.mark.parametrize("edited", [False, True], ids=["the same export", "edited between the kills"])
@pytest.mark.parametrize("kind", list(WRITERS))
def test_stopped_at_any_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, *, edited: bool
) -> None:
    """Forty starts stop at their n-th write or removal; nothing half is ever called a manifest."""
    world, out = made(tmp_path, 20), tmp_path / "out"
    convert(world, WRITERS[kind](world), out)
    for _ in range(8):
        world.edit()
    export = WRITERS[kind](world)
    left = 0

    def counted(name: str) -> None:
        real = getattr(LocalStorage, name)

        async def work(self: LocalStorage, *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise StopError
            return await real(self, *arguments)

        monkeypatch.setattr(LocalStorage, name, work)

    for name in ("put", "put_stream", "delete"):
        counted(name)
    manifest, seen, stopped = out / "labeling-qa.manifest", {b""}, 0
    seen.add(manifest.read_bytes())
    before = set(seen)
    for number in range(30):
        if edited and number % 4 == 3:
            world.edit()
            export = WRITERS[kind](world)
        left = world.rng.randint(0, 30) if edited else number
        try:
            convert(world, export, out, update=True)
        except StopError:
            stopped += 1
        seen.add(manifest.read_bytes() if manifest.exists() else b"")
    assert stopped > 10
    left = 1 << 30
    summary = convert(world, export, out, update=True, prune=True)
    assert edited or seen == before | {manifest.read_bytes()}
    assert_fresh(world, export, out, tmp_path / "fresh", summary)
    assert not left_over(out)
