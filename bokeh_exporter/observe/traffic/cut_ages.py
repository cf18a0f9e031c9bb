"""The age at which websockets are cut off: a proxy that ends what is silent, or old, ends all at the same age.

A restart of the network ends many at once, but at ages of their own; pages that were opened together and lost
together have one age, and one end. Only ends that are apart in time, at one age, are a time-out's.
"""

from __future__ import annotations

from collections import deque
from time import monotonic

#: Ends that are looked at, the last ones of an app, and how many of them, and of what share, must have one age.
_ENDS, _LEAST, _SHARE = 20, 4, 0.5
#: Seconds within which ages are the same, and their share of the age: timers of proxies are late, not early.
_SAME, _SAME_SHARE = 1.5, 0.02
#: Seconds below which nothing is a time-out: pages that are left before they are ready.
_YOUNG = 5.0
#: The code of a connection that went away without a close frame.
_CUT = "1006"


class CutAges:
    """When websockets were cut off. Safe from any thread: deques are appended to, and copied."""

    def __init__(self) -> None:
        #: App -> age and time of its last ends; as many apps as have a label.
        self._ends: dict[str, deque[tuple[float, float]]] = {}

    def ended(self, app: str, code: str, opened: float) -> None:
        """Note the end of a websocket that was opened at a ``monotonic()`` time."""
        if code == _CUT:
            now = monotonic()
            self.note(app, now - opened, now)

    def note(self, app: str, age: float, now: float) -> None:
        """Note an age at which one was cut off, and when that was."""
        ends = self._ends.get(app)
        if ends is None:
            ends = self._ends.setdefault(app, deque(maxlen=_ENDS))
        ends.append((age, now))

    def age(self, app: str) -> float | None:
        """Return the age that most have in common, None where they have none."""
        ends = sorted(self._ends.get(app, deque()).copy())
        best: list[tuple[float, float]] = []
        for first, (age, _) in enumerate(ends):
            width = max(_SAME, _SAME_SHARE * age)
            same = [end for end in ends[first:] if end[0] - age <= width]
            times = [time for _, time in same]
            if age >= _YOUNG and len(same) > len(best) and max(times) - min(times) > 2 * width:
                best = same
        if len(best) < max(_LEAST, _SHARE * len(ends)):
            return None
        return best[len(best) // 2][0]
