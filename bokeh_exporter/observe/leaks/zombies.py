"""Sessions that are destroyed and yet in the server: a ``destroy`` raised, so the sweep never let go of them.

Which one raised is read off the models: Bokeh destroys them in turn, and those from the one that
raised on still know their Document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..apps import App


def zombies(contexts: Iterable[tuple[Any, App]]) -> Iterator[tuple[Any, str]]:
    """Yield the zombies, and words that say whose ``destroy`` raised."""
    for context, _ in contexts:
        for session in list(context._sessions.values()):
            if session.destroyed:
                culprit = _culprit(session)
                whose = f"the destroy() of {culprit}" if culprit is not None else "its destroy()"
                yield session, f", a zombie since {whose} raised"


def _culprit(session: Any) -> str | None:
    """Name the class of the model whose ``destroy`` raised."""
    document = vars(session).get("_document")
    models = vars(vars(document).get("models")).get("_models") if document is not None else None
    if not models:
        return None  # all models are destroyed: something else raised
    destroyed = None
    for model in list(models.values()):
        if vars(model).get("_document") is None:
            destroyed = model
        elif destroyed is not None and not _overrides(model) and _overrides(destroyed):
            return type(destroyed).__name__  # it raised after it had done what Bokeh's does
        else:
            return type(model).__name__
    return type(destroyed).__name__ if destroyed is not None and _overrides(destroyed) else None


def _overrides(model: Any) -> bool:
    from bokeh.model import Model

    return type(model).destroy is not Model.destroy


def kept_by(session: Any) -> str:
    """Say in words why a live session is not discarded."""
    connections, blocked = len(session._subscribed_connections), session._expiration_blocked_count
    if connections:
        return f" with {connections} connection{'s' if connections > 1 else ''}"
    if blocked:
        return f", without a connection, its expiration blocked (expiration_blocked_count {blocked})"
    return ", without a connection"
