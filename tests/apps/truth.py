"""What is left of sessions, told by the server without any exporter: not an app itself.

Apps say what they attach. A thread answers ``/count``, by a walk of the heap, and ``/release``, which empties
``KEPT``; its port is written to the file that ``TRUTH`` names. ``/count?collect`` runs a full collection first.
"""

import gc
import json
import os
import threading
import weakref
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.model import Model

#: What leaking apps keep.
KEPT: list[Any] = []
#: Every model that an app has attached, with its Document.
_attached: list[tuple[Any, Any]] = []


def attached(doc: Any, *models: Any) -> None:
    """Note these models, or all that are in the Document."""
    document = weakref.ref(doc)
    _attached.extend((weakref.ref(model), document) for model in models or list(doc.models))


def _destroyed(doc: Any) -> bool:
    return doc is None or "_roots" not in vars(doc) or "_theme" not in vars(doc)


def _count() -> dict[str, Any]:
    documents = models = alive = 0
    orphans: Counter[str] = Counter()
    known = {id(model()) for model, _ in _attached if model() is not None}
    for each in gc.get_objects():
        if isinstance(each, Document):
            documents += _destroyed(each)
        elif isinstance(each, Model):
            alive += 1
            if id(each) not in known and vars(each).get("_document") is None:
                orphans[type(each).__name__] += 1
    for model, document in _attached:
        models += model() is not None and _destroyed(document())
    live = sum(not _destroyed(document()) for _, document in _attached)
    return {"live": live, "documents": documents, "models": models, "alive": alive, "orphans": orphans}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/release":
            KEPT.clear()
        if self.path == "/count?collect":
            gc.collect()
        body = json.dumps(_count()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


_server = HTTPServer(("127.0.0.1", 0), _Handler)
threading.Thread(target=_server.serve_forever, daemon=True).start()
_path = Path(os.environ["TRUTH"])
_path.with_suffix(".new").write_text(str(_server.server_address[1]), encoding="utf-8")
_path.with_suffix(".new").replace(_path)
