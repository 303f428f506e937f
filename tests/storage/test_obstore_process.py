"""What obstore keeps in a process: its clients, and its threads."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gtmask.errors import CredentialsError
from gtmask.storage import S3Settings, open_storage

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("obstore") is None, reason="obstore is not installed"
)

#: Prints how many threads a storage has begun by the time it is open, and what it leaves behind.
_PROGRAM = """
import asyncio, os
from pathlib import Path
from gtmask.storage import S3Settings, open_storage

async def main():
    async with open_storage("s3://bucket", S3Settings(client="obstore")):
        names = [path.joinpath("comm").read_text() for path in Path("/proc/self/task").iterdir()]
        print(sum(name.startswith("tokio") for name in names), os.environ.get("TOKIO_WORKER_THREADS"))

asyncio.run(main())
"""


def test_event_loops_share_a_client_until_the_environment_differs(
    s3_server: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gtmask.storage import obstore  # noqa: PLC0415 - an extra

    made: list[str] = []
    make = obstore._make_store

    def count(name: str, *rest: Any) -> Any:
        made.append(name)
        return make(name, *rest)

    monkeypatch.setattr(obstore, "_make_store", count)
    monkeypatch.setenv("AWS_GTMASK_TEST", bucket)  # no client of another test is like this one
    settings = S3Settings(client="obstore", endpoint_url=s3_server.endpoint)

    async def put_and_get() -> bytes:
        async with open_storage(f"s3://{bucket}", settings) as storage:
            await storage.put("key", b"data")
            return await storage.get("key")

    assert [asyncio.run(put_and_get()) for _ in range(3)] == [b"data"] * 3
    assert made == [bucket]
    right = os.environ["AWS_SECRET_ACCESS_KEY"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(CredentialsError):
        asyncio.run(put_and_get())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", right)
    assert asyncio.run(put_and_get()) == b"data"


def test_credentials_of_a_file_that_was_changed_are_read_anew(
    s3_server: Any, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = {"AWS_ACCESS_KEY_ID": "aws_access_key_id", "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key"}
    keys = {file: os.environ[variable] for variable, file in names.items()}
    for variable in names:
        monkeypatch.delenv(variable)
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    settings = S3Settings(client="obstore", endpoint_url=s3_server.endpoint)

    async def put() -> None:
        async with open_storage(f"s3://{bucket}", settings) as storage:
            await storage.put("key", b"data")

    def write(secret: str) -> None:
        lines = [f"{name} = {value}" for name, value in (keys | {"aws_secret_access_key": secret}).items()]
        file.write_text("\n".join(["[default]", *lines, ""]))

    write("wrong")
    with pytest.raises(CredentialsError):
        asyncio.run(put())
    write(keys["aws_secret_access_key"])
    asyncio.run(put())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted as Linux shows them")
def test_one_thread_serves_and_the_environment_stays_as_it_was() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TOKIO_WORKER_THREADS"}
    environment |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    threads, left = done.stdout.split()
    # One that serves, and one that obstore begins beside.
    assert 1 <= int(threads) <= 2, done.stderr
    assert left == "None"


def test_a_number_of_threads_that_the_user_asks_for_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from gtmask.storage import obstore  # noqa: PLC0415 - an extra

    seen: list[str | None] = []

    async def put(*_: Any) -> None:
        seen.append(os.environ.get("TOKIO_WORKER_THREADS"))

    monkeypatch.setattr("obstore.put_async", put)
    monkeypatch.setattr(obstore, "_begun", [])
    monkeypatch.setenv("TOKIO_WORKER_THREADS", "3")
    asyncio.run(obstore._begin_with_one_thread())
    assert seen == []
    assert os.environ["TOKIO_WORKER_THREADS"] == "3"
