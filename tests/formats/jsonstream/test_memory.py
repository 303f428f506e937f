"""Memory does not grow with the document: peaks of processes that read exports of two sizes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
READ = """
import json, resource, sys
from gtmask.formats import open_reader
reader = open_reader(*sys.argv[1:])
shapes = images = 0
for unit in reader.units():
    shapes += len(reader.record(unit).shapes)
    images += 1
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"shapes": shapes, "images": images, "peak": peak}))
"""
#: What the index may take: per annotation and per image.
PER_ANNOTATION, PER_IMAGE = 24, 100


def make(path: Path, kind: str, size: str, *options: str) -> Path:
    command = [sys.executable, str(ROOT / "scripts" / "make_export.py"), kind, str(path), "--bytes", size]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    return path


def read(path: Path, kind: str) -> dict[str, int]:
    command = [sys.executable, "-c", READ, str(path), kind.replace("-", "_")]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(finished.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options"),
    [("coco", ()), ("coco", ("--ungrouped", "--string-ids")), ("label-studio", ())],
)
def test_the_peak_grows_only_by_the_index(tmp_path, kind, options):
    small = read(make(tmp_path / "small.json", kind, "8M", *options), kind)
    path = make(tmp_path / "large.json", kind, "40M", *options)
    large = read(path, kind)
    assert large["shapes"] > 4 * small["shapes"]
    index = PER_ANNOTATION * large["shapes"] + PER_IMAGE * large["images"]
    assert large["peak"] - small["peak"] <= index + small["peak"] // 10
    assert large["peak"] - small["peak"] < path.stat().st_size // 4


@pytest.mark.slow
def test_a_value_that_nobody_reads_is_not_held(tmp_path):
    """One string of 30 MB beside the tables: it is passed in windows."""
    small = read(make(tmp_path / "small.json", "coco", "1M"), "coco")
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.write(b'{"blob": "')
        for _ in range(30):
            file.write(b'[{\\",' * 200_000)
        file.write(b'", ' + (tmp_path / "small.json").read_bytes().lstrip()[1:])
    large = read(path, "coco")
    assert large["shapes"] == small["shapes"] > 0
    assert large["peak"] <= small["peak"] * 1.1


def test_generated_exports_are_what_their_tools_write(tmp_path):
    for options in ((), ("--pretty",), ("--ungrouped", "--string-ids")):
        document = json.loads(make(tmp_path / "a.json", "coco", "60K", *options).read_bytes())
        owners = [item["image_id"] for item in document["annotations"]]
        assert set(owners) == {image["id"] for image in document["images"]}
        assert (sorted(owners) == owners) == ("--ungrouped" not in options)
        assert len({item["id"] for item in document["annotations"]}) == len(owners)
        assert abs((tmp_path / "a.json").stat().st_size - 60_000) < 20_000
    tasks = json.loads(make(tmp_path / "b.json", "label-studio", "60K", "--pretty").read_bytes())
    assert all(task["annotations"][0]["result"] for task in tasks)
    entries = json.loads(make(tmp_path / "c.json", "via", "60K").read_bytes())
    assert all(entry["regions"] for entry in entries.values())
    first = make(tmp_path / "d.json", "coco", "60K").read_bytes()
    assert make(tmp_path / "d.json", "coco", "60K").read_bytes() == first
    assert make(tmp_path / "d.json", "coco", "60K", "--seed", "2").read_bytes() != first
