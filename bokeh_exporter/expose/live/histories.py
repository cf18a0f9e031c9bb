"""``/api/v1/apps``: the last hours of each app, for the small plots of the status page.

Pages ask for it once, and then every ten seconds for what has come to it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence

from ..http_messages import Answer, Later, Request

Columns = Mapping[str, Sequence[float | None]]


class Histories:
    """The last hours of each app.

    Args:
        read: Unix time -> app -> what came after it, as columns of the same length; the last row is now.
    """

    def __init__(self, read: Callable[[float], Mapping[str, Columns]]) -> None:
        self._read = read

    def answer(self, request: Request) -> Answer | Later:
        """Answer with ``{"time", "apps": {app: {column: [number or null, ...]}}}``.

        ``since=`` a Unix time leaves out what came before it.
        """
        try:
            since = float(request.query.get("since", ["0"])[0])
        except ValueError:
            return Answer(400, b"since: must be a Unix time in seconds\n", "text/plain; charset=utf-8")
        return Later(lambda: Answer(200, self._content(since), "application/json", {"Cache-Control": "no-store"}))

    def _content(self, since: float) -> bytes:
        apps = {
            app: {name: [_finite(value) for value in column] for name, column in columns.items()}
            for app, columns in self._read(since).items()
        }
        return json.dumps({"time": time.time(), "apps": apps}, separators=(",", ":")).encode()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
