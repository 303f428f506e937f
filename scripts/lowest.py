"""Print the lowest version of each dependency that pyproject.toml allows, as constraints for pip."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: What the package itself needs; the tools of its tests may be newer.
OPTIONAL = ("dask", "obstore")


def lowest(line: str) -> str:
    """Return ``name==version`` for a dependency as pyproject.toml writes it.

    Raises
    ------
    ValueError
        If the line gives no lower bound: then nobody knows what was tested.
    """
    requirement = Requirement(line)
    bounds = [bound.version for bound in requirement.specifier if bound.operator in {">=", "=="}]
    if len(bounds) != 1:
        raise ValueError(f"{line} gives no lower bound.")
    return f"{requirement.name}=={bounds[0]}"


if __name__ == "__main__":
    extras = PROJECT["optional-dependencies"]
    for dependency in [*PROJECT["dependencies"], *(line for name in OPTIONAL for line in extras[name])]:
        print(lowest(dependency))
