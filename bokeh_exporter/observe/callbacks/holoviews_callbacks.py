"""Where HoloViews calls what users wrote: the functions of DynamicMaps, and the subscribers of streams.

They run inside HoloViews' own callbacks, which have a kind but no label. Nothing of HoloViews is imported: it is
hooked once the app has imported it. At the level ``callback`` that is a sample later, so a subscriber that is
added in the very build that imports HoloViews is missed; at ``element`` it is not.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from ... import config as options
from ...state import Level
from ...state.interactions import current
from ..apps import App
from ..frame import Observer
from .bokeh_callbacks import Callbacks
from .inner_calls import Booking
from .names import name_of, timing

_CALL, _SUBSCRIBE = "holoviews.Callable.__call__", "holoviews.Stream.add_subscriber"


class HoloviewsCallbacks(Observer):
    """Calls, busy time and errors by the user's function."""

    name: ClassVar[str] = "holoviews_callbacks"
    level: ClassVar[options.Level] = "callback"

    def start(self) -> None:
        """Look up what times calls."""
        self._calls = self.frame.find(Callbacks).calls

    def refresh(self) -> None:
        """Hook into HoloViews once the app has imported it."""
        spaces: Any
        streams: Any
        spaces, streams = sys.modules.get("holoviews.core.spaces"), sys.modules.get("holoviews.streams")
        enabled = self.patches.enabled
        if hasattr(spaces, "Callable") and _CALL not in enabled:
            self.hook.replace(spaces.Callable, "__call__", self._calling, "self", hook=_CALL)
        if hasattr(streams, "Stream") and _SUBSCRIBE not in enabled:
            self.hook.replace(
                streams.Stream, "add_subscriber", self._subscribing, "self", "subscriber", hook=_SUBSCRIBE
            )

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Hook in where an app was the first to import HoloViews, after it was registered."""
        if _SUBSCRIBE not in self.patches.enabled and "holoviews.streams" in sys.modules:
            self.refresh()
        return ()

    def _here(self) -> App:
        return self.apps.labelled(self.state.interactions.origin(current.get())[0])

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(callable_: Any, *args: Any, **kwargs: Any) -> Any:
            name = name_of(callable_.callable) if self.patches.on and current.get() else None
            if name is None:
                return original(callable_, *args, **kwargs)
            memoized = getattr(callable_, "_memoized", None)

            def ran(result: Any) -> int | None:
                # What it remembered is handed out again without calling the function.
                same = memoized is not None and memoized is callable_._memoized
                return None if same and any(each is result for each in (memoized or {}).values()) else 1

            booking = Booking(self._calls, self._here(), name)
            return booking.run(functools.partial(original, callable_, *args, **kwargs), ran)

        return call

    def _subscribing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def add_subscriber(stream: Any, subscriber: Any, *args: Any, **kwargs: Any) -> Any:
            if self.patches.on and callable(subscriber) and name_of(subscriber) is not None:
                subscriber = self._timed(subscriber)
            return original(stream, subscriber, *args, **kwargs)

        return add_subscriber

    def _timed(self, subscriber: Callable[..., Any]) -> Callable[..., Any]:
        @timing(subscriber)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if not self.patches.on:
                return subscriber(*args, **kwargs)
            return self._calls.call(self._here(), None, subscriber, *args, **kwargs)

        return timed
