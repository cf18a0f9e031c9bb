"""The steps of an async function: what each keeps its thread for, without the awaits in between."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Generator, Sequence
from inspect import CORO_CREATED, getcoroutinestate
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ...state.interactions import current

if TYPE_CHECKING:
    from .calls import Calls

#: App, callback and ``perf_counter`` of its begin.
Running = tuple[str, str, float]


def innermost(stack: Sequence[Running]) -> str | None:
    """Return the label of the last of the calls under way that is a function of the user's."""
    for _, label, _ in reversed(stack):
        if ":" in label:  # else it is a kind: a framework's own function
            return label
    return None


class Steps:
    """Awaits something and adds up the time that its steps take."""

    def __init__(self, awaitable: Awaitable[Any], calls: Calls, entry: Running, busy: float, label: str | None) -> None:
        self._awaitable = awaitable
        self._calls = calls
        self._entry = entry
        self._label = label
        self.busy = busy

    def __del__(self) -> None:
        # Dropped before its first step, with the coroutine of ours around it: of that Python has warned under the name
        # of the user's (named_after), or a cancelled task has ended it. So it does not warn of the user's own as well.
        with contextlib.suppress(Exception):  # at the interpreter's end
            theirs = self._awaitable
            if type(theirs) is CoroutineType and getcoroutinestate(theirs) == CORO_CREATED:
                theirs.close()  # runs nothing of it, since it has not begun

    def __await__(self) -> Generator[Any, Any, Any]:
        awaitable = self._awaitable  # what a stack is followed by past this (``stacks``)
        steps: Any = awaitable.__await__()
        attribution = self._calls.state.memory.attribution
        value: Any = None
        error: BaseException | None = None
        while True:
            stack = self._calls.stack()
            stack.append(self._entry)
            start = perf_counter()
            entered = attribution.enter(self._entry[0], "callback", self._label)
            try:
                yielded = steps.send(value) if error is None else steps.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                attribution.leave(entered, self._label)
                self.busy += perf_counter() - start
                stack.pop()
                if self._label is None:
                    self._took_over(start)
            try:
                value, error = (yield yielded), None
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as thrown:
                value, error = None, thrown

    def _took_over(self, begin: float) -> None:
        """Note a step of a framework's own function, which takes over what a browser has changed."""
        state, number = self._calls.state, current.get()
        if number and state.elements.on:
            try:
                state.elements.went_on(number, "apply", "component", begin, perf_counter())
            except Exception as ours:
                state.swallow("callbacks", ours)


def named_after(theirs: Any, ours: Any) -> Any:
    """Give a coroutine of ours the name of the user's that it awaits, by which tasks and warnings call it."""
    ours.__name__, ours.__qualname__ = theirs.__name__, theirs.__qualname__
    return ours


class Noted:
    """Awaits something and calls ``note(begin, end)`` after each step, by ``perf_counter``."""

    __slots__ = ("_awaitable", "_note")

    def __init__(self, awaitable: Awaitable[Any], note: Callable[[float, float], None]) -> None:
        self._awaitable, self._note = awaitable, note

    def __await__(self) -> Generator[Any, Any, Any]:
        awaitable = self._awaitable  # what a stack is followed by past this (``stacks``)
        steps: Any = awaitable.__await__()
        note, value = self._note, None
        error: BaseException | None = None
        while True:
            begin = perf_counter()
            try:
                yielded = steps.send(value) if error is None else steps.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                note(begin, perf_counter())
            try:
                value, error = (yield yielded), None
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as thrown:
                value, error = None, thrown
