"""A sample: one moment of the process in plain floats, as far as a verdict needs it.

What is read is the table in ``fields``. A number that is missing is None, never 0, and gives no verdict.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from ...catalogue import BY_NAME
from ...state.numbers import Numbers
from ..harm.trouble import ROWS as TROUBLE_ROWS
from ..harm.trouble import Trouble, trouble_of
from .fields import APP_SOURCES, SOURCES, AppSample, Process

#: Callbacks and classes that a sample names; those that weigh most.
NAMED = 8

Pair = tuple[str, str]
Labels = tuple[str, ...]
Key = TypeVar("Key", bound=Hashable)

_SWITCHES = "bokeh_server_config_info"
_BUILT = "bokeh_models_created_total"
_ORPHANS = "bokeh_models_orphaned"
_HOLDERS = "bokeh_shared_entries"
_APPS = ("bokeh_sessions", "bokeh_sessions_created_total")
_CALLBACKS = ("bokeh_callback_calls_total", "bokeh_callback_busy_seconds_total", "bokeh_callback_net_blocks")
_APP_ROWS = frozenset(row for row, _ in APP_SOURCES.values())
#: Every row that a sample reads.
ROWS = _APP_ROWS | {row for row, _ in SOURCES.values()} | {_SWITCHES, _HOLDERS, *_CALLBACKS, *_APPS} | TROUBLE_ROWS


class Callback(NamedTuple):
    """The numbers of one callback since the start of the process."""

    calls: float = 0.0
    busy: float = 0.0
    net_blocks: float | None = None


class Sample(NamedTuple):
    """One moment."""

    process: Process
    apps: Mapping[str, AppSample] = {}
    #: Switches that are on: autoreload, warm, reuse_sessions, admin, profiler.
    switches: frozenset[str] = frozenset()
    #: (app, callback) -> its numbers, of those that kept their thread longest or kept most blocks.
    callbacks: Mapping[Pair, Callback] = {}
    #: (app, class) -> models constructed by updates, ever, of the classes with most.
    built: Mapping[Pair, float] = {}
    #: Class -> models alive in no document, of the classes with most.
    orphans: Mapping[str, float] = {}
    #: What all sessions share -> its entries, where they have become more.
    holders: Mapping[str, float] = {}
    #: What harms users and is not memory.
    trouble: Trouble | None = None

    @property
    def time(self) -> float:
        """Unix time."""
        return self.process.time


def sample_of(numbers: Numbers, time: float) -> Sample:
    """Build the sample of a moment from its numbers (``state.numbers``)."""
    apps = sorted({labels[0] for row in _APPS for labels in numbers.get(row, {})})
    by_app = _by_app(numbers)
    return Sample(
        Process(time, **{name: _sum(numbers.get(row, {}), wanted) for name, (row, wanted) in SOURCES.items()}),
        {app: _app_sample(by_app.get(app, {})) for app in apps},
        frozenset(_switches(numbers)),
        _callbacks(numbers),
        _heaviest({(app, name): n for (app, name, phase), n in numbers.get(_BUILT, {}).items() if phase == "update"}),
        _heaviest({name: number for (name,), number in numbers.get(_ORPHANS, {}).items()}),
        {holder: number for (holder,), number in numbers.get(_HOLDERS, {}).items()},
        trouble_of(numbers),
    )


def sum_of(numbers: Numbers, time: float) -> Sample:
    """Build a sample of a moment that has all apps as one, with the sum of each number, and names nothing."""
    summed: dict[str, dict[Labels, float]] = {}
    for row in _APP_ROWS:
        if row in numbers:
            into = summed[row] = {}
            for labels, value in numbers[row].items():
                into[labels[1:]] = into.get(labels[1:], 0.0) + value
    process = {name: _sum(numbers.get(row, {}), wanted) for name, (row, wanted) in SOURCES.items()}
    return Sample(Process(time, **process), {"": _app_sample(summed)} if summed else {})


def _by_app(numbers: Numbers) -> Mapping[str, Numbers]:
    """Return the rows of each app, sorted once: to look through all apps for each of them takes 80 ms with twenty."""
    found: dict[str, dict[str, dict[Labels, float]]] = {}
    for row in _APP_ROWS:
        for (app, *rest), value in numbers.get(row, {}).items():
            found.setdefault(app, {}).setdefault(row, {})[tuple(rest)] = value
    return found


def _app_sample(numbers: Numbers) -> AppSample:
    return AppSample(**{name: _sum(numbers.get(row, {}), wanted) for name, (row, wanted) in APP_SOURCES.items()})


def _sum(numbers: Mapping[Labels, float], wanted: tuple[str | None, ...]) -> float | None:
    if None not in wanted:
        return numbers.get(wanted)  # type: ignore[arg-type]
    values = [
        value
        for labels, value in numbers.items()
        if all(want is None or want == label for want, label in zip(wanted, labels, strict=True))
    ]
    return sum(values) if values else None


def _switches(numbers: Numbers) -> Iterable[str]:
    for labels in numbers.get(_SWITCHES, {}):
        for name, value in zip(BY_NAME[_SWITCHES].label_names, labels, strict=True):
            if value == "true":
                yield name


def _callbacks(numbers: Numbers) -> Mapping[Pair, Callback]:
    calls, busy, blocks = ({(a, n): v for (a, n), v in numbers.get(row, {}).items()} for row in _CALLBACKS)
    return {
        key: Callback(calls.get(key, 0.0), busy.get(key, 0.0), blocks.get(key))
        for key in {**_heaviest(busy), **_heaviest(blocks)}
    }


def _heaviest(values: Mapping[Key, float]) -> dict[Key, float]:
    kept = sorted((item for item in values.items() if item[1]), key=lambda item: -item[1])[:NAMED]
    return dict(kept)
