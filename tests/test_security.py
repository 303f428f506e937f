"""The page on threats names tests that exist; and what no other test tries."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gtmask
from tests.support import coco_data
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY

if TYPE_CHECKING:
    import pytest

    from tests.support.s3_server import S3Server

ROOT = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| .* \| .* \| `(tests/[\w/]+\.py)::(\w+)` \|$", (ROOT / "docs/security.md").read_text(), re.MULTILINE
)


def test_each_threat_names_a_test_that_is_there() -> None:
    table = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(table) - 1 > 20
    for path, name in ROWS:
        assert re.search(rf"^def {name}\b", (ROOT / path).read_text(), re.MULTILINE), f"{path}::{name}"


def test_credentials_are_in_nothing_that_leaves_the_process(
    tmp_path: Path, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """Neither in files, nor in what is sent to workers, nor in words, also where something fails."""
    sent: list[bytes] = []
    dumps = pickle.dumps

    def spied(value: object) -> bytes:
        sent.append(dumps(value))
        return sent[-1]

    monkeypatch.setattr(pickle, "dumps", spied)
    export = coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    (tmp_path / "images" / "b.jpg").unlink()
    s3 = gtmask.S3Settings(endpoint_url=s3_server.endpoint)
    summary = gtmask.convert(export, f"s3://{bucket}/out", images=tmp_path / "images", workers=1, s3=s3)
    assert summary.tally.masks == 1
    assert sent
    seen = [*sent, *s3_server.objects(bucket).values(), repr(s3).encode(), str(summary.to_json()).encode()]
    seen += ["".join(capfd.readouterr()).encode()]
    for secret in (ACCESS_KEY, SECRET_KEY):
        assert not [data for data in seen if secret.encode() in data]
