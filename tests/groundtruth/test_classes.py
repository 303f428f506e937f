"""Class maps: from labels, from and to TOML, and every rule with its sentence."""

from __future__ import annotations

import re
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtmask.class_map import ClassMap, LabelClass, SuggestedClass
from gtmask.errors import ClassMapError
from gtmask.groundtruth import class_map_file, classes


def test_palette_starts_as_ground_truth_does_and_never_repeats() -> None:
    palette = classes.palette()
    assert palette[:5] == ("#2ca02c", "#1f77b4", "#ff7f0e", "#d62728", "#9467bd")
    assert len(palette) == len(set(palette)) == 255
    assert "#ffffff" not in palette
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in palette)


def test_the_palette_is_the_same_on_every_machine_and_for_ever() -> None:
    """Masks of two runs are compared by their colours, and answers name them."""
    digest = sha256(" ".join(classes.palette()).encode()).hexdigest()
    assert digest == "0b3b896ed77b8fddff7daf23e975b5e0bf46ae970cc4d7e84d59dd346027a986"


def test_colours_are_as_far_apart_as_the_formula_says() -> None:
    """Against Riemersma's "redmean", in the integers of its C version (compuphase.com/cmetric.htm)."""

    def redmean(one: bytes, other: bytes) -> int:
        mean = (one[0] + other[0]) // 2
        red, green, blue = (a - b for a, b in zip(one, other, strict=True))
        return (((512 + mean) * red * red) >> 8) + 4 * green * green + (((767 - mean) * blue * blue) >> 8)

    some = [bytes(color) for color in np.random.default_rng(5).integers(0, 256, (60, 3), np.uint8)]
    candidates = np.array([tuple(color) for color in some], np.int64)
    for color in some:
        expected = [redmean(candidate, color) for candidate in some]
        assert classes._distance(candidates, color).tolist() == expected


def test_labels_of_an_export_without_an_order_are_put_in_one() -> None:
    labels = [
        "b",
        "10",
        "2",
        "part 10",
        "part 9",
        "a2b10",
        "a2b9",
        "\N{SUPERSCRIPT TWO}",
        "9" * 18,
        "8" * 19,
        "0",
        "",
    ]
    assert classes.in_order(reversed(labels)) == [
        "", "0", "2", "10", "8" * 19, "9" * 18, "a2b9", "a2b10", "b", "part 9", "part 10",
        "\N{SUPERSCRIPT TWO}",
    ]  # fmt: skip


def test_of_two_spellings_of_a_class_the_first_brings_id_colour_and_value() -> None:
    given = [SuggestedClass("a  b", 7, "#010203", 9), SuggestedClass("a b", 8, "#040506", 10)]
    assert classes.class_map_from_suggestions(given).classes == (
        LabelClass(7, "a b", "#010203", ("a  b", "a b"), value=9),
    )


def test_next_color_skips_what_is_taken() -> None:
    assert classes.next_color({"#2ca02c", "#ff7f0e"}) == "#1f77b4"
    assert classes.next_color(set(classes.palette()[:254])) == classes.palette()[254]


def test_from_labels_numbers_in_order_and_merges_equal_names() -> None:
    class_map = classes.class_map_from_labels(["Car", "Road", "Car", " Car", "Person"])
    assert class_map.classes == (
        LabelClass(1, "Car", "#2ca02c", ("Car", " Car")),
        LabelClass(2, "Road", "#1f77b4"),
        LabelClass(3, "Person", "#ff7f0e"),
    )
    assert class_map.id_of(" Car") == 1


def test_from_labels_knows_what_people_mean_by_background() -> None:
    class_map = classes.class_map_from_labels(
        ["BackGround", "_background_", "__background__", "__ignore__", "", "  ", "Car"]
    )
    assert [entry.name for entry in class_map.classes] == ["Car"]
    for name in ("BackGround", "_background_", "__background__"):
        assert class_map.id_of(name) == 0
    assert class_map.id_of("__ignore__") == -1
    assert class_map.id_of("") is None


def test_from_labels_takes_255_and_refuses_256_with_the_count() -> None:
    assert len(classes.class_map_from_labels([str(i) for i in range(255)]).classes) == 255
    with pytest.raises(ClassMapError, match=r"^256 classes"):
        classes.class_map_from_labels([str(i) for i in range(256)])


