"""Who holds it: from weak references to the chains that keep their objects alive, grouped by holder.

The search works on a picture of numbers, so between taking it and telling a chain the app has moved on: every
step is followed on real objects before it is told, and what has changed is looked for again.
"""

from __future__ import annotations

import dataclasses
import time
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .chains import Chain, follow, tell
from .heap import picture
from .roots import Host, Root, roots
from .search import Way, ways

Kind = Literal["document", "session", "live_session", "model"]
#: What is told first, where one holds the other: a model is rarely what somebody looks for.
_FIRST: dict[Kind, int] = {"live_session": 0, "session": 1, "document": 2, "model": 3}
#: How often what has moved is looked for again.
_TRIES = 3


@dataclass(frozen=True)
class Target:
    """Something that somebody holds.

    Attributes:
        destroyed: ``time.monotonic()`` at which its session had been destroyed; when it began, of a live one.
        cls: the bare name of its class.
        note: what else is to be said of it, such as whose ``destroy`` raised.
    """

    app: str
    kind: Kind
    reference: weakref.ref[Any]
    destroyed: float
    cls: str
    note: str = ""


@dataclass
class Found:
    """Targets of one kind that hang on the same holder, and the shortest of their chains."""

    app: str
    kind: Kind
    count: int
    age_seconds: float
    chain: Chain
    #: What hangs on them in turn, by kind.
    also: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        """Say it in a line."""
        words = self.chain.text
        if self.count > 1:
            words += f"; {self.count} {_plural(self.kind, self.count)} are held by the same"
        if self.also:
            others = " and ".join(f"{number} {_plural(kind, number)}" for kind, number in sorted(self.also.items()))
            words += f", and {others} with {'them' if self.count > 1 else 'it'}"
        return words


@dataclass
class Explanation:
    """What was found. ``objects_visited`` counts those that the garbage collector knows, each time it was looked."""

    retained: list[Found]
    objects_visited: int
    seconds: float

    def content(self) -> dict[str, object]:
        """Return it as ``POST /debug/explain`` does."""
        return {
            "retained": [
                {
                    "app": found.app,
                    "kind": found.kind,
                    "count": found.count,
                    "age_seconds": round(found.age_seconds, 1),
                    "root": found.chain.root,
                    "path": [dataclasses.asdict(step) for step in found.chain.path],
                    "text": found.text(),
                }
                for found in self.retained
            ],
            "objects_visited": self.objects_visited,
            "seconds": round(self.seconds, 3),
        }

    def text(self) -> str:
        """Say it, a line each."""
        return "\n".join(found.text() for found in self.retained) or "nothing is retained"


def explain(
    targets: Iterable[Target],
    hosts: Callable[[], Iterable[Host]] = lambda: (),
    room: Callable[[], float | None] = lambda: None,
) -> Explanation:
    """Find who holds the targets, in a thread that is not an event loop's.

    Args:
        targets: what to look for; none of it is held longer than it takes to tell one chain.
        hosts: lists what lives by itself besides modules and running functions.
        room: how many bytes the process may still take, None if nobody knows.

    Raises:
        NoRoomError: the process has no room for a search.
    """
    begun, visited = time.monotonic(), 0
    left = [target for target in targets if target.reference() is not None]
    retained: list[Found] = []
    for _ in range(_TRIES):
        if not left:
            break
        keyed: dict[int, Target] = {}
        for target in left:
            key = _id(target.reference)
            if key is not None:
                keyed[key] = target
        begins = roots(hosts())
        heap = picture(room)
        visited += len(heap)
        found = ways(heap, {key: root.level for key, root in begins.items()}, keyed)
        del heap
        again: list[Target] = []
        for group, also in _groups(keyed, found):
            told = _first_told(group, keyed, found, begins)
            if told is None:
                again.extend(keyed[key] for key in group)
            else:
                _join(retained, told, also)
        left = again
    retained.sort(key=lambda found: (_FIRST[found.kind] == 3, -found.count, -found.age_seconds))
    return Explanation(retained, visited, time.monotonic() - begun)


