"""What a sample consists of, and the row that each number comes from. A number that is missing is None, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class AppSample(NamedTuple):
    """The numbers of one app. Bytes, seconds, counts; counters since the start of the process."""

    connected: float | None = None
    unused: float | None = None
    blocked: float | None = None
    pending: float | None = None
    #: Destroyed and still in the server's table.
    undiscarded: float | None = None
    created: float | None = None
    destroyed: float | None = None
    never_connected: float | None = None
    create_errors: float | None = None
    retained_sessions: float | None = None
    pending_sessions: float | None = None
    retained_models: float | None = None
    pending_models: float | None = None
    uncollected_age: float | None = None
    unused_age: float | None = None
    blocked_age: float | None = None
    silent_age: float | None = None
    #: Models attached to live documents, all and the largest document's.
    models: float | None = None
    models_max: float | None = None
    #: Models constructed after the build of a session, ever.
    models_updated: float | None = None
    data_bytes: float | None = None
    messages: float | None = None
    calls: float | None = None
    #: Seconds that those calls took, ever.
    calls_seconds: float | None = None
    #: Registered periodic callbacks.
    periodic: float | None = None
    attributed_session_create: float | None = None
    attributed_session_destroy: float | None = None
    attributed_message: float | None = None
    attributed_callback: float | None = None
    attributed_http: float | None = None

    @property
    def live(self) -> float:
        """Sessions that are not destroyed."""
        return (self.connected or 0) + (self.unused or 0) + (self.blocked or 0)

    @property
    def events(self) -> float:
        """Calls of callbacks, ever; messages where calls are not counted."""
        return self.calls or self.messages or 0


#: Field -> row and the labels that follow the app; None is any, summed up.
APP_SOURCES: Mapping[str, tuple[str, tuple[str | None, ...]]] = {
    "connected": ("bokeh_sessions", ("connected",)),
    "unused": ("bokeh_sessions", ("unused",)),
    "blocked": ("bokeh_sessions", ("blocked",)),
    "pending": ("bokeh_sessions", ("pending",)),
    "undiscarded": ("bokeh_sessions_undiscarded", ()),
    "created": ("bokeh_sessions_created_total", ()),
    "destroyed": ("bokeh_sessions_destroyed_total", (None,)),
    "never_connected": ("bokeh_sessions_never_connected_total", ()),
    "create_errors": ("bokeh_session_create_errors_total", (None,)),
    "retained_sessions": ("bokeh_sessions_uncollected", ("retained",)),
    "pending_sessions": ("bokeh_sessions_uncollected", ("pending",)),
    "retained_models": ("bokeh_models_uncollected", ("retained",)),
    "pending_models": ("bokeh_models_uncollected", ("pending",)),
    "uncollected_age": ("bokeh_session_uncollected_age_max_seconds", ()),
    "unused_age": ("bokeh_session_unused_age_max_seconds", ()),
    "blocked_age": ("bokeh_session_expiration_blocked_age_max_seconds", ()),
    "silent_age": ("bokeh_websocket_silent_age_max_seconds", ()),
    "models": ("bokeh_document_models", ()),
    "models_max": ("bokeh_document_models_max", ()),
    "models_updated": ("bokeh_models_created_total", (None, "update")),
    "data_bytes": ("bokeh_data_source_size_bytes", ()),
    "messages": ("bokeh_websocket_received_messages_total", (None,)),
    "calls": ("bokeh_callback_duration_seconds_count", (None,)),
    "calls_seconds": ("bokeh_callback_duration_seconds_sum", (None,)),
    "periodic": ("bokeh_session_callbacks", ("periodic",)),
    "attributed_session_create": ("bokeh_memory_attributed_bytes", ("session_create",)),
    "attributed_session_destroy": ("bokeh_memory_attributed_bytes", ("session_destroy",)),
    "attributed_message": ("bokeh_memory_attributed_bytes", ("message",)),
    "attributed_callback": ("bokeh_memory_attributed_bytes", ("callback",)),
    "attributed_http": ("bokeh_memory_attributed_bytes", ("http",)),
}


class Process(NamedTuple):
    """The numbers of the process. Bytes, seconds, counts; times are Unix time."""

    time: float
    lifetime: float | None = None
    check: float | None = None
    swept: float | None = None
    #: Seconds between two pings of a browser.
    ping_interval: float | None = None
    models_alive: float | None = None
    known_models: float | None = None
    orphaned: float | None = None
    modules: float | None = None
    components: float | None = None
    rss_anon: float | None = None
    rss_file: float | None = None
    rss_shmem: float | None = None
    malloc_in_use: float | None = None
    malloc_free: float | None = None
    malloc_mmapped: float | None = None
    malloc_resident: float | None = None
    reclaimed: float | None = None
    blocks: float | None = None
    gc_full: float | None = None
    ticked: float | None = None
    sampled: float | None = None
    stalls: float | None = None
    tasks: float | None = None
    threads: float | None = None
    lag_sum: float | None = None
    lag_count: float | None = None
    cleanup_sum: float | None = None
    cleanup_count: float | None = None
    linger_sum: float | None = None
    linger_count: float | None = None
    destroy_sum: float | None = None
    destroy_count: float | None = None
    collect_sum: float | None = None
    collect_count: float | None = None
    executor_busy: float | None = None
    executor_max: float | None = None
    executor_queue: float | None = None
    cgroup_usage: float | None = None
    cgroup_limit: float | None = None
    cgroup_inactive: float | None = None

    @property
    def rss(self) -> float | None:
        """Resident memory of all kinds."""
        kinds = [kind for kind in (self.rss_anon, self.rss_file, self.rss_shmem) if kind is not None]
        return sum(kinds) if kinds else None

    @property
    def heap(self) -> float | None:
        """Bytes that the C allocator has handed out: live, whatever the resident memory does."""
        if self.malloc_in_use is None:
            return None
        return self.malloc_in_use + (self.malloc_mmapped or 0)


#: Field -> row and labels; None is any, summed up.
SOURCES: Mapping[str, tuple[str, tuple[str | None, ...]]] = {
    "lifetime": ("bokeh_server_unused_session_lifetime_seconds", ()),
    "check": ("bokeh_server_session_check_interval_seconds", ()),
    "ping_interval": ("bokeh_server_keep_alive_interval_seconds", ()),
    "swept": ("bokeh_session_cleanup_last_completed_timestamp_seconds", ()),
    "models_alive": ("bokeh_models", ()),
    "known_models": ("bokeh_known_models", ()),
    "orphaned": ("bokeh_models_orphaned", (None,)),
    "modules": ("bokeh_app_modules", ()),
    "components": ("panel_components", ()),
    "rss_anon": ("bokeh_memory_rss_bytes", ("anon",)),
    "rss_file": ("bokeh_memory_rss_bytes", ("file",)),
    "rss_shmem": ("bokeh_memory_rss_bytes", ("shmem",)),
    "malloc_in_use": ("bokeh_memory_malloc_bytes", ("in_use",)),
    "malloc_free": ("bokeh_memory_malloc_bytes", ("free",)),
    "malloc_mmapped": ("bokeh_memory_malloc_bytes", ("mmapped",)),
    "malloc_resident": ("bokeh_memory_malloc_resident_bytes", ()),
    "reclaimed": ("bokeh_memory_reclaimed_bytes_total", ()),
    "blocks": ("bokeh_python_allocated_blocks", ()),
    "gc_full": ("bokeh_python_gc_last_full_collection_timestamp_seconds", ()),
    "ticked": ("bokeh_event_loop_last_tick_timestamp_seconds", ()),
    "sampled": ("bokeh_exporter_last_sample_timestamp_seconds", ()),
    "stalls": ("bokeh_event_loop_stalls_total", ()),
    "tasks": ("bokeh_asyncio_tasks", ()),
    "threads": ("bokeh_python_threads", ()),
    "lag_sum": ("bokeh_event_loop_lag_seconds_sum", ()),
    "lag_count": ("bokeh_event_loop_lag_seconds_count", ()),
    "cleanup_sum": ("bokeh_session_cleanup_duration_seconds_sum", ()),
    "cleanup_count": ("bokeh_session_cleanup_duration_seconds_count", ()),
    **{
        f"{what}_{part}": (f"bokeh_session_{what}_duration_seconds_{part}", (None,))
        for what in ("linger", "destroy", "collect")
        for part in ("sum", "count")
    },
    "executor_busy": ("bokeh_executor_threads", ("busy",)),
    "executor_max": ("bokeh_executor_threads", ("max",)),
    "executor_queue": ("bokeh_executor_queue_length", ()),
    "cgroup_usage": ("bokeh_cgroup_memory_usage_bytes", ()),
    "cgroup_limit": ("bokeh_cgroup_memory_limit_bytes", ()),
    "cgroup_inactive": ("bokeh_cgroup_memory_inactive_file_bytes", ()),
}
