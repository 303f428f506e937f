"""Runs that nobody watches: what a log, a pipe or a service gets, and what a terminal gets."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import orjson
import pytest
from typer.testing import CliRunner

from gtmask import progress
from gtmask.cli import app, talk
from gtmask.errors import UsageError
from tests.support import coco_data
from tests.support.commands import wait_for

if TYPE_CHECKING:
    from pathlib import Path

RUN = CliRunner()
LONG = "a-very-long-folder-name-" * 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an export whose images have long names; one of them is not there."""
    folder = tmp_path_factory.mktemp("nights")
    coco_data.write(folder, [f"{LONG}/{number}.jpg" for number in range(4)])
    (folder / "images" / LONG / "2.jpg").unlink()
    return folder


def arguments(made: Path, out: Path, *more: str) -> list[str]:
    return ["convert", str(made / "export.json"), "--images", str(made / "images"), "--out", str(out), *more]


def test_a_run_without_a_terminal_writes_a_log_that_an_operator_can_read(made: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gtmask", *arguments(made, tmp_path / "out", "--workers", "1")],
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
        wait_for(lambda: log.stat().st_size)
        first = log.read_text().splitlines()[0]
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  +gtmask \S+  convert ", first)
        assert process.wait(timeout=300) == 3
    told = log.read_text()
    assert re.search(r"^\S+ \S+  convert   4/4 in .*, 1 rejected, 0 retries$", told, re.MULTILINE)
    rows = [line for line in told.splitlines() if line.startswith("image-missing")]
    assert len(rows) == 1, "a finding takes one line"
    assert f"{LONG}/2.jpg" in rows[0]
    assert f"next      gtmask validate {tmp_path}/out/labeling-qa.manifest" in told.splitlines()
    assert "left out  image-missing 1" in told
    assert re.search(r"^time      \d", told, re.MULTILINE)
    assert "\x1b" not in told
    assert not re.search(r" +$", told, re.MULTILINE)


def test_a_service_gets_json_alone(made: Path, tmp_path: Path) -> None:
    done = RUN.invoke(app, arguments(made, tmp_path / "out", "--progress", "json", "--workers", "1"))
    events = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert done.exit_code == 3
    assert events[0]["event"] == "notice"
    assert {event["stage"] for event in events if event["event"] == "end"} == {
        "survey",
        "convert",
        "assemble",
    }
    assert events[-1]["event"] == "result"
    assert events[-1]["result"]["masks"] == 3
    assert done.stdout == ""


def test_a_service_gets_errors_as_json_too(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "gtmask",
        "convert",
        str(tmp_path / "none.json"),
        "--out",
        str(tmp_path / "out"),
    ]
    done = subprocess.run([*command, "--progress", "json"], capture_output=True, check=False)
    events = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode, events[-1]["event"]) == (2, "error")
    assert "none.json" in events[-1]["message"]


