"""Composition: options, state, observers and outputs make one ``Exporter``, one per process.

Installing hooks in at once but opens nothing: thread and socket start when an event loop is first
seen running, which is after the fork of ``--num-procs``. One exporter serves all servers and loops
of the process, at once or in turn, and holds none of them.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from . import tested
from ._version import __version__
from .acting import Acting
from .config import Config
from .control.draining import Drain
from .control.sigterm import end
from .diagnose.blame.known_leaks import known
from .diagnose.blame.sources import has_literal
from .diagnose.verdicts.monitor import Monitor
from .explaining import Explaining
from .expose.about import about
from .expose.elements_log import ElementsWriter
from .expose.fleet import fleet
from .expose.http import Endpoint, EndpointError
from .expose.listening import open_endpoint
from .expose.live.feed import Feed
from .expose.live.histories import Histories
from .expose.pages import Pages
from .expose.prometheus import LevelCollector, build_registry_extras
from .expose.status import Status
from .gathering import Gathering
from .observe.callbacks.document_locks import DocumentLocks
from .observe.frame import Frame
from .observe.hosts.bokeh_sessions import contexts, loop_of, session_count
from .observe.loop.clocks import WallClock
from .observe.loop.culprits import RunningCalls
from .observe.loop.executors import Executors, Pool
from .observe.loop.holds import LongHolds
from .observe.loop.loops import Loops
from .observe.loop.stacks import report
from .observe.loop.watcher import IDLE, Watcher
from .observe.memory.cgroups import Cgroups
from .observe.sessions.lifetimes import Sessions
from .observe.sessions.one_by_one import SessionsOneByOne
from .observe.sessions.sweeps import Sweeps
from .observe.table import HOSTS, observers
from .operating import Operating
from .state import Level, State
from .switch import Switch
from .telemetry import Telemetry

log = logging.getLogger("bokeh_exporter")


class Exporter:
    """A running exporter, created by :func:`install`; a context manager that closes itself.

    Attributes:
        config: the options it runs with.
        state: its numbers.
    """

    def __init__(
        self, config: Config, on_close: Callable[[Exporter], None] = lambda exporter: None, *, apart: bool = False
    ) -> None:
        self.config = config
        #: Whether the endpoint opens in a thread: the loop has visitors, who would wait.
        self._apart = apart
        self._on_close = on_close
        self.state = State()
        self.state.elements.kept = config.interactions_kept
        self._frame = Frame(config, self.state, HOSTS)
        self._endpoint: Endpoint | None = None
        self._watcher: Watcher | None = None
        self._monitor: Monitor  # made with the watcher, whose thread looks at it
        self._drain = Drain(
            self.state, config, visitors=self._visitors,
            memory_share=lambda: self._frame.find(Cgroups).share(), end=end,
        )  # fmt: skip
        self._telemetry = Telemetry(self.state, config)
        self._acting = Acting(config, self.state, self._frame, flush=lambda: self._telemetry.flush())
        self._explaining = Explaining(config, self._frame, self._acting.collecting)
        self._gathering = Gathering(config, self._frame, self._acting, self._explaining)
        self._operating = Operating(config, self._frame)
        self._feed = Feed(self.state, config.show_quiet)
        self._serving = False
        self._switch, self._reading = Switch(self._end), threading.Lock()

    # --- for the user --------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The address that the endpoint listens on."""
        return self.config.address

    @property
    def port(self) -> int | None:
        """The port that the endpoint listens on; None until it does."""
        return self._endpoint.port if self._endpoint is not None else None

    @property
    def url(self) -> str | None:
        """The endpoint's root; None until it listens."""
        return self._endpoint.url if self._endpoint is not None else None

    def close(self) -> None:
        """Remove all hooks, stop the timers and the endpoint. Idempotent, from any thread, also during the start."""
        self._switch.turn_off()

    @property
    def closing(self) -> bool:
        """Whether somebody has closed it, or is about to have."""
        return self._switch.off

    def _end(self) -> None:
        """Take everything back; if somebody interrupts it, the next call goes on."""
        for part in (
            self._telemetry.close, self._operating.close, self._explaining.stop, self._frame.stop,
            self._frame.apps.clear, *(each.stop for each in (self._watcher,) if each is not None),
            *(each.close for each in (self._endpoint,) if each is not None),
        ):  # fmt: skip
            try:
                part()
            except Exception as error:
                self.state.swallow("end", error)
        self._on_close(self)  # last: who installs next finds the port free

    def adopt(self) -> Mapping[str, int]:
        """Take what is in memory of sessions that had ended before into the ledger; see :meth:`.Explaining.adopt`."""
        return self._explaining.adopt()

    def explain(self) -> Mapping[str, object]:
        """Return who holds what destroyed sessions left, as :meth:`.Explainer.run` does."""
        return self._explaining.explainer.run().content()

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """List the loops that run."""
        return self._frame.loops()

    def give_back_signals(self) -> None:
        """Give back the signals that were taken. On the main thread, before :meth:`close` in another."""
        self._explaining.explainer.deafen()

    def use_providers(self, providers: Any) -> None:
        """Give the numbers to OpenTelemetry's providers of metrics, traces and logs too."""
        self._telemetry.prepare(providers)
        if self._serving:
            self._telemetry.start()

    def __enter__(self) -> Exporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- starting ------------------------------------------------------------------------------

    def start(self) -> None:
        """Hook in, and serve as soon as a loop runs."""
        self._switch.during(self._hook_in)

    def _hook_in(self) -> None:
        for context in contexts():
            self._frame.apps.add(context)
        if any(session_count(context) for context, _ in self._frame.apps.alive()):
            log.warning(
                "bokeh_exporter was installed after sessions had been opened: they are watched from now on, "
                "what they did before is not counted. Install it before the server starts, "
                "as with panel serve --setup or bokeh-exporter run"
            )
        self.state.registry.register(LevelCollector(self.state, self._read))
        self._telemetry.prepare(None)
        self._explaining.start()
        self._frame.on_loop = self._serve_apart if self._apart else self._serve
        # Nobody would send a signal on that was held back before the watcher looks.
        table = observers(self.config.includes)
        self._acting.start(len(table), lambda: self._watcher is not None and self._drain.holds())
        self._frame.start(table)
        self._loops.attach_running()

    @property
    def _loops(self) -> Loops:
        return self._frame.find(Loops)

    def _serve(self) -> None:
        """Open the endpoint, once. Errors are logged and never reach the host."""
        if not self._serving:
            self._switch.during(self._begin)

    def _serve_apart(self) -> None:
        self._acting.serve()  # of all that is done then it alone needs the loop
        threading.Thread(
            target=contextvars.Context().run, args=(self._serve,), name="bokeh_exporter start", daemon=True
        ).start()

    def _begin(self) -> None:
        if self._serving:
            return None
        self._serving = True
        self._watcher = watcher = self._watch()
        self._acting.serve()
        self._telemetry.start()
        self._operate(watcher)
        try:
            watcher.start()  # also where no port is free: then only the log says what blocks
        except Exception as error:
            if "interpreter shutdown" not in str(error):  # of that the endpoint says what helps
                self.state.swallow("watcher", error)
        if not self.config.prometheus:
            return log.info("bokeh_exporter %s opens no port: BOKEH_EXPORTER_PROMETHEUS is 0", __version__)
        try:
            self._open(watcher)
        except EndpointError as error:
            log.error("bokeh_exporter does not listen: %s. The app and the hooks keep running", error)
        except Exception as error:
            self.state.swallow("endpoint", error)

    def _watch(self) -> Watcher:
        running: RunningCalls = lambda thread: self._frame.running(thread)  # noqa: E731
        holds = LongHolds(
            lambda: self._frame.find(DocumentLocks).holds if self.config.includes(DocumentLocks.level) else {},
            self.config.stall_after, running,
            lambda: all(time.monotonic() - site.ticked < 1.0 for site in self._loops.sites()),
        )  # fmt: skip
        watcher = Watcher(
            self.state, self.config.stall_after, sites=self._loops.sites, pools=self._pools,
            running=running, leaving=lambda: self._frame.find(Sweeps).leaving,
            also=(
                self._drain.look, holds.look, lambda: self._monitor.look(),
                lambda: self._gathering.look(self._monitor, self._read), self._telemetry.look, WallClock().look,
                ElementsWriter(self.state, self.config, self._feed).look, self._operating.look,
            ),
            idle=min(IDLE, self.config.stall_after / 5, self.config.verdict_period),
            hurries=lambda: self._drain.reason() is not None or self._feed.heard,
        )  # fmt: skip
        self._monitor = Monitor(self.state, self.config, self._read, lambda: watcher.problems(self.config.stall_after))
        self._monitor.also_harms = holds.harm
        return watcher

    def _operate(self, watcher: Watcher) -> None:
        try:
            build_registry_extras(self.state.registry)
            self._explaining.on_reported = self._operating.held
            self._explaining.explainer.on_grown = self._operating.grew
            self._operating.record(self._monitor, lambda: watcher.problems(self.config.stall_after), self._visitors)
            self._operating.open(lambda: self._pages(watcher, debug=True, drain=True).routes())
        except Exception as error:
            self.state.swallow("operating", error)

    def _pages(self, watcher: Watcher, *, debug: bool, drain: bool) -> Pages:
        life = self._operating.last_life
        status = Status(self.state, self._read, self._monitor, life.as_json() if life is not None else None, known,
                        self.config.show_quiet, self._operating.holders, self._operating.grown)  # fmt: skip
        return Pages(
            self.state, watcher.problems, self._not_ready, self._stacks if debug else None,
            self._acting.collecting.answer if debug else None, self._drain.begin if drain else None,
            self._explaining.studies() if debug else {},
            debug={**self._acting.debug(), "about": lambda: about(self.config)} if debug else {},
            status=status, fleet=fleet(self.config, status, lambda: self.port),
            feed=self._feed, histories=Histories(self._monitor.app_columns),
            one_by_one=self._frame.find(SessionsOneByOne).rows if debug else None,
        )  # fmt: skip

    def _open(self, watcher: Watcher) -> None:
        config = self.config
        routes = self._pages(watcher, debug=config.debug, drain=config.drain).routes()
        self._endpoint = endpoint = open_endpoint(config, routes, lambda e: self.state.swallow("endpoint", e))
        self._operating.renews(endpoint)
        missing = sorted(hook for hook, fits in self._frame.patches.enabled.items() if not fits)
        hooks = "hooks missing: " + ", ".join(missing) if missing else "all hooks active"
        hooks = "; ".join(filter(None, (hooks, tested.note_on_running())))
        log.info("bokeh_exporter %s serves %s/metrics, level %s, %s", __version__, endpoint.url, config.collect, hooks)
        for line in known():
            log.warning("%s", line)

    # --- what the outputs read -----------------------------------------------------------------

    def _read(self) -> list[Level]:
        with self._reading:  # the watcher judges while somebody scrapes
            levels = self._frame.collect()
        # A collector that takes samples and reads at a scrape has two durations; the row has one, of the longer.
        durations = dict(self._frame.sampled)
        for collector, seconds in list(self._frame.collected.items()):
            durations[collector] = max(seconds, durations.get(collector, 0.0))
        for collector, seconds in durations.items():
            levels.append(Level("bokeh_exporter_collector_duration_seconds", seconds, (collector,)))
        for hook, fits in list(self._frame.patches.enabled.items()):
            levels.append(Level("bokeh_exporter_hook_enabled", float(fits), (hook,)))
        levels.append(Level("bokeh_exporter_overhead_seconds_total", self.state.overhead[0]))
        levels.append(Level("bokeh_server_draining", float(self._drain.on)))
        levels.extend(self._monitor.levels())
        levels.extend(self.state.zeros(self._frame.apps.labels()))
        return levels

    def _pools(self) -> list[Pool]:
        return self._frame.find(Executors).pools()

    def _stacks(self) -> str:
        return report(self._acting.loops(), has_literal)

    def _visitors(self) -> int:
        return self._frame.find(Sessions).visitors(time.monotonic())

    def _not_ready(self) -> str | None:
        apps = self._frame.apps.alive()
        wants_loop = any(loop_of(context) is not None for context, _ in apps)
        return self._drain.not_ready(len(apps), wants_loop, bool(self._loops.sites()))

    # --- forks ---------------------------------------------------------------------------------

    def after_fork(self, tornado_task: bool) -> None:
        """In a child: close what was inherited, and be transparent unless it is a server process."""
        self._switch.after_fork()
        self._reading = threading.Lock()  # a thread that is gone may have held it
        self.state.after_fork()
        self._watcher = None
        if self._endpoint is not None:
            self._endpoint.abandon()
            self._endpoint = None
        self._telemetry.after_fork(tornado_task)
        self._explaining.after_fork()
        self._operating.after_fork()
        self._feed.after_fork()
        self._frame.after_fork(tornado_task)
        if not tornado_task:
            self._frame.patches.on = False
            self.state.memory.attribution.stop()
        elif self._serving:
            self._serving = False
            self._loops.forget()
