"""The alerts. Each says what is wrong with which server, and leads to its runbook and its board.

An alert on memory stands for one verdict of the exporter but is computed from the numbers, so that it
fires as well when nobody asks the process. The order is that of the verdicts: what explains the memory
first keeps later ones quiet (``ALERTS`` of the same evaluation), so one leak is one alert. The file is long since it
is one table, whose order matters.
"""

from __future__ import annotations

from typing import NamedTuple

from .promql import INSTANCE, POD, by, increase, per_pod, series
from .recording import HOUR, LONG, recorded
from .thresholds import at

SAME = f"on ({', '.join(INSTANCE)})"
#: The exporter serves the runbooks itself. An alert on a pod or an app has no instance, and one that is down answers
#: nothing: then any server of the job that is up. `bokeh-exporter rules DIR --runbooks URL` writes another address.
RUNBOOKS = "http://{{ $labels.instance }}/runbooks"
RUNBOOKS_OF_JOB = (
    "http://{{ with printf `up{job=%q} == 1` $labels.job | query }}{{ . | first | label `instance` }}{{ end }}/runbooks"
)
#: `--grafana URL` writes yours.
GRAFANA = "http://localhost:3000"


class Alert(NamedTuple):
    """One alert; ``board`` is the uid of the board that shows it, ``verdict`` the one it stands for."""

    name: str
    severity: str
    duration: str
    expr: str
    summary: str
    description: str
    board: str
    verdict: str = ""
    labels: tuple[str, ...] = INSTANCE

    @property
    def page(self) -> str:
        """The runbook's file name."""
        return f"{self.name}.md"


def unless(*alerts: str) -> str:
    """Keep quiet where an alert that comes first explains it, firing or about to."""
    return f'unless {SAME}\nALERTS{{alertname=~"{"|".join(alerts)}"}}'


# --- the server and its exporter ------------------------------------------------------------------

#: Only what was ours within the hour: ``up`` and the start time are there for every target of a Prometheus.
_OURS = by("max", INSTANCE, f"present_over_time({series('bokeh_exporter_last_sample_timestamp_seconds')}[1h])")
_DOWN = f"{by('max', INSTANCE, 'up')} == 0\nand {SAME}\n{_OURS}"
_STARTS = by("max", INSTANCE, f"changes(process_start_time_seconds[{HOUR}])")
_RESTARTS = f"{_STARTS} >= {at('restarts')}\nand {SAME}\n{_OURS}"
_OOM_KILLED = per_pod(increase(series("bokeh_cgroup_memory_events_total", event="oom_kill"), "15m"), POD) + " > 0"
_REFUSED = by("sum", INSTANCE, increase(series("bokeh_websocket_rejected_total"), "15m"))
_CREATED = by("sum", INSTANCE, increase(series("bokeh_sessions_created_total"), "15m"))
_MOST_REFUSED = f"{_REFUSED} / {_CREATED} > {at('refused_share')}\nand\n{_REFUSED} >= {at('refused')}"
_BY_CALLBACK = (*INSTANCE, "app", "callback")
_RAISED = by("sum", _BY_CALLBACK, increase(series("bokeh_callback_errors_total"), "15m"))
_CALLED = by("sum", _BY_CALLBACK, increase(series("bokeh_callback_calls_total"), "15m"))
_RAISING = f"{_RAISED} / {_CALLED} > {at('callback_error_share')}\nand\n{_RAISED} >= {at('callback_errors')}"

# --- sessions ------------------------------------------------------------------------------------

_ROOM = by("max", INSTANCE, series("bokeh_server_unused_session_lifetime_seconds"))
_CHECK = by("max", INSTANCE, series("bokeh_server_session_check_interval_seconds"))
_APP = (*INSTANCE, "app")
_LIMIT = f"({at('linger_factor')} * ({_ROOM} + {_CHECK}) > {at('linger_floor')} or {at('linger_floor')} + 0 * {_ROOM})"


def _older_than_the_limit(metric: str) -> str:
    return f"{by('max', _APP, series(metric))}\n> {SAME} group_left ()\n{_LIMIT}"


_SWEEP = series("bokeh_session_cleanup_last_completed_timestamp_seconds")
_REUSED = by("max", INSTANCE, series("bokeh_server_config_info", reuse_sessions="true"))
_UNUSED = by("sum", _APP, series("bokeh_sessions", state="=~unused|blocked"))
#: With --reuse-sessions one session per app is meant to stay; two or more are a growing set of keys.
_MEANT = f"({_UNUSED} <= 1 and {SAME} {_REUSED})"

