"""The states of all records of an export, in order: compared with those of an earlier run.

Each record is read once for it. Where the survey reads all records anyway, it is done there, and only those
are read again of which the survey has decided something: contested images, labels that are new.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.run.states import SIZE, UNKNOWN, ImageVersions, Meaning, StateRule
from gtmask.run.survey import Glance, look_at
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from gtmask.class_map import ClassMap
    from gtmask.formats.base import Reader
    from gtmask.images.resolve import Rule
    from gtmask.run.clashes import Verdict
    from gtmask.run.places import RunRequest
    from gtmask.run.plan import Plan
    from gtmask.workers import Pool


class Comparison:
    """Collects the states of an export's records, in 16 bytes for each.

    - ``request``: the start that updates a run.
    - ``classes``: the class map as far as it is known; it becomes whole in :meth:`complete`.
    """

    def __init__(self, request: RunRequest, classes: ClassMap) -> None:
        self.classes = classes
        #: The states, once they are complete.
        self.states = b""
        self._request = request
        self._versions = ImageVersions(
            request.images,
            request.execution.s3,
            request.table,
            request.probes.passing if request.probes is not None and is_s3(request.images) else None,
        )
        self._noticed = bytearray()
        self._again: list[int] = []

    def meaning(self) -> bytes:
        """Return what a task of the survey takes along, so that it tells what the records are."""
        meaning = Meaning.of(self.classes, self._request.settings)
        return pickle.dumps((meaning._replace(is_whole=False), None))

    def notice(self, rule: Rule, found: Glance, *, sized: bool) -> None:
        """Take the next records, as the survey has read them; ``sized`` by their images' headers."""
        states = StateRule(rule, self._versions, sized)
        for names, content in zip(found.images, found.contents, strict=True):
            if not content:
                self._again.append(len(self._noticed) // SIZE)
            self._noticed += states.state(names, content or UNKNOWN)

    def complete(
        self,
        reader: Reader[Any],
        plan: Plan,
        classes: ClassMap,
        verdict: Verdict,
        rule: Rule,
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
        state_rule = StateRule(rule, self._versions, sized, plan.sifted)
        # Objects are listed once, and by no task; nor does a table of prepared images travel.
        by_tasks = not (sized and (is_s3(self._request.images) or self._request.table is not None))
        meaning = pickle.dumps(
            (Meaning.of(classes, self._request.settings), state_rule if by_tasks else None)
        )
        choices = dict(zip(verdict.contested, verdict.choices, strict=True))
        long_keys, rejected = set(verdict.long_keys), {*verdict.duplicates, *verdict.ambiguous}
        special = {*choices, *long_keys}
        for numbers, found in look_at(reader, plan.records, None if whole else again, pool, meaning):
            told = found.states
            for at, ordinal in enumerate(numbers):
                if ordinal in rejected:
                    state = UNKNOWN
                elif told and ordinal not in special:
                    state = told[at]
                else:
                    state = state_rule.state(found.images[at], found.contents[at], choices.get(ordinal),
                                             long_key=ordinal in long_keys)  # fmt: skip
                states[ordinal * SIZE : (ordinal + 1) * SIZE] = state
            if whole:
                self._request.progress.advance(len(numbers))
        self.states = bytes(states)
