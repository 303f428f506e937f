"""The kernel that looks at tasks before they are parsed, beside what regular expressions say."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import numpy as np

from gtmask.formats.label_studio.marks import ROW, SEVERAL, TASK, task_marks

LISTED = re.compile(rb'"data"\s*:\s*\{[^{}\]]*\[')
TO_NAME = re.compile(rb'"to_name"\s*:\s*"((?:[^"\\]|\\.)*)"')
LISTS = (b'"annotations"', b'"completions"', b'"predictions"')


def naive_marks(task: bytes) -> int:
    tags = TO_NAME.findall(task)
    several = b'"item_index"' in task or LISTED.search(task) is not None or len(set(tags)) > 1
    several |= bool(tags) and re.search(rb"\D\d+\Z", tags[0]) is not None
    several |= len(tags) != task.count(b'"to_name"')
    return ROW * (b'"annotation_id"' in task) | TASK * any(one in task for one in LISTS) | SEVERAL * several


TAGS = ["img", "img-1", "7", 'a"b', "a\\", None]
WORDS = ["data", "to_name", "item_index", "annotation_id", "annotations", "predictions", "completions",
         "Käse", "", "x" * 9, "{", "["]  # fmt: skip


def value(draw: random.Random, depth: int) -> Any:
    kind = draw.randrange(6) if depth else draw.randrange(2)
    if kind < 2:
        return draw.choice([*WORDS, *TAGS]) if kind else draw.choice([1.5, None, True])
    if kind == 2:
        return [value(draw, depth - 1) for _ in range(draw.randrange(3))]
    keys = [draw.choice([*WORDS, "img", 'a"b']) for _ in range(draw.randrange(4))]
    # What a tag is called says nothing else.
    return {key: draw.choice(TAGS) if key == "to_name" else value(draw, depth - 1) for key in keys}


def test_the_kernel_sees_what_regular_expressions_see():
    draw = random.Random(4)
    met: set[int] = set()
    for _ in range(4000):
        one = json.dumps(value(draw, 4), ensure_ascii=draw.random() < 0.5, indent=draw.choice([None, 1]))
        before, task = b" " * draw.randrange(9), one.encode()
        block = np.frombuffer(before + task + b'"item_index"', np.uint8)
        found = task_marks(block, len(before), len(before + task))
        wanted = naive_marks(task)
        if found & (TASK | SEVERAL) == TASK | SEVERAL:  # nothing else matters then
            found, wanted = found & ~ROW, wanted & ~ROW
        assert found == wanted, one
        met.add(found)
    assert met == {0, ROW, TASK, SEVERAL, ROW | TASK, ROW | SEVERAL, TASK | SEVERAL}


def test_what_breaks_off_is_looked_at_up_to_its_end():
    task = b'{"annotations": [{"result": [{"to_name": "img", "from_name": "a\\"b"}]}], "data": {"a": "b"}}'
    block = np.frombuffer(task, np.uint8)
    for stop in range(len(task)):
        assert task_marks(block, 0, stop) in {0, TASK, TASK | SEVERAL}
    assert task_marks(block, 0, len(task)) == TASK
