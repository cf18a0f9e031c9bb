"""Composition of what an operator has beside the endpoint: the local socket, the flight recorder, renewed secrets.

All of it is looked at by the watcher, so it goes on while the event loop is blocked; what is missing is logged in one
line, and the app runs on.
"""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import config as options
from ._version import __version__
from .config import Config
from .control.flight import FlightRecorder, Life, last_life
from .diagnose.verdicts.monitor import Monitor
from .expose.http import Endpoint, Route
from .expose.listening import Renewal
from .expose.local import LocalSocket
from .observe.frame import Frame
from .observe.loop.loops import Loops
from .observe.loop.stacks import stack_of
from .observe.memory.cgroups import Cgroups
from .state.numbers import of_state

log = logging.getLogger("bokeh_exporter")

#: Seconds between two samples of the recorder, and between two summaries.
_SAMPLE, _SUMMARY = 5.0, 60.0
_BUSY = "bokeh_callback_busy_seconds_total"
_CALLBACKS = 5
_EVIDENCE = 4
_FRAMES = 12
#: What the status has of a container that has grown.
_SHOWN = ("root", "text", "count", "retained_bytes", "since", "change_bytes", "change_since", "whose_text", "remedy")
_OOM = "bokeh_cgroup_memory_events_total"


class Operating:
    """What an operator has of one exporter."""

    def __init__(self, config: Config, frame: Frame) -> None:
        self._options, self._frame = config, frame
        self._local: LocalSocket | None = None
        self._renewal: Renewal | None = None
        self._recorder: FlightRecorder | None = None
        #: How the process before this one ended, where a recorder says so.
        self.last_life: Life | None = None
        self._monitor: Monitor | None = None
        self._problems: Callable[[], list[str]] = list
        self._visitors: Callable[[], int] = int
        self._sampled = self._summed = 0.0
        self._stalled = False
        self._verdict = ""
        #: App -> who holds its retained sessions, as last reported.
        self._holders: dict[str, str] = {}
        self._grown: list[Mapping[str, object]] = []

    def record(self, monitor: Monitor, problems: Callable[[], list[str]], visitors: Callable[[], int]) -> None:
        """Start recording, if configured, and report how the last life ended."""
        self._monitor, self._problems, self._visitors = monitor, problems, visitors
        if self._options.flight_recorder is None:
            return
        try:
            self._recorder = recorder = FlightRecorder(self._options.flight_recorder)
        except (OSError, ImportError, ValueError) as error:
            log.warning(
                "bokeh_exporter records no flight: %s; set %s to a folder that exists and that this user may write",
                error, options.variable("flight_recorder"),
            )  # fmt: skip
            return
        self.last_life = life = last_life(recorder.before, self._memory().get("oom_kills"), time.time())
        recorder.before = []
        recorder.write("start", pid=os.getpid(), version=__version__)
        atexit.register(recorder.close)
        if life is not None:
            log.log(logging.INFO if life.how == "clean" else logging.WARNING, "%s", life.text)

    def open(self, routes: Callable[[], Mapping[tuple[str, str], Route]]) -> None:
        """Open the local socket, if that is wanted."""
        if not self._options.local_debug:
            return
        try:
            self._local = LocalSocket(routes, lambda error: self._frame.state.swallow("local", error))
        except OSError as error:
            log.info("no local socket: %s; debugging needs %s here", error, options.variable("debug"))

    def renews(self, endpoint: Endpoint) -> None:
        """Read the endpoint's token and certificate again when their files change."""
        self._renewal = Renewal(self._options, endpoint)

    def held(self, app: str, text: str) -> None:
        """Hear who holds an app's retained sessions."""
        self._holders[app] = text

    def grew(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Hear which containers have grown between two searches."""
        self._grown = [{key: row[key] for key in _SHOWN} for row in rows]

    def grown(self) -> list[Mapping[str, object]]:
        """Return the containers that had grown between the last two searches, as ``/debug/explain`` has them."""
        return self._grown

    def holders(self) -> dict[str, str]:
        """Return who holds retained sessions, as it was reported last, by app."""
        return dict(self._holders)

    def look(self) -> None:
        """Called a few times a second, in the watcher's thread."""
        if self._local is not None:
            self._local.look()
        if self._renewal is not None:
            self._renewal.look()
        if self._recorder is not None and self._monitor is not None:
            self._write(self._recorder, self._monitor, time.monotonic())

    def close(self) -> None:
        """Close the socket and end the recording in order. Idempotent."""
        if self._local is not None:
            self._local.close()
        if self._recorder is not None:
            atexit.unregister(self._recorder.close)
            self._recorder.close()

    def after_fork(self) -> None:
        """In a forked child: what was open is the parent's."""
        if self._local is not None:
            self._local.abandon()
        if self._recorder is not None:
            atexit.unregister(self._recorder.close)
            self._recorder.abandon()
        self._local = self._recorder = self._renewal = None

    # --- what is recorded ------------------------------------------------------------------------

    def _write(self, recorder: FlightRecorder, monitor: Monitor, now: float) -> None:
        problems = self._problems()
        if problems and not self._stalled:
            sites = self._frame.find(Loops).sites()
            # The innermost frames are the last, and the recorder keeps so many lines.
            stack = [line for site in sites for line in stack_of(site.thread, _FRAMES)]
            recorder.write("stall", why=problems, stack=stack[-_FRAMES:])
        self._stalled = bool(problems)
        name = monitor.judgement.name
        if now - self._summed >= _SUMMARY or name != self._verdict:
            self._summed, self._verdict = now, name
            recorder.write("summary", **self._summary(monitor))
        if now - self._sampled >= _SAMPLE:
            self._sampled = now
            recorder.write("sample", verdict=name, sessions=self._visitors(), **self._memory())

    def _summary(self, monitor: Monitor) -> dict[str, Any]:
        judgement = monitor.judgement
        busy = of_state(self._frame.state, (), frozenset({_BUSY})).get(_BUSY, {})
        top = sorted(busy.items(), key=lambda item: -item[1])[:_CALLBACKS]
        return {
            "verdict": judgement.name,
            "others": judgement.others,
            "evidence": [one.text for one in judgement.evidence[:_EVIDENCE]],
            "advice": judgement.advice,
            "holders": list(self._holders.values()),
            "callbacks": [{"app": app, "callback": name, "busy_seconds": round(s, 3)} for (app, name), s in top],
        }

    def _memory(self) -> dict[str, Any]:
        cgroups = self._frame.find(Cgroups)
        levels = list(cgroups.collect())
        kills = sum(one.value for one in levels if one.name == _OOM and one.labels[-1:] == ("oom_kill",))
        limited = any(one.name == "bokeh_cgroup_memory_limit_bytes" for one in levels)
        return {
            "share": cgroups.share(),
            "share_of": "the limit" if limited else "the machine's memory",
            "rss_bytes": self._frame.state.memory.split().get("rss"),
            **({"oom_kills": kills} if any(one.name == _OOM for one in levels) else {}),
        }
