"""Answers about copies and tiles become masks of the images that were prepared, pixel by pixel."""

from __future__ import annotations

import io
import itertools
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO
from typer.testing import CliRunner

import gtmask
from gtmask import AnswerOptions, PrepareOptions
from gtmask.answers.originals import Whole, shares
from gtmask.cli import app
from gtmask.errors import UsageError
from gtmask.images.prepared import Piece, PreparedImage, parse_line
from gtmask.preparing.tiles import tiles, upright
from gtmask.progress import Silent
from tests.preparing.pictures import save

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.support.s3_server import S3Server

DATE = "2024-01-01T00:00:00.000000"
BEFORE, AFTER = "labeling-qa-ref", "labeling-qa-adjusted-ref"
SIZES = {"a.jpg": (53, 37), "a.tif": (64, 48), "sub/c.png": (53, 37), "d.webp": (30, 40), "e.png": (20, 10)}
ORIENTATIONS = {"a.jpg": 6, "a.tif": 1, "sub/c.png": 3, "d.webp": 7, "e.png": 1}
TURNED = {name for name, orientation in ORIENTATIONS.items() if orientation != 1}
#: What the masks are called: two images differ in their extension alone.
MASKS = {
    "a.jpg": "a.jpg.png",
    "a.tif": "a.tif.png",
    "sub/c.png": "sub/c.png",
    "d.webp": "d.png",
    "e.png": "e.png",
}
CUT = PrepareOptions(tile="20x16", split_pixels=1000)
FEW = PrepareOptions(tile="40x40", split_pixels=1600, overlap=5)
OVERLAPPING = PrepareOptions(tile="20x16", split_pixels=1000, overlap=5)


def cut(width: int, height: int, tile: tuple[int, int], overlap: int, orientation: int = 1) -> PreparedImage:
    """Return the line of an image, in the size that files store, that became tiles."""
    shown = (height, width) if orientation >= 5 else (width, height)
    boxes = tiles(*shown, tile, overlap)
    pieces = tuple(Piece(f"a.png.tiles/x{box.x}_y{box.y}.png", *box) for box in boxes)
    return PreparedImage("a.png", "", width, height, orientation, "PNG", ("split",), pieces)


def part(mask: NDArray[Any], piece: Piece) -> NDArray[Any]:
    return mask[piece.y : piece.y + piece.height, piece.x : piece.x + piece.width]


@pytest.mark.parametrize("overlap", [0, 1, 6])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiles_of_a_mask_become_the_mask_again(orientation: int, overlap: int) -> None:
    rng = np.random.default_rng(orientation)
    stored = rng.integers(0, 256, (23, 37), np.uint8)
    image = cut(37, 23, (9, 8), overlap, orientation)
    whole, shown = Whole(image), upright(stored, orientation)
    for number in rng.permutation(len(image.images)).tolist():
        whole.add(number, part(shown, image.images[number]))
    assert whole.differing == 0
    assert np.array_equal(whole.mask("stored"), stored)
    assert np.array_equal(whole.mask("display"), shown)


