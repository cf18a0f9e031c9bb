"""Where memory is attributed, for whoever measures it: callbacks and hooks call these, and read nothing themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

#: App and activity.
Owner = tuple[str, str]


class Attribution(Protocol):
    """Books the change of resident memory on what runs. From any thread."""

    def enter(self, app: str, activity: str, callback: str | None = None) -> bool | float | None:
        """Say that an app's activity begins to run in this thread; ``leave`` wants what this returns."""

    def leave(self, entered: bool | float | None, callback: str | None = None) -> None:
        """Say that it has ended, or waits."""

    def inside(self) -> bool:
        """Whether something that is measured runs in this thread."""

    def run_message(
        self, owner: Owner, call: Callable[[], Any], apart: Callable[[Owner, Callable[[], Any]], Any]
    ) -> Any:
        """Apply an owner's message by ``call``, or by ``apart`` of both, which has to enter and leave by itself."""

    def change_of(self, number: int) -> int | None:
        """Return the bytes that an interaction gained; None if that is not known."""

    def forget(self, app: str) -> None:
        """Drop the numbers of an app that is gone."""

    def stop(self) -> None:
        """Measure no more."""

    def after_fork(self) -> None:
        """In a child: what is open belongs to the parent, and so do the numbers."""


class NoAttribution:
    """Measures nothing: before an observer has put its own in place, and where there is none."""

    def enter(self, app: str, activity: str, callback: str | None = None) -> bool | float | None:
        """Measure nothing."""
        return None

    def leave(self, entered: bool | float | None, callback: str | None = None) -> None:
        """Measure nothing."""

    def inside(self) -> bool:
        """Nothing is measured."""
        return False

    def run_message(
        self, owner: Owner, call: Callable[[], Any], apart: Callable[[Owner, Callable[[], Any]], Any]
    ) -> Any:
        """Apply it."""
        return call()

    def change_of(self, number: int) -> int | None:
        """Nothing is known."""
        return None

    def forget(self, app: str) -> None:
        """There is nothing to forget."""

    def stop(self) -> None:
        """There is nothing to stop."""

    def after_fork(self) -> None:
        """There is nothing open."""
