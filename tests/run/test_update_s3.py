"""``--update`` where export, images and output are in S3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.storage import S3Settings
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server

OTHER = {7: 3, 3: 90, 90: 7}


@pytest.mark.parametrize("client", ["aioboto3", "obstore"])
def test_an_update_in_s3_is_a_fresh_run_that_leaves_equal_masks_alone(
    tmp_path: Path, s3_server: S3Server, bucket: str, client: str
) -> None:
    """A record changed, one gone, an image replaced, a mask deleted, all in another order."""
    export = coco_data.write(tmp_path, [f"{number:02d}.jpg" for number in range(12)])
    document = json.loads(export.read_text())
    images = {f"images/{path.name}": path.read_bytes() for path in (tmp_path / "images").iterdir()}
    s3_server.put(bucket, images | {"export.json": export.read_bytes()})
    options: dict[str, Any] = {
        "images": f"s3://{bucket}/images", "workers": 1, "chunk_size": 5, "mask_uri": f"s3://{bucket}/masks",
        "creation_date": "2024-01-01T00:00:00.000000",
        "s3": S3Settings(client=client, endpoint_url=s3_server.endpoint),
    }  # fmt: skip
    source, out = f"s3://{bucket}/export.json", f"s3://{bucket}/out"
    gtmask.convert(source, out, **options)
    gone, *rest = document["images"]
    document["images"] = rest[::-1]
    changed = document["annotations"][3]
    changed["category_id"] = OTHER[changed["category_id"]]
    names = {image["id"]: image["file_name"] for image in rest}
    names.pop(changed["image_id"], None)
    replaced, untouched, lost, *_ = names.values()
    s3_server.put(bucket, {"export.json": json.dumps(document).encode(),
                           f"images/{replaced}": coco_data.jpeg(91, 92)})  # fmt: skip
    boto, key = s3_server.client(), f"out/masks/{untouched.removesuffix('.jpg')}.png"
    boto.delete_object(Bucket=bucket, Key=f"out/masks/{lost.removesuffix('.jpg')}.png")
    data = s3_server.objects(bucket, key)[""]
    boto.put_object(Bucket=bucket, Key=key, Body=data, Metadata={"whose": "not a run's"})
    summary = gtmask.convert(source, out, update=True, prune=True, **options)
    fresh = gtmask.convert(source, f"s3://{bucket}/fresh", **options)

    def made(prefix: str) -> dict[str, bytes]:
        found = s3_server.objects(bucket, f"{prefix}/").items()
        named = {key.partition(f"{prefix}/")[2] or key: data for key, data in found}
        return {key: data for key, data in named.items() if not key.startswith("_gtmask/")}

    expected = made("fresh")
    assert made("out") == expected
    assert boto.head_object(Bucket=bucket, Key=key)["Metadata"] == {"whose": "not a run's"}
    assert f"masks/{gone['file_name'].removesuffix('.jpg')}.png" not in expected
    assert summary.tally == fresh.tally
