"""Who holds it: from weak references to the chains that keep their objects alive, grouped by holder.

The search works on a picture of numbers, so between taking it and describing a chain the app has moved on: every
step is followed on real objects before it is reported, and what has changed is looked for again.
"""

from __future__ import annotations

import functools
import time
import weakref
from collections import Counter
from collections.abc import Callable, Container, Iterable
from typing import Any

from .answers import Explanation, Found, end_of
from .history import HolderHistory
from .holders import Group, Target, groups
from .interpreter import InterpreterError, check
from .paths import Chain, describe, follow
from .picture import Heap, NoRoomError, find, picture
from .retained import only_by, sizes, starts
from .roots import Host, Root, at_home, roots
from .search import Way, above, ways
from .timers import due

#: How often what has moved is looked for again.
_TRIES = 3
#: Holders that are measured in a search, each by one more search of some tenths of a second.
_MEASURED = 5
#: What the observer says of a session whose destroy() raised, before the model.
_ZOMBIE = "a zombie since the "


def explain(
    targets: Iterable[Target],
    hosts: Callable[[], Iterable[Host]] = lambda: (),
    room: Callable[[], float | None] = lambda: None,
    history: HolderHistory | None = None,
    look: Callable[[Heap, list[int]], list[Found]] | None = None,
) -> Explanation:
    """Find who holds the targets, in a thread that is not an event loop's.

    Args:
        targets: what to look for; none of it is held longer than it takes to describe one chain.
        hosts: lists what lives by itself besides modules and running functions.
        room: how many bytes the process may still take, None if nobody knows.
        history: what earlier searches found.
        look: finds in a picture, and where the living begins, the containers that have grown.

    Raises:
        InterpreterError: what a search relies on has not been tested on this interpreter.
        NoRoomError: the process has no room for a search.

    Neither is raised where there is nothing to look for: then the containers alone are not compared.
    """
    begun = time.monotonic()
    left = [target for target in targets if target.reference() is not None]
    try:
        check()
        return _searched(left, hosts, room, history, look, begun)
    except (InterpreterError, NoRoomError):
        if any(target.reference() is not None for target in left):
            raise
        return Explanation([], 0, time.monotonic() - begun)


def _searched(
    left: list[Target], hosts: Callable[[], Iterable[Host]], room: Callable[[], float | None],
    history: HolderHistory | None, look: Callable[[Heap, list[int]], list[Found]] | None, begun: float,
) -> Explanation:  # fmt: skip
    visited, garbage = 0, set[int]()
    retained: list[Found] = []
    containers: list[Found] = []
    for attempt in range(_TRIES):
        keyed = {key: target for target in left if (key := _id(target.reference)) is not None}
        if not keyed and (attempt or look is None):
            break
        lives = list(hosts())
        begins = roots(lives)
        heap = picture(room, with_arrays=bool(attempt))  # what is still to be described may hang on one
        visited += len(heap)
        found = ways(heap, {key: root.level for key, root in begins.items()}, keyed)
        missing = keyed.keys() - found.keys()
        leading = above(heap, missing) if missing else {}
        unseen = [key for key, held in leading.items() if held]
        held = ways(heap, dict.fromkeys(unseen, 0), missing) if missing else {}
        keyed = _describe(keyed, found, begins, retained)
        hints = leading.keys() | {each for key in keyed for each in found.get(key, Way([])).ids}
        keyed = _describe(keyed, *_timed(keyed, hints, lives), retained)
        # A timer that was replaced while the picture was taken makes garbage of what hangs on it: two have to agree.
        garbage, before = missing - held.keys(), garbage
        keyed = {key: target for key, target in keyed.items() if key not in garbage & before}
        if attempt:  # only what is still there a picture later is not just something new
            keyed = _describe_unseen(keyed, held, retained)
        left = list(keyed.values())
        alive = starts(heap, begins) if retained or not attempt else []
        _measure(retained, heap, alive)
        if look is not None and not attempt:
            containers = look(heap, alive)
        del heap
    retained.sort(key=lambda found: (found.kind == "model", -found.count, len(found.chain.path), -found.age_seconds))
    for each in retained if history is not None else ():
        freed = None if each.retained is None else each.retained.bytes
        each.since = history.seen((each.app, each.kind, *each.chain.shape()[:2]), freed)  # type: ignore[union-attr]
    constant = [each for each in retained if each.kind != "live_session" and each.judged().whose == "host"]
    retained = [each for each in retained if each not in constant]
    return Explanation(retained, visited, time.monotonic() - begun, constant, containers)


