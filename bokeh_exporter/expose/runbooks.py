"""``GET /runbooks/ALERT``: the alert's page, as the package ships it, so that an alert links to the server it is about.

The routes are the names of the files, read once: no path of a request ever reaches the file system. A page is read
when it is asked for (2 KB). It is served as plain text: Markdown is made to be read, and nothing has to be escaped.
Whoever answers an alert may have no token, and the pages are public, so they need none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..state.shipped_files import source
from .http_messages import Answer, Request

PREFIX = "/runbooks/"
_TEXT = "text/plain; charset=utf-8"


def runbooks() -> Mapping[tuple[str, str], Callable[[Request], Answer]]:
    """Return the routes, each page with and without ``.md``; ``/runbooks/`` is the list. Empty without the files."""
    try:
        pages = sorted(source("runbooks").glob("*.md"))
    except OSError:
        return {}
    routes: dict[tuple[str, str], Callable[[Request], Answer]] = {}
    for page in pages:
        for name in (page.name, "" if page.stem == "README" else page.stem):
            routes["GET", f"{PREFIX}{name}"] = _page(page)
    return routes


def _page(path: Path) -> Callable[[Request], Answer]:
    def route(request: Request) -> Answer:
        try:
            return Answer(200, path.read_bytes(), _TEXT)
        except OSError:
            return Answer(404, b"this installation has lost its runbooks: install it again\n", _TEXT)

    return route


#: What needs no token.
OPEN_RUNBOOKS = frozenset(path for _, path in runbooks())
