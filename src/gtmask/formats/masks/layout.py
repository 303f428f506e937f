"""Which files of a tree are masks, and which image each belongs to: one rule.

A mask and an image belong together when their paths are equal after this is taken away from both:

- the extension (of ``a.jpg.png`` both);
- folders that only say what lies in them (:data:`MASK_WORDS`, :data:`IMAGE_WORDS`), and such words at the
  beginning or the end of a folder's name (``train_masks``, ``trainannot``);
- what tools append to, or put before, the names of masks and images (``_mask``, ``_gtFine_labelIds``,
  ``_leftImg8bit``, ``_L``, ...).

If no image of the tree has an equal path, the one counts of which one path is the end of the other, if there
is only one. What fits several images, or several masks of one image, is told and never picked.
PNGs are masks where the word nearest to the file or the name says so; where that is said of none, all are
that are not said to be images.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from posixpath import basename, dirname, splitext
from typing import TYPE_CHECKING

from gtmask.formats.reading.companions import IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IMAGE_WORDS = frozenset({
    "image", "images", "img", "imgs", "jpegimages", "leftimg8bit", "image_2", "data", "photo", "photos",
    "rgb", "701_stillsraw_full", "pictures",
})  # fmt: skip
MASK_WORDS = frozenset({
    "mask", "masks", "label", "labels", "annotation", "annotations", "annot", "gtfine", "gtcoarse",
    "semantic", "segmentationclass", "segmentationclasspng", "segmentationclassaug", "labeledapproved_full",
    "gt", "groundtruth", "ground_truth", "seg", "segmentation", "segmentations", "semantic_masks",
})  # fmt: skip
#: Folders of pictures that are drawn from masks, or whose values are objects and not classes.
OTHER_WORDS = frozenset({
    "segmentationobject", "segmentationobjectpng", "segmentationclassvisualization", "instances", "instance",
    "segmentationobjectvisualization", "panoptic", "semantic_rgb", "visualization", "visualizations",
})  # fmt: skip
#: Extensions that are tried where the tree holds no images.
TRIED = (
    ".jpg", ".png", ".jpeg", ".JPG", ".JPEG", ".PNG", ".tif", ".tiff", ".TIF", ".TIFF", ".bmp", ".webp",
)  # fmt: skip

_AFFIX = re.compile(
    r"(?P<before>.*?)(?:[_-](?:gt|seg|labels?|img)|[_-]?(?P<word>masks?|annot(?:ations)?|images?|imgs))$"
    r"|^(?P<first>masks?|labels?|annotations?|images?|imgs?)[_-](?P<after>.+)$",
    re.IGNORECASE,
)
#: Ends of names of masks: those before a bar are surer than those behind it.
#: Mapillary Vistas has the masks of each version of its classes in a folder of its own.
_VERSION = re.compile(r"v\d\.\d")
_CITYSCAPES = re.compile(r"_gt(?:fine|coarse)_(labelids|labeltrainids|color)$", re.IGNORECASE)
_MASK_END = re.compile(
    r"[_.-](?:masks?|labels?|labelids|labeltrainids|seg|segmentation|segmask|gt|groundtruth|semantic)$",
    re.IGNORECASE,
)
_MASK_START = re.compile(r"^(?:mask|label|seg|gt)[_-](?=.)", re.IGNORECASE)
_WEAK_END = re.compile(r"_[LP]$")
_IMAGE_END = re.compile(r"_(?:leftimg8bit|image|img|rgb|sat)$", re.IGNORECASE)
_IMAGE_START = re.compile(r"^(?:image|img)[_-](?=.)", re.IGNORECASE)
_OTHER_END = re.compile(r"_(?:instanceids|instancetrainids|instances?|panoptic|vis|viz)$", re.IGNORECASE)
#: Of several masks of one image that Cityscapes' tools write, the first counts.
_VARIANTS = ("labelids", "", "labeltrainids", "color")
#: Pictures whose colours or numbers tell classes, too: masks where there are no others (KITTI, Cityscapes).
_COLORS_OF_KITTI = re.compile(r"(?:^|/)semantic_rgb/\d+_\d+\.png$", re.IGNORECASE)
_INSTANCES_OF_KITTI = re.compile(r"(?:^|/)instance/\d+_\d+\.png$", re.IGNORECASE)
_INSTANCE_IDS = re.compile(r"_gt(?:fine|coarse)_instanceids$", re.IGNORECASE)
_INSTANCES_OF_CITYSCAPES = re.compile(r"_gt(?:fine|coarse)_instanceids\.png$", re.IGNORECASE)
#: Folders that data sets have in place of those of their masks.
_COUNTERPARTS = {
    "segmentationclass": "JPEGImages", "segmentationclasspng": "JPEGImages",
    "segmentationclassaug": "JPEGImages", "gtfine": "leftImg8bit", "gtcoarse": "leftImg8bit",
    "semantic": "image_2", "semantic_rgb": "image_2", "instance": "image_2", "labels": "images",
    "labeledapproved_full": "701_StillsRaw_full", "annotations": "images", "masks": "images", "mask": "image",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """A mask and the image it belongs to: its path, or where to look for it; ``trouble``: why there is none.

    ``by`` says whether the mask's name tells that it holds values, colours, or numbers of instances: 256 or
    1000 times their class.
    """

    mask: str
    image: str
    aliases: tuple[str, ...] = ()
    by: str = ""
    trouble: tuple[str, str] | None = None


@dataclass(slots=True)
class Layout:
    """What lies in a tree: pairs in the order of the masks, images without a mask, and pictures left out."""

    pairs: list[Pair] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


def arrange(names: Iterable[str], *, elsewhere: bool = False) -> Layout:
    """Sort the files of a tree by the rule of this module.

    ``elsewhere`` says that images are looked for in another tree. In this one a mask is no image, whatever
    its name.
    """
    pictures = [name for name in names if name.lower().endswith(IMAGES)]
    roles = {name: _role(name) for name in pictures}
    said = any(role == "mask" for role in roles.values())
    unsaid = () if said else (name for name in pictures if not roles[name] and name.lower().endswith(".png"))
    masks = [name for name in pictures if roles[name] == "mask"] or list(unsaid)
    masks = masks or next(filter(None, ([name for name in pictures if kind.search(name)] for kind in (
        _COLORS_OF_KITTI, _INSTANCES_OF_KITTI, _INSTANCES_OF_CITYSCAPES))), [])  # fmt: skip
    taken = set(masks)
    layout = Layout(left_out=[name for name in pictures if roles[name] == "other" and name not in taken])
    images = [name for name in pictures if roles[name] in {"image", ""} and name not in taken]
    masks = _without_variants(masks, layout)
    _pair(masks, images, layout, set() if elsewhere else taken)
    return layout


def says_masks(names: Iterable[str]) -> bool:
    """Say whether a folder or a name says of any picture that it is a mask."""
    return any(_role(name) == "mask" for name in names if name.lower().endswith(IMAGES))


def _role(name: str) -> str:
    """Return what a picture is by the word that stands nearest to its name: mask, image, other, or ""."""
    is_png = name.lower().endswith(".png")
    stem = splitext(basename(name))[0]
    if is_png and _OTHER_END.search(stem):
        return "other"
    if _CITYSCAPES.search(stem):
        return "mask"
    for folder in reversed(name.lower().split("/")[:-1]):
        role = _word_role(folder)
        if role == "mask" and _IMAGE_END.search(stem):
            return "image"
        if role:
            return role if is_png or role != "mask" else ""
    return "mask" if is_png and _MASK_END.search(stem) else ""


@lru_cache(maxsize=4096)
def _word_role(folder: str) -> str:
    for role, words in (("other", OTHER_WORDS), ("mask", MASK_WORDS), ("image", IMAGE_WORDS)):
        if folder in words:
            return role
    if not (found := _AFFIX.match(folder)):
        return ""
    return "image" if re.search(r"im(?:age|g)s?", found[0][len(found["before"] or "") :]) else "mask"


@lru_cache(maxsize=4096)
def folder_key(path: str) -> str:
    """Return folders without those, and the parts of those, that only say what lies in them."""
    kept = []
    for folder in path.split("/"):
        if folder.lower() in MASK_WORDS | IMAGE_WORDS | OTHER_WORDS or _VERSION.fullmatch(folder):
            continue
        found = _AFFIX.match(folder)
        rest = (found["before"] or found["after"] or "") if found else folder
        if rest:
            kept.append(rest)
    return "/".join(kept)


def mask_keys(name: str) -> list[str]:
    """Return what a mask's path may be reduced to, the surest first."""
    stem = splitext(basename(name))[0]
    bare, extension = splitext(stem)
    if extension.lower() in IMAGES:
        stem = bare
    stems = [stem]
    if _WEAK_END.search(stem):
        stems.append(_WEAK_END.sub("", stem))
    for pattern in (_CITYSCAPES, _INSTANCE_IDS, _MASK_END, _MASK_START):
        if pattern.search(stem):
            stems.insert(0, pattern.sub("", stem))
            break
    folder = folder_key(dirname(name))
    return [f"{folder}/{one}" if folder else one for one in stems if one]


