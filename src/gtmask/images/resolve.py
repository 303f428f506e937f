"""Which keys below ``--images`` a record's image may have: one rule, chosen once and frozen for a run.

A rule says how much of the front of a reference is dropped. It is chosen by trying a sample against what
is there, and from then on a record's keys are a pure function of what the export calls its image. Which of
them is the image's own is seen by looking: the first one that is there. Records that have a key in common
are looked at before anything is written (:mod:`gtmask.run.clashes`).
"""

from __future__ import annotations

import asyncio
import posixpath
import re
import unicodedata
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.images.references import is_possible, normalize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gtmask.model import ImageNames

#: How much a key's name says: it is within the record's scope; it is the image's own name; it is an alias; it
#: is the name of the annotation file, which names another image.
SCOPED, OWN, ALIAS, GUESSED = range(4)

#: What Label Studio puts in front of the name of an uploaded file.
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ImageRule:
    """How a normalized reference becomes a key. Its fields are plain values, for ``run.json``.

    - ``strip``: path that is removed from the front of references that start with it: the ``--images`` prefix
      itself, where references are absolute.
    - ``drop``: how many leading parts are dropped; the last part always stays.
    - ``name_only``: keep the last part only.
    - ``upload``: remove Label Studio's upload prefix (eight hexadecimal digits and a hyphen) from the name.
    """

    strip: str = ""
    drop: int = 0
    name_only: bool = False
    upload: bool = False

    def apply(self, path: str) -> str:
        """Return the key of a normalized reference."""
        if not (self.strip or self.drop or self.name_only or self.upload):
            return path
        if self.strip and path.startswith(self.strip + "/"):
            path = path[len(self.strip) + 1 :]
        parts = path.split("/")
        parts = parts[-1:] if self.name_only else parts[min(self.drop, len(parts) - 1) :]
        if self.upload:
            parts[-1] = (
                _UPLOAD_PREFIX.sub("", parts[-1], count=1) if _UPLOAD_PREFIX.match(parts[-1]) else parts[-1]
            )
        return "/".join(parts)

    def key(self, names: ImageNames) -> str | None:
        """Return the key by which an image goes where nothing is looked for.

        Returns that of its own name, or of the first alias where that cannot be a key; None if none can.
        """
        path = normalize(names.image)
        if path is not None:
            return self.apply(path)
        return next((self.apply(other) for other in map(normalize, names.aliases) if other is not None), None)

    def keys(self, names: ImageNames) -> dict[str, int]:
        """Return the keys of an image in the order in which to look for it, each with its rank.

        The ranks are :data:`SCOPED`, :data:`OWN`, :data:`ALIAS` and :data:`GUESSED`: within one of them
        nothing says which of two images is meant. An alias that differs from the image's own name in its
        extension alone says as much as that.
        """
        if not names.aliases and not names.scope:  # nearly all
            own = self.key(names)
            return {} if own is None else dict.fromkeys(spellings(own), OWN)
        keys: dict[str, int] = {}
        for path, rank in _ranked(names):
            keys.setdefault(self.apply(path), rank)
        for key, rank in list(keys.items()):
            for other in spellings(key):
                keys.setdefault(other, rank)
        return keys

    @property
    def shortens(self) -> bool:
        """Whether references lose parts, so that one's key may be what another one is called."""
        return bool(self.drop or self.name_only)

    def longer(self, names: ImageNames) -> list[str]:
        """Return the longer ends of the image's own name that the rule does not take for its key."""
        path = normalize(names.image)
        if path is None or not self.shortens:
            return []
        parts = path.split("/")
        first = len(parts) - 1 if self.name_only else min(self.drop, len(parts) - 1)
        key = self.apply(path)
        return [end for start in range(first + 1) if (end := "/".join(parts[start:])) != key]

    def describe(self) -> str:
        """Return the rule as a phrase for people."""
        if self.name_only:
            return "file name only, without Label Studio's upload prefix" if self.upload else "file name only"
        if self.strip:
            return f"the path below {self.strip}/"
        return f"the path without its first {self.drop} parts" if self.drop else "the whole path"


