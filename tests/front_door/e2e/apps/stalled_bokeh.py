"""event_loop_stalled: a coroutine that does not await keeps the loop for longer than the test lasts."""

import time

from bokeh.io import curdoc
from bokeh.models import Slider


async def forecast() -> None:
    time.sleep(600)


curdoc().add_timeout_callback(forecast, 500)
curdoc().add_root(Slider(title="k", name="k", start=0, end=1000, value=1))
