"""python forking.py - a Server whose button ``go`` starts a child process by fork, which outlives everybody.

Parent and child each make a session of an application of their own, ``/inner``, and the child says in ``out``
what it has counted of it, which ports it listens on, and its pid.
"""

import asyncio
import json
import multiprocessing
import os
import threading
import warnings
from typing import Any

import psutil
from app_functions import CHECK_MS, LIFETIME_MS, slider  # type: ignore[import-not-found]
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.models import Button, Column, Div
from bokeh.server.contexts import ApplicationContext
from bokeh.server.server import Server
from bokeh.util.token import generate_jwt_token, generate_session_id

import bokeh_exporter

# Python 3.12 says that threads and fork do not go together. The point is that users do it.
warnings.filterwarnings("ignore", category=DeprecationWarning)
exporter = bokeh_exporter.install()
ends, says = multiprocessing.Pipe()
contexts: list[ApplicationContext] = []  # an application that is gone loses its series


def make_session() -> None:
    """Make a session as a server does, on a loop of this thread's own."""
    context = ApplicationContext(Application(FunctionHandler(slider)), url="/inner")
    contexts.append(context)
    session = generate_session_id()
    asyncio.run(context.create_session_if_needed(session, None, generate_jwt_token(session)))


def counted() -> dict[str, Any]:
    process = psutil.Process()
    found = (getattr(process, "net_connections", None) or process.connections)("inet")  # by its name before psutil 6
    return {
        "pid": os.getpid(),
        "created": exporter.state.registry.get_sample_value("bokeh_sessions_created_total", {"app": "/inner"}),
        "listens": [each.laddr.port for each in found if each.status == psutil.CONN_LISTEN],
        "connected": [each.laddr.port for each in found if each.status == psutil.CONN_ESTABLISHED],
        "port": exporter.port,
    }


def child() -> None:
    make_session()
    says.send(counted())
    threading.Event().wait()


def app(doc: Any) -> None:
    go, out = Button(name="go", label="go"), Div(name="out", text="")

    def press() -> None:
        multiprocessing.get_context("fork").Process(target=child).start()
        answer = ends.recv()
        thread = threading.Thread(target=make_session)
        thread.start()
        thread.join()
        out.text = json.dumps({"child": answer, "parent": counted()})

    go.on_click(press)
    doc.add_root(Column(children=[go, out]))


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    Server(
        {"/app": app}, port=port, address="127.0.0.1", allow_websocket_origin=[f"localhost:{port}"],
        unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
    ).run_until_shutdown()  # fmt: skip
