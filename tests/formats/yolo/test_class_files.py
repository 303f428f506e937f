"""Where class names are looked for, and what is told of lists that are odd, damaged, double or not there."""

from __future__ import annotations

import pytest

from gtmask.formats import yolo
from gtmask.formats.base import ReadOptions
from gtmask.formats.sampling import take_sample
from tests.support.small_exports import FilesExport, labels, open_files

LINE = "0 0.1 0.1 0.5 0.1 0.5 0.6\n"
TWO = "names: [car, road]\n"


def told(files: dict[str, str]) -> tuple[list[str] | None, list[str]]:
    reader = open_files("yolo", {"labels/a.txt": LINE, **files})
    return reader.labels, sorted(finding.code for finding in reader.findings)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels/classes.txt", "car\nroad\n"),
        ("obj.names", "car\nroad\n"),
        ("some.names", "car\nroad\n"),
        ("dataset.yaml", TWO),
        ("deep/er/parts.yml", TWO),
        ("_classes.csv", "Pixel Value, Class\n0, car\n1, road\n"),
        ("_classes.csv", "0,car\n1,road\n"),
        ("notes.json", '{"categories": [{"id": 1, "name": "road"}, {"id": 0, "name": "car"}]}'),
        ("../../classes.txt", "car\nroad\n"),
    ],
)
def test_names_are_found_where_tools_keep_them(name: str, text: str):
    assert told({name: text}) == (["car", "road"], [])


def test_a_list_of_any_name_is_found_behind_thousands_of_images():
    assert told({f"images/{number:05}.jpg": "" for number in range(3000)} | {"z.yaml": TWO})[0] == [
        "car",
        "road",
    ]


@pytest.mark.parametrize(
    ("text", "names", "codes"),
    [
        # Words that YAML takes for truth values, numbers, dates: as they are written.
        ("names: [yes, no, on, off]", ["yes", "no", "on", "off"], ["label-number"] * 4),
        ("names: [1, 2.50, 2024-01-01]", ["1", "2.50", "2024-01-01"], ["label-number"] * 3),
        ("names: ['yes', '1', \"no\"]", ["yes", "1", "no"], []),
        ("names: [Car, Car, bus]", ["Car", "bus"], ["label-duplicate"]),
        ("names: {0: a, 1: , 2: ''}", ["a", "1", "2"], ["label-number"] * 2),
        ("names: {0: a, 1: [b]}", ["a", "1"], ["label-number", "value-type"]),
        ("names: {0: a, b: 1}", ["a"], ["classes-unread"]),
        ("names: {0: a, 0: b}", None, ["classes-missing", "classes-unread"]),
        ("names: ['it's 0', 'b']", None, ["classes-missing", "classes-unread"]),
        ("names:\n  0:a\n  1:b\n", None, ["classes-missing", "value-type"]),
        ("names: [a, b]\nnc: 3", ["a", "b"], ["classes-differ"]),
        ("names: [a, b]\nnc: 2", ["a", "b"], []),
        ("nc: 2", None, ["classes-missing"]),
        ("- a", None, ["classes-missing"]),
        ("names: [" * 3000, None, ["classes-missing", "classes-unread"]),
    ],
)
def test_what_is_odd_about_a_list_is_told(text: str, names: list[str] | None, codes: list[str]):
    assert told({"data.yaml": text}) == (names, codes)


def test_a_name_of_several_numbers_is_one_class():
    reader = open_files("yolo", {"labels/a.txt": LINE + "1" + LINE[1:], "data.yaml": "names: [Car, Car]"})
    (unit,) = reader.units()
    assert labels(reader.record(unit)) == ["Car", "Car"]


@pytest.mark.parametrize("merge", [False, True])
def test_aliases_that_stand_for_billions_of_values_are_refused_unexpanded(merge: bool):
    row = "[{0}]" if not merge else "{{<<: [{0}]}}"
    lines = ["a0: &a0 {x: y}"]
    lines += [f"a{n}: &a{n} " + row.format(", ".join([f"*a{n - 1}"] * 10)) for n in range(1, 11)]
    assert told({"data.yaml": "\n".join([*lines, "names: *a10"])}) == (
        None,
        ["classes-missing", "classes-unread"],
    )


def test_aliases_that_stand_for_little_are_read():
    assert told({"data.yaml": "path: &p x\ntrain: *p\nnames: &n [a, b]\nothers: *n"}) == (["a", "b"], [])


