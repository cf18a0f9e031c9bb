"""The status page at ``/``: its files, and the HTML that is filled in before it is sent.

The page asks ``/api/v1/status`` and draws with BokehJS as it lies in the installed bokeh, so it needs nothing from
the network and makes no session of the server that it shows. The verdict is written into the HTML as well: it is there
before a script runs, and for whoever reads pages without.
"""

from __future__ import annotations

import gzip
import html
import importlib.util
import string
from collections.abc import Mapping
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

from ..._version import __version__
from ..http_messages import Answer, Later, Request, Route

_HERE = Path(__file__).resolve().parent
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_OWN = ("page.js", "plots.js", "fleet.js", "tables.js", "elements.js", "page.css")
_BOKEHJS = ("bokeh.min.js", "bokeh-api.min.js")
#: What holds no data, so it needs no token: the login is made of it.
OPEN_FILES = frozenset([f"/{name}" for name in _OWN] + [f"/static/{name}" for name in _BOKEHJS])

# BokehJS puts its styles into the page as it runs; scripts come from here only, and none is made from text.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
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
    body = template.substitute(version=html.escape(__version__), bokeh=html.escape(_bokeh_version()), **values)
    return Answer(200, body.encode("utf-8", "backslashreplace"), _HTML, _HEADERS)


def files() -> Mapping[tuple[str, str], Route]:
    """Return the routes of what the page is made of."""
    routes: dict[tuple[str, str], Route] = {}
    for name in _OWN:
        routes["GET", f"/{name}"] = partial(_file, _HERE / name)
    for name in _BOKEHJS:
        routes["GET", f"/static/{name}"] = partial(_bokehjs_file, name)
    return routes


def _file(path: Path, request: Request) -> Answer:
    # With bokeh's version in the address it never changes; our own files are asked for each time.
    cache = "public, max-age=31536000, immutable" if "v" in request.query else "no-cache"
    headers = {"Cache-Control": cache, "Cross-Origin-Resource-Policy": "same-origin"}
    content, packed = _read(path)
    return Answer(200, content, _TYPES[path.suffix], headers, packed)


@lru_cache(maxsize=16)  # six files, 1.3 MB: one buffer for everybody, however many ask and do not read
def _read(path: Path) -> tuple[bytes, bytes]:
    content = path.read_bytes()
    return content, gzip.compress(content, mtime=0)


def _bokehjs_file(name: str, request: Request) -> Later:
    return Later(lambda: _file(_bokehjs() / name, request))  # at first it is read and packed, which takes 100 ms


def _bokehjs() -> Path:
    spec = importlib.util.find_spec("bokeh")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package bokeh has no files")
    return Path(spec.origin).parent / "server" / "static" / "js"


def _bokeh_version() -> str:
    return str(metadata.version("bokeh"))
