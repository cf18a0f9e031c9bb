"""Where HoloViews calls what users wrote: the functions of DynamicMaps, and the subscribers of streams.

They run inside HoloViews' own callbacks, which have a kind but no label. Nothing of HoloViews is imported: it is
wrapped once the app has imported it. At the level ``callback`` that is a sample later, so a subscriber that is
added in the very build that imports HoloViews is missed; at ``element`` it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from ... import config as options
from ...state import Level
from ...state.interactions import current
from ...state.safe_calls import hashes_by_identity, is_async
from .. import slots
from ..apps import App
from ..frame import Observer
from ..hosts import holoviews
from .bokeh_callbacks import CallbackTimes
from .inner_calls import InnerCall
from .names import name_of, timing


class HoloviewsCallbacks(Observer):
    """Calls, busy time and errors by the user's function."""

    name: ClassVar[str] = "holoviews_callbacks"
    level: ClassVar[options.CollectLevel] = "callback"

    def start(self) -> None:
        """Subscribe to what HoloViews calls."""
        self._calls = self.frame.find(CallbackTimes).calls
        self.on.runs("element_function_calling", self._calling)
        self.on.changes("subscriber_adding", self._subscribing)
        self.on.before("stream_queueing", self._queueing)
        self.on.runs("stream_answering", self._answering)

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Have it wrapped where an app was the first to import HoloViews, after it was registered."""
        if holoviews.SUBSCRIBING.label not in self.patches.enabled and holoviews.is_imported():
            self.frame.refresh()
        return ()

    def _here(self) -> App:
        return self.apps.labelled(self.state.interactions.origin(current.get())[0])

    def _calling(self, call: Callable[[], Any], function: Any, is_remembered: Callable[[Any], bool]) -> Any:
        name = name_of(function) if current.get() else None
        if name is None:
            return call()
        inner = InnerCall(self._calls, self._here(), name)
        return inner.run(call, lambda result: None if is_remembered(result) else 1)

    def _queueing(self, callback: Any) -> None:
        """Note which interaction has queued an event: HoloViews answers all that came meanwhile by the last of them."""
        number = current.get()
        if number:
            slots.queued.put(callback, number)

    def _answering(self, call: Callable[[], Any], callback: Any) -> Any:
        number = slots.queued.take(callback)
        return call() if not number or number == current.get() else self._within(number, call)

    async def _within(self, number: int, call: Callable[[], Any]) -> Any:
        """Answer within the interaction whose event it is: the task is that of the first of all."""
        token = current.set(number)
        try:
            return await call()
        finally:
            current.reset(token)

    def _subscribing(self, subscriber: Any) -> Any:
        # HoloViews looks for it among the others: with a hash of its own it must be the one that is found.
        if not callable(subscriber) or not hashes_by_identity(subscriber) or is_async(subscriber) is None:
            return subscriber
        return self._timed(subscriber) if name_of(subscriber) is not None else subscriber

    def _timed(self, subscriber: Callable[..., Any]) -> Callable[..., Any]:
        @timing(subscriber)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if not self.patches.on:
                return subscriber(*args, **kwargs)
            return self._calls.call(self._here(), None, subscriber, *args, **kwargs)

        return timed
