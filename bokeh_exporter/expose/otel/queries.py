"""Queries of HTTP requests, in which Bokeh's session ids and tokens may be, are taken out of spans."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import SpanKind

log = logging.getLogger("bokeh_exporter")

#: Attributes with a query, in the old and the new names of the conventions.
_QUERIES = ("http.target", "http.url", "url.full", "url.query")
_REDACTED = "REDACTED"


def redacted(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return those of some attributes that have a query, without it; none that was redacted before."""
    found = {}
    for name in _QUERIES:
        text = attributes.get(name)
        if isinstance(text, str):
            path, mark, query = ("", "", text) if name == "url.query" else text.partition("?")
            if query and query != _REDACTED:
                found[name] = path + mark + _REDACTED
    return found


def redact(span: Any) -> None:
    """Take the query out of a span's attributes, which whoever made the span has written."""
    try:
        for name, text in redacted(getattr(span, "attributes", None) or {}).items():
            span.set_attribute(name, text)
    except Exception as error:  # a span of somebody else's making
        log.debug("a span's query could not be redacted: %s", type(error).__name__)


class WithoutQueries:
    """A processor of spans that takes the queries out of all HTTP servers' spans, for a provider of the user's.

    ``provider.add_span_processor(WithoutQueries())``, before the one that exports. It is in the provider of
    ``BOKEH_EXPORTER_OTLP=1``. Elsewhere it is needed for frameworks around bokeh-fastapi and bokeh-django only,
    where nothing of Bokeh's sees the request within its span.
    """

    def on_start(self, span: Any, parent_context: object = None) -> None:
        """Clean what the span was begun with."""
        if span.kind is SpanKind.SERVER:
            redact(span)

    def _on_ending(self, span: object) -> None:
        """Too late: a span of the SDK takes no attribute any more, and logs that."""

    def on_end(self, span: Any) -> None:
        """Clean what was set since, for the processors after this one: it takes no attribute now, it gets others."""
        try:
            kept: Any = span._attributes
            if span.kind is SpanKind.SERVER and (found := redacted(kept or {})):
                others = BoundedAttributes(attributes={**kept, **found})
                others.dropped = kept.dropped
                span._attributes = others
        except Exception as error:  # another version of the SDK
            log.debug("an ended span's query could not be redacted: %s", type(error).__name__)

    def shutdown(self) -> None:
        """Nothing waits here."""

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Nothing waits here."""
        return True
