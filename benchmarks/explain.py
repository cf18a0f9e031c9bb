"""Find who holds one object among 3 million: how long it takes, how long the loop stands still, what memory it takes.

python -m benchmarks.explain [OBJECTS [ROUNDS [LARGE]]]

The aims: no stall of the loop above 250 ms, done within 20 s. With ``1`` as LARGE the reported container holds a
third of the objects, and what it retains is measured.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable
from typing import Any

from bokeh_exporter.diagnose.heap.answers import Explanation
from bokeh_exporter.diagnose.heap.explain import explain
from bokeh_exporter.diagnose.heap.holders import Target

TICK = 0.005


class Node:
    """What a heap is made of: an instance, and a list."""

    def __init__(self, number: int) -> None:
        self.number, self.kept = number, [number]


def heap(objects: int, large: bool) -> tuple[types.ModuleType, weakref.ref[Any]]:
    module: Any = types.ModuleType("heap_of_benchmark")
    sys.modules[module.__name__] = module
    module.nodes = [Node(number) for number in range(objects // 3)]
    module.tables = [{number: [number]} for number in range(objects // 6)]
    module.KEPT = {"figures": [module.nodes[0], lost := Node(-1)]}
    if large:
        module.KEPT["figures"] += [[f"text {number}"] for number in range(objects // 3)]
    return module, weakref.ref(lost)


async def ticks(begun: threading.Event, ended: threading.Event) -> float:
    worst, last = 0.0, time.perf_counter()
    while not ended.is_set():
        await asyncio.sleep(TICK)
        begun.set()  # a thread that holds the interpreter lock before the loop ticks would not be seen
        worst, last = max(worst, time.perf_counter() - last - TICK), time.perf_counter()
    return worst


def beside(work: Callable[[], object]) -> float:
    """Do it in a thread and return the worst stall of a loop meanwhile."""
    begun, ended = threading.Event(), threading.Event()

    def run() -> None:
        begun.wait()
        work()
        ended.set()

    threading.Thread(target=run).start()
    return asyncio.run(ticks(begun, ended))


def main(objects: int = 3_000_000, rounds: int = 3, large: int = 0) -> None:
    _module, lost = heap(objects * 2 // 3 if large else objects, bool(large))
    gc.collect()
    for _ in range(rounds):
        found, cost = list[Explanation](), list[float]()

        def search(found: list[Explanation] = found, cost: list[float] = cost) -> None:
            begun = time.thread_time()
            found.append(explain([Target("/app", "document", lost, time.monotonic(), "Document")]))
            cost.append(time.thread_time() - begun)

        # The same machine at the same time, with no search: one that others use stalls by itself.
        idle = beside(lambda: time.sleep(5))
        walk = beside(lambda: len(gc.get_objects()))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        worst = beside(search)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result = {
            "objects": found[0].objects_visited, "text": found[0].text(), "load": round(os.getloadavg()[0], 1),
            "worst_stall_seconds": {"nothing": round(idle, 3), "gc.get_objects": round(walk, 3),
                                    "search": round(worst, 3)},
            "seconds": round(found[0].seconds, 2), "cpu_seconds": round(cost[0], 2),
            "peak_growth_mb": round((after - before) / 1024, 1),
        }  # fmt: skip
        print(json.dumps(result, indent=2), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
