"""The recipes for schedulers: each is run, or compared with what its scheduler's own model says."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import botocore.validate
import pytest
import yaml

import gtmask
from tests.support import coco_data
from tests.support.commands import tree
from tests.support.loopback import LoopbackServer

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.slow

RECIPES = Path(__file__).parents[2] / "scripts" / "recipes"
DATE = "2024-01-01T00:00:00.000000"
OPTIONS = f"--quiet --workers 1 --chunk-size 4 --creation-date {DATE} --mask-uri s3://b/m"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return a clean environment, as a scheduler makes it, in which ``gtmask`` is this tree's."""
    binary = folder / "bin" / "gtmask"
    binary.parent.mkdir(exist_ok=True)
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} -m gtmask "$@"\n')
    binary.chmod(0o755)
    known = {
        name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "AWS_BATCH"))
    }
    return {
        **known,
        "PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}",
        "EXPORT": str(folder / "export.json"),
        "IMAGES": str(folder / "images"),
        "OUT": str(folder / "out"),
        "OPTIONS": OPTIONS,
        **more,
    }


def whole(folder: Path) -> dict[str, bytes]:
    options: dict[str, Any] = {"workers": 1, "chunk_size": 4, "creation_date": DATE, "mask_uri": "s3://b/m"}
    gtmask.convert(folder / "export.json", folder / "whole", images=folder / "images", **options)
    return tree(folder / "whole")


def test_the_slurm_array_makes_the_same_as_one_run(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    for task in ("3", "1", "2"):
        subprocess.run(
            ["bash", RECIPES / "slurm_array.sh"],
            check=True,
            env=environment(
                tmp_path, SLURM_SUBMIT_DIR=str(RECIPES), SLURM_ARRAY_TASK_ID=task, SLURM_ARRAY_TASK_COUNT="3",
                SLURM_ARRAY_TASK_MIN="1", SLURM_ARRAY_TASK_MAX="3",
            ),
        )  # fmt: skip
    assert tree(tmp_path / "out") == whole(tmp_path)


@pytest.mark.parametrize(
    ("variables", "code"),
    [({"SHARD": "0/1"}, 0), ({"SHARD": "5/1"}, 2), ({"SHARD": "0/1", "EXPORT": ""}, 1)],
)
def test_rejects_are_no_failure_of_a_task_and_usage_errors_are(
    tmp_path: Path, variables: dict[str, str], code: int
) -> None:
    coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    (tmp_path / "images" / "b.jpg").unlink()
    made = subprocess.run(
        ["bash", RECIPES / "convert_shard.sh"], check=False, env=environment(tmp_path, **variables)
    )
    assert made.returncode == code


def test_a_task_that_is_taken_away_ends_its_chunks_and_goes_on(tmp_path: Path) -> None:
    """The signal goes to the shell alone, as schedulers send it."""
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(1500)])
    script = ["bash", str(RECIPES / "convert_shard.sh")]
    variables = environment(tmp_path, SHARD="0/1")
    task = subprocess.Popen(script, env=variables, stderr=subprocess.PIPE, text=True, start_new_session=True)
    parts = tmp_path / "out" / "_gtmask" / "parts"
    deadline = time.monotonic() + 240  # kernels may have to be compiled first
    while len(list(parts.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    task.send_signal(signal.SIGTERM)
    _, said = task.communicate(timeout=60)
    assert task.returncode == 1
    assert "what was committed is kept" in said
    assert not list((tmp_path / "out").glob("*.manifest"))
    subprocess.run(script, env=variables, check=True)
    assert tree(tmp_path / "out") == whole(tmp_path)


def test_the_kubernetes_job_is_of_one_number(tmp_path: Path) -> None:
    """And its pods' command is the script; their index and the number of all make the shard."""
    job = yaml.safe_load((RECIPES / "kubernetes_job.yaml").read_text())
    spec = job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert spec["completionMode"] == "Indexed"
    assert variables["SHARD"] == f"auto/{spec['completions']}"
    assert spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["containerName"] == container["name"]
    # The names are those that the script reads; an option that gtmask lacks would end with 2.
    coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    own = environment(tmp_path)
    variables |= {name: own[name] for name in ("EXPORT", "IMAGES", "OUT")} | {"JOB_COMPLETION_INDEX": "0"}
    variables["OPTIONS"] += f" --chunk-size 1 --creation-date {DATE}"
    subprocess.run(["bash", RECIPES / "convert_shard.sh"], check=True, env=own | variables)
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 1


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


COMMAND = ["--queue", "spot", "--image", "1.dkr/gtmask:1", "--role", "arn:aws:iam::111122223333:role/r",
           "s3://d/export.json", "s3://d/images", "s3://d/run1"]  # fmt: skip


@pytest.mark.parametrize("shards", [1, 16])
def test_what_is_sent_to_batch_is_what_its_model_takes(
    shards: int, capsys: pytest.CaptureFixture[str]
) -> None:
    module("aws_batch").main(["--print", "--shards", str(shards), *COMMAND])
    shown = json.loads(capsys.readouterr().out)
    model = botocore.session.get_session().get_service_model("batch")
    for operation, request in shown.items():
        report = botocore.validate.ParamValidator().validate(
            request, model.operation_model(operation).input_shape
        )
        assert not report.has_errors(), report.generate_report()
    variables = {
        item["name"]: item["value"] for item in shown["SubmitJob"]["containerOverrides"]["environment"]
    }
    assert variables["SHARD"] == ("auto/16" if shards > 1 else "0/1")
    assert shown["SubmitJob"].get("arrayProperties", {"size": 1}) == {"size": shards}


class Batch(BaseHTTPRequestHandler):
    """Answers as AWS Batch does, and keeps what it was asked."""

    asked: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body))
        if self.path == "/v1/registerjobdefinition":
            answer = {
                "jobDefinitionName": "gtmask",
                "jobDefinitionArn": "arn:aws:batch:::gtmask:7",
                "revision": 7,
            }
        else:
            answer = {"jobName": body["jobName"], "jobId": "1f2e"}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def test_the_array_job_is_submitted_by_the_revision_that_was_registered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Batch.asked = []
    with LoopbackServer(Batch) as server:
        for name, value in {
            "AWS_ENDPOINT_URL_BATCH": server.endpoint, "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        module("aws_batch").main(COMMAND)
    assert capsys.readouterr().out == "1f2e\n"
    assert [path for path, _ in Batch.asked] == ["/v1/registerjobdefinition", "/v1/submitjob"]
    assert Batch.asked[1][1]["jobDefinition"] == "arn:aws:batch:::gtmask:7"


def test_the_dask_example_converts(tmp_path: Path) -> None:
    coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    command = [sys.executable, RECIPES / "dask_convert.py", tmp_path / "export.json", tmp_path / "images"]
    subprocess.run([*command, tmp_path / "out"], check=True, capture_output=True)
    assert sorted(path.name for path in (tmp_path / "out" / "masks").iterdir()) == ["a.png", "b.png"]


def test_the_container_runs_the_script_as_nobody_special() -> None:
    lines = (RECIPES / "Dockerfile").read_text().splitlines()
    first = [line.split()[0] for line in lines if line and not line.startswith(("#", " "))]
    assert first.index("USER") < first.index("CMD")
    copy = next(line for line in lines if line.startswith("COPY --chmod"))
    assert (Path(__file__).parents[2] / copy.split()[2]).is_file()
    assert 'CMD ["convert_shard.sh"]' in lines
    assert lines.index("RUN gtmask warmup") > lines.index("USER gtmask")
