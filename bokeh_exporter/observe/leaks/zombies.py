"""Sessions that are destroyed and yet in the server: a ``destroy`` raised, so the sweep never let go of them.

Which one raised is read off the models: Bokeh destroys them in turn, and those from the one that
raised on still know their Document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...state.safe_looks import type_name
from ..apps import App
from ..hosts.bokeh_documents import models_left
from ..hosts.bokeh_models import document_of as document_of_model
from ..hosts.bokeh_models import overrides_destroy
from ..hosts.bokeh_sessions import blocked_count, connection_count, document_of, sessions_of


def zombies(contexts: Iterable[tuple[Any, App]]) -> Iterator[tuple[Any, str]]:
    """Yield the zombies, and words that say whose ``destroy`` raised."""
    for context, _ in contexts:
        for session in sessions_of(context):
            if session.destroyed:
                culprit = _culprit(document_of(session))
                whose = f"the destroy() of {culprit}" if culprit is not None else "its destroy()"
                yield session, f", a zombie since {whose} raised"


def _culprit(document: Any) -> str | None:
    """Name the class of the model whose ``destroy`` raised; None if all models are destroyed: something else did."""
    destroyed = None
    for model in models_left(document):
        if document_of_model(model) is None:
            destroyed = model
        elif destroyed is not None and not overrides_destroy(model) and overrides_destroy(destroyed):
            return type_name(type(destroyed))  # it raised after it had done what Bokeh's does
        else:
            return type_name(type(model))
    return type_name(type(destroyed)) if destroyed is not None and overrides_destroy(destroyed) else None


def kept_by(session: Any) -> str:
    """Say in words why a live session is not discarded."""
    connections, blocked = connection_count(session), blocked_count(session)
    if connections:
        return f" with {connections} connection{'s' if connections > 1 else ''}"
    if blocked:
        return f", without a connection, its expiration blocked (expiration_blocked_count {blocked})"
    return ", without a connection"
