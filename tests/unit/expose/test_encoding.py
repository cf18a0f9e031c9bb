"""What the exposition keeps between two scrapes changes no byte of what the official encoders write."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family

from bokeh_exporter.expose.prometheus import Exposition, LevelCollector
from bokeh_exporter.state import Level, State
from bokeh_exporter.state.events import EventCounter, EventHistogram

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
BUCKETS = (0.005, 1.0, 2.5)
ODD = 'quote " \\ and\nline, ünïcode'


class Official:
    """A registry as prometheus_client's encoders see it, less the ``_created`` lines."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Family]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_every_byte_is_the_official_one(accept: str) -> None:
    """The same is done to our metrics and to prometheus_client's own; both are encoded after each step."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    official = choose_encoder(accept)[0]
    exposition = Exposition(ours)
    counters = [make("jobs", "Jobs", ("who",), registry=to) for make, to in ((EventCounter, ours), (Counter, theirs))]
    wait = EventHistogram("wait_seconds", "Wait", ("app", "kind"), buckets=BUCKETS, registry=ours)
    waits = [wait, Histogram("wait_seconds", "Wait", ("app", "kind"), buckets=BUCKETS, registry=theirs)]
    bare = EventHistogram("bare", 'Odd " \\ help\n', registry=ours)
    its_twin = Histogram("bare", 'Odd " \\ help\n', registry=theirs)

    def same() -> str:
        body = exposition(accept)[1]
        assert body == official(Official(theirs))
        return body.decode()

    same()  # families without a child
    for number, who in enumerate(("a", ODD, "")):
        for counter in counters:
            counter.labels(who).inc(10.0 ** (5 * number))  # 1e+10 is written in Go's way
        same()
    values = [0, 0.004, 0.005, 1.0, 1.0000001, 2.5, 3, 1e300]
    for histogram in waits:
        histogram.labels("/a", ODD)
        histogram.labels("/b", "event")
    same()
    wait.labels("/a", ODD).observe_all(values)
    for value in values:
        waits[1].labels("/a", ODD).observe(value)
    bare.observe_all([0.1, 0.2])
    for value in (0.1, 0.2):
        its_twin.observe(value)
    assert 'le="0.005"} 3.0' in same()
    assert same() == same()
    for histogram in waits:
        histogram.labels("/b", "event").observe(float("nan"))
    same()
    for histogram in waits:
        histogram.remove("/a", ODD)
        histogram.labels("/c", "event").observe(7)
    assert ODD[:5] not in same().partition("wait_seconds")[2]
    same()


def test_an_exemplar_is_left_to_the_official_encoder() -> None:
    registry = CollectorRegistry()
    histogram = EventHistogram("wait_seconds", "Wait", ("app",), buckets=BUCKETS, registry=registry)
    exposition, official = Exposition(registry), choose_encoder(OPENMETRICS)[0]
    for step in range(3):
        histogram.labels("/a").observe(1, {"interaction": str(step)})
        histogram.labels("/b").observe(2)
        body = exposition(OPENMETRICS)[1]
        assert body == official(Official(registry))
        assert b'# {interaction="%d"}' % step in body
    assert b"interaction" not in exposition("")[1]


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_levels_and_the_whole_catalogue(accept: str) -> None:
    state, numbers = State(), {"/a": 1.0}
    state.touch_app("/a")
    state.registry.register(
        LevelCollector(state, lambda: [Level("bokeh_document_models", n, (app,)) for app, n in numbers.items()])
    )
    exposition, official = Exposition(state.registry), choose_encoder(accept)[0]
    for step in range(4):
        numbers[f"/{ODD}{step}"] = 1e7 * step
        numbers.pop(f"/{ODD}{step - 2}", None)
        state.counter("bokeh_callback_errors_total", "/a", f"app.py:{step}").inc()
        state.record(state.histogram("bokeh_session_duration_seconds", "/a").observe, step)
        state.drain()
        assert exposition(accept)[1] == official(Official(state.registry))
