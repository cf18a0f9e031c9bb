"""What a row says of a holder: bytes, since when, whose code, what to do; and which names are shown."""

from __future__ import annotations

import asyncio
import functools
import gc
import random
import re
import sys
import threading
import time
import types
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bokeh_exporter.diagnose.blame import keys, known_leaks
from bokeh_exporter.diagnose.blame.whose import judge
from bokeh_exporter.diagnose.heap.answers import Explanation
from bokeh_exporter.diagnose.heap.explain import explain
from bokeh_exporter.diagnose.heap.history import HOLDERS, HolderHistory
from bokeh_exporter.diagnose.heap.holders import Target
from bokeh_exporter.diagnose.heap.interpreter import InterpreterError, check
from bokeh_exporter.diagnose.heap.objects import noun
from bokeh_exporter.diagnose.heap.paths import Chain, Step
from bokeh_exporter.diagnose.heap.picture import SLICE, Heap
from bokeh_exporter.diagnose.heap.retained import only_by
from bokeh_exporter.diagnose.heap.roots import Host
from bokeh_exporter.observe.memory.stepped import Stepped
from bokeh_exporter.state.attribution import NoAttribution

SOURCE = "import functools\n\nCACHE = {}\nLIMIT = 'figures'\n"


class Doc:
    """What leaks."""

    data: Any


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Any]:
    file = tmp_path / "state.py"
    file.write_text(SOURCE)
    made: Any = types.ModuleType("acme_holders.state")
    made.__file__, made.CACHE = str(file), {}
    session: Any = types.ModuleType("bokeh_app_0123")
    session.CACHE = made.CACHE
    sys.modules.update({made.__name__: made, session.__name__: session})  # a session is open that imported it
    yield made
    del sys.modules[made.__name__], sys.modules[session.__name__]
    gc.collect()


def search(references: list[weakref.ref[Any]], **given: Any) -> Explanation:
    """Search as the exporter does: not in the thread whose frames hold everything."""
    found: list[Explanation] = []
    targets = [Target("/app", "document", each, time.monotonic(), "Doc") for each in references]
    thread = threading.Thread(target=lambda: found.append(explain(targets, **given)))
    thread.start()
    thread.join()
    return found[0]


def leak(container: list[Any], payload: Callable[[int], Any]) -> list[weakref.ref[Any]]:
    references = []
    for number in range(3):
        made = Doc()
        made.data = payload(number)
        container.append(made)
        references.append(weakref.ref(made))
    return references


OUTSIDE = np.zeros(1_000_000)
PAYLOADS: dict[str, tuple[Callable[[int], Any], int]] = {
    "bytes": (lambda number: b"x" * 1_000_000 + bytes([number]), 3_000_000),
    "arrays": (lambda number: np.zeros(125_000), 3_000_000),
    "a view that alone has its base": (lambda number: np.zeros(125_000)[1:], 3_000_000),
    "views of an array that is somebody else's": (lambda number: OUTSIDE[number:], 0),
    "a dict that the collector does not track": (lambda number: {"a": bytes([number]) * 1_000_000}, 3_000_000),
}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_bytes_are_those_that_would_be_freed(module: Any, kind: str) -> None:
    payload, expected = PAYLOADS[kind]
    references = leak(module.CACHE.setdefault("figures", []), payload)
    (found,) = search(references).retained
    assert found.root() == "module acme_holders.state, CACHE['figures']"
    assert found.retained is not None
    assert found.retained.bytes == pytest.approx(expected, rel=0.05, abs=5_000)


