"""A made world: images, a conversion, and what two split adjustment jobs answered, with the truth of it.

The jobs number classes in another order than the run, write palette masks as Ground Truth does, fail on some
objects, leave others open, and sort the keys of their lines.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ["car", "dog", "tree"]
HEXES = {"BACKGROUND": "#ffffff", "car": "#2ca02c", "dog": "#1f77b4", "tree": "#ff7f0e"}
BEFORE, AFTER = "labeling-qa-ref", "labeling-qa-adjusted-ref"
SIZE = (40, 30)
RUN_IDS = {"BACKGROUND": 0, "car": 7, "dog": 2, "tree": 200}
JOB_IDS = {"BACKGROUND": 0, "tree": 1, "car": 2, "dog": 3}
REASON = "ClientError: no annotation could be consolidated"


@dataclass
class World:
    """Objects by bucket and key, and the truth: masks of class names by image key."""

    objects: dict[str, dict[str, bytes]] = field(default_factory=dict)
    truth: dict[str, NDArray[np.object_]] = field(default_factory=dict)
    old: dict[str, NDArray[np.object_]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)


def classes_toml() -> str:
    """Return the run's class map."""
    return "".join(
        f'[[class]]\nid = {RUN_IDS[name]}\nname = "{name}"\ncolor = "{HEXES[name]}"\n' for name in NAMES
    )


def color_map(ids: dict[str, int]) -> dict[str, Any]:
    """Return an internal-color-map."""
    return {
        str(i): {"class-name": name, "hex-color": HEXES[name], "confidence": 0.9} for name, i in ids.items()
    }


def painted(rng: np.random.Generator) -> NDArray[np.object_]:
    """Return a mask of class names: boxes over boxes, holes among them."""
    mask = np.full(SIZE[::-1], "BACKGROUND", object)
    for _ in range(6):
        x, y = rng.integers(0, SIZE[0] - 6), rng.integers(0, SIZE[1] - 6)
        width, height = rng.integers(2, 14, 2)
        mask[y : y + height, x : x + width] = rng.choice(["BACKGROUND", *NAMES])
    return mask


def png(mask: NDArray[np.object_], ids: dict[str, int], *, palette: bool) -> bytes:
    """Encode a mask of names by ids."""
    values = np.vectorize(ids.get)(mask).astype(np.uint8)
    image = Image.frombytes("P" if palette else "L", values.shape[::-1], values.tobytes())
    if palette:
        colors = bytearray(b"\xff" * 768)
        for name, i in ids.items():
            colors[3 * i : 3 * i + 3] = bytes.fromhex(HEXES[name][1:])
        image.putpalette(bytes(colors))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def metadata(ids: dict[str, int], date: str, job: str, **more: str) -> dict[str, Any]:
    """Return a label's metadata."""
    return {
        "internal-color-map": color_map(ids), "type": "groundtruth/semantic-segmentation",
        "human-annotated": "yes", "creation-date": date, "job-name": job, **more,
    }  # fmt: skip


def make_world(count: int = 14, seed: int = 3) -> World:
    """Make images ``set/NN.jpg``, of which every fifth failed and every seventh is open, in two jobs."""
    rng = np.random.default_rng(seed)
    world = World({"team": {}, "answer": {}})
    team, answer = world.objects["team"], world.objects["answer"]
    lines: dict[str, list[bytes]] = {"part-1": [], "part-2": []}
    for number in range(count):
        job = "part-1" if number < count // 2 else "part-2"
        key = f"set{number % 2}/{number:02d}.jpg"
        image = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (*SIZE[::-1], 3), np.uint8).astype(np.uint8)).save(image, "JPEG")
        team[f"images/{key}"] = image.getvalue()
        old = painted(rng)
        world.old[key] = old
        team[f"run/masks/{key[:-4]}.png"] = png(old, RUN_IDS, palette=False)
        line: dict[str, Any] = {
            "source-ref": f"s3://team/images/{key}",
            BEFORE: f"s3://team/run/masks/{key[:-4]}.png",
            f"{BEFORE}-metadata": metadata(RUN_IDS, "2026-01-01T00:00:00.000000", "labeling-qa"),
        }
        if number % 5 == 4:
            world.failed.append(key)
            line[f"{AFTER}-metadata"] = {"failure-reason": REASON, "job-name": f"labeling-job/{job}"}
        elif number % 7 == 6:
            world.unanswered.append(key)
        else:
            new = old.copy()
            if number % 3:
                new[5:9, 4:11] = NAMES[number % 3]
                # Votes of several workers leave stray pixels along edges.
                for row, column in rng.integers(0, SIZE[::-1], (15, 2)):
                    new[row, column] = rng.choice(["BACKGROUND", *NAMES])
            world.truth[key] = new
            folder = f"{job}/annotations/consolidated-annotation/output"
            name = f"{folder}/{number % 7}_2026-01-02T00:00:00.000000.png"
            answer[name] = png(new, JOB_IDS, palette=True)
            line[AFTER] = f"s3://answer/{name}"
            status = "adjusted" if number % 3 else "unadjusted"
            line[f"{AFTER}-metadata"] = metadata(
                JOB_IDS, "2026-01-02T00:00:00.000000", f"labeling-job/{job}", **{"adjustment-status": status}
            )
        lines[job].append(json.dumps(line, sort_keys=number % 2 == 0).encode())
    for job, found in lines.items():
        answer[f"{job}/manifests/output/output.manifest"] = b"\n".join(found) + b"\n"
        answer[f"{job}/manifests/intermediate/1/output.manifest"] = found[0] + b"\n"
    return world