_DESTROYED = by("sum", _APP, increase(series("bokeh_sessions_destroyed_total"), HOUR))
_NEVER = by("sum", _APP, increase(series("bokeh_sessions_never_connected_total"), HOUR))
_SERVICE = ("job", "namespace", "app")
_BY_WEBSOCKET = by("sum", _SERVICE, increase(series("bokeh_sessions_created_by_websocket_total", why="unknown"), "15m"))
_BY_CLIENT = by("sum", _SERVICE, increase(series("bokeh_sessions_created_by_client_total"), "15m"))
#: Programs have no page that could be on another process; older exporters do not count them.
_LANDED = f"({_BY_WEBSOCKET} - {_BY_CLIENT} or {_BY_WEBSOCKET})"
_MADE = by("sum", _SERVICE, increase(series("bokeh_sessions_created_total"), "15m"))
_NOT_STICKY = f"{_LANDED} / {_MADE} > {at('landed_share')}\nand\n{_LANDED} >= {at('landed')}"
_ERRORS = by("sum", _SERVICE, increase(series("bokeh_session_create_errors_total"), HOUR))


def _burn(factor: str, *windows: str) -> str:
    ratios = (recorded(f"job_app:bokeh_session_create_errors:ratio_rate{window}") for window in windows)
    return "\nand\n".join(f"{ratio} > {at(factor)} * {at('create_error_budget')}" for ratio in ratios)


# --- memory --------------------------------------------------------------------------------------

_LONG_DESTROYED = recorded("instance_app:bokeh_sessions_destroyed:increase6h")


def _retained(kind: str) -> str:
    floor = recorded(f"instance_app:bokeh_{kind}_retained:min30m")
    return f"({floor} - min_over_time({floor}[{LONG}]))"


_LARGEST = by("max", _APP, f"max_over_time({series('bokeh_document_models_max')}[{LONG}])")
_RETAINED = f"""(
  ({_retained("sessions")} >= {at("retained_sessions")})
  / {_LONG_DESTROYED} > {at("retained_share")}
or
  # One document may stay for good: a clean server's does. It is taken off, twice.
  ({_retained("models")} - 2 * {_LARGEST} > 0)
  / {_LONG_DESTROYED} > {at("retained_models")}
)
and {_LONG_DESTROYED} >= {at("destroyed")}"""


def _twice(metric: str, threshold: str) -> str:
    """Growth in two hours running: a warm-up or a first visit is one step, not two."""
    growth = recorded(f"instance:{metric}:growth1h")
    return f"({growth} >= {at(threshold)} and {growth} offset {HOUR} >= {at(threshold)})"


_BLOCKS = _twice("bokeh_python_allocated_blocks", "growth_blocks")
_BYTES = _twice("bokeh_memory_malloc_used_bytes", "growth_bytes")
_ALL, _FLOOR = recorded("instance:bokeh_sessions_all:sum"), recorded("instance:bokeh_sessions_all:min30m")
#: Memory follows the sessions: more of them than two hours ago may hold more.
_NO_MORE_SESSIONS = f"and {SAME}\n({_FLOOR} <= 1.1 * {_FLOOR} offset 2h + 1)"
_VISITS = recorded("instance:bokeh_sessions_created:increase1h")
_CONNECTED = recorded("instance:bokeh_sessions:sum", 'state="connected"')
_FEW_VISITS = f"{_VISITS} < {at('growth_visits')}"
#: Of which growth is a session's own: somebody was connected all the time, and nearly nobody came.
_IN_SESSION = f"and {SAME}\n(min_over_time({_CONNECTED}[2h]) > 0)\nand {SAME}\n({_FEW_VISITS})"
_IDLE = f"and {SAME}\n(max_over_time({_ALL}[2h]) == 0)\nand {SAME}\n(max_over_time({_VISITS}[{HOUR}]) == 0)"

_SESSION_GROWTH = f"""(
  {_twice("bokeh_session_models", "session_models")}
or
  {recorded("instance:bokeh_session_callbacks:growth1h")} >= {at("session_callbacks")}
or
  ({_BYTES} {_IN_SESSION})
or
  ({_BLOCKS} {_IN_SESSION})
)
{unless("BokehSessionsLingering", "BokehSessionsRetained")}"""

