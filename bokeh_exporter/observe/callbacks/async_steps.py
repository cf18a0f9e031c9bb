"""The steps of an async function: what each keeps its thread for, without the awaits in between."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

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

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Any = self._awaitable.__await__()
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
            try:
                value, error = (yield yielded), None
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as thrown:
                value, error = None, thrown
