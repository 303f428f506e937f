"""What the site has that is not below docs/: pages of the repository's root, under their own names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
#: A link from below docs/ to a page of the root; deeper pages have more dots.
UP = re.compile(r"\]\((?:\.\./)+([A-Z]+\.md)")


def on_files(files: Any, config: Any) -> Any:
    """Add the root's pages, with links as they are from there."""
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Lead links to the root's pages to where the site has them."""
    del config, files
    up = "../" * page.file.src_uri.count("/")
    return UP.sub(rf"]({up}\1", markdown)
