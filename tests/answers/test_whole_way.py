"""The whole way on a real S3 server: from an export to reviewed masks, compared pixel by pixel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gtmask
from gtmask.png import decode_png
from tests.answers.world import HEXES, JOB_IDS, NAMES, RUN_IDS, classes_toml, metadata, png
from tests.support.coco_data import jpeg
from tests.support.fake_aws import FakeAws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.support.s3_server import S3Server

DATE = "2026-01-02T00:00:00.000000"
COUNT, WIDTH, HEIGHT = 9, 40, 30
ROLE = "arn:aws:iam::123456789012:role/GroundTruth"
TEAM = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/team"
RUN_NAMES = {number: name for name, number in RUN_IDS.items()}


@pytest.fixture
def sagemaker(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws() as server:
        server.lead_here(monkeypatch, "SAGEMAKER")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint)
        monkeypatch.setattr("gtmask.groundtruth.job.MAX_JOB_OBJECTS", 5)
        yield server


def export(rng: np.random.Generator) -> dict[str, Any]:
    """Return a COCO document with some boxes on each image."""
    annotations: list[dict[str, Any]] = []
    for image in range(1, COUNT + 1):
        for _ in range(4):
            x, y = int(rng.integers(0, WIDTH - 12)), int(rng.integers(0, HEIGHT - 12))
            right, low = x + int(rng.integers(3, 12)), y + int(rng.integers(3, 12))
            annotations.append({
                "id": len(annotations) + 1, "image_id": image, "category_id": int(rng.integers(1, 4)),
                "iscrowd": 0, "segmentation": [[x, y, right, y, right, low, x, low]],
            })  # fmt: skip
    sizes = {"width": WIDTH, "height": HEIGHT}
    return {
        "images": [{"id": i, "file_name": f"set{i % 2}/{i}.jpg", **sizes} for i in range(1, COUNT + 1)],
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES, 1)],
    }


def play_the_workers(
    server: S3Server, bucket: str, sagemaker: FakeAws, rng: np.random.Generator
) -> dict[str, NDArray[np.object_]]:
    """Write what the jobs answer, as Ground Truth does; return the truth by image key."""
    truth: dict[str, NDArray[np.object_]] = {}
    objects: dict[str, bytes] = {}
    there = server.objects(bucket)
    number = 0
    for name in sagemaker.created:
        job = sagemaker.jobs[name.lower()]
        after = job["LabelAttributeName"]
        given = job["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"].removeprefix(
            f"s3://{bucket}/"
        )
        folder = f"answer/{name}"
        lines = []
        for place, data in enumerate(there[given].splitlines()):
            line, number = json.loads(data), number + 1
            key = line["source-ref"].removeprefix(f"s3://{bucket}/images/")
            old = decode_png(there[line["labeling-qa-ref"].removeprefix(f"s3://{bucket}/")])
            new = np.vectorize(RUN_NAMES.get, otypes=[object])(old)
            if number == 4:
                line[f"{after}-metadata"] = {
                    "failure-reason": "ClientError: x",
                    "job-name": f"labeling-job/{name}",
                }
            elif number != 7:
                if number % 3:
                    new[8:14, 3:20] = NAMES[number % 3]
                    for row, column in rng.integers(0, (HEIGHT, WIDTH), (12, 2)):
                        new[row, column] = rng.choice(["BACKGROUND", *NAMES])
                truth[key] = new
                mask = f"{folder}/annotations/consolidated-annotation/output/{place}_{DATE}.png"
                objects[mask] = png(new, JOB_IDS, palette=True)
                status = "adjusted" if number % 3 else "unadjusted"
                line[after] = f"s3://{bucket}/{mask}"
                line[f"{after}-metadata"] = metadata(
                    JOB_IDS,
                    DATE,
                    f"labeling-job/{name}",
                    **{"adjustment-status": status},
                )
            lines.append(json.dumps(line, sort_keys=number % 2 == 0).encode() + b"\n")
        objects[f"{folder}/manifests/output/output.manifest"] = b"".join(lines)
        objects[f"{folder}/manifests/intermediate/1/output.manifest"] = lines[0]
        job["LabelingJobStatus"] = "Completed"
    server.put(bucket, objects)
    return truth


def same(png_of_mask: bytes, truth: NDArray[np.object_]) -> bool:
    return np.array_equal(decode_png(png_of_mask), np.vectorize(RUN_IDS.get)(truth))


@pytest.mark.slow
def test_the_whole_way_brings_back_what_the_workers_painted(
    s3_server: S3Server, bucket: str, sagemaker: FakeAws, tmp_path: Path
) -> None:
    rng = np.random.default_rng(7)
    home, where = f"s3://{bucket}", {"workers": 1, "s3": gtmask.S3Settings(attempts=3)}
    picture = jpeg(WIDTH, HEIGHT)
    images = {f"images/set{i % 2}/{i}.jpg": picture for i in range(1, COUNT + 1)}
    s3_server.put(bucket, {**images, "export.json": json.dumps(export(rng)).encode()})
    classes = tmp_path / "classes.toml"
    classes.write_text(classes_toml())

    run = gtmask.convert(
        f"{home}/export.json", f"{home}/run", images=f"{home}/images", classes=str(classes), **where
    )
    assert (run.tally.masks, run.exit_code) == (COUNT, 0)
    gtmask.fix_cors([bucket], s3=where["s3"])
    assert gtmask.validate(run.manifest, level="deep", **where).exit_code == 0
    pilot = gtmask.pilot(run.manifest, f"{home}/pilot", count=3, **where)
    assert gtmask.validate(pilot.manifest, level="deep", **where).exit_code == 0

    plan = gtmask.job(run.manifest, role=ROLE, workteam=TEAM, output=f"{home}/answer", s3=where["s3"])
    names = ["labeling-qa-adjustment-1-of-2", "labeling-qa-adjustment-2-of-2"]
    assert list(gtmask.submit_job(plan, **where)) == sagemaker.created == names
    truth = play_the_workers(s3_server, bucket, sagemaker, rng)
    output = f"{home}/answer/{names[0]}/manifests/output/output.manifest"
    seen = gtmask.inspect(output, **where)
    assert seen.answer is not None
    assert seen.answer.statuses.total() == 5
    report = gtmask.validate(output, level="deep", **where)
    assert (report.exit_code, report.adjustments.total()) == (0, 4), [rule.examples for rule in report.rules]

    options = gtmask.AnswerOptions(coco="rle")
    found = gtmask.answer(out=f"{home}/back", job=names, run=f"{home}/run", options=options, **where)
    assert (found.exit_code, found.answered, found.again) == (3, len(truth), COUNT - len(truth))
    back = s3_server.objects(bucket, "back/")
    assert {key[6:-4] for key in back if key.startswith("masks/")} == {key[:-4] for key in truth}
    assert all(same(back[f"masks/{key[:-4]}.png"], mask) for key, mask in truth.items())
    assert back["report.html"].startswith(b"<!")

    again = gtmask.convert(
        f"{home}/back/answer.manifest",
        f"{home}/second",
        images=f"{home}/images",
        classes=str(classes),
        **where,
    )
    assert (again.tally.masks, again.exit_code) == (len(truth), 0)
    painted = gtmask.convert(
        f"{home}/back/answer.coco.json",
        f"{home}/third",
        images=f"{home}/images",
        classes=str(classes),
        **where,
    )
    assert (painted.tally.masks, painted.exit_code) == (len(truth), 0)
    for folder in ("second/", "third/"):
        masks = s3_server.objects(bucket, f"{folder}masks/")
        assert masks.keys() == {f"{key[:-4]}.png" for key in truth}
        assert all(same(masks[f"{key[:-4]}.png"], mask) for key, mask in truth.items())
    report = gtmask.validate(f"{home}/back/answer.manifest", level="deep", **where)
    assert (report.exit_code, report.lines) == (0, len(truth))
    assert set(HEXES) == set(report.classes.values())

    next_plan = gtmask.job(
        f"{home}/back/again.manifest", role=ROLE, workteam=TEAM, output=f"{home}/answer", s3=where["s3"]
    )
    assert next_plan.objects == COUNT - len(truth)
    assert not set(next_plan.requests) & set(names)
    assert len(gtmask.submit_job(next_plan, **where)) == 1
