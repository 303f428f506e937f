"""Clashing mask keys are found, and the short cut never misses one."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gtmask
from gtmask.formats import open_reader
from gtmask.formats.jsonstream import open_document
from gtmask.formats.jsonstream.texts import texts_of
from gtmask.images.resolve import GUESSED, ImageRule, mask_key
from gtmask.model import ImageNames
from gtmask.run import clashes
from gtmask.run.clashes import NONE, Claims, Sieve, Verdict, settle
from gtmask.run.survey import decide_claims, survey
from tests.support import coco_data
from tests.support.memory_export import BytesExport

if TYPE_CHECKING:
    from pathlib import Path

part = st.sampled_from(
    ["a", "b", "a.jpg", "a.png", "..", ".", "A.jpg", "c d.x.jpg", "ü.jpg", ".jpg", "", "a?b"]
)
reference = st.lists(part, min_size=1, max_size=4).map("/".join) | st.sampled_from(
    ["s3://b/a.jpg", "C:\\a.jpg", "\\a.png", "x" * 300, "0a1b2c3d-a.jpg", "http://h/a.jpg?x", "home/b/a.jpg"]
)
rule = st.builds(ImageRule, st.just(""), st.integers(0, 3)) | st.sampled_from(
    [ImageRule(name_only=True), ImageRule(name_only=True, upload=True), ImageRule(strip="home/b")]
)


def texts(references: list[str]):
    data = json.dumps([{"n": name} for name in references]).encode()
    for batch in open_document(BytesExport(data), "a.json", 256).container().batches("n"):
        yield texts_of(batch, lambda element: element["n"])


@settings(max_examples=400, deadline=None)
@given(st.lists(reference, max_size=6), rule)
def test_the_sieve_lets_through_what_has_no_clash(references, rule):
    sieve = Sieve(rule)
    for batch in texts(references):
        sieve.add(batch)
    keys = [mask_key(key) for key in map(rule.key, map(ImageNames, references)) if key is not None]
    assert sieve.all_distinct() == (len(set(keys)) == len(references))


def naive(images: list[ImageNames], there: set[str] | None) -> Verdict:
    """Compare all records with all others, without hashes."""
    rule = ImageRule()
    keys = [rule.keys(names) for names in images]
    stems = [{mask_key(key) for key in one} for one in keys]
    court = {i for i, a in enumerate(stems) for j, b in enumerate(stems) if i != j and a & b}
    while True:
        chosen: dict[int, str] = {}
        ambiguous, missing = set(), set()
        for i in court:
            present = [key for key in keys[i] if there is not None and key in there]
            chosen[i] = present[0] if present else next(iter(keys[i]))
            if there is None:
                own = rule.key(images[i]) or ""
                found = {
                    images[j].scope
                    for j in court
                    if rule.key(images[j]) == own and images[j].source == images[i].source
                }
                chosen[i] = own if len(found) == 1 else chosen[i]
            elif not present:
                missing.add(i)
            elif any(keys[i][key] == keys[i][present[0]] for key in present[1:]):
                ambiguous.add(i)
        duplicates, unsettled = set(), set()
        for i in court:
            rivals = [j for j in court if chosen[j] == chosen[i] and images[j].source == images[i].source]
            best = min(keys[j][chosen[j]] for j in rivals)
            leaders = [j for j in rivals if keys[j][chosen[j]] == best]
            names = {(images[j].scope, images[j].image) for j in leaders}
            if len(names) > 1 or (images[i].scope, images[i].image) not in names:
                unsettled.add(i)
            elif i != min(leaders):
                duplicates.add(i)
        told = {chosen[i] for i in court - duplicates - unsettled if keys[i][chosen[i]] != GUESSED}
        unsettled |= {i for i in court if keys[i][chosen[i]] == GUESSED and chosen[i] in told}
        duplicates -= unsettled
        # Of several exports that have an image, the first has it.
        shared: Counter[tuple[int, int]] = Counter()
        having = sorted(court - duplicates - unsettled)
        for i in having:
            first = next(j for j in having if chosen[j] == chosen[i])
            if first != i:
                duplicates.add(i)
                if i not in ambiguous:
                    shared[images[first].source, images[i].source] += 1
        ambiguous |= unsettled - missing
        kept = court - duplicates - ambiguous - (unsettled & missing)
        long: set[int] = set()
        while True:
            owners: dict[str, list[int]] = {}
            for i in kept:
                owners.setdefault(mask_key(chosen[i], keep_extension=i in long), []).append(i)
            crowded = {i for found in owners.values() if len(found) > 1 for i in found} - long
            if not crowded:
                break
            long |= crowded
        met = {mask_key(chosen[i], keep_extension=True) for i in long}
        wider = court | {i for i, one in enumerate(stems) if one & met}
        if wider == court:
            choices = [
                NONE if i in unsettled & missing else list(keys[i]).index(chosen[i]) for i in sorted(court)
            ]
            return Verdict(
                sorted(court), choices, sorted(long), sorted(duplicates - ambiguous), sorted(ambiguous),
                dict(shared),
            )  # fmt: skip
        court = wider


paths = st.sampled_from(["a", "a.jpg", "a.png", "a.jpg.jpg", "a.jpg.png", "a.png.jpg.x", "b.jpg", "t/a.jpg"])
image_names = st.builds(
    ImageNames, paths, st.lists(paths, max_size=2).map(tuple), st.sampled_from(["", "t", "u"]),
    st.integers(0, 2), st.integers(0, 2),
)  # fmt: skip
whats_there = st.none() | st.sets(paths | st.sampled_from(["t/a.png", "u/a.jpg", "t/b.jpg"]))


@settings(max_examples=600, deadline=None)
@given(st.lists(image_names, max_size=6), whats_there)
def test_contested_records_are_decided_as_by_pairwise_comparison(images, there):
    claims = Claims()
    for names in images:
        claims.add(ImageRule().keys(names))

    def ask(ordinals):
        for number in ordinals.tolist():
            yield [(number, images[number])]

    look = None if there is None else lambda keys: there & set(keys)
    assert settle(claims, ask, ImageRule(), look) == naive(images, there)


def test_a_long_key_never_meets_a_short_one(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg", "a.png", "a.jpg.jpg", "b.jpg"])
    summary = gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=1)
    assert (summary.tally.masks, summary.tally.findings["key-collision"]) == (4, 3)
    assert sorted(path.name for path in (tmp_path / "out" / "masks").iterdir()) == [
        "a.jpg.jpg.png", "a.jpg.png", "a.png.png", "b.png",
    ]  # fmt: skip


def survey_of(folder: Path, document: Any, limit: int | None, *, sieve: bool) -> tuple[Any, Any, int]:
    """Survey a COCO export with or without the short cut."""
    path = folder / "a.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    asked: list[Any] = []
    told: list[int] = []

    def choose(references: list[Any]) -> ImageRule:
        asked.append(references)
        return ImageRule()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gtmask.run.survey.WORTH_SIFTING", 0 if sieve else 1 << 60)
        reader = open_reader(path, "coco")
        seen = survey(reader, limit, read_records=False, pool=None, choose_rule=choose, progress=told.append)
        verdict = decide_claims(reader, limit, seen, read_records=False, pool=None, look=None)
    assert len(asked) == 1
    decided = (verdict.long_keys, verdict.duplicates, verdict.ambiguous)
    return (seen.records, *decided), [names.image for names in asked[0]], sum(told)


file_names = reference | st.none() | st.integers() | st.just('a"b.jpg')
images = st.fixed_dictionaries(
    {"id": st.integers(0, 30)}, optional={"file_name": file_names, "path": reference}
)


@settings(max_examples=150, deadline=None)
@given(st.lists(images | st.just("no object"), max_size=12), st.sampled_from([None, 1, 3, 100]))
def test_the_short_cut_surveys_what_units_tell(tmp_path_factory, images, limit):
    folder = tmp_path_factory.mktemp("export")
    document = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "x"}]}
    assert survey_of(folder, document, limit, sieve=True) == survey_of(folder, document, limit, sieve=False)


def test_a_malformed_record_takes_no_key(tmp_path: Path) -> None:
    """The scanner reads a name in it; the parser refuses it, so the good record has the key."""
    text = (
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": nul}, {"id": 2, "file_name": "a.jpg"}],'
        ' "annotations": [], "categories": []}'
    )
    outcome, _, told = survey_of(tmp_path, text, None, sieve=True)
    assert (outcome, told) == ((2, [], [], []), 2)


@pytest.mark.parametrize("name", ["data:image/jpeg;base64,AAAA", "..", "x" * 300])
@pytest.mark.parametrize("sieve", [True, False])
def test_another_name_of_an_image_may_clash(tmp_path: Path, monkeypatch, name: str, sieve: bool) -> None:
    """A record whose reference can be no key goes by its next name, which may be that of another one."""
    monkeypatch.setattr("gtmask.run.survey.WORTH_SIFTING", 0 if sieve else 10_000)
    document = coco_data.make_document(["a.jpg", "b.jpg"])
    document["images"][0] |= {"file_name": name, "coco_url": "http://h/b.jpg"}
    (tmp_path / "export.json").write_text(json.dumps(document))
    summary = gtmask.convert(tmp_path / "export.json", tmp_path / "out", size="annotation", workers=1)
    assert [path.name for path in (tmp_path / "out" / "masks").iterdir()] == ["b.png"]
    assert (summary.tally.masks, summary.tally.findings["image-ambiguous"]) == (1, 1)


def test_the_sieve_needs_few_bytes_per_record(monkeypatch: pytest.MonkeyPatch) -> None:
    sieve = Sieve(ImageRule())
    for batch in texts([f"{n}.jpg" for n in range(1000)]):
        sieve.add(batch)
    assert sum(hashes.nbytes for hashes in sieve._hashes) == 8000
    assert sieve.all_distinct()
    same = lambda data, starts, stops, kinds, drop, hashes, done: (hashes.fill(1), done.fill(1))  # noqa: E731 (a kernel's twin)
    monkeypatch.setattr(clashes, "hash_stems", same)
    sieve.add(next(texts(["x", "y"])))
    assert not sieve.all_distinct(), "equal hashes are never taken for distinct keys"
    assert np.unique(sieve._hashes[0]).size == 1001
