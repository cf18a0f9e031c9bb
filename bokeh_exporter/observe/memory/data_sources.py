"""Bytes in the data sources of live sessions: opt-in, since every column of every source is looked at.

Walked on the loop, a few milliseconds in each sample, and a document only while its lock is free: then no
callback changes it. Arrays count once, however many sources and sessions share them, views as the
array they look into. Lists are estimated from ten of their elements.
"""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from ... import config as options
from ...state import Level
from ...state.safe_looks import in_c, is_a, type_module
from ..apps import App
from ..frame import Frame, Observer
from ..hosts.bokeh_documents import models_of
from ..hosts.bokeh_models import is_data_source
from ..hosts.bokeh_sessions import document_of, lock_is_free, sessions_of

#: Seconds that one sample may take for this.
SLICE = 0.002
#: Elements of a list that stand for the rest, and how deep lists in lists are looked into.
_SAMPLE, _DEPTH = 10, 3
#: Values whose size Python knows without asking code of the user's.
_PLAIN = (int, float, complex, bool, str, bytes, bytearray, type(None))


class DataSources(Observer):
    """Size of the columns of live ``ColumnDataSource`` models."""

    name: ClassVar[str] = "data_sources"
    level: ClassVar[options.CollectLevel] = "all"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: One walk for each loop, by the id of its first context: a walk is of that loop's sessions alone.
        self._walks: dict[int, Iterator[None]] = {}
        self._totals: dict[str, float] = {}
        #: What a session had when its document was last free.
        self._known: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Continue the walk, and report what the last finished one found."""
        if contexts:
            key = id(contexts[0][0])
            walk = self._walks.get(key) or self._walk(contexts)
            self._walks[key] = walk
            until = time.perf_counter() + SLICE
            for _ in walk:
                if time.perf_counter() > until:
                    break
            else:
                del self._walks[key]
        for _, app in contexts:
            yield Level("bokeh_data_source_size_bytes", self._totals.get(app.label, 0.0), (app.label,))

    def _walk(self, contexts: Sequence[tuple[Any, App]]) -> Iterator[None]:
        """Walk the sessions once, a step for each column. Holds none of them between two steps."""
        waiting = [(weakref.ref(session), app.label) for context, app in contexts for session in _sessions(context)]
        totals = {app.label: 0.0 for _, app in contexts}
        del contexts
        seen: set[int] = set()
        for reference, label in waiting:
            sources = [weakref.ref(source) for source in self._sources(reference())]
            size = 0.0
            for source in sources:
                for name in _columns(source()):
                    if not _is_free(reference()):
                        break
                    size += _size(_column(source(), name), seen)
                    yield
            session = reference()
            if session is not None:
                if _is_free(session):
                    self._known[session] = size
                totals[label] += self._known.get(session, size)
            del session
            yield
        self._totals = {**self._totals, **totals}

    def _sources(self, session: Any) -> list[Any]:
        if not _is_free(session):
            return []
        document = document_of(session)
        return [] if document is None else [model for model in models_of(document) if is_data_source(model)]


def bytes_in(sources: Iterable[Any]) -> int:
    """Return the bytes in the columns of some sources; arrays that they share count once. On the loop."""
    seen: set[int] = set()
    return int(sum(_size(_column(source, name), seen) for source in sources for name in _columns(source)))


def _sessions(context: Any) -> list[Any]:
    return [session for session in sessions_of(context) if not session.destroyed]


def _is_free(session: Any) -> bool:
    """Whether nobody holds the document's lock."""
    return session is not None and not session.destroyed and lock_is_free(session)


def _columns(source: Any) -> list[str]:
    return [] if source is None else list(source.data)


def _column(source: Any, name: str) -> Any:
    return None if source is None else source.data.get(name)


def _size(value: Any, seen: set[int], depth: int = 0) -> float:
    """Return the bytes of a column. ``seen`` holds the ids of the arrays that have been counted."""
    if type(value) in _PLAIN:
        return sys.getsizeof(value)
    if is_a(value, list, tuple):
        if id(value) in seen:
            return 0.0
        seen.add(id(value))
        kind: Any = list if is_a(value, list) else tuple
        own, length = kind.__sizeof__(value), kind.__len__(value)
        if not length or depth >= _DEPTH:
            return float(own)
        sample = kind.__getitem__(value, slice(None, None, max(1, length // _SAMPLE)))[:_SAMPLE]
        return float(own + length * sum(_size(each, seen, depth + 1) for each in sample) / len(sample))
    if (type_module(type(value)) or "").startswith("pandas."):
        value = getattr(value, "values", value)  # of a Series, its array
    size = in_c(value, "nbytes")
    if not isinstance(size, int):
        return 0.0
    owner = value
    while (base := in_c(owner, "base")) is not None:
        owner = base
    if id(owner) in seen:
        return 0.0
    seen.add(id(owner))
    whole = in_c(owner, "nbytes")
    return float(whole if isinstance(whole, int) else size)