def test_from_labels_refuses_a_name_ground_truth_would() -> None:
    with pytest.raises(ClassMapError, match="257 characters"):
        classes.class_map_from_labels(["x" * 257])


def test_dumps_is_for_people_and_stable() -> None:
    class_map = classes.class_map_from_labels(["Car", "Wild  Boar", "background"])
    text = class_map_file.format_class_map(class_map, {"Car": 1200, "Wild  Boar": 3})
    assert 'id = 1 # 1,200 shapes\nname = "Car"\ncolor = "#2ca02c"\n' in text
    assert 'id = 2 # 3 shapes\nname = "Wild Boar"\ncolor = "#1f77b4"\nlabels = ["Wild  Boar"]\n' in text
    assert 'background = ["background"] #' in text
    assert text == class_map_file.format_class_map(class_map, {"Car": 1200, "Wild  Boar": 3})


@given(st.lists(st.text(max_size=12), max_size=30), st.booleans())
def test_what_is_written_is_read_back(labels: list[str], counted: bool) -> None:
    class_map = classes.class_map_from_labels(["Car", *(label for label in labels if label.isprintable())])
    counts = dict.fromkeys(labels, 7) if counted else None
    assert class_map_file.parse_class_map(class_map_file.format_class_map(class_map, counts)) == class_map


@st.composite
def class_maps(draw: st.DrawFn) -> ClassMap:
    """Class maps with everything that a file can say."""
    ids = sorted(draw(st.sets(st.integers(1, 255) | st.just(255), min_size=1, max_size=5)))
    values = draw(st.lists(st.none() | st.integers(0, 65_535), min_size=len(ids), max_size=len(ids)))
    entries = tuple(
        LabelClass(
            number, f"class {number}", classes.palette()[number - 1],
            tuple(f"label {number}-{i}" for i in range(draw(st.integers(0, 2)))), draw(st.integers(-2, 2)),
            None if value is None or value in values[:i] else value,
        )
        for i, (number, value) in enumerate(zip(ids, values, strict=True))
    )  # fmt: skip
    ignore, background = (
        frozenset(draw(st.sets(st.sampled_from([f"{kind} {i}" for i in range(3)])))) for kind in "xy"
    )
    return ClassMap(entries, ignore, background, draw(st.booleans()))


@given(class_maps())
def test_every_class_map_is_read_back_from_its_text(class_map: ClassMap) -> None:
    text = class_map_file.format_class_map(class_map)
    assert class_map_file.parse_class_map(text) == class_map
    assert text.count("\npriority = ") == sum(entry.priority != 0 for entry in class_map.classes)


@pytest.mark.parametrize("value", [0, 65_535])
def test_ids_and_values_go_up_to_their_ends(value: int) -> None:
    (entry,) = class_map_file.parse_class_map(one(f"id = 255\nname = '{'x' * 256}'\nvalue = {value}")).classes
    assert (entry.id, len(entry.name), entry.value) == (255, 256, value)
    for wrong in (-1, 65_536):
        with pytest.raises(ClassMapError, match=f"the value {wrong} is no whole number from 0 to 65535"):
            class_map_file.parse_class_map(one(f"id = 1\nname = 'a'\nvalue = {wrong}"))


def test_load_reads_everything_a_file_can_say() -> None:
    class_map = class_map_file.parse_class_map("""
ignore = ["dont_care"]
background = ["hole"]
ignore_case = true
[[class]]
id = 7
name = "Road"
[[class]]
id = 2
name = "Vehicle"
color = "#2CA02C"
labels = ["car", "Truck"]
priority = 3
""")
    assert class_map == ClassMap(
        (LabelClass(2, "Vehicle", "#2ca02c", ("car", "Truck"), 3), LabelClass(7, "Road", "#1f77b4")),
        frozenset({"dont_care"}), frozenset({"hole"}), True,
    )  # fmt: skip
    assert [class_map.id_of(name) for name in ("TRUCK", "Hole", "DONT_CARE", "road", "Vehicle")] == [
        2, 0, -1, 7, None,
    ]  # fmt: skip


