"""panel serve.  Session leak: a timer of the event loop that sets itself again holds the figure of each session."""

import asyncio

import panel as pn
from bokeh.plotting import figure

pn.extension()

plot = figure(width=300, height=200)
clock = plot.line([0, 1], [0, 1])
pn.Column("# Clock", pn.pane.Bokeh(plot)).servable()


class Clock:
    def __init__(self, line, loop):
        self.line, self.loop, self.ticks = line, loop, 0
        self.tick()

    def tick(self):
        self.ticks += 1
        self.loop.call_later(0.5, self.tick)


Clock(clock, asyncio.get_event_loop())
