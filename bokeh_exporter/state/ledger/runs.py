"""Which functions ran several times in one interaction, and what caused each run: parameters, functions of the user's.

A function that depends on two parameters runs once for each of them where a watcher of the first changes the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from .source_names import bare_file, variable_at
from .text import bare, took

#: Advice from so many runs, and so many seconds for all but the first.
_TIMES, _SECONDS = 2, 0.01
#: Causes that are named.
_NAMED = 5


class Parameter(NamedTuple):
    """A parameter that has changed, and the line of the user's that made what has it. Text and numbers."""

    cls: str
    name: str
    path: str | None
    line: int | None
    #: What a user reads on it.
    label: str | None = None

    def __str__(self) -> str:
        if (variable := variable_at(self.path, self.line, self.cls)) is not None:
            return f"{variable}.{self.name}"
        of = f"{self.cls} {self.label!r}" if self.label else self.cls
        return f"{self.name} of {of}" + (f" ({bare_file(self.path)}:{self.line})" if self.path is not None else "")


#: Parameters that have changed together.
Trigger = tuple[Parameter, ...]

#: The interaction and what has changed in it, for what runs because of that. A task may copy it and never end.
triggered: ContextVar[tuple[int, Trigger]] = ContextVar("bokeh_exporter_triggered", default=(0, ()))


class Runs(dict["tuple[str, str | None, Trigger]", int]):
    """How often a function ran, by its caller and by what had changed."""

    def add(self, name: str, caller: str | None, trigger: Trigger, calls: int) -> None:
        """Count runs."""
        key = name, caller, trigger
        if calls and (key in self or len(self) < 200):
            self[key] = self.get(key, 0) + calls

    def advice(self, functions: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
        """Return a sentence for each function that ran several times.

        ``functions`` are by name: how often each was called, the seconds of all calls, and more.
        """
        found: dict[str, list[tuple[str | None, Trigger, int]]] = {}
        for (name, caller, trigger), calls in list(self.items()):
            found.setdefault(name, []).append((caller, trigger, calls))
        rows = []
        for name, causes in found.items():
            times = sum(calls for *_, calls in causes)
            seconds = functions[name][1] if name in functions else 0.0
            if times >= _TIMES and seconds * (times - 1) / times >= _SECONDS:
                text = f"{bare(name)}() ran {times} times, {took(seconds)}: {'; '.join(_causes(causes))}"
                rows.append({"function": name, "text": text, "outline": None})
        return rows


def _causes(causes: list[tuple[str | None, Trigger, int]]) -> list[str]:
    said = []
    for caller, trigger, calls in causes[:_NAMED]:
        times = f"{calls} times " if calls > 1 else ""
        changed = f"for {' and '.join(dict.fromkeys(map(str, trigger)))}" if trigger else "called"
        by = f"{', changed' if trigger else ''} by {bare(caller)}()" if caller is not None else ""
        said.append(f"{times}{changed if trigger or caller else 'for a cause that is not known'}{by}")
    return [*said, *(["..."] if len(causes) > _NAMED else [])]
