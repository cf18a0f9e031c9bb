"""Which containers grew between two pictures: where they stand, how many bytes, since when."""

from __future__ import annotations

import functools
import random
import sys
import threading
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bokeh_exporter.diagnose.containers.growth import LEAST, ROWS, ContainerGrowth
from bokeh_exporter.diagnose.containers.shares import owners
from bokeh_exporter.diagnose.heap.answers import Found
from bokeh_exporter.diagnose.heap.explain import explain
from bokeh_exporter.diagnose.heap.picture import Heap

pytestmark = pytest.mark.once  # each picture of what a worker has imported takes seconds

MODULE = "acme_growth.state"
NAMES = ("DICT", "LIST", "SET", "DEQUE", "ORDERED", "STORE", "Registry", "cached", "kept", "TEXTS")


class Picture:
    """Takes pictures an hour apart."""

    def __init__(self, *also: str, **given: Any) -> None:
        self.now, self.roots = 1_000_000.0, (MODULE, *also)
        self.growth = ContainerGrowth(lambda: self.now, **given)

    def take(self) -> dict[str, Found]:
        found: list[Found] = []
        thread = threading.Thread(target=lambda: found.extend(explain([], look=self.growth.look).containers))
        thread.start()
        thread.join()
        self.now += 3600
        return {each.root(): each for each in found if any(root in each.root() for root in self.roots)}


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Any]:
    file = tmp_path / "state.py"
    file.write_text("\n".join(f"{name} = None" for name in NAMES))
    made: Any = types.ModuleType(MODULE)
    made.__file__ = str(file)

    class Registry:
        kept: list[bytes] = []

        def __init__(self) -> None:
            self.cached: dict[int, bytes] = {}

    Registry.__module__ = MODULE
    made.Registry, made.STORE = Registry, Registry()
    made.DICT, made.LIST, made.SET, made.DEQUE, made.ORDERED = {}, [], set(), deque(), OrderedDict()
    made.TEXTS = {}
    made.cached = functools.lru_cache(maxsize=None)(lambda number: bytes(number))
    session: Any = types.ModuleType("bokeh_app_0124")
    session.DICT, session.LIST = made.DICT, made.LIST  # a session is open that imported them
    sys.modules.update({MODULE: made, session.__name__: session})
    yield made
    del sys.modules[MODULE], sys.modules[session.__name__]