def test_lists_that_differ_are_told_and_the_first_counts():
    assert told({"data.yaml": TWO, "labels/classes.txt": "road\ncar\n"}) == (
        ["car", "road"],
        ["classes-differ"],
    )
    assert told({"data.yaml": TWO, "labels/classes.txt": "car\nroad\n"}) == (["car", "road"], [])


def test_a_blank_line_is_a_class_without_a_name():
    assert told({"classes.txt": "\ncar\n\n"}) == (["0", "car"], ["label-number"])


def test_a_number_that_no_list_has_is_told():
    reader = open_files("yolo", {"labels/a.txt": "7" + LINE[1:], "data.yaml": TWO})
    (unit,) = reader.units()
    record = reader.record(unit)
    assert labels(record) == ["7"]
    assert [finding.code for finding in record.findings] == ["class-unlisted"]


@pytest.mark.parametrize("number", ["1.0", "1.000000000000000000e+00", "1e0"])
def test_numbers_of_classes_may_be_written_as_fractions(number: str):
    text = number + LINE[1:]
    assert yolo.sniff(take_sample(FilesExport({"a.txt": text.encode()}), "a.txt")) == "YOLO segmentation"
    reader = open_files("yolo", {"labels/a.txt": text, "data.yaml": TWO})
    (unit,) = reader.units()
    assert labels(reader.record(unit)) == ["road"]


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.2 0.2 0.9 17", "0 0.1 0.1 0.5 0.1 0.5 0.6 0.9 300", "0 0.5 0.5 0.2 0.2 40"]
)
def test_high_track_numbers_do_not_hide_the_format(line: str):
    assert yolo.sniff(take_sample(FilesExport({"a.txt": f"{line}\n".encode()}), "a.txt"))


class RemoteExport(FilesExport):
    """Files of which each costs a request."""

    is_remote = True


@pytest.mark.parametrize("other", ["valid/data.yaml", "valid/classes.txt", "valid/labels/classes.txt"])
@pytest.mark.parametrize(("names", "told"), [("[road, car]", ["classes-differ"]), ("[car, road]", [])])
def test_lists_below_the_one_that_counts_are_compared_in_s3_too(other: str, names: str, told: list[str]):
    listed = f"names: {names}" if other.endswith("yaml") else "\n".join(names.strip("[]").split(", "))
    files = {"train/labels/a.txt": LINE, "valid/labels/b.txt": LINE, "data.yaml": TWO, other: listed}
    reader = yolo.read(RemoteExport({name: text.encode() for name, text in files.items()}), ReadOptions())
    assert len(list(reader.units())) == 2
    codes = [finding.code for finding in reader.findings]
    assert [code for code in codes if code != "file-skipped"] == told


@pytest.mark.parametrize("kind", [FilesExport, RemoteExport])
@pytest.mark.parametrize("own", ["valid/data.yaml", "valid/classes.txt", "valid/labels/classes.txt"])
def test_folders_beside_each_other_are_read_with_their_own_lists(own: str, kind: type[FilesExport]):
    """Splits, or data sets that were put into one folder: number 0 is another class in each."""
    listed = "names: [road, dog]" if own.endswith("yaml") else "road\ndog\n"
    files = {"test/labels/c.txt": LINE, "train/labels/a.txt": LINE, "train/data.yaml": TWO,
             "valid/labels/b.txt": LINE, own: listed, "zoo/coco.yaml": "names: [person]"}  # fmt: skip
    reader = yolo.read(kind({name: text.encode() for name, text in files.items()}), ReadOptions())
    assert reader.labels == ["car", "road", "dog"]
    found = {record.image: labels(record) for record in map(reader.record, reader.units())}
    images = ("test/images/c.jpg", "train/images/a.jpg", "valid/images/b.jpg")
    # A folder without a list has that which counts for the whole, and lists without labels are only compared.
    assert found == dict(zip(images, (["car"], ["car"], ["road"]), strict=True))
    assert "classes-differ" in [finding.code for finding in reader.findings]


def test_a_list_above_all_labels_counts_for_all_of_them():
    assert told({"labels/x/classes.txt": "dog\n", "labels/x/b.txt": LINE, "data.yaml": TWO}) == (
        ["car", "road"], ["classes-differ"]
    )  # fmt: skip
