"""Asking a running exporter for something that takes its time."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Callable
from typing import Any, TypeVar

from ..state.wording import printable
from .common import fail
from .reach import UNREADABLE, body_of, content_of, open_url, root, said_in, why_not

#: Seconds: a search at 3 million objects on a busy machine, behind one that began by itself.
_TIMEOUT = 180.0

#: Seconds that a busy exporter is waited for, and the longest wait in between that an answer may ask for.
_PATIENCE, _LONGEST_WAIT = 90.0, 30.0

_Answer = TypeVar("_Answer")

_REMEDIES = {
    401: "it requires a bearer token: pass it with --token",
    404: "give the exporter's URL, which its log line names; debugging there needs BOKEH_EXPORTER_DEBUG=1, or give the "
    "server's PID on its machine, as its user",
    409: "it is busy with another request: try again in a minute",
    429: "too soon after the last one: try again in a few seconds",
}


class Refused(Exception):  # noqa: N818 - it is the outcome, as click's exceptions are
    """The exporter does not answer: one line that names it and the remedy."""


class _Later(Refused):
    def __init__(self, message: str, wait: str | None) -> None:
        super().__init__(message)
        self.seconds = min(float(wait), _LONGEST_WAIT) if wait is not None and wait.isdecimal() else 2.0
        self.seconds = max(self.seconds, 0.5)


def post(url: str, path: str, token: str | None = None, timeout: float = _TIMEOUT) -> dict[str, Any]:
    """Post to a debug endpoint of the exporter at ``url`` and return its JSON; ends the command where that fails."""
    try:
        return asked(url, path, token, timeout)
    except Refused as error:
        fail(str(error))


def asked(url: str, path: str, token: str | None = None, timeout: float = _TIMEOUT) -> dict[str, Any]:
    """Post to a debug endpoint, as :func:`post`; one that is busy, or asked too soon, is waited for.

    Raises:
        Refused: it cannot be asked, or answers with an error.
    """
    return _patiently(lambda: _once(url, path, token, timeout))


def _patiently(ask: Callable[[], _Answer]) -> _Answer:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            return ask()
        except _Later as later:
            if time.monotonic() + later.seconds > ends:
                raise
            time.sleep(later.seconds)


def _once(url: str, path: str, token: str | None, timeout: float) -> dict[str, Any]:
    address = root(url) + path
    if not address.startswith(("http://", "https://", "unix://")):
        raise Refused(f"{url} is not the URL of an exporter: give one such as http://127.0.0.1:10506")
    found = _decoded(_asked(address, token, timeout))
    if not isinstance(found, dict):
        raise Refused(f"{address} is not an exporter: its answer is something else")
    return found


def text_of(url: str, path: str, token: str | None = None, timeout: float = _TIMEOUT) -> str:
    """Post to an endpoint that answers text, and return it; waits as :func:`asked` does.

    Raises:
        Refused: it cannot be asked, or answers with an error.
    """
    body = _patiently(lambda: _asked(root(url) + path, token, timeout))
    return printable(body.decode("utf-8", "replace"), keep="\n\t")


def _decoded(body: bytes) -> object:
    try:
        return content_of(body)
    except (ValueError, RecursionError):
        return None


def _asked(address: str, token: str | None, timeout: float) -> bytes:
    try:
        with open_url(address, token, method="POST", timeout=timeout) as answer:
            return body_of(answer)
    except urllib.error.HTTPError as error:
        said = said_in(error)
        refusal = f"{address} answers {error.code}: {_REMEDIES.get(error.code, said)}"
        if error.code in (409, 429):
            raise _Later(refusal, error.headers.get("Retry-After")) from None
        raise Refused(refusal) from None
    except UNREADABLE as error:
        raise Refused(f"{address} cannot be asked: {why_not(error)}") from None
