"""Generators that a bound function returns: they run after its call, step by step, as somebody iterates.

What is handed on is a generator again, of the same kind, since param and Panel ask. A step is busy time
of the function and no call of it: that was counted when it returned the generator.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from time import perf_counter
from typing import Any

from .apps import App
from .calls import Calls
from .naming import is_skip, name_of
from .steps import Steps


def stepwise(calls: Calls, app: App, named: Callable[..., Any], result: Any) -> Any:
    """Return what a user's function gave; if that is a generator, one that books its steps."""
    if inspect.isgenerator(result):
        return _steps(_Booking(calls, app, named), result)
    if inspect.isasyncgen(result):
        return _async_steps(_Booking(calls, app, named), result)
    return result


class _Booking:
    """Times the steps of one generator."""

    def __init__(self, calls: Calls, app: App, named: Callable[..., Any]) -> None:
        self._calls = calls
        self._app = app
        self._label = name_of(named) or ""

    def step(self, take: Callable[[], Any]) -> Any:
        stack, start = self._calls.stack(), perf_counter()
        stack.append((self._app.label, self._label, start))
        attribution = self._calls.state.memory.attribution
        entered = attribution.enter(self._app.label, "callback", self._label)
        try:
            return take()
        except Exception as error:
            self._failed(error)
            raise
        finally:
            attribution.leave(entered, self._label)
            stack.pop()
            self._busy(perf_counter() - start)

    async def async_step(self, take: Callable[[], Any]) -> Any:
        steps = Steps(take(), self._calls, (self._app.label, self._label, perf_counter()), 0.0, self._label)
        try:
            return await steps
        except Exception as error:
            self._failed(error)
            raise
        finally:
            self._busy(steps.busy)

    def _busy(self, seconds: float) -> None:
        self._calls.state.record(self._app.child("bokeh_callback_busy_seconds_total", self._label).inc, seconds)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, (StopIteration, StopAsyncIteration)) and not is_skip(error):
            self._calls.state.record(self._app.child("bokeh_callback_errors_total", self._label).inc, 1)


def _steps(booking: _Booking, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    take: Callable[[], Any] = generator.__next__
    try:
        while True:
            try:
                value = booking.step(take)
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield value
            except GeneratorExit:
                raise
            except BaseException as thrown:
                take = functools.partial(generator.throw, thrown)
            else:
                take = functools.partial(generator.send, sent)
    finally:
        generator.close()


async def _async_steps(booking: _Booking, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    take: Callable[[], Any] = generator.__anext__
    try:
        while True:
            try:
                value = await booking.async_step(take)
            except StopAsyncIteration:
                return
            try:
                sent = yield value
            except GeneratorExit:
                raise
            except BaseException as thrown:
                take = functools.partial(generator.athrow, thrown)
            else:
                take = functools.partial(generator.asend, sent)
    finally:
        await generator.aclose()
