"""An export in S3 that changes while convert reads it: every read asks for the object that was seen first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gtmask
from gtmask.errors import ChangedError
from gtmask.run.listed_versions import ListedVersions
from gtmask.storage import Entry, S3Settings
from tests.run import test_watch as local
from tests.run.test_watch import Meddler
from tests.support import coco_data
from tests.support.commands import tree
from tests.support.small_exports import png

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.s3_server import S3Server


def upload(server: S3Server, bucket: str, source: Path, victim: Path) -> tuple[str, str]:
    """Put a local export into the bucket; return its location and the victim's key."""
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    server.put(bucket, {f"data/{path.relative_to(source.parent)}": path.read_bytes() for path in files})
    return f"s3://{bucket}/data/{source.name}", f"data/{victim.relative_to(source.parent)}"


def overwrite(server: S3Server, bucket: str, key: str) -> None:
    """Write other numbers, as many bytes."""
    server.put(bucket, {key: server.objects(bucket, key)[""].replace(b"2", b"3")})


def cut(server: S3Server, bucket: str, key: str) -> None:
    data = server.objects(bucket, key)[""]
    server.put(bucket, {key: data[: len(data) // 2]})


def remove(server: S3Server, bucket: str, key: str) -> None:
    server.client().delete_object(Bucket=bucket, Key=key)


def panoptic(folder: Path) -> tuple[Path, Path]:
    """Return a folder of a document and the pictures that only its content names, and the last of these."""
    names = [f"{number:03d}" for number in range(local.COUNT)]
    (folder / "export" / "p").mkdir(parents=True)
    (folder / "images").mkdir()
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[5:20, 5:30, 0] = 1
    for name in names:
        (folder / "images" / f"{name}.jpg").write_bytes(coco_data.jpeg(40, 30))
        (folder / "export" / "p" / f"{name}.png").write_bytes(png(pixels))
    sizes = {"width": 40, "height": 30}
    segments = [{"id": 1, "category_id": 1}]
    document = {
        "images": [{"id": i, "file_name": f"{name}.jpg", **sizes} for i, name in enumerate(names)],
        "categories": [{"id": 1, "name": "a", "isthing": 1}],
        "annotations": [{"image_id": i, "file_name": f"{name}.png", "segments_info": segments}
                        for i, name in enumerate(names)],
    }  # fmt: skip
    (folder / "export" / "p.json").write_text(json.dumps(document))
    return folder / "export", folder / "export" / "p" / f"{names[-1]}.png"


def repaint(server: S3Server, bucket: str, key: str) -> None:
    """Paint another segment of the same id."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[2:9, 2:9, 0] = 1
    server.put(bucket, {key: png(pixels)})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "meddle", "client", "workers", "kept"),
    [
        (local.coco, overwrite, "aioboto3", 1, 4096),
        (local.coco, cut, "obstore", 1, 4096),
        # Where they are more than an export keeps in mind, units bring their objects' ETags along.
        (local.labelme, overwrite, "aioboto3", 2, 64),
        (local.labelme, overwrite, "obstore", 1, 4096),
        (local.labelme, remove, "aioboto3", 1, 64),
        (panoptic, repaint, "aioboto3", 2, 4096),
    ],
)
def test_a_changed_object_stops_the_run_and_leaves_nothing_wrong(
    tmp_path: Path,
    s3_server: S3Server,
    bucket: str,
    make: Callable[[Path], tuple[Path, Path]],
    meddle: Callable[[S3Server, str, str], None],
    client: str,
    workers: int,
    kept: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Blocks smaller than the document: later chunks read of it again.
    monkeypatch.setattr("gtmask.formats.jsonstream.document.BLOCK", 1024)
    monkeypatch.setattr("gtmask.formats.jsonstream.document.BLOCKS", 1)
    monkeypatch.setattr("gtmask.run.watch.MOST_KEPT", kept)
    source, victim = make(tmp_path)
    location, key = upload(s3_server, bucket, source, victim)
    settings: dict[str, Any] = {
        "images": tmp_path / "images", "chunk_size": 4, "workers": workers, "mask_uri": "s3://b/m",
        "creation_date": "2024-01-01T00:00:00.000000",
        "s3": S3Settings(client=client, endpoint_url=s3_server.endpoint),
    }  # fmt: skip
    out = tmp_path / "out"
    with pytest.raises(ChangedError, match=f"{victim.name} was changed while it was read") as caught:
        gtmask.convert(location, out, progress=Meddler(lambda: meddle(s3_server, bucket, key)), **settings)
    assert caught.value.exit_code == 1
    assert not list(out.glob("*.manifest"))
    # Brought back to what it was, the run goes on, and no chunk of it is of other bytes.
    s3_server.put(bucket, {key: victim.read_bytes()})
    gtmask.convert(location, out, **settings)
    whole = gtmask.convert(location, tmp_path / "whole", **settings)
    assert whole.tally.masks == local.COUNT
    assert tree(out) == tree(tmp_path / "whole")


def test_what_was_changed_between_two_starts_is_another_export(
    tmp_path: Path, s3_server: S3Server, bucket: str
) -> None:
    """Of many objects the ETags are part of the fingerprint, not names and sizes alone."""
    source, victim = local.labelme(tmp_path)
    location, key = upload(s3_server, bucket, source, victim)
    settings: dict[str, Any] = {"images": tmp_path / "images", "workers": 1,
                                "s3": S3Settings(endpoint_url=s3_server.endpoint)}  # fmt: skip
    gtmask.convert(location, tmp_path / "out", **settings)
    overwrite(s3_server, bucket, key)
    with pytest.raises(gtmask.errors.RunConflictError, match="the export's content"):
        gtmask.convert(location, tmp_path / "out", **settings)


def test_etags_of_a_listing_are_found_by_what_a_unit_names() -> None:
    listed = ListedVersions(Entry(f"a/{number}.json", 1, f'"{number}"') for number in range(100_000))
    units = ((3, "a/70000.json"), ["a/5.json", "a/none.json", 4.0])
    assert listed.of_unit(units) == {"a/70000.json": '"70000"', "a/5.json": '"5"'}
    assert ListedVersions([]).of_unit("a") == {}