@settings(max_examples=40)
@given(
    st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(1, 9), st.integers(0, 8),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_an_overlap_is_divided_in_its_middle_and_what_differs_is_counted(
    width: int, height: int, across: int, down: int, overlap: int, random: Any
) -> None:
    image = cut(width, height, (across, down), min(overlap, across - 1, down - 1))
    masks = [
        np.random.default_rng(number).integers(0, 3, (piece.height, piece.width), np.uint8)
        for number, piece in enumerate(image.images)
    ]
    whole = Whole(image)
    for number in random.sample(range(len(masks)), len(masks)):
        whole.add(number, masks[number])
    wanted, differing = np.zeros((height, width), np.uint8), 0
    columns = sorted({(piece.x, piece.x + piece.width) for piece in image.images})
    rows = sorted({(piece.y, piece.y + piece.height) for piece in image.images})

    def owner(at: int, spans: list[tuple[int, int]]) -> int:
        """Return where the span begins that has a pixel: half of what it shares with the next one."""
        return spans[sum(at >= (other[0] + one[1]) // 2 for one, other in itertools.pairwise(spans))][0]

    for y, x in itertools.product(range(height), range(width)):
        values = {
            (piece.x, piece.y): mask[y - piece.y, x - piece.x]
            for piece, mask in zip(image.images, masks, strict=True)
            if piece.x <= x < piece.x + piece.width and piece.y <= y < piece.y + piece.height
        }
        wanted[y, x] = values[owner(x, columns), owner(y, rows)]
        differing += len(set(values.values())) > 1
    assert np.array_equal(whole.mask("stored"), wanted)
    assert whole.differing == differing


def test_tiles_that_do_not_cover_an_image_are_refused() -> None:
    good = cut(30, 20, (10, 10), 2)
    assert len(shares(good)) == len(good.images)
    for pieces in (good.images[1:], good.images[:-1], good.images[1:-1], (*good.images, good.images[0]),
                   good.images[:1]):  # fmt: skip
        bad = PreparedImage("a.png", "", 30, 20, 1, "PNG", ("split",), tuple(pieces))
        with pytest.raises(ValueError, match="the new images"):
            shares(bad)


def polygons(width: int, height: int, seed: int) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return [(rng.random((4, 2)) * (width, height)).round(2).reshape(-1).tolist() for _ in range(3)]


class Migration:
    """Images, a conversion of them as they are, and one of their prepared copies with what a job answered."""

    def __init__(self, folder: Path, options: PrepareOptions) -> None:
        self.folder, self.images, self.new = folder, folder / "images", folder / "new"
        for name, (width, height) in SIZES.items():
            how: dict[str, Any] = {"lossless": True} if name.endswith("webp") else {}
            pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
            save(self.images / name, pixels, ORIENTATIONS[name], **how)
        gtmask.prepare(self.images, self.new, options=options, workers=1)
        export = self.export()
        gtmask.convert(export, folder / "plain", images=self.images, creation_date=DATE, workers=1)
        gtmask.convert(
            export, folder / "run", images=self.new, prepared=self.table, creation_date=DATE, workers=1
        )
        self.plain = {name: self.mask(f"plain/masks/{MASKS[name]}") for name in SIZES}
        lines = map(parse_line, self.table.read_bytes().splitlines(keepends=True))
        self.rows = {image.source: image for image in lines}

    @property
    def table(self) -> Path:
        return self.new / "prepared.jsonl"

    def mask(self, name: str) -> NDArray[np.uint8]:
        return np.asarray(Image.open(self.folder / name))

    def export(self) -> Path:
        """Write COCO of the images in the grid that files store."""
        images, annotations = [], []
        for number, (name, (width, height)) in enumerate(SIZES.items(), 1):
            images.append({"id": number, "file_name": name, "width": width, "height": height})
            for label, ring in enumerate(polygons(width, height, number), 1):
                annotations.append({
                    "id": len(annotations) + 1, "image_id": number, "category_id": label,
                    "segmentation": [ring], "iscrowd": 0, "area": 1,
                })  # fmt: skip
        categories = [{"id": label, "name": f"c{label}"} for label in (1, 2, 3)]
        path = self.folder / "export.json"
        path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
        return path

    def pieces(self) -> list[tuple[dict[str, Any], PreparedImage, Piece]]:
        """Return the lines that a job got, with what each is about."""
        text = (self.folder / "run/labeling-qa.manifest").read_text()
        lines = {line["source-ref"]: line for line in map(json.loads, text.splitlines())}
        return [
            (lines[f"{piece.at or self.new}/{piece.key}"], image, piece)
            for image in self.rows.values()
            for piece in image.images
        ]

    def answer_as(
        self, truth: dict[str, NDArray[np.uint8]], failed: tuple[int, ...] = (), open_: tuple[int, ...] = ()
    ) -> list[Path]:
        """Write what two jobs made of the truth, in the grid that files store, as Ground Truth does.

        Classes are numbered from the end, and the tiles of an image are shared out among the jobs.
        """
        jobs: dict[str, list[str]] = {"job-1": [], "job-2": []}
        for number, (sent, image, piece) in enumerate(self.pieces()):
            job = f"job-{number % 2 + 1}"
            folder = self.folder / "answer" / job
            folder.mkdir(parents=True, exist_ok=True)
            line, old = dict(sent), sent[f"{BEFORE}-metadata"]
            entries = [entry for _, entry in sorted(old["internal-color-map"].items())]
            map_ = {str(i): entry for i, entry in enumerate([entries[0], *entries[:0:-1]])}
            if number in failed:
                line[f"{AFTER}-metadata"] = {"failure-reason": "ClientError: x", "job-name": job}
            elif number not in open_:
                values = part(upright(truth[image.source], image.orientation), piece)
                turned = np.array([0, *range(len(entries) - 1, 0, -1)], np.uint8)[values]
                mask = Image.fromarray(turned, "P")
                mask.putpalette(b"".join(bytes.fromhex(entry["hex-color"][1:]) for entry in map_.values()))
                mask.save(folder / f"{number}.png")
                line[AFTER] = str(folder / f"{number}.png")
                line[f"{AFTER}-metadata"] = old | {
                    "internal-color-map": map_, "job-name": f"labeling-job/{job}",
                    "creation-date": f"2026-01-02T00:00:00.{number:06d}",
                    "adjustment-status": "adjusted",
                }  # fmt: skip
            jobs[job].append(json.dumps(line))
        for job, lines in jobs.items():
            (self.folder / "answer" / job / "output.manifest").write_text("\n".join(lines) + "\n")
        return [self.folder / "answer" / job / "output.manifest" for job in jobs]

    def corrected(self) -> dict[str, NDArray[np.uint8]]:
        """Return masks as workers leave them: a stripe across each image, and stray pixels."""
        truth = {}
        for seed, (name, mask) in enumerate(self.plain.items()):
            rng, made = np.random.default_rng(seed), mask.copy()
            made[4:7] = 2
            for _ in range(9):
                made[rng.integers(made.shape[0]), rng.integers(made.shape[1])] = rng.integers(0, 4)
            truth[name] = made
        return truth

    def back(self, manifests: list[Path], out: str = "back", **more: Any) -> gtmask.Answer:
        where = {"run": str(self.folder / "run"), "workers": 1} | more
        return gtmask.answer(manifests, self.folder / out, **where)

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def masks_in(self, out: str) -> dict[str, bytes]:
        folder = self.folder / out / "masks"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


@pytest.mark.parametrize(
    "options",
    [PrepareOptions(), CUT, OVERLAPPING, PrepareOptions(changed_only=True)],
    ids=["whole", "tiles", "overlap", "left"],
)
def test_an_unchanged_answer_is_the_conversion_of_the_images_themselves(
    tmp_path: Path, options: PrepareOptions
) -> None:
    world = Migration(tmp_path, options)
    found = world.back(world.answer_as(world.plain))
    assert (found.exit_code, found.answered, found.changed) == (0, len(SIZES), 0)
    assert found.objects == found.compared == len(world.pieces())
    assert dict(found.tally.findings) == {"answer-originals": 1, "key-collision": 2}
    assert found.prepared == str(world.table)
    assert world.masks_in("back") == world.masks_in("plain")
    by_image = {line["source-ref"]: line for line in world.lines("back/answer.manifest")}
    assert by_image.keys() == {str(world.images / name) for name in SIZES}
    for name in SIZES:
        line = by_image[str(world.images / name)]
        assert line[AFTER] == str(tmp_path / "back/masks" / MASKS[name])
        last = max(i for i, (_, image, _) in enumerate(world.pieces()) if image.source == name)
        assert line[f"{AFTER}-metadata"]["creation-date"] == f"2026-01-02T00:00:00.{last:06d}"
    # The labels of the images themselves are an export again, for them and for their copies.
    for images, prepared, same in ((world.images, "none", "plain"), (world.new, world.table, "run")):
        gtmask.convert(
            tmp_path / "back/answer.manifest", tmp_path / f"{same}-again", images=images, prepared=prepared,
            workers=1,
        )  # fmt: skip
        assert world.masks_in(f"{same}-again") == world.masks_in(same)


@pytest.mark.parametrize("orientation", ["stored", "display"])
def test_what_was_corrected_comes_back_for_the_images_themselves(tmp_path: Path, orientation: str) -> None:
    world, options = Migration(tmp_path, OVERLAPPING), AnswerOptions(orientation=orientation, coco="rle",
                                                                     layout="sagemaker")  # fmt: skip
    truth = world.corrected()
    found = world.back(world.answer_as(truth), options=options)
    assert found.exit_code == 0
    wanted = {
        name: upright(mask, ORIENTATIONS[name]) if orientation == "display" else mask
        for name, mask in truth.items()
    }
    for name, mask in wanted.items():
        assert np.array_equal(world.mask(f"back/masks/{MASKS[name]}"), mask), name
    assert found.tally.pixels == sum((Counter(mask.ravel().tolist()) for mask in truth.values()), Counter())
    coco = COCO(tmp_path / "back/answer.coco.json")
    assert {image["file_name"] for image in coco.imgs.values()} == set(SIZES)
    for image in coco.imgs.values():
        mask = wanted[image["file_name"]]
        assert (image["height"], image["width"]) == mask.shape
        annotations = coco.imgToAnns[image["id"]]
        areas = sum(scipy.ndimage.label(mask == label, np.ones((3, 3)))[1] for label in (1, 2, 3))
        assert len(annotations) == areas
        painted = sum(coco.annToMask(annotation) * annotation["category_id"] for annotation in annotations)
        assert np.array_equal(painted, mask)
    laid = [path for path in (tmp_path / "back").glob("[tv]*/*") if "_annotation" not in path.parent.name]
    assert {path.read_bytes() for path in laid} == {(world.images / name).read_bytes() for name in SIZES}
    changes = world.lines("back/changes.jsonl")
    assert {(row["image"], row["original"], row["x"], row["y"]) for row in changes} == {
        (line["source-ref"], image.source, piece.x, piece.y) for line, image, piece in world.pieces()
    }
    assert (tmp_path / "back/report.html").exists()
    report = gtmask.validate(tmp_path / "back/answer.manifest", level="deep", workers=1)
    assert {rule.code for rule in report.rules if rule.level == "error"} <= {"source-format"}, (
        report.to_json()
    )


def test_an_image_with_tiles_that_are_open_is_told_and_not_half_filled(tmp_path: Path) -> None:
    world = Migration(tmp_path, CUT)
    truth = world.corrected()
    sources = [image.source for _, image, _ in world.pieces()]
    failed, open_ = sources.index("a.tif") + 2, sources.index("sub/c.png")
    manifests = world.answer_as(truth, (failed,), (open_,))
    found = world.back(manifests)
    assert (found.exit_code, found.answered, found.tally.rejects) == (3, len(SIZES) - 2, 2)
    assert found.tally.findings["tiles-missing"] == 2
    assert world.masks_in("back").keys() == set(MASKS.values()) - {MASKS["a.tif"], MASKS["sub/c.png"]}
    keys = [piece.key for _, _, piece in world.pieces()]
    assert [line["source-ref"] for line in world.lines("back/again.manifest")] == [
        f"{world.new}/{keys[number]}" for number in (open_, failed)
    ]
    rejects = {Path(row["image"]).name: row["findings"] for row in world.lines("back/rejects.jsonl")}
    counts = Counter(sources)
    assert rejects == {
        Path(name).name: [{"code": "tiles-missing", "detail": f"1 of {counts[name]}: {keys[number]}"}]
        for name, number in (("a.tif", failed), ("sub/c.png", open_))
    }
    # The old masks of these tiles on request; and both whole once another job has answered.
    kept = world.back(manifests, "kept", options=AnswerOptions(unreviewed="keep", failed="keep"))
    assert (kept.answered, kept.tally.findings["tiles-missing"]) == (len(SIZES), 0)
    for name, number in (("a.tif", failed), ("sub/c.png", open_)):
        mask, wanted = (
            world.mask(f"kept/masks/{MASKS[name]}"),
            upright(truth[name], ORIENTATIONS[name]).copy(),
        )
        _, image, piece = world.pieces()[number]
        part(wanted, piece)[:] = part(upright(world.plain[name], image.orientation), piece)
        assert np.array_equal(upright(mask, ORIENTATIONS[name]), wanted)
    first = [path.rename(path.with_name("first.manifest")) for path in manifests]
    again = world.back([*first, *world.answer_as(truth)], "both")
    assert (again.exit_code, again.answered, again.objects) == (0, len(SIZES), len(sources))
    for name, mask in truth.items():
        assert np.array_equal(world.mask(f"both/masks/{MASKS[name]}"), mask)
    # Half of the split jobs alone.
    half = world.back(first[:1], "half")
    assert (half.exit_code, half.tally.findings["tiles-missing"]) == (3, 4)


def test_tiles_that_disagree_are_counted(tmp_path: Path) -> None:
    world = Migration(tmp_path, OVERLAPPING)
    manifests = world.answer_as(world.plain)
    pieces = world.pieces()
    number = next(i for i, (_, image, _) in enumerate(pieces) if image.source == "a.tif")
    path = next((tmp_path / "answer").rglob(f"{number}.png"))
    with Image.open(path) as mask:
        values, palette = np.asarray(mask).copy(), mask.palette
    values[:, -3:] = 1  # class c3 in the job's numbers
    painted = Image.fromarray(values, "P")
    painted.putpalette(palette)
    painted.save(path)
    found = world.back(manifests)
    shown, piece = world.plain["a.tif"], pieces[number][2]
    differing = int((part(shown, piece)[:, -3:] != 3).sum())
    assert differing > 0
    assert (found.exit_code, found.answered) == (0, len(SIZES))
    assert found.tally.findings["tiles-differ"] == 1
    assert f"{differing} pixels" in found.tally.examples["tiles-differ"][0]
    # Of five pixels that they share two are the left tile's: these three are not.
    assert np.array_equal(world.mask(f"back/masks/{MASKS['a.tif']}"), shown)


def test_masks_and_tables_of_other_copies_are_told(tmp_path: Path) -> None:
    world = Migration(tmp_path, CUT)
    manifests = world.answer_as(world.plain)
    table = world.table.read_bytes()
    wrong = tmp_path / "wrong.jsonl"
    lines = table.splitlines(keepends=True)
    wrong.write_bytes(b"".join(line for line in lines if b'"source":"a.tif"' not in line))
    uri = AnswerOptions(image_uri="s3://team/images")
    where = {"prepared": wrong, "options": uri}
    found = world.back(manifests, "less", **where)
    unknown = sum(image.source == "a.tif" for _, image, _ in world.pieces())
    assert (found.exit_code, found.tally.rejects) == (3, unknown)
    assert found.tally.findings["prepared-unknown"] == unknown
    assert found.tally.findings["answer-table-other"] == 1
    assert {line["source-ref"] for line in world.lines("less/answer.manifest")} == {
        f"s3://team/images/{name}" for name in SIZES if name != "a.tif"
    }
    small = next((tmp_path / "answer").rglob("0.png"))
    with Image.open(small) as mask:
        mask.crop((0, 0, mask.width - 1, mask.height)).save(small)
    found = world.back(manifests, "small")
    assert (found.tally.findings["answer-size"], found.tally.findings["tiles-missing"]) == (1, 1)
    wrong.write_bytes(b"".join(lines).replace(b'"x":', b'"x":1', 1).replace(b'"width":18', b'"width":9', 1))
    with pytest.raises(UsageError, match=r"so that masks of .* cannot be put together|do not lie within"):
        world.back(manifests, "bad", **where)
    lonely = cut(9, 9, (3, 3), 0)
    wrong.write_bytes(lonely.to_line())
    with pytest.raises(UsageError, match=r"wrong\.jsonl names none of the images of .*: give the table"):
        world.back(manifests, "bad", **where)
    with pytest.raises(UsageError, match="say with --image-uri what references to them begin with"):
        world.back(manifests, "bad", prepared=wrong)
    for name in ("images", "new"):
        with pytest.raises(UsageError, match="is the folder of the images: choose another"):
            world.back(manifests, name)
    with pytest.raises(UsageError, match="--orientation is about images that gtmask prepare was given"):
        world.back(manifests, "bad", prepared="none", options=AnswerOptions(orientation="display"))
    with pytest.raises(UsageError, match="--image-uri is about images"):
        world.back(manifests, "bad", prepared="none", options=uri)
    shutil.move(world.table, wrong)
    with pytest.raises(
        UsageError, match=r"is not in .*new: name it with --prepared, or give --prepared none"
    ):
        world.back(manifests, "bad")
    assert not (tmp_path / "bad").exists()


def test_copies_are_what_masks_are_of_on_request(tmp_path: Path) -> None:
    world = Migration(tmp_path, CUT)
    manifests = world.answer_as(world.plain)
    found = world.back(manifests, prepared="none")
    assert (found.answered, found.prepared) == (len(world.pieces()), "")
    assert world.masks_in("back") == world.masks_in("run")
    command = ["answer", *map(str, manifests), "--run", str(tmp_path / "run"), "--workers", "1", "--out"]
    told = CliRunner().invoke(app, [*command, str(tmp_path / "told"), "--image-uri", "s3://team/images"])
    assert told.exit_code == 0
    assert f"masks   of 5 images as they were before they were prepared, by {world.table}" in told.output
    assert f"Masks are made for the images that {world.table} tells of" in told.output
    assert world.lines("told/answer.manifest")[0]["source-ref"].startswith("s3://team/images/")


def test_a_start_that_was_broken_off_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    world = Migration(tmp_path, OVERLAPPING)
    manifests = world.answer_as(world.corrected())
    options = AnswerOptions(chunk_size=1, coco="rle")

    class Broken(Silent):
        def advance(self, records: int, rejects: int = 0) -> None:
            raise KeyboardInterrupt

    def files(out: str) -> dict[str, bytes]:
        folder = tmp_path / out
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    world.back(manifests, options=options)
    whole = files("back")
    shutil.rmtree(tmp_path / "back")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            world.back(manifests, options=options, progress=Broken())
        assert not (tmp_path / "back/answer.manifest").exists()
    world.back(manifests, options=options)
    assert files("back") == whole


@pytest.mark.slow
def test_everything_in_s3(tmp_path: Path, s3_server: S3Server, bucket: str) -> None:
    world = Migration(tmp_path, FEW)
    truth = world.corrected()
    place, s3 = f"s3://{bucket}", gtmask.S3Settings(endpoint_url=s3_server.endpoint)
    s3_server.put(bucket, {
        f"images/{path.relative_to(world.images)}": path.read_bytes()
        for path in world.images.rglob("*") if path.is_file()
    } | {"export.json": world.export().read_bytes()})  # fmt: skip
    where = {"s3": s3, "workers": 1}
    gtmask.prepare(f"{place}/images", f"{place}/new", options=FEW, **where)
    gtmask.convert(f"{place}/export.json", f"{place}/run", images=f"{place}/new", creation_date=DATE, **where)
    manifests = world.answer_as(truth)
    objects = {}
    for path in (tmp_path / "answer").rglob("*.*"):
        data = path.read_bytes()
        if path.suffix == ".manifest":
            data = data.replace(str(tmp_path).encode(), place.encode())
        objects[str(path.relative_to(tmp_path))] = data
    s3_server.put(bucket, objects)
    sources = [f"{place}/{path.relative_to(tmp_path)}" for path in manifests]
    found = gtmask.answer(sources, f"{place}/back", run=f"{place}/run", **where)
    assert (found.exit_code, found.prepared, found.page_trouble) == (0, f"{place}/new/prepared.jsonl", "")
    made = s3_server.objects(bucket, "back/")
    for name, mask in truth.items():
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(made[f"masks/{MASKS[name]}"]))), mask)
    lines = map(json.loads, made["answer.manifest"].splitlines())
    assert {line["source-ref"] for line in lines} == {f"{place}/images/{name}" for name in SIZES}
