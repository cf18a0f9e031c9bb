"""``/api/v1/sessions``: live sessions one by one, ranked. Only where debugging is on: it shows single users."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from ..http_messages import Answer, Later, Request

#: What they are ranked by, with ``by=``; the first is what they are ranked by otherwise.
RANKS = ("models", "data_source_bytes", "busy_seconds", "last_activity", "connections")
#: Rows of an answer at the most, and seconds that it waits for the first.
_ROWS, _WAIT = 1000, 3.0
#: Seconds to wait -> age of the rows, None where there are none yet, and the rows.
Rows = Callable[[float], "tuple[float | None, list[dict[str, Any]]]"]


def sessions(read: Rows, request: Request) -> Answer | Later:
    """Answer with the sessions, those first that have most; ``by=`` what, ``app=`` of one app, ``limit=`` so many."""
    by, app, limit = (
        request.query.get(name, [given])[0] for name, given in (("by", RANKS[0]), ("app", ""), ("limit", ""))
    )
    if by not in RANKS:
        return Answer(400, f"by: must be one of {', '.join(RANKS)}\n".encode(), "text/plain; charset=utf-8")
    if limit and not limit.isdecimal():
        return Answer(400, b"limit: must be a number\n", "text/plain; charset=utf-8")

    def answer() -> Answer:
        age, rows = read(_WAIT)
        found = sorted((row for row in rows if not app or row["app"] == app), key=lambda row: -(row[by] or 0))
        content = {
            "schema": 1,
            "time": time.time(),
            "stale_seconds": age,
            "by": by,
            "count": len(found),
            "sessions": found[: min(int(limit[:6] or _ROWS), _ROWS)],
        }
        body = json.dumps(content, separators=(",", ":")).encode()
        return Answer(200, body, "application/json", {"Cache-Control": "no-store"})

    return Later(answer)
