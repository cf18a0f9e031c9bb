"""Spans that are made after the fact: the hot path notes what and when, the watcher's thread makes the span.

Making and ending a sampled span takes 50 us and more of the user's samplers, processors and ids. So what hooks
begin is a stand-in, current in its context like any span. Whoever asks it for what only a span has, as a span of the
app's own does for its parent, makes it a span at once, begun when the stand-in was; all others become spans when
the state is drained, with the times that they had. A stand-in holds text, numbers and code, nothing that runs.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import time_ns
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext

from ...state.safe_looks import is_a

#: Ended ones that wait for their span, between two drains of which there are four a second.
_WAITING = 50_000
#: Seconds that are waited for another thread that makes a span; a fork may have left it behind.
_PATIENCE = 0.2


class Late(Span):  # type: ignore[misc]  # without OpenTelemetry it is Any
    """A span that is not made yet, and is the current one of its context until it is left.

    Args:
        queue: notified when it has ended.
        make: makes the span, given the time of its begin and its parent's span.
        outer: its parent, if that is a stand-in too.
        with_outer: whether it was begun with its parent and ends with it.
    """

    def __init__(
        self,
        queue: Queue,
        make: Callable[[int, Span | None], Span],
        outer: Late | None = None,
        with_outer: bool = False,
    ) -> None:
        self._queue, self._make, self._outer, self._with_outer = queue, make, outer, with_outer
        self._begun = time_ns()
        #: Whether it was left.
        self.over = False
        self._made: Span | None = None
        self._token: Any = contexts._RUNTIME_CONTEXT.attach(trace.set_span_in_context(self))

    # --- what hooks call -----------------------------------------------------------------------

    def resume(self) -> None:
        """Be current in this context."""
        self._token = contexts._RUNTIME_CONTEXT.attach(trace.set_span_in_context(self))

    def suspend(self) -> None:
        """Stop being current."""
        # Not the public detach, which logs a traceback where a generator is thrown away in another context.
        try:  # noqa: SIM105 - suppress() takes as long as all the rest
            contexts._RUNTIME_CONTEXT.detach(self._token)
        except ValueError:
            pass

    def leave(self, error: BaseException | None) -> None:
        """End. What has failed becomes a span here: a traceback must not wait, it holds the app's frames."""
        self.suspend()
        ended = time_ns()
        self.over = True
        if error is not None and is_a(error, Exception):
            self._queue.failed(self.span, error)
            if self._with_outer and self._outer is not None:
                self._queue.failed(self._outer.span, error)
        self._queue.ended.append((self, ended))

    # --- the span ------------------------------------------------------------------------------

    @property
    def span(self) -> Span:
        """The span, made now if it is not yet."""
        if self._made is None:
            outer = self._outer.span if self._outer is not None else None
            locked = self._queue.making.acquire(timeout=_PATIENCE)
            try:
                if self._made is None:
                    # What is in a trace that is not sampled needs no span of its own.
                    wanted = outer is None or outer.is_recording() or outer.get_span_context().trace_flags.sampled
                    self._made = self._make(self._begun, outer) if wanted else outer
            finally:
                if locked:
                    self._queue.making.release()
        return self._made

    def finish(self, ended: int) -> None:
        """Make the span if there is none, and end it."""
        span, outer = self.span, self._outer
        if outer is None or span is not outer.span:
            span.end(ended)
        # Contexts of tasks may keep this for ever: ids are enough.
        self._made = NonRecordingSpan(span.get_span_context())
        self._outer = None
        if outer is not None and self._with_outer:
            outer.finish(ended)

    def end(self, end_time: int | None = None) -> None:
        """End the span, which its owner will do anyway."""
        self.span.end(end_time)

    def get_span_context(self) -> SpanContext:
        """Return the ids."""
        return self.span.get_span_context()

    def is_recording(self) -> bool:
        """Whether anybody will read it."""
        return bool(self.span.is_recording())

    def set_attributes(self, attributes: Any) -> None:
        """Set attributes."""
        self.span.set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute."""
        self.span.set_attribute(key, value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Add an event."""
        self.span.add_event(name, attributes, timestamp)

    def update_name(self, name: str) -> None:
        """Rename it."""
        self.span.update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set its status."""
        self.span.set_status(status, description)

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        """Record an exception."""
        self.span.record_exception(exception, attributes, timestamp, escaped)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        """Add a link."""
        self.span.add_link(context, attributes)

    def __getattr__(self, name: str) -> Any:
        """Return what else the SDK's spans have."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.span, name)


class Queue:
    """The stand-ins that have ended.

    Args:
        failed: writes an exception on a span.
    """

    def __init__(self, failed: Callable[[Span, BaseException], None]) -> None:
        self.failed = failed
        self.ended: deque[tuple[Late, int]] = deque(maxlen=_WAITING)
        #: Held while one is made a span, which two threads may want at once.
        self.making = threading.RLock()

    def settle(self) -> None:
        """Make spans of them. From any thread."""
        while self.ended:
            try:
                late, ended = self.ended.popleft()
            except IndexError:  # another thread was faster
                return
            late.finish(ended)
