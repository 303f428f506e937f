"""The state that a record would have if its mask were made now: from its names, its content and its image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtmask.errors import GtmaskError
from gtmask.images.resolve import mask_key
from gtmask.run.clashes import narrowed, rivals
from gtmask.run.states import UNKNOWN, state_of

if TYPE_CHECKING:
    from gtmask.images.resolve import Rule
    from gtmask.model import ImageNames
    from gtmask.run.image_versions import ImageVersions


@dataclass(frozen=True, slots=True)
class StateRule:
    """What decides the states of all records of a run besides what they are.

    - ``rule``, ``versions``: which keys an image may have, and which version of it there is.
    - ``sized``: whether images are looked at.
    - ``sifted``: as in :class:`gtmask.run.plan.Plan`.
    """

    rule: Rule
    versions: ImageVersions
    sized: bool
    sifted: bool = False

    def state(
        self, names: ImageNames, content: bytes, choice: int | None = None, *, long_key: bool = False
    ) -> bytes:
        """Return the state of a record of which the survey decided this; see :class:`Verdict`."""
        if content == UNKNOWN:
            return UNKNOWN
        keys = narrowed(self.rule.keys(names), choice)
        own = self.rule.key(names)
        if own is None:
            return UNKNOWN
        found = self._image(keys) if self.sized else (own if choice is None else next(iter(keys), own), "")
        if found is None:
            return UNKNOWN
        key, version = found
        target = mask_key(own if self.sifted else key, keep_extension=long_key)
        return state_of(content, key, target, version)

    def _image(self, keys: dict[str, int]) -> tuple[str, str] | None:
        """Return the key of a record's image and its version; None where it is missing or ambiguous."""
        find = self.versions.find
        try:
            for key in keys:
                version = find(key)
                if version is None:
                    continue
                others = (other for other in keys if rivals(keys, key, other))
                return None if any(find(other) is not None for other in others) else (key, version)
        except GtmaskError:
            pass  # whoever converts the record will tell
        return None