def image_keys(name: str) -> list[str]:
    """Return what an image's path may be reduced to."""
    stem = splitext(basename(name))[0]
    stems = [stem, *(pattern.sub("", stem) for pattern in (_IMAGE_END, _IMAGE_START) if pattern.search(stem))]
    folder = folder_key(dirname(name))
    return [f"{folder}/{one}" if folder else one for one in stems if one]


def _without_variants(masks: list[str], layout: Layout) -> list[str]:
    """Keep one of the pictures that Cityscapes' tools write for one image."""
    best: dict[str, tuple[int, str]] = {}
    kept = []
    for name in masks:
        found = _CITYSCAPES.search(splitext(basename(name))[0])
        if found is None:
            kept.append(name)
            continue
        rank, key = _VARIANTS.index(found[1].lower()), mask_keys(name)[0]
        other = best.get(key)
        if other is None or rank < other[0]:
            best[key] = (rank, name)
        if other is not None:
            layout.left_out.append(max((rank, name), other)[1])
    return sorted(
        [*kept, *(name for _, name in best.values())], key=lambda name: name.encode("utf-8", "replace")
    )


def _pair(masks: list[str], images: list[str], layout: Layout, never: set[str]) -> None:
    """Pair masks and images; ``never`` are paths that are no images."""
    by_key: dict[str, list[str]] = {}
    by_end: dict[str, list[str]] = {}
    for image in images:
        for key in image_keys(image):
            by_key.setdefault(key, []).append(image)
            by_end.setdefault(basename(key), []).append(image)
    claims: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    for mask in masks:
        keys = mask_keys(mask)
        layout.keys.update(keys)
        found[mask] = _images_of(mask, keys, by_key, by_end)
        for claimed in found[mask] or keys[:1]:
            claims.setdefault(claimed, []).append(mask)
    for mask in masks:
        fits, keys = found[mask], mask_keys(mask)
        rivals = claims[(fits or keys)[0]] if len(fits) < 2 else []
        trouble = None
        if len(fits) > 1:
            trouble = ("mask-ambiguous", f"it fits {', '.join(sorted(fits)[:3])}")
        elif len(rivals) > 1:
            trouble = ("mask-ambiguous", f"{', '.join(sorted(rivals)[:3])} fit one image")
        places = tuple(fits) if fits else tuple(place for place in _places(mask, keys) if place not in never)
        layout.pairs.append(Pair(mask, places[0], places[1:] if not fits else (), _by(mask), trouble))
    layout.bare = [image for image in images if image not in claims]


