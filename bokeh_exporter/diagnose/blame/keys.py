"""Which keys are shown: those that are literals of the code that owns the container. The one place for that rule.

A key that looks like a name in code may still be what a user typed: ``'alice'``. Of such a key you get the length
and four digits of a keyed hash, made with a key of this process, so that two can be compared and none guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ...state.python_paths import STANDARD
from ...state.wording import hidden as hidden
from .sources import file_of as file_of
from .sources import has_literal as has_literal

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


def is_library(file: str) -> bool:
    """Whether a file is of an installed package or of Python."""
    path = file.replace("\\", "/")
    return "/site-packages/" in path or "/dist-packages/" in path or path.startswith(STANDARD)


def is_literal(value: str) -> bool:
    """Whether a text is a constant or a name of the code that owns the container."""
    return any(has_literal(file, value) for file in _owners.get())
