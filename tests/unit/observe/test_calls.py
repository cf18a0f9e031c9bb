"""A callback that is thrown away: while it waits, in whatever context that is, or before it has begun."""

from __future__ import annotations

import asyncio
import gc
import warnings
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any, cast

from bokeh_exporter.observe.apps import App
from bokeh_exporter.observe.callbacks.calls import Calls
from bokeh_exporter.state import State
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


def test_an_async_callback_that_nobody_begins_is_warned_of_as_without_us() -> None:
    state = State()
    calls, app = Calls(state), App(state, "/app")

    async def view() -> None: ...

    async def cancelled_at_once() -> None:
        task = asyncio.create_task(calls.call(app, None, lambda: view()))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        calls.call(app, "onload", lambda: view())  # dropped
        gc.collect()
        dropped = [str(each.message) for each in caught]
        asyncio.run(cancelled_at_once())
        gc.collect()
    assert dropped == [f"coroutine '{view.__qualname__}' was never awaited"]
    assert len(caught) == 1  # a cancelled one is not warned of
    assert not any(row[2] for row in state.totals("bokeh_exporter_errors_total"))
