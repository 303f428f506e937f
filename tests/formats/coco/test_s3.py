"""COCO from S3: read in ranges, the same records as from a file."""

from __future__ import annotations

import json

from gtmask.formats import open_reader
from gtmask.formats.jsonstream import document
from gtmask.storage.base import S3Settings
from tests.support.coco_data import make_document


def test_records_from_s3_are_those_of_the_file(s3_server, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(document, "BLOCK", 4096)
    content = json.dumps(make_document([f"{i}.jpg" for i in range(60)], 4), indent=1).encode()
    assert len(content) > 10 * document.BLOCK
    s3_server.put(bucket, {"sets/export.json": content})
    path = tmp_path / "export.json"
    path.write_bytes(content)
    found = []
    for location in (str(path), f"s3://{bucket}/sets/export.json"):
        reader = open_reader(location, s3=S3Settings(endpoint_url=s3_server.endpoint))
        found.append([reader.record(unit) for unit in reader.units()])
    assert len(found[0]) == 60
    assert found[0] == found[1]
