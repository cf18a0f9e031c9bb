"""Random graphs of every kind of holder: each way that is told exists, and none is shorter."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import dataclasses
import functools
import gc
import itertools
import logging
import queue
import random
import re
import signal
import sys
import threading
import time
import traceback
import types
import weakref
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any

import numpy as np
import pytest

from bokeh_exporter.diagnose.heap import arrays, frames
from bokeh_exporter.diagnose.heap.atomic_reads import unseen
from bokeh_exporter.diagnose.heap.explain import explain
from bokeh_exporter.diagnose.heap.holders import Target
from bokeh_exporter.diagnose.heap.paths import describe, follow
from bokeh_exporter.diagnose.heap.picture import NoRoomError, hidden, picture
from bokeh_exporter.diagnose.heap.referents import Reader
from bokeh_exporter.diagnose.heap.roots import roots
from bokeh_exporter.diagnose.heap.search import ways


class Thing:
    """What is kept; its own code must never run."""

    def __init__(self, **kept: Any) -> None:
        self.__dict__.update(kept)

    def method(self) -> None: ...

    def __repr__(self) -> str:
        raise AssertionError("a repr was taken")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("two things were compared")

    def __hash__(self) -> int:
        return 1

    @property
    def trap(self) -> None:
        raise AssertionError("an attribute was looked up")


class Meta(type):
    """A class of classes."""


@dataclasses.dataclass
class Data:
    kept: Any


@dataclasses.dataclass(slots=True)
class Tight:
    kept: Any


class Slotted:
    __slots__ = ("__weakref__", "kept")


Pair = namedtuple("Pair", "left right")
kept_by: contextvars.ContextVar[Any] = contextvars.ContextVar("kept_by")


def closure(kept: Any) -> Any:
    def inner() -> Any:
        return kept

    return inner


def default(kept: Any) -> Any:
    def inner(argument: Any = kept) -> Any:
        return argument

    return inner


def keyword(kept: Any) -> Any:
    def inner(*, argument: Any = kept) -> Any:
        return argument

    return inner


def generator(kept: Any) -> Any:
    def run(local: Any) -> Generator[int]:
        yield 1
        id(local)

    made = run(kept)
    next(made)
    return made


def coroutine(kept: Any) -> Any:
    @types.coroutine
    def pause() -> Generator[None]:
        yield

    async def wait(local: Any) -> None:
        await pause()
        id(local)

    made = wait(kept)
    made.send(None)
    return made


def cached(kept: Any) -> Any:
    @functools.lru_cache(maxsize=random.choice([None, 4]))
    def remember(argument: Any, other: int) -> None: ...

    remember(id_key(kept), 1)
    return remember


def context(kept: Any) -> Any:
    made = contextvars.Context()
    made.run(kept_by.set, kept)
    return made


def raised(kept: Any) -> Any:
    def fail(local: Any) -> None:
        raise ValueError

    try:
        fail(kept)
    except ValueError as error:
        return error


def slotted(kept: Any) -> Any:
    made: Any = Slotted()
    made.kept = kept
    return made


def finalized(kept: Any) -> Any:
    made = Slotted()
    weakref.finalize(made, id, kept).atexit = False
    return made  # held by the registry as long as this lives


def filtered(kept: Any) -> Any:
    made = logging.Logger("filtered")
    made.addFilter(closure(kept))
    return made


def handler(kept: Any) -> Any:
    made = logging.Handler()
    made.kept = kept  # type: ignore[attr-defined]
    logger = logging.Logger("explained")
    logger.addHandler(made)
    return logger


def asynchronous(kept: Any) -> Any:
    async def run(local: Any) -> AsyncGenerator[int]:
        yield 1
        id(local)

    made = run(kept)
    with pytest.raises(StopIteration):
        made.__anext__().send(None)
    return made


def chained(kept: Any) -> Any:
    try:
        try:
            raise raised(kept)
        except ValueError:
            raise KeyError from None
    except KeyError as error:
        error.__traceback__ = None
        return error


def only_weak(kept: Any) -> Any:
    made: Any = Slotted()
    made.kept = weakref.WeakKeyDictionary({(key := Slotted()): kept})
    return made, key


def queued(kept: Any) -> Any:
    made: Any = queue.Queue()
    made.put(kept)
    return made


def simply_queued(kept: Any) -> Any:
    made: Any = queue.SimpleQueue()
    made.put(kept)
    return made


def submitted(kept: Any) -> Any:
    made = concurrent.futures.Future[Any]()
    made.set_result(kept)
    return made


def array(kept: Any) -> Any:
    made = np.empty((2, 2), object)
    made[1, 0] = kept
    return made


def future(kept: Any) -> Any:
    loop = asyncio.SelectorEventLoop()
    made = loop.create_future()
    made.add_done_callback(functools.partial(id, kept))
    loop.close()
    return made


HOLDERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "attribute": (lambda kept: Thing(kept=kept), ".kept"),
    "slot": (slotted, ".kept"),
    "list": (lambda kept: [1, kept], "[1]"),
    "tuple": (lambda kept: (kept, 2), "[0]"),
    "deque": (lambda kept: deque([3, 4, kept]), "[2]"),
    "named tuple": (lambda kept: Pair(1, kept), ".right"),
    "dict": (lambda kept: {"figures": kept}, "['figures']"),
    "number": (lambda kept: defaultdict(list, {7: kept}), "[7]"),
    "ordered": (lambda kept: OrderedDict(a=kept), "['a']"),
    "secret key": (lambda kept: {"f3a9c1e07b52d4866a0b9c1d2e3f4a5b": kept}, "[<str, 32 chars, #"),
    "key": (lambda kept: {id_key(kept): 1}, "[a key]"),
    "set": (lambda kept: {id_key(kept)}, "[an element]"),
    "closure": (closure, "closure variable kept"),
    "default": (default, "default of argument argument"),
    "keyword default": (keyword, "default of argument argument"),
    "method": (lambda kept: Thing(kept=kept).method, "method Thing.method"),
    "partial": (lambda kept: functools.partial(id, kept), ".args[0]"),
    "property": (lambda kept: property(closure(kept)), ".fget"),
    "class": (lambda kept: type("Made", (), {"kept": kept}), ".kept"),
    "generator": (generator, "local variable local"),
    "coroutine": (coroutine, "local variable local"),
    "lru_cache": (cached, "cached argument"),
    "context": (context, "context variable 'kept_by'"),
    "exception": (raised, "traceback"),
    "weak reference": (lambda kept: (made := Slotted(), weakref.ref(made, functools.partial(id, kept))), "callback"),
    "finalize": (finalized, "weakref.finalize"),
    "logger": (handler, "logger 'explained'"),
    "logging filter": (filtered, ".filters[0]"),
    "data class": (lambda kept: Data(kept), ".kept"),
    "data class with slots": (lambda kept: Tight(kept), ".kept"),
    "frozen set": (lambda kept: frozenset({id_key(kept)}), "[an element]"),
    "namespace": (lambda kept: types.SimpleNamespace(kept=kept), "['kept']"),
    "read only dict": (lambda kept: types.MappingProxyType({"kept": kept}), "['kept']"),
    "chained dicts": (lambda kept: ChainMap({}, {"kept": kept}), ".maps[1]['kept']"),
    "asynchronous generator": (asynchronous, "local variable local"),
    "chained exception": (chained, ".__context__ -> ValueError traceback"),
    "weak keys": (only_weak, ".data[<ReferenceType>]"),
    "queue": (queued, ".queue[0]"),
    "simple queue": (simply_queued, "SimpleQueue"),
    "executor's future": (submitted, "._result"),
    "thread": (lambda kept: threading.Thread(args=(kept,)), "._args[0]"),
    "timer": (lambda kept: threading.Timer(9, id, (kept,)), ".args[0]"),
    "metaclass": (lambda kept: Meta("Made", (), {"kept": kept}), ".kept"),
    "iterator": (lambda kept: itertools.cycle(iter([kept])), "itertools.cycle -> list_iterator[0]"),
    "static method": (lambda kept: staticmethod(closure(kept)), ".__func__"),
    "wrapped": (lambda kept: functools.wraps(closure(kept))(lambda: None), ".__wrapped__"),
    "default factory": (lambda kept: defaultdict(closure(kept)), ".default_factory"),
    "future": (future, "partial of id"),
}


class Key:
    """A key that can be hashed whatever it holds."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept


