"""One thing that harms users, and what the rules look at: the newest numbers and those before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .trouble import AppTrouble, Trouble

if TYPE_CHECKING:  # what judges imports this
    from ..verdicts.history import Point


@dataclass(frozen=True)
class Harm:
    """One thing that harms users.

    Attributes:
        what: its kind, in a word.
        text: what happens, in numbers.
        advice: what to do about it.
    """

    what: str
    text: str
    advice: str


class Seen(NamedTuple):
    """What is judged: the newest numbers, those that they are compared with, and the points between."""

    now: Trouble
    before: Trouble
    points: Sequence[Point]
    #: As it ends a sentence.
    span: str

    def rise(self, app: str, field: str) -> float:
        """Return by how much a counter of an app rose."""
        now, before = self.now.apps.get(app, NONE), self.before.apps.get(app, NONE)
        return max(0.0, float(getattr(now, field)) - float(getattr(before, field)))

    def rises(self, field: str) -> Mapping[str, float]:
        """Return by how much it rose, of the apps where it did, those with most first."""
        found = {app: self.rise(app, field) for app in self.now.apps}
        return {app: found[app] for app in sorted(found, key=lambda app: -found[app]) if found[app]}

    def held(self, app: str, field: str, least: float) -> float:
        """Return for how many seconds a level of an app has been ``least`` or more, at each look."""
        since = end = self.points[-1].time
        for point in reversed(self.points):
            trouble = point.last.trouble
            if trouble is None or getattr(trouble.apps.get(app, NONE), field) < least:
                break
            since = point.time
        return end - since


#: An app of which nothing is known.
NONE = AppTrouble()
