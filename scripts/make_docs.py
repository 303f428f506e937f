"""Write the pages of docs/ that are generated from the code: ``python scripts/make_docs.py [--check]``.

With ``--check`` nothing is written; pages that differ from the code are named and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import typer
from api_page import api

from gtmask.cli import app
from gtmask.cli.group import GUIDES
from gtmask.findings import CODES
from gtmask.formats import FORMATS

ROOT = Path(__file__).resolve().parent.parent
LEVELS = {
    "note": "Nothing was lost or guessed.",
    "guess": "Something was assumed that the data does not say; `--strict` stops here.",
    "loss": "A shape, or a part of one, was left out of the mask; `--strict` stops here.",
    "reject": "There is no mask of this image; it is listed in `rejects.jsonl`, and the exit code is 3.",
    "warning": "Only `gtmask validate`: the job will run, but look at this; `--strict` makes it an error.",
    "error": "Only `gtmask validate`: the job would fail or show something wrong; the exit code is 3.",
}


def formats() -> str:
    """Return docs/formats.md: a table of all formats and a section about each."""
    lines = [
        "# What gtmask reads",
        "",
        "Generated from `src/gtmask/formats/registry.py` by `scripts/make_docs.py`.",
        "",
        "Detection looks at names and at what files begin with, in the order of this table, and reads on",
        "where that does not tell; `--format NAME` skips it. Folders, globs, `.zip`, `.tar`, `.tar.gz` and",
        "`s3://` locations work for every format; formats",
        "of one file per image read a folder as one export, the others read every document in it.",
        "",
        "Geometry speaks of the image's pixels as its file stores them, or as viewers show them once EXIF's",
        "orientation has turned them. Which of them it is, each format says below; a size in the export that",
        "fits only the other one overrules it. Which pixels a rule of `--fill` covers:",
        "[rasterizing](rasterizing.md).",
        "",
        "| `--format` | tool | one file per image | `--fill source` paints like |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| [`{row.name}`](#{row.name}) | {row.title} | "
        f"{'yes' if row.per_image else 'no'} | `{row.source_fill}` |"
        for row in FORMATS.values()
    ]
    for row in FORMATS.values():
        lines += [
            "",
            f"## {row.name}",
            "",
            f"**{row.title}**",
            "",
            *(f"- {title}: {text}" for title, text in row.facts().items()),
        ]
    return "\n".join(lines) + "\n"


def findings() -> str:
    """Return docs/findings.md: every code by level, what it means and what to do."""
    lines = [
        "# Findings",
        "",
        "Generated from the code by `scripts/make_docs.py`. A finding is something worth telling about data.",
        "Codes are stable: scripts may rely on them. `gtmask inspect` and `gtmask convert` count them.",
    ]
    for level, meaning in LEVELS.items():
        rows = [code for code in CODES.values() if code.level == level]
        if rows:
            lines += [
                "",
                f"## {level}",
                "",
                meaning,
                "",
                "| code | what it means | what to do |",
                "|---|---|---|",
            ]
            lines += [f"| `{row.code}` | {cell(row.meaning)} | {cell(row.remedy)} |" for row in rows]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Return docs/cli.md: every command with its arguments and options."""
    lines = [
        "# Commands",
        "",
        "Generated from the code by `scripts/make_docs.py`; the same as `gtmask COMMAND --help`.",
        "",
        "Exit codes: 0 everything done; 1 stopped, nothing lost, run again to go on; 2 wrong usage or",
        "settings; 3 finished, but records were rejected or errors found. stdout carries data, stderr talk.",
        "",
        "Options that are not typed are taken from the variables named here (the first that is set), then",
        "from `gtmask.toml`: from the command's table, then from its top. `gtmask config` shows what is",
        "in force.",
    ]
    group: Any = typer.main.get_command(app)
    lines += ["", "## Before the command", "", "| option | meaning |", "|---|---|"]
    for item in group.params:
        value = f" {item.metavar}" if item.metavar else ""
        lines.append(f"| `{max(item.opts, key=len)}{value}` | {cell(item.help or '')} |")
    for name, command in group.commands.items():
        arguments = [item for item in command.params if item.param_type_name == "argument"]
        usage = " ".join(["gtmask", name, *(item.metavar + "..." * (item.nargs != 1) for item in arguments)])
        lines += [
            "",
            f"## {name}",
            "",
            f"`{usage}`",
            "",
            command.help,
            "",
            "```bash",
            *GUIDES[name].examples,
            "```",
            "",
            "| option | meaning | default | variables |",
            "|---|---|---|---|",
        ]
        for item in command.params:
            if item.name == "help":
                continue
            if item in arguments:
                lines.append(f"| `{item.metavar}` | {cell(item.help or '')} | | |")
                continue
            flag = max(item.opts, key=len)
            value = f" {item.metavar}" if item.metavar else ""
            default = "" if item.default in (None, False, "") else f"`{item.default}`"
            names = ", ".join(f"`{variable}`" for variable in item.envvar)
            lines.append(f"| `{cell(flag + value)}` | {cell(item.help or '')} | {default} | {names} |")
    return "\n".join(lines) + "\n"


#: Sections of docs/performance.md of which the README shows the first goal.
SHOWN = ("Polygon fill", "Mask to PNG", "Reading COCO exports", "PNG to pixels by class id", "S3 requests")
BEGIN, END = "<!-- Made by scripts/make_docs.py from docs/performance.md: begin -->\n", "<!-- end -->\n"


def readme() -> str:
    """Return the README with its table of figures as the benches wrote them."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    figures = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    machine = figures.split("Measured on ", 1)[1].split(";", 1)[0]
    lines = [f"Measured on {machine}.", "", "| what | goal | measured |", "|---|---|---|"]
    rows = [
        row.strip("| ").split(" | ")
        for row in figures.split("## At a glance")[1].splitlines()
        if "](#" in row
    ]
    for section in SHOWN:
        what, goal, measured, *_ = next(row for row in rows if row[0].startswith(f"[{section}]"))
        lines.append(f"| {what.replace('](#', '](docs/performance.md#')} | {goal} | {measured} |")
    whole = figures.split("## The whole run, start-up included")[1].split("\n## ")[0]
    table = [row.strip("| ").split(" | ") for row in whole.splitlines() if row.startswith("| ")]
    head = table[0]
    chosen = [
        head.index(name) for name in ("gtmask convert", "the usual script", "the usual script, two processes")
    ]
    lines += ["", f"| a whole run, start-up included | {' | '.join(head[i] for i in chosen)} |"]
    lines += ["|---|---|---|---|"]
    scenes = [row for row in table if " images of " in row[0] and len(row) == len(head)]
    lines += [f"| {row[0]} | {' | '.join(row[i] for i in chosen)} |" for row in scenes]
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{chr(10).join(lines)}\n{END}{rest.split(END, 1)[1]}"


def cell(text: str) -> str:
    """Return text that may stand in a table's cell."""
    return text.replace("|", "\\|")


PAGES = {
    "docs/formats.md": formats,
    "docs/findings.md": findings,
    "docs/cli.md": commands,
    "docs/api.md": api,
    "README.md": readme,
}


def main() -> int:
    """Write the pages, or say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is stale")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"{', '.join(stale)}: not what the code says; run `make docs`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
