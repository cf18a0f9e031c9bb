"""Ports for servers of tests, each given once."""

from __future__ import annotations

import functools
import itertools
import os
import socket

#: Below what the kernel gives to clients and to whoever asks for port 0 (from 32,768 on Linux): such a port is
#: anybody's until our server listens, a second later. So many for each process, of which no other takes one.
_FIRST, _LAST, _EACH = 20_000, 32_500, 500
_numbers = itertools.count(os.getpid())


@functools.cache
def _claim() -> tuple[int, socket.socket]:
    """Claim ports for this process: the first, and what keeps them until the process ends.

    It is bound for UDP, where no server of ours is in its way. So workers of pytest, and two runs of it beside each
    other, know of one another.

    Raises:
        RuntimeError: others have claimed all.
    """
    for first in range(_FIRST, _LAST, _EACH):
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", first))
        except OSError:
            claim.close()
            continue
        return first, claim
    raise RuntimeError(f"all ports from {_FIRST} to {_LAST} are claimed by other tests that run")


def free_port() -> int:
    """Return a port of the loopback that nobody listens on, and that no test beside gets."""
    first, _ = _claim()
    while True:
        port = first + next(_numbers) % _EACH
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
