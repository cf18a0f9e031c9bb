"""Serve the example app with the exporter, as ``make run`` does, and say what to open and to look for.

Both ports are looked at first: a busy one would be a line in the middle of the server's log.
"""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STORY = """
Open
  http://localhost:{port}/app               the app
  http://127.0.0.1:{exporter_port}/metrics        what Prometheus scrapes
  http://127.0.0.1:{exporter_port}/               the exporter's own page

Look for, in /metrics
  bokeh_sessions{{app="/app",state="connected"}}                  open the app in two tabs: 2
  bokeh_sessions{{app="/app",state="unused"}}                     close one of them: 1, and one less connected
  bokeh_sessions_destroyed_total{{app="/app",reason="expired"}}   15 to 32 s later: 1, and none unused any more,
                                        as a session unused for 15 s goes when the server looks, every 17 s
  bokeh_document_models{{app="/app"}}                             stays, however often you move the slider
  bokeh_websocket_received_bytes_total{{app="/app"}}              grows with it

  curl -sg 'http://127.0.0.1:{exporter_port}/metrics?name[]=bokeh_sessions'

Ctrl-C ends it. The server's own log follows.
"""


def busy(port: int) -> str | None:
    """Say why nothing can listen on a port of this machine, None if something can."""
    with socket.socket() as probe:
        if os.name != "nt":  # as the servers do; a port that is only cooling down is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
    return None


def main() -> None:
    """Look at the ports, tell the story, become the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5006)
    parser.add_argument("--exporter-port", type=int, default=10506)
    options = parser.parse_args()
    for port, variable in ((options.port, "PORT"), (options.exporter_port, "EXPORTER_PORT")):
        reason = busy(port)
        if reason is not None:
            another = port + 1 if port < 65535 else 9000
            sys.exit(f"port {port} {reason}: end what listens there, or choose another: make run {variable}={another}")
    print(STORY.format(port=options.port, exporter_port=options.exporter_port), flush=True)
    os.environ["BOKEH_EXPORTER_PORT"] = str(options.exporter_port)
    command = ["panel", "serve", "examples/app.py", "--setup", "examples/exporter.py", "--port", str(options.port)]
    print("$", *command, "\n", flush=True)
    os.chdir(ROOT)
    # The process stays the same, so Ctrl-C reaches the server itself.
    os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606


if __name__ == "__main__":
    main()
