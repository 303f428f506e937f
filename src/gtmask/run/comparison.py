"""The states of all records of an export, in order: compared with those of an earlier run.

Each record is read once for it. Where the survey reads all records anyway, it is done there, and only those
are read again of which the survey has decided something: contested images, labels that are new.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import GtmaskError
from gtmask.images.resolve import mask_key
from gtmask.run.clashes import narrowed, rivals
from gtmask.run.image_versions import ImageVersions
from gtmask.run.states import SIZE, UNKNOWN, Meaning, state_of
from gtmask.run.survey import look_at

if TYPE_CHECKING:
    from gtmask.formats.base import Reader
    from gtmask.images.resolve import ImageRule
    from gtmask.model import ClassMap, ImageNames
    from gtmask.run.clashes import Verdict
    from gtmask.run.places import RunRequest
    from gtmask.run.plan import Plan
    from gtmask.run.survey import Glance
    from gtmask.workers import Pool


class Comparison:
    """Collects the states of an export's records, in 16 bytes for each.

    Parameters
    ----------
    request
        The start that updates a run.
    classes
        The class map as far as it is known; it becomes whole in :meth:`complete`.
    """

    def __init__(self, request: RunRequest, classes: ClassMap) -> None:
        self.classes = classes
        #: The states, once they are complete.
        self.states = b""
        self._request = request
        self._versions = ImageVersions(request.images, request.execution.s3)
        self._noticed = bytearray()
        self._again: list[int] = []

    def meaning(self) -> bytes:
        """Return what a task of the survey takes along, so that it tells what the records are."""
        meaning = Meaning.of(self.classes, self._request.settings)
        return pickle.dumps(replace(meaning, is_whole=False))

    def notice(self, rule: ImageRule, found: Glance, *, sized: bool) -> None:
        """Take the next records, as the survey has read them; ``sized`` by their images' headers."""
        for names, content in zip(found.images, found.contents, strict=True):
            if not content:
                self._again.append(len(self._noticed) // SIZE)
            self._noticed += self._state(rule, names, content or UNKNOWN, sized=sized)

    def complete(
        self,
        reader: Reader[Any],
        plan: Plan,
        classes: ClassMap,
        verdict: Verdict,
        rule: ImageRule,
        pool: Pool,
        *,
        sized: bool,
    ) -> None:
        """Read those records of which the survey did not tell enough, by what the plan decides."""
        again, states = np.array(sorted({*self._again, *verdict.contested}), np.int64), self._noticed
        whole = not states
        if whole:
            states = bytearray(plan.records * SIZE)
            self._request.progress.stage("compare", plan.records)
        meaning = pickle.dumps(Meaning.of(classes, self._request.settings))
        choices = dict(zip(verdict.contested, verdict.choices, strict=True))
        long_keys, rejected = set(verdict.long_keys), {*verdict.duplicates, *verdict.ambiguous}
        for numbers, found in look_at(reader, plan.records, None if whole else again, pool, meaning):
            for ordinal, names, content in zip(numbers, found.images, found.contents, strict=True):
                state = UNKNOWN if ordinal in rejected else self._state(
                    rule, names, content, sized=sized, sifted=plan.sifted, choice=choices.get(ordinal),
                    long_key=ordinal in long_keys,
                )  # fmt: skip
                states[ordinal * SIZE : (ordinal + 1) * SIZE] = state
            if whole:
                self._request.progress.advance(len(numbers))
        self.states = bytes(states)

    def _state(
        self,
        rule: ImageRule,
        names: ImageNames,
        content: bytes,
        *,
        sized: bool,
        sifted: bool = False,
        choice: int | None = None,
        long_key: bool = False,
    ) -> bytes:
        """Return the state that the mask of a record would have if it were made now."""
        own = rule.key(names)
        if content == UNKNOWN or own is None:
            return UNKNOWN
        keys = narrowed(rule.keys(names), choice)
        unsized = own if choice is None else next(iter(keys), own), ""
        found = self._image(keys) if sized else unsized
        if found is None:
            return UNKNOWN
        key, version = found
        return state_of(content, key, mask_key(own if sifted else key, keep_extension=long_key), version)

    def _image(self, keys: dict[str, int]) -> tuple[str, str] | None:
        """Return the key of a record's image and its version; None where it is missing or ambiguous."""
        try:
            for key in keys:
                version = self._versions.find(key)
                if version is None:
                    continue
                others = (other for other in keys if rivals(keys, key, other))
                return (
                    None
                    if any(self._versions.find(other) is not None for other in others)
                    else (key, version)
                )
        except GtmaskError:
            pass  # whoever converts the record will tell
        return None
