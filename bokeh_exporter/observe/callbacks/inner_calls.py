"""Users' functions that run within a framework's: what they take is booked on them, although nobody sees their call.

A step of a generator is no call of its function, and HoloViews hands out what a function gave before without
calling it: who books says afterwards how many calls it was.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from ...state.interactions import current
from ...state.safe_looks import is_a
from ..apps import App
from .async_steps import Steps, innermost
from .calls import Calls
from .names import is_skip
from .tallies import tally

#: How many calls of the function a result (None where it raised) stands for; None if it did not run at all.
Counting = Callable[[Any], "int | None"]


class InnerCall:
    """Books what one function takes, under its label."""

    def __init__(self, calls: Calls, app: App, label: str) -> None:
        self._calls = calls
        self._app = app
        self._label = label

    def run(self, take: Callable[[], Any], counting: Counting) -> Any:
        """Call what runs the function, and book it."""
        state = self._calls.state
        try:
            number, stack, start = self._begin(), self._calls.stack(), perf_counter()
            entered = state.memory.attribution.enter(self._app.label, "callback", self._label)
            caller = innermost(stack)
            stack.append((self._app.label, self._label, start))
        except Exception as ours:
            state.swallow("callbacks", ours)
            return take()
        error: BaseException | None = None
        result = None
        try:
            result = take()
            return result
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                stack.pop()
                state.memory.attribution.leave(entered, self._label)
                seconds = perf_counter() - start
                self._end(number, start, seconds, seconds, error, counting(result), caller)
            except Exception as ours:
                state.swallow("callbacks", ours)
            del error

    def step(self, take: Callable[[], Any]) -> Any:
        """Take a step of a generator, and book it."""
        return self.run(take, lambda result: 0)

    async def async_step(self, take: Callable[[], Any]) -> Any:
        """Take a step of an asynchronous generator, and book it."""
        number, start = self._begin(), perf_counter()
        steps = Steps(take(), self._calls, (self._app.label, self._label, start), 0.0, self._label)
        error: BaseException | None = None
        try:
            return await steps
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._end(number, start, perf_counter() - start, steps.busy, error, 0, None)
            del error

    def _begin(self) -> int:
        number = current.get()
        if self._calls.state.elements.on:
            self._calls.state.elements.enter(number)
        return number

    def _end(
        self, number: int, begin: float, seconds: float, busy: float, error: BaseException | None,
        calls: int | None, caller: str | None,
    ) -> None:  # fmt: skip
        state = self._calls.state
        try:
            failed = _fails(error)
            if calls:
                state.record(self._app.bundle(self._label, tally), busy)
            elif calls is not None:
                state.record(self._app.counter("bokeh_callback_busy_seconds_total", self._label).inc, busy)
            if failed:
                state.record(self._app.counter("bokeh_callback_errors_total", self._label).inc, 1)
            interaction = state.interactions.get(number)
            if interaction is not None:
                interaction.callbacks += calls or 0
                interaction.errors += failed
            if state.elements.on:
                name = self._label if calls is not None else None
                state.elements.leave(number, name, begin, seconds, busy, failed, calls or 0, caller)
        except Exception as ours:
            state.swallow("callbacks", ours)


def _fails(error: BaseException | None) -> bool:
    ends = (StopIteration, StopAsyncIteration)
    return error is not None and is_a(error, Exception) and not is_a(error, *ends) and not is_skip(error)
