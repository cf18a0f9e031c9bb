"""One call of a user's function: its time, its failure, its interaction, and that it runs now.

The seams are in ``observe.hosts``; this is what happens at each. An async function is timed step by step:
the time that it keeps its thread is its busy time, the awaits in between are not. All of it is one
entry in the state's queue, so that a call costs two microseconds.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from types import CoroutineType
from typing import Any

from ...state import State
from ...state.interactions import current
from ...state.safe_calls import is_async
from ...state.safe_looks import is_a
from ...state.spans import Open
from ..apps import App
from .async_steps import Running, Steps, innermost, named_after
from .names import is_skip, name_of, timing
from .tallies import duration, tally

#: Kinds that nothing of a browser begins: each call is an interaction, whatever context it has copied.
TIMERS = frozenset({"periodic", "timeout", "next_tick", "onload"})


class Calls:
    """Times calls and knows which run, by thread."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._running: dict[int, list[Running]] = {}
        self._attribution, self._elements = state.memory.attribution, state.elements

    def running(self, thread: int) -> list[Running]:
        """List the calls under way in a thread, the outermost first. From any thread."""
        return list(self._running.get(thread, ()))

    def call(self, app: App, kind: str | None, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function, within an interaction.

        Args:
            app: whose callback it is.
            kind: what set it off; None for a function inside a callback, which has no kind of its own.
            function: the user's, or one of a framework's, which has no label.
        """
        return self._call(app, kind, name_of(function), function, args, kwargs)

    def run(self, app: App, kind: str, function: Callable[..., Any], call: Callable[[], Any]) -> Any:
        """As :meth:`call`, where ``call`` calls the user's function with what the host gives it."""
        return self._call(app, kind, name_of(function), call, (), {}, function)

    def call_as(self, app: App, label: str | None, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a framework's function that does nothing but call the user's, which has the label."""
        return self._call(app, None, label, function, args, kwargs)

    def _call(
        self,
        app: App,
        kind: str | None,
        label: str | None,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        named: Callable[..., Any] | None = None,
    ) -> Any:
        if label is None and kind is None:
            return function(*args, **kwargs)
        token = span = caller = None
        try:
            number = current.get()
            if not number:
                number = self.state.interactions.begin(app.label, kind or "property").number
                token = current.set(number)
            if (spans := self.state.spans) is not None and (label is not None or token is not None or kind in TIMERS):
                of = kind or "property" if token is not None or kind in TIMERS else None
                span = spans.call(app.label, of, label or kind or "", number, function if named is None else named)
            if (stack := self._running.get(get_ident())) is None:
                stack = self.stack()
            start, attribution = perf_counter(), self._attribution
            if self._elements.on:
                caller = innermost(stack)
                self._elements.enter(number)
            # A framework's own inside a message is part of it; what it calls of the user's is entered further down.
            own = label is None and attribution.inside()
            entered = attribution.enter(app.label, "callback", label) if not own else None
            stack.append((app.label, label or kind or "", start))
        except Exception as ours:
            self.state.swallow("callbacks", ours)
            if token is not None:
                current.reset(token)
            return function(*args, **kwargs)
        error = result = None
        continues = False
        try:
            result = function(*args, **kwargs)
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                stack.pop()
                attribution.leave(entered, label)
                busy = perf_counter() - start
                # Not ``inspect.iscoroutine``, which asks a result for its ``__class__``. Bokeh awaits neither of these.
                continues = type(result) is CoroutineType and kind not in ("property", "event")
                if not continues:
                    self._ended(app, kind, label, number, start, busy, busy, error, caller)
                if span is not None:
                    span.suspend() if continues else span.leave(error)
                if token is not None:
                    current.reset(token)
            except Exception as ours:
                self.state.swallow("callbacks", ours)
            del error
        if continues:
            steps = Steps(result, self, (app.label, label or kind or "", start), busy, label)
            return named_after(result, self._continue(app, kind, label, number, start, steps, span, caller))
        return result

    async def _continue(
        self, app: App, kind: str | None, label: str | None, number: int, start: float, steps: Steps,
        span: Open | None, caller: str | None,
    ) -> Any:  # fmt: skip
        # Whoever awaits us may be a task of its own by now, so the interaction is set in its context too.
        token = current.set(number)
        self.state.interactions.enter(number)
        if span is not None:
            span.resume()
        error: BaseException | None = None
        try:
            return await steps
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._ended(app, kind, label, number, start, perf_counter() - start, steps.busy, error, caller)
            if span is not None:
                span.leave(error)
            del error
            self.state.interactions.leave(number)
            with contextlib.suppress(ValueError):  # thrown away unfinished, in another context
                current.reset(token)

    def function_here(self) -> str | None:
        """Return the label of the user's function that this thread is in, the innermost."""
        return innermost(self._running.get(threading.get_ident(), ()))

    def stack(self) -> list[Running]:
        """Return the calls under way in this thread, for who adds to them."""
        thread = threading.get_ident()
        stack = self._running.get(thread)
        if stack is None:
            if len(self._running) > 200:
                for gone in set(self._running) - {each.ident for each in threading.enumerate()}:
                    self._running.pop(gone, None)
            stack = self._running[thread] = []
        return stack

    def _ended(
        self, app: App, kind: str | None, label: str | None, number: int, begin: float, seconds: float,
        busy: float, error: BaseException | None, caller: str | None,
    ) -> None:  # fmt: skip
        try:
            failed = error is not None and is_a(error, Exception) and not is_skip(error)
            queue, bound = self.state.queue, app.bound
            if kind is not None:
                queue.append((bound.get((kind,)) or app.bundle((kind,), duration), seconds, number))
            if label is not None:
                queue.append((bound.get(label) or app.bundle(label, tally), busy, number))
                record = self.state.interactions.get(number)
                if record is not None:
                    record.callbacks += 1
                if failed:
                    queue.append((app.counter("bokeh_callback_errors_total", label).inc, 1, number))
                    if record is not None:
                        record.errors += 1
            if self._elements.on:
                self._elements.leave(number, label, begin, seconds, busy, failed, 1, caller)
        except Exception as ours:
            self.state.swallow("callbacks", ours)

    def wrapped(self, app: App, kind: str, function: Callable[..., Any], *, keep: bool) -> Callable[..., Any]:
        """Return a function that calls through :meth:`call`, a coroutine function for a coroutine function.

        What only its own code knows the kind of, such as a ``Mock``, is returned as it is.

        Args:
            app: whose callback it is.
            kind: what will set it off.
            function: what to call.
            keep: whether it belongs to the interaction that registers it, as a callback that runs once does.
        """
        number = current.get() if keep else 0
        if number and self.state.interactions.origin(number)[1] == "init":
            number = 0  # what the build registered is set off by something later

        def begin() -> Any:
            return current.set(number or self.state.interactions.begin(app.label, kind).number)

        awaited = is_async(function)
        if awaited is None:
            return function
        if awaited:

            @timing(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                token = begin()
                try:
                    return await self.call(app, kind, function, *args, **kwargs)
                finally:
                    with contextlib.suppress(ValueError):  # thrown away unfinished, in another context
                        current.reset(token)

            return call_async

        @timing(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            token = begin()
            try:
                return self.call(app, kind, function, *args, **kwargs)
            finally:
                current.reset(token)

        return call

    def inside(self, app: App, function: Callable[..., Any], label: str) -> Callable[..., Any]:
        """Return a function that calls a user's, which has the label, in a framework's callback, which has the kind."""
        awaited = is_async(function)
        if awaited is None:
            return function
        if awaited:

            @timing(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                return await self.call_as(app, label, function, *args, **kwargs)

            return call_async

        @timing(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self.call_as(app, label, function, *args, **kwargs)

        return call
