"""Collection rules: which evidence is gathered by itself, when, and where it goes. One table, read from a file.

A rule watches verdicts or numbers. When what it watches has held for its time it gathers, at most so often an hour.
This module decides; it gathers nothing itself. What the exporter does unasked is two rules of the same table.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..catalogue import BY_NAME, VERDICTS
from ..config import ConfigError
from ..state.numbers import Numbers

GATHERS = ("explain", "capture", "stacks", "census", "bundle")
#: What a rule's file may send to besides `folder:PATH` and an address.
PLACES = ("log", "otlp")
FOLDER, WEB = "folder:", ("http://", "https://")

_HOUR = 3600.0
#: Runs of one rule in an hour at most, whatever its file says: each may block the app for a moment.
_MOST = 60
_KEYS = {"name", "verdict", "metric", "labels", "above", "below", "for", "gather", "to", "most_per_hour"}


@dataclass(frozen=True)
class Condition:
    """A number of the catalogue that is above, or below, a value. With several series one is enough."""

    metric: str
    labels: Mapping[str, str]
    above: float | None = None
    below: float | None = None

    def holds(self, numbers: Numbers) -> set[str]:
        """Return the apps of which it holds, an empty name for a number of the whole process."""
        names = BY_NAME[self.metric].label_names
        found = set()
        for values, number in numbers.get(self.metric, {}).items():
            labels = dict(zip(names, values, strict=True))
            wanted = all(labels.get(name) == value for name, value in self.labels.items())
            over = self.above is None or number > self.above
            if wanted and over and (self.below is None or number < self.below):
                found.add(labels.get("app", ""))
        return found


@dataclass(frozen=True)
class Rule:
    """One row of the table. ``seconds`` is how long it must have held."""

    name: str
    gathers: tuple[str, ...]
    to: tuple[str, ...]
    verdicts: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    seconds: float = 0.0
    most_per_hour: int = 1
    #: Whether each app is counted by itself, and named to what gathers.
    by_app: bool = False

    def holds(self, verdicts: Collection[str], numbers: Numbers) -> set[str]:
        """Return of whom it holds now: apps, or an empty name."""
        found = {""} if set(self.verdicts) & set(verdicts) else set()
        for condition in self.conditions:
            apps = condition.holds(numbers)
            found |= apps if self.by_app else {""} if apps else set()
        return found


#: Who holds what an app retains. One Document may stay for good, and has some models with it.
RETAINED = Rule(
    "retained", ("explain",), ("log", "otlp"), by_app=True,
    conditions=(
        Condition("bokeh_sessions_uncollected", {"state": "retained"}, above=1),
        Condition("bokeh_models_uncollected", {"state": "retained"}, above=19),
    ),
)  # fmt: skip
#: Which lines allocate what grows.
GROWTH = Rule("growth", ("capture",), ("log",), verdicts=("session_growth", "process_growth"))


class Rules:
    """The table, and since when each row holds. Looked at from one thread; what did not run is said from any."""

    def __init__(self, rules: Iterable[Rule], clock: Callable[[], float] = time.monotonic) -> None:
        self._rules, self._clock = tuple(rules), clock
        self._since: dict[tuple[str, str], float] = {}
        self._ran: dict[tuple[str, str], deque[float]] = {}
        self._not_run: deque[tuple[str, str]] = deque()

    def __bool__(self) -> bool:
        return bool(self._rules)

    @property
    def metrics(self) -> frozenset[str]:
        """The numbers that they watch."""
        return frozenset(each.metric for rule in self._rules for each in rule.conditions)

    def did_not_run(self, rule: Rule, subjects: Iterable[str]) -> None:
        """Hear that a rule found another search running: it is due again at the next look."""
        self._not_run.extend((rule.name, each) for each in subjects)

    def due(self, verdicts: Collection[str], numbers: Numbers) -> list[tuple[Rule, frozenset[str]]]:
        """Return the rules that are to gather now, with the apps that it is about; they count as run."""
        now, found = self._clock(), []
        while self._not_run:
            self._ran[self._not_run.popleft()].pop()
        for rule in self._rules:
            holding = rule.holds(verdicts, numbers)
            for key in [key for key in self._since if key[0] == rule.name and key[1] not in holding]:
                del self._since[key]
            ready = {each for each in holding if self._ready(rule, each, now)}
            if ready:
                found.append((rule, frozenset(ready)))
        return found

    def _ready(self, rule: Rule, subject: str, now: float) -> bool:
        key = (rule.name, subject)
        if now - self._since.setdefault(key, now) < rule.seconds:
            return False
        ran = self._ran.setdefault(key, deque(maxlen=_MOST))
        if sum(now - each < _HOUR for each in ran) >= rule.most_per_hour:
            return False
        ran.append(now)
        return True


# --- the file ------------------------------------------------------------------------------------------


def read(path: str) -> list[Rule]:
    """Read a file of rules: a JSON list of objects.

    Raises:
        ConfigError: it cannot be read, or a rule of it cannot be used; one line.
    """
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"collection rules: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"collection rules: {path} is not JSON: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"collection rules: {path} must be a list of objects")
    rules = [_rule(row, f"{path}: rule {row.get('name', number)}") for number, row in enumerate(rows, 1)]
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1 or name in (RETAINED.name, GROWTH.name):
            raise ConfigError(f"collection rules: {path}: the name {name!r} is taken")
    return rules


def _rule(row: Mapping[str, Any], where: str) -> Rule:
    def refuse(what: str) -> ConfigError:
        return ConfigError(f"collection rules: {where}: {what}")

    unknown = sorted(row.keys() - _KEYS)
    if unknown:
        raise refuse(f"the key {unknown[0]!r} is unknown; known are {', '.join(sorted(_KEYS))}")
    name = row.get("name")
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise refuse("name must be a word of letters, digits, - and _")
    verdicts, gathers, to = (_texts(row.get(key, ())) for key in ("verdict", "gather", "to"))
    if verdicts is None or not set(verdicts) <= set(VERDICTS):
        raise refuse(f"verdict must be among {', '.join(VERDICTS)}")
    if not gathers or not set(gathers) <= set(GATHERS):
        raise refuse(f"gather must be among {', '.join(GATHERS)}")
    if not to or not all(_is_place(each) for each in to):
        raise refuse(f"to must be among {', '.join(PLACES)}, folder:PATH, http://... and https://...")
    conditions = (_condition(row, refuse),) if "metric" in row else ()
    if not verdicts and not conditions:
        raise refuse("it needs a verdict or a metric to watch")
    seconds, most = row.get("for", 0), row.get("most_per_hour", 1)
    if not _is_number(seconds) or not 0 <= seconds <= 86400:
        raise refuse("for must be a number of seconds from 0 to 86400")
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= _MOST:
        raise refuse(f"most_per_hour must be a whole number from 1 to {_MOST}")
    return Rule(name, gathers, to, verdicts, conditions, float(seconds), most)


def _condition(row: Mapping[str, Any], refuse: Callable[[str], ConfigError]) -> Condition:
    metric, labels, above, below = (row.get(key) for key in ("metric", "labels", "above", "below"))
    labels = {} if labels is None else labels
    if not isinstance(metric, str) or metric not in BY_NAME or BY_NAME[metric].kind == "histogram":
        raise refuse(f"metric {str(metric)[:80]!r} is no gauge or counter of docs/metrics.md")
    if not isinstance(labels, dict) or not labels.keys() <= set(BY_NAME[metric].label_names):
        raise refuse(f"labels of {metric} are {', '.join(BY_NAME[metric].label_names) or 'none'}")
    if (above is None) == (below is None) or not _is_number(below if above is None else above):
        raise refuse("a metric needs above or below, a number")
    return Condition(metric, labels, above, below)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _texts(value: object) -> tuple[str, ...] | None:
    texts: Sequence[object] = (value,) if isinstance(value, str) else value if isinstance(value, (list, tuple)) else ()
    return tuple(str(each) for each in texts) if all(isinstance(each, str) for each in texts) else None


def _is_place(place: str) -> bool:
    if place.startswith(WEB):
        return bool(urlsplit(place).hostname)
    return place in PLACES or (place.startswith(FOLDER) and len(place) > len(FOLDER))
