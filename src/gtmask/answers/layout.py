"""The folders that SageMaker's built-in semantic segmentation algorithm trains on.

``train``, ``validation`` hold images, ``train_annotation``, ``validation_annotation`` their masks under the
same names, all without folders (Developer Guide, semantic-segmentation, Input/Output Interface). A ``/`` of
an image's path becomes ``~1`` and a ``~`` becomes ``~0``, so that no two images meet.
"""

from __future__ import annotations

import posixpath
from hashlib import blake2b


def places(key: str, target: str, split: float, seed: int) -> tuple[str, str]:
    """Return where an image and its mask go.

    - ``key``, ``target``: the image's path and its mask's below their prefixes.
    - ``split``, ``seed``: which share of images is for training, and what draws it: by the image's path
      alone.
    """
    drawn = int.from_bytes(blake2b(f"{seed}:{key}".encode(), digest_size=8).digest()) / 2**64
    channel = "train" if drawn < split else "validation"
    name = posixpath.splitext(target)[0].replace("~", "~0").replace("/", "~1")
    extension = posixpath.splitext(key)[1]
    return f"{channel}/{name}{extension}", f"{channel}_annotation/{name}.png"