@dataclass(frozen=True, slots=True)
class JoinedRule:
    """How references of several exports become keys: each by its export's own rule, within its folder.

    - ``rules``: one for each export.
    - ``folders``: of each export the folder below ``--images`` that its keys begin in, "" for none.
    """

    rules: tuple[ImageRule, ...]
    folders: tuple[str, ...]

    def key(self, names: ImageNames) -> str | None:
        """Return the key by which an image goes where nothing is looked for."""
        key = self.rules[names.source].key(names)
        return None if key is None else self._within(names, key)

    def keys(self, names: ImageNames) -> dict[str, int]:
        """Return the keys of an image in the order in which to look for it, each with its rank."""
        found = self.rules[names.source].keys(names)
        return {self._within(names, key): rank for key, rank in found.items()}

    @property
    def shortens(self) -> bool:
        """Whether references lose parts, so that one's key may be what another one is called."""
        return any(rule.shortens for rule in self.rules)

    def longer(self, names: ImageNames) -> list[str]:
        """Return the longer ends of the image's own name that the rule does not take for its key."""
        return [self._within(names, key) for key in self.rules[names.source].longer(names)]

    def _within(self, names: ImageNames, key: str) -> str:
        return posixpath.join(self.folders[names.source], key)


Rule = ImageRule | JoinedRule


def rule_values(rule: Rule) -> dict[str, Any]:
    """Return a rule as plain values, for ``run.json``."""
    return asdict(rule)


def rule_from(values: dict[str, Any]) -> Rule:
    """Return the rule that :func:`rule_values` has written."""
    if "rules" not in values:
        return ImageRule(**values)
    return JoinedRule(tuple(ImageRule(**one) for one in values["rules"]), tuple(values["folders"]))


def _ranked(names: ImageNames) -> list[tuple[str, int]]:
    """Return the normalized references of an image with their ranks, in the order in which to try them."""
    own = normalize(names.image)
    ranked = [] if own is None else [(own, OWN)]
    stem = posixpath.splitext(own)[0] if own is not None else None
    told = len(names.aliases) - names.guessed
    ranked += [
        (path, _rank(posixpath.splitext(path)[0], stem, guessed=number >= told))
        for number, path in enumerate(map(normalize, names.aliases))
        if path is not None
    ]
    scope = normalize(names.scope)
    if scope is None:
        return ranked
    within = [path for path, _ in ranked if f"/{scope}/" in f"/{path}"]
    if own is not None and own not in within and is_possible(f"{scope}/{own}"):
        within.insert(0, f"{scope}/{own}")
    return [*((path, SCOPED) for path in within), *ranked]


def _rank(stem: str, own: str | None, *, guessed: bool) -> int:
    """Return what another name of an image says; who gives its own with several extensions knows none."""
    if stem == own:
        return OWN
    return GUESSED if guessed and not (own is not None and same_spelled(stem, own)) else ALIAS


def _first_ranks(names: ImageNames) -> dict[str, int]:
    """Return the references of an image as :func:`_ranked` does, each once with what it says at first."""
    ranks: dict[str, int] = {}
    for path, rank in _ranked(names):
        ranks.setdefault(path, rank)
    return ranks


def same_spelled(key: str, other: str) -> bool:
    """Say whether two keys can be one file's: they differ in Unicode's form or in upper and lower case."""
    return key == other or _folded(key) == _folded(other)


def _folded(key: str) -> str:
    return key.casefold() if key.isascii() else unicodedata.normalize("NFC", key).casefold()


def spellings(key: str) -> tuple[str, ...]:
    """Return a key and its other spellings in Unicode, which look alike.

    File names that come from a Mac are often decomposed ("e" and an accent), exports are composed ("é").
    """
    if key.isascii():
        return (key,)
    others = (unicodedata.normalize(form, key) for form in ("NFC", "NFD"))
    return tuple(dict.fromkeys([key, *filter(is_possible, others)]))


def _rules(depth: int, images_prefix: str) -> list[ImageRule]:
    return [
        ImageRule(),
        *(ImageRule(strip=strip) for strip in _strips(images_prefix)),
        *(ImageRule(drop=drop) for drop in range(1, depth + 1)),
        ImageRule(name_only=True),
        ImageRule(name_only=True, upload=True),
    ]


def _strips(images_prefix: str) -> list[str]:
    """Return what an absolute reference below the prefix starts with: with the bucket, and without."""
    whole = normalize(images_prefix)
    if whole is None:
        return []
    _, slash, below = whole.partition("/")
    return [whole, below] if "://" in images_prefix and slash else [whole]


class RuleChoice(NamedTuple):
    """The rule that was chosen, and what speaks against it: a phrase, or ""."""

    rule: ImageRule
    doubt: str = ""


