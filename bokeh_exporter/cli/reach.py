"""Reaching a running exporter: its status by URL, its URL by the process."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil

from ..deadlines import Limited, opener
from ..state.wording import printable

#: Seconds for an answer: the endpoint has a thread of its own and needs milliseconds.
TIMEOUT = 10.0
#: Seconds for each port of a process, of which one is the exporter's.
_SCAN = 5.0
#: Seconds that an answer may take besides.
_MORE = 10.0
_PATH, _FLEET = "/api/v1/status", "/api/v1/fleet"
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a server may listen on, not ours


class _LocalConnection(http.client.HTTPConnection):
    """A connection to a local socket, whose path stands where a host does."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.host)


class _Local(Limited, urllib.request.HTTPErrorProcessor):
    """``unix://PATH/...``, with the slashes of PATH written as %2F."""

    unix_request = urllib.request.AbstractHTTPHandler.do_request_
    unix_response = urllib.request.HTTPErrorProcessor.http_response

    def unix_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        request.add_unredirected_header("Host", "localhost")
        response: http.client.HTTPResponse = self.do_open(_LocalConnection, request)
        return response


class Unreachable(Exception):  # noqa: N818 - it is the outcome, as click's exceptions are
    """The exporter cannot be asked: one line that names it and the remedy.

    Attributes:
        refused: an exporter, it seems, but one that wants another token or has a certificate that is not trusted.
        answered: something speaks HTTP there.
    """

    def __init__(self, message: str, *, refused: bool = False, answered: bool = False) -> None:
        super().__init__(message)
        self.refused, self.answered = refused, answered


def open_url(
    url: str, token: str | None = None, *, method: str = "GET", timeout: float = TIMEOUT, ends: bool = True
) -> Any:
    """Ask an exporter; return the response.

    Args:
        url: what is asked.
        token: the endpoint's bearer token.
        method: of HTTP.
        timeout: seconds for its next bytes.
        ends: whether the answer has an end; it has little more time for it than for its first bytes.

    Raises:
        urllib.error.URLError: it cannot be reached, or answers with an error (``HTTPError``).
    """
    request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)  # noqa: S310
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    return opener(timeout + _MORE if ends else None, _Local()).open(request, timeout=timeout)


#: Bytes of an answer that are read, many times a status with six hours of history; characters of a text, of an error.
LARGEST, _TEXT, _ERROR = 16 * 1024 * 1024, 20_000, 500
#: What reading an answer raises.
UNREADABLE = (OSError, ValueError, http.client.HTTPException)
#: Whether an answer was read by this process: what goes wrong after that is most likely the answer's fault.
answered: list[bool] = []


def body_of(response: Any) -> bytes:
    """Return what was answered.

    Raises:
        ValueError: it is too much.
        OSError: it ends too early or too late, as ``HTTPException``.
    """
    answered.append(True)
    body: bytes = response.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError(f"more than {LARGEST >> 20} MB came")
    return body


def said_in(error: urllib.error.HTTPError) -> str:
    """Return how an error of HTTP explains itself, in one line; nothing where that cannot be read."""
    try:
        with error:
            return printable(error.read(_ERROR).decode("utf-8", "replace").strip())
    except UNREADABLE:
        return ""


def content_of(body: bytes) -> Any:
    """Return the JSON that was answered, its text printable: whoever answers must not write the terminal.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested without end.
    """
    answered.append(True)
    return _tame(json.loads(body))


def _tame(content: Any) -> Any:
    if isinstance(content, str):
        return printable(content[:_TEXT])
    if isinstance(content, dict):
        return {printable(key[:_TEXT]): _tame(value) for key, value in content.items()}
    return [_tame(value) for value in content] if isinstance(content, list) else content


def root(url: str) -> str:
    """Return the URL of an exporter's root; who scrapes it has that of ``/metrics`` at hand."""
    return url.rstrip("/").removesuffix("/metrics")


def why_not(error: Exception) -> str:
    """Say in a line why an exporter could not be asked, and what helps."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message}): set SSL_CERT_FILE to its authority"
    if isinstance(error, urllib.error.URLError):
        return f"{getattr(reason, 'strerror', None) or reason}: is the server running, and is this the exporter's URL?"
    said = str(getattr(error, "strerror", None) or error)[:_ERROR] or type(error).__name__
    return f"{said}: give the exporter's URL, which its log line names, with https:// where it has a certificate"


def status_of(url: str, token: str | None = None, timeout: float = TIMEOUT) -> dict[str, Any]:
    """Return the status of the exporter at a URL.

    Raises:
        Unreachable: there is none, it wants another token, or what answers is something else.
    """
    refused = answered = False
    try:
        with open_url(url + _PATH, token, timeout=timeout) as response:
            status = content_of(body_of(response))
        if isinstance(status, dict) and status.get("schema") == 1:
            return status
        answered = True
        why = "what answers there is not a bokeh_exporter of this version: give the exporter's URL, not the server's"
    except urllib.error.HTTPError as error:
        answered, refused = True, error.code == 401
        if refused:
            why = "it requires a bearer token: pass it with --token"
        else:
            why = f"it answers {error.code} to {_PATH}: give the exporter's URL, which its log line names"
    except (*UNREADABLE, RecursionError) as error:
        refused = isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError)
        why = why_not(error)
    raise Unreachable(printable(f"{url} cannot be asked: {why}"), refused=refused, answered=answered)


def fleet_of(url: str, token: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of the servers that belong to the exporter at a URL; none of one that has no peers to show."""
    try:
        with open_url(url + _FLEET, token) as response:
            rows = content_of(body_of(response))["processes"]
        return [row for row in rows if isinstance(row, dict)]
    except (*UNREADABLE, KeyError, TypeError, RecursionError):
        return []


def url_of_process(pid: int, token: str | None = None) -> str:
    """Return the URL of the exporter in a process.

    Raises:
        Unreachable: there is no such process, it may not be looked at, or no exporter listens in it.
    """
    refused = None
    for address in _listening(pid):
        for scheme in ("http", "https"):
            url = f"{scheme}://{address}"
            try:
                status_of(url, token, _SCAN)
            except Unreachable as error:
                refused = error if error.refused else refused
                if error.answered:  # and would wait for the end of what TLS says
                    break
            else:
                return url
    if refused is not None:
        raise refused
    raise Unreachable(
        f"no bokeh_exporter listens in process {pid}: start the server with it (bokeh-exporter run), "
        "and if there are several processes give the one that serves"
    )


def _listening(pid: int) -> Iterator[str]:
    try:
        process = psutil.Process(pid)
        # Called connections() before psutil 6.
        found = (getattr(process, "net_connections", None) or process.connections)("inet")
    except psutil.NoSuchProcess:
        raise Unreachable(f"there is no process {pid}: give the PID of the server, or the exporter's URL") from None
    except (psutil.AccessDenied, OSError):
        raise Unreachable(f"process {pid} belongs to another user: run this as that user, or give the URL") from None
    for one in found:
        if one.status == psutil.CONN_LISTEN:
            host = _WILDCARDS.get(one.laddr.ip, one.laddr.ip)
            yield f"{f'[{host}]' if ':' in host else host}:{one.laddr.port}"
