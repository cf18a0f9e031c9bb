"""HTTP requests as spans: by OpenTelemetry's own instrumentation for tornado and ASGI, if the user has it.

Left alone, those packages write what a Bokeh server must keep secret: queries, in which session ids and
tokens are, and messages of exceptions; and a WebSocket would be a request that lasts as long as the page
is open. So queries are redacted, exceptions go through without their message, and WebSockets
are left out, as long as the exporter is in.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry import trace
from tornado.web import HTTPError

from ...catalogue import OTHER
from ...state import State
from ...state.safe_looks import is_a
from .providers import Providers
from .queries import redact, redacted

_TORNADO, _ASGI = "opentelemetry.instrumentation.tornado", "opentelemetry.instrumentation.asgi"
#: The path of a WebSocket.
_WEBSOCKETS = r"/ws(?:\?|$)"
_CALL = "bokeh_exporter.call"

Call = Callable[[Any, Any, Any], Awaitable[None]]


class RequestInstrumentation:
    """What is done to those packages, from :meth:`start` to :meth:`stop`.

    Args:
        state: carries requests of the ASGI host through the package's middleware.
        providers: that the packages are to use.
    """

    def __init__(self, state: State, providers: Providers) -> None:
        self._state, self._providers = state, providers
        self._undo: list[Callable[[], None]] = []

    def start(self, *, traced: bool) -> None:
        """Keep what those packages write clean; where spans are wanted and a package is there, switch it on.

        Args:
            traced: whether spans are wanted.
        """
        if _TORNADO in sys.modules or (traced and "tornado.web" in sys.modules and _has(_TORNADO)):
            self._guarded(self._tornado, traced and not _disabled(_TORNADO))
        if "bokeh.server.asgi" in sys.modules and traced:
            self._state.middleware = Middleware(None, self._providers)
            if _has(_ASGI) and not _disabled(_ASGI):
                self._guarded(self._asgi)

    def stop(self) -> None:
        """Leave the packages as they were."""
        self._state.middleware = None
        while self._undo:
            self._undo.pop()()

    def _guarded(self, begin: Callable[..., None], *wanted: bool) -> None:
        try:
            begin(*wanted)
        except Exception as error:  # another version of the package: nothing else may end for that
            self._state.swallow("otel", error)

    def _tornado(self, wanted: bool) -> None:
        package: Any = importlib.import_module(_TORNADO)
        instrumentor = package.TornadoInstrumentor()
        if wanted and not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(tracer_provider=self._providers.tracer, meter_provider=self._providers.meter)
            self._undo.append(instrumentor.uninstrument)
        if not package._excluded_urls.url_disabled("/ws"):
            given = package._excluded_urls._excluded_urls
            excluded = _http().ExcludeList([*given, _WEBSOCKETS])
            self._replace(package, "_excluded_urls", lambda _: excluded)
        self._replace(package, "_get_attributes_from_request", _redacting)
        self._replace(package, "_finish_span", _hushing)

    def _asgi(self) -> None:
        self._state.middleware = Middleware(importlib.import_module(_ASGI), self._providers)

    def _replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(owner, name)
        ours = make(original)
        setattr(owner, name, ours)

        def undo() -> None:
            if getattr(owner, name) is ours:
                setattr(owner, name, original)

        self._undo.append(undo)


class Middleware:
    """What requests of Bokeh's ASGI host go through.

    Args:
        package: whose middleware makes a span for each HTTP request; None where there is none.
        providers: that it is to use.
    """

    def __init__(self, package: Any, providers: Providers) -> None:
        self._traced = package and package.OpenTelemetryMiddleware(
            self._inner,
            excluded_urls=_http().get_excluded_urls("ASGI"),
            default_span_details=lambda scope: scope[_CALL].details,
            tracer_provider=providers.tracer, meter_provider=providers.meter, exclude_spans=["receive", "send"],
        )  # fmt: skip

    async def __call__(self, call: Call, route: str, scope: Any, receive: Any, send: Any) -> None:
        """Call the host; a span that some middleware or framework further out has made is only cleaned."""
        outer = trace.get_current_span()
        if outer.is_recording() or self._traced is None or scope["type"] != "http":
            redact(outer)
            return await call(scope, receive, send)
        one = _Request(call, route, scope)
        try:
            await self._traced({**scope, _CALL: one}, receive, send)
        except Exception:
            if one.entered and one.error is None:
                raise
        if one.error is not None:
            raise one.error
        if not one.entered:
            return await call(scope, receive, send)  # it failed before it came to the host
        return None

    async def _inner(self, scope: Any, receive: Any, send: Any) -> None:
        one = scope[_CALL]
        one.entered = True
        redact(trace.get_current_span())
        try:
            await one.call(one.scope, receive, send)
        except Exception as error:
            one.error = error
            raise _without_message(error) from None


class _Request:
    """One request on its way through the middleware."""

    def __init__(self, call: Call, route: str, scope: Any) -> None:
        self.call, self.scope = call, scope
        self.entered = False
        self.error: Exception | None = None
        method = str(scope["method"])
        # No path: only a route is bounded.
        self.details = (method, {}) if route == OTHER else (f"{method} {route}", {"http.route": route})


def _has(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:
        return False


def _disabled(package: str) -> bool:
    """Whether the user has switched this package off, for ``opentelemetry-instrument`` and so for us."""
    listed = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").replace(" ", "").split(",")
    return package.rpartition(".")[2] in listed or "*" in listed


def _http() -> Any:
    """Return what those packages have in common, which is there if they are."""
    return importlib.import_module("opentelemetry.util.http")


def _redacting(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    @functools.wraps(original)
    def collect(*args: Any, **kwargs: Any) -> dict[str, Any]:
        attributes = original(*args, **kwargs)
        return {**attributes, **redacted(attributes)}

    return collect


def _hushing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def finish(tracer: Any, handler: Any, error: Any, *args: Any) -> Any:
        if isinstance(error, HTTPError):
            error = HTTPError(error.status_code)  # the status is read from it
        elif is_a(error, Exception):
            error = _without_message(error)
        return original(tracer, handler, error, *args)

    return finish


def _without_message(error: Exception) -> Exception:
    """Return an exception that looks like this one by its class, and says nothing."""
    kind = type(error)
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    silent: type[Exception] = type(kind.__name__, (Exception,), named)
    return silent()
