"""References in every form that tools write, and the rule that a run freezes."""

from __future__ import annotations

import asyncio
import base64
import json
import unicodedata
from dataclasses import asdict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gtmask.images.references import normalize
from gtmask.images.resolve import ALIAS, OWN, SCOPED, ImageRule, _rules, choose_rule, mask_key
from gtmask.model import ImageNames
from gtmask.storage import check_key


def coded(uri: str) -> str:
    return base64.urlsafe_b64encode(uri.encode()).decode()


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("img.jpg", "img.jpg"),
        ("a/b/img 1.jpg", "a/b/img 1.jpg"),
        ("what? #100% +é%20.jpg", "what? #100% +é%20.jpg"),
        ("./a//b/../c.jpg", "a/c.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/mnt/data/a.jpg", "mnt/data/a.jpg"),
        ("..\\images\\x.jpg", "images/x.jpg"),
        ("C:\\Users\\me\\a b.jpg", "Users/me/a b.jpg"),
        ("d:/data/a.jpg", "data/a.jpg"),
        ("\\\\server\\share\\a.jpg", "server/share/a.jpg"),
        ("file:///home/me/a%23b.jpg", "home/me/a#b.jpg"),
        ("file:///C:/a%20b/c.jpg", "a b/c.jpg"),
        ("file://server/share/a.jpg", "share/a.jpg"),
        ("s3://bucket/k%20y/a+b #1.jpg", "bucket/k%20y/a+b #1.jpg"),
        ("gs://bucket/x.jpg", "bucket/x.jpg"),
        ("azure-blob://container/y.png", "container/y.png"),
        ("https://b.s3.amazonaws.com/a/b%20c+d.jpg?X-Amz-Signature=1&y=/z#f", "a/b c+d.jpg"),
        ("HTTPS://host/A.jpg", "A.jpg"),
        ("/data/upload/3/abcd1234-n%C3%A4me.jpg", "data/upload/3/abcd1234-näme.jpg"),
        ("http://ls:8080/data/upload/3/abcd1234-n.jpg?x=1", "data/upload/3/abcd1234-n.jpg"),
        ("/data/local-files/?d=foo%5Cbar%2Fx%20y.jpg", "foo/bar/x y.jpg"),
        ("http://ls:8080/data/local-files/?d=a/b.jpg", "a/b.jpg"),
        (f"/tasks/1/presign/?fileuri={coded('s3://bkt/a b/ü.jpg').rstrip('=')}", "bkt/a b/ü.jpg"),
        (f"/tasks/12/resolve/?fileuri={coded('gs://bkt/x??.jpg')}", "bkt/x??.jpg"),
        (f"http://h/projects/2/presign/?x=1&fileuri={coded('azure-blob://c/d.png')}", "c/d.png"),
        ("", None),
        ("..", None),
        ("/", None),
        ("C:\\", None),
        ("http://host", None),
        ("data:image/png;base64,iVBORw0KGgo=", None),
        ("/data/local-files/?x=1", None),
        ("a\0b.jpg", None),
        ("\ud800.jpg", None),
        ("x" * 256, None),
        ("x/" * 600 + "y", None),
    ],
)
def test_references_become_paths(reference: str, expected: str | None) -> None:
    assert normalize(reference) == expected


_PARTS = st.sampled_from(
    ["..", ".", "", "a", "b c", "\\", "/", "//", "C:", "file://", "http://h/", "s3://", "?d=",
     "data/local-files/", "data/upload/", "%2e%2e", "%2f", "%00", "presign/?fileuri=",
     coded("../../x"), coded("/etc/x"), "#", "?", "é"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PARTS).map("".join), st.lists(_PARTS).map("/".join)))
@example("/data/local-files/?d=..%2F..%2Fetc%2Fpasswd")
@example("file:///%2e%2e/%2e%2e/x")
@example("http://h/%2e%2e%2f%2e%2e%2fx")
def test_no_reference_leaves_the_prefix(reference: str) -> None:
    path = normalize(reference)
    if path is None:
        return
    for rule in _rules(path.count("/"), "s3://bucket/images"):
        key = rule.apply(path)
        check_key(key)
        assert not key.startswith("/")
        check_key(mask_key(key))
        check_key(mask_key(key, keep_extension=True))


def chosen(references: list[str], there: set[str], prefix: str = "/images") -> ImageRule:
    asked: list[str] = []

    async def exists(key: str) -> bool:
        asked.append(key)
        return key in there

    rule = asyncio.run(choose_rule([ImageNames(name) for name in references], exists, prefix)).rule
    assert len(asked) == len(set(asked))
    return rule


