"""Live Panel components and other param objects by class, counted as they are made and freed.

Each object costs a weak reference (1.5 us against the 50 us and more that its constructor takes, and
some 150 bytes while it lives). Its callback, which runs inside the garbage collector, appends to a
deque, and no more. The heap is never walked. Bare class names: an app's script defines its classes
anew for each visit, and all of them are one row.
"""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, ClassVar

from ... import config as options
from ...catalogue import OTHER
from ...state import Level
from ..apps import App
from ..frame import Frame, Observer

#: Class names that are told apart; a program has some hundreds.
CAP = 1000


class _Live(weakref.ref):  # type: ignore[type-arg]
    """A weak reference that knows the row and the place of its object when that is gone."""

    __slots__ = ("place", "row")
    place: int
    row: str


class Components(Observer):
    """A source of growth: counts of live param objects, Panel's components among them."""

    name: ClassVar[str] = "components"
    level: ClassVar[options.Level] = "update"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: By the object's address: a weak reference itself compares and hashes as its object does.
        self._references: dict[int, _Live] = {}
        self._made: deque[str] = deque()
        self._freed: deque[_Live] = deque()
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self.state.memory.growth.register("param", self.counts)

    def refresh(self) -> None:
        """Hook into param's constructor once the app has imported it."""
        module = sys.modules.get("param.parameterized")
        if module is not None and "param.Parameterized.__init__" not in self.patches.enabled:
            self.hook.replace(
                module.Parameterized, "__init__", self._making, "self", hook="param.Parameterized.__init__"
            )

    def stop(self) -> None:
        """Forget all of them; what is freed from now on tells nobody."""
        self._references.clear()

    def _making(self, original: Callable[..., None]) -> Callable[..., None]:
        patches, overhead, swallow = self.patches, self.state.overhead, self.hook.swallow
        references, freed, made = self._references, self._freed.append, self._made.append

        @functools.wraps(original)
        def __init__(component: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it stands in for one
            if patches.on:
                start = perf_counter()
                try:
                    place = id(component)
                    known = references.get(place)
                    # Else a class calls the constructor of each of its bases.
                    if known is None or known() is not component:
                        live = references[place] = _Live(component, freed)
                        live.place, live.row = place, type(component).__name__
                        made(live.row)
                except Exception as ours:
                    swallow(ours)
                overhead[0] += perf_counter() - start
            original(component, *args, **kwargs)

        return __init__

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Count what came and went, so that it does not pile up."""
        self._settle()
        return ()

    def counts(self) -> Mapping[str, int]:
        """Return the live objects by class name, those made before the hook left out."""
        self._settle()
        return {name: count for name, count in list(self._counts.items()) if count}

    def _settle(self) -> None:
        with self._lock:
            freed = [self._freed.popleft() for _ in range(len(self._freed))]
            made = [self._made.popleft() for _ in range(len(self._made))]
            for live in freed:
                if self._references.get(live.place) is live:  # else its place was taken already
                    del self._references[live.place]
            self._add(Counter([live.row for live in freed]), -1)
            self._add(Counter(made), 1)

    def _add(self, changes: Mapping[str, int], sign: int) -> None:
        counts = self._counts
        for name, number in changes.items():
            row = name if name in counts or len(counts) < CAP else OTHER
            counts[row] = counts.get(row, 0) + sign * number
