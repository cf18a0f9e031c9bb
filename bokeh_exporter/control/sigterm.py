"""How the host is told to end: SIGTERM, on its way into the host's own handler.

A handler of ours could not hold the signal back: asyncio's comes by a pipe, uvicorn's is set anew each
time. So the method that the host registers is wrapped: Bokeh's ``BaseServer._sigterm`` (Panel's and
``bokeh serve``), uvicorn's ``Server.handle_exit`` (ASGI). What is held back is sent again by
:func:`end`, and then goes the host's own way. Hosts that have neither end as they always did.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from ..observe.frame import Frame, Observer
from ..observe.hosts.patches import Leave


class Endings(Observer):
    """Asks :attr:`holds` on each SIGTERM whether it is to be held back."""

    name: ClassVar[str] = "endings"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: Called in the signal's handler: must not take a lock, log or wait. True holds the signal back.
        self.holds: Callable[[], bool] = lambda: False
        #: Called when uvicorn has shut down: it sends itself the signal again, and nothing runs as Python ends.
        self.ended: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Hook into Bokeh's server."""
        from bokeh.server.server import BaseServer

        self.hook.replace(BaseServer, "_sigterm", self._wrapped, "self")

    def refresh(self) -> None:
        """Hook into uvicorn once it is imported."""
        uvicorn = sys.modules.get("uvicorn.server")
        if uvicorn is not None and "uvicorn.Server.handle_exit" not in self.patches.enabled:
            self.hook.replace(
                uvicorn.Server, "handle_exit", self._wrapped, "self", "sig", hook="uvicorn.Server.handle_exit"
            )
            self.hook.around(uvicorn.Server, "shutdown", self._shutting_down, "self", hook="uvicorn.Server.shutdown")

    def _shutting_down(self, *args: object, **named: object) -> Leave:
        return lambda result, error: self.ended()

    def adopt(self) -> None:
        """Let the running loop, where the host's handler is registered already, call it through our wrapper.

        With ``--num-procs`` Panel runs the setup script on the loop, after the server has registered.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # signals are not that loop's
        try:
            loop = asyncio.get_running_loop()
            handle: Any = getattr(loop, "_signal_handlers", {}).get(signal.SIGTERM)
            server = getattr(getattr(handle, "_callback", None), "__self__", None)
            method = getattr(server, "_sigterm", None)
            if method is not None and handle._callback != method:
                loop.add_signal_handler(signal.SIGTERM, method)
        except Exception as error:
            self.hook.swallow(error)

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        patches = self.patches

        def handler(host: Any, *args: Any, **kwargs: Any) -> Any:
            terminates = not args or args[0] == signal.SIGTERM
            if patches.on and terminates and self.holds():
                return None
            return original(host, *args, **kwargs)

        return handler


def end() -> None:
    """End this process as SIGTERM does."""
    os.kill(os.getpid(), signal.SIGTERM)
