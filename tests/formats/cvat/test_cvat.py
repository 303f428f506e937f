"""CVAT XML: run order, rotation centres, z order, tracks that leave, frames in between, hostile XML."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from gtmask.errors import DamagedExportError, ExportError
from gtmask.formats import cvat
from gtmask.formats.reading import xmlstream
from gtmask.formats.sampling import take_sample
from tests.support.small_exports import (
    FilesExport,
    codes,
    grid,
    labels,
    open_files,
    painted,
    read_files,
    rings,
)

LABELS = "<labels><label><name>a</name></label><label><name>b</name></label></labels>"
NAMED = 'id="0" name="a.jpg" width="8" height="6"'
SQUARE = 'points="1,1;4,1;4,3;1,3"'


def images(
    *children: str, meta: str = LABELS, attributes: str = 'id="0" name="a.jpg" width="8" height="6"'
) -> str:
    body = "\n".join(children)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        f"<meta><task>{meta}</task></meta>"
        f"\n<image {attributes}>{body}</image>\n</annotations>\n"
    )


def read(text: str | bytes, **options: Any) -> list:
    return read_files("cvat", {"annotations.xml": text}, **options)


def read_image(*children: str, **more: Any) -> Any:
    (record,) = read(images(*children, **more))
    return record


def test_a_polygon_and_its_image():
    record = read_image(
        f'<polygon label="a" {SQUARE} occluded="0"><attribute name="x">1</attribute></polygon>'
    )
    assert (record.image, record.width, record.height) == ("a.jpg", 8, 6)
    assert (record.grid, record.source_fill) == ("displayed", "coco")
    assert rings(record, record.shapes[0]) == [[[[1, 1], [4, 1], [4, 3], [1, 3]]]]
    assert record.aliases == ("images/a.jpg",)


def test_the_class_list_without_parts_of_skeletons():
    meta = (
        "<labels><label><name>car</name></label><label><name>body</name><type>skeleton</type></label>"
        "<label><name>1</name><parent>body</parent></label><label><name>road</name><type>polygon</type></label>"
        "</labels>"
    )
    assert open_files("cvat", {"a.xml": images(meta=meta)}).labels == ["car", "road"]


def test_the_runs_of_a_mask_go_along_the_rows_of_its_own_box():
    """A 3 x 2 mask at (2, 1): column by column, the same runs would paint another picture."""
    record = read_image('<mask label="a" rle="1, 2, 1, 1, 1" left="2" top="1" width="3" height="2"></mask>')
    assert np.array_equal(
        painted(record), grid("........", "...11...", "...1....", "........", "........", "........")
    )


@pytest.mark.parametrize(
    "mask",
    [
        'rle="1,2" left="0" top="0" width="2" height="2"',
        'rle="-1,5" left="0" top="0" width="2" height="2"',
        'rle="0,0" left="0" top="0" width="0" height="2"',
        'rle="99999999999" left="0" top="0" width="1" height="1"',
    ],
)
def test_runs_that_do_not_add_up_are_told(mask: str):
    assert codes(read_image(f'<mask label="a" {mask}/>')) == ["runs-bad"]


def test_a_box_turns_about_its_centre():
    record = read_image('<box label="a" xtl="1" ytl="2" xbr="5" ybr="4" rotation="90"/>')
    ((corners,),) = rings(record, record.shapes[0])
    assert np.allclose(corners, [[4, 1], [4, 5], [2, 5], [2, 1]])


def test_an_ellipse_has_a_centre_and_may_turn():
    record = read_image('<ellipse label="a" cx="4" cy="3" rx="3" ry="1" rotation="90"/>')
    assert record.shapes[0].curve == (4, 3, 3, 1, 90)
    ring = np.array(rings(record, record.shapes[0])[0][0])
    assert np.allclose([ring.min(0), ring.max(0)], [[3, 0], [5, 6]], atol=0.1)


def test_higher_z_lies_over_lower_and_negative_below_zero():
    shapes = [
        f'<polygon label="{name}" {SQUARE} z_order="{z}"/>'
        for name, z in [("top", 2), ("low", -13), ("mid", 0)]
    ]
    record = read_image(*shapes)
    assert labels(record) == ["low", "mid", "top"]
    assert set(np.unique(painted(record, "low", "mid", "top"))) == {0, 3}


def test_equal_z_keeps_the_order_of_the_document():
    shapes = [f'<polygon label="{name}" {SQUARE} z_order="1"/>' for name in "cab"]
    assert labels(read_image(*shapes)) == ["c", "a", "b"]


def test_what_has_no_area_is_told():
    record = read_image(
        '<polyline label="a" points="1,1;2,2"/>',
        '<points label="a" points="1,1;2,2"/>',
        '<tag label="a"/>',
        '<skeleton label="a"><points label="1" points="1,1"/></skeleton>',
        '<cuboid label="a" xtl1="1"/>',
        f'<polygon label="" {SQUARE}/>',
    )
    assert [shape.kind for shape in record.shapes] == ["polyline", "point", "polygon"]
    assert labels(record)[2] == ""
    assert codes(record) == ["shape-kind-unsupported", "shape-kind-unsupported", "shape-no-geometry"]


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ('<polygon label="a" points="1,1;2;3,3"/>', "shape-bad-geometry"),
        ('<polygon label="a" points="a,b;2,2;3,3"/>', "shape-bad-geometry"),
        ('<polygon label="a" points=""/>', "shape-no-geometry"),
        ('<polygon label="a" points="1,1;2,2"/>', "shape-few-points"),
        ('<polygon label="a" points="nan,1;2,2;3,3"/>', "shape-bad-number"),
        ('<polygon label="a" points="1e300,1;2,2;3,3"/>', "shape-bad-number"),
        ('<polygon label="a"/>', "shape-bad-geometry"),
        ('<box label="a" xtl="1"/>', "shape-bad-geometry"),
        ('<polygon label="a" points="1,1;2,2;3,1" z_order="x"/>', "shape-bad-geometry"),
    ],
)
def test_a_broken_shape_costs_only_itself(shape: str, code: str):
    record = read_image(f'<polygon label="good" {SQUARE}/>', shape)
    assert labels(record) == ["good"]
    assert codes(record) == [code]


def test_images_without_shapes_are_background_or_not_annotated_and_told():
    text = images(attributes='id="1" name="dir/b.jpg" width="4" height="3" subset="train"')
    (record,) = read(text.replace("></image>", "/>"))
    assert (record.image, codes(record)) == ("dir/b.jpg", ["image-unannotated"])
    assert record.aliases == ("images/dir/b.jpg", "images/train/dir/b.jpg", "train/dir/b.jpg")


def test_documents_from_before_2022_speak_of_the_stored_pixels():
    for year, expected in (("2020", "stored"), ("2023", "displayed")):
        text = images().replace("</meta>", f"<dumped>{year}-04-23 09:05:02</dumped></meta>")
        assert read(text)[0].grid == expected


@pytest.mark.parametrize("size", ['width="5" height=""', 'width="x" height="5"', 'width="3-" height="5"'])
def test_impossible_sizes_reject(size: str):
    assert codes(read_image(f'<polygon label="a" {SQUARE}/>', attributes=f'name="a.jpg" {size}')) == [
        "record-size-bad"
    ]


def test_an_image_without_a_name_is_a_reject():
    assert "image-name-bad" in codes(read_image(attributes='width="5" height="5"'))


def video(*tracks: str, meta: str = "") -> str:
    size = "<original_size><width>25</width><height>20</height></original_size>"
    head = f"<version>1.1</version><meta><task>{LABELS}{meta}{size}</task></meta>"
    return f"<annotations>{head}{''.join(tracks)}</annotations>"


def box(frame: int, left: float, *, outside: int = 0, keyframe: int = 1, more: str = "") -> str:
    return (
        f'<box frame="{frame}" outside="{outside}" keyframe="{keyframe}" '
        f'xtl="{left}" ytl="2" xbr="{left + 4}" ybr="6" {more}></box>'
    )


def track(label: str, *shapes: str) -> str:
    return f'<track id="0" label="{label}">{"".join(shapes)}</track>'


def test_tracks_become_frames_with_the_label_of_the_track():
    records = read(video(track("a", box(0, 1), box(1, 2)), track("b", box(1, 9))))
    assert [(record.image, labels(record)) for record in records] == [
        ("frame_000000.png", ["a"]),
        ("frame_000001.png", ["a", "b"]),
    ]
    assert all((record.width, record.height) == (25, 20) for record in records)
    assert "images/frame_000001.PNG" in records[1].aliases


@pytest.mark.parametrize(("width", "size"), [(25, (25, 20)), (26, (None, None))])
def test_videos_of_one_project_may_differ_in_size(width: int, size: tuple):
    other = f"<original_size><width>{width}</width><height>20</height></original_size>"
    (record,) = read(video(track("a", box(0, 1)), meta=other))
    assert (record.width, record.height) == size


def in_project(inner: str, subset: str, task: int) -> str:
    return inner.replace("<track", f'<track subset="{subset}" task_id="{task}"')


def project(*tracks: str) -> str:
    tasks = "".join(
        f"<task><id>{number}</id><original_size><width>{width}</width><height>20</height></original_size></task>"
        for number, width in ((1, 25), (2, 30), (3, 35))
    )
    head = f"<version>1.1</version><meta><project>{tasks}</project></meta>"
    return f"<annotations>{head}{''.join(tracks)}</annotations>"


def test_frames_are_counted_within_a_subset_of_a_project():
    text = project(
        in_project(track("a", box(0, 1), box(1, 1)), "A", 1), in_project(track("b", box(0, 5)), "B", 2),
        in_project(track("c", box(0, 9)), "A", 1),
    )  # fmt: skip
    records = read(text)
    assert [(record.scope, record.image[6:12], labels(record), record.width) for record in records] == [
        ("A", "000000", ["a", "c"], 25), ("A", "000001", ["a"], 25), ("B", "000000", ["b"], 30)]  # fmt: skip
    assert {"A/frame_000000.png", "images/A/frame_000000.PNG"} <= set(records[0].aliases)
    reader = open_files("cvat", {"a.xml": text})
    assert [reader.names_of(unit) for unit in reader.units()] == [record.names for record in records]


def test_videos_of_one_subset_are_told_apart_by_their_task():
    """Their frames bear the same names: which file is whose cannot be told, so none may be merged."""
    records = read(
        project(in_project(track("a", box(0, 1)), "A", 1), in_project(track("b", box(0, 5)), "A", 2))
    )
    assert [(record.scope, labels(record), record.width) for record in records] == [
        ("A/task_1", ["a"], 25), ("A/task_2", ["b"], 30)]  # fmt: skip
    assert records[0].names[:2] == records[1].names[:2]


def test_interpolation_stays_within_a_video():
    text = project(
        in_project(track("a", box(0, 1), box(2, 3)), "A", 1), in_project(track("b", box(1, 5)), "B", 2)
    )
    records = read(text, interpolate=True)
    assert [(record.scope, labels(record)) for record in records] == [
        ("A", ["a"]), ("A", ["a"]), ("A", ["a"]), ("B", ["b"])]  # fmt: skip


def test_frames_of_a_video_among_images_are_looked_for_as_the_tool_saves_them():
    (record,) = read(images(attributes='id="0" name="frame_000007" width="8" height="6"'))
    assert record.image == "frame_000007.png"
    assert {"frame_000007.PNG", "frame_000007.jpg", "images/frame_000007.PNG", "frame_000007"} <= set(
        record.aliases
    )
    (record,) = read(images(attributes='id="0" name="b.c/x" subset="val" width="8" height="6"'))
    assert (record.image, record.scope) == ("b.c/x.png", "val")
    assert {"val/b.c/x.PNG", "images/val/b.c/x.png"} <= set(record.aliases)


@pytest.mark.parametrize("tag", ["image_x", "polygon", "Image"])
@pytest.mark.parametrize("of", ["images", "video"])
def test_elements_that_are_not_read_are_told(of: str, tag: str):
    text = images() if of == "images" else video(track("a", box(0, 1)))
    reader = open_files("cvat", {"a.xml": text.replace("</annotations>", f"<{tag}/><{tag}/></annotations>")})
    assert len(list(reader.units())) == 1
    assert [finding.code for finding in reader.findings] == ["annotation-bad"]
    assert f"2 elements {tag!r}" in reader.findings[0].detail


def test_a_video_of_which_no_shape_has_a_frame_number_is_told():
    reader = open_files("cvat", {"a.xml": video(track("a", box(0, 1).replace("frame=", "x=")))})
    assert list(reader.units()) == []
    assert [finding.code for finding in reader.findings] == ["annotation-bad"]


@pytest.mark.parametrize("frame", ["", "x", "-1", "1.5", None])
def test_shapes_of_tracks_without_a_frame_number_are_told(frame: str | None):
    bad = box(7, 1).replace('frame="7"', "" if frame is None else f'frame="{frame}"')
    reader = open_files("cvat", {"a.xml": video(track("a", box(0, 1), bad))})
    assert len(list(reader.units())) == 1
    assert [finding.code for finding in reader.findings] == ["annotation-bad"]


@pytest.mark.parametrize("outside", ["", "x", "2", "true"])
def test_shapes_that_are_neither_outside_nor_inside_are_told(outside: str):
    odd = box(1, 1, outside=1).replace('outside="1"', f'outside="{outside}"')
    reader = open_files("cvat", {"a.xml": video(track("a", box(0, 1), odd))})
    assert [len(reader.record(unit).shapes) for unit in reader.units()] == [1, 1]
    assert [finding.code for finding in reader.findings] == ["value-type"]


def test_tracks_among_images_are_told():
    text = images().replace("</annotations>", track("a", box(0, 1)) + "</annotations>")
    reader = open_files("cvat", {"a.xml": text})
    assert len(list(reader.units())) == 1
    assert [finding.code for finding in reader.findings] == ["annotation-bad"]


def test_shapes_that_are_outside_are_not_drawn():
    records = read(video(track("a", box(0, 1), box(1, 2, outside=1), box(2, 3, outside=1), box(3, 4))))
    assert [labels(record) for record in records] == [["a"], [], [], ["a"]]


def test_frames_between_keyframes_are_told():
    text = video(track("a", box(0, 1), box(4, 9)), track("b", box(2, 5)))
    reader = open_files("cvat", {"a.xml": text})
    records = [reader.record(unit) for unit in reader.units()]
    assert [(record.image[6:12], labels(record), codes(record)) for record in records] == [
        ("000000", ["a"], []),
        ("000002", ["b"], ["frame-not-annotated"]),
        ("000004", ["a"], ["frame-not-annotated"]),
    ]
    assert [(finding.code, finding.detail) for finding in reader.findings] == [
        ("frame-not-annotated", "a.xml: 2 whole frames")
    ]


def lasting(*tracks: str, stop: int, step: int = 1) -> str:
    return video(*tracks, meta=f"<stop_frame>{stop}</stop_frame><frame_filter>step={step}</frame_filter>")


def test_a_track_that_is_not_ended_goes_on_to_the_end_of_its_video():
    text = lasting(
        track("a", box(0, 1), box(2, 1)), track("b", box(2, 9), box(4, 9, outside=1)), stop=8, step=2
    )
    reader = open_files("cvat", {"a.xml": text})
    told = [
        (record.image[6:12], labels(record), codes(record)) for record in map(reader.record, reader.units())
    ]
    assert told == [
        ("000000", ["a"], []),
        ("000002", ["a", "b"], []),
        ("000004", [], ["frame-not-annotated"]),
    ]
    assert [finding.detail for finding in reader.findings] == ["a.xml: 2 whole frames"]
    records = read(text, interpolate=True)
    assert [(int(record.image[6:12]), labels(record)) for record in records] == [
        (0, ["a"]), (2, ["a", "b"]), (4, ["a"]), (6, ["a"]), (8, ["a"])]  # fmt: skip
    assert not [code for record in records for code in codes(record)]


def test_a_lone_shape_before_the_last_frame_may_be_of_its_own_frame_alone():
    """CVAT forgets the end of shapes that are of no track in the last frame but one."""
    text = lasting(track("a", box(0, 1), box(3, 1)), track("b", box(2, 9)), stop=3)
    told = [(labels(record), codes(record)) for record in read(text, interpolate=True)]
    assert told == [(["a"], []), (["a"], []), (["a", "b"], []), (["a"], ["frame-not-annotated"])]


def test_videos_of_one_project_have_their_own_length_and_step():
    def about(number: int, stop: int, step: int) -> str:
        filtered = f"<frame_filter>step={step}</frame_filter>"
        return f"<task><id>{number}</id><stop_frame>{stop}</stop_frame>{filtered}</task>"

    head = f"<meta><project><tasks>{about(1, 2, 1)}{about(2, 6, 3)}</tasks></project></meta>"
    tracks = in_project(track("a", box(0, 1)), "A", 1) + in_project(track("b", box(0, 1)), "B", 2)
    records = read(f"<annotations>{head}{tracks}</annotations>", interpolate=True)
    assert [(record.scope, int(record.image[6:12])) for record in records] == [
        ("A", 0), ("A", 1), ("A", 2), ("B", 0), ("B", 3), ("B", 6)]  # fmt: skip


def test_frames_between_keyframes_are_computed_when_asked():
    records = read(video(track("a", box(0, 1), box(4, 9))), interpolate=True)
    assert [rings(record, record.shapes[0])[0][0][0] for record in records] == [
        [1, 2],
        [3, 2],
        [5, 2],
        [7, 2],
        [9, 2],
    ]
    assert all(codes(record) == [] for record in records)


def test_the_frame_step_of_the_task_is_kept():
    text = video(track("a", box(10, 0), box(16, 6)), meta="<frame_filter>step=3</frame_filter>")
    records = read(text, interpolate=True)
    assert [record.image[6:12] for record in records] == ["000010", "000013", "000016"]
    assert rings(records[1], records[1].shapes[0])[0][0][0] == [3, 2]


def test_an_object_stays_where_it_was_until_it_leaves():
    records = read(video(track("a", box(0, 1), box(3, 9, outside=1))), interpolate=True)
    assert [[rings(record, shape)[0][0][0] for shape in record.shapes] for record in records] == [
        [[1, 2]],
        [[1, 2]],
        [[1, 2]],
        [],
    ]


def test_rotation_goes_the_shorter_way_and_polygons_vertex_by_vertex():
    turned = track("a", box(0, 1, more='rotation="350"'), box(2, 1, more='rotation="10"'))
    records = read(video(turned), interpolate=True)
    assert records[1].shapes[0].kind == "rectangle"  # 0 degrees, half the way from 350 to 10
    moved = track(
        "a", '<polygon frame="0" points="0,0;4,0;4,4"/>', '<polygon frame="2" points="2,0;6,0;6,8"/>'
    )
    records = read(video(moved), interpolate=True)
    assert rings(records[1], records[1].shapes[0]) == [[[[1, 0], [5, 0], [5, 6]]]]


@pytest.mark.parametrize(
    "shapes",
    [
        ('<polygon frame="0" points="0,0;4,0;4,4"/>', '<polygon frame="2" points="0,0;4,0;4,4;0,4"/>'),
        # The same square, drawn again from another corner on, and the other way round.
        ('<polygon frame="0" points="0,0;4,0;4,4;0,4"/>', '<polygon frame="2" points="4,0;4,4;0,4;0,0"/>'),
        ('<polygon frame="0" points="0,0;4,0;4,4;0,4"/>', '<polygon frame="2" points="0,0;0,4;4,4;4,0"/>'),
        (
            '<mask frame="0" rle="0,4" left="0" top="0" width="2" height="2"/>',
            '<mask frame="2" rle="0,4" left="5" top="0" width="2" height="2"/>',
        ),
    ],
)
def test_what_has_no_in_between_is_told(shapes: tuple[str, str]):
    records = read(video(track("a", *shapes)), interpolate=True)
    assert [(labels(record), codes(record)) for record in records] == [
        (["a"], []),
        ([], ["frame-not-annotated"]),
        (["a"], []),
    ]


def test_shapes_of_a_track_may_come_in_any_order_of_frames():
    records = read(video(track("a", box(4, 9), box(0, 1))), interpolate=True)
    assert len(records) == 5


def test_parts_of_skeletons_are_not_shapes_of_their_own():
    inner = '<track id="1" label="1"><points frame="0" points="1,1"/></track>'
    (record,) = read(video(track("s", '<skeleton frame="0" points=""/>', inner)))
    assert codes(record) == ["shape-kind-unsupported"]


def test_a_shape_without_a_frame_number_is_counted():
    reader = open_files("cvat", {"a.xml": video(track("a", box(0, 1), '<box frame="x"/>'))})
    assert len(list(reader.units())) == 1
    assert [finding.code for finding in reader.findings] == ["annotation-bad"]


@pytest.mark.parametrize("share", range(0, 100, 7))
def test_a_document_that_breaks_off_is_told_and_read_up_to_there(share: int):
    text = images(f'<polygon label="a" {SQUARE}/>').encode()
    cut = len(text) * share // 100
    text = text[:cut]
    with pytest.raises(DamagedExportError, match="damaged at byte") as told:
        read(text)
    assert told.value.offset is not None
    assert told.value.offset <= cut
    reader = open_files("cvat", {"a.xml": text}, keep_going=True)
    assert all(reader.record(unit) for unit in reader.units())
    assert [finding.code for finding in reader.findings] == ["record-bad"]


@pytest.mark.parametrize("window", [1, 7, 64])
def test_byte_ranges_do_not_depend_on_the_window(window: int, monkeypatch: pytest.MonkeyPatch):
    text = images(f'<polygon label="\u00e4" {SQUARE}/>').replace(
        "</annotations>", '<!-- <image name="no"/> --><image name="b"/></annotations>'
    )
    whole = read(text)
    monkeypatch.setattr(xmlstream, "WINDOW", window)
    assert read(text) == whole
    assert [record.image for record in whole] == ["a.jpg", "b.png"]
    assert labels(whole[0]) == ["\u00e4"]


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_other_encodings(encoding: str):
    declared = encoding.removesuffix("-sig")
    text = images(f'<polygon label="\u00e4" {SQUARE}/>').replace('"utf-8"', f'"{declared}"')
    (record,) = read(text.encode(encoding))
    assert labels(record) == ["\u00e4"]


@pytest.mark.parametrize(
    "evil",
    [
        '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><annotations><image name="&z;"/></annotations>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/x">]><annotations><image name="&x;"/></annotations>',
    ],
)
def test_entities_are_refused(evil: str):
    with pytest.raises(ExportError, match="entities"):
        read(evil)


def test_a_reader_and_its_units_can_be_pickled():
    for text in (images(f'<polygon label="a" {SQUARE}/>'), video(track("a", box(0, 1), box(4, 9)))):
        reader = open_files("cvat", {"a.xml": text}, interpolate=True)
        units = list(reader.units())
        copy, copies = pickle.loads(pickle.dumps((reader, units)))
        assert [copy.record(unit) for unit in copies] == [reader.record(unit) for unit in units]
        assert [copy.names_of(unit).image for unit in copies] == [
            record.image for record in map(reader.record, units)
        ]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (images(), "CVAT XML"),
        (video(track("a", box(0, 1))), "CVAT XML for video"),
        ("<annotation><folder>VOC</folder><object/></annotation>", None),
        ("<html><body>annotations</body></html>", None),
        ("<annotations></annotations>", None),
        ('{"images": []}', None),
    ],
)
def test_sniff(text: str, title: str | None):
    assert cvat.sniff(take_sample(FilesExport({"a.xml": text.encode()}), "a.xml")) == title


SPECIES = (
    "<labels><label><name>tree</name><type>any</type><attributes><attribute><name>species</name>"
    "<input_type>{kind}</input_type><values>oak\npine</values></attribute></attributes></label></labels>"
)


def tree(species: str) -> str:
    return f'<polygon label="tree" {SQUARE}>{species}</polygon>'


@pytest.mark.parametrize("kind", ["select", "radio", "text"])
def test_an_attribute_may_be_the_class_and_shapes_without_it_are_told(kind: str):
    oak = tree('<attribute name="age">9</attribute><attribute name="species">oak</attribute>')
    pine = tree('<attribute name="species"> pine </attribute>')
    text = images(oak, pine, tree(""), meta=SPECIES.format(kind=kind))
    (record,) = read(text, class_attribute="species")
    assert [shape.label for shape in record.shapes] == ["oak", "pine", ""]
    assert "class-attribute-missing" in codes(record)
    both = tree('<attribute name="species">oak</attribute><attribute name="species">pine</attribute>')
    assert "annotation-bad" in codes(read(images(both), class_attribute="species")[0])
    reader = open_files("cvat", {"annotations.xml": text}, class_attribute="species")
    assert reader.labels == (None if kind == "text" else ["oak", "pine"])
    assert [shape.label for shape in read(text)[0].shapes] == ["tree"] * 3


def test_the_shapes_of_tracks_have_the_attribute_that_is_the_class():
    text = (
        f"<annotations><meta><task>{SPECIES.format(kind='select')}</task></meta>"
        f'<track id="0" label="tree"><polygon frame="0" outside="0" {SQUARE}>'
        f'<attribute name="species">oak</attribute></polygon><polygon frame="1" outside="0" {SQUARE}>'
        '<attribute name="species">pine</attribute></polygon></track></annotations>'
    )
    assert [labels(record) for record in read(text, class_attribute="species")] == [["oak"], ["pine"]]


@pytest.mark.parametrize(
    ("created", "dumped", "label", "right"),
    [
        ("2024-05-01 10:00:00+00:00", "2024-06-01 10:00:00+00:00", "<type>any</type>", ("displayed", True)),
        ("2024-05-01 10:00:00+00:00", "2024-06-01 10:00:00+00:00", "", ("displayed", False)),
        ("2023-12-01 10:00:00+00:00", "2024-06-01 10:00:00+00:00", "<type>any</type>", ("displayed", False)),
        ("2022-06-01 10:00:00+00:00", "2024-06-01 10:00:00+00:00", "<type>any</type>", ("displayed", False)),
        ("2021-06-01 10:00:00+00:00", "2024-06-01 10:00:00+00:00", "<type>any</type>", ("stored", True)),
        ("", "2021-06-01 10:00:00+00:00", "", ("stored", True)),
        ("", "2024-06-01 10:00:00+00:00", "<type>any</type>", ("displayed", False)),
        ("soon", "", "<type>any</type>", ("displayed", False)),
    ],
)
def test_when_the_task_was_made_and_what_wrote_it_tell_the_pixels(
    created: str, dumped: str, label: str, right: tuple[str, bool]
):
    meta = f"<created>{created}</created><labels><label><name>a</name>{label}</label></labels>"
    text = images(f'<polygon label="a" {SQUARE}/>', meta=meta).replace(
        "</task></meta>", f"</task><dumped>{dumped}</dumped></meta>"
    )
    (record,) = read(text)
    assert (record.grid, record.grid_known) == right


@pytest.mark.parametrize(("second", "told"), [(1, 0), (0, 1)])
def test_a_second_shape_of_a_track_in_one_frame_covers_the_first_and_is_told(second: int, told: int):
    reader = open_files("cvat", {"a.xml": video(track("a", box(0, 1), box(second, 9), box(5, 2)))})
    records = [reader.record(unit) for unit in reader.units()]
    assert [len(record.shapes) for record in records] == [1] * (3 - told)
    assert records[1 - told].points[0, 0] == 9
    assert [item.code for item in reader.findings if item.code == "annotation-bad"] == [
        "annotation-bad"
    ] * told


def test_images_of_two_tasks_of_one_subset_are_told_apart_by_their_task():
    tasks = "".join(f"<task><id>{number}</id><subset>{subset}</subset></task>" for number, subset in
                    ((1, "A"), (2, "A"), (3, "B")))  # fmt: skip
    every = "".join(
        f'<image id="0" name="a.jpg" subset="{subset}" task_id="{task}" width="9" height="9"></image>'
        for task, subset in ((1, "A"), (2, "A"), (3, "B"))
    )
    text = f"<annotations><meta><project><tasks>{tasks}</tasks></project></meta>{every}</annotations>"
    reader = open_files("cvat", {"a.xml": text})
    records = list(map(reader.record, reader.units()))
    assert [record.scope for record in records] == ["A/task_1", "A/task_2", "B"]
    assert all("images/A/a.jpg" in record.aliases for record in records[:2])
    assert [reader.names_of(unit) for unit in reader.units()] == [record.names for record in records]


@pytest.mark.parametrize(
    ("outside", "found", "painted"),
    [("0", [], 1), ("1", ["shape-deleted"], 0), ("true", ["value-type"], 1)],
)
def test_a_shape_that_has_left_the_image_is_not_drawn(outside: str, found: list, painted: int):
    record = read_image(f'<box label="a" outside="{outside}" xtl="1" ytl="1" xbr="5" ybr="4" z_order="0"/>')
    assert (codes(record), len(record.shapes)) == (found, painted)
