"""bokeh serve: callbacks of every kind; each counts itself by the label and the kind that it should have."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import callbacks_module  # type: ignore[import-not-found]
from app_counts import called, count, failed  # type: ignore[import-not-found]
from bokeh.document import without_document_lock
from bokeh.events import ButtonClick
from bokeh.io import curdoc
from bokeh.models import Button, Column, Div, Slider

ME = "callbacks_bokeh.py"
doc = curdoc()


def changed(event: Any) -> None:
    count("events", type(event).__name__)


doc.on_change(changed)
n = Slider(name="n", title="n", start=0, end=1000, value=0)
bad = Slider(name="bad", title="bad", start=0, end=1000, value=0)
quiet = Slider(name="quiet", title="quiet", start=0, end=1000, value=0)
out = Div(name="out", text="")
count("models", "Slider init", 3)
count("models", "Div init")
buttons = {
    name: Button(name=name, label=name)
    for name in ("go", "fail", "timers", "unlock", "hold", "remove", "build", "register", "unregister")
}

# --- properties and events ---------------------------------------------------------------------------


def moved(attr: str, old: int, new: int) -> None:
    called(f"{ME}:moved", "property")
    out.text = f"n = {new}"


def moved_too(attr: str, old: int, new: int) -> None:
    called(f"{ME}:moved_too", "property")


def broken(attr: str, old: int, new: int) -> None:
    called(f"{ME}:broken", "property")
    raise failed(f"{ME}:broken")


def never(attr: str, old: int, new: int) -> None:
    called(f"{ME}:never", "property")


n.on_change("value", moved, moved_too)
bad.on_change("value", broken, never)


def pressed() -> None:
    called(f"{ME}:pressed", "event")


def pressed_event(event: Any) -> None:
    called(f"{ME}:pressed_event", "event")


def pressed_partially(name: str, event: Any) -> None:
    called(f"{ME}:pressed_partially", "event")


def nested() -> Callable[[], None]:
    def inner() -> None:
        called(f"{ME}:nested.inner", "event")

    return inner


def logged(function: Callable[[], None]) -> Callable[[], None]:
    @functools.wraps(function)
    def wrapper() -> None:
        function()

    return wrapper


@logged
def decorated() -> None:
    called(f"{ME}:decorated", "event")


class Presses:
    def method(self) -> None:
        called(f"{ME}:Presses.method", "event")

    @classmethod
    def of_class(cls) -> None:
        called(f"{ME}:Presses.of_class", "event")

    @staticmethod
    def static() -> None:
        called(f"{ME}:Presses.static", "event")

    def __call__(self) -> None:
        called(f"{ME}:Presses.__call__", "event")


def fails() -> None:
    called(f"{ME}:fails", "event")
    raise failed(f"{ME}:fails")


def ready(event: Any) -> None:
    called(f"{ME}:ready", "event")


def lost(event: Any) -> None:
    called(f"{ME}:lost", "event")


go = buttons["go"]
go.on_click(pressed)
go.on_event(ButtonClick, pressed_event, functools.partial(pressed_partially, "name"))
for each in (nested(), decorated, Presses().method, Presses.of_class, Presses.static, Presses()):
    go.on_click(each)
go.on_click(lambda: called(f"{ME}:<lambda>", "event"))
go.on_click(callbacks_module.imported)
go.on_click(callbacks_module.Imported().method)
buttons["fail"].on_click(fails)
doc.on_event("document_ready", ready)
doc.on_event("connection_lost", lost)

# --- timers ------------------------------------------------------------------------------------------

ticks: dict[str, Any] = {}
left = {"tick": 3, "tick_async": 2}


def ticked(name: str) -> None:
    left[name] -= 1
    if not left[name]:
        doc.remove_periodic_callback(ticks[name])


def tick() -> None:
    called(f"{ME}:tick", "periodic")
    ticked("tick")


async def tick_async() -> None:
    called(f"{ME}:tick_async", "periodic")
    await asyncio.sleep(0)
    ticked("tick_async")


def tick_fails() -> None:
    called(f"{ME}:tick_fails", "periodic")
    doc.remove_periodic_callback(ticks["tick_fails"])
    raise failed(f"{ME}:tick_fails")


def later() -> None:
    called(f"{ME}:later", "timeout")


async def later_async() -> None:
    called(f"{ME}:later_async", "timeout")
    await asyncio.sleep(0)


async def later_fails() -> None:
    called(f"{ME}:later_fails", "timeout")
    await asyncio.sleep(0)
    raise failed(f"{ME}:later_fails")


def soon() -> None:
    called(f"{ME}:soon", "next_tick")


def soon_partially(name: str) -> None:
    called(f"{ME}:soon_partially", "next_tick")


async def soon_async() -> None:
    called(f"{ME}:soon_async", "next_tick")
    await asyncio.sleep(0)


def soon_fails() -> None:
    called(f"{ME}:soon_fails", "next_tick")
    raise failed(f"{ME}:soon_fails")


def timers() -> None:
    called(f"{ME}:timers", "event")
    for function in (tick, tick_async, tick_fails):
        ticks[function.__name__] = doc.add_periodic_callback(function, 20)
    for function in (later, later_async, later_fails):
        doc.add_timeout_callback(function, 20)
    for function in (soon, functools.partial(soon_partially, "name"), soon_async, soon_fails):
        doc.add_next_tick_callback(function)


buttons["timers"].on_click(timers)

# --- the lock, hold, removal -------------------------------------------------------------------------

opened = asyncio.Event()


async def holder() -> None:
    called(f"{ME}:holder", "next_tick")
    await opened.wait()
    count("unlocked", "held until opened")


@without_document_lock  # type: ignore[untyped-decorator]
async def opener() -> None:
    called(f"{ME}:opener", "timeout")
    opened.set()


@without_document_lock  # type: ignore[untyped-decorator]
def proxied() -> None:
    called(f"{ME}:proxied", "timeout")
    count("unlocked", type(curdoc()).__name__)


def unlock() -> None:
    called(f"{ME}:unlock", "event")
    doc.add_next_tick_callback(holder)
    doc.add_timeout_callback(opener, 50)
    doc.add_timeout_callback(proxied, 60)


def held(attr: str, old: int, new: int) -> None:
    called(f"{ME}:held", "property")
    count("held", f"{old} to {new}")


def hold() -> None:
    called(f"{ME}:hold", "event")
    for policy, values in (("collect", (1, 2)), ("combine", (3, 4))):
        doc.hold(policy)
        for value in values:
            quiet.value = value
        count("held", policy)
        doc.unhold()
    count("events", "ModelChangedEvent")  # the one that was combined with its successor and not seen


def remove() -> None:
    called(f"{ME}:remove", "event")
    n.remove_on_change("value", moved)


def build() -> None:
    called(f"{ME}:build", "event")
    made = [Div(text=str(number)) for number in range(3)]
    count("models", "Div update", 3)
    doc.add_root(Column(children=made))
    doc.add_next_tick_callback(build_more)


async def build_more() -> None:
    called(f"{ME}:build_more", "next_tick")
    await asyncio.to_thread(Div)
    await asyncio.create_task(build_last())
    count("models", "Div update", 2)


async def build_last() -> None:
    await asyncio.sleep(0)
    Div()


registered: list[Any] = []


def register() -> None:
    called(f"{ME}:register", "event")
    registered.extend(doc.add_periodic_callback(function, 60_000) for function in (tick, later))
    registered.append(doc.add_timeout_callback(later, 60_000))


def unregister() -> None:
    called(f"{ME}:unregister", "event")
    doc.remove_periodic_callback(registered[0])
    doc.remove_timeout_callback(registered[2])


quiet.on_change("value", held)
for function in (unlock, hold, remove, build, register, unregister):
    buttons[function.__name__].on_click(function)
doc.add_root(Column(children=[n, bad, quiet, out, *buttons.values()]))
