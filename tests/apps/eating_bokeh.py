"""A page that takes memory until the kernel ends the process, if it is asked to (``?eat=1``)."""

from __future__ import annotations

from bokeh.io import curdoc
from bokeh.models import Div

arguments = curdoc().session_context.request.arguments
kept = []
while arguments.get("eat"):
    kept.append(b"x" * 4_000_000)
curdoc().add_root(Div(text="here"))
