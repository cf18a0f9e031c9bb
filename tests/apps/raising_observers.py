"""panel serve --setup: the exporter with a sampler, a reader and two hooks that raise."""

from typing import Any

import bokeh_exporter
from bokeh_exporter.observe.memory.process import ResidentMemory
from bokeh_exporter.observe.sessions.documents import Documents
from bokeh_exporter.observe.traffic.payloads import Payloads
from bokeh_exporter.observe.traffic.websockets import WebSockets


def fail(*args: Any, **kwargs: Any) -> Any:
    raise ValueError("the observer raises")


Documents.sample = fail  # type: ignore[method-assign]
ResidentMemory.collect = fail  # type: ignore[method-assign]
Payloads._sent = fail  # type: ignore[method-assign]
WebSockets._closing = fail  # type: ignore[method-assign]
bokeh_exporter.install()
