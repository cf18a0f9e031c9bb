"""The rebuild ledger as a log: one line per interaction, as text or JSON, on a logger of its own."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from ..config import Config
from ..state import State
from ..state.ledger.text import libraries as _libraries
from ..state.ledger.text import names as _names
from ..state.ledger.text import ran, size, took
from ..state.notices import REBUILT
from ..state.records import Record
from .live.feed import Feed

log = logging.getLogger("bokeh_exporter.elements")

#: Seconds between two lines on what is not listed.
_SUMMARY = 60.0
#: A part of an interaction that is smaller is left out of its line.
_SHARE = 0.1


class ElementsWriter:
    """Writes the interactions that are over.

    Args:
        state: where the records are.
        config: says in which form, if at all.
        feed: is given each as well.
    """

    def __init__(self, state: State, config: Config, feed: Feed) -> None:
        self._elements, self._form, self._notices = state.elements, config.elements_log, state.notices
        self._feed, self._quiet_too = feed, config.show_quiet
        #: App -> how many quiet ones have been logged, and when that was.
        self._logged: dict[str, int] = {}
        self._summed = monotonic()

    def look(self) -> None:
        """Write what has ended since the last look. Called a few times a second, off the app's threads."""
        if not self._elements.on:
            return
        self._feed.look()
        for record in self._elements.finished():
            if self._feed.heard:
                self._feed.publish(record.as_json())
            if record.quiet and not self._quiet_too:
                continue  # such as document_ready, a throttled twin, or what Panel asks of the browser
            if self._notices.on:
                self._emit(record)
            if self._form != "off" and log.isEnabledFor(logging.INFO):
                content = record.as_json()
                log.info("%s", json.dumps(content) if self._form == "json" else line(content))
        if not self._quiet_too and self._form == "text" and monotonic() - self._summed >= _SUMMARY:
            self._summed = monotonic()
            self._sum()

    def _sum(self) -> None:
        """Say of how many interactions there is no line."""
        for app, count in list(self._elements.quiet.items()):
            new, self._logged[app] = count - self._logged.get(app, 0), count
            if new:
                log.info("%s: %d interactions in which nothing ran, show_quiet=1 lists them", app, new)

    def _emit(self, record: Record) -> None:
        """Emit events for the classes of elements that an interaction rebuilt."""
        one = record.interaction
        for element, count in (record.library("panel") or {}).get("rebuilt", {}).items():
            who = {"bokeh.app": one.app, "bokeh.interaction.kind": one.kind}
            self._notices.emit(REBUILT, {**who, "bokeh.element": element, "bokeh.element.count": count})


def line(record: Mapping[str, Any]) -> str:
    """Return an interaction in one line.

    >>> line(...)  # doctest: +SKIP
    "/app IntSlider 'n' (app.py:12) 3 -> 4: view() 38 ms, rebuilt Column, Tabulator; 18 models created, 18 removed, ..."
    """
    models = record["models"]
    numbers = [f"{sum(models[what].values())} {what}" for what in ("created", "removed", "reused")]
    numbers[0] = numbers[0].replace(" ", " models ", 1)
    numbers += [f"{sum(models[what].values())} {what}" for what in ("added", "discarded") if models[what]]
    parts = [
        "; ".join([*ran(record["tree"]), *_libraries(record)]) or "nothing ran",
        ", ".join(numbers),
        *_unused(record["never_used"] or ()),
        *_not_in_page(record["results"], record["not_in_page"]),
        f"{took(record['seconds'])}{_parts(record)}, {_patches(record)}{size(record['bytes_sent'])} sent",
        *(each["text"] for each in record["advice"]),
    ]
    return f"{_who(record)}: {'; '.join(parts)}"


def _who(record: Mapping[str, Any]) -> str:
    cause = record["cause"]
    if cause["property"] is None:
        return f"{record['app']} {record['kind']}"
    words = [record["app"], cause["widget"] or "document"]
    if cause["label"] is not None:
        words.append(repr(cause["label"]))
    if cause["file"] is not None:
        words.append(f"({cause['file']}:{cause['line']})")
    if cause["property"] not in ("value", "active"):
        words.append(cause["property"])
    if cause["old"] is not None or cause["new"] is not None:
        words.append(f"{cause['old']} -> {cause['new']}")
    return " ".join(words)


def _unused(unused: Iterable[Mapping[str, Any]]) -> list[str]:
    sites = _sites(unused)
    return [f"never used: {_names(sites)}"] if sites else []


def _not_in_page(results: int, missing: Sequence[Mapping[str, Any]]) -> list[str]:
    are = "is" if len(missing) == 1 else "are"
    return [f"{len(missing)} of {results} results {are} not in the page: {_names(_sites(missing))}"] if missing else []


def _sites(elements: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    return Counter(f"{each['element']} ({each['file']}:{each['line']})" for each in elements)


def _parts(record: Mapping[str, Any]) -> str:
    """Say where most of the time went: the parts from a tenth of it on, the largest first."""
    parts = sorted(record["parts"].items(), key=lambda part: -part[1])
    large = [f"{name} {took(part)}" for name, part in parts if part >= max(_SHARE * record["seconds"], 0.001)]
    return f" ({', '.join(large)})" if large else ""


def _patches(record: Mapping[str, Any]) -> str:
    count = record["patches"]
    return f"{count} patch{'es' if count != 1 else ''}, " if count else ""
