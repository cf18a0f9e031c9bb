"""``/api/v1/fleet``: the servers that belong together in one table, without Prometheus and Grafana.

An exporter asks each of its peers for a row and adds its own. With ``peers=0`` it answers with its own alone, which is
what it asks of others: so nobody asks in circles. Asked in a thread of its own, with a limit of time and size for each
peer; whoever cannot be asked has a row that says why.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

from ..config import Config
from ..deadlines import opener
from ..state.numbers import Numbers
from ..state.wording import printable
from .http_messages import Answer, Later, Request
from .peers import MOST, peers, token_of
from .status import Status

FLEET = "/api/v1/fleet"
#: Seconds for a peer, how many are asked at once, and bytes of an answer.
PATIENCE, AT_ONCE, LARGEST = 3.0, 8, 256 * 1024
#: Seconds for which an answer is good enough for another page.
SHARED = 2.0
#: Keys of a row that are texts and numbers of a peer; what else it sends is left out.
_TEXTS, _NUMBERS = ("instance", "verdict", "observing"), (
    "pid", "since", "apps", "sessions", "connected", "retained", "harm", "rss_bytes", "memory_share", "stale_seconds",
)  # fmt: skip

Row = Mapping[str, Any]


def fleet(config: Config, status: Status, port: Callable[[], int | None]) -> Fleet:
    """Return the fleet that the options describe."""
    return Fleet(lambda: _own(*status.now()), lambda: peers(config, port()), lambda: token_of(config))


def _own(numbers: Numbers, status: Mapping[str, Any]) -> Row:
    """Return the row of this process, without what it is among its peers."""
    verdict, memory = status["verdict"], status["memory"]
    states = numbers.get("bokeh_sessions", {})
    used, limit = sum((memory.get("rss_bytes") or {}).values()), memory.get("cgroup_memory_limit_bytes")
    return {
        "pid": os.getpid(),
        "verdict": verdict["name"],
        "observing": verdict.get("observing"),
        "since": verdict["since"],
        "apps": len(status["apps"]),
        "sessions": sum(states.values()),
        "connected": sum(value for labels, value in states.items() if labels[-1] == "connected"),
        "retained": sum(app.get("uncollected_sessions", {}).get("retained", 0.0) for app in status["apps"]),
        "harm": len(verdict.get("harm") or ()),
        "rss_bytes": used or None,
        "memory_share": used / limit if used and limit else None,
        "stale_seconds": status["stale_seconds"],
    }


class Fleet:
    """The rows of the servers that belong together.

    Args:
        own: gives the row of this process.
        others: gives the root URLs of the peers; this process may be among them.
        token: gives the bearer token that peers want, or None.
    """

    def __init__(
        self, own: Callable[[], Row], others: Callable[[], Iterable[str]], token: Callable[[], str | None]
    ) -> None:
        self._own, self._others, self._token = own, others, token
        #: What this process is known by among its peers: a name in the DNS stands for all of them.
        self._instance = uuid.uuid4().hex[:12]
        self._asking = threading.Lock()
        self._shared: tuple[float, bytes] = (0.0, b"")

    def answer(self, request: Request) -> Answer | Later:
        """Answer with ``{"time", "processes": [row, ...]}``, this process first."""
        if request.query.get("peers", ["1"])[0] == "0":
            return _answer(_content([self._mine()]))
        return Later(lambda: _answer(self._all()))

    def _mine(self) -> Row:
        return {"this": True, "url": None, "instance": self._instance, "problem": None, **self._own()}

    def _all(self) -> bytes:
        with self._asking:  # pages that are open at once share an answer
            asked, content = self._shared
            if time.monotonic() - asked > SHARED or not content:
                content = _content(self._rows())
                self._shared = (time.monotonic(), content)
            return content

    def _rows(self) -> list[Row]:
        urls = list(dict.fromkeys(self._others()))[:MOST]
        rows = [self._mine()]
        if urls:
            token = self._token()
            with ThreadPoolExecutor(min(AT_ONCE, len(urls)), "bokeh_exporter-fleet") as pool:
                rows += pool.map(lambda url: _row(url, token), urls)
        seen: dict[Any, Row] = {}
        for row in rows:
            seen.setdefault(row["instance"] or row["url"], row)
        return list(seen.values())


def _row(url: str, token: str | None) -> Row:
    """Ask a peer for its row."""
    row: dict[str, Any] = {"this": False, "url": url, "instance": None, "problem": None}
    request = urllib.request.Request(f"{url}{FLEET}?peers=0")  # noqa: S310 - the options name it
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with opener(PATIENCE).open(request, timeout=PATIENCE) as response:
            content = json.loads(response.read(LARGEST))
        (given,) = content["processes"]
        row |= {key: printable(given[key]) for key in _TEXTS if isinstance(given.get(key), str)}
        row |= {key: given[key] for key in _NUMBERS if isinstance(given.get(key), (int, float))}
    except urllib.error.HTTPError as error:
        wants = "it wants another token: set BOKEH_EXPORTER_PEERS_TOKEN_FILE"
        row["problem"] = wants if error.code == 401 else f"it answers {error.code}"
    except (OSError, HTTPException, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = getattr(error, "reason", None)
        timely = str(error) if isinstance(error, TimeoutError) else None
        said = (
            getattr(reason, "strerror", None)
            or getattr(error, "strerror", None)
            or reason
            or timely
            or type(error).__name__
        )
        row["problem"] = printable(f"it cannot be asked: {said}")
    return row


def _content(rows: list[Row]) -> bytes:
    return json.dumps({"time": time.time(), "processes": rows}).encode()


def _answer(content: bytes) -> Answer:
    return Answer(200, content, "application/json", {"Cache-Control": "no-store"})
