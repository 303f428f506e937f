"""What the README and the guide tell people to type works: commands, options, and the array job's script."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from gtmask.cli import app
from tests.support import coco_data

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"api.md", "cli.md", "findings.md", "formats.md", "performance.md"}
PAGES = [
    "README.md",
    *(
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if path.name not in GENERATED
    ),
]
BLOCK = re.compile(r"^```(?:bash|console)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """Return the words of every gtmask command in the page's blocks of code."""
    found = []
    for block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").replace("\n$ ", "\n").splitlines():
            if line.startswith("gtmask "):
                words = shlex.split(line, comments=True)
                ends = [k for k, word in enumerate(words) if word in {"||", "&&", "|", ">"}]
                found.append(words[1 : min(ends, default=len(words))])
    return found


EXAMPLES = [(page, words) for page in PAGES for words in commands(page)]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 15
    assert {words[0] for _, words in EXAMPLES} >= {
        "convert",
        "validate",
        "pilot",
        "job",
        "preview",
        "inspect",
    }


@pytest.mark.parametrize(("page", "words"), EXAMPLES, ids=lambda value: str(value)[:60])
def test_every_example_is_a_command_that_can_be_given(page: str, words: list[str]) -> None:
    group = typer.main.get_command(app)
    command = group.commands[words[0]]  # type: ignore[attr-defined]
    # Parsing alone: a wrong option or a missing argument raises, and nothing is run.
    command.make_context(words[0], list(words[1:]))


def test_the_array_job_of_the_guide_converts_and_survives_rejects(tmp_path: Path) -> None:
    script = next(
        block for block in BLOCK.findall((ROOT / "docs/guide.md").read_text()) if "#SBATCH" in block
    )
    (tmp_path / "array.sh").write_text(script)
    (tmp_path / "gtmask").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gtmask "$@"\n')
    (tmp_path / "gtmask").chmod(0o755)
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(6)])
    (tmp_path / "images" / "3.jpg").unlink()
    given = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "EXPORT": str(tmp_path / "export.json"),
        "IMAGES": str(tmp_path / "images"),
        "OUT": str(tmp_path / "out"),
        "SLURM_ARRAY_TASK_COUNT": "2",
    }
    for task in ("0", "1"):
        done = subprocess.run(
            ["bash", tmp_path / "array.sh"], capture_output=True, text=True, check=False,
            env={**os.environ, **given, "SLURM_ARRAY_TASK_ID": task},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "gtmask", "finish", tmp_path / "out"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert len((tmp_path / "out" / "labeling-qa.manifest").read_text().splitlines()) == 5
