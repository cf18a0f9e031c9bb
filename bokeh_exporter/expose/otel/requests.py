"""What OpenTelemetry's own instrumentation of HTTP servers, if the user has it, must not do to a Bokeh server.

It would write the query, in which Bokeh's session ids and tokens may be, and take a WebSocket for a
request that lasts as long as the page is open.
"""

from __future__ import annotations

import sys
from typing import Any

#: Bearer secrets in Bokeh's queries.
SECRETS = ("bokeh-session-id", "bokeh-token", "token")
#: The path of a WebSocket.
_WEBSOCKETS = r"/ws(?:\?|$)"


def keep_requests_clean() -> None:
    """Redact the secrets, and leave WebSockets out, where those packages are in use."""
    http: Any = sys.modules.get("opentelemetry.util.http")
    if http is None:
        return
    redact = http.PARAMS_TO_REDACT
    redact.extend(each for each in SECRETS if each not in redact)
    tornado: Any = sys.modules.get("opentelemetry.instrumentation.tornado")
    if tornado is not None and not tornado._excluded_urls.url_disabled("/ws"):
        given = tornado._excluded_urls._excluded_urls
        tornado._excluded_urls = http.ExcludeList([*given, _WEBSOCKETS])