_EARLIER = ("BokehSessionsLingering", "BokehSessionsRetained", "BokehSessionGrowth", "BokehGrowthWhileIdle")
_UNUSED_BYTES = recorded("instance:bokeh_memory_malloc_unused_bytes:sum")
_ARENAS = by("sum", INSTANCE, series("bokeh_memory_malloc_resident_bytes"))
_FRAGMENTED = f"""min_over_time({_UNUSED_BYTES}[30m]) > {at("fragmentation_bytes")}
and
{_UNUSED_BYTES} / {_ARENAS} > {at("fragmentation_share")}"""

_SHARE = recorded("pod:bokeh_cgroup_memory_working_set:ratio")
#: What the exporter is sure of: growth beyond its noise, and room. The process of a pod that is full first counts.
_SURE = per_pod(series("bokeh_memory_seconds_until_limit"), operator="min")
#: Within two hours nobody is sure: what fills a container in minutes shows in the last hour alone.
_LAST_HOUR = recorded("pod:bokeh_cgroup_memory_time_to_limit_seconds:deriv1h")
_IMMINENT = f"""(
  {_SURE}
or
  {_LAST_HOUR}
) < {2 * 3600}
and
{_SHARE} > {at("memory_share_critical")}"""
#: One of the two at a time: what is imminent was predicted.
_PREDICTED = f"""{_SURE} < {24 * 3600}
and
{_SHARE} > {at("memory_share_warning")}
unless on ({", ".join(POD)})
ALERTS{{alertname="BokehMemoryExhaustionImminent", alertstate="firing"}}"""

_STALLED = f"{recorded('instance:bokeh_event_loop_tick_age_seconds:max')} > {at('stall_age')}"
_POOL_FULL = f"""(
  min_over_time({series("bokeh_executor_queue_length")}[1m]) > 0
  and
  {series("bokeh_executor_threads", state="busy")} >= ignoring (state) {series("bokeh_executor_threads", state="max")}
)"""
_STALLED_OR_FULL = f"{_STALLED}\nor\n{by('max', INSTANCE, _POOL_FULL)}"

ON = "{{ $labels.app }} on {{ $labels.instance }}"
SERVER, LEAKS, FLEET = "bokeh-server", "bokeh-leak-hunt", "bokeh-fleet"
_POD_LABELS = ("job", "namespace", "pod", "host")

