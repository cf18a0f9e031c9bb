"""bokeh serve: blocks the event loop while it is built, ``?seconds=30``, asleep or with ``&compute=1`` at work.

Once open, a plain callback (``sleep``; a worker thread on Bokeh 3.10) and an async one
(``sleep_async``; the loop on every line) block for as many seconds as ``seconds`` says.
"""

import time

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div, NumericInput


def block(duration: float, compute: bool = False) -> None:
    end = time.monotonic() + duration
    if compute:
        while time.monotonic() < end:
            sum(range(1000))
    time.sleep(max(0.0, end - time.monotonic()))


doc = curdoc()
arguments = doc.session_context.request.arguments
block(float(arguments.get("seconds", [b"0"])[0]), compute="compute" in arguments)

seconds = NumericInput(name="seconds", value=0, mode="float")
sleep = Button(name="sleep", label="sleep")
sleep_async = Button(name="sleep_async", label="sleep_async")
out = Div(name="out", text="awake")


async def asleep() -> None:
    block(seconds.value)
    out.text = "slept on the loop"


def slept() -> None:
    block(seconds.value)
    out.text = "slept"


sleep.on_click(slept)
sleep_async.on_click(lambda: doc.add_next_tick_callback(asleep))
doc.add_root(Column(children=[seconds, sleep, sleep_async, out]))