@pytest.mark.parametrize(
    ("references", "there", "prefix", "rule", "keys"),
    [
        (["a/1.jpg"], {"a/1.jpg", "1.jpg"}, "/images", ImageRule(), ["a/1.jpg"]),
        (["/images/a/1.jpg"], {"a/1.jpg"}, "/images", ImageRule(strip="images"), ["a/1.jpg"]),
        (["s3://bkt/p/a/1.jpg"], {"a/1.jpg"}, "s3://bkt/p/", ImageRule(strip="bkt/p"), ["a/1.jpg"]),
        (
            ["https://bkt.s3.amazonaws.com/p/a/1.jpg?x=y"],
            {"a/1.jpg"},
            "s3://bkt/p",
            ImageRule(strip="p"),
            ["a/1.jpg"],
        ),
        (["s3://other/q/a/1.jpg"], {"a/1.jpg"}, "s3://bkt/p", ImageRule(drop=2), ["a/1.jpg"]),
        (
            ["C:\\x\\1.jpg", "D:\\y\\z\\2.jpg"],
            {"1.jpg", "2.jpg"},
            "/i",
            ImageRule(drop=2),
            ["1.jpg", "2.jpg"],
        ),
        (
            ["/data/upload/3/0a1b2c3d-n.jpg"],
            {"n.jpg"},
            "/i",
            ImageRule(name_only=True, upload=True),
            ["n.jpg"],
        ),
        (["/data/upload/3/0a1b2c3d-n.jpg"], {"0a1b2c3d-n.jpg"}, "/i", ImageRule(drop=3), ["0a1b2c3d-n.jpg"]),
        (["a/1.jpg", "b/2.jpg"], set(), "/i", ImageRule(), ["a/1.jpg", "b/2.jpg"]),
        # Two of three below the whole path beat one by name.
        (["a/1.jpg", "a/2.jpg", "x/3.jpg"], {"a/1.jpg", "a/2.jpg", "3.jpg"}, "/i", ImageRule(), None),
    ],
)
def test_the_rule_that_finds_most_is_chosen(
    references: list[str], there: set[str], prefix: str, rule: ImageRule, keys: list[str] | None
) -> None:
    found = chosen(references, there, prefix)
    assert found == rule
    if keys is not None:
        assert [found.key(ImageNames(reference)) for reference in references] == keys


def test_references_that_are_none_do_not_count() -> None:
    assert chosen(["", "data:x", "d/1.jpg"], {"1.jpg"}) == ImageRule(drop=1)
    assert chosen([], set()) == ImageRule()


def test_a_rule_survives_json() -> None:
    for rule in (
        ImageRule(),
        ImageRule(strip="a/b"),
        ImageRule(drop=2),
        ImageRule(name_only=True, upload=True),
    ):
        assert ImageRule(**json.loads(json.dumps(asdict(rule)))) == rule
        assert rule.describe()


def test_equal_names_in_different_folders_keep_different_keys() -> None:
    rule = chosen(["/srv/x/a/1.jpg", "/srv/x/b/1.jpg"], {"a/1.jpg", "b/1.jpg"})
    assert [rule.key(ImageNames("/srv/x/a/1.jpg")), rule.key(ImageNames("/srv/x/b/1.jpg"))] == [
        "a/1.jpg",
        "b/1.jpg",
    ]


def test_a_short_reference_keeps_its_name() -> None:
    assert ImageRule(drop=5).key(ImageNames("a/b.jpg")) == "b.jpg"


def test_names_are_looked_for_in_both_spellings_of_unicode() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Ü/é.jpg") for form in ("NFC", "NFD"))
    for name, there in ((composed, decomposed), (decomposed, composed)):
        assert ImageRule().key(ImageNames(name)) == name
        assert list(ImageRule().keys(ImageNames(name, ("a.jpg",)))) == [name, "a.jpg", there]
        assert chosen([f"x/{name}"], {there}) == ImageRule(drop=1)
    assert list(ImageRule().keys(ImageNames("a/b.jpg", ("c.jpg",)))) == ["a/b.jpg", "c.jpg"]
    longest = "é" * 100
    assert list(ImageRule().keys(ImageNames(longest))) == [longest]


def test_aliases_are_other_places_to_look() -> None:
    rule = ImageRule()
    assert list(rule.keys(ImageNames("000.jpg", ("http://h/x/000.jpg", "000.jpg", "")))) == [
        "000.jpg",
        "x/000.jpg",
    ]
    assert rule.key(ImageNames("", ("data:x", "b.png"))) == "b.png"
    assert rule.key(ImageNames("")) is None


def test_names_within_the_scope_come_first() -> None:
    """The subset, task or video that the format names tells which of two images of one name is meant."""
    names = ImageNames("1.jpg", ("images/1.jpg", "images/Train/1.jpg"), "Train")
    assert ImageRule().keys(names) == {
        "Train/1.jpg": SCOPED, "images/Train/1.jpg": SCOPED, "1.jpg": OWN, "images/1.jpg": ALIAS,
    }  # fmt: skip
    assert ImageRule(drop=1).keys(names) == {"1.jpg": SCOPED, "Train/1.jpg": SCOPED}
    assert ImageRule().key(names) == "1.jpg", "where nothing is looked for"
    assert list(ImageRule().keys(ImageNames("http://h/a/1.jpg", (), "b/c"))) == ["b/c/a/1.jpg", "a/1.jpg"]
    assert list(ImageRule().keys(ImageNames("x/Train/1.jpg", (), "Train"))) == ["x/Train/1.jpg"]
    assert list(ImageRule().keys(ImageNames("1.jpg", (), ".."))) == ["1.jpg"]


def test_a_rule_is_chosen_by_images_and_not_by_their_names() -> None:
    """One name of each image is enough: more of them found by another rule are no more images."""

    async def exists(key: str) -> bool:
        return key in {"x/1.jpg", "1.jpg"}

    names = ImageNames("x/1.jpg", ("a/x/1.jpg", "b/x/1.jpg"))
    assert asyncio.run(choose_rule([names], exists, "/images")).rule == ImageRule()


@pytest.mark.parametrize(
    ("key", "plain", "kept"),
    [
        ("a.jpg", "a.png", "a.jpg.png"),
        ("x.y/a.tar.jpeg", "x.y/a.tar.png", "x.y/a.tar.jpeg.png"),
        ("x.y/a", "x.y/a.png", "x.y/a.png"),
        (".jpg", ".jpg.png", ".jpg.png"),
        ("a.png", "a.png", "a.png.png"),
    ],
)
def test_mask_keys(key: str, plain: str, kept: str) -> None:
    assert mask_key(key) == plain
    assert mask_key(key, keep_extension=True) == kept
