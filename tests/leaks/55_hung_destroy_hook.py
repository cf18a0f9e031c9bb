"""bokeh serve.  Lingering: on_session_destroyed waits for a lock service that never answers, so the sweep hangs."""
import asyncio

from bokeh.io import curdoc
from bokeh.models import Div


async def release(context, sleep=asyncio.sleep):
    await sleep(3600)


curdoc().on_session_destroyed(release)
curdoc().add_root(Div(text="locked"))
