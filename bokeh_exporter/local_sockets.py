"""Where the local sockets of servers are: what the server that makes one and the command that looks for it share."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path


def folder() -> Path:
    """Return where the sockets of this user's servers are: by process, ``PID-RANDOM.sock``."""
    return Path(tempfile.gettempdir()) / f"bokeh-exporter-{os.getuid()}"


def answers(path: Path) -> bool:
    """Whether a process listens on a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True  # its queue is full
        except OSError:
            return False
        return True
