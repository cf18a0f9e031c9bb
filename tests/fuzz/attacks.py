"""One round of each attack: takes a random generator, returns what broke, in words."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import random
import socket
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from bokeh.document import Document
from bokeh.model import Model
from bokeh.server.contexts import ApplicationContext
from bokeh.server.server import Server
from bokeh.server.session import ServerSession
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from tornado.ioloop import IOLoop

import bokeh_exporter
from bokeh_exporter.diagnose.heap.explain import explain
from bokeh_exporter.diagnose.heap.holders import Target
from bokeh_exporter.expose.prometheus import Exposition
from bokeh_exporter.observe.callbacks.names import name_of
from bokeh_exporter.observe.rebuilds.source_lines import source_line
from bokeh_exporter.state import State
from bokeh_exporter.state.safe_calls import code_of, hashes_by_identity, is_async
from bokeh_exporter.state.wording import clean, displayable

from ..apps import odd_objects
from ..support.web import get

Faults = list[str]
#: Characters that end a line for somebody, write a terminal, quote, or are no text.
_ODD = "\n\r\v\f\0\x1b\x1c\x85\u2028\u202e\ufeff\udce9\\\"'{}#<>&%/ a1.é😀"


def text(draw: random.Random, most: int = 40) -> str:
    """Draw a text, mostly of odd characters."""
    return "".join(
        draw.choice(_ODD) if draw.random() < 0.7 else chr(draw.randrange(0x110000)) for _ in range(draw.randrange(most))
    )


# --- requests ----------------------------------------------------------------------------------------

_TARGETS = ("/metrics", "/healthz", "/", "/api/v1/status", "/debug/explain", "/static/bokeh.min.js", "*", "http://[")
_HEADERS = ("Host", "Origin", "Content-Length", "Transfer-Encoding", "Authorization", "Cookie", "Accept", "Range",
            "Accept-Encoding", "Connection", "Expect", "If-None-Match", "X-Forwarded-For", "Upgrade")  # fmt: skip
_VALUES = ("http://[", "chunked", "-1", "99999999999999999999", "Bearer x", "keep-alive", "close", "localhost",
           "gzip;q=", "100-continue", "\x00", "a" * 9000, "application/openmetrics-text; version=9", "*/*", "[::1",
           "127.0.0.1:x")  # fmt: skip


def request(draw: random.Random) -> bytes:
    """Draw what a client may send, mostly nonsense."""
    method = draw.choice(("GET", "POST", "HEAD", "OPTIONS", "get", text(draw, 8)))
    target = draw.choice(_TARGETS) + (f"?{text(draw)}" if draw.random() < 0.3 else "")
    lines = [f"{method} {target} HTTP/{draw.choice(('1.1', '1.0', '2', 'x'))}"]
    for _ in range(draw.randrange(6)):
        value = draw.choice(_VALUES) if draw.random() < 0.7 else text(draw)
        lines.append(f"{draw.choice(_HEADERS)}{draw.choice((': ', ':', ' '))}{value}")
    raw = draw.choice(("\r\n", "\r\n", "\n")).join([*lines, "", text(draw, 200)]).encode("utf-8", "surrogatepass")
    raw *= draw.choice((1, 1, 1, 30))
    return raw[: draw.randrange(len(raw) + 1)] if draw.random() < 0.3 else raw


def http(draw: random.Random, url: str) -> Faults:
    """Send some connections' worth of nonsense, some of it never read; then ask as a scraper does."""
    port, faults, opened = int(url.rpartition(":")[2]), [], []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        opened.append(connection)
        try:
            connection.sendall(request(draw))
            if draw.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        except OSError:  # it may close on nonsense
            continue
    for connection in opened:
        connection.close()
    for path, accept, parse in (
        ("/metrics", "", parse_text), ("/metrics", "application/openmetrics-text; version=1.0.0", parse_openmetrics),
    ):  # fmt: skip
        answer = get(url + path, headers={"Accept": accept})
        if answer.status != 200:
            faults.append(f"{path} {accept} is {answer.status}")
        else:
            list(parse(answer.text))
    return faults


# --- names and objects ----------------------------------------------------------------------------------


def names(draw: random.Random, url: str) -> Faults:
    """Give odd names to apps, callbacks and classes, and write them down."""
    state, faults, name = State(), [], text(draw, draw.choice((3, 40, 2000)))
    state.counter("bokeh_callback_calls_total", name, text(draw)).inc()
    exposition = Exposition(state.registry, state.counter("bokeh_exporter_unwritable_series_total").inc)
    for accept, parse in (("", parse_text), ("application/openmetrics-text; version=1.0.0", parse_openmetrics)):
        written = exposition(accept, ())[1].decode()
        counted = [each for family in parse(written) for each in family.samples]
        if not any(each.name == "bokeh_callback_calls_total" and each.value == 1 for each in counted):
            faults.append(f"{name!a} is lost in {accept or 'text'}")
    if not clean(name).isprintable():
        faults.append(f"{name!a} is not clean")
    return faults


