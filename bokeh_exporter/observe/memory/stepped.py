"""What is awaited, attributed step by step: while it waits, others run."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any

from .attribution import Attribution


class Stepped:
    """Awaits something, and is entered while one of its steps runs."""

    __slots__ = ("_activity", "_app", "_attribution", "_awaitable")

    def __init__(self, attribution: Attribution, app: str, activity: str, awaitable: Awaitable[Any]) -> None:
        self._attribution, self._app, self._activity, self._awaitable = attribution, app, activity, awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        attribution = self._attribution
        awaitable = self._awaitable  # what a stack is followed by past this (``stacks``), and a task by ``explain``
        steps: Any = awaitable.__await__()
        value: Any = None
        error: BaseException | None = None
        while True:
            entered = attribution.enter(self._app, self._activity)
            try:
                yielded = steps.send(value) if error is None else steps.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                attribution.leave(entered)
            try:
                value, error = (yield yielded), None
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as thrown:
                value, error = None, thrown
