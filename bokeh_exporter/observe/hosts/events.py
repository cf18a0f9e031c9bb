"""Named events of the hosts, and who subscribes to them.

A file of this folder wraps a host's function once and says what has happened by an event: ``session_made``,
``model_made``, ``message_received``. Observers subscribe by that name and get facts, never the host's own
arguments. One list orders them, the table of observers: what comes first there is innermost, so it enters last
and leaves first. Rejected: a wrapper for each observer, which cost a call each and whose order nobody could read.

What a subscriber raises is counted and swallowed here; the host's results and exceptions pass through untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from ...state import State

#: Called after the host's function with what it returned and raised.
Leave = Callable[[Any, "BaseException | None"], None]
#: Called before the host's function with the facts; may return what is to be called after it.
Enter = Callable[..., "Leave | None"]


class Event:
    """One named event: what its subscribers want done before, after, around and in place of the host's function."""

    __slots__ = ("_after", "_changes", "_enter", "_runs", "name", "state")

    def __init__(self, name: str, state: State) -> None:
        self.name, self.state = name, state
        #: By position in the table of observers: component and what it calls.
        self._enter: list[tuple[int, str, Enter]] = []
        self._after: list[tuple[int, str, Callable[..., object]]] = []
        self._runs: list[tuple[int, Callable[..., Any]]] = []
        self._changes: list[tuple[int, str, Callable[..., Any]]] = []

    def __bool__(self) -> bool:
        return bool(self._enter or self._after or self._runs or self._changes)

    # --- what observers ask for ------------------------------------------------------------------

    def add_before(self, order: int, component: str, observe: Callable[..., object]) -> None:
        """Call ``observe`` before the host's function."""
        self.add_around(order, component, observe)  # type: ignore[arg-type]  # it returns nothing to call

    def add_around(self, order: int, component: str, enter: Enter) -> None:
        """Call ``enter`` before the host's function, and after it what ``enter`` returned, if anything."""
        self._enter.append((order, component, enter))
        self._enter.sort(key=lambda row: -row[0])

    def add_after(self, order: int, component: str, observe: Callable[..., object]) -> None:
        """Call ``observe`` after the host's function, unless that raised."""
        self._after.append((order, component, observe))
        self._after.sort(key=lambda row: row[0])

    def add_runner(self, order: int, component: str, run: Callable[..., Any], guards_itself: bool) -> None:
        """Let ``run(call, *facts)`` call the host's function by ``call()``; what it returns is the result."""
        self._runs.append((order, run if guards_itself else guarded(run, component, self.state)))
        self._runs.sort(key=lambda row: row[0])

    def add_change(self, order: int, component: str, change: Callable[..., Any]) -> None:
        """Let ``change(value, *facts)`` say what the host is given in place of a value, such as a callback.

        The last of the table is asked first, as the outermost: what the first makes of it is what the host gets.
        """
        self._changes.append((order, component, change))
        self._changes.sort(key=lambda row: -row[0])

    # --- what wrappers of host functions call ------------------------------------------------------

    @property
    def observed(self) -> bool:
        """Whether somebody wants to know when the function begins or ends."""
        return bool(self._enter or self._after)

    def enter(self, *facts: Any) -> Callable[[Any, BaseException | None], None] | None:
        """Say that the function begins; return what says that it has ended, None where nobody wants to know."""
        start = perf_counter()
        leaves: list[tuple[str, Leave]] = []
        for _, component, enter in self._enter:
            try:
                leave = enter(*facts)
            except Exception as error:
                self.state.swallow(component, error)
            else:
                if leave is not None:
                    leaves.append((component, leave))
        self.state.overhead[0] += perf_counter() - start
        if not leaves and not self._after:
            return None

        def ended(result: Any, error: BaseException | None) -> None:
            start = perf_counter()
            for component, leave in reversed(leaves):
                try:
                    leave(result, error)
                except Exception as ours:
                    self.state.swallow(component, ours)
            if error is None:
                self._say(self._after, facts)
            self.state.overhead[0] += perf_counter() - start

        return ended

    def say(self, *facts: Any) -> None:
        """Say that something has happened, to all that subscribed to before or after."""
        self._say(self._enter, facts)
        self._say(self._after, facts)

    def _say(self, rows: Any, facts: tuple[Any, ...]) -> None:
        for _, component, observe in rows:
            try:
                observe(*facts)
            except Exception as error:
                self.state.swallow(component, error)

    def hot(self) -> Callable[..., None]:
        """Return what says it on the hot path: no clock, and one call where there is one subscriber."""
        rows = [(component, observe) for _, component, observe in (*self._enter, *self._after)]
        swallow = self.state.swallow
        if len(rows) == 1:
            component, only = rows[0]

            def say_one(*facts: Any) -> None:
                try:
                    only(*facts)
                except Exception as error:
                    swallow(component, error)

            return say_one

        def say(*facts: Any) -> None:
            for component, observe in rows:
                try:
                    observe(*facts)
                except Exception as error:
                    swallow(component, error)

        return say

    def only(self) -> tuple[str, Callable[..., object]]:
        """Return component and subscriber where there is one, for a wrapper that guards itself and saves a call."""
        rows = [(component, observe) for _, component, observe in (*self._enter, *self._after)]
        return rows[0] if len(rows) == 1 else ("hosts", self.hot())

    def change(self, value: Any, *facts: Any) -> Any:
        """Return what stands for a value; where a subscriber fails, the value as it was."""
        for _, component, change in self._changes:
            try:
                value = change(value, *facts)
            except Exception as error:
                self.state.swallow(component, error)
        return value

    def changer(self) -> Callable[..., Any]:
        """Return :meth:`change` for the hot path: one call where there is one subscriber."""
        if len(self._changes) != 1:
            return self.change
        (_, component, only), swallow = self._changes[0], self.state.swallow

        def change_one(value: Any, *facts: Any) -> Any:
            try:
                return only(value, *facts)
            except Exception as error:
                swallow(component, error)
                return value

        return change_one

    def runner(self) -> Callable[..., Any] | None:
        """Return ``run(call, *facts)`` of all runners, the first of the table the innermost; None without any."""
        composed: Callable[..., Any] | None = None
        for _, run in self._runs:
            composed = run if composed is None else _outside(run, composed)
        return composed


def guarded(run: Callable[..., Any], component: str, state: State) -> Callable[..., Any]:
    """Let a runner's own failure be ours: the host's function is called once, its result or exception is the result.

    Of an asynchronous runner, what fails before it gives something to await; what is awaited guards itself.
    """

    def guard(call: Callable[[], Any], *facts: Any) -> Any:
        outcome: list[tuple[Any, BaseException | None]] = []

        def once(*given: Any) -> Any:
            try:
                result = call(*given)  # the middleware of a request hands on a request of its own
            except BaseException as error:
                outcome.append((None, error))
                raise
            outcome.append((result, None))
            return result

        try:
            return run(once, *facts)
        except Exception as error:
            if outcome and outcome[0][1] is error:
                raise  # the host's own
            state.swallow(component, error)
            if not outcome:
                return call()
            result, failed = outcome[0]
            if failed is not None:
                raise failed from None
            return result
        finally:
            outcome.clear()  # the exception leads to this frame

    return guard


def _outside(outer: Callable[..., Any], inner: Callable[..., Any]) -> Callable[..., Any]:
    def run(call: Callable[[], Any], *facts: Any) -> Any:
        return outer(lambda: inner(call, *facts), *facts)

    return run
