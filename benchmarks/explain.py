"""Find who holds one object among 3 million: how long it takes, how long the loop stands still, what memory it takes.

python -m benchmarks.explain [OBJECTS]

The aims: no stall of the loop above 250 ms, done within 20 s.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import threading
import time
import types
import weakref
from typing import Any

from bokeh_exporter.diagnose.explain import Explanation, explain
from bokeh_exporter.diagnose.groups import Target

TICK = 0.005


class Node:
    """What a heap is made of: an instance, and a list."""

    def __init__(self, number: int) -> None:
        self.number, self.kept = number, [number]


def heap(objects: int) -> tuple[types.ModuleType, weakref.ref[Any]]:
    module: Any = types.ModuleType("heap_of_benchmark")
    sys.modules[module.__name__] = module
    module.nodes = [Node(number) for number in range(objects // 3)]
    module.tables = [{number: [number]} for number in range(objects // 6)]
    module.KEPT = {"figures": [module.nodes[0], lost := Node(-1)]}
    return module, weakref.ref(lost)


async def ticks(ended: threading.Event) -> float:
    worst, last = 0.0, time.perf_counter()
    while not ended.is_set():
        await asyncio.sleep(TICK)
        worst, last = max(worst, time.perf_counter() - last - TICK), time.perf_counter()
    return worst


def main(objects: int = 3_000_000) -> None:
    begun = time.perf_counter()
    _module, lost = heap(objects)
    built = time.perf_counter() - begun
    gc.collect()
    begun = time.perf_counter()
    taken = gc.get_objects()
    walk = time.perf_counter() - begun
    del taken
    ended, found = threading.Event(), list[Explanation]()

    def search() -> None:
        found.append(explain([Target("/app", "document", lost, time.monotonic(), "Document")]))
        ended.set()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    threading.Thread(target=search).start()
    worst = asyncio.run(ticks(ended))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = {
        "objects": found[0].objects_visited, "text": found[0].text(), "built_seconds": round(built, 2),
        "get_objects_seconds": round(walk, 3), "worst_stall_seconds": round(worst, 3),
        "seconds": round(found[0].seconds, 2), "peak_growth_mb": round((after - before) / 1024, 1),
    }  # fmt: skip
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