async def choose_rule(
    images: Sequence[ImageNames], exists: Callable[[str], Awaitable[bool]], images_prefix: str = ""
) -> RuleChoice:
    """Choose the rule that finds most images of a sample; of equally good ones the first.

    Images that are found by the names that the export tells come first: what an annotation file is called may
    be another image's name. What another rule finds that keeps more of the references, or finds as many
    images, speaks against it where that is another file for the same image. Returns the whole path where
    nothing is found.

    - ``images``: what the export calls its first images.
    - ``exists``: says whether there is an image of that key below ``--images``.
    - ``images_prefix``: the location of the images: an absolute folder or an ``s3://`` prefix.
    """
    ranked = [_first_ranks(names) for names in dict.fromkeys(images)]
    paths = list(dict.fromkeys(path for one in ranked for path in one))

    async def found_in(key: str) -> bool:
        return any([await exists(spelling) for spelling in spellings(key)])

    best, most, all_told = ImageRule(), (0, 0), sum(map(bool, ranked))
    tried: list[tuple[ImageRule, list[str | None]]] = []
    seen: dict[str, bool] = {}
    for rule in _rules(max((path.count("/") for path in paths), default=0), images_prefix):
        keys = {path: rule.apply(path) for path in paths}
        new = list(dict.fromkeys(key for key in keys.values() if key not in seen))
        seen.update(zip(new, await asyncio.gather(*map(found_in, new)), strict=True))
        met = [next((path for path in one if seen[keys[path]]), None) for one in ranked]
        files = [None if path is None else keys[path] for path in met]
        told = sum(path is not None and one[path] < GUESSED for path, one in zip(met, ranked, strict=True))
        found = told, len(ranked) - files.count(None)
        tried.append((rule, files))
        if found > most:
            best, most = rule, found
        if told == all_told:
            break
    return RuleChoice(best, _doubt(best, tried))


class JoinedChoice(NamedTuple):
    """The rule of several exports; of each what speaks against its own, and whether any image was found."""

    rule: Rule
    doubts: tuple[str, ...]
    found: tuple[bool, ...]


async def choose_rules(
    samples: Sequence[Sequence[ImageNames]],
    exists: Callable[[str], Awaitable[bool]],
    images_prefix: str,
    folders: Sequence[str],
) -> JoinedChoice:
    """Choose the rule of each export by its first images; of one export its rule is the rule of all.

    - ``samples``: what each export calls its first images.
    - ``exists``, ``images_prefix``: as of :func:`choose_rule`.
    - ``folders``: as of :class:`JoinedRule`.
    """
    chosen, found = [], []
    for images, folder in zip(samples, folders, strict=True):
        met: list[bool] = []

        async def is_there(key: str, folder: str = folder, met: list[bool] = met) -> bool:
            met.append(await exists(posixpath.join(folder, key)))
            return met[-1]

        chosen.append(await choose_rule(images, is_there, posixpath.join(images_prefix, folder)))
        found.append(any(met))
    rules = tuple(one.rule for one in chosen)
    rule = rules[0] if len(rules) == 1 else JoinedRule(rules, tuple(folders))
    return JoinedChoice(rule, tuple(one.doubt for one in chosen), tuple(found))


def _doubt(best: ImageRule, tried: list[tuple[ImageRule, list[str | None]]]) -> str:
    """Say which rule finds other files than the best one does, though it keeps more or finds as many."""
    rules = [rule for rule, _ in tried]
    if best not in rules:
        return ""
    mine = tried[rules.index(best)][1]
    for number, (rule, files) in enumerate(tried):
        if number > rules.index(best) and files.count(None) > mine.count(None):
            continue
        if any(file is not None and file != own for file, own in zip(files, mine, strict=True)):
            first, second = (
                f"{len(one) - one.count(None)} by {way.describe()}"
                for way, one in ((best, mine), (rule, files))
            )
            return f"of {len(mine)} images {first}, {second}"
    return ""


def mask_key(image_key: str, *, keep_extension: bool = False) -> str:
    """Return the key of an image's mask below the masks' prefix.

    - ``image_key``: the image's key below ``--images``.
    - ``keep_extension``: append ``.png`` in place of replacing the extension: for images whose masks would
      otherwise get the same key.

    Examples
    --------
    >>> mask_key("batch/a.jpg"), mask_key("batch/a.jpg", keep_extension=True)
    ('batch/a.png', 'batch/a.jpg.png')
    """
    return (image_key if keep_extension else posixpath.splitext(image_key)[0]) + ".png"