def _measure(retained: list[Found], heap: Heap, alive: list[int]) -> None:
    """Say what the holders of most retain, by one more search for each on the picture that is there."""
    chosen = [each for each in sorted(retained, key=lambda each: -each.count) if each.retained is None][:_MEASURED]
    if chosen:
        measured = sizes(heap, {each.holder: only_by(heap, alive, each.holder) for each in chosen})
        for each in chosen:
            each.retained = measured[each.holder]


def _id(reference: weakref.ref[Any]) -> int | None:
    thing = reference()
    return None if thing is None else id(thing)


def _describe(
    keyed: dict[int, Target], found: dict[int, Way], begins: dict[int, Root], retained: list[Found]
) -> dict[int, Target]:
    """Describe what has a way that is still there; return the others."""
    found = {key: way for key, way in found.items() if key in keyed}
    described: set[int] = set()
    for group in groups(keyed, found):
        first = _first_described(group, keyed, found, begins)
        if first is not None:
            described.update(group.heads, group.others)
            _join(retained, first, Counter(keyed[key].kind for key in group.others))
    return {key: target for key, target in keyed.items() if key not in described}


def _describe_unseen(keyed: dict[int, Target], held: dict[int, Way], retained: list[Found]) -> dict[int, Target]:
    """Describe what is held by something that the collector does not see."""
    objects = find({way.ids[0] for way in held.values() if len(way.ids) > 1})
    starts = {way.ids[0] for way in held.values()}
    begins = {key: Root("unseen", "", functools.partial(_from, objects, key)) for key in starts}
    return _describe(keyed, held, begins, retained)


def _from(objects: dict[int, Any], key: int) -> Any:
    if key not in objects:
        raise LookupError("the object has gone")
    return objects[key]


def _timed(
    keyed: dict[int, Target], hints: Container[int], lives: Iterable[Host]
) -> tuple[dict[int, Way], dict[int, Root]]:
    """Find what hangs on timers, which are other objects by now than those of the picture."""
    found: dict[int, Root] = {}
    for host in lives if keyed else ():
        loop = host.reference()
        for key, chain in due(loop, keyed, hints).items():
            found[key] = Root("host", host.words, functools.partial(_last, chain), of=host.of, before=tuple(chain[:-1]))
    return {key: Way([key]) for key in found}, found


def _last(chain: list[Any]) -> Any:
    return chain[-1]


def _first_described(
    group: Group, keyed: dict[int, Target], found: dict[int, Way], begins: dict[int, Root]
) -> Found | None:
    """Describe the first chain of a group that is still there."""
    for key in group.heads:
        way, target = found[key], keyed[key]
        try:
            chain = _chain(way, begins[way.ids[0]], target)
        except LookupError:
            continue
        oldest = min(keyed[each].destroyed for each in group.heads)
        described = Found(target.app, target.kind, len(group.heads), time.monotonic() - oldest, chain)
        described.holder = group.holder or chain.holder
        if _ZOMBIE in target.note:
            described.first = f"{target.note.rpartition(_ZOMBIE)[2]}: "
        return described
    return None


def _chain(way: Way, root: Root, target: Target) -> Chain:
    thing = target.reference()
    if thing is None:
        raise LookupError("it has been freed")
    objects, root = at_home(follow(way, root, thing), root)
    return describe(objects, root, end_of(target))


def _join(retained: list[Found], described: Found, also: Counter[str]) -> None:
    described.also = also
    for other in retained:
        if (other.app, other.kind, other.chain.shape()) == (described.app, described.kind, described.chain.shape()):
            other.count += described.count
            other.age_seconds = max(other.age_seconds, described.age_seconds)
            other.also += also
            if len(described.chain.path) < len(other.chain.path):
                other.chain = described.chain
            return
    retained.append(described)
