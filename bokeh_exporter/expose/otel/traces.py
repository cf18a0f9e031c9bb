"""Spans: an interaction, the user's callbacks in it, and the life of sessions.

The spans are the current ones of their context, so that what the app traces itself hangs below the widget
that set it off, through awaits, tasks and worker threads. They hold text and numbers only. No message of
an exception is written, since it may quote the user's data; type and place are.
"""

from __future__ import annotations

import atexit
import contextlib
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from types import CodeType
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, StatusCode, TracerProvider

from ..._version import __version__
from ...catalogue import SCHEMA_URL
from ...state import State
from ...state.events import EventHistogram
from ...state.interactions import current
from ...state.queue import Entry
from ...state.safe_calls import code_of
from ...state.safe_looks import called, is_a, type_name
from ...state.spans import pseudonym
from ...state.wording import code_file
from .deferred_spans import Late, Queue
from .metrics import SCOPE, Pending

#: Interactions whose trace is remembered for exemplars.
_KEPT = 1000
#: Observations whose span is remembered until OpenTelemetry is given them.
_EXEMPLARS = 10_000
#: Frames of an exception's stack that are written, the innermost.
_FRAMES = 30
_EMPTY = Context()
#: The creation of the session that a context belongs to: timers copy the context that registered them.
_creation: ContextVar[SpanContext | None] = ContextVar("bokeh_exporter_creation", default=None)


class Current:
    """Spans that were begun together, the outer first; the last is the current one."""

    __slots__ = ("_spans", "_token")

    def __init__(self, *spans: Span) -> None:
        self._spans = spans
        self._token: Any = None
        self.resume()

    def resume(self) -> None:
        """Be current in this context."""
        self._token = contexts._RUNTIME_CONTEXT.attach(trace.set_span_in_context(self._spans[-1]))

    def suspend(self) -> None:
        """Stop being current."""
        # Not the public detach, which logs a traceback where a generator is thrown away in another context.
        with contextlib.suppress(ValueError):
            contexts._RUNTIME_CONTEXT.detach(self._token)

    def leave(self, error: BaseException | None) -> None:
        """End, the inner span first."""
        self.suspend()
        for span in reversed(self._spans):
            if error is not None and is_a(error, Exception):
                _failed(span, error)
            span.end()


