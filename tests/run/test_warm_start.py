"""After a warm-up no run compiles anything: every call fits a signature that its kernel names.

A warm-up compiles what is named, so that calls are compared with that, and nothing need be compiled anew.

Nor does a run that compiles nothing import what only the compiler, other stores or many processes need.
"""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import orjson

from tests.support import coco_data
from tests.support.small_exports import png

if TYPE_CHECKING:
    from pathlib import Path

#: Converts, and tells how many kernels were called, and which calls fit no signature that is named.
PROGRAM = """
import json, sys
from pathlib import Path
import gtmask
from gtmask import jit, kernels

out, *exports = map(Path, sys.argv[1:])
masks = [gtmask.convert(export, out / export.stem, workers=1).tally.masks for export in exports]
called, strange = set(), []
for name, known in jit.registered().items():
    for kernel, signatures in known:
        named = set(map(jit.signature_types, signatures))
        strange += [f"{name}.{kernel.__name__}{call}" for call in kernel.signatures if call not in named]
        called |= {name} if kernel.signatures else set()
strange += called - {*kernels.KERNEL_MODULES, *kernels.READER_MODULES}
print(json.dumps({"masks": masks, "called": len(called), "strange": strange}))
"""

#: Converts one export, and tells which modules that small warm runs do without were imported all the same.
IMPORTS = """
import json, sys
import gtmask
from gtmask.light import travel_light

travel_light()
heavy = {"numba.np.linalg", "numba.experimental.jitclass", "numpy.ma", "scipy.linalg", "email",
         "concurrent.futures.process", "multiprocessing.pool", "aiobotocore", "obstore",
         "rich.progress", "colorama", "gtmask.formats.masks", "gtmask.formats.coco"}
masks = gtmask.convert(*sys.argv[1:]).tally.masks
print(json.dumps({"masks": masks, "imported": sorted(heavy & sys.modules.keys())}))
"""

#: Tells which modules that few workers need are imported by all.
WORKER = """
import json, sys
before = set(sys.modules)  # what measures coverage imports some
from gtmask.light import travel_light

travel_light()
import gtmask.run.worker

heavy = {"tomlkit", "tomllib", "gtmask.images.prepared", "gtmask.run.earlier", "gtmask.run.probe_snapshot"}
print(json.dumps({"imported": sorted(heavy & sys.modules.keys() - before)}))
"""


def tell(program: str, *arguments: Path) -> dict[str, Any]:
    """Run a program; return what it tells."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=True)
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
    exports = [write_coco(tmp_path / "coco"), write_labelme(tmp_path / "labelme")]
    told = tell(PROGRAM, tmp_path / "out", *exports)
    assert told["masks"] == [8, 1]
    assert told["called"] > 5
    assert told["strange"] == []
    assert tell(IMPORTS, exports[1], tmp_path / "again") == {"masks": 1, "imported": []}


def test_a_worker_imports_nothing_that_few_of_them_need() -> None:
    assert tell(WORKER) == {"imported": []}
