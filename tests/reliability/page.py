"""What the runs on reliability kept, and the page that tells it: ``python -m tests.reliability.page``.

Each run (kills, faults, a long run, fuzzing, mutants) takes from minutes to hours, done by itself. What it
counted stays in ``tests/reliability/measured``, with the day and the command that repeats it.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
MEASURED = Path(__file__).with_name("measured")
INTRODUCTION = """\
# Reliability

<!-- Made by tests/reliability/page.py; do not edit. -->

What was done to gtmask on purpose, and what became of it. Commands that are killed lose all their processes
at random moments (`kill -9`) and are started again until they are done; then every file is compared with
those of a run that nothing happened to. The S3 server is a real one that checks signatures; a proxy before
it breaks its answers. The counts are those of the runs themselves; each section names the command that
repeats it."""
KINDS = """\
`at-once`: 10 % of all requests are answered by 500, 503, a reset or half a body. `hanging`: 1 % get no answer
for 1.5 s, and then a closed connection."""

LEFT = """\
- A put that is on its way to S3 for more than 15 seconds while another start takes its run over with
  `--overwrite` may still arrive: a mask of the run that was replaced then lies in place of the new one.
  `gtmask validate --deep` sees it where its size or its values do not fit; a run that is taken over should be
  ended first.
- Two machines at work on the same chunk in S3 (a shard that was started twice): for at most two seconds after
  one of them has committed it, the other's journal is missing. Both write the same bytes; only who takes the
  run over with `--overwrite` at that moment would leave a mask of theirs behind.
- A server that is gone for longer than ten attempts at a request last stops the run with exit code 1. What
  was committed is kept, and the same command goes on.
- A `chmod` of more than 64 local files of an export, or of its folder, passes for a change of the export and
  stops a run; the same command goes on.
- `gtmask status` calls a start silent by the clocks of two machines: where they differ by minutes, it may
  call silent who is at work. Nothing that a run does depends on it.
- `--update` compares the sizes of masks, and does not read them: one that was replaced by another of the same
  size stays. `gtmask validate --deep` sees it only where its values break a rule.
- `answer` again after a worker's mask was replaced under its old name keeps what it made of the first one.
- `answer` takes lines of images that the run which `--run` names never had, if their masks can be read.
- A class with `value` or `color` in a class map also takes shapes whose label is that very text.
- Shapes in CVAT's XML that stand in CDATA or inside another shape, which no tool is known to write, are
  passed over.
- Of two updates that start at once one stops with exit code 2, in a sentence that names the other's file."""


def keep(name: str, command: str, found: dict[str, Any]) -> None:
    """Keep what a run counted, and write the page anew."""
    MEASURED.mkdir(exist_ok=True)
    day = dt.datetime.now(dt.UTC).date().isoformat()
    text = json.dumps({"day": day, "command": command, **found}, indent=1)
    (MEASURED / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return docs/reliability.md."""
    lines = INTRODUCTION.splitlines()
    for name, (title, section) in SECTIONS.items():
        path = MEASURED / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            lines += ["", f"## {title}", "", f"`{found['command']}`, {found['day']}.", "", *section(found)]
    lines += ["", "## Found and not mended", "", *LEFT.splitlines()]
    return "\n".join(lines) + "\n"


def kills(found: dict[str, Any]) -> list[str]:
    """Return the section on kills."""
    stories = found["stories"]
    return [
        "| command | kills | histories, all bytes equal |",
        "|---|---:|---:|",
        *(f"| {one['name']} | {one['kills']:,} | {one['histories']:,} |" for one in stories),
        f"| all | {sum(s['kills'] for s in stories):,} | {sum(s['histories'] for s in stories):,} |",
        "",
        f"{found['compared']:,} bytes were compared. {broken(found['faults'])}",
    ]


def fuzzed(found: dict[str, Any]) -> list[str]:
    """Return the section on inputs that were fuzzed."""
    how = "guided by coverage" if found["guided"] else "changed by chance"
    return [
        f"From exports, masks and manifests that the tests make, {how}. Each must be read as sound data or",
        "refused with an error of gtmask. Targets in which one did neither:",
        f"{', '.join(found['crashes']) or 'none'}.",
        "",
        "| target | inputs |",
        "|---|---:|",
        *(f"| {name} | {count:,} |" for name, count in found["inputs"].items()),
        f"| all | {sum(found['inputs'].values()):,} |",
    ]


def faults(found: dict[str, Any]) -> list[str]:
    """Return the section on answers that are broken."""
    rows = found["rows"]
    return [
        f"{found['images']:,} images, read from S3 and written there; exit code 0, the same bytes each time:",
        "",
        "| faults | requests broken | seconds | times as long |",
        "|---|---:|---:|---:|",
        *(
            f"| {row['what']} | {row['faults']:,} | {row['seconds']:.1f} |"
            f" {row['seconds'] / rows[0]['seconds']:.2f} |"
            for row in rows
        ),
        "",
        *KINDS.splitlines(),
        "",
        broken(found["faults"]),
    ]


def long_run(found: dict[str, Any]) -> list[str]:
    """Return the section on a run in front of a server that is restarted."""
    lines = [
        f"{found['images']:,} images to S3 with 3 % of the requests broken; all bytes equal. Times that the",
        f"server was killed and restarted meanwhile: {found['restarts']}. Starts that it took, as it stops",
        f"where the server is gone for longer than ten attempts last: {found['starts']}. The main process of",
        "the longest start, its greatest values in each quarter:",
        "",
        "| | first | second | third | last |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, title, unit in (
        ("rss", "memory, MB", 1e6),
        ("fds", "open files", 1),
        ("threads", "threads", 1),
    ):
        values = [f"{value / unit:,.0f}" for value in found[name]]
        lines.append(f"| {title} | {' | '.join(values + [''] * (4 - len(values)))} |")
    return [*lines, "", broken(found["faults"])]


def mutants(found: dict[str, Any]) -> list[str]:
    """Return the section on faults in the code itself."""
    lines = [
        "Small faults were put into the code, one at a time: a comparison that is off by one, a condition",
        "turned round, a call left out. The tests that reach the place must fail with it. Kernels are left",
        "out: each has a twin in the tests. Where fewer are tried than there are, they are drawn by chance.",
        "",
        "| code | possible faults | tried | noticed | hung | unnoticed |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, area in found["areas"].items():
        figures = (area[key] for key in ("mutants", "tried", "killed", "hung", "survived"))
        lines.append(f"| {name} | {' | '.join(f'{figure:,}' for figure in figures)} |")
    reasons: dict[str, list[str]] = {}
    for row in found["survivors"]:
        change = f"`{one_line(row['before'])}` became `{one_line(row['after'])}`"
        reasons.setdefault(row["why"] or "Not looked at yet.", []).append(f"{row['file']}: {change}")
    lines += ["", "Those unnoticed, by why they are no faults:"]
    for why, changes in sorted(reasons.items()):
        lines += ["", f"- {why}", *(f"    - {change}" for change in changes)]
    return lines


def one_line(text: str) -> str:
    """Return code as one line, in which no mark ends a table's cell or a piece of code."""
    return " ".join(text.split()).replace("`", "'")


def broken(faults: dict[str, int]) -> str:
    """Return a sentence on the requests that were broken."""
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(faults.items()))
    return f"Requests that were broken, by kind: {kinds or 'none'}."


SECTIONS = {
    "kills": ("Kills survived", kills),
    "faults": ("Faults survived", faults),
    "long": ("A long run", long_run),
    "fuzzed": ("Inputs fuzzed", fuzzed),
    "mutants": ("Faults put into the code", mutants),
}

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
