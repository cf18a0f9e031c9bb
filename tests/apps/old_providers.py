"""python old_providers.py - two processes of a Server, with a provider that an SDK before 1.45 would have made.

That one is not renewed in a forked process.
"""

import os

from app_functions import slider  # type: ignore[import-not-found]
from bokeh.server.server import Server
from opentelemetry.sdk.metrics import MeterProvider

from bokeh_exporter.instrumentor import BokehInstrumentor


class Old(MeterProvider):  # type: ignore[misc]
    def _handle_fork(self) -> None:
        pass


BokehInstrumentor().instrument(meter_provider=Old([], shutdown_on_exit=False))
Server({"/app": slider}, num_procs=2, port=int(os.environ["PORT"]), address="127.0.0.1").run_until_shutdown()
