"""After a warm-up no run compiles anything: every call fits a signature that its kernel names.

Nor does a run that compiles nothing import what only the compiler, other stores or many processes need.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import orjson

from tests.support import coco_data
from tests.support.small_exports import png

if TYPE_CHECKING:
    from pathlib import Path

#: Warms up, converts, and tells which files the conversions added to the cache.
PROGRAM = """
import json, sys
from pathlib import Path
import gtmask
from gtmask import kernels

cache, out, *exports = map(Path, sys.argv[1:])
kernels.compile_kernels(kernels.KERNEL_MODULES + kernels.READER_MODULES)
warm = set(cache.rglob("*.nb?"))
masks = [gtmask.convert(export, out / export.stem, workers=1).tally.masks for export in exports]
added = set(cache.rglob("*.nb?")) - warm
print(json.dumps({"masks": masks, "warm": len(warm), "added": sorted(path.name for path in added)}))
"""

#: Converts one export, and tells which modules that small warm runs do without were imported all the same.
IMPORTS = """
import json, sys
import gtmask

heavy = {"numba.np.linalg", "scipy.linalg", "concurrent.futures.process", "multiprocessing.pool",
         "aiobotocore", "obstore", "rich.progress"}
masks = gtmask.convert(*sys.argv[1:]).tally.masks
print(json.dumps({"masks": masks, "imported": sorted(heavy & sys.modules.keys())}))
"""


def tell(program: str, cache: Path, *arguments: Path) -> dict[str, Any]:
    """Run a program of its own with a cache of its own; return what it tells."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, check=True
    )
    return json.loads(done.stdout)


def write_coco(folder: Path) -> Path:
    """Write polygons of several parts, both kinds of run-length masks, and crowds."""
    names = [f"{number}.jpg" for number in range(8)]
    document = coco_data.make_document(names)
    folder.mkdir()
    for image in document["images"]:
        (folder / image["file_name"]).write_bytes(coco_data.jpeg(image["width"], image["height"]))
    (folder / "coco.json").write_bytes(orjson.dumps(document))
    return folder / "coco.json"


def write_labelme(folder: Path) -> Path:
    """Write a polygon, a rectangle and a bitmap."""
    bitmap = b64encode(png([[0, 255], [255, 0]])).decode()
    shapes = [
        {"label": "a", "shape_type": "polygon", "points": [[1, 1], [30.5, 4], [9, 20]]},
        {"label": "b", "shape_type": "rectangle", "points": [[3, 3], [12, 9]]},
        {"label": "c", "shape_type": "mask", "points": [[4, 5], [5, 6]], "mask": bitmap},
    ]
    folder.mkdir()
    (folder / "a.jpg").write_bytes(coco_data.jpeg(40, 30))
    document = {
        "imagePath": "a.jpg",
        "imageHeight": 30,
        "imageWidth": 40,
        "shapes": shapes,
        "version": "5.0.0",
    }
    (folder / "a.json").write_text(json.dumps(document))
    return folder


def test_a_run_after_a_warm_up_compiles_nothing_and_imports_no_compiler(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    exports = [write_coco(tmp_path / "coco"), write_labelme(tmp_path / "labelme")]
    told = tell(PROGRAM, cache, cache, tmp_path / "out", *exports)
    assert told["masks"] == [8, 1]
    assert told["warm"] > 0
    assert told["added"] == []
    assert tell(IMPORTS, cache, exports[1], tmp_path / "again") == {"masks": 1, "imported": []}