def test_texts_that_two_of_a_holders_parts_share_count_once_however_far_apart_these_are(module: Any) -> None:
    texts = [f"{number:0100}" for number in range(4 * SLICE)]
    outside = texts[: len(texts) // 2]
    kept = module.CACHE.setdefault("figures", [])
    references = leak(kept, lambda number: None)
    kept += [[text] for text in texts]
    kept += [(text, []) for text in texts]  # in other slices than the first
    parts = sum(map(sys.getsizeof, ([1], (1, 2), [])))
    expected = sys.getsizeof(texts[0]) * len(outside) + len(texts) * parts
    del texts
    (found,) = search(references).retained
    assert found.retained is not None
    assert found.retained.bytes == pytest.approx(expected, rel=0.05)
    without = found.retained.bytes
    outside.clear()
    (found,) = search(references).retained
    assert found.retained is not None
    assert found.retained.bytes - without == 2 * SLICE * sys.getsizeof(f"{0:0100}")


def test_random_graphs_agree_with_a_search_by_hand() -> None:
    chance = random.Random(18)

    def reach(edges: list[list[int]], begins: list[int], cut: int | None) -> set[int]:
        seen = set(begins) - {cut}
        todo = list(seen)
        while todo:
            new = set(edges[todo.pop()]) - seen - {cut}
            seen |= new
            todo += new
        return seen

    for _ in range(60):
        size = chance.randrange(2, 40)
        edges = [[chance.randrange(size) for _ in range(chance.randrange(3))] for _ in range(size)]
        begins, holder = [chance.randrange(size) for _ in range(3)], chance.randrange(size)
        heap = Heap(
            np.arange(10, size + 10, dtype=np.uint64), np.arange(size, dtype=np.int32),
            np.cumsum([0, *map(len, edges)]), np.array(list(chain.from_iterable(edges)), np.int32),
            np.zeros(size, np.int32),
        )  # fmt: skip
        found = set(only_by(heap, [each + 10 for each in begins], holder + 10).tolist())
        assert found == reach(edges, edges[holder], None) - reach(edges, begins, holder) - {holder}


def test_an_hour_later_the_difference_is_told(module: Any) -> None:
    now = [1_000_000.0]
    history = HolderHistory(lambda: now[0])
    kept = module.CACHE.setdefault("figures", [])
    references = leak(kept, lambda number: np.zeros(125_000))
    (first,) = search(references, history=history).retained
    assert first.content()["change_bytes"] is None
    now[0] += 3600
    references += leak(kept, lambda number: np.zeros(125_000))
    # From Python 3.13 on the variables of a frame whose code uses locals() can be read, as pytest's assert does here.
    del kept
    (second,) = search(references, history=history).retained
    row = second.content()
    assert row["change_bytes"] == pytest.approx(3_000_000, rel=0.05)
    assert (row["since"], row["change_since"]) == (1_000_000.0, 1_000_000.0)
    assert "+3.0 MB since" in second.text()
    for number in range(2 * HOLDERS):
        history.seen((str(number),), 1)
    assert len(history._seen) == HOLDERS


def way(text: str, *steps: Step) -> Chain:
    return Chain(text.partition(" -> ")[0], (*steps, Step("Document", "[0]", "bokeh.document", None, None)), text)


def test_each_sentence_says_whose_code_it_is(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module.CACHE["figures"] = []
    (found,) = search(leak(module.CACHE["figures"], lambda number: None)).retained
    row = found.content()
    assert (row["whose"], row["whose_text"]) == ("app", "your code: acme_holders/state.py:3")
    assert "+CACHE = weakref.WeakValueDictionary()" in str(row["diff"])
    assert "on_session_destroyed(lambda context: CACHE['figures'].remove(entry))" in str(row["remedy"])
    hidden = Step("dict", "[<str, 32 chars, #3f2a>]", "builtins", None, None)
    keyed = way("module a, DOCS[<str, 32 chars, #3f2a>]", Step("dict", "DOCS", "builtins", None, None), hidden)
    assert "REGISTRY.pop(key, None)" in judge(keyed, 1, "document").remedy

    host = way("module bokeh.io, x", Step("module", "bokeh.io", "bokeh.io", None, None))
    assert judge(host, 1, "document").text == "the host's own: one per process, not a leak"
    assert judge(host, 2, "document").text == "a library: bokeh"
    text = "panel.state._param__private.values['_memoize_cache'][<str, 64 chars, #3f2a>][<str, 40 chars, #11aa>][0]"
    cached = way(text, Step("_state", "panel.state", "panel.io.state", None, None))
    assert judge(cached, 1, "document").text == "your code: it puts entries into pn.cache"
    views = way("panel.state._views['a']", Step("module", "panel.io.state", "panel.io.state", None, None))
    monkeypatch.setattr("bokeh_exporter.diagnose.blame.whose.versions", lambda: {"panel": "1.9.1"})
    assert judge(views, 2, "model").text == "Panel 1.9.1: known, fixed in 1.9.2 (holoviz/panel#8605)"
    assert known_leaks.of_versions({"panel": "1.9.2", "CPython": "3.14.5"}) == []
    assert "CPython 3.14.4: known, fixed in 3.14.5" in known_leaks.of_versions({"CPython": "3.14.4"})[0]


def test_a_task_that_waits_for_ever_is_named_by_its_function(module: Any) -> None:
    loop = asyncio.SelectorEventLoop()
    made = Doc()
    reference = weakref.ref(made)

    async def feed(doc: Doc) -> None:
        await asyncio.sleep(1000)
        id(doc)

    task = loop.create_task(feed(made))
    del made
    loop.run_until_complete(asyncio.sleep(0))
    try:
        (found,) = search([reference], hosts=lambda: [Host("event loop", "", weakref.ref(loop))]).retained
        assert found.text().startswith("task of function ")
        assert "feed (test_holders.py:" in found.root()
        assert found.root().endswith("local variable doc")
    finally:
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()


async def _feed(doc: Doc) -> AsyncIterator[int]:
    await asyncio.sleep(1000)
    yield id(doc)


async def _iterate(stream: AsyncIterator[int]) -> None:
    async for each in stream:
        id(each)


class _Around:
    """An object around a function, as Bokeh 3.10 makes of a locked callback."""

    def __init__(self, function: Callable[[], object]) -> None:
        functools.update_wrapper(self, function)  # type: ignore[arg-type]


def _asked(make: Callable[[asyncio.AbstractEventLoop, Doc], asyncio.Task[Any]]) -> str:
    """Return what is said of a document that a task of an event loop holds."""
    loop = asyncio.SelectorEventLoop()
    made = Doc()
    reference = weakref.ref(made)
    task = make(loop, made)
    del made
    loop.run_until_complete(asyncio.sleep(0))
    try:
        (found,) = search([reference], hosts=lambda: [Host("event loop", "", weakref.ref(loop))]).retained
        return found.text()
    finally:
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()


def test_a_task_of_an_async_generator_is_named_by_its_function() -> None:
    said = _asked(lambda loop, doc: loop.create_task(_feed(doc).__anext__()))  # type: ignore[arg-type]
    assert re.match(r"task of function _feed \(test_holders.py:\d+\), local variable doc -> ", said), said
    said = _asked(lambda loop, doc: loop.create_task(_iterate(_feed(doc))))
    assert re.match(r"task of function _iterate .* -> generator _feed \(test_holders.py:\d+\) local variable doc", said)


def test_a_task_of_a_librarys_is_named_by_what_it_waits_for() -> None:
    async def feed(doc: Doc) -> None:
        await asyncio.sleep(1000)
        id(doc)

    library: dict[str, Any] = {}
    exec(compile("async def run(inner):\n    await inner\n", "<frozen library>", "exec"), library)
    said = _asked(lambda loop, doc: loop.create_task(library["run"](feed(doc))))
    assert re.match(r"task of function \S+feed \(test_holders.py:\d+\) that <function> waits for, ", said)
    # Also through the awaits of ours, which step through what a hook of the app's does.
    said = _asked(
        lambda loop, doc: loop.create_task(
            library["run"](Stepped(cast(Any, NoAttribution()), "/app", "http", feed(doc)))
        )
    )
    assert re.match(r"task of function \S+feed \(test_holders.py:\d+\) that <function> waits for, ", said)


def test_an_object_around_a_function_is_named_by_it(module: Any) -> None:
    def around(doc: Doc) -> _Around:
        return _Around(lambda: doc)

    made = Doc()
    reference = weakref.ref(made)
    module.CACHE["around"] = around(made)
    del made
    (found,) = search([reference]).retained
    module.CACHE.clear()
    assert "_Around of function " in found.text()
    assert noun(_Around(_named)) == f"_Around of function _named (test_holders.py:{_named.__code__.co_firstlineno})"


def _named() -> None: ...


@pytest.mark.parametrize("key", ["alice", "diagnosis:hiv-positive", "sk-live-abc"])
def test_a_key_that_is_no_literal_of_the_code_is_not_shown(module: Any, key: str) -> None:
    kept: list[Any] = []
    module.CACHE[key] = kept
    references = leak(kept, lambda number: None)
    del kept  # else the frame holds it, which can be read from Python 3.13 on
    (found,) = search(references).retained
    assert key not in str(found.content())
    assert keys.hidden(key) in found.text()


@pytest.mark.parametrize("given", [("cpython", (3, 16), True), ("cpython", (3, 14), False), ("pypy", (3, 11), True)])
def test_an_interpreter_that_is_not_on_the_list_is_refused_in_a_line(given: tuple[str, tuple[int, ...], bool]) -> None:
    with pytest.raises(InterpreterError, match="was not tested on"):
        check(*given)
