"""Which keys are shown: those that are literals of the code that owns the container. The one place for that rule.

A key that looks like a name in code may still be what a user typed: ``'alice'``. Of such a key you get the length
and four digits of a keyed hash, made with a key of this process, so that two can be compared and none guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .sources import read

_KEY = secrets.token_bytes(16)
#: The files whose code owns what is being described.
_owners: ContextVar[tuple[str, ...]] = ContextVar("owners", default=())


@contextmanager
def owned_by(files: Iterable[str | None]) -> Iterator[None]:
    """While this lasts, keys are shown that are literals of these files."""
    token = _owners.set(tuple({file for file in files if file is not None}))
    try:
        yield
    finally:
        _owners.reset(token)


def is_literal(value: str) -> bool:
    """Whether a text is a constant or a name of the code that owns the container."""
    return any(value in read(file).literals for file in _owners.get())


def hidden(value: str) -> str:
    """Write a text that is not shown."""
    mark = hmac.new(_KEY, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:4]
    return f"<str, {len(value)} chars, #{mark}>"
