"""What each function of the user's built in an interaction: functions by who called them, and below them elements.

An element is what a line of the user's makes. Models that a library makes on the way belong to the element of the same
line, or to the element whose method the line calls: so ``p = figure()`` and ``p.line()`` are one, with 35 models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from .changes import Change, Changes
from .recomputes import Recomputes
from .runs import Runs
from .source_names import bare_file, place_of, variable_at

_ELEMENTS, _FUNCTIONS, _MODELS = 300, 100, 20_000
#: Constructors of one element that may be inside of a later one.
_NESTED = 30


class Site(NamedTuple):
    """Which line makes something: ``direct`` if it calls the constructor; else ``owner`` is whose method it calls."""

    path: str | None
    line: int | None
    direct: bool
    owner: str | None


class _Key(NamedTuple):
    function: str | None
    library: str
    cls: str
    path: str | None
    line: int | None


class _Element:
    __slots__ = ("count", "how", "inside", "models", "recent", "seconds")

    def __init__(self) -> None:
        self.count, self.models, self.seconds = 0, 0, 0.0
        self.how, self.inside = "constructed", ""
        self.recent: list[tuple[float, float]] = []

    def took(self, begin: float, end: float) -> None:
        """Add the time of a constructor, less those inside of it, which ended before."""
        while self.recent and self.recent[-1][0] >= begin:
            inner = self.recent.pop()
            self.seconds -= inner[1] - inner[0]
        self.seconds += end - begin
        self.recent = [*self.recent[-_NESTED:], (begin, end)]


class Tree:
    """Functions and elements of one interaction. Text and numbers."""

    def __init__(self) -> None:
        #: Caller and function -> calls, seconds, busy seconds, errors; in the order in which they ended.
        self.functions: dict[tuple[str | None, str], list[float]] = {}
        self._elements: dict[_Key, _Element] = {}
        #: Id of a model -> the element that it is.
        self._owners: dict[str, _Key] = {}
        #: Function, path and line -> its element, or models that wait for it.
        self._at: dict[tuple[str | None, str | None, int | None], _Key] = {}
        self._waiting: dict[tuple[str | None, str | None, int | None], list[tuple[float, float]]] = {}
        self.recomputes, self.changes, self.runs = Recomputes(), Changes(), Runs()
        #: When models were constructed.
        self._times: list[float] = []

    # --- what is noted ---------------------------------------------------------------------------

    def ran(self, caller: str | None, name: str, calls: int, seconds: float, busy: float, failed: bool) -> None:
        """Count a call of a function."""
        row = self.functions.get((caller, name))
        if row is None:
            if len(self.functions) >= _FUNCTIONS:
                return
            row = self.functions[caller, name] = [0, 0.0, 0.0, 0]
        for index, value in enumerate((calls, seconds, busy, failed)):
            row[index] += value

    def _element(self, key: _Key) -> _Element | None:
        found = self._elements.get(key)
        if found is None and len(self._elements) < _ELEMENTS:
            found = self._elements[key] = _Element()
        return found

    def model(self, function: str | None, model: str, cls: str, site: Site, begin: float, end: float) -> None:
        """Count a model of Bokeh's for the element that it belongs to."""
        if len(self._times) < _MODELS:
            self._times.append(begin)
        at = (function, site.path, site.line)
        if site.direct:
            key = _Key(function, "bokeh", cls, site.path, site.line)
            element = self._element(key)
            if element is None:
                return
            element.count += 1
            self._owners[model] = self._at[at] = key
            for waited in self._waiting.pop(at, ()):
                element.models += 1
                element.took(*waited)
        else:
            owner = self._owners.get(site.owner or "") or self._at.get(at)
            if owner is None:
                self._waiting.setdefault(at, []).append((begin, end))
                return
            element = self._elements[owner]
        element.models += 1
        element.took(begin, end)

    def made(self, function: str | None, library: str, cls: str, path: str | None, line: int | None) -> None:
        """Count an element of another library."""
        element = self._element(_Key(function, library, cls, path, line))
        if element is not None:
            element.count += 1

    def changed(self, change: Change) -> None:
        """Note a change that is to be sent."""
        self.changes.note(change)

    def came(
        self, function: str | None, library: str, cls: str, path: str | None, line: int | None, model: str | None,
        how: str, inside: str, begin: float, end: float,
    ) -> None:  # fmt: skip
        """Note how an element came into the page: ``rebuilt``, ``in_place``, ``rendered`` or ``updated``.

        It is the one of the line that made it, where that is known, or the last one of its class.
        """
        key = self._owners.get(model or "") or _Key(function, library, cls, path, line)
        if key not in self._elements and path is None:
            alike = [each for each in self._elements if each[1:3] == (library, cls) and function in (None, each[0])]
            nobodys = key._replace(function=None)
            if alike:
                key = alike[-1]
            elif nobodys in self._elements:  # rendered inside of this, where its function was not known yet
                rendered = self._elements[key] = self._elements.pop(nobodys)
                rendered.seconds = 0.0
                self.changes.renamed(nobodys, key)
        element = self._element(key)
        if element is None:
            return
        self.changes.came(key, begin, end)
        element.count = max(element.count, 1)
        element.how, element.inside = how, inside
        element.models = max(element.models, sum(begin <= at <= end for at in self._times))
        element.seconds, element.recent = element.seconds + end - begin, []

    def settle(self) -> None:
        """Let go of what only serves to build it."""
        self.changes.find(self._owners, self._element_of)
        self._times, self._owners = [], {}
        for element in self._elements.values():
            element.recent = []

    def _element_of(self, change: Change) -> _Key | None:
        """Return the element that a change is of, by the line that made it, perhaps in an earlier interaction."""
        if change.place is None:
            return None
        alike = [key for key in self._elements if key[1:] == change.place]
        mine = _Key(change.function, *change.place)
        return mine if mine in self._elements or not alike else alike[-1]

    # --- what readers ask ------------------------------------------------------------------------

    def as_json(self) -> list[dict[str, Any]]:
        """Return the functions that no other called, with those that they called and what they built below them.

        The first may have no name: that is the script, or a framework.
        """
        self.changes.find(self._owners, self._element_of)
        sent = self.changes.by_element(lambda key: self._elements[key].models if key in self._elements else 1)
        for key in sent:
            if isinstance(key, _Key) and (element := self._element(key)) is not None and not element.count:
                element.count, element.how = 1, "in_place"  # made earlier, and changed now
        return self._roots(sent)

    def _roots(self, sent: Mapping[Any, int]) -> list[dict[str, Any]]:
        names = dict.fromkeys([name for _, name in list(self.functions)])
        made_in = dict.fromkeys([key.function for key in list(self._elements)])
        roots = [(None, name) for caller, name in list(self.functions) if caller is None or caller not in names]
        roots += [(None, name) for name in made_in if name is not None and name not in names]
        first = [self._node(None, None, frozenset(), sent)] if None in made_in else []
        return first + [self._node(caller, name, frozenset(), sent) for caller, name in dict.fromkeys(roots)]

    def _node(
        self, caller: str | None, name: str | None, above: frozenset[str], sent: Mapping[Any, int]
    ) -> dict[str, Any]:  # fmt: skip
        known = {each for _, each in list(self.functions)}
        callers = [by if by in known else None for by, each in list(self.functions) if each == name]
        rows = [
            row for (by, each), row in list(self.functions.items())
            if each == name and (by if by in known else None) == caller
        ]  # fmt: skip
        calls, seconds, busy, errors = (sum(column) for column in zip((0, 0.0, 0.0, 0), *rows, strict=True))
        place = place_of(name)
        below = above | {name} if name is not None else above
        called = [each for by, each in list(self.functions) if by == name and by is not None and each not in below]
        # Of a function that runs twice, for two callers, elements are listed once.
        once = None if None in callers or not callers else callers[0]
        waiting = [len(models) for at, models in list(self._waiting.items()) if at[0] == name]
        return {
            "name": name,
            "file": place.file if place is not None else None,
            "line": place.line if place is not None else None,
            "calls": int(calls), "seconds": seconds, "busy_seconds": busy, "errors": int(errors),
            # What it built outside of any element, such as a renderer for a plot that was there.
            "models": sum(waiting),
            "bytes": sent.get(name, 0) if caller == once else 0,
            "elements": [
                {**_element(key, one), "bytes": sent.get(key, 0)} for key, one in list(self._elements.items())
                if key.function == name and caller == once
            ],
            "functions": [self._node(name, each, below, sent) for each in dict.fromkeys(called)],
        }  # fmt: skip


def _element(key: _Key, element: _Element) -> dict[str, Any]:
    return {
        "library": key.library,
        "class": key.cls,
        "name": variable_at(key.path, key.line, key.cls),
        "file": bare_file(key.path) if key.path is not None else None,
        "line": key.line,
        "how": element.how,
        "inside": element.inside or None,
        "count": element.count,
        "models": element.models,
        "seconds": element.seconds,
    }


def bytes_of(nodes: Iterable[Mapping[str, Any]]) -> int:
    """Return what the edges of a tree add up to: of its elements, and what functions sent outside of any."""
    return sum(
        node["bytes"] + sum(each["bytes"] for each in node["elements"]) + bytes_of(node["functions"]) for node in nodes
    )


def by_class(classes: Collection[str]) -> dict[str, int]:
    """Count models by class."""
    return dict(Counter(classes)) if classes else {}


def named(built: tuple[str, str, str | None, int | None]) -> dict[str, Any]:
    """Return what was constructed with the names of its parts."""
    return dict(zip(("library", "element", "file", "line"), built, strict=True))
