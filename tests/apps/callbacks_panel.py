"""panel serve: what param and Panel call; each function counts itself by the label that it should have."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import panel as pn
import param
from app_counts import called, count, failed, has  # type: ignore[import-not-found]
from callbacks_module import doubled  # type: ignore[import-not-found]

ME = "callbacks_panel.py"


def handled(error: Exception) -> None:
    count("handled", str(error).removesuffix(" raises"))


pn.extension(exception_handler=handled)
n = pn.widgets.IntSlider(name="n", start=0, end=1000, value=0)
bad = pn.widgets.IntSlider(name="bad", start=0, end=1000, value=0)
bound_bad = pn.widgets.IntSlider(name="bound_bad", start=0, end=1000, value=0)
buttons = {name: pn.widgets.Button(name=name) for name in ("go", "fail", "fail_async", "timers", "unwatch", "locked")}

# --- pn.bind and pn.depends --------------------------------------------------------------------------


def view(n: int) -> str:
    called(f"{ME}:view")
    return f"n = {n}"


async def view_async(n: int) -> str:
    called(f"{ME}:view_async")
    await asyncio.sleep(0)
    return f"async n = {n}"


def view_fails(n: int) -> str:
    called(f"{ME}:view_fails")
    if n:
        raise failed(f"{ME}:view_fails")
    return ""


async def view_generates(n: int) -> AsyncIterator[str]:
    called(f"{ME}:view_generates")
    for part in range(2):
        await asyncio.sleep(0)
        yield f"part {part}"


def view_skips(n: int) -> str:
    called(f"{ME}:view_skips")
    if n:
        raise param.Skip
    return ""


def logged(function: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> str:
        return function(*args, **kwargs)

    return wrapper


@logged
def decorated(n: int) -> str:
    called(f"{ME}:decorated")
    return ""


def partially(name: str, n: int) -> str:
    called(f"{ME}:partially")
    return ""


def nested() -> Callable[[int], str]:
    def inner(n: int) -> str:
        called(f"{ME}:nested.inner")
        return ""

    return inner


def bound_watching(n: int) -> None:
    called(f"{ME}:bound_watching")


pn.bind(bound_watching, n, watch=True)


@pn.depends(n)  # type: ignore[untyped-decorator]
def depending(n: int) -> str:
    called(f"{ME}:depending")
    return ""


@pn.depends(n, watch=True)  # type: ignore[untyped-decorator]
def depending_watching(n: int) -> None:
    called(f"{ME}:depending_watching")


@pn.depends(n, watch=True)  # type: ignore[untyped-decorator]
async def depending_watching_async(n: int) -> None:
    called(f"{ME}:depending_watching_async")
    await asyncio.sleep(0)


class View(param.Parameterized):  # type: ignore[misc]
    n = param.Integer(default=0)

    @param.depends("n")  # type: ignore[untyped-decorator]
    def shown(self) -> str:
        called(f"{ME}:View.shown")
        return ""

    @param.depends("n", watch=True)  # type: ignore[untyped-decorator]
    def followed(self) -> None:
        called(f"{ME}:View.followed")

    @param.depends("n", watch=True)  # type: ignore[untyped-decorator]
    async def followed_async(self) -> None:
        called(f"{ME}:View.followed_async")
        await asyncio.sleep(0)

    def method(self, event: Any) -> None:
        called(f"{ME}:View.method")


model = View()
n.link(model, value="n")

# --- param.watch and on_click ------------------------------------------------------------------------


def watched(event: Any) -> None:
    called(f"{ME}:watched")


async def watched_async(event: Any) -> None:
    called(f"{ME}:watched_async")
    await asyncio.sleep(0)


def watched_fails(event: Any) -> None:
    called(f"{ME}:watched_fails")
    raise failed(f"{ME}:watched_fails")


watcher = n.param.watch(watched, "value")
n.param.watch(watched_async, "value")
bad.param.watch(watched_fails, "value")


def pressed(event: Any) -> None:
    called(f"{ME}:pressed")


async def pressed_async(event: Any) -> None:
    called(f"{ME}:pressed_async")
    await asyncio.sleep(0)


def fails(event: Any) -> None:
    called(f"{ME}:fails")
    raise failed(f"{ME}:fails")


async def fails_async(event: Any) -> None:
    called(f"{ME}:fails_async")
    await asyncio.sleep(0)
    raise failed(f"{ME}:fails_async")


go = buttons["go"]
for each in (pressed, pressed_async, model.method, lambda event: called(f"{ME}:<lambda>")):
    go.on_click(each)
pn.bind(partially, "name", go, watch=True)
buttons["fail"].on_click(fails)
buttons["fail_async"].on_click(fails_async)


def unwatch(event: Any) -> None:
    called(f"{ME}:unwatch")
    n.param.unwatch(watcher)


buttons["unwatch"].on_click(unwatch)

# --- load and timers ---------------------------------------------------------------------------------


def loaded() -> None:
    called(f"{ME}:loaded", "onload")


async def loaded_async() -> None:
    called(f"{ME}:loaded_async", "onload")
    await asyncio.sleep(0)


def loaded_fails() -> None:
    called(f"{ME}:loaded_fails", "onload")
    raise failed(f"{ME}:loaded_fails")


for loading in (loaded, loaded_async, loaded_fails):
    pn.state.onload(loading)


def tick() -> None:
    called(f"{ME}:tick", "periodic")


async def tick_async() -> None:
    called(f"{ME}:tick_async", "periodic")
    await asyncio.sleep(0)


def tick_fails() -> None:
    called(f"{ME}:tick_fails", "periodic")
    raise failed(f"{ME}:tick_fails")


def timers(event: Any) -> None:
    called(f"{ME}:timers")
    pn.state.add_periodic_callback(tick, period=20, count=3)
    pn.state.add_periodic_callback(tick_async, period=20, count=2)
    pn.state.add_periodic_callback(tick_fails, period=20, count=1)


buttons["timers"].on_click(timers)

# --- the lock ----------------------------------------------------------------------------------------


@pn.io.with_lock  # type: ignore[untyped-decorator]
async def locked(event: Any) -> None:
    called(f"{ME}:locked")
    pn.state.curdoc.add_next_tick_callback(after_locked)
    await asyncio.sleep(0.3)
    count("locked", "end")


def after_locked() -> None:
    called(f"{ME}:after_locked")
    count("locked", "waited" if has("locked", "end") else "did not wait")


buttons["locked"].on_click(locked)
pn.Column(
    n, bad, bound_bad, *buttons.values(),
    pn.widgets.TextInput(name="out", value=pn.bind(view, n)),
    *(pn.panel(pn.bind(function, n)) for function in (view_async, view_generates, view_skips)),
    *(pn.panel(pn.bind(function, n)) for function in (decorated, nested(), doubled)),
    pn.panel(pn.bind(lambda n: called(f"{ME}:<lambda>") or "", n)),
    pn.panel(pn.bind(view_fails, bound_bad)), depending, model.shown,
).servable()  # fmt: skip