def objects(draw: random.Random, url: str) -> Faults:
    """Nest odd objects, and look at them in every way that we do: nothing may raise, and none of their code run."""
    made = list(odd_objects.odd_objects())
    thing = draw.choice(made)[1]()
    for _ in range(draw.randrange(4)):
        thing = draw.choice(
            (
                lambda inner: functools.partial(inner) if callable(inner) else inner,
                lambda inner: types.MethodType(inner, odd_objects.OfMeta()) if callable(inner) else inner,
                lambda inner: odd_objects.function(__wrapped__=inner),
                lambda inner: [inner, {1: inner}],
                lambda inner: odd_objects.returning(lambda: inner),
            )
        )(thing)
    odd_objects.NOTES.clear()
    odd_objects.OddMeta.armed = True
    faults = []
    looks: tuple[Callable[[Any], Any], ...] = (name_of, is_async, hashes_by_identity, code_of, displayable, source_line)
    try:
        for look in looks:
            try:
                look(thing)
            except BaseException as error:
                faults.append(f"{look.__name__} raised {type(error).__name__}")
    finally:
        odd_objects.OddMeta.armed = False
    return faults + [f"the code of a user's object ran: {each}" for each in odd_objects.NOTES]


# --- cycles -----------------------------------------------------------------------------------------------


def cycles(draw: random.Random, url: str) -> Faults:
    """Install and uninstall around the start of a loop, from several threads: nothing is left, whatever the order."""
    made: list[Any] = []
    ready = threading.Event()
    before = hooked()  # a wrapper of ours below somebody else's stays, for good

    async def serve() -> None:
        end = asyncio.Event()
        server = Server({"/app": lambda doc: None}, port=0, io_loop=IOLoop.current())
        made.extend((asyncio.get_running_loop(), end))
        server.start()
        ready.set()
        await end.wait()
        server.stop()
        server.unlisten()

    early = draw.random() < 0.5
    level = draw.choice(("session", "update", "callback", "element", "all"))
    if early:
        exporter = bokeh_exporter.install(port=0, collect=level)
    loop = threading.Thread(target=lambda: asyncio.run(serve()))
    loop.start()
    ready.wait(20)
    if not early:
        exporter = bokeh_exporter.install(port=0, collect=level)
    ends = [threading.Thread(target=bokeh_exporter.uninstall) for _ in range(draw.randrange(1, 4))]
    pause = draw.choice((0.0, 0.0, 0.01, 0.1))  # before, while and after the endpoint opens
    for thread in ends:
        time.sleep(pause)
        thread.start()
    for thread in ends:
        thread.join(20)
    made[0].call_soon_threadsafe(made[1].set)
    loop.join(20)
    left = sorted(hooked() - before)
    threads = [each.name for each in threading.enumerate() if each.name.startswith("bokeh-exporter")]
    faults = [f"left: {each}" for each in (*left, *threads)]
    if exporter.url is not None and answers(exporter.url):
        faults.append("the endpoint answers after uninstall()")
    return faults


def hooked() -> set[str]:
    """What of the host's classes is ours now."""
    classes = (Model, Document, ServerSession, ApplicationContext)
    return {f"{cls.__name__}.{name}" for cls in classes for name, each in vars(cls).items() if is_ours(name, each)}


def is_ours(name: str, value: object) -> bool:
    """Whether something in a class of the host's is from us."""
    code = getattr(value, "__code__", None)
    return name.startswith("_bokeh_exporter") or "bokeh_exporter" in getattr(code, "co_filename", "")


def answers(url: str) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5).close()
    except OSError:
        return False
    return True


# --- secrets -------------------------------------------------------------------------------------------------


class Kept:
    """What is leaked."""


def secrets(draw: random.Random, url: str) -> Faults:
    """Hold something by keys, attributes and names that somebody typed, and search what explain says."""
    marker = "".join(draw.choice("bcdfghjkmnpqrstvwxz") for _ in range(draw.choice((6, 10, 24))))
    thing = Kept()
    holder: Any = thing
    for _ in range(draw.randrange(1, 5)):
        holder = draw.choice(
            (
                lambda inner: {marker: inner},
                lambda inner: {f"user:{marker}": [inner]},
                lambda inner: {(marker, 3): inner},
                lambda inner: [inner],
                lambda inner: types.SimpleNamespace(**{marker: inner}),
                lambda inner: functools.partial(print, **{marker: inner}),
            )
        )(holder)
    module = sys.modules["fuzzed"] = types.ModuleType("fuzzed")
    module.STORE = [holder]  # type: ignore[attr-defined]
    target = Target("/app", "document", weakref.ref(thing), time.monotonic(), "D")
    del thing, holder
    gc.collect()
    try:
        found = [explain([target])]
        said = found[0].text() + json.dumps(found[0].content())
    finally:
        del sys.modules["fuzzed"]
    if "fuzzed" not in said:
        return ["the holder is not found"]
    return [f"what somebody typed is shown: {said[max(0, said.find(marker) - 60) :][:120]}"] if marker in said else []


ATTACKS: dict[str, Callable[[random.Random, str], Faults]] = {
    "http": http, "names": names, "objects": objects, "cycles": cycles, "secrets": secrets,
}  # fmt: skip


def rounds(kind: str, seed: int, count: int, until: float, url: str, tried: list[int]) -> Iterator[str]:
    """Run rounds of an attack, each from a seed of its own, until a moment at the latest; yield the faults.

    Args:
        kind: the attack.
        seed: of the first round; the next has the next number.
        count: of rounds at most.
        until: ``time.monotonic()`` after which no round begins.
        url: of an exporter.
        tried: its first item counts the rounds.
    """
    for number in range(seed, seed + count):
        if time.monotonic() > until:
            return
        tried[0] += 1
        try:
            faults = ATTACKS[kind](random.Random(number), url)
        except Exception as error:
            faults = [f"{type(error).__name__}: {error}"]
        yield from (f"{kind} {number}: {each}" for each in faults)
