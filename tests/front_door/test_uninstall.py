"""Off again: every class as it was. And while it is on: what fails is ours alone, what the app does is unchanged."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import http.client
import inspect
import json
import logging
import re
import sys
import threading
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.models import Column, Div, Slider
from bokeh.server.contexts import ApplicationContext
from bokeh.server.server import Server
from bokeh.server.session import ServerSession
from bokeh.server.views.ws import WSHandler
from tornado import autoreload
from tornado.ioloop import IOLoop

import bokeh_exporter
from bokeh_exporter import installation
from bokeh_exporter.observe.hosts import Hosts, Leave, Subscriptions
from bokeh_exporter.observe.hosts.seams import Seam
from bokeh_exporter.state import State

from ..support.scrapes import Scrape, scrape
from ..support.servers import APPS, ServerProcess, answers, bokeh_serve, free_port, panel_serve, python_script
from ..support.tabs import ServerError, Tab, open_tab
from ..support.versions import PANEL_VERSION
from ..support.waiting import wait_until
from ..support.web import get

Serve = Callable[[ServerProcess], ServerProcess]
MARK = "_bokeh_exporter"


def marked(thing: object) -> bool:
    """Whether something of the host's carries an attribute of ours."""
    return any(name.startswith(MARK) for name in vars(thing))


