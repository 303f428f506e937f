"""Which module of a package imports which: read from the source, so that no form of import is missed.

Counted are `import a.b`, `from a import b`, relative imports, those inside functions and under TYPE_CHECKING,
and modules that are named in a string, as lazy packages and `import_module` do.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a file; ``root`` is the folder of the package."""
    parts = (root.name, *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(root: Path) -> dict[str, set[str]]:
    """Return what each module below ``root`` imports from the package itself."""
    files = {module_name(path, root): path for path in root.rglob("*.py")}
    return {
        name: imported(path.read_text("utf-8"), name, files, is_package=path.stem == "__init__")
        for name, path in files.items()
    }


def imported(source: str, name: str, known: Iterable[str], *, is_package: bool = False) -> set[str]:
    """Return the known modules that the source of module ``name`` imports or names, itself aside."""
    known = set(known)
    found = {_longest(target, known) for target in _targets(ast.parse(source), name, known, is_package)}
    return {target for target in found if target} - {name}


def _targets(tree: ast.Module, name: str, known: set[str], is_package: bool) -> Iterator[str]:
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                parents = package.split(".")
                above = parents[: len(parents) - node.level + 1] if node.level else []
                base = ".".join([*above, *filter(None, [node.module])])
                yield from (f"{base}.{alias.name}" for alias in node.names)
            case ast.Constant(value=str(text)) if text in known and "." in text:
                yield text


def _longest(target: str, known: set[str]) -> str:
    """Return the module that a dotted name is in: of `a.b.C` the module `a.b`."""
    while target and target not in known:
        target = target.rpartition(".")[0]
    return target
