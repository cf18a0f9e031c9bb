"""What a search answers: rows, as JSON and in a line of words each."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from ..blame.whose import Judged, judge
from .history import Since, size
from .holders import Target, TargetKind
from .paths import Chain
from .retained import Retained


@dataclass
class Found:
    """Targets of one kind that hang on the same holder, and the shortest of their chains; or a container that grew."""

    app: str
    kind: TargetKind | Literal["container"]
    count: int
    age_seconds: float
    chain: Chain
    #: What hangs on them in turn, by kind.
    also: Counter[str] = field(default_factory=Counter)
    #: The ``id`` of the container that holds them, and what it retains; None where it has not been measured.
    holder: int = 0
    retained: Retained | None = None
    since: Since | None = None
    #: What is said first, where it is not the root.
    first: str = ""

    def judged(self) -> Judged:
        """Say whose code holds it, and what to do."""
        return judge(self.chain, self.count, self.kind)

    def root(self) -> str:
        """Return what holds it, in some words."""
        return f"{self.first}{self.chain.root}"

    def content(self) -> dict[str, object]:
        """Return it as a row of ``POST /debug/explain``."""
        judged, since = self.judged(), self.since
        return {
            "app": self.app,
            "kind": self.kind,
            "count": self.count,
            "age_seconds": round(self.age_seconds, 1),
            "root": self.root(),
            "path": [dataclasses.asdict(step) for step in self.chain.path],
            "text": self.text(),
            "retained_bytes": None if self.retained is None else self.retained.bytes,
            "since": None if since is None else round(since.first, 3),
            "change_bytes": None if since is None else since.change,
            "change_since": None if since is None else since.change_since,
            "whose": judged.whose,
            "whose_text": judged.text,
            "remedy": judged.remedy,
            "diff": judged.diff,
        }

    def text(self) -> str:
        """Say it in a line."""
        words = self.chain.text
        if self.count > 1 and self.kind != "container":
            words += f"; {self.count} {_plural(self.kind, self.count)} are held by the same"
        if self.also:
            others = " and ".join(f"{number} {_plural(kind, number)}" for kind, number in sorted(self.also.items()))
            words += f", and {others} with {'them' if self.count > 1 else 'it'}"
        if self.retained is not None:
            arrays = f"{self.retained.arrays} arrays, " if self.retained.arrays else ""
            words += f"; emptying it would free {arrays}{size(self.retained.bytes)}"
        if self.since is not None and self.since.change is not None:
            words += f" ({self.since.text()})"
        return f"{words}. {self.judged().text}"


@dataclass
class Explanation:
    """What was found. ``objects_visited`` counts those that the garbage collector knows, each time it was looked."""

    retained: list[Found]
    objects_visited: int
    seconds: float
    #: What the host keeps for itself, one per process: no leak.
    constant: list[Found] = field(default_factory=list)
    #: What has grown of all sessions' between two searches: no leak by itself, but where the memory of a process went.
    containers: list[Found] = field(default_factory=list)

    def content(self) -> dict[str, object]:
        """Return it as ``POST /debug/explain`` does."""
        return {
            "retained": [found.content() for found in self.retained],
            "constant": [found.content() for found in self.constant],
            "containers": [found.content() for found in self.containers],
            "objects_visited": self.objects_visited,
            "seconds": round(self.seconds, 3),
        }

    def text(self) -> str:
        """Say it, a line each."""
        retained = [found.text() for found in self.retained] or ["nothing is retained"]
        return "\n".join([*retained, *(f"grew: {found.text()}" for found in self.containers)])


def end_of(target: Target) -> str:
    """Say what a target is, where it ends a chain."""
    ago = f"{_duration(time.monotonic() - target.destroyed)} ago"
    ended = "before the exporter was attached" if target.before else ago
    if target.kind == "live_session":
        return f"live session of {target.app}{target.note}, opened {ago}"
    if target.kind == "model":
        return f"{target.cls}(...) of {target.app}, its session destroyed {ended}"
    return f"{'Document' if target.kind == 'document' else 'session'} of {target.app}{target.note}, destroyed {ended}"


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _plural(kind: str, count: int) -> str:
    word = {"document": "Document", "live_session": "live session"}.get(kind, kind)
    return word if count == 1 else word + "s"
