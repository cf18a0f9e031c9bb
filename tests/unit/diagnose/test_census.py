"""The census, in this very process."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import param
import pytest

from bokeh_exporter.diagnose.heap.census import Census, census


class Holder(param.Parameterized):  # type: ignore[misc]
    """Something that an app keeps."""

    number = param.Number(1)


def grown(before: Census, after: Census, name: str) -> tuple[int, int]:
    """Return how many more there are of a type, and of how many more bytes."""
    (count, size), (count_before, size_before) = after.counts[name], before.counts.get(name, (0, 0))
    return count - count_before, (size or 0) - (size_before or 0)


def test_a_census_knows_types_arrays_and_frames() -> None:
    before = census()
    whole = np.zeros(1_000_000)
    kept = {"whole": whole, "views": [whole[:10], whole[5:]], "frame": pd.DataFrame({"a": np.arange(500_000.0)})}
    kept["objects"] = [Holder() for _ in range(100)]
    after = census()
    assert grown(before, after, "numpy.ndarray")[1] == pytest.approx(8_000_000 + 4_000_000, rel=0.05)
    assert grown(before, after, "pandas.DataFrame") == (1, 4_000_000)
    assert grown(before, after, f"{__name__}.Holder")[0] == 100
    assert before.skipped == ""
    assert after.as_json(1)["types"].keys() <= {"numpy.ndarray", "dict", "function", "tuple", "list", "cell"}
    del kept


def test_no_list_of_all_objects_is_ever_seen() -> None:
    # What Bokeh does while it destroys a session, in another thread, as often as it can.
    thing: dict[str, list[int]] = {"a module": []}
    seen, ending = [0], threading.Event()
    usual = len(gc.get_referrers(thing))

    def look() -> None:
        while not ending.is_set():
            seen[0] = max(seen[0], len(gc.get_referrers(thing)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(3):
            census()
    finally:
        ending.set()
        thread.join()
    assert 0 < seen[0] <= usual + 1  # the frame of the thread that looks


def test_freed_objects_of_other_modules_are_left_alone() -> None:
    # Python 3.12's _asyncio gives the freed objects on its free list to whoever asks what it refers to.
    program = """
import asyncio, gc, numpy
from bokeh_exporter.diagnose.heap.census import census
async def wait(future):
    await future
async def futures():
    made = [asyncio.get_running_loop().create_future() for _ in range(50)]
    tasks = [asyncio.ensure_future(wait(each)) for each in made]
    await asyncio.sleep(0)
    for each in made:
        each.set_result(1)
    await asyncio.gather(*tasks)
for _ in range(4):
    for _ in range(50):
        asyncio.run(futures())
    census()
    gc.collect()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