GROUPS: dict[str, list[Alert]] = {
    "bokeh-alerts-loop": [
        Alert(
            "BokehEventLoopStalled", "critical", "1m", _STALLED_OR_FULL,
            "{{ $labels.instance }} is blocked and answers no one",
            "The event loop has not ticked for {{ $value | humanizeDuration }} (or, on Bokeh 3.10, this many pieces of "
            "work wait for a thread of a full pool). No page opens, no click is answered, no session is cleaned up. "
            "The exporter's log and /debug/stacks name the function that blocks.",
            SERVER, "event_loop_stalled",
        ),
        Alert(
            "BokehEventLoopLagHigh", "warning", "10m",
            f"{recorded('instance:bokeh_event_loop_lag_seconds:p99_rate5m')} > {at('lag_p99')}",
            "{{ $labels.instance }} answers slowly",
            "One event loop tick in a hundred is late by {{ $value | humanizeDuration }}; every user of the process "
            "waits for the callback that runs. The busiest callbacks are on the board.",
            SERVER,
        ),
    ],
    "bokeh-alerts-sessions": [
        Alert(
            "BokehSessionsLingering", "warning", "10m",
            f"(\n{_older_than_the_limit('bokeh_session_unused_age_max_seconds')}\nor\n"
            f"{_older_than_the_limit('bokeh_session_expiration_blocked_age_max_seconds')}\n)\nunless\n{_MEANT}",
            f"Sessions of {ON} outlive their browsers",
            "A session has been without a browser, or blocked from expiring, for {{ $value | humanizeDuration }}: more "
            "than three times the configured lifetime and check interval. Each one keeps its memory.",
            LEAKS, "lingering_sessions", _APP,
        ),
        Alert(
            "BokehCleanupStalled", "critical", "5m",
            f"{by('max', INSTANCE, f'timestamp({_SWEEP}) - {_SWEEP}')}\n>\n"
            f"{at('cleanup_factor')} * {_CHECK} + {at('cleanup_extra')}\n{unless('BokehEventLoopStalled')}",
            "{{ $labels.instance }} no longer discards sessions",
            "The sweep for unused sessions last finished {{ $value | humanizeDuration }} ago. It does not overlap itself, "
            "so a session-destroyed hook that hangs stops it for good, and every session stays.",
            LEAKS, "lingering_sessions",
        ),
        Alert(
            "BokehSessionCreateErrors", "critical", "2m",
            f"{_burn('burn_fast', '5m', '1h')}\nand\n{_ERRORS} >= {at('create_errors')}",
            "{{ $labels.app }} of {{ $labels.job }} does not open",
            "{{ $value | humanizePercentage }} of the sessions of the last five minutes could not be built: the app's "
            "code, a session-created hook or the token failed.",
            SERVER, "", _SERVICE,
        ),
        Alert(
            "BokehSessionCreateErrorsSlow", "warning", "15m",
            f"{_burn('burn_slow', '30m', '6h')}\nand\n{_ERRORS} >= {at('create_errors')}",
            "{{ $labels.app }} of {{ $labels.job }} sometimes fails",
            "{{ $value | humanizePercentage }} of the sessions of the last half hour could not be built, and it has been "
            "going on for hours.",
            SERVER, "", _SERVICE,
        ),
        Alert(
            # Longer than the window: tabs that come back after a restart are over by then.
            "BokehStickinessBroken", "critical", "20m", _NOT_STICKY,
            "WebSockets of {{ $labels.app }} of {{ $labels.job }} reach the wrong server",
            "{{ $value | humanizePercentage }} of the sessions of the last 15 minutes were made by a WebSocket whose page "
            "came from another process. Each visit costs two sessions, and what a page was given is lost.",
            FLEET, "", _SERVICE,
        ),
        Alert(
            "BokehSessionsNeverConnected", "info", "15m",
            f"{_NEVER} / {_DESTROYED} > {at('never_connected_share')}\nand\n{_NEVER} > {at('never_connected')}",
            f"Probes or bots build sessions of {ON}",
            "{{ $value | humanizePercentage }} of the sessions destroyed within the last hour never had a browser. Each "
            "plain GET of an app builds a whole session.",
            SERVER, "", _APP,
        ),
    ],
    "bokeh-alerts-memory": [
        Alert(
            "BokehSessionsRetained", "warning", "15m", _RETAINED,
            f"Destroyed sessions of {ON} stay in memory",
            "For each session that ends, {{ $value | humanize }} sessions or models stay although a full garbage "
            "collection ran: something in the process still refers to them. `bokeh-exporter explain` names it.",
            LEAKS, "retained_sessions", _APP,
        ),
        Alert(
            "BokehSessionGrowth", "warning", "15m", _SESSION_GROWTH,
            "Open sessions of {{ $labels.instance }} keep growing",
            "Live sessions grew by {{ $value | humanize }} within an hour (models or callbacks per session, or bytes, "
            "or Python blocks) while hardly anyone came: a callback adds and never removes.",
            LEAKS, "session_growth",
        ),
        Alert(
            "BokehGrowthWhileIdle", "warning", "15m",
            f"{_twice('bokeh_memory_rss_anon_bytes', 'growth_bytes')}\n{_IDLE}",
            "{{ $labels.instance }} grows although nobody visits",
            "Without one session the process grew by {{ $value | humanize1024 }}B within an hour: a thread, a timer, a "
            "log or a cache of the process, not the sessions.",
            LEAKS, "process_growth",
        ),
        Alert(
            "BokehPythonGrowth", "warning", "15m",
            f"{_BLOCKS}\n{_NO_MORE_SESSIONS}\n{unless(*_EARLIER)}",
            "Python objects pile up in {{ $labels.instance }}",
            "The floor of Python's allocator rose by {{ $value | humanize }} blocks within an hour, without more sessions "
            "and with no session retained: a cache, a registry or generated classes of the process.",
            LEAKS, "process_growth",
        ),
        Alert(
            "BokehNativeGrowth", "warning", "15m",
            f"{_BYTES}\nunless {SAME}\n{_BLOCKS}\n{_NO_MORE_SESSIONS}\n{unless(*_EARLIER)}",
            "{{ $labels.instance }} grows outside Python's objects",
            "The allocator handed out {{ $value | humanize1024 }}B more within an hour while Python's blocks stayed flat: "
            "arrays and data frames that something keeps, or native code.",
            LEAKS, "process_growth",
        ),
        Alert(
            "BokehMemoryFragmented", "info", "30m", _FRAGMENTED,
            "{{ $labels.instance }} keeps memory that it has freed",
            "{{ $value | humanize1024 }}B of resident memory hold nothing: glibc cannot or does not return it. It is "
            "a plateau, not a leak.",
            LEAKS, "fragmentation",
        ),
    ],
    "bokeh-alerts-container": [
        Alert(
            "BokehMemoryExhaustionImminent", "critical", "10m", _IMMINENT,
            "{{ $labels.job }} {{ $labels.pod }} {{ $labels.host }} runs out of memory within two hours",
            "The container reaches its limit in {{ $value | humanizeDuration }} at recent traffic (at the pace of the last "
            "hour, where growth is too new to be certain). Restart it at a time of your choice, before the kernel kills it.",
            FLEET, "", _POD_LABELS,
        ),
        Alert(
            "BokehMemoryExhaustionPredicted", "warning", "30m", _PREDICTED,
            "{{ $labels.job }} {{ $labels.pod }} {{ $labels.host }} runs out of memory within a day",
            "Memory grows, beyond its noise, and the container reaches its limit in {{ $value | humanizeDuration }} at "
            "recent traffic. Then the kernel kills the process, with every session in it.",
            FLEET, "", _POD_LABELS,
        ),
    ],
    "bokeh-alerts-exporter": [
        Alert(
            "BokehExporterDown", "critical", "5m", _DOWN,
            "{{ $labels.instance }} does not answer Prometheus",
            "The last scrape failed (up is {{ $value }}), and within the last hour it worked. The server is gone, hangs, "
            "or Prometheus may not reach its metrics port. All other alerts on it are blind meanwhile.",
            FLEET,
        ),
        Alert(
            "BokehServerRestarting", "warning", "1m", _RESTARTS,
            "{{ $labels.instance }} keeps restarting",
            "The process started {{ $value }} times within an hour. Each restart ends all open "
            "sessions.",
            FLEET,
        ),
        Alert(
            "BokehOOMKilled", "critical", "0m", _OOM_KILLED,
            "The kernel killed a process of {{ $labels.job }} {{ $labels.pod }} {{ $labels.host }}",
            "The container reached its memory limit and {{ $value | humanize }} processes were killed within 15 "
            "minutes, with every session in them.",
            FLEET, "", _POD_LABELS,
        ),
        Alert(
            "BokehVisitorsRefused", "critical", "5m", _MOST_REFUSED,
            "{{ $labels.instance }} refuses most visitors",
            "{{ $value | humanizePercentage }} as many WebSockets were refused as sessions created within 15 minutes. "
            "The page loads and stays dead. The reason is in bokeh_websocket_rejected_total.",
            SERVER,
        ),
        Alert(
            "BokehCallbackErrors", "warning", "5m", _RAISING,
            f"{{{{ $labels.callback }}}} of {ON} fails most of the time",
            "{{ $value | humanizePercentage }} of its calls within 15 minutes raised an exception. The traceback is in "
            "the server's log.",
            SERVER, "", _BY_CALLBACK,
        ),
        Alert(
            "BokehExporterHookMissing", "warning", "15m",
            f"{by('min', (*INSTANCE, 'hook'), series('bokeh_exporter_hook_enabled'))} == 0",
            "The exporter cannot see all of {{ $labels.instance }}",
            "The hook {{ $labels.hook }} does not work with the running Bokeh, Panel or tornado (enabled: {{ $value }}): its "
            "metrics are missing, and alerts on them stay silent.",
            SERVER, "", (*INSTANCE, "hook"),
        ),
    ],
}  # fmt: skip
ALERTS: dict[str, Alert] = {alert.name: alert for alerts in GROUPS.values() for alert in alerts}


#: Links to another server of the job: its own does not answer.
ASKS_ANOTHER = {"BokehExporterDown"}


def runbook_url(alert: Alert) -> str:
    """Return where the alert's page is."""
    near = "instance" in alert.labels and alert.name not in ASKS_ANOTHER
    return f"{RUNBOOKS if near else RUNBOOKS_OF_JOB}/{alert.page}"


def dashboard_url(alert: Alert) -> str:
    """Return the alert's board with the variables set to what it is about."""
    names = ("job", "namespace", "instance", "app")
    variables = [f"var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in names if name in alert.labels]
    return f"{GRAFANA}/d/{alert.board}?{'&'.join(variables)}"
