"""Asking a running exporter for something that takes its time."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from .common import fail

#: Seconds: a search at 3 million objects on a busy machine, behind one that began by itself.
_TIMEOUT = 180.0

_REMEDIES = {
    401: "it wants a token: give --token",
    404: "debugging is off there: start the server with BOKEH_EXPORTER_DEBUG=1",
    409: "it answers somebody else: try again in a minute",
    429: "too soon after the last one: try again in some seconds",
}


def post(url: str, path: str, token: str | None = None) -> dict[str, Any]:
    """Post to a debug endpoint of the exporter at ``url`` and return its JSON; ends the command where that fails."""
    address = (url if "://" in url else f"http://{url}").rstrip("/").removesuffix("/metrics") + path
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if not address.startswith(("http://", "https://")):
        fail(f"{url} is not the URL of an exporter: give one such as http://127.0.0.1:10506")
    try:
        request = urllib.request.Request(address, data=b"", headers=headers, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(2000).decode("utf-8", "replace").strip()
        fail(f"{address} answered {error.code}: {_REMEDIES.get(error.code, said)}")
    except (OSError, ValueError) as error:
        fail(f"{address} cannot be asked ({error}): check the URL, and that the server runs")
    if not isinstance(found, dict):
        fail(f"{address} is not an exporter's: it answered something else")
    return found