def one(body: str) -> str:
    return f"[[class]]\n{body}\n"


A = one("id = 1\nname = 'a'")
BAD = {
    "no TOML": ("a =", r"^my\.toml is not valid TOML: .*at end"),
    "nothing": ("", r"^my\.toml: there is no \[\[class\]\]"),
    "classes as numbers": ("class = 3", r"\[\[class\]\] tables"),
    "unknown setting": ("colour = 3\n" + A, r"^my\.toml: the key 'colour' is unknown"),
    "unknown key": (one("id = 1\nname = 'a'\nlabel = 'x'"), r"line 1, class 1 \('a'\): the key 'label'"),
    "no id": (A + one("name = 'b'"), r"^my\.toml, line 4, class 2 \('b'\): there is no id"),
    "no name": (one("id = 1"), r"^my\.toml, line 1, class 1: there is no name"),
    "id 0": (one("id = 0\nname = 'a'"), "the id 0 is no whole number from 1 to 255"),
    "id 256": (one("id = 256\nname = 'a'"), "the id 256"),
    "id true": (one("id = true\nname = 'a'"), "the id True"),
    "id text": (one("id = '1'\nname = 'a'"), "the id '1'"),
    "id twice": (A + one("id = 1\nname = 'b'"), r"the id 1 is also that of line 1, class 1 \('a'\)"),
    "name twice": (A + one("id = 2\nname = 'a'"), "the name 'a' is also that of line 1"),
    "name number": (one("id = 1\nname = 1"), "the name 1 is no text"),
    "name empty": (one("id = 1\nname = ' '"), "the name is empty"),
    "name long": (one(f"id = 1\nname = '{'x' * 257}'"), "has 257 characters"),
    "name control": (one('id = 1\nname = "a\\n"'), "control character"),
    "name background": (one("id = 1\nname = 'Background'"), "reserved for class 0"),
    "name background, blanks": (one("id = 1\nname = ' BACKGROUND '"), "reserved for class 0"),
    "too many": ("".join(one(f"id = 1\nname = '{i}'") for i in range(256)), "256 classes do not fit"),
    "color form": (one("id = 1\nname = 'a'\ncolor = 'green'"), "the color 'green' is not of the form"),
    "color white": (one("id = 1\nname = 'a'\ncolor = '#FFFFFF'"), "#ffffff belongs to BACKGROUND"),
    "color twice": (
        one("id = 1\nname = 'a'\ncolor = '#AABBCC'") + one("id = 2\nname = 'b'\ncolor = '#aabbcc'"),
        "line 5, class 2 .'b'.: the color #aabbcc is also that of line 1",
    ),
    "labels text": (one("id = 1\nname = 'a'\nlabels = 'x'"), "labels must be a list of texts"),
    "labels empty": (one("id = 1\nname = 'a'\nlabels = []"), "labels is empty"),
    "label twice": (A + one("id = 2\nname = 'b'\nlabels = ['a']"), "the label 'a' stands also in line 1"),
    "label ignored": ("ignore = ['a']\n" + A, r"^my\.toml, ignore: the label 'a' stands also in line 2"),
    "label background": ("background = ['a']\n" + A, "background: the label 'a'"),
    "label by case": ("ignore_case = true\nignore = ['A']\n" + A, "the label 'A' stands also"),
    "ignore_case text": ("ignore_case = 'yes'\n" + A, "must be true or false"),
    "priority text": (one("id = 1\nname = 'a'\npriority = 'x'"), "the priority 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_each_broken_rule_is_one_sentence_with_its_place(case: str) -> None:
    text, expected = BAD[case]
    with pytest.raises(ClassMapError, match=expected) as caught:
        class_map_file.parse_class_map(text, "my.toml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("my.toml") or case == "too many"


def test_load_takes_a_byte_order_mark_and_automatic_colors_avoid_given_ones() -> None:
    text = "\N{ZERO WIDTH NO-BREAK SPACE}" + A + one("id = 2\nname = 'b'\ncolor = '#2ca02c'")
    assert [entry.color for entry in class_map_file.parse_class_map(text).classes] == ["#1f77b4", "#2ca02c"]
