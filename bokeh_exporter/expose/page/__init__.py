"""The status page at ``/``: its files, and the HTML that is filled in before it is sent.

The page asks ``/api/v1/status`` and draws its plots itself, so it needs nothing from the network and makes no session
of the server that it shows. The verdict is written into the HTML as well: it is there before a script runs, and for
whoever reads pages without.
"""

from __future__ import annotations

import gzip
import html
import string
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ..._version import __version__
from ..http_messages import Answer, Request, Route

_HERE = Path(__file__).resolve().parent
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_OWN = (
    "page.js", "verdict.js", "apps.js", "chart.js", "numbers.js", "interactions.js", "internals.js", "retention.js",
    "fleet.js", "tables.js", "elements.js", "page.css", "parts.css",
)  # fmt: skip
#: What holds no data, so it needs no token: the login is made of it.
OPEN_FILES = frozenset(f"/{name}" for name in _OWN)

# Scripts and styles come from here only, and no script is made from text.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
_HTML = "text/html; charset=utf-8"


def status_page(verdict: Mapping[str, Any], health: str, logout: bool) -> Answer:
    """Return the page.

    Args:
        verdict: what holds now, as in ``/api/v1/status``.
        health: a sentence on the server's loop.
        logout: whether whoever asks has logged in.
    """
    evidence = "".join(f"<li>{html.escape(one['text'])}</li>" for one in verdict.get("evidence", ()))
    harm = "".join(
        f"<li>{html.escape(one['text'])}<br><span>{html.escape(one['advice'])}</span></li>"
        for one in verdict.get("harm", ())
    )
    name = str(verdict.get("name", "healthy"))
    return _page(
        "page.html", verdict=html.escape(name), title=html.escape(name.replace("_", " ")), evidence=evidence,
        harm=harm, no_harm="" if harm else "hidden",
        advice=html.escape(str(verdict.get("advice", ""))), health=html.escape(health),
        logout="" if logout else "hidden",
    )  # fmt: skip


def login_page() -> Answer:
    """Return what ``/`` answers to whoever has no token: a form to give it."""
    page = _page("login.html")
    return Answer(401, page.body, page.content_type, {**page.headers, "WWW-Authenticate": "Bearer"})


def _page(name: str, **values: str) -> Answer:
    template = string.Template((_HERE / name).read_text(encoding="utf-8"))
    body = template.substitute(version=html.escape(__version__), **values)
    return Answer(200, body.encode("utf-8", "backslashreplace"), _HTML, _HEADERS)


def files() -> Mapping[tuple[str, str], Route]:
    """Return the routes of what the page is made of."""
    return {("GET", f"/{name}"): partial(_file, _HERE / name) for name in _OWN}


def _file(path: Path, request: Request) -> Answer:
    headers = {"Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "same-origin"}
    content, packed = _read(path)
    return Answer(200, content, _TYPES[path.suffix], headers, packed)


@lru_cache(maxsize=16)  # 13 small files: one buffer for everybody, however many ask and do not read
def _read(path: Path) -> tuple[bytes, bytes]:
    content = path.read_bytes()
    return content, gzip.compress(content, mtime=0)
