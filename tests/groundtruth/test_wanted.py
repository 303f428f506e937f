"""Ids and colours that exports bring: kept where they can be, else the next free ones."""

from __future__ import annotations

import pytest

import gtmask
from gtmask.class_map import SuggestedClass
from gtmask.errors import ClassMapError
from gtmask.groundtruth.classes import class_map_from_suggestions, give_colors, give_ids


def test_ids_are_kept_where_they_can_be():
    assert give_ids([7, None, 0, 7, 300, 2]) == [7, 1, 3, 4, 5, 2]
    assert sorted(give_ids([5] * 255)) == list(range(1, 256))


def test_colours_are_kept_where_they_can_be():
    colors = give_colors(["#800000", None, "#FFFFFF", "#800000", "#2ca02c"])
    assert colors[0] == "#800000"
    assert colors[4] == "#2ca02c"
    assert len(set(colors)) == 5
    assert "#ffffff" not in colors


def test_a_class_map_with_values_is_written_and_read_alike():
    given = class_map_from_suggestions([SuggestedClass("15", 15, "#804000", 15), SuggestedClass("void")])
    assert [(entry.id, entry.value) for entry in given.classes] == [(1, None), (15, 15)]
    again = gtmask.parse_class_map(gtmask.format_class_map(given))
    assert again == given
    assert again.id_of("tree", ("15",)) == 15
    assert again.id_of("tree", ("3", "#804000")) == 15
    assert again.id_of("tree", ("3",)) is None


@pytest.mark.parametrize(("row", "said"), [
    ("value = -1", "whole number"), ("value = true", "whole number"), ('value = "a"', "whole number"),
    ("value = 70000", "whole number"),
    ('value = 3\n[[class]]\nid = 2\nname = "b"\nvalue = 3', "also that of"),
])  # fmt: skip
def test_values_that_cannot_be_meant_are_refused(row: str, said: str):
    with pytest.raises(ClassMapError, match=said):
        gtmask.parse_class_map(f'[[class]]\nid = 1\nname = "a"\n{row}\n')