def _id(reference: weakref.ref[Any]) -> int | None:
    thing = reference()
    return None if thing is None else id(thing)


def _groups(keyed: dict[int, Target], found: dict[int, Way]) -> Iterable[tuple[list[int], Counter[str]]]:
    """Yield the targets that hang on the same holder, and what hangs on them by kind."""
    heads: dict[int, int] = {}
    for key, way in found.items():
        others = [each for each in way.ids[:-1] if each in keyed]
        # The last but models if there is one, so that the holder is told as it holds a Document.
        ranked = [each for each in others if _FIRST[keyed[each].kind] < 3]
        if ranked:
            heads[key] = ranked[0]
        elif keyed[key].kind == "model":
            if others:
                heads[key] = others[0]
        else:
            heads.update(dict.fromkeys(others, key))
    also: dict[int, Counter[str]] = defaultdict(Counter)
    for key in found:
        head = _head(heads, key)
        if head != key:
            also[head][keyed[key].kind] += 1
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    fans = _fans(way for key, way in found.items() if _head(heads, key) == key)
    for key, way in found.items():
        if _head(heads, key) == key:
            holder = max(way.ids[1:-1], key=lambda each: fans.get(each, 0), default=None)
            target = keyed[key]
            groups[target.app, target.kind, target.note, holder, way.ids[0]].append(key)
    for group in groups.values():
        group.sort(key=lambda key: (len(found[key].ids), keyed[key].destroyed))
        yield group, sum((also[key] for key in group), Counter())


def _head(heads: dict[int, int], key: int) -> int:
    for _ in range(len(heads)):
        if key not in heads:
            break
        key = heads[key]
    return key


def _fans(found: Iterable[Way]) -> dict[int, int]:
    """Count how many ways lead on from each object."""
    nexts: dict[int, set[int]] = defaultdict(set)
    for way in found:
        for here, there in zip(way.ids[1:], way.ids[2:], strict=False):
            nexts[here].add(there)
    return {here: len(there) for here, there in nexts.items() if len(there) > 1}


def _first_told(
    group: Sequence[int], keyed: dict[int, Target], found: dict[int, Way], begins: dict[int, Root]
) -> Found | None:
    """Tell the first chain of a group that is still there."""
    for key in group:
        way, target = found[key], keyed[key]
        root = None if way.unseen else begins.get(way.ids[0])
        try:
            chain = _chain(way, root, target)
        except LookupError:
            continue
        oldest = min(keyed[each].destroyed for each in group)
        return Found(target.app, target.kind, len(group), time.monotonic() - oldest, chain)
    return None


def _chain(way: Way, root: Root | None, target: Target) -> Chain:
    thing = target.reference()
    if thing is None:
        raise LookupError("it has been freed")
    return tell(follow(way, root, thing), root, _end(target))


def _join(retained: list[Found], told: Found, also: Counter[str]) -> None:
    told.also = also
    for other in retained:
        if (other.app, other.kind, other.chain.shape()) == (told.app, told.kind, told.chain.shape()):
            other.count += told.count
            other.age_seconds = max(other.age_seconds, told.age_seconds)
            other.also += also
            if len(told.chain.path) < len(other.chain.path):
                other.chain = told.chain
            return
    retained.append(told)


def _end(target: Target) -> str:
    ago = _duration(time.monotonic() - target.destroyed)
    if target.kind == "live_session":
        return f"live session of {target.app}{target.note}, opened {ago} ago"
    if target.kind == "model":
        return f"{target.cls}(...) of {target.app}, its session destroyed {ago} ago"
    return f"{'Document' if target.kind == 'document' else 'session'} of {target.app}{target.note}, destroyed {ago} ago"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _plural(kind: str, count: int) -> str:
    word = {"document": "Document", "live_session": "live session"}.get(kind, kind)
    return word if count == 1 else word + "s"
