"""The documentation: whole, up to date, without broken links, and what it tells people to type works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

import gtmask
from gtmask.cli import app
from gtmask.findings import CODES
from gtmask.formats import FORMATS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have."""
    found = set()
    for line in FENCE.sub("", text_of(page)).splitlines():
        if line.startswith("#"):
            title = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", line.lstrip("# ")).lower()
            found.add(re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-"))
    return found


def test_no_link_is_broken() -> None:
    broken = []
    for page in PAGES:
        for target in LINK.findall(FENCE.sub("", text_of(page))):
            if target.startswith(("http://", "https://", "mailto:")):
                continue
            path, _, anchor = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            if not linked.exists() or (anchor and linked.suffix == ".md" and anchor not in anchors(linked)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_page_is_on_the_site() -> None:
    named = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} <= named
    assert yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["strict"] is True


def test_generated_pages_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_docs.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_options_that_pages_and_messages_name_are_there() -> None:
    """But for those of other programs on lines with their names, and names of colours in CSS."""
    group: Any = typer.main.get_command(app)
    commands = [group, *group.commands.values()]
    there = {"--help", *(flag for one in commands for item in one.params for flag in item.opts)}
    others = re.compile(r"sbatch|#SBATCH|Slurm|aws s|make fuzz|python (-m|scripts|\S+\.py)|var\(--|--\w+:")
    shown = [
        page
        for page in PAGES
        if page.name not in {"CHANGELOG.md", "performance.md", "reliability.md", "api.md"}
    ]
    unknown = {
        f"{path.relative_to(ROOT)}: {option}"
        for path in [*shown, *(ROOT / "src").rglob("*.py")]
        for line in text_of(path).splitlines()
        if not others.search(line)
        for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9](?![\w{=-])", line)
        if option not in there
    }
    assert unknown == set()


def test_everything_that_can_be_named_is_documented() -> None:
    group: Any = typer.main.get_command(app)
    commands = text_of(DOCS / "cli.md")
    missing = [name for name in group.commands if f"\n## {name}\n" not in commands]
    for name, command in group.commands.items():
        section = commands.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        options = [max(item.opts, key=len) for item in command.params if item.param_type_name == "option"]
        missing += [f"{name} {flag}" for flag in options if flag != "--help" and f"`{flag}" not in section]
        missing += [
            f"{name} {item.name}: no help" for item in command.params if not getattr(item, "help", "")
        ]
    missing += [code for code in CODES if f"| `{code}` |" not in text_of(DOCS / "findings.md")]
    missing += [name for name in FORMATS if f"\n## {name}\n" not in text_of(DOCS / "formats.md")]
    missing += [name for name in gtmask.__all__ if name[0] != "_" and name not in text_of(DOCS / "api.md")]
    assert missing == []


def test_the_site_is_built_and_fetches_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in (tmp_path / "site").rglob("*.html"):
        fetched = re.findall(
            r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["'](https?:[^"']*)""", text_of(page)
        )
        assert fetched == [], page


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Return an empty folder, and an environment in which ``gtmask`` is this one."""
    tools, work = tmp_path / "tools", tmp_path / "work"
    for folder in (tools, work):
        folder.mkdir()
    (tools / "gtmask").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gtmask "$@"\n')
    (tools / "gtmask").chmod(0o755)
    return work, {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}


@pytest.mark.slow
def test_the_tutorial_works_block_by_block(place: tuple[Path, dict[str, str]]) -> None:
    work, environment = place
    blocks = BLOCK.findall(text_of(DOCS / "tutorial.md"))
    assert len(blocks) >= 9
    for language, source in blocks:
        command = (
            ["bash", "-euo", "pipefail", "-c", source]
            if language == "bash"
            else [sys.executable, "-c", source]
        )
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{source}\n{done.stdout}{done.stderr}"
    assert len((work / "corrected" / "answer.manifest").read_text().splitlines()) == 12
    assert "before" in (work / "changes.html").read_text()


@pytest.mark.slow
def test_the_transcript_of_the_readme_is_what_is_shown(place: tuple[Path, dict[str, str]]) -> None:
    work, environment = place
    blocks = re.findall(r"^```console\n(.*?)^```$", text_of(ROOT / "README.md"), re.MULTILINE | re.DOTALL)
    assert blocks
    gtmask.demo(work / "demo")
    for part in blocks[0].split("$ ")[1:]:
        command, *expected = part.splitlines()
        done = subprocess.run(
            ["bash", "-c", command], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        shown = (done.stdout + done.stderr).splitlines()
        assert [line for line in expected if line.strip() and line not in shown] == [], shown
    shutil.rmtree(work / "demo")
