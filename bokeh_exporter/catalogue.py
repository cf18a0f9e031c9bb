"""Every metric once, as data.

Exposition, documentation and checks read these rows; nothing else in the package spells a
metric's help, unit, labels or buckets. A new metric starts here: add a row to its group, then let
one observer fill it. Names, types and labels are covered by semantic versioning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MetricType = Literal["counter", "gauge", "histogram", "info"]
Merge = Literal["sum", "max", "min"]
Coverage = Literal["full", "estimated", "absent"]


@dataclass(frozen=True)
class Label:
    """A label: its closed values (they start at zero), or the cap that bounds an open one."""

    name: str
    values: tuple[str, ...] = ()
    #: How many values an open label may take per process; the rest become ``other``.
    cap: int | None = None


@dataclass(frozen=True)
class Metric:
    """One row: what is exported, what it means and where the number comes from."""

    group: str
    name: str
    kind: MetricType
    labels: tuple[Label, ...]
    help: str
    otel_name: str
    unit: str
    source: str
    buckets: tuple[float, ...] = ()
    #: How the levels of several event loops become one number.
    merge: Merge = "sum"
    #: The platform or the host may not give it: then it is absent, never 0.
    optional: bool = False
    #: What the tornado host on Bokeh up to 3.9, on 3.10, and the ASGI host give.
    tornado: Coverage = "full"
    tornado_310: Coverage = "full"
    asgi: Coverage = "full"

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in the order that children are looked up by."""
        return tuple(label.name for label in self.labels)


#: Seconds. From a fast callback to what makes a user reload the page.
DURATION = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: Seconds. A sample must stay under a millisecond, so it needs buckets below that.
SHORT = (0.0001, 0.0005, 0.001, *DURATION)
#: Seconds. From a page that was closed at once to a dashboard on a wall.
LIFETIME = (1.0, 10.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)

#: OpenTelemetry's conventions whose attributes (``http.*``, ``code.*``, ``error.*``) ours have; a later version renames
#: none of them by itself, a backend that knows the address can.
SCHEMA_URL = "https://opentelemetry.io/schemas/1.40.0"

#: The value of a label beyond its cap.
OTHER = "other"
#: Series of ours in one process; beyond it new children fold into ``other``.
SERIES_CAP = 10_000

APP = Label("app", cap=20)
#: The app's path where a page was asked for, else one of a few routes that all apps share.
ROUTE = Label("http_route", cap=30)
FLAGS = ("true", "false")
SESSION_STATES = ("connected", "unused", "blocked", "pending")
CREATE_STEPS = ("hook", "script", "token")
DESTROY_REASONS = ("expired", "requested", "shutdown")
CLOSE_CODES = ("1000", "1001", "1006", "1009", "1011", OTHER)
REJECT_REASONS = ("origin", "token", "expired", "subprotocol", "auth")
#: Why a websocket had to make its session: this process never knew it, or had destroyed it.
LANDINGS = ("unknown", "expired")
MESSAGES = ("PULL-DOC-REQ", "PATCH-DOC", "PUSH-DOC", "SERVER-INFO-REQ", OTHER)

PHASES = ("init", "update")
CALLBACK_KINDS = ("property", "event", "periodic", "timeout", "next_tick", "onload")
EXECUTOR_STATES = ("busy", "idle", "max")
UNCOLLECTED_STATES = ("pending", "retained")
REPLACEMENTS = ("in_place", "rebuilt")
PLOT_UPDATES = ("render", "update")
MALLOC_STATES = ("in_use", "free", "mmapped")
GENERATIONS = ("0", "1", "2")
DRAINS = ("sigterm", "endpoint", "memory")
ACTIVITIES = ("session_create", "session_destroy", "message", "callback", "http", "unattributed")
OTEL_SIGNALS = ("histogram", "event")
VERDICTS = (
    "healthy", "event_loop_stalled", "lingering_sessions", "retained_sessions", "session_growth", "process_growth",
    "fragmentation",
)  # fmt: skip

CONFIGURATION = "Configuration"
SESSIONS = "Sessions"
UNCOLLECTED = "Uncollected (the leak ledger)"
MODELS = "Models"
WEBSOCKET = "WebSocket"
CALLBACKS = "Callbacks and document lock"
HTTP = "HTTP requests"
PANEL = "Panel and HoloViews"
LOOP = "Event loop"
MEMORY = "Memory"
CONTAINER = "Container"
EXPORTER = "The exporter itself"

