"""What a command says comes next works as it is written: what was typed and is needed there is in it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from gtmask.cli import app
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path


def followed(words: list[str], **filled: str) -> list[str]:
    """Run a command, and return the words of the one that it says comes next, with these filled in."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    lines = [line.split(None, 1) for line in done.output.splitlines()]
    told = {line[0]: line[1] for line in lines if len(line) > 1}
    command = told["or"].removeprefix("now ") if "or" in told else told["next"]
    program, *rest = shlex.split(command.removesuffix(" …"))
    assert program == "gtmask"
    return [filled.get(word, word) for word in rest]


def test_each_next_command_works_as_it_is_written(tmp_path: Path) -> None:
    """Images and masks lie here, under names with blanks, and the manifest names S3."""
    coco_data.write(tmp_path / "my data", [f"{number}.jpg" for number in range(3)])
    data, quiet = tmp_path / "my data", ["--progress", "none"]
    convert = [
        "convert",
        f"{data}/export.json",
        "--images",
        f"{data}/images",
        "--out",
        f"{data}/run",
        "--workers",
        "1",
    ]
    validate = followed(
        [
            *convert,
            "--image-uri",
            "s3://bucket/i",
            "--mask-uri",
            "s3://bucket/m",
            "--region",
            "eu-west-1",
            *quiet,
        ]
    )
    assert validate[:2] == ["validate", f"{data}/run/labeling-qa.manifest"]
    assert validate[validate.index("--region") + 1] == "eu-west-1"
    pilot = followed([*validate, "--workers", "1", *quiet], DEST=f"{data}/pilot")
    assert pilot[0] == "pilot"
    job = followed([*pilot, "--workers", "1", *quiet], DIR=f"{data}/job")
    assert job[:2] == ["job", f"{data}/pilot/pilot.manifest"]
    role, team = (
        "arn:aws:iam::123456789012:role/r",
        "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/me",
    )
    rest = ["--role", role, "--workteam", team, "--output", "s3://bucket/answer", *quiet]
    assert CliRunner().invoke(app, [*job, *rest]).exit_code == 0
    twice = [*pilot, "--compare-png", "--overwrite", "--workers", "1", *quiet]
    told = CliRunner().invoke(app, twice).output
    assert "or upload them and give --image-uri and --mask-uri." in told
    uris = ["--image-uri", "s3://bucket/pilot/images", "--mask-uri", "s3://bucket/pilot/masks"]
    assert followed([*twice, *uris])[0] == "job"