def _images_of(
    mask: str, keys: list[str], by_key: dict[str, list[str]], by_end: dict[str, list[str]]
) -> list[str]:
    """Return the images of a tree that a mask fits: by its whole path, else by the end of it."""
    stem = splitext(basename(mask))[0]
    fits = [image for key in keys for image in by_key.get(key, ())]
    if not fits:
        ends = [(image, other, key) for key in keys for image in by_end.get(basename(key), ())
                for other in image_keys(image)]  # fmt: skip
        fits = [
            image
            for image, other, key in ends
            if f"/{other}".endswith(f"/{key}") or f"/{key}".endswith(f"/{other}")
        ]
    named = [image for image in fits if basename(image) == stem]
    return list(dict.fromkeys(named or fits))


def _by(mask: str) -> str:
    if _INSTANCES_OF_KITTI.search(mask):
        return "instance256"
    if _INSTANCES_OF_CITYSCAPES.search(mask):
        return "instance1000"
    if _COLORS_OF_KITTI.search(mask):
        return "color"
    found = _CITYSCAPES.search(splitext(basename(mask))[0])
    return "" if found is None else "color" if found[1].lower() == "color" else "value"


def _places(mask: str, keys: list[str]) -> Iterator[str]:
    """Yield where the image of a mask may lie that is not in the tree, the likeliest place first."""
    stem = splitext(basename(mask))[0]
    if splitext(stem)[1].lower() in IMAGES:
        folder = folder_key(dirname(mask))
        yield f"{folder}/{stem}" if folder else stem
        return
    folders = mask.split("/")[:-1]
    stems = list(dict.fromkeys(keys))
    for at, folder in enumerate(folders):
        if other := _COUNTERPARTS.get(folder.lower()):
            stems.append("/".join([*folders[:at], other, *folders[at + 1 :], basename(keys[0])]))
            break
    if _CITYSCAPES.search(stem) or _INSTANCE_IDS.search(stem):
        stems = [f"{one}_leftImg8bit" for one in stems[::-1]] + stems
    yield from (f"{one}{extension}" for extension in TRIED for one in stems)
