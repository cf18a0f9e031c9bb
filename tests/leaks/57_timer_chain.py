"""panel serve.  Session leak: a timer of the event loop that sets itself again holds the pane of each session."""
import asyncio

import panel as pn

pn.extension()

clock = pn.pane.Markdown("...")
pn.Column("# Clock", clock).servable()


class Clock:
    def __init__(self, pane, loop):
        self.pane, self.loop, self.ticks = pane, loop, 0
        self.tick()

    def tick(self):
        self.ticks += 1
        self.loop.call_later(0.5, self.tick)


Clock(clock, asyncio.get_event_loop())