SIZE = 2_000_000
GROWS: dict[str, Callable[[Any], object]] = {
    "DICT": lambda made: made.DICT.update(a=[bytes(SIZE)]),
    "LIST": lambda made: made.LIST.append({"deep": ([bytes(SIZE)],)}),
    "SET": lambda made: made.SET.add(bytes(SIZE)),
    "DEQUE": lambda made: made.DEQUE.append(np.zeros(SIZE // 8)),
    "ORDERED": lambda made: made.ORDERED.update(a=bytes(SIZE)),
    "STORE.cached": lambda made: made.STORE.cached.update({1: bytes(SIZE)}),
    "Registry.kept": lambda made: made.Registry.kept.append(bytes(SIZE)),
    "cached": lambda made: made.cached(SIZE),
    # Of text alone: the collector does not track it, and no picture has it.
    "TEXTS": lambda made: made.TEXTS.update({"a": "x" * SIZE}),
}


def test_each_is_named_by_its_path_with_the_bytes_that_it_grew_by(module: Any) -> None:
    picture = Picture()
    assert picture.take() == {}
    for grow in GROWS.values():
        grow(module)
    found = picture.take()
    assert set(found) == {f"module {MODULE}, {name}" for name in GROWS}
    for row in found.values():
        content = row.content()
        assert content["kind"] == "container"
        assert content["change_bytes"] == pytest.approx(SIZE, rel=0.01)
        assert content["retained_bytes"] == pytest.approx(SIZE, rel=0.01)
        assert (content["since"], content["change_since"]) == (1_000_000.0, 1_000_000.0)
        assert content["whose"] == "app"
        assert content["diff"] is None
    assert picture.take() == {}  # they have not grown since


@pytest.mark.long
def test_what_grows_slowly_is_reported_once_it_is_much_and_what_shrinks_is_not(module: Any) -> None:
    picture = Picture()
    module.DICT["held"] = [bytes(SIZE)]
    assert picture.take() == {}
    for _ in range(2):
        module.LIST.append(bytes(LEAST * 2 // 5))
        module.DICT.pop("held", None)
        assert picture.take() == {}
    module.LIST.append(bytes(LEAST * 2 // 5))
    (row,) = picture.take().values()
    assert row.content()["change_bytes"] == pytest.approx(LEAST * 6 // 5, rel=0.01)
    assert row.content()["change_since"] == 1_000_000.0
    module.DICT["held"] = [bytes(SIZE)]  # as much as it once was, and more than it was last
    assert picture.take()[f"module {MODULE}, DICT"].content()["change_since"] == 1_000_000.0 + 3600


def test_caches_of_panel_and_holoviews_are_named_with_entries_and_bytes(module: Any) -> None:
    pn = pytest.importorskip("panel")
    hv = pytest.importorskip("holoviews")

    def load(number: int) -> list[bytes]:
        return [bytes(SIZE + number)]

    load.__module__ = MODULE
    loaded = pn.cache(load)
    plots = hv.DynamicMap(lambda n: hv.Curve(np.zeros((SIZE // 16, 2)) + n), kdims=["n"])
    module.STORE = plots.redim.range(n=(0, 9))
    loaded(0)
    (digest,) = [key for key, kept in pn.state._memoize_cache.items() if len(kept) == 1]
    picture = Picture("pn.cache of ", cached=lambda: {digest: "state.py:load"})
    try:
        assert picture.take() == {}
        for number in range(1, 4):
            loaded(number)
            module.STORE[number]
        found = picture.take()
    finally:
        loaded.clear()
    assert set(found) == {"pn.cache of state.py:load", f"module {MODULE}, STORE.data"}
    cached, kept = (row.content() for _, row in sorted(found.items(), key=lambda each: "pn.cache" not in each[0]))
    assert str(cached["text"]).startswith(
        "pn.cache of state.py:load -> dict of 4 entries; emptying it would free 8.0 MB"
    )
    assert cached["change_bytes"] == pytest.approx(3 * SIZE, rel=0.01)
    assert (cached["whose"], cached["whose_text"]) == ("app", "your code: it puts entries into pn.cache")
    assert "max_items" in str(cached["remedy"])
    assert "dict of 3 entries" in str(kept["text"])
    assert kept["change_bytes"] == pytest.approx(3 * SIZE, rel=0.1)


def test_rows_are_few_and_the_largest(module: Any) -> None:
    names = [f"C{number}" for number in range(ROWS + 3)]
    for name in names:
        setattr(module, name, [])
    picture = Picture()
    picture.take()
    for number, name in enumerate(names):
        getattr(module, name).append(bytes(LEAST * (number + 2)))
    assert list(picture.take()) == [f"module {MODULE}, {name}" for name in names[:2:-1]]


def test_owners_in_random_graphs_agree_with_a_search_by_hand() -> None:
    chance = random.Random(18)
    for _ in range(60):
        size = chance.randrange(2, 40)
        edges = [[chance.randrange(size) for _ in range(chance.randrange(3))] for _ in range(size)]
        begins = {chance.randrange(size) for _ in range(3)}
        containers = chance.sample(range(size), min(size, 3))
        heap = Heap(
            np.arange(10, size + 10, dtype=np.uint64), np.arange(size, dtype=np.int32),
            np.cumsum([0, *map(len, edges)]), np.array(list(chain.from_iterable(edges)), np.int32),
            np.zeros(size, np.int32),
        )  # fmt: skip

        def reach(begins: set[int], edges: list[list[int]] = edges, stop: list[int] = containers) -> set[int]:
            seen = set(begins) - set(stop)
            todo = list(seen)
            while todo:
                new = set(edges[todo.pop()]) - seen - set(stop)
                seen |= new
                todo += new
            return seen

        others = reach(begins)
        found = owners(heap, [each + 10 for each in begins], [each + 10 for each in containers]).tolist()
        for number, container in enumerate(containers):
            assert found[container] == number
            hangs = reach(set(edges[container])) - others
            assert all(found[each] >= 0 for each in hangs)
            assert {each for each, owner in enumerate(found) if owner == number} <= hangs | {container}
        assert all(found[each] == -1 for each in others)
