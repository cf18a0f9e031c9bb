"""python otel_readers.py - a Server in code with a user's providers: two readers, one of them delta, and a view.

Prints what each reader has after each of three visits, and whether everything is as before at the end.
"""

import json
from typing import Any

import tornado.web
from app_functions import slider  # type: ignore[import-not-found]
from bokeh.server.server import Server
from opentelemetry.instrumentation import tornado as instrumentation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from tornado.httpclient import AsyncHTTPClient

from bokeh_exporter.instrumentor import BokehInstrumentor

DELTA = AggregationTemporality.DELTA
COUNTER, DURATION = "bokeh.sessions.created", "bokeh.session.create.duration"
readers = {
    "cumulative": InMemoryMetricReader(),
    "delta": InMemoryMetricReader(preferred_temporality={Counter: DELTA, ObservableCounter: DELTA, Histogram: DELTA}),
}
views = [
    View(instrument_name="bokeh.known_models", name="mine.known_models"),
    View(instrument_name=DURATION, aggregation=ExplicitBucketHistogramAggregation([1, 10])),
]


def world() -> list[Any]:
    names = ("_get_attributes_from_request", "_finish_span", "_excluded_urls")
    return [*(getattr(instrumentation, name) for name in names), vars(tornado.web.RequestHandler)["__init__"]]


def numbers(reader: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in reader.get_metrics_data().resource_metrics:
        found["team"] = each.resource.attributes["team"]
        for scope in each.scope_metrics:
            for metric in scope.metrics if scope.scope.name == "bokeh_exporter" else ():
                for point in metric.data.data_points if metric.name in (COUNTER, DURATION) else ():
                    found[metric.name] = getattr(point, "count", None) or point.value
                    found["bounds"] = getattr(point, "explicit_bounds", None) or found.get("bounds")
                if metric.name.endswith("known_models"):
                    found["renamed"] = metric.name
    return found


before = world()
provider = MeterProvider([*readers.values()], Resource({"team": "maps"}), views=views, shutdown_on_exit=False)
BokehInstrumentor().instrument(meter_provider=provider, tracer_provider=TracerProvider(shutdown_on_exit=False), port=0)
server = Server({"/app": slider}, port=0, address="127.0.0.1")
server.start()


async def visit() -> None:
    await AsyncHTTPClient().fetch(f"http://127.0.0.1:{server.port}/app")


for _ in range(3):
    server.io_loop.run_sync(visit)
    print(json.dumps({name: numbers(reader) for name, reader in readers.items()}))
during = world()
server.stop()
BokehInstrumentor().uninstrument()
print(json.dumps({"changed": before != during, "as before": before == world()}))
