"""Interactions one by one: below the level ``element``, and the timeline of one for a viewer of traces.

``/api/v1/interactions/NUMBER/trace`` is the Trace Event Format; NUMBER is the ``number`` of an interaction in
the status.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...state import State
from ...state.interactions import Interaction, ordinal
from ...state.ledger.text import edges
from ...state.ledger.timeline import chrome_trace
from ..http_messages import Answer, Request

#: What the path of a trace looks like; the number is its group.
TRACE = re.compile(r"/api/v1/interactions/(\d{1,15})/trace")


def counted_only(records: Iterable[Interaction], count: int, quiet: bool) -> list[Mapping[str, Any]]:
    """Return the last interactions below the level ``element``, the newest first: what is counted of them."""
    listed = [one for one in records if quiet or one.kind == "build" or one.callbacks or one.models]
    newest = itertools.islice(reversed(listed), count)
    return [
        {
            "number": ordinal(record.number),
            "time": record.time,
            "app": record.app,
            "kind": record.kind,
            "cause": dict.fromkeys(("widget", "label", "property", "old", "new", "file", "line")),
            "functions": [],
            "models": {"created": record.models, "removed": None, "reused": None},
            "panel": None,
            "holoviews": None,
            "bytes_sent": record.bytes_sent,
            "patches": record.patches,
            "quiet": not (record.kind == "build" or record.callbacks or record.models),
            "seconds": record.seconds,
            # As the ledger has it: whoever asks meets these rows too, while a server ends.
            "finished": bool(record.seconds) and not record.running,
            "rss_change": None,
            "callbacks": record.callbacks,
            "errors": record.errors,
        }
        for record in newest
    ]


def trace(state: State, request: Request) -> Answer:
    """Answer with the timeline of an interaction; 404 where it is not known, or not any more."""
    found = TRACE.fullmatch(request.path)
    record = state.elements.find(int(found[1])) if found is not None else None
    if record is None:
        why = "there is no such interaction: only the last ones are kept, at the level element\n"
        return Answer(404, why.encode(), "text/plain; charset=utf-8")
    one, cause = record.interaction, record.told_cause()
    what = " ".join(str(each) for each in (cause["widget"], cause["label"], cause["property"]) if each)
    begin, end = record.started, record.started + record.seconds
    told = record.as_json()
    sent = {
        "bytes_sent": told["bytes_sent"], "unattributed_bytes": told["unattributed_bytes"],
        "edges": list(edges(told["tree"])),
    }  # fmt: skip
    content = chrome_trace(f"{one.app} {what or one.kind}", record.spans, begin, end, one.time, sent)
    body = json.dumps(content, separators=(",", ":"))
    return Answer(200, body.encode(), "application/json", {"Cache-Control": "no-store"})
