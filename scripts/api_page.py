"""docs/api.md from the docstrings of the names that ``gtmask`` exports."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from typing import Any, get_args

import typer.main

import gtmask
from gtmask.cli import app

INTRODUCTION = """\
# The library

Generated from the docstrings by `scripts/make_docs.py`. `import gtmask` is all that is needed; names are
imported when they are first used. The functions have the names of the [commands](cli.md), take the same
options under the same names (with `_` for `-`), and have the same defaults.

- **Locations** are paths or `s3://bucket/prefix`; `s3=gtmask.S3Settings(...)` says how S3 is reached.
- **Errors** are classes of `gtmask.errors`, all of them a `GtmaskError` with one sentence for people and the
  `exit_code` that the command would have. What is wrong with single images or shapes is no error but a
  [finding](findings.md), counted in what the functions return.
- **Progress**: any object with the two methods of `Progress` is told how long work gets on.
"""
#: Which names the page shows, and in which order.
GROUPS = {
    "Commands": """
        convert finish prepare status inspect classes validate pilot preview job submit_job wait_for_jobs
        buckets_without_cors fix_cors answer demo warmup about fallback_reason hearing_notices retries
    """,
    "Step by step": """
        read rasterize encode_png decode_png class_map_from_labels parse_class_map format_class_map
    """,
    "Settings": """
        S3Settings ReadOptions Settings ExecutionOptions ConvertOptions CHOICES JobSettings AnswerOptions
        PrepareOptions CORS_RULE Progress Depth
    """,
    "Results": """
        Summary Changes Preparation Status Tally Inspection Sampled JobOutput Answer Report Rule Problem
        PilotResult Chosen Preview StartingMap JobPlan JobShare JobStatus Demo
    """,
    "Records, class maps and findings": """
        Record Shape Runs Balance Bitmap Select Plane Kind Grid FillRule ClassMap LabelClass SuggestedClass
        Finding FindingCounts escape_unprintable Code Level
    """,
}
#: Sections of a docstring, as numpydoc writes their titles.
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
ROLE = re.compile(r":(?:\w+):`~?([^`]+)`")


def api() -> str:
    """Return docs/api.md."""
    lines = [INTRODUCTION]
    shown = [name for names in GROUPS.values() for name in names.split()]
    if sorted([*shown, "__version__", "errors", "findings", "formats", "raster"]) != sorted(gtmask.__all__):
        raise SystemExit("GROUPS in scripts/api_page.py must have each name that gtmask exports, once.")
    for title, names in GROUPS.items():
        lines += [f"## {title}", ""]
        lines += [part for name in names.split() for part in entry(f"gtmask.{name}", getattr(gtmask, name))]
    lines += ["## Kernels", "", "Functions on arrays, which know no domain. They paint `mask` in place.", ""]
    raster = gtmask.raster
    lines += [
        part for name in raster.__all__ for part in entry(f"gtmask.raster.{name}", getattr(raster, name))
    ]
    lines += ["## Errors", "", "```", *tree(gtmask.errors), "```"]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def entry(name: str, thing: Any) -> list[str]:
    """Return the entry of a function, a class or a value."""
    lines = [f"### {name}", ""]
    if inspect.isfunction(thing):
        return [*lines, *signature(name, thing), *body(inspect.getdoc(thing) or "")]
    if inspect.isclass(thing):
        lines += [*body(inspect.getdoc(thing) or ""), *table(thing)]
        for method_name, method in inspect.getmembers(thing):
            if not method_name.startswith("_") and inspect.isfunction(inspect.unwrap(method)):
                taken = [parameter(item) for item in inspect.signature(method).parameters.values()][1:]
                lines += [f"- `{method_name}({', '.join(taken)})`: {summary(inspect.getdoc(method) or '')}"]
            elif isinstance(method, property):
                lines += [f"- `{method_name}`: {summary(inspect.getdoc(method) or '')}"]
        return [*lines, ""]
    values = get_args(thing)
    shown = ", ".join(f"`{value!r}`" for value in values) if values else f"`{type(thing).__name__}`"
    return [*lines, f"One of {shown}." if values else f"A {shown}.", ""]


def signature(name: str, function: Any) -> list[str]:
    """Return the call of a function, one parameter a line where they are many."""
    parameters = inspect.signature(function).parameters.values()
    shown: list[str] = []
    starred = False
    for item in parameters:
        if item.kind is item.KEYWORD_ONLY and not starred:
            shown, starred = [*shown, "*"], True
        shown.append(parameter(item))
    returned = str(inspect.signature(function).return_annotation).strip("'")
    text = f"{name}({', '.join(shown)}) -> {returned}"
    if len(text) > 100:
        text = f"{name}(\n    " + ",\n    ".join(shown) + f",\n) -> {returned}"
    return ["```", text, "```", ""]


def parameter(item: inspect.Parameter) -> str:
    """Return a parameter as it is written; annotations are text here, which would be shown in quotes."""
    stars = "**" if item.kind is item.VAR_KEYWORD else ""
    text = f"{stars}{item.name}"
    if item.annotation is not item.empty:
        text += f": {item.annotation}"
    return text if item.default is item.empty else f"{text} = {item.default!r}"


def summary(text: str) -> str:
    """Return the first paragraph of a docstring on one line."""
    return plain(" ".join(SECTION.split(text)[0].split("\n\n")[0].split()))


def plain(text: str) -> str:
    """Return reStructuredText as Markdown: literals and roles."""
    return ROLE.sub(r"`\1`", text).replace("``", "`")


def body(text: str) -> list[str]:
    """Return a docstring as Markdown: its sections as lists, its example as code."""
    first, *rest = SECTION.split(text)
    lines = [plain(first).strip(), ""]
    for title, content in zip(rest[::2], rest[1::2], strict=True):
        if title == "Examples":
            lines += ["```python", content.strip(), "```", ""]
        else:
            lines += [f"**{title}**", "", *items(content), ""]
    return lines


def items(content: str) -> list[str]:
    """Return the entries of a section: names, each with the indented text below it."""
    lines: list[str] = []
    for line in content.strip().splitlines():
        if line.startswith(" ") and lines:
            joint = ": " if lines[-1].endswith("`") and lines[-1].startswith("- ") else " "
            lines[-1] += joint + plain(line.strip())
        elif line.strip():
            lines.append(f"- `{line.strip()}`")
    return lines


def table(kind: Any) -> list[str]:
    """Return the fields of a dataclass with type and default; with the words of its option, if it has one."""
    if not dataclasses.is_dataclass(kind):
        return []
    words = option_words() if kind in {gtmask.Settings, gtmask.ExecutionOptions} else {}
    head = "| field | type | default |" + (" meaning |" if words else "")
    lines = [head, "|---" * (4 if words else 3) + "|"]
    for item in dataclasses.fields(kind):
        if item.name.startswith("_"):
            continue
        told = f" {words.get(item.name, '')} |" if words else ""
        lines.append(f"| `{item.name}` | `{cell(str(item.type))}` | {default(item)} |{told}")
    return [*lines, ""]


def default(item: dataclasses.Field[Any]) -> str:
    """Return a field's default as it is written, nothing where it must be given."""
    if item.default is not dataclasses.MISSING:
        value = item.default.value if isinstance(item.default, enum.Enum) else item.default
        return f"`{cell(repr(value))}`"
    return "empty" if item.default_factory is not dataclasses.MISSING else ""


def option_words() -> dict[str, str]:
    """Return what ``gtmask convert --help`` says about each option, by the option's name here."""
    group: Any = typer.main.get_command(app)
    return {item.name: cell(item.help or "") for item in group.commands["convert"].params}


def cell(text: str) -> str:
    """Return text that may stand in a table's cell."""
    return text.replace("|", "\\|")


def tree(module: Any) -> list[str]:
    """Return the tree of exceptions, from a module's docstring, without its indent."""
    text = inspect.getdoc(module) or ""
    return [line.removeprefix("    ") for line in text.splitlines() if line.startswith("    ")]
