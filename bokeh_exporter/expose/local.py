"""The local socket: debugging without a restart, for the server's own user on its machine.

A Unix socket, mode 0600 in a folder of mode 0700, with the endpoint's routes and all of ``/debug``: who may connect
may end the process as well, so it gives away nothing. It listens from the start, but has no thread until somebody
connects: the watcher looks, which costs a system call each quarter of a second. Rejected: a TCP port with the peer's
user looked up in ``/proc``, which another container of the pod reaches, and an abstract socket, which has no mode.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import select
import socket
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ..local_sockets import answers, folder
from .http import Endpoint, EndpointError, Route

log = logging.getLogger("bokeh_exporter")

_BACKLOG = 8


class LocalSocket:
    """The socket of one process.

    Args:
        routes: by method and path; asked for when somebody connects first.
        on_error: hears what a route raised.

    Raises:
        OSError: this system or folder allows no socket.
    """

    def __init__(
        self, routes: Callable[[], Mapping[tuple[str, str], Route]], on_error: Callable[[BaseException], None]
    ) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("this system has no Unix sockets")
        self._routes, self._on_error = routes, on_error
        self._endpoint: Endpoint | None = None
        # In a container every server is process 1, and two may share a folder.
        self.path = _private(folder()) / f"{os.getpid()}-{secrets.token_hex(3)}.sock"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener: socket.socket | None = listener
        try:
            listener.setblocking(False)
            listener.bind(str(self.path))
            self.path.chmod(0o600)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            self.path.unlink(missing_ok=True)
            raise

    def look(self) -> None:
        """Begin to serve once somebody connects. Called several times a second."""
        listener = self._listener
        if listener is None or self._endpoint is not None:
            return
        poll = select.poll()  # select() takes no descriptor above 1023
        poll.register(listener, select.POLLIN)
        if poll.poll(0):
            self._endpoint = endpoint = Endpoint(
                self._routes(), open_paths=frozenset(), token=None, on_error=self._on_error
            )
            try:
                endpoint.start_on(listener)
            except EndpointError as error:
                self._shut()
                # At the end of a process Python 3.12 starts no thread any more, and nobody has to know.
                if threading.main_thread().is_alive():
                    log.warning("the local socket is closed: %s", error)

    def close(self) -> None:
        """Close and remove it. Idempotent."""
        self._shut()
        self.path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """In a forked child: close what was inherited; the file is the parent's."""
        if self._endpoint is not None:
            self._endpoint.abandon()
            self._endpoint = None
        self._shut()

    def _shut(self) -> None:
        listener, self._listener = self._listener, None
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.close()
        if listener is not None:
            listener.close()


def _private(path: Path) -> Path:
    """Make the folder, or see that it is ours alone, and take out sockets whose process is gone."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{path} is not this user's own folder with mode 0700: remove it")
    for old in path.glob("*.sock"):
        if not answers(old):
            old.unlink(missing_ok=True)
    return path
