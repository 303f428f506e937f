"""Copies are matched by ends of paths that are one reference's own."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gtmask.manifest.references import copies_of, ends_of, find_shared_ends, mirrors_of

paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(
    lambda parts: "s3://b/" + "/".join(parts)
)


@given(st.lists(paths, max_size=8))
def test_an_end_is_shared_where_two_references_have_it(references: list[str]) -> None:
    shared = find_shared_ends(lambda: references)
    different = set(references)
    for reference in different:
        for end in ends_of(reference):
            others = [other for other in different if other != reference and end in ends_of(other)]
            assert shared.names_one(end) == (not others)


def test_the_references_are_read_once_where_their_names_differ() -> None:
    calls = itertools.count()

    def references() -> list[str]:
        next(calls)
        return ["s3://b/x/1.png", "s3://b/y/2.png", "s3://b/x/1.png"]

    find_shared_ends(references)
    assert next(calls) == 1


def test_mirrors_are_whole_keys_and_ground_truths_own_names() -> None:
    nothing = find_shared_ends(list)
    assert mirrors_of("s3://b/run/masks/a.png", nothing) == ["b/run/masks/a.png", "run/masks/a.png"]
    name = "0_2026-01-02T00:00:00.000000.png"
    spelled = [name, name.replace(":", "_"), name.replace(":", "%3A")]
    assert mirrors_of(f"s3://b/out/{name}", nothing) == [
        folder + one for folder in ("b/out/", "out/", "") for one in spelled
    ]
    assert mirrors_of("/local/a.png", nothing) == []
    assert copies_of("nonsense", nothing) == []


def test_a_copy_may_spell_colons_otherwise_unless_another_reference_is_spelled_so() -> None:
    nothing = find_shared_ends(list)
    assert copies_of("s3://b/x:1.png", nothing)[-3:] == ["x:1.png", "x_1.png", "x%3A1.png"]
    for other in ("s3://b/x_1.png", "s3://b/x%3A1.png", "s3://b/y/x_1.png"):
        shared = find_shared_ends(["s3://b/x:1.png", other].copy)
        assert copies_of("s3://b/x:1.png", shared)[-1] == "x:1.png"
        assert copies_of(other, shared)[-1] == other.rpartition("/")[2]
