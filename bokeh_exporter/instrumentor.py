"""``BokehInstrumentor``: called by ``opentelemetry-instrument``, and by code with its own providers."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from . import installation, startup
from .config import Config
from .expose.otel.providers import Providers
from .expose.otel.queries import WithoutQueries

__all__ = ["BokehInstrumentor", "WithoutQueries"]


class BokehInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Installs the exporter with OpenTelemetry as an output of it.

    ``instrument(meter_provider=, tracer_provider=, logger_provider=, **options)`` takes the options of
    ``install``; a provider that is not given is the process's global one. None is ever configured
    here. If Bokeh is not imported yet, nothing is imported until it creates a server.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what has to be installed."""
        return ("bokeh >= 3.4",)

    def _instrument(self, **kwargs: Any) -> None:
        given = (kwargs.pop(f"{kind}_provider", None) for kind in ("meter", "tracer", "logger"))
        providers = Providers(*given).adopted()
        Config.load(**kwargs)  # a bad option fails here, not when a server starts
        installation.use_providers(providers)
        if installation.installed():
            return
        if "bokeh.server.contexts" in sys.modules:
            installation.install(**kwargs)
        else:
            startup.arm(kwargs)

    def _uninstrument(self, **kwargs: Any) -> None:
        startup.disarm()
        installation.use_providers(None)
        installation.uninstall()
