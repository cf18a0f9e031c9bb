"""bokeh serve: blocks the event loop until the file ``RELEASE`` appears, and writes ``blocked`` to the log first.

``?how=sleep`` and ``?how=compute`` block while the session is built; without it the button ``go`` starts an async
callback that does, which runs on the loop on every line of Bokeh. After a minute it gives up.
"""

import os
import sys
import time

from bokeh.io import curdoc
from bokeh.models import Button

doc = curdoc()
how = doc.session_context.request.arguments.get("how", [b""])[0].decode()


def block(how: str) -> None:
    sys.stderr.write(f"blocked: {how}\n")
    sys.stderr.flush()
    end = time.monotonic() + 60
    while time.monotonic() < end and not os.path.exists(os.environ["RELEASE"]):  # noqa: PTH110
        if how == "compute":
            sum(range(1_000_000))
        else:
            time.sleep(0.1)


async def go() -> None:
    block("async callback")


if how:
    block(how)
button = Button(name="go", label="go")
button.on_click(lambda: doc.add_next_tick_callback(go))
doc.add_root(button)
