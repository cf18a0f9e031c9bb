"""panel serve --setup: a Panel and a HoloViews whose seams of the rebuild ledger have another shape or name."""

from typing import Any

import holoviews.core.spaces
import holoviews.streams
import panel.pane.base
import panel.viewable

import bokeh_exporter

update = panel.pane.base.ReplacementPane._update_inner
called = holoviews.core.spaces.Callable.__call__
subscribe = holoviews.streams.Stream.add_subscriber


def _update_inner(self: Any, other_name: Any) -> Any:
    return update(self, other_name)


def __call__(this: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - it becomes a method
    return called(this, *args, **kwargs)


def add_subscriber(self: Any, function: Any, precedence: Any = 0) -> Any:
    return subscribe(self, function, precedence)


panel.pane.base.ReplacementPane._update_inner = _update_inner
holoviews.core.spaces.Callable.__call__ = __call__
holoviews.streams.Stream.add_subscriber = add_subscriber
bokeh_exporter.install()
