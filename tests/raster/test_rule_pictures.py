"""docs/rasterizing.md shows what the code paints, and names every rule and library."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path
from typing import get_args

import pytest

from gtmask.model import FillRule

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "rasterizing.md").read_text(encoding="utf-8")


def test_the_pictures_are_what_the_code_paints() -> None:
    spec = importlib.util.spec_from_file_location("rule_pictures", ROOT / "scripts" / "rule_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.filled(PAGE) == PAGE, "run python scripts/rule_pictures.py"
    assert set(script.RULES) == set(get_args(FillRule))


@pytest.mark.parametrize("rule", get_args(FillRule))
def test_every_rule_is_told(rule: str) -> None:
    assert re.search(rf"^###.*`{rule}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("library", ["pycocotools", "Pillow", "scikit-image"])
def test_every_library_is_named_with_a_version(library: str) -> None:
    """The page says with which versions its figures were seen; which is installed may differ."""
    assert importlib.metadata.version(library)
    assert re.search(rf"\| {library} \d+\.\d+", PAGE)
