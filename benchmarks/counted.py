"""What a client of a loaded server did, compared with what the exporter counted."""

from __future__ import annotations

import time

from prometheus_client.parser import text_string_to_metric_families

from bokeh_exporter.catalogue import BY_NAME

from .collector import Collector


class Counted:
    """What this client did, and saw."""

    def __init__(self, until: float) -> None:
        self.sessions = self.messages = self.presses = self.scrapes = self.opened = 0
        self.slowest = 0.0
        self.until = until
        self.ends = False

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.until


def sums(text: str) -> dict[str, float]:
    """Return the sums of what is compared in an exposition: by name, and by name and message or reason."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
            for part in (sample.labels.get("message"), sample.labels.get("why")):
                if part:
                    name = f"{sample.name} {part}"
                    found[name] = found.get(name, 0) + sample.value
    return found


def wrongs(app: str, found: dict[str, float], collector: Collector, counted: Counted, kept: int) -> list[str]:
    """Return what is not as it must be, a line each."""
    # A session whose websocket comes after its lifetime is made a second time, which Bokeh does and has a counter.
    again = int(found.get("bokeh_sessions_created_by_websocket_total expired", 0))
    made, received = counted.sessions + again, "bokeh_websocket_received_messages_total"
    wanted = {
        "bokeh_sessions_created_total": made,
        "bokeh_sessions_destroyed_total": made - kept,
        "bokeh_callback_calls_total": counted.presses,
        f"{received} PATCH-DOC": counted.messages + counted.presses,
        f"{received} PULL-DOC-REQ": counted.sessions,
    }
    nothing = "errors", "overflow", "unwritable_series", "otel_dropped"
    scraped = {**wanted, **{f"bokeh_exporter_{name}_total": 0 for name in nothing}}
    pushed = {translated(name): value for name, value in wanted.items()}
    spans = {
        f"create session {app}": made, f"destroy session {app}": made - kept,
        f"event {app}": counted.presses, f"property {app}": counted.messages,
    }  # fmt: skip
    return [
        f"WRONG {where} {name}: {has.get(name, 0):g}, must be {want:g}"
        for where, has, must in (
            ("scraped", found, scraped), ("pushed", collector.counters, pushed), ("span", collector.spans, spans)
        )
        for name, want in must.items()
        if has.get(name, 0) != want
    ]  # fmt: skip


def translated(name: str) -> str:
    """Return OpenTelemetry's name of a counter, and its message."""
    metric, space, message = name.partition(" ")
    return BY_NAME[metric].otel_name + space + message
