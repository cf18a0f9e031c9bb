"""Ports for servers of tests, each given once."""

from __future__ import annotations

import itertools
import os
import socket

#: Below what the kernel gives to clients and to whoever asks for port 0 (from 32,768 on Linux): such a port is
#: anybody's until our server listens, a second later. So many for each worker of pytest, of which no other takes one.
_FIRST, _EACH = 20_000, 1_500
_worker = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", ""))) or 0) % 8
_numbers = itertools.count(os.getpid())


def free_port() -> int:
    """Return a port of the loopback that nobody listens on, and that no test beside gets."""
    while True:
        port = _FIRST + _EACH * _worker + next(_numbers) % _EACH
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