class Host:
    """A Bokeh server in a thread of the test's own process."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.loop: asyncio.AbstractEventLoop
        self.sessions: weakref.WeakSet[Any] = weakref.WeakSet()
        self._ready, self._thread = threading.Event(), threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(20)

    def build(self, doc: Document) -> None:
        n, out = Slider(name="n", title="n", start=0, end=1000, value=0), Div(name="out", text="n = 0")

        def moved(attr: str, old: int, new: int) -> None:
            out.text = f"n = {new}"

        n.on_change("value", moved)
        doc.add_root(Column(children=[n, out]))

    async def _serve(self) -> None:
        self.loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = Server(
            {"/app": self.build}, port=self.port, address="127.0.0.1", io_loop=IOLoop.current(),
            allow_websocket_origin=[f"localhost:{self.port}"],
            unused_session_lifetime_milliseconds=300, check_unused_sessions_milliseconds=100,
        )  # fmt: skip
        server.start()
        self.context: ApplicationContext = server._tornado._applications["/app"]
        self._ready.set()
        await self._end.wait()
        server.stop()
        server.unlisten()
        del self.context

    def tab(self) -> Tab:
        return open_tab(self.url, "/app")

    def count(self) -> int:
        return len(self.context._sessions)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join()


@pytest.fixture
def host() -> Iterator[Host]:
    running = Host()
    yield running
    bokeh_exporter.uninstall()
    running.stop()


def works(tab: Tab, value: int) -> None:
    """The session does what it did."""
    tab.set("n", value=value)
    wait_until(lambda: tab.value("out", "text") == f"n = {value}", 10)


def until(url: str | None, condition: Callable[[Scrape], object], message: str) -> Scrape:
    assert url is not None

    def met() -> Scrape | None:
        scraped = scrape(url)
        return scraped if condition(scraped) else None

    return wait_until(met, 20, message)


# --- the classes and modules -----------------------------------------------------------------------


def entries() -> dict[tuple[str, ...], Any]:
    """Return the entries of every module and class of the host; strong, so that no id is used twice."""
    found: dict[tuple[str, ...], Any] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in ("bokeh", "panel", "param", "holoviews", "tornado", "uvicorn"):
            continue
        for key, value in list(vars(module).items()):
            found[name, key] = value
            if isinstance(value, type) and value.__module__ == name:
                found.update({(name, key, attribute): entry for attribute, entry in list(vars(value).items())})
    return found


def differences(before: dict[tuple[str, ...], Any], after: dict[tuple[str, ...], Any]) -> set[tuple[str, ...]]:
    """Return what is not the very same object. Numbers are left out: Bokeh counts its models in a module."""
    changed = {
        key for key in before.keys() & after.keys()
        if before[key] is not after[key] and not isinstance(after[key], (int, float))
    }  # fmt: skip
    # A warning leaves a note in the module that it is about, whoever has let a socket go.
    return {key for key in changed | (before.keys() ^ after.keys()) if key[-1] != "__warningregistry__"}


def import_hosts() -> None:
    """Import what a server of Panel imports, so that there is something to hook into."""
    import bokeh.application.handlers
    import bokeh.server.tornado  # noqa: F401

    if PANEL_VERSION:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Panel's own, such as of the oldest line with today's param
            import panel.io.reload
            import panel.io.server  # noqa: F401


@pytest.mark.front_door
@pytest.mark.parametrize("level", ["callback", "all"])
def test_every_entry_is_what_it_was(host: Host, level: str) -> None:
    import_hosts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a socket that an earlier test in this process has let go
        gc.collect()
    with host.tab() as early:
        works(early, 1)
        before = entries()
        function = host.context._application._handlers[0]._func
        finders = list(sys.meta_path)
        exporter = bokeh_exporter.install(port=0, sample_period=0.1, collect=level)
        wait_until(lambda: exporter.port)
        during = entries()
        hooked = differences(before, during)
        # It would be no test if nothing had changed; these are of each kind: a class, a base class, a coroutine.
        for owner, attribute in ((ServerSession, "destroy"), (WSHandler, "open"), (ApplicationContext, "__init__")):
            assert (owner.__module__, owner.__name__, attribute) in hooked
        with host.tab() as late:
            works(late, 2)
            until(
                exporter.url, lambda s: s.value("bokeh_sessions", app="/app", state="connected") == 2, "two connected"
            )
            bokeh_exporter.uninstall()
            assert differences(before, entries()) == set()
            assert sys.meta_path == finders
            assert host.context._application._handlers[0]._func == function
            works(early, 3)
            works(late, 4)
    wait_until(lambda: host.count() == 0, 20, "sessions from before and after are destroyed")
    assert differences(before, entries()) == set()


@pytest.mark.skipif(PANEL_VERSION is None, reason="hooks into Panel and HoloViews")
def test_nothing_is_left_in_libraries_that_came_later(serve: Serve) -> None:
    server = serve(python_script("late_libraries.py", wait=False))
    assert server.wait_exit(60) == 0
    told = json.loads(server.wait_log(r"^\{.*\}$")[0])
    assert told["before"] == [[], 0]
    for level in "all", "element":
        hooked, finders = told[level]["during"]
        assert finders == 1
        for name in (
            "param.parameterized:Parameters._execute_watcher", "panel.viewable:Viewable.__init__",
            "panel.io.state:_state.onload", "holoviews.core.spaces:Callable.__call__",
            "holoviews.plotting.bokeh.element:ElementPlot.initialize_plot",
        ):  # fmt: skip
            assert name in hooked
        assert told[level]["held"] > 20
        assert told[level]["after"] == [[], 0, told[level]["held"]]


def weak_references(host: Host, count: int | None = None) -> list[int]:
    """How many weak references there are to the first session, its Document and its models, or to so many of them."""
    session = next(iter(host.context._sessions.values()))
    things = [session, session._document, *session._document.models]
    return [weakref.getweakrefcount(thing) for thing in things][:count]


@pytest.mark.front_door
def test_nothing_of_it_is_left(host: Host) -> None:
    with host.tab() as tab:
        callbacks, filters = list(gc.callbacks), list(logging.getLogger("bokeh.document.modules").filters)
        references = weak_references(host)
        exporter: Any = bokeh_exporter.install(port=0, sample_period=0.1)
        port, url = wait_until(lambda: exporter.port), exporter.url
        with host.tab() as other:
            until(url, lambda s: s.value("bokeh_sessions", app="/app", state="connected") == 2, "two connected")
            sessions = list(host.context._sessions.values())
            assert all(marked(session) for session in sessions)
            assert marked(host.context)
            watched = weak_references(host, len(references))
            assert all(now > before for now, before in zip(watched, references, strict=True))
            held = weakref.ref(exporter), weakref.ref(exporter.state)
            exporter.close()  # what uninstall() calls
            assert not any(marked(session) for session in sessions)
            assert not any(marked(each) for session in sessions for each in session._subscribed_connections)
            assert not marked(host.context)
            assert weak_references(host, len(references)) == references
            assert (gc.callbacks, logging.getLogger("bokeh.document.modules").filters) == (callbacks, filters)
            del sessions
            works(other, 1)
        works(tab, 2)
        assert not [thread for thread in threading.enumerate() if "bokeh-exporter" in thread.name]
        assert not answers(port)
        assert not [
            hook for hook in autoreload._reload_hooks if "bokeh_exporter" in str(getattr(hook, "__module__", ""))
        ]
        exporter = None

        def gone() -> bool:
            gc.collect()
            return held[0]() is None and held[1]() is None

        wait_until(gone, 10, "exporter and state are freed: no timer, hook or session holds them")


@pytest.mark.front_door
def test_uninstall_is_idempotent_and_install_works_again(host: Host) -> None:
    bokeh_exporter.uninstall()
    for _ in range(2):
        with bokeh_exporter.install(port=0, sample_period=0.1) as exporter:
            wait_until(lambda: exporter.port)
            with host.tab() as tab:
                works(tab, 1)
                until(exporter.url, lambda s: s.total("bokeh_sessions_created_total") == 1, "counted from 0")
                until(
                    exporter.url, lambda s: s.value("bokeh_sessions", app="/app", state="connected") == 1, "connected"
                )
        exporter.close()
        bokeh_exporter.uninstall()
        wait_until(lambda: host.count() == 0)


def test_uninstall_before_any_server() -> None:
    before = entries()
    exporter = bokeh_exporter.install(port=0)
    assert exporter.port is None
    assert exporter.address == "127.0.0.1"
    bokeh_exporter.uninstall()
    assert differences(before, entries()) == set()


def test_a_second_install_warns_and_returns_the_first(caplog: pytest.LogCaptureFixture) -> None:
    with bokeh_exporter.install(port=0) as exporter:
        caplog.clear()  # a server that another test has stopped may still hold sessions, and that is warned of
        assert bokeh_exporter.install(port=0) is exporter
        assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
            "bokeh_exporter is already installed: the first one stays as it is. Call uninstall() first"
        ]
        caplog.clear()
        assert bokeh_exporter.install(port=1) is exporter
        (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert "the options of the second call are not used" in record.getMessage()
        assert exporter.config.port == 0
    with bokeh_exporter.install(port=1) as other:
        assert other is not exporter


@pytest.mark.front_door
def test_what_a_log_handler_installs_and_uninstalls_ends_as_it_said(host: Host, request: pytest.FixtureRequest) -> None:
    """Of lines that the exporter logs while it is installed, and while it opens its endpoint."""
    before = entries()
    made: list[Any] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said = record.getMessage()
            if "already installed" in said:
                bokeh_exporter.uninstall()
            elif " serves http" in said and not made:
                bokeh_exporter.uninstall()
                made.append(bokeh_exporter.install(port=0))

    handler, log = Handler(), logging.getLogger("bokeh_exporter")
    log.addHandler(handler)
    request.addfinalizer(lambda: log.removeHandler(handler))
    first: Any = bokeh_exporter.install(port=0)
    port: int = wait_until(lambda: made and made[0].port)
    assert made[0] is not first
    assert bokeh_exporter.install(port=0) is made[0]
    assert not installation.installed()
    assert not answers(port)
    assert differences(before, entries()) == set()


@pytest.mark.front_door
def test_an_uninstall_that_is_interrupted_goes_on_with_the_next(host: Host) -> None:
    before = entries()
    exporter: Any = bokeh_exporter.install(port=0, debug=True)
    url = wait_until(lambda: exporter.url)

    def capture() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # its endpoint ends meanwhile
            get(f"{url}/debug/capture?seconds=60", method="POST", timeout=60)

    post = threading.Thread(target=capture)
    post.start()
    wait_until(tracemalloc.is_tracing)

    def interrupt(frame: Any, event: str, argument: object) -> None:
        if event == "return" and frame.f_code.co_name == "undo":
            raise KeyboardInterrupt

    sys.setprofile(interrupt)  # Python takes it out as it raises
    with pytest.raises(KeyboardInterrupt):
        bokeh_exporter.uninstall()
    assert differences(before, entries())
    bokeh_exporter.uninstall()
    assert differences(before, entries()) == set()
    assert not answers(int(url.rpartition(":")[2]))
    wait_until(lambda: not tracemalloc.is_tracing())  # memory is traced for nobody
    post.join(10)


def test_the_end_of_one_that_was_never_on_ends_no_other() -> None:
    off, on = bokeh_exporter.install(disabled=True), bokeh_exporter.install(port=0)
    off.close()
    assert installation.current() is on
    bokeh_exporter.uninstall()


def test_a_bad_value_installs_nothing() -> None:
    before = entries()
    with pytest.raises(bokeh_exporter.ConfigError, match=r"^port: 'x' cannot be used"):
        bokeh_exporter.install(port="x")
    assert differences(before, entries()) == set()
    with bokeh_exporter.install(port=0) as exporter:
        assert exporter.config.port == 0


@pytest.mark.front_door
def test_a_wrapper_of_somebody_else_stays(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = bokeh_exporter.install(port=0, sample_period=0.1)
    wait_until(lambda: exporter.port)
    ours = ServerSession.subscribe
    calls: list[Any] = []

    @functools.wraps(ours)
    def theirs(self: Any, connection: Any) -> Any:
        calls.append(connection)
        return ours(self, connection)

    monkeypatch.setattr(ServerSession, "subscribe", theirs)
    with host.tab() as tab:
        works(tab, 1)
        bokeh_exporter.uninstall()
        assert vars(ServerSession)["subscribe"] is theirs
    with host.tab() as tab:
        works(tab, 2)
        assert len(calls) == 2
        assert not any(marked(session) for session in host.context._sessions.values())
    # What ours wraps is the original: put it back, as the one who wrapped it would not.
    monkeypatch.setattr(ServerSession, "subscribe", inspect.unwrap(theirs))


# --- hooks that do not fit, observers that raise ---------------------------------------------------


@pytest.mark.front_door
def test_hooks_that_do_not_fit_are_said_and_the_app_runs(serve: Serve) -> None:
    server = serve(panel_serve("slider_panel.py", setup=APPS / "misfit_setup.py"))
    with server.open_tab("/slider_panel") as tab:
        tab.set("n", value=5)
        wait_until(lambda: tab.value("out", "value") == "n = 5, go = 0")
        live = until(
            server.exporter_url, lambda s: s.value("bokeh_sessions", app="/slider_panel", state="connected") == 1, "1"
        )
    missing = {"WSHandler.check_origin", "panel.reload._reload"}
    enabled = live.by("bokeh_exporter_hook_enabled", "hook")
    assert {hook for hook, fits in enabled.items() if not fits} == missing
    assert enabled["ServerSession.destroy"] == 1
    assert live.total("bokeh_exporter_errors_total") == 0
    assert server.log().count("hooks missing: WSHandler.check_origin, panel.reload._reload") == 1
    assert "Traceback" not in server.log()


@pytest.mark.front_door
def test_observers_that_raise_are_counted_and_logged_once(serve: Serve) -> None:
    server = serve(panel_serve("slider_panel.py", setup=APPS / "raising_observers.py"))
    raising = {"documents", "memory", "messages", "websockets"}
    for _ in range(2):
        with server.open_tab("/slider_panel") as tab:
            tab.set("n", value=5)
            wait_until(lambda tab=tab: tab.value("out", "value") == "n = 5, go = 0")  # type: ignore[misc]
            until(
                server.exporter_url,
                lambda s: s.value("bokeh_sessions", app="/slider_panel", state="connected") == 1,
                "1",
            )
    seen = until(
        server.exporter_url, lambda s: s.total("bokeh_sessions_destroyed_total", app="/slider_panel") == 2, "destroyed"
    )
    errors = {name: count for name, count in seen.by("bokeh_exporter_errors_total", "component").items() if count}
    assert errors.keys() == raising
    assert all(count >= 2 for count in errors.values())
    assert errors["websockets"] == 2
    for component in raising:
        assert server.log().count(f"{component} failed inside bokeh_exporter") == 1
    assert server.log().count("inside bokeh_exporter with ValueError") == len(raising)
    assert "the observer raises" not in re.sub(r"raise .*", "", server.log())  # a message may hold a secret
    # Theirs is missing, the rest is there.
    assert seen.values("bokeh_memory_rss_bytes") == {}
    assert seen.total("bokeh_websocket_closed_total") == 0
    assert seen.value("bokeh_sessions_created_total", app="/slider_panel") == 2
    assert seen.total("bokeh_websocket_received_bytes_total", app="/slider_panel") > 0


# --- the app is unchanged --------------------------------------------------------------------------


def story(log: str) -> list[str]:
    """Return the lines of a log without what differs from run to run, our frames and our start line.

    Nor has it the frame of Bokeh's invoker of callbacks, in whose place is ours.
    """
    told: list[str] = []
    ours = False
    for line in log.splitlines():
        if line.startswith('  File "'):
            folders = (str(Path("bokeh_exporter", layer)) in line for layer in ("observe", "state"))
            ours = any(folders) or line.endswith("in invoke")
        elif not line.startswith("    "):
            ours = False
        if (
            ours or " serves http" in line or "Received signal" in line or line.startswith("    ")
        ):  # code and carets follow their frame
            continue
        line = re.sub(r"^[\d-]+ [\d:,]+ |0x[0-9a-f]+|process id: \d+|:\d{4,5}\b|\b[\w-]{44}\b|[\d.]+ms$", "", line)
        told.append(line)
    return told


def visit_functions(server: ServerProcess) -> list[object]:
    raised = server.get("/raising")
    with server.open_tab("/good") as tab:
        tab.set("n", value=1)
        return [raised.status, raised.text, tab.value("out", "text")]


def visit_callbacks(server: ServerProcess) -> list[object]:
    found: list[object] = []
    with server.open_tab("/raising_callback") as tab:
        actions: list[Callable[[], None]] = [lambda: tab.set("n", value=3), lambda: tab.click("go")]
        for action in actions:
            try:
                action()
                found.append("no answer")
            except ServerError as error:
                found.append(story(str(error)))
        found.append(tab.open)
    return found


@pytest.mark.front_door
@pytest.mark.parametrize("app", ["functions", "callbacks"])
def test_exceptions_answers_and_log_lines_are_unchanged(serve: Serve, app: str) -> None:
    logs: list[list[str]] = []
    answers: list[list[object]] = []
    for on in (True, False):
        if app == "functions":
            server = serve(python_script("server_functions.py", "--install", "before" if on else "no"))
            answers.append(visit_functions(server))
        else:
            server = serve(bokeh_serve("raising_callback.py", run=on))
            answers.append(visit_callbacks(server))
        server.terminate()
        server.wait_exit()
        log = server.log()
        assert (" serves http" in log) == on
        assert "ValueError: " in log
        logs.append(story(log))
    assert answers[0] == answers[1]
    assert logs[0] == logs[1]


class Target:
    """What is wrapped below."""

    def plain(self, value: int) -> int:
        if value < 0:
            raise KeyError(value)
        return value + 1

    async def later(self, value: int) -> int:
        await asyncio.sleep(0)
        return self.plain(value)

    @staticmethod
    def static(value: int) -> int:
        return value


class Heir(Target):
    """What is wrapped where it is inherited."""


def observe(*args: object, **kwargs: object) -> Leave:
    def leave(result: object, error: BaseException | None) -> None:
        raise RuntimeError("ours, after")

    return leave


def fail(*args: object, **kwargs: object) -> None:
    raise RuntimeError("ours, before")


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts(State(), ())
    yield made
    made.patches.remove()


def seam(target: str, *parameters: str) -> Seam:
    return Seam(f"{__name__}:{target}", target, parameters, "nothing")


def test_what_was_inherited_is_inherited_again(hosts: Hosts) -> None:
    seen: list[object] = []
    Subscriptions(hosts, "test", 0).before("Heir.plain", lambda *args: seen.append(args))
    hosts.wrap(Heir, seam("Heir.plain", "self", "value"))
    heir = Heir()
    assert heir.plain(1) == 2
    assert seen == [(heir, 1)]
    assert Target().plain(1) == 2
    assert len(seen) == 1
    hosts.patches.remove()
    assert "plain" not in vars(Heir)


@pytest.mark.parametrize("kind", ["before", "after", "around"])
def test_a_wrapper_changes_nothing_but_what_it_adds(kind: str, hosts: Hosts, caplog: pytest.LogCaptureFixture) -> None:
    entries, patches = dict(vars(Target)), hosts.patches
    subscribe: Any = getattr(Subscriptions(hosts, "test", 0), kind)
    for name, parameters in ("plain", ("self", "value")), ("later", ("self", "value")), ("gone", ()), ("static", ()):
        subscribe(f"Target.{name}", observe if kind == "around" else fail)
        hosts.wrap(Target, seam(f"Target.{name}", *parameters))
    hosts.wrap(Target, seam("Target.unheard"))  # nobody subscribed: nothing is wrapped, and nothing is missing
    assert patches.enabled == {
        "Target.plain": True, "Target.later": True, "Target.gone": False, "Target.static": False,
    }  # fmt: skip
    target = Target()
    assert target.plain(value=1) == 2
    assert inspect.iscoroutinefunction(target.later)
    assert asyncio.run(target.later(2)) == 3
    assert str(inspect.signature(Target.plain)) == str(inspect.signature(entries["plain"]))
    raised = KeyError(-1)
    calls: list[Callable[[], object]] = [lambda: target.plain(-1), lambda: asyncio.run(target.later(-1))]
    for call in calls:
        with pytest.raises(KeyError) as caught:
            call()
        assert caught.value.args == raised.args
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None
    counted = patches.state.registry.get_sample_value("bokeh_exporter_errors_total", {"component": "test"})
    # "after" is not called where the original raised; "later" runs "plain" within.
    assert counted == {"before": 6, "after": 3, "around": 6}[kind]
    assert len([record for record in caplog.records if "test failed inside" in record.getMessage()]) == 1
    patches.remove()
    assert dict(vars(Target)) == entries
    assert all(vars(Target)[name] is entry for name, entry in entries.items())
