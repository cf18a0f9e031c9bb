"""Asking a running exporter for something that takes its time."""

from __future__ import annotations

import http.client
import json
import urllib.error
from typing import Any

from .common import fail
from .reach import open_url, root, why_not

#: Seconds: a search at 3 million objects on a busy machine, behind one that began by itself.
_TIMEOUT = 180.0

_REMEDIES = {
    401: "it wants a bearer token: give the right one with --token",
    404: "give the exporter's URL, which its log line names, and start the server with BOKEH_EXPORTER_DEBUG=1",
    409: "it answers somebody else: try again in a minute",
    429: "too soon after the last one: try again in some seconds",
}


def post(url: str, path: str, token: str | None = None, timeout: float = _TIMEOUT) -> dict[str, Any]:
    """Post to a debug endpoint of the exporter at ``url`` and return its JSON; ends the command where that fails."""
    address = root(url) + path
    if not address.startswith(("http://", "https://")):
        fail(f"{url} is not the URL of an exporter: give one such as http://127.0.0.1:10506")
    try:
        with open_url(address, token, method="POST", timeout=timeout) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(2000).decode("utf-8", "replace").strip()
        fail(f"{address} answers {error.code}: {_REMEDIES.get(error.code, said)}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        fail(f"{address} cannot be asked: {why_not(error)}")
    if not isinstance(found, dict):
        fail(f"{address} is not an exporter's: it answered something else")
    return found
