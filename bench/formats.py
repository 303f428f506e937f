"""Reading exports to records against parsing their bytes: what a reader costs beyond its JSON parser.

The rival is ``orjson.loads`` of the same bytes in memory (for CVAT, ``defusedxml``'s own parser): it
builds no records, so being slower than it is expected; the goal is at most twice its time. Ours opens the
export, finds its format, streams it from disk and builds every record.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from defusedxml.ElementTree import fromstring

from bench.harness import Goal, Measure, Row, Table, alone, race
from bench.scan import make_export
from gtmask.formats import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable

OURS, PEER = "gtmask, bytes to records", "the parser alone"


def records_of(path: Path) -> tuple[int, int]:
    """Return how many records and shapes an export has, by reading all of it."""
    reader = open_reader(path)
    records = shapes = 0
    for unit in reader.units():
        records += 1
        shapes += len(reader.record(unit).shapes)
    return records, shapes


def label_studio_shapes(tasks: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many tasks and regions a parsed Label Studio export has."""
    return len(tasks), sum(len(task["annotations"][0]["result"]) for task in tasks)


def via_shapes(images: dict[str, Any]) -> tuple[int, int]:
    """Return how many images and regions a parsed VIA export has."""
    images = images.get("_via_img_metadata", images)
    return len(images), sum(len(image["regions"]) for image in images.values())


def cvat_shapes(root: Any) -> tuple[int, int]:
    """Return how many images and polygons a parsed CVAT document has."""
    return len(root.findall("image")), len(root.findall("image/polygon"))


def labelme_shapes(documents: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many files and shapes a parsed labelme folder has."""
    return len(documents), sum(len(document["shapes"]) for document in documents)


def write_labelme(folder: Path, tasks: list[dict[str, Any]]) -> list[bytes]:
    """Write the tasks of a Label Studio export as labelme files, and return their bytes."""
    folder.mkdir()
    written = []
    for index, task in enumerate(tasks):
        shapes = [
            {"label": result["value"]["polygonlabels"][0], "points": result["value"]["points"],
             "shape_type": "polygon", "group_id": None, "flags": {}}
            for result in task["annotations"][0]["result"]
        ]  # fmt: skip
        document = {"version": "5.2.1", "shapes": shapes, "imagePath": f"{index}.jpg", "imageData": None}
        data = json.dumps(document, indent=2).encode()
        (folder / f"{index:06d}.json").write_bytes(data)
        written.append(data)
    return written


def write_cvat(path: Path, tasks: list[dict[str, Any]]) -> Path:
    """Write the tasks of a Label Studio export as one CVAT document."""
    with path.open("w", encoding="utf-8") as file:
        file.write("<annotations><version>1.1</version>\n")
        for index, task in enumerate(tasks):
            file.write(f'<image id="{index}" name="{index}.jpg" width="640" height="480">\n')
            for result in task["annotations"][0]["result"]:
                points = ";".join(f"{x:.2f},{y:.2f}" for x, y in result["value"]["points"])
                file.write(f'  <polygon label="car" points="{points}" z_order="0"></polygon>\n')
            file.write("</image>\n")
        file.write("</annotations>\n")
    return path


def scene(
    name: str, path: Path, parse: Callable[[], Any], count: Callable[[Any], tuple[int, int]], rounds: int
) -> Row:
    """Measure one export against the parser of its bytes."""
    expected = count(parse())

    def check(who: str, result: Any) -> None:
        if (result if who == OURS else count(result)) != expected:
            raise AssertionError(f"{name}: {who} read {result!r:.80}, not {expected}")

    seconds = race({OURS: lambda: records_of(path), PEER: parse}, check, rounds=rounds)
    return Row(name, {who: Measure(value) for who, value in seconds.items()})


def run(quick: bool) -> list[Table]:
    """Measure reading exports of several tools against parsing them."""
    size, rounds = ("1M", 2) if quick else ("40M", 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = make_export(folder / "tasks.json", "label-studio", size)
        via = make_export(folder / "via.json", "via", size)
        documents = {path: path.read_bytes() for path in (tasks, via)}
        parsed = orjson.loads(documents[tasks])
        labelme = write_labelme(folder / "labelme", parsed)
        cvat = write_cvat(folder / "annotations.xml", parsed)
        xml = cvat.read_bytes()
        scenes: list[tuple[str, Path, Callable[[], Any], Callable[[Any], tuple[int, int]]]] = [
            (f"Label Studio, {size}B", tasks, lambda: orjson.loads(documents[tasks]), label_studio_shapes),
            (f"VIA, {size}B", via, lambda: orjson.loads(documents[via]), via_shapes),
            ("labelme, a folder", folder / "labelme", lambda: [*map(orjson.loads, labelme)], labelme_shapes),
            (f"CVAT XML, {len(xml) / 1e6:.0f} MB", cvat, lambda: fromstring(xml), cvat_shapes),
        ]
        rows = [scene(*entry, rounds) for entry in scenes]
    goals = []
    for row in rows[:1]:
        ours, theirs = row.measures[OURS], row.measures[PEER]
        share = ours.seconds / theirs.seconds if ours and theirs else float("nan")
        goals.append(Goal("Label Studio: at most twice the parser's time", f"{share:.2f}x", share <= 2))
    return [Table("Reading exports", __doc__ or "", OURS, rows, goals)]


if __name__ == "__main__":
    raise SystemExit(alone(run))
