"""Where spans begin and end, for whoever writes them: hooks call these, and know nothing of OpenTelemetry."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any, Protocol

#: Made at start and kept secret, so that no one can compute a session's id from what we write of it.
_KEY = secrets.token_bytes(32)


def pseudonym(session_id: str) -> str:
    """Return what stands for a session's id, which is a bearer secret, in spans, events and logs."""
    return hmac.new(_KEY, str(session_id).encode(), hashlib.sha256).hexdigest()[:8]


class Open(Protocol):
    """A span that has been begun, and is the current one of its context until it is left."""

    def suspend(self) -> None:
        """Stop being current in this context; it goes on in another."""

    def resume(self) -> None:
        """Be current in this context."""

    def leave(self, error: BaseException | None) -> None:
        """End."""


class Spans(Protocol):
    """Begins spans; None is one that nobody samples. Refers to none of what it is given."""

    def interaction(self, app: str, kind: str, number: int, session: Any, link: object) -> Open | None:
        """Begin an interaction, which has no parent; ``link`` is the creation of its session."""

    def session(self, app: str, step: str, session_id: str | None) -> Open | None:
        """Begin the creation of a session, the build of its document, or its destruction."""

    def call(self, app: str, kind: str | None, label: str, number: int, function: Callable[..., Any]) -> Open | None:
        """Begin a user's callback; with a kind it is the interaction too, which nothing else has begun."""

    def mark(self) -> object:
        """Return what interactions of the session that is being made are to be linked to."""
