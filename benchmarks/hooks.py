"""Which hook costs what in a round trip: ``python -m benchmarks.hooks [BLOCKS]``.

To be used when ``run`` says that a round trip costs too much. Client and server share this process;
every patch of ours that a round trip meets is put in alone, all are, none is, in short blocks that take
turns. ``timeit`` on a wrapped function was rejected: its loop keeps everything in the processor's
caches and shows half of what the same hook costs between two messages. What is not a patch of a class
(the document lock's ``acquire``, the timers) is in all columns alike and so not in the numbers.
Wrappers that do nothing, in the same places, show what no hook in Python can be below.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from unittest import mock

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.models import Slider
from bokeh.server.server import Server
from bokeh.util.token import generate_jwt_token, generate_session_id

import bokeh_exporter
from bokeh_exporter.observe.hosts.patches import Patches

from .clients import Session
from .pairs import Spread

_BLOCK = 20
_NONE, _ALL, _EMPTY = "none of these", "all of these", "wrappers that do nothing"


@dataclass
class Hook:
    """One patched function of a class, and what it was."""

    owner: type
    name: str
    #: None: inherited, so the class had no such entry.
    before: Any
    after: Any

    def empty(self) -> None:
        """Put a wrapper in that does nothing."""
        setattr(self.owner, self.name, _passing(getattr(self.owner, self.name)))

    def set(self, on: bool) -> None:
        """Put our wrapper in, or the original."""
        if on or self.before is not None:
            setattr(self.owner, self.name, self.after if on else self.before)
        elif self.name in vars(self.owner):
            delattr(self.owner, self.name)


def _passing(original: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(original):

        async def passing_async(*args: Any, **kwargs: Any) -> Any:
            return await original(*args, **kwargs)

        return passing_async

    def passing(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    return passing


def recorded(install: Callable[..., None], hooks: dict[tuple[type, str], Hook]) -> Callable[..., None]:
    """Wrap ``Patches.install`` so that it leaves a list of what it patched."""

    @functools.wraps(install)
    def installed(patches: Patches, owner: Any, name: str, *rest: Any, **named: Any) -> None:
        before = vars(owner).get(name)
        install(patches, owner, name, *rest, **named)
        after = vars(owner).get(name)
        if isinstance(owner, type) and after is not before and inspect.isfunction(after):
            # Several observers may wrap one function: in and out together.
            hooks.setdefault((owner, name), Hook(owner, name, before, after)).after = after

    return installed


async def measure(blocks: int) -> None:
    """Serve one slider, move it, and print what each hook adds."""
    hooks: dict[tuple[type, str], Hook] = {}
    with mock.patch.object(Patches, "install", recorded(Patches.install, hooks)):
        exporter = bokeh_exporter.install(port=0, sample_period=3600)
        server = Server({"/app": Application(FunctionHandler(page))}, port=0, allow_websocket_origin=["*"])
    server.start()
    url = f"http://127.0.0.1:{server.port}/app"
    session = await Session.connect(url, generate_jwt_token(generate_session_id()))
    slider, value = session.model("Level"), 0

    async def block(trips: int) -> float:
        nonlocal value
        start = time.thread_time()
        for _ in range(trips):
            value = value % 1000 + 1
            await session.change(slider, value)
        return 1e6 * (time.thread_time() - start) / trips

    met = await _met(list(hooks.values()), block)
    names = {f"{hook.owner.__name__}.{hook.name} x{calls:.0f}": [hook] for hook, calls in met}
    sets: dict[str, Collection[Hook]] = {_NONE: [], _ALL: [hook for hook, _ in met], _EMPTY: [], **names}
    taken: dict[str, list[float]] = {name: [] for name in sets}
    for number in range(blocks):
        for name in list(sets) if number % 2 else reversed(sets):
            for hook, _ in met:
                hook.set(hook in sets[name])
                if name == _EMPTY:
                    hook.empty()
            taken[name].append(await block(_BLOCK))
    for hook, _ in met:
        hook.set(True)
    exporter.close()
    print(f"round trip, client and server: {statistics.median(taken[_NONE]):.0f} us; more with")
    for name in list(sets)[1:]:
        spread = Spread.of([b - a for a, b in zip(taken[_NONE], taken[name], strict=True)])
        print(f"{name:<46} {spread.median:+6.1f} us  surely {spread.surely[0]:+.1f} .. {spread.surely[1]:+.1f}")


async def _met(hooks: list[Hook], block: Callable[[int], Any]) -> list[tuple[Hook, float]]:
    """Find the hooks that a round trip meets, and how often."""
    calls: Counter[str] = Counter()
    trips = 50

    def counting(hook: Hook) -> Callable[..., Any]:
        @functools.wraps(hook.after)
        def count(*args: Any, **kwargs: Any) -> Any:
            calls[f"{hook.owner} {hook.name}"] += 1
            return hook.after(*args, **kwargs)

        return count

    for hook in hooks:
        setattr(hook.owner, hook.name, counting(hook))
    await block(trips)
    for hook in hooks:
        hook.set(True)
    each = [(hook, calls[f"{hook.owner} {hook.name}"] / trips) for hook in hooks]
    return [(hook, count) for hook, count in each if count >= 0.5]


def page(document: Any) -> None:
    """Build a slider that nobody listens to."""
    document.add_root(Slider(title="Level", start=0, end=1000, value=0))


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
