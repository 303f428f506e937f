"""Broken exports of platforms and data sets: sound records, findings or a sentence, nothing else.

Hypothesis drops, renames and swaps what is in a small export per format, cuts its files off and flips
their bytes.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gtmask.findings import is_reject
from gtmask.formats import FORMATS
from gtmask.formats.base import ReadOptions
from gtmask.run.paint import rasterize
from tests.support.mutate import as_json, assert_survives, broken_bytes, mutations
from tests.support.one_of_each import EXPORTS
from tests.support.small_exports import FilesExport, class_map

CLASSES = class_map(*"abcdef", "a--b", "object")


def read_all(name: str, document: bytes, files: dict[str, bytes]) -> list:
    module = FORMATS[name]
    export = FilesExport({EXPORTS[name][0]: document, **files})

    def records():
        for keep_going in (False, True):
            reader = module.read(export, ReadOptions(keep_going=keep_going))
            for unit in reader.units():
                record = reader.record(unit)
                if not is_reject(record.findings) and (record.width or 8) * (record.height or 6) < 1 << 20:
                    record.width, record.height = record.width or 8, record.height or 6
                    rasterize(record, CLASSES, stroke=1)
                yield record

    return assert_survives(records)


LIMITS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_the_untouched_export_is_read(name: str):
    _, document, files = EXPORTS[name]
    records = read_all(name, json.dumps(document).encode(), files)
    assert records
    assert any(record.shapes for record in records)


@pytest.mark.parametrize("name", sorted(EXPORTS))
@LIMITS
@given(data=st.data())
def test_broken_values(name: str, data: st.DataObject):
    _, document, files = EXPORTS[name]
    read_all(name, as_json(data.draw(mutations(document))), files)


@pytest.mark.parametrize("name", sorted(EXPORTS))
@LIMITS
@given(data=st.data())
def test_broken_bytes(name: str, data: st.DataObject):
    _, document, files = EXPORTS[name]
    read_all(
        name,
        data.draw(broken_bytes(json.dumps(document, indent=data.draw(st.sampled_from([None, 1]))).encode())),
        files,
    )


@pytest.mark.parametrize("name", ["mapillary", "supervisely", "superannotate", "isat"])
@LIMITS
@given(data=st.data())
def test_broken_class_lists(name: str, data: st.DataObject):
    _, document, _ = EXPORTS[name]
    lists = {
        "mapillary": ("config_v2.0.json", {"labels": [{"name": "a--b"}, {"name": "c"}]}),
        "supervisely": ("meta.json", {"classes": [{"title": "a"}, {"title": "b"}]}),
        "superannotate": ("classes/classes.json", [{"id": 7, "name": "a"}, {"id": 8, "name": "b"}]),
        "isat": ("isat.yaml", {"label": [{"name": "a", "color": "#ff0000"}]}),
    }
    place, classes = lists[name]
    files = {place: as_json(data.draw(mutations(classes)))}
    assert read_all(name, json.dumps(document).encode(), files)