def test_quiet_is_quiet_and_a_log_file_has_everything(made: Path, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    options = ("--quiet", "--log-file", str(log), "--workers", "1")
    done = RUN.invoke(app, arguments(made, tmp_path / "out", *options))
    assert (done.exit_code, done.stdout, done.stderr) == (3, "", "")
    told = log.read_text()
    assert re.search(r"convert   4/4 in ", told)
    assert "left out  image-missing 1" in told
    done = RUN.invoke(app, ["status", str(tmp_path / "out"), "--log-file", str(log), "-q"])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert log.read_text().startswith(told), "it is appended to"
    manifest = str(tmp_path / "out" / "labeling-qa.manifest")
    done = RUN.invoke(app, ["validate", manifest, "--quick", "--quiet"])
    assert (done.stdout, done.stderr) == ("", "")


def test_a_log_file_is_never_a_file_of_data(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--quiet", "--workers", "1")
    assert RUN.invoke(app, arguments(made, out, *options)).exit_code == 3
    files = [path for path in (*made.rglob("*"), *out.rglob("*")) if path.is_file() and path.stat().st_size]
    before = {path: path.read_bytes() for path in files}
    assert {path.suffix for path in files} >= {".json", ".jpg", ".png", ".toml", ".manifest", ".jsonl"}
    for path in files:
        done = RUN.invoke(app, arguments(made, out, *options, "--log-file", str(path)))
        assert isinstance(done.exception, UsageError), path
        assert "is a file of data, not a log" in str(done.exception)
    assert before == {path: path.read_bytes() for path in files}


def test_a_log_of_another_program_goes_on(made: Path, tmp_path: Path) -> None:
    log = tmp_path / "night.log"
    log.write_text("[2026-01-31 03:00:00] <34> the job starts\n")
    assert (
        RUN.invoke(app, arguments(made, tmp_path / "out", "--quiet", "--log-file", str(log))).exit_code == 3
    )
    assert log.read_text().startswith("[2026-01-31 03:00:00] <34> the job starts\n2")


def test_json_goes_to_stdout_and_status_has_it(made: Path, tmp_path: Path) -> None:
    done = RUN.invoke(app, arguments(made, tmp_path / "out", "--json", "--workers", "1"))
    assert (orjson.loads(done.stdout)["rejects"], done.stderr) == (1, "")
    done = RUN.invoke(app, ["status", str(tmp_path / "out"), "--json"])
    seen = orjson.loads(done.stdout)
    assert (seen["complete"], seen["rejected"], done.stderr) == (True, {"image-missing": 1}, "")
    shown = RUN.invoke(app, ["status", str(tmp_path / "out"), "--progress", "none"])
    assert "rejects   image-missing 1" in shown.stdout.splitlines()
    assert shown.stderr == ""


def test_compiling_is_told_before_it_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_kernels(_: object) -> int:
        progress.notice("compiling kernels")
        return 44

    monkeypatch.setattr("gtmask.kernels.compile_kernels", compile_kernels)
    done = RUN.invoke(app, ["warmup"])
    told = done.stderr.splitlines()
    assert "warmup" in told[0]
    assert any(line.endswith("  compiling kernels") for line in told[1:-1])
    assert told[-1].startswith("44 kernels are ready")


def test_something_is_said_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    """What takes longer than half a second comes after the first line."""
    code = (
        "import json, sys\n"
        "from gtmask.cli import main, reporters\n"
        "def notice(self, text):\n"
        "    heavy.append(sorted({'numba', 'numpy', 'rich', 'botocore', 'asyncio'} & set(sys.modules)))\n"
        "    sys.exit()\n"
        "reporters.Lines.notice = notice\n"
        "found = {}\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    heavy = found[command[0]] = []\n"
        "    sys.argv = ['gtmask', *command]\n"
        "    try: main()\n"
        "    except SystemExit: pass\n"
        "print(json.dumps(found))\n"
    )
    out = str(tmp_path / "out")
    nowhere = str(tmp_path / "none.json")
    commands = [
        ["convert", nowhere, "--out", out], ["inspect", nowhere], ["classes", nowhere], ["validate", nowhere],
        ["pilot", nowhere, "--out", out], ["answer", nowhere, "--out", out], ["finish", out], ["status", out],
        ["job", nowhere, "--out", out, "--role", "r", "--workteam", "w", "--output", "s3://b/o"],
        ["preview", nowhere, "--out", f"{out}.html"],
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, orjson.dumps(commands)], capture_output=True, check=True
    )
    assert orjson.loads(done.stdout) == {command[0]: [[]] for command in commands}


def on_terminal(command: list[str], **environment: str) -> str:
    """Run a command whose stderr is a terminal; return what is written there."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, env=env
    )
    os.close(theirs)
    told = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # its end, to Linux
            break
        if not piece:
            break
        told += piece
    os.close(ours)
    process.wait(timeout=300)
    return told.decode()


def test_a_terminal_gets_a_line_that_goes_away_then_bars(made: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gtmask", *arguments(made, tmp_path / "out", "--workers", "1")]
    told = on_terminal(command)
    assert told.startswith("gtmask ")
    assert "convert" in told.partition("...")[0]
    assert "\r\x1b[2K" in told, "the first line went away"
    assert re.search(r"convert .*4/4", told)
    assert "1 rejected" in told
    without = on_terminal([*command, "--overwrite"], NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][;m]", without), "NO_COLOR switches colours off"


def test_a_wrong_mode_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gtmask", "status", "x", "--progress", "loud"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2,
        "gtmask: --progress 'loud' is none of auto, bar, log, json, none.\n",
    )


def test_what_is_said_last_knows_no_earlier_command() -> None:
    assert talk.Talk(quiet=True).mode == "none"
    assert talk.Talk(json=True).mode == "none"
    assert talk.Talk(json=True, progress="log").mode == "log"
    assert talk.Talk(quiet=True, progress="log").mode == "none"
