"""What the demo makes is the same everywhere and always, byte for byte."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from gtmask import demo

if TYPE_CHECKING:
    from pathlib import Path

#: Of all masks and of the manifest. It changes only where pixels, PNGs or lines change on purpose: then the
#: changelog says so.
GOLDEN = "aa95bdb92958d90411cd7bf56042adae7fa6798fc3a98b14c1e4ecf8012c20ef"


def test_the_output_of_the_demo_is_what_it_always_was(tmp_path: Path):
    demo(tmp_path)
    out = tmp_path / "out"
    digest = hashlib.sha256()
    for mask in sorted((out / "masks").rglob("*.png")):
        digest.update(mask.relative_to(out).as_posix().encode())
        digest.update(mask.read_bytes())
    lines = (out / "labeling-qa.manifest").read_text()
    assert str(tmp_path) in lines
    # The folder and the start of the run are all that differs between two demos.
    lines = re.sub(r'"creation-date":"[^"]+"', "", lines.replace(str(tmp_path), ""))
    digest.update(lines.encode())
    assert digest.hexdigest() == GOLDEN
