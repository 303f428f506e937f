"""Print the lowest version of each dependency that pyproject.toml allows, as constraints for pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Extras of the package itself; what its tests and checks need may be newer.
EXTRAS = ("dask", "obstore")
BOUNDED = re.compile(r"(?P<name>[\w.-]+)(\[[\w,-]+\])?>=(?P<version>[\w.]+)")


def lowest(dependency: str) -> str:
    """Return ``name==version`` for a dependency as pyproject.toml writes it, with its marker if it has one.

    Raises
    ------
    ValueError
        If the dependency has no lower bound: then nobody knows what was tested.
    """
    bounded = BOUNDED.match(dependency)
    if bounded is None:
        raise ValueError(f"{dependency!r} in pyproject.toml has no lower bound (name>=version).")
    marker = dependency.partition(";")[2]
    return f"{bounded['name']}=={bounded['version']}" + (f" ;{marker}" if marker else "")


if __name__ == "__main__":
    optional = PROJECT["optional-dependencies"]
    for line in [*PROJECT["dependencies"], *(line for extra in EXTRAS for line in optional[extra])]:
        print(lowest(line))