def id_key(kept: Any) -> Key:
    return Key(kept)


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    made = types.ModuleType("acme_explained")
    made.__file__ = __file__
    sys.modules["acme_explained"] = made
    yield made
    del sys.modules["acme_explained"]
    gc.collect()


def in_thread(work: Callable[[], Any]) -> Any:
    """As the exporter searches: not in the thread whose frames hold everything."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def steps_from_roots(begins: dict[int, Any]) -> dict[int, int]:
    """The truth: how many steps each object is from a root, by asking Python object by object."""
    steps: dict[int, int] = {}
    level: list[Any] = []
    for root in begins.values():
        if root.level == 0:
            start = root.get()
            if id(start) not in steps:
                steps[id(start)] = 0
                level.append(start)
    late = [root for root in begins.values() if root.level]
    hold = list(level)
    while level:
        following = []
        for thing in level:
            children = [vars(thing)] if issubclass(type(thing), types.ModuleType) else gc.get_referents(thing)
            for child in children:
                if id(child) not in steps:
                    steps[id(child)] = steps[id(thing)] + 1
                    following.append(child)
        for root in late:
            try:
                start = root.get()
            except LookupError:
                continue
            if id(start) not in steps:
                steps[id(start)] = 1
                following.append(start)
        late = []
        level = following
        hold.extend(level)
    return steps


@pytest.mark.parametrize("seed", [1, 2])
def test_each_way_is_real_and_none_is_shorter(module: types.ModuleType, seed: int) -> None:
    chance = random.Random(seed)
    targets: dict[str, weakref.ref[Any]] = {}
    words: dict[str, list[str]] = {}
    names = list(HOLDERS)
    for number in range(2 * len(HOLDERS)):
        # Each kind is the outermost once, and what it holds is anybody's guess.
        kinds = [names[number % len(names)], *chance.choices(names, k=chance.randrange(4))]
        kept: Any = Thing()
        targets[f"t{number}"] = weakref.ref(kept)
        for kind in reversed(kinds):
            kept = HOLDERS[kind][0](kept)
        setattr(module, f"t{number}", kept)
        words[f"t{number}"] = [HOLDERS[kind][1] for kind in kinds]
        del kept
    gc.collect()

    def search() -> None:
        begins = roots()
        heap = picture()
        keyed = {id(reference()): name for name, reference in targets.items()}
        found = ways(heap, {key: root.level for key, root in begins.items()}, keyed)
        truth = steps_from_roots(begins)
        for key, name in keyed.items():
            way = found[key]
            root = begins[way.ids[0]]
            objects = follow(way, root, targets[name]())
            for parent, child in itertools.pairwise(objects):
                real = [vars(parent)] if isinstance(parent, types.ModuleType) else gc.get_referents(parent)
                assert any(each is child for each in real), name
            assert len(objects) - 1 + root.level == truth[key], (name, words[name])
            told = describe(objects, root, "the end")
            assert told.text.endswith("the end")
            if root.name == "acme_explained":
                assert f"module acme_explained, {name}" in told.text
                for expected in words[name]:
                    assert expected in told.text or "local variable" in told.text, (told.text, words[name])
            else:
                assert "finalize" in str(words[name])
                assert "weakref" in told.text, (told.text, words[name])

    in_thread(search)


def test_running_functions_and_what_nobody_sees_are_told_as_such(module: types.ModuleType) -> None:
    import ctypes

    ended, held, leaked = threading.Event(), Thing(), Thing()
    references = {"running": weakref.ref(held), "leaked": weakref.ref(leaked)}

    def keep(kept: Any) -> None:
        ended.wait()

    thread = threading.Thread(target=keep, args=(held,), name="keeper")
    thread.start()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(leaked))
    del held, leaked
    try:
        found = in_thread(
            lambda: explain(
                [Target(f"/{name}", "document", each, time.monotonic(), "D") for name, each in references.items()]
            )
        )
        texts = {each.app: each.text() for each in found.retained}
        assert "function keep (test_explain.py:" in texts["/running"]
        assert "runs in thread 'keeper', local variable kept" in texts["/running"]
        assert "the garbage collector does not see" in texts["/leaked"]
    finally:
        ended.set()
        thread.join()
        thing = references["leaked"]()
        ctypes.pythonapi.Py_DecRef(ctypes.py_object(thing))
        del thing
    gc.collect()
    assert [each() for each in references.values()] == [None, None]  # nothing of the search holds them


def test_nobody_sees_the_list_of_all_objects() -> None:
    module = types.ModuleType("acme_seen")
    objects = hidden()
    assert any(each is module.__dict__ for each in objects) or any(each is module for each in objects)
    assert not [each for each in gc.get_referrers(module) if each is objects]
    assert not gc.is_tracked(objects)


def test_variables_of_a_running_function_are_not_kept(module: types.ModuleType) -> None:
    ended, changed, go = threading.Event(), threading.Event(), threading.Event()
    thing: Any = Thing()
    reference = weakref.ref(thing)

    def keep(kept: list[Any]) -> None:
        local: Any = kept.pop()
        go.wait()
        local = None  # noqa: F841
        changed.set()
        ended.wait()

    thread = threading.Thread(target=keep, args=([thing],))
    thread.start()
    del thing
    try:
        assert id(reference()) in {key for _, _, values in frames.running() for _, key in values}
        go.set()
        changed.wait()
        assert reference() is None
    finally:
        go.set()
        ended.set()
        thread.join()


def test_what_the_collector_does_not_track_is_told_where_it_can_be_known(module: types.ModuleType) -> None:
    """Arrays have no list of referents, and handlers of signals are in a table of C."""
    pandas = pytest.importorskip("pandas")
    things = {name: Thing() for name in ("array", "record", "frame", "signal")}
    module.array = array(closure(things["array"]))  # type: ignore[attr-defined]
    module.record = np.array([(1, things["record"])], [("n", "i4"), ("kept", "O")])  # type: ignore[attr-defined]
    module.frame = pandas.DataFrame({"n": [1, 2], "kept": [None, things["frame"]]})  # type: ignore[attr-defined]
    references = {name: weakref.ref(thing) for name, thing in things.items()}

    def handle(number: int, frame: object, kept: Any = things["signal"]) -> None: ...

    before = signal.signal(signal.SIGUSR1, handle)
    del things, handle
    try:
        found = in_thread(
            lambda: explain(
                [Target(f"/{name}", "document", each, time.monotonic(), "D") for name, each in references.items()]
            )
        )
    finally:
        signal.signal(signal.SIGUSR1, before)
    texts = {each.app: each.text() for each in found.retained}
    assert "acme_explained, array -> numpy.ndarray[1, 0] -> function closure" in texts["/array"]
    assert "acme_explained, record -> numpy.ndarray['kept'][0] -> " in texts["/record"]
    assert re.search(r"acme_explained, frame\b.* -> numpy.ndarray\[0, 1\] -> ", texts["/frame"]), texts["/frame"]
    assert texts["/signal"].startswith("the handler of SIGUSR1 -> function ")
    assert "default of argument kept" in texts["/signal"]


def test_what_many_modules_import_is_told_of_the_one_it_is_from() -> None:
    names = ["acme_aaa", "acme_home", "acme_zzz"]
    kind: Any = type("State", (), {"__module__": "acme_home"})
    state, thing = kind(), Thing()
    state.cache = [thing]
    for name in names:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].state = state  # type: ignore[attr-defined]
        sys.modules[name].__file__ = __file__  # which names the attribute
    target = Target("/app", "document", weakref.ref(thing), time.monotonic(), "D")
    del state, thing
    try:
        (found,) = in_thread(lambda: explain([target])).retained
        assert found.text().startswith("module acme_home, state.cache[0] -> ")
    finally:
        for name in names:
            del sys.modules[name]


def test_a_search_without_room_is_refused_in_a_line() -> None:
    with pytest.raises(NoRoomError, match=r"needs \d+ MB for [\d,]+ objects, and only 5 MB are left: raise"):
        in_thread(lambda: picture(lambda: 5 * 2**20))
    # With nothing to look for there is an answer without a picture.
    held = Key(None)
    target = Target("/app", "document", weakref.ref(held), 0.0, "Key")
    found = in_thread(lambda: explain([], room=lambda: 5 * 2**20, look=lambda heap, alive: []))
    assert found.text() == "nothing is retained"
    with pytest.raises(NoRoomError):
        in_thread(lambda: explain([target], room=lambda: 5 * 2**20))


def test_at_no_moment_of_a_search_another_thread_would_see_it_hold_a_module(module: types.ModuleType) -> None:
    """Bokeh logs an error where anything but a frame refers to a module of a session that it destroys."""
    ended, seen = threading.Event(), set[str]()
    gc.freeze()  # what there has been is not looked through: a look at every line would take hours
    thing = Thing()
    held: list[Any] = [types.ModuleType("acme_seen"), thing]
    module.held = held  # type: ignore[attr-defined]
    looks = Counter[Any]()

    def keep(kept: list[Any]) -> None:
        local: Any = kept[0]
        ended.wait()
        id(local)

    def look(frame: types.FrameType, event: str, argument: object) -> Any:
        if "bokeh_exporter/diagnose/" not in frame.f_code.co_filename:
            return None
        looks[frame.f_lineno, frame.f_code] += 1
        if looks[frame.f_lineno, frame.f_code] > 40:
            return look
        copies = set()  # of variables, which tracing makes on Python 3.10
        if sys.version_info < (3, 11):
            copies = {id(each.f_locals) for each, _ in traceback.walk_stack(frame)}
        for each in gc.get_referrers(held[0]):
            if each is not held and id(each) not in copies and not isinstance(each, types.FrameType):
                seen.add(f"{type(each).__name__} in {frame.f_code.co_name}")
        return look

    def search() -> Any:
        sys.settrace(look)
        try:
            return explain([Target("/app", "document", weakref.ref(thing), time.monotonic(), "D")])
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=keep, args=(held,))
    thread.start()
    try:
        found = in_thread(search)
        variables = frames.running()
        assert any(key == id(held[0]) for _, _, each in variables for _, key in each)
    finally:
        ended.set()
        thread.join()
        gc.unfreeze()
    assert not seen
    assert len(found.retained) == 1


def test_arrays_of_objects_are_looked_for_without_a_list_of_referents_that_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("acme_seen")
    holder = [module, np.array([module], object)]
    seen: list[str] = []

    def look(seconds: float) -> None:  # where another thread runs
        for each in gc.get_referrers(module):
            if each is not holder and not isinstance(
                each, types.FrameType | types.CellType
            ):  # a cell is this test's own
                seen.append(type(each).__name__)

    monkeypatch.setattr("bokeh_exporter.diagnose.heap.arrays.time.sleep", look)
    found = arrays.arrays([holder])
    assert [each is holder[1] for each in found] == [True]
    assert not seen


def test_the_collector_is_off_during_a_run_and_as_it_was_afterwards() -> None:
    states: list[bool] = []

    def note(value: str) -> int:
        states.append(gc.isenabled())
        return int(value)

    assert unseen(list, map(note, "12")) == [1, 2]
    with pytest.raises(ValueError, match="invalid literal"):
        unseen(list, map(note, "1x"))
    assert gc.isenabled()
    gc.disable()
    try:
        unseen(list, map(note, "1"))
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert states == [False] * 5


def test_large_containers_are_not_read_in_one_go() -> None:
    number = [0]  # numbers are not counted, for the collector does not track them
    objects: list[Any] = [*([number] * 40_000 for _ in range(20)), *([] for _ in range(10))]
    reader = Reader(objects, lambda ids: np.zeros(len(ids), np.int32), tracked=True)
    assert len(reader.read(30)) == 13  # the ten at the end, and three that make 100,000 references
    reader.resolve()
    assert reader.found == 3 * 40_000 + 13  # with the mark of each, which this numbering knows too
