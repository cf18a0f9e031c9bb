"""What each level costs: a bare server and one of every level, all alive at once, measured in turns.

``python -m benchmarks.run --levels`` prints the table of README.md. In each turn every server gets one
block of operations, and the order rotates; each block is compared with the bare server's of the same turn.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack

from bokeh_exporter.config import LEVELS

from .paired import Run, block, overhead, presses, round_trips
from .pairs import Spread
from .servers import App, Server

#: Turns in a round, and operations in a block.
_TURNS = 100
_MEASURED: tuple[tuple[str, int, Callable[[Server], Awaitable[Run]]], ...] = (
    ("round trip", 10, round_trips),
    ("with callback", 4, presses),
)
_BARE = "none"
#: What is measured, by the wall or by the server's processor.
Cell = tuple[str, str]


def table(apps: Sequence[App], rounds: int) -> Iterator[str]:
    """Measure and yield the lines of the table, each app's as soon as it is there."""
    heads = [f"{what}, {clock}" for what, _, _ in _MEASURED for clock in ("wall", "server CPU")]
    yield f"| app | level | {' | '.join(heads)} | own account, per round trip |"
    yield f"| --- | --- | {' | '.join('---' for _ in heads)} | --- |"
    for app in apps:
        ratios: dict[str, dict[Cell, list[float]]] = defaultdict(lambda: defaultdict(list))
        said: dict[str, list[float]] = defaultdict(list)
        bare: dict[Cell, list[float]] = defaultdict(list)
        for _ in range(rounds):
            asyncio.run(_round(app, ratios, said, bare))
        cells = [(what, clock) for what, _, _ in _MEASURED for clock in ("wall", "cpu")]
        medians = " | ".join(f"{1000 * Spread.of(bare[cell]).median:.3g} ms" for cell in cells)
        yield f"| {app.name} | without | {medians} | |"
        for level in LEVELS:
            shown = " | ".join(_ratio(Spread.of(ratios[level][cell])) for cell in cells)
            account = f"{Spread.of(said[level]).median:.1f} us" if said[level] else ""
            yield f"| {app.name} | `{level}` | {shown} | {account} |"


def _ratio(spread: Spread) -> str:
    return f"x {spread.median:.3f} ({spread.surely[0]:.3f} .. {spread.surely[1]:.3f})"


async def _round(
    app: App, ratios: dict[str, dict[Cell, list[float]]], said: dict[str, list[float]], bare: dict[Cell, list[float]]
) -> None:
    with ExitStack() as stack:
        servers = {_BARE: stack.enter_context(Server(app, False))}
        for level in LEVELS:
            servers[level] = stack.enter_context(Server(app, True, level))
        for server in servers.values():
            server.wait()
        for what, operations, prepare in _MEASURED:
            runs = {name: await prepare(server) for name, server in servers.items()}
            before = {name: await overhead(server) for name, server in servers.items()}
            order = list(servers)
            for turn in range(_TURNS + 1):
                order.append(order.pop(0))
                took = {name: await block(servers[name], runs[name], operations) for name in order}
                if turn:  # the first warms up
                    for clock in ("wall", "cpu"):
                        unit = getattr(took[_BARE], clock)
                        bare[what, clock].append(unit)
                        for level in LEVELS:
                            ratios[level][what, clock].append(getattr(took[level], clock) / unit)
            if what == "round trip":
                for level in LEVELS:
                    after, then = await overhead(servers[level]), before[level]
                    if after is not None and then is not None:
                        said[level].append(1e6 * (after - then) / ((_TURNS + 1) * operations))