def _failed(span: Span, error: BaseException) -> None:
    if type_name(type(error)) == "Skip" or not span.is_recording():
        return
    module, name = called(type(error))
    if module != "builtins":
        name = f"{module}.{name}"
    span.set_attribute("error.type", name)
    span.set_status(StatusCode.ERROR)
    # Without the lines of source that Python's own formatting adds: they may quote a secret.
    frames = traceback.extract_tb(error.__traceback__, limit=-_FRAMES)
    stack = "\n".join(f'File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in frames)
    span.add_event("exception", {"exception.type": name, "exception.stacktrace": stack})


class Traces:
    """Writes spans to a provider, as :class:`~bokeh_exporter.state.spans.Spans`."""

    def __init__(self, state: State, provider: TracerProvider, pending: Pending) -> None:
        self._state, self._pending = state, pending
        self._tracer = provider.get_tracer(SCOPE, __version__, schema_url=SCHEMA_URL)
        #: Interactions have no parent, so where roots are never sampled not even a span is made for them.
        self._roots = "root:AlwaysOffSampler" not in _described(provider)
        #: Number of an interaction -> its sampled span, or what may become one.
        self._recent: dict[int, SpanContext | Late] = {}
        self._late = Queue(_failed)

    @staticmethod
    def are_wanted(provider: Any) -> bool:
        """Whether any span could be sampled: a provider of the SDK, or of somebody else, that is not off."""
        if type(provider).__name__.lstrip("_").startswith(("Proxy", "NoOp", "Default")):
            return False
        return _described(provider) != "AlwaysOffSampler"

    def start(self) -> None:
        """Let hooks begin spans."""
        self._state.spans = self
        self._state.consumers.append(self._exemplify)
        self._state.on_drain.append(self.settle)
        atexit.register(self.settle)  # later than the providers, and so earlier called than they end

    def stop(self) -> None:
        """Begin no more."""
        self._state.spans = None
        if self._exemplify in self._state.consumers:
            self._state.consumers.remove(self._exemplify)
            self._state.on_drain.remove(self.settle)
        atexit.unregister(self.settle)
        self.settle()

    def settle(self) -> None:
        """Make spans of what has ended."""
        self._late.settle()

    def _exemplify(self, batch: list[Entry]) -> None:
        """Note in which traces the observations of a batch were made, for exemplars of both outputs."""
        spans = self._pending.spans
        for update, value, number in batch:
            histogram = getattr(update, "__self__", None)
            if number not in self._recent or not isinstance(histogram, EventHistogram):
                continue
            span = self._sampled(number)
            if span is None:
                continue
            ids = {"trace_id": trace.format_trace_id(span.trace_id), "span_id": trace.format_span_id(span.span_id)}
            histogram.exemplify(value, ids)
            if len(spans) < _EXEMPLARS:
                spans[histogram, value] = span

    # --- what hooks call -----------------------------------------------------------------------

    def interaction(self, app: str, kind: str, number: int, session: Any, link: object) -> Late | None:
        """Begin an interaction; the connection's own context may be that of an HTTP request hours ago."""
        if not self._roots:
            return None
        _creation.set(link if isinstance(link, SpanContext) else None)
        late = self._interaction(app, kind, session.id if session is not None else None)
        self._remember(number, late)
        return late

    def session(self, app: str, step: str, session_id: str | None) -> Current | None:
        """Begin a step of a session's life, in the HTTP request if that is traced."""
        # The ASGI host's sweep is a task that has copied the context of the first request.
        parent = _EMPTY if step == "destroy session" else None
        span = self._tracer.start_span(f"{step} {app}", parent, attributes={"bokeh.app": app})
        if session_id is not None and span.is_recording():
            self._remember(current.get(), span.get_span_context())
            span.set_attribute("bokeh.session.hash", pseudonym(session_id))
        return Current(span)

    def call(
        self, app: str, kind: str | None, label: str, number: int, function: Callable[..., Any]
    ) -> Current | Late | None:
        """Begin a callback, and where it has a kind its interaction."""
        if kind is None:
            outer = trace.get_current_span()
            if isinstance(outer, Late):
                return self._callback(label, function, outer, False) if not outer.over else None
            return (
                Current(_called(self._tracer, label, code_of(function), None, None)) if outer.is_recording() else None
            )
        if not self._roots:
            return None
        late = self._interaction(app, kind, None)
        self._remember(number, late)
        return late if label == kind else self._callback(label, function, late, True)

    def mark(self) -> object:
        """Return the current span's context, if it is sampled."""
        context = trace.get_current_span().get_span_context()
        creation = context if context.trace_flags.sampled else None
        _creation.set(creation)
        return creation

    def _interaction(self, app: str, kind: str, session_id: str | None) -> Late:
        creation, tracer = _creation.get(), self._tracer

        def make(begun: int, outer: Span | None) -> Span:
            links = [Link(creation)] if creation is not None else None
            attributes = {"bokeh.app": app, "bokeh.interaction.kind": kind}
            span = tracer.start_span(f"{kind} {app}", _EMPTY, attributes=attributes, links=links, start_time=begun)
            if session_id is not None and span.is_recording():
                span.set_attribute("bokeh.session.hash", pseudonym(session_id))
            return span

        return Late(self._late, make)

    def _callback(self, label: str, function: Callable[..., Any], outer: Late, with_outer: bool) -> Late:
        tracer, place = self._tracer, code_of(function)
        return Late(self._late, lambda begun, parent: _called(tracer, label, place, begun, parent), outer, with_outer)

    def _remember(self, number: int, span: SpanContext | Late) -> None:
        if not number:
            return
        recent = self._recent
        if len(recent) >= _KEPT:
            for old in list(recent)[: _KEPT // 2]:
                recent.pop(old, None)
        recent[number] = span

    def _sampled(self, number: int) -> SpanContext | None:
        """Return the span of an interaction, if it is sampled."""
        span = self._recent.get(number)
        if isinstance(span, Late):
            span = span.get_span_context()
            if span.trace_flags.sampled:
                self._recent[number] = span
            else:
                self._recent.pop(number, None)
                return None
        return span


def _called(tracer: trace.Tracer, label: str, place: CodeType | None, begun: int | None, parent: Span | None) -> Span:
    attributes: dict[str, str | int] = {"code.function.name": label}
    if place is not None:
        attributes["code.file.path"], attributes["code.line.number"] = code_file(place), place.co_firstlineno
    context = trace.set_span_in_context(parent, _EMPTY) if parent is not None else None
    return tracer.start_span(label, context, attributes=attributes, start_time=begun)


def _described(provider: Any) -> str:
    describe = getattr(getattr(provider, "sampler", None), "get_description", None)
    return str(describe()) if describe is not None else ""
