"""Which other exporters belong to this one: those that the options name, and the processes of one ``--num-procs``."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator

import psutil

from ..config import Config
from .sockets import EndpointError, read_token

#: Peers at most: a page of more is no page to read, and Prometheus is for that.
MOST = 100
_NAME_AND_PORT = re.compile(r"(?P<name>[\w.-]+)(:(?P<port>\d+))?")


def peers(config: Config, port: int | None) -> Iterator[str]:
    """Yield the root URLs of the other exporters, also of this one where a name in the DNS stands for all.

    Args:
        config: the options; ``peers`` is a list of URLs, or one name whose every address is a process.
        port: the own port, which that of a name without a port is.
    """
    yield from _siblings(config, port)
    wanted = [each.strip() for each in (config.peers or "").split(",") if each.strip()]
    for each in wanted:
        if "://" in each:
            yield each.rstrip("/").removesuffix("/metrics")
        elif (found := _NAME_AND_PORT.fullmatch(each)) is not None:
            scheme = "https" if config.tls_cert else "http"
            yield from _addresses(found["name"], int(found["port"] or port or config.port), scheme)


def token_of(config: Config) -> str | None:
    """Return the token that peers want: that of their file, else the own one; None where it cannot be read."""
    path = config.peers_token_file or config.token_file
    if path is None:
        return config.token
    try:
        return read_token(path)
    except EndpointError:
        return None  # their refusal is in the table


def _addresses(name: str, port: int, scheme: str) -> Iterator[str]:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # said by the caller, which finds nobody there
        yield f"{scheme}://{name}:{port}"
        return
    for address in dict.fromkeys(str(target[0]) for *_, target in found):
        yield f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}"


def _siblings(config: Config, port: int | None) -> Iterator[str]:
    """Yield the other processes that tornado forked with this one: each adds its number to the port."""
    process = sys.modules.get("tornado.process")
    number = process.task_id() if process is not None else None
    if number is None or not config.port or port is None:
        return
    try:
        processes = len(psutil.Process(os.getppid()).children())
    except psutil.Error:
        return
    scheme = "https" if config.tls_cert else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.address, config.address)  # noqa: S104 - what one may listen on
    for other in range(min(processes, MOST)):
        if other != number:
            yield f"{scheme}://{host}:{config.port + other}"
