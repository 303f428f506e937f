"""Updates that SIGKILL ends at any line of what is compared, written and removed: then as a fresh run."""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.storage import S3Settings
from gtmask.storage.local import LocalStorage
from tests.run.test_update import OPTIONS, WRITERS, World, left_over, made, tree, write_coco, write_labelme
from tests.support import coco_data
from tests.support.forks import forks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.forks import Forks
    from tests.support.s3_server import S3Server

#: Functions in the order in which an update comes by them: each is left in its middle once.
STEPS = ("Comparison.complete", "_replace_run", "keep_earlier", "_taken_over", "Worker.convert_record",
         "commit", "assemble", "settle_dropped", "remove_all", "end_update")  # fmt: skip


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here."""
    monkeypatch.setattr(LocalStorage, "_sync", lambda *_: None)


@pytest.fixture(scope="module")
def starts() -> Iterator[Forks]:
    with forks() as started:
        yield started


def grown(folder: Path, seed: int, kind: str) -> tuple[World, Path, dict[str, Any]]:
    """Return a world whose export was converted and then edited: masks to be made, kept and removed."""
    world, out = made(folder / "world", seed, 24), folder / "out"
    options = {**OPTIONS, "images": str(world.folder / "images")}
    gtmask.convert(WRITERS[kind](world), out, **options)
    edit(world)
    return world, out, options | {"update": True, "prune": True}


def edit(world: World) -> None:
    """Change the last half alone, so that whole chunks are taken over, too."""
    world.items[-1].shapes = world.shapes()
    world.items.pop(-3)
    world.number += 1
    name = f"new-{world.number}.jpg"
    world.put_image(name)
    world.items[-2].name = name


def assert_whole(out: Path, export: Path, options: dict[str, Any], fresh: Path) -> None:
    anew = options | {"update": False, "prune": False}
    gtmask.convert(export, fresh, classes=out / "classes.toml", **anew)
    assert tree(out) == tree(fresh)
    assert not left_over(out)


def test_killed_once_in_each_step(tmp_path: Path, starts: Forks) -> None:
    world, out, options = grown(tmp_path, 31, "coco")
    export = write_coco(world)
    shutil.copytree(out, tmp_path / "copy")
    whole = starts.convert(export, tmp_path / "copy", **options)
    assert not whole.error
    killed, manifest = [], out / "labeling-qa.manifest"
    allowed = {None, manifest.read_bytes(), (tmp_path / "copy" / manifest.name).read_bytes()}
    for number, step in enumerate(STEPS):
        # What was done before the last kill is not done again: of what is left the first third.
        line = world.rng.randrange(whole.lines[step] // 3 + 1)
        end = starts.convert(export, out, function=step, line=line, **options)
        assert not end.error
        assert (manifest.read_bytes() if manifest.exists() else None) in allowed
        killed += [step] if end.killed else []
        if not end.killed:
            assert_whole(out, export, options, tmp_path / f"fresh-{number}")
            edit(world)
            export = write_coco(world)
            allowed = {None, manifest.read_bytes()}
    assert len(killed) == len(STEPS)
    assert not starts.convert(export, out, **options).error
    assert_whole(out, export, options, tmp_path / "fresh")


def test_killed_ten_times_at_any_line(tmp_path: Path, starts: Forks) -> None:
    """The export is edited between some of the kills."""
    world, out, options = grown(tmp_path, 32, "labelme")
    shutil.copytree(out, tmp_path / "copy")
    lines = sum(starts.convert(write_labelme(world), tmp_path / "copy", **options).lines.values())
    kills = 0
    while kills < 10:
        if world.rng.random() < 0.3:
            edit(world)
        end = starts.convert(write_labelme(world), out, line=world.rng.randrange(lines), **options)
        assert not end.error
        kills += end.killed
        if not end.killed:
            edit(world)
    export = write_labelme(world)
    assert not starts.convert(export, out, **options).error
    assert_whole(out, export, options, tmp_path / "fresh")


@pytest.mark.slow
def test_killed_in_s3(tmp_path: Path, starts: Forks, s3_server: S3Server, bucket: str) -> None:
    """With the earlier run replaced, a chunk half committed, the manifest half written, masks half pruned."""
    export = coco_data.write(tmp_path, [f"{number:02d}.jpg" for number in range(16)])
    images = {f"images/{path.name}": path.read_bytes() for path in (tmp_path / "images").iterdir()}
    s3_server.put(bucket, images | {"export.json": export.read_bytes()})
    options: dict[str, Any] = {
        "images": f"s3://{bucket}/images", "workers": 1, "chunk_size": 4, "mask_uri": f"s3://{bucket}/masks",
        "creation_date": "2024-01-01T00:00:00.000000",
    }  # fmt: skip
    reached = S3Settings(endpoint_url=s3_server.endpoint)
    source, out = f"s3://{bucket}/export.json", f"s3://{bucket}/out"
    gtmask.convert(source, out, s3=reached, **options)
    document = json.loads(export.read_text())
    document["images"] = document["images"][1:]
    document["annotations"][-1]["category_id"] = document["annotations"][0]["category_id"]
    document["annotations"][-1]["segmentation"] = [[1, 1, 30, 1, 30, 30]]
    s3_server.put(bucket, {"export.json": json.dumps(document).encode()})
    update = options | {"update": True, "prune": True}
    rng = random.Random(5)
    starts.environment = s3_server.environment()
    for step in ("_replace_run", "commit", "assemble", "settle_dropped"):
        end = starts.convert(source, out, function=step, line=rng.randrange(4, 9), **update)
        assert (end.killed, end.error) == (True, "")
    assert not starts.convert(source, out, **update).error
    gtmask.convert(source, f"s3://{bucket}/fresh", s3=reached, **options)

    def results(prefix: str) -> dict[str, bytes]:
        found = s3_server.objects(bucket, f"{prefix}/").items()
        named = {key.removeprefix(f"{prefix}/"): data for key, data in found}
        return {key: data for key, data in named.items() if not key.startswith("_gtmask/")}

    assert results("out") == results("fresh")
    state = s3_server.objects(bucket, "out/_gtmask/")
    assert [key for key in state if not key.startswith("parts/")] == ["run.json"]
