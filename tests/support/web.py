"""Plain HTTP: one request, no proxy of the environment, and an error status is an answer like any other."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import NamedTuple


class Response(NamedTuple):
    """What came back. Header names are looked up in any case."""

    status: int
    body: bytes
    headers: Message

    @property
    def text(self) -> str:
        """The body, as UTF-8."""
        return self.body.decode()


def get(
    url: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    data: bytes | None = None,
    timeout: float = 20.0,
    context: ssl.SSLContext | None = None,
) -> Response:
    """Send one request and return status, body and headers.

    Raises:
        OSError: no answer: refused, reset, or ``timeout`` seconds without a byte (``URLError`` is one).
    """
    request = urllib.request.Request(url, data=data, headers=dict(headers or {}), method=method)
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
            return Response(answer.status, answer.read(), answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return Response(error.code, error.read(), error.headers)
