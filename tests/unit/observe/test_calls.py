"""A callback that the garbage collector throws away while it waits: in whatever context that runs."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any, cast

from bokeh_exporter.observe.apps import App
from bokeh_exporter.observe.callbacks.calls import Calls
from bokeh_exporter.state.interactions import current


def test_an_async_callback_that_is_thrown_away_unfinished_raises_nothing() -> None:
    inside: list[int] = []

    async def waits() -> None:
        inside.append(current.get())
        await asyncio.sleep(0)

    interactions = SimpleNamespace(begin=lambda app, kind: SimpleNamespace(number=7))
    calls: Any = SimpleNamespace(
        state=SimpleNamespace(interactions=interactions), call=lambda app, kind, function: function()
    )
    app = cast(App, SimpleNamespace(label="/app"))
    coroutine = Calls.wrapped(calls, app, "next_tick", waits, keep=False)()
    copy_context().run(coroutine.send, None)
    assert inside == [7]
    copy_context().run(coroutine.close)  # as the collector does, from another thread or task
