"""Two starts on one output, the second with --overwrite: every record and mask that counts is of one run."""

from __future__ import annotations

import contextlib
import subprocess
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import gtmask
from gtmask.errors import GtmaskError, RunConflictError
from tests.run.test_resume import command, committed
from tests.run.test_watch import Meddler, coco, run
from tests.support import coco_data
from tests.support.commands import kill_tree, tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_masks_of_chunks_in_flight_are_taken_away_by_overwrite(tmp_path: Path) -> None:
    """Killed early, a run has written masks that no part file names."""
    coco_data.write(tmp_path, [f"img_{number:04d}.jpg" for number in range(400)])
    out = tmp_path / "out"
    parts = out / "_gtmask" / "parts"
    process = subprocess.Popen(command(tmp_path, out))
    deadline = time.monotonic() + 120
    while len(committed(out)) < 4 or not list(parts.glob("*.begun")):
        assert time.monotonic() < deadline
        assert process.poll() is None
    kill_tree(process)
    made = len(list((out / "masks").rglob("*.png")))
    other = tmp_path / "other"
    other.mkdir()
    export = coco_data.write(other, ["x.jpg", "y.jpg"])
    (out / "masks" / "mine.png").write_bytes(b"of other origin")
    summary = gtmask.convert(export, out, images=other / "images", overwrite=True, workers=1)
    assert made > 2
    assert summary.tally.masks == 2
    assert {path.name for path in (out / "masks").rglob("*.png")} == {"x.png", "y.png", "mine.png"}
    assert not list(parts.glob("*.begun"))


def test_a_run_that_was_replaced_stops(tmp_path: Path) -> None:
    source, _ = coco(tmp_path)
    settings: dict[str, Any] = {"images": tmp_path / "images", "chunk_size": 4, "workers": 1, "mask_uri": "s3://b/m",
                "creation_date": "2024-01-01T00:00:00.000000", "fill": "center"}  # fmt: skip

    def take_over() -> None:
        # A record that the first start was just writing is found, and told.
        with contextlib.suppress(GtmaskError):
            gtmask.convert(source, tmp_path / "out", overwrite=True, **settings)

    with pytest.raises(RunConflictError, match="taken over by another start"):
        run(tmp_path, source, "out", Meddler(take_over))
    gtmask.convert(source, tmp_path / "whole", **settings)
    gtmask.convert(source, tmp_path / "out", **settings)
    # A part file that the first start had begun to write may be left; it counts for nothing.
    mine, other = (
        {name: data for name, data in tree(tmp_path / out).items() if not name.startswith("_gtmask/parts")}
        for out in ("out", "whole")
    )
    assert mine == other


def test_a_record_of_another_run_counts_for_nothing(tmp_path: Path) -> None:
    """It came after all was removed: whoever wrote it had looked for its run just before."""
    source, _ = coco(tmp_path)
    run(tmp_path, source, "out")
    whole = tree(tmp_path / "out")
    for numbers, said in (
        ((3,), "000003.json was .* redo that chunk"),
        ((1, 3), "000001.json and more .* those chunks"),
    ):
        for number in numbers:
            path = tmp_path / "out" / "_gtmask" / "parts" / f"{number:06d}.json"
            path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"run": "another"}))
        with pytest.raises(gtmask.errors.GtmaskError, match=said):
            gtmask.finish(tmp_path / "out")
        run(tmp_path, source, "out")
        assert tree(tmp_path / "out") == whole
