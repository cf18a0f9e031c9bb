"""bokeh serve.  Session leak: an asyncio task per session never ends, and holds the Document in its frame."""

import asyncio

from bokeh.io import curdoc
from bokeh.models import Div, Slider


async def follow(document, div, sleep=asyncio.sleep):
    while True:
        await sleep(0.5)
        seen = getattr(document, "_hold", None), div.text  # noqa: F841


div = Div(text="following")
curdoc().add_root(div)
curdoc().add_root(Slider(title="k", start=0, end=9, value=1))
task = asyncio.ensure_future(follow(curdoc(), div))
