"""The sweep that discards unused sessions, and the servers whose sweep it is.

The sweep is one coroutine per server that does not overlap with itself, so a session-destroyed hook
that hangs stops it for good: then the time of its last completion stands still. The configured
lifetime and interval come from the same objects.
"""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Iterable
from typing import Any, ClassVar

from ...state import Level
from ..apps import instances
from ..frame import Frame, Observer
from ..hosts.patches import Leave


def host_classes() -> list[type]:
    """Return the classes that hold applications and sweep them, as far as they are imported."""
    found: list[type] = []
    for module, name in (
        ("bokeh.server.tornado", "BokehTornado"),
        ("bokeh.server.core", "BokehServerCore"),
        ("bokeh_fastapi.application", "BokehFastAPI"),
    ):
        cls = getattr(sys.modules.get(module), name, None)
        if cls is not None:
            found.append(cls)
    return found


class Sweeps(Observer):
    """Duration and last completion of the sweep; lifetime and interval as configured."""

    name: ClassVar[str] = "sweeps"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._hosts: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()
        self._classes: set[type] = set()

    def refresh(self) -> None:
        """Hook into the server classes that are imported by now, and adopt the servers that exist."""
        for cls in host_classes():
            if cls in self._classes:
                continue
            self._classes.add(cls)
            self.hook.after(cls, "__init__", self._made, "self", "applications")
            self.hook.around(cls, "_cleanup_sessions", self._sweeping, "self")
            for host in instances(cls):
                self._hosts[host] = time.time()
                self._rebind(host)

    def stop(self) -> None:
        """Give running jobs the sweep without our wrapper, which would hold the exporter."""
        for host in list(self._hosts):
            self._rebind(host)

    def _made(self, host: Any, *rest: object, **named: object) -> None:
        self._hosts[host] = time.time()

    def _rebind(self, host: Any) -> None:
        # A running job holds the bound method it was made with; look it up again, through our wrapper.
        job = getattr(host, "_cleanup_job", None)
        if job is not None:
            job.callback = host._cleanup_sessions
        for job in getattr(host, "_jobs", ()):
            if getattr(job._func, "__name__", "") == "_cleanup_sessions":
                job._func = host._cleanup_sessions

    def _sweeping(self, host: Any) -> Leave:
        start = time.perf_counter()

        def leave(result: object, error: BaseException | None) -> None:
            if error is None:
                self.state.child("bokeh_session_cleanup_duration_seconds").observe(time.perf_counter() - start)
                self._hosts[host] = time.time()

        return leave

    def collect(self) -> Iterable[Level]:
        """Read the servers' settings and the times of their sweeps: plain attributes, so from any thread."""
        for host, completed in list(self._hosts.items()):
            yield Level("bokeh_session_cleanup_last_completed_timestamp_seconds", completed)
            yield Level(
                "bokeh_server_unused_session_lifetime_seconds", host._unused_session_lifetime_milliseconds / 1000
            )
            yield Level("bokeh_server_session_check_interval_seconds", host._check_unused_sessions_milliseconds / 1000)