# fmt: off
CATALOGUE: tuple[Metric, ...] = (
    # --- Configuration -------------------------------------------------------------------------
    Metric(
        CONFIGURATION, "bokeh_exporter_build_info", "info",
        (Label("version"), Label("bokeh"), Label("panel"), Label("tornado")),
        "Versions in use (joinable)", "bokeh.exporter.build.info", "{flag}", "importlib.metadata",
    ),
    Metric(
        CONFIGURATION, "bokeh_server_config_info", "info",
        (Label("autoreload", FLAGS), Label("warm", FLAGS), Label("reuse_sessions", FLAGS), Label("admin", FLAGS),
         Label("profiler", FLAGS)),
        "Server switches that change memory behaviour", "bokeh.server.config.info", "{flag}",
        "panel.config, the command line, BokehTornado.settings",
    ),
    Metric(
        CONFIGURATION, "bokeh_server_unused_session_lifetime_seconds", "gauge", (),
        "Configured --unused-session-lifetime; of several servers the longest",
        "bokeh.server.unused_session_lifetime", "s", "BokehTornado._unused_session_lifetime_milliseconds", merge="max",
    ),
    Metric(
        CONFIGURATION, "bokeh_server_session_check_interval_seconds", "gauge", (),
        "Configured --check-unused-sessions; of several servers the longest",
        "bokeh.server.session_check_interval", "s", "BokehTornado._check_unused_sessions_milliseconds", merge="max",
    ),
    Metric(
        CONFIGURATION, "bokeh_servers", "gauge", (),
        "Servers in the process; a notebook that starts one with each run of a cell piles them up",
        "bokeh.servers", "{server}", "BokehTornado.__init__, BokehServerCore.__init__",
    ),
    Metric(
        CONFIGURATION, "bokeh_server_session_token_lifetime_seconds", "gauge", (),
        "Configured --session-token-expiration, within which a page must open its websocket; of several servers the "
        "shortest", "bokeh.server.session_token_lifetime", "s", "BokehTornado.session_token_expiration", merge="min",
    ),
    Metric(
        CONFIGURATION, "bokeh_server_keep_alive_interval_seconds", "gauge", (),
        "Configured --keep-alive, the time between two pings of a browser, 0 where they are off; of several servers "
        "the longest", "bokeh.server.keep_alive_interval", "s", "BokehTornado._keep_alive_milliseconds", merge="max",
        optional=True,
    ),
    Metric(
        CONFIGURATION, "bokeh_server_app_reloads_total", "counter", (),
        "Autoreload restarts and reloads", "bokeh.server.app_reloads", "{reload}",
        "panel.io.reload._reload; tornado.autoreload for bokeh serve --dev",
    ),
    # --- Sessions ------------------------------------------------------------------------------
    Metric(
        SESSIONS, "bokeh_sessions", "gauge", (APP, Label("state", SESSION_STATES)),
        "Sessions now: connected, unused, blocked, pending (disjoint)", "bokeh.sessions", "{session}",
        "ApplicationContext._sessions and _pending_sessions",
    ),
    Metric(
        SESSIONS, "bokeh_sessions_created_total", "counter", (APP,),
        "Session creations attempted, including failed ones", "bokeh.sessions.created", "{session}",
        "ApplicationContext.create_session_if_needed",
    ),
    Metric(
        SESSIONS, "bokeh_sessions_created_by_websocket_total", "counter", (APP, Label("why", LANDINGS)),
        "Sessions created by a WebSocket whose session the process never knew (unknown) or had destroyed (expired)",
        "bokeh.sessions.created_by_websocket", "{session}", "WSHandler._async_open",
    ),
    Metric(
        SESSIONS, "bokeh_sessions_created_by_client_total", "counter", (APP,),
        "Those of them whose WebSocket is a program's (bokeh.client.pull_session), not a page's",
        "bokeh.sessions.created_by_client", "{session}", "WSHandler._async_open, the token",
    ),
    Metric(
        SESSIONS, "bokeh_sessions_without_page", "gauge", (APP,),
        "Sessions now that a program opened (bokeh.client.pull_session) and no page has joined",
        "bokeh.sessions.without_page", "{session}", "ServerSession.subscribe, the token",
    ),
    Metric(
        SESSIONS, "bokeh_session_create_errors_total", "counter", (APP, Label("step", CREATE_STEPS)),
        "Creations in which a session-created hook, the app's code or the token failed",
        "bokeh.session.create_errors", "{error}",
        "ApplicationContext.create_session_if_needed, Handler.failed, FunctionHandler._func",
    ),
    Metric(
        SESSIONS, "bokeh_session_create_duration_seconds", "histogram", (APP,),
        "Time to build the document, hooks included", "bokeh.session.create.duration", "s",
        "ApplicationContext.create_session_if_needed", DURATION,
    ),
    Metric(
        SESSIONS, "bokeh_sessions_destroyed_total", "counter", (APP, Label("reason", DESTROY_REASONS)),
        "Sessions destroyed: expired (the sweep), requested (by app or host), shutdown (Bokeh 3.10 on ASGI)",
        "bokeh.sessions.destroyed", "{session}", "ServerSession.destroy",
    ),
    Metric(
        SESSIONS, "bokeh_sessions_undiscarded", "gauge", (APP,),
        "Destroyed sessions still in the server's table because a model's destroy() raised",
        "bokeh.sessions.undiscarded", "{session}", "ApplicationContext._sessions",
    ),
    Metric(
        SESSIONS, "bokeh_session_duration_seconds", "histogram", (APP,),
        "Lifetime of destroyed sessions", "bokeh.session.duration", "s",
        "ServerSession, monotonic clock", LIFETIME,
    ),
    Metric(
        SESSIONS, "bokeh_session_linger_duration_seconds", "histogram", (APP,),
        "Time from the last browser leaving to the start of destroy; excludes sessions that never had a browser",
        "bokeh.session.linger.duration", "s", "ServerSession._last_unsubscribe_time", LIFETIME,
    ),
    Metric(
        SESSIONS, "bokeh_session_destroy_duration_seconds", "histogram", (APP,),
        "Loop time spent destroying one session", "bokeh.session.destroy.duration", "s",
        "around ServerSession.destroy", DURATION,
    ),
    Metric(
        SESSIONS, "bokeh_session_unused_age_max_seconds", "gauge", (APP,),
        "Longest time any session has had no connection", "bokeh.session.unused_age.max", "s",
        "ServerSession._last_unsubscribe_time", merge="max",
    ),
    Metric(
        SESSIONS, "bokeh_sessions_never_connected_total", "counter", (APP,),
        "Sessions destroyed that never had a WebSocket (bots, probes)", "bokeh.sessions.never_connected", "{session}",
        "ServerSession.subscribe",
    ),
    Metric(
        SESSIONS, "bokeh_session_expiration_blocked_age_max_seconds", "gauge", (APP,),
        "Longest time that a session's expiration has been blocked without a break (stuck callback)",
        "bokeh.session.expiration_blocked_age.max", "s",
        "ServerSession.block_expiration and unblock_expiration", merge="max",
    ),
    Metric(
        SESSIONS, "bokeh_session_cleanup_duration_seconds", "histogram", (),
        "Run time of the unused-session sweep", "bokeh.session.cleanup.duration", "s",
        "BokehTornado._cleanup_sessions", DURATION,
    ),
    Metric(
        SESSIONS, "bokeh_session_cleanup_last_completed_timestamp_seconds", "gauge", (),
        "Unix time the sweep last finished, of several servers the oldest; starts as the time the server was seen",
        "bokeh.session.cleanup.last_completed.timestamp", "s", "BokehTornado._cleanup_sessions", merge="min",
    ),
    Metric(
        SESSIONS, "bokeh_server_draining", "gauge", (),
        "1 while the process accepts no new visitors and waits for the others to leave", "bokeh.server.draining",
        "{flag}", "the drain", merge="max",
    ),
    Metric(
        SESSIONS, "bokeh_server_drains_total", "counter", (Label("reason", DRAINS),),
        "Drains started: on SIGTERM, by the endpoint, or by memory over the configured share of the limit",
        "bokeh.server.drains", "{drain}", "the drain",
    ),
    # --- Uncollected ---------------------------------------------------------------------------
    Metric(
        UNCOLLECTED, "bokeh_sessions_uncollected", "gauge", (APP, Label("state", UNCOLLECTED_STATES)),
        "Destroyed sessions whose Document is still in memory: pending (no full collection since) or "
        "retained (it survived one)", "bokeh.sessions.uncollected", "{session}", "weak references taken at destroy",
    ),
    Metric(
        UNCOLLECTED, "bokeh_models_uncollected", "gauge", (APP, Label("state", UNCOLLECTED_STATES)),
        "Models of destroyed sessions still in memory, in the same states", "bokeh.models.uncollected", "{model}",
        "weak references to every model that was ever attached",
    ),
    Metric(
        UNCOLLECTED, "bokeh_session_uncollected_age_max_seconds", "gauge", (APP,),
        "Time since the oldest of these sessions was destroyed", "bokeh.session.uncollected_age.max", "s",
        "weak references taken at destroy", merge="max",
    ),
    Metric(
        UNCOLLECTED, "bokeh_session_collect_duration_seconds", "histogram", (APP,),
        "Time from destroyed to freed", "bokeh.session.collect.duration", "s",
        "a weak reference's callback appends to a deque", LIFETIME,
    ),
    Metric(
        UNCOLLECTED, "bokeh_app_modules", "gauge", (),
        "Modules that Bokeh made of app scripts and that are in sys.modules", "bokeh.app.modules", "{module}",
        "sys.modules",
    ),
    Metric(
        UNCOLLECTED, "bokeh_shared_entries", "gauge", (Label("holder", cap=50),),
        "Entries of what all sessions share, where they have become more since the start: registries of libraries, "
        "style sheets of classes, watchers of shared objects, containers of the app's modules", "bokeh.shared.entries",
        "{entry}", "len of containers in known places", optional=True, merge="max",
    ),
    Metric(
        UNCOLLECTED, "bokeh_module_referrer_warnings_total", "counter", (APP,),
        "\"extra unexpected referrers\" errors that Bokeh logged; it logs them for harmless apps too",
        "bokeh.module.referrer_warnings", "{warning}", "a logging filter on bokeh.document.modules",
    ),
    # --- Models --------------------------------------------------------------------------------
    Metric(
        MODELS, "bokeh_document_models", "gauge", (APP,),
        "Models attached to live documents", "bokeh.document.models", "{model}", "len(Document.models)",
    ),
    Metric(
        MODELS, "bokeh_document_models_max", "gauge", (APP,),
        "Largest document now", "bokeh.document.models.max", "{model}", "len(Document.models)", merge="max",
    ),
    Metric(
        MODELS, "bokeh_document_recompute_seconds", "histogram", (APP,),
        "Time to recompute which models a document holds, whenever one is added or removed",
        "bokeh.document.recompute", "s", "DocumentModelManager.recompute", SHORT,
    ),
    Metric(
        MODELS, "bokeh_models_created_total", "counter", (APP, Label("model", cap=50), Label("phase", PHASES)),
        "Models constructed while a session was built (init) or by what happened to it later (update)",
        "bokeh.models.created", "{model}", "Model.__init__",
    ),
    Metric(
        MODELS, "bokeh_models", "gauge", (),
        "All Bokeh models alive", "bokeh.models", "{model}", "weak references, counted",
    ),
    Metric(
        MODELS, "bokeh_known_models", "gauge", (),
        "Model classes registered with Bokeh; grows when an app script defines components", "bokeh.known_models",
        "{class}", "bokeh.core.has_props",
    ),
    Metric(
        MODELS, "bokeh_models_orphaned", "gauge", (Label("model", cap=50),),
        "Models alive that are in no document, live or destroyed (never added, or removed and kept)",
        "bokeh.models.orphaned", "{model}", "weak references, counted",
    ),
    Metric(
        MODELS, "bokeh_data_source_size_bytes", "gauge", (APP,),
        "Array bytes in live ColumnDataSources (opt-in)", "bokeh.data_source.size", "By", "nbytes walk, sampled",
        optional=True,
    ),
    # --- WebSocket -----------------------------------------------------------------------------
    Metric(
        WEBSOCKET, "bokeh_websocket_connections", "gauge", (APP,),
        "Open WebSockets that carry a session", "bokeh.websocket.connections", "{connection}",
        "ServerSession._subscribed_connections",
    ),
    Metric(
        WEBSOCKET, "bokeh_websocket_closed_total", "counter", (APP, Label("code", CLOSE_CODES)),
        "WebSockets closed, by close code; 1006 is a connection lost without one",
        "bokeh.websocket.closed", "{connection}", "WSHandler.on_close",
    ),
    Metric(
        WEBSOCKET, "bokeh_websocket_rejected_total", "counter", (Label("reason", REJECT_REASONS),),
        "WebSockets refused: origin, token, expired, subprotocol, auth (no login)",
        "bokeh.websocket.rejected", "{connection}",
        "WSHandler.check_origin and open",
    ),
    Metric(
        WEBSOCKET, "bokeh_websocket_silent_age_max_seconds", "gauge", (APP,),
        "Longest time since any open WebSocket has sent a message or answered a ping; absent without pings (ASGI)",
        "bokeh.websocket.silent_age.max", "s", "WebSocketProtocol13._wire_bytes_in", merge="max", asgi="absent",
    ),
    Metric(
        WEBSOCKET, "bokeh_websocket_received_messages_total", "counter", (APP, Label("message", MESSAGES)),
        "Protocol messages in", "bokeh.websocket.received_messages", "{message}", "ProtocolHandler.handle",
    ),
    Metric(
        WEBSOCKET, "bokeh_websocket_received_bytes_total", "counter", (APP,),
        "Payload bytes in", "bokeh.websocket.received", "By",
        "ProtocolHandler.handle reads tornado's sum; what the ASGI host receives",
    ),
    Metric(
        WEBSOCKET, "bokeh_websocket_sent_bytes_total", "counter", (APP,),
        "Payload bytes out, before compression", "bokeh.websocket.sent", "By",
        "Message.send and Panel's own sending read tornado's sum; what the ASGI host sends",
    ),
    Metric(
        WEBSOCKET, "bokeh_websocket_send_buffer_bytes", "gauge", (APP,),
        "Unsent bytes held for slow browsers", "bokeh.websocket.send_buffer", "By",
        "IOStream._write_buffer (duck-typed)", asgi="absent",
    ),
    Metric(
        WEBSOCKET, "bokeh_websocket_cut_age_seconds", "gauge", (APP,),
        "Common age of most of the last WebSockets that were cut off (1006), as with a proxy's timeout; absent if they "
        "have none", "bokeh.websocket.cut_age", "s",
        "WSHandler.open and on_close; what the ASGI host sends", optional=True, merge="max",
    ),
    # --- Callbacks and document lock -----------------------------------------------------------
    Metric(
        CALLBACKS, "bokeh_document_events_total", "counter", (APP, Label("event", cap=50)),
        "Change events of documents, by class", "bokeh.document.events", "{event}",
        "DocumentCallbackManager.trigger_on_change",
    ),
    Metric(
        CALLBACKS, "bokeh_callback_duration_seconds", "histogram", (APP, Label("kind", CALLBACK_KINDS)),
        "Callbacks by trigger, from call to return; async ones to their end, including awaits",
        "bokeh.callback.duration", "s", "around what Bokeh and Panel call", DURATION,
    ),
    Metric(
        CALLBACKS, "bokeh_callback_busy_seconds_total", "counter", (APP, Label("callback", cap=100)),
        "Time that a callback occupied its thread (the event loop, or a worker on Bokeh 3.10), excluding awaits",
        "bokeh.callback.busy", "s", "around the user's function",
    ),
    Metric(
        CALLBACKS, "bokeh_callback_calls_total", "counter", (APP, Label("callback", cap=100)),
        "Calls by callback", "bokeh.callback.calls", "{call}", "around the user's function",
    ),
    Metric(
        CALLBACKS, "bokeh_callback_errors_total", "counter", (APP, Label("callback", cap=100)),
        "Callback calls that raised, caught or not", "bokeh.callback.errors", "{error}", "around the user's function",
    ),
    Metric(
        CALLBACKS, "bokeh_document_lock_wait_seconds", "histogram", (APP,),
        "Wait for the document lock", "bokeh.document.lock.wait", "s", "ServerSession._lock.acquire", DURATION,
    ),
    Metric(
        CALLBACKS, "bokeh_document_lock_held_seconds", "histogram", (APP,),
        "Time for which the document lock is held; all other work on the document waits",
        "bokeh.document.lock.held", "s", "release of ServerSession._lock", SHORT,
    ),
    Metric(
        CALLBACKS, "bokeh_session_callbacks", "gauge", (APP, Label("kind", CALLBACK_KINDS)),
        "Registered periodic, timeout and next-tick callbacks of live sessions", "bokeh.session.callbacks",
        "{callback}", "Document.session_callbacks",
    ),
    Metric(
        CALLBACKS, "bokeh_callback_net_blocks", "gauge", (APP, Label("callback", cap=100)),
        "Net Python blocks that a callback's calls left behind; some ten per call are noise (opt-in)",
        "bokeh.callback.net_blocks", "{block}",
        "sys.getallocatedblocks before and after", optional=True,
    ),
    # --- HTTP requests -------------------------------------------------------------------------
    Metric(
        HTTP, "http_server_request_duration_seconds", "histogram",
        (Label("http_request_method", cap=10), ROUTE, Label("http_response_status_code", cap=60)),
        "Duration of HTTP requests to the server, without WebSocket upgrades", "http.server.request.duration", "s",
        "BokehTornado.log_request; BokehASGI.__call__", DURATION,
    ),
    # --- Panel and HoloViews -------------------------------------------------------------------
    Metric(
        PANEL, "panel_views", "gauge", (),
        "Strong entries in panel.state._views", "panel.views", "{view}", "panel.state._views", optional=True,
    ),
    Metric(
        PANEL, "panel_components", "gauge", (),
        "Panel components (Viewable) alive", "panel.components", "{component}", "weak references, counted",
        optional=True,
    ),
    Metric(
        PANEL, "panel_components_created_total", "counter",
        (APP, Label("component", cap=50), Label("phase", PHASES)),
        "Panel components constructed", "panel.components.created", "{component}", "Viewable.__init__",
        optional=True,
    ),
    Metric(
        PANEL, "panel_replacements_total", "counter", (APP, Label("component", cap=50), Label("mode", REPLACEMENTS)),
        "Bound output refreshed: in_place or rebuilt", "panel.replacements", "{replacement}",
        "ReplacementPane._update_inner", optional=True,
    ),
    Metric(
        PANEL, "panel_render_duration_seconds", "histogram", (APP,),
        "From the launch of a session to its document_ready", "panel.render.duration", "s",
        "the document_ready event", DURATION, optional=True,
    ),
    Metric(
        PANEL, "panel_cache_entries", "gauge", (Label("cache", cap=50),),
        "Entries per pn.cache function", "panel.cache.entries", "{entry}", "panel.state._memoize_cache",
        optional=True,
    ),
    Metric(
        PANEL, "holoviews_elements_created_total", "counter",
        (APP, Label("element", cap=50), Label("phase", PHASES)),
        "HoloViews elements constructed", "holoviews.elements.created", "{element}", "Element.__init__",
        optional=True,
    ),
    Metric(
        PANEL, "holoviews_plot_updates_total", "counter", (APP, Label("element", cap=50), Label("mode", PLOT_UPDATES)),
        "Plots drawn from scratch (render) or updated in place (update)", "holoviews.plot.updates", "{update}",
        "initialize_plot and update_frame", optional=True,
    ),
    # --- Event loop ----------------------------------------------------------------------------
    Metric(
        LOOP, "bokeh_event_loop_lag_seconds", "histogram", (),
        "Scheduling delay of a timer that is due twice a second", "bokeh.event_loop.lag", "s",
        "a timer on the server's loop", DURATION,
    ),
    Metric(
        LOOP, "bokeh_event_loop_last_tick_timestamp_seconds", "gauge", (),
        "Unix time of the last tick, served by another thread; of several loops the oldest",
        "bokeh.event_loop.last_tick.timestamp", "s", "a timer on the server's loop", merge="min",
    ),
    Metric(
        LOOP, "bokeh_event_loop_stalls_total", "counter", (),
        "Times an event loop was blocked for over 5 s", "bokeh.event_loop.stalls", "{stall}", "the watcher thread",
    ),
    Metric(
        LOOP, "bokeh_exporter_gil_wait_seconds", "histogram", (),
        "How late the watcher thread woke up: something held the interpreter lock", "bokeh.exporter.gil_wait", "s",
        "the watcher thread", SHORT,
    ),
    Metric(
        LOOP, "bokeh_asyncio_tasks", "gauge", (),
        "asyncio tasks alive", "bokeh.asyncio.tasks", "{task}", "asyncio.all_tasks on the loop",
    ),
    Metric(
        LOOP, "bokeh_python_threads", "gauge", (),
        "Python threads alive", "bokeh.python.threads", "{thread}", "threading.active_count",
    ),
    Metric(
        LOOP, "bokeh_executor_threads", "gauge", (Label("state", EXECUTOR_STATES),),
        "Threads of the pools that run callbacks, builds and responses (Bokeh 3.10)", "bokeh.executor.threads",
        "{thread}", "the loop's default executor and Bokeh's _ServerExecutor", optional=True, tornado="absent",
    ),
    Metric(
        LOOP, "bokeh_executor_queue_length", "gauge", (),
        "Work waiting for a thread of those pools (Bokeh 3.10)", "bokeh.executor.queue_length", "{task}",
        "the loop's default executor and Bokeh's _ServerExecutor", optional=True, tornado="absent",
    ),
    Metric(
        LOOP, "bokeh_executor_wait_seconds", "histogram", (),
        "Wait for a thread of those pools (Bokeh 3.10)", "bokeh.executor.wait", "s",
        "the loop's default executor and Bokeh's _ServerExecutor", SHORT, optional=True, tornado="absent",
    ),
    # --- Memory --------------------------------------------------------------------------------
    Metric(
        MEMORY, "bokeh_memory_rss_bytes", "gauge", (Label("kind", ("anon", "file", "shmem")),),
        "Resident: anon, file, shmem (sums to RSS); where the kinds are unknown (macOS, Windows) all is anon",
        "bokeh.memory.rss", "By", "/proc/self/status, else psutil", optional=True,
    ),
    Metric(
        MEMORY, "bokeh_memory_attributed_bytes", "gauge", (APP, Label("activity", ACTIVITIES)),
        "Net change of resident memory while this activity ran, since start; unattributed: while two ran at once, in "
        "several threads. It ranks, it does not account exactly",
        "bokeh.memory.attributed", "By", "/proc/self/statm before and after", optional=True,
    ),
    Metric(
        MEMORY, "bokeh_memory_background_bytes", "gauge", (),
        "Net change of resident memory while no activity ran, since start: the app's own threads, native code",
        "bokeh.memory.background", "By", "/proc/self/statm before and after", optional=True,
    ),
    Metric(
        MEMORY, "bokeh_memory_malloc_bytes", "gauge", (Label("state", MALLOC_STATES),),
        "glibc's allocator: in_use, free, mmapped", "bokeh.memory.malloc", "By", "mallinfo2 (glibc 2.33 and newer)",
        optional=True,
    ),
    Metric(
        MEMORY, "bokeh_memory_malloc_resident_bytes", "gauge", (),
        "Resident part of the allocator's heap and arenas", "bokeh.memory.malloc_resident", "By",
        "/proc/self/smaps, at most once a minute, off the loop", optional=True,
    ),
    Metric(
        MEMORY, "bokeh_memory_verdict", "gauge", (Label("verdict", VERDICTS),),
        "1 for the current verdict, 0 for the others", "bokeh.memory.verdict", "{flag}", "diagnose",
    ),
    Metric(
        MEMORY, "bokeh_memory_growth_excluded_bytes", "gauge", (Label("per", ("visit", "day")),),
        "While the verdict is healthy: growth above this is ruled out with 95 % confidence",
        "bokeh.memory.growth.excluded", "By", "diagnose", optional=True,
    ),
    Metric(
        MEMORY, "bokeh_memory_seconds_until_limit", "gauge", (),
        "While memory grows: seconds until out of memory (the container's limit) at recent traffic",
        # In braces, so that no suffix is added to a name that has its unit in the middle.
        "bokeh.memory.seconds_until_limit", "{second}", "diagnose", optional=True,
    ),
    Metric(
        MEMORY, "bokeh_memory_reclaimed_bytes_total", "counter", (),
        "Bytes returned to the system by trim", "bokeh.memory.reclaimed", "By",
        "malloc_trim, resident memory before and after",
    ),
    Metric(
        MEMORY, "bokeh_python_allocated_blocks", "gauge", (),
        "Blocks of Python's allocator in use", "bokeh.python.allocated_blocks", "{block}", "sys.getallocatedblocks",
        optional=True,
    ),
    Metric(
        MEMORY, "bokeh_python_gc_pause_seconds", "histogram", (Label("generation", GENERATIONS),),
        "Time that the garbage collector stopped the interpreter", "bokeh.python.gc_pause", "s",
        "gc.callbacks, plain ints", SHORT,
    ),
    Metric(
        MEMORY, "bokeh_python_gc_last_full_collection_timestamp_seconds", "gauge", (),
        "Unix time of the last full collection; absent before the first",
        "bokeh.python.gc_last_full_collection.timestamp", "s", "gc.callbacks", optional=True, merge="max",
    ),
    # --- Container -----------------------------------------------------------------------------
    Metric(
        CONTAINER, "bokeh_cgroup_memory_usage_bytes", "gauge", (),
        "memory.current", "bokeh.cgroup.memory.usage", "By", "/sys/fs/cgroup", optional=True,
    ),
    Metric(
        CONTAINER, "bokeh_cgroup_memory_limit_bytes", "gauge", (),
        "memory.max, the lowest on the way up (absent when there is none)", "bokeh.cgroup.memory.limit", "By",
        "/sys/fs/cgroup", optional=True,
    ),
    Metric(
        CONTAINER, "bokeh_cgroup_memory_inactive_file_bytes", "gauge", (),
        "Reclaimable page cache", "bokeh.cgroup.memory.inactive_file", "By", "memory.stat", optional=True,
    ),
    Metric(
        CONTAINER, "bokeh_cgroup_memory_events_total", "counter",
        (Label("event", ("high", "max", "oom", "oom_kill")),),
        "high, max, oom, oom_kill", "bokeh.cgroup.memory.events", "{event}", "memory.events", optional=True,
    ),
    Metric(
        CONTAINER, "bokeh_cgroup_memory_stall_seconds_total", "counter", (Label("level", ("some", "full")),),
        "Time in which tasks waited for memory (PSI some, full)", "bokeh.cgroup.memory.stall", "s",
        "memory.pressure", optional=True,
    ),
    # --- The exporter itself -------------------------------------------------------------------
    Metric(
        EXPORTER, "bokeh_exporter_collector_duration_seconds", "gauge", (Label("collector"),),
        "Last run time of each collector", "bokeh.exporter.collector.duration", "s", "the frame around observers",
        merge="max",
    ),
    Metric(
        EXPORTER, "bokeh_exporter_errors_total", "counter", (Label("component"),),
        "Exceptions swallowed inside our hooks and collectors", "bokeh.exporter.errors", "{error}",
        "the frame around observers",
    ),
    Metric(
        EXPORTER, "bokeh_exporter_sample_duration_seconds", "histogram", (),
        "Loop time of one periodic sample", "bokeh.exporter.sample.duration", "s", "perf_counter", SHORT,
    ),
    Metric(
        EXPORTER, "bokeh_exporter_last_sample_timestamp_seconds", "gauge", (),
        "Unix time of the last sample taken on the loop; of several loops the oldest",
        "bokeh.exporter.last_sample.timestamp", "s", "a timer on the loop", merge="min",
    ),
    Metric(
        EXPORTER, "bokeh_exporter_hook_enabled", "gauge", (Label("hook"),),
        "1 if the hook works with the running Bokeh, Panel and tornado, 0 if its metrics are missing",
        "bokeh.exporter.hook_enabled", "{hook}", "the patch helper",
    ),
    Metric(
        EXPORTER, "bokeh_exporter_overflow_total", "counter", (Label("metric"),),
        "Look-ups of new label values that were folded into \"other\"", "bokeh.exporter.overflow", "{value}",
        "the label limiter",
    ),
    Metric(
        EXPORTER, "bokeh_exporter_overhead_seconds_total", "counter", (),
        "Time spent inside our hooks and samples, except hooks that do little more than read the clock",
        "bokeh.exporter.overhead", "s", "perf_counter",
    ),
    Metric(
        EXPORTER, "bokeh_exporter_unwritable_series_total", "counter", (),
        "Series left out of an exposition because they cannot be written in its format, each time",
        "bokeh.exporter.unwritable_series", "{series}", "the encoder of the exposition",
    ),
    Metric(
        EXPORTER, "bokeh_exporter_otel_dropped_total", "counter", (Label("signal", OTEL_SIGNALS),),
        "Histogram observations and events that OpenTelemetry did not fetch in time, so it lacks them",
        "bokeh.exporter.otel.dropped", "{item}", "the bounded queues between state and OpenTelemetry",
    ),
)
# fmt: on

#: Labels that OpenTelemetry's conventions have another name for; translated back, it is the label's.
_SEMANTIC = {
    "http_request_method": "http.request.method",
    "http_route": "http.route",
    "http_response_status_code": "http.response.status_code",
}


def attribute(label: str) -> str:
    """Return the OpenTelemetry attribute that a label is."""
    return _SEMANTIC.get(label, label)


BY_NAME: dict[str, Metric] = {metric.name: metric for metric in CATALOGUE}


def groups() -> Iterator[tuple[str, tuple[Metric, ...]]]:
    """Yield each group's title and rows, in the order of the catalogue."""
    for title in dict.fromkeys(metric.group for metric in CATALOGUE):
        yield title, tuple(metric for metric in CATALOGUE if metric.group == title)
