"""panel serve.  NOT a leak, but slow: a timer of 4 s holds what the session made, which is then garbage in cycles."""

import panel as pn
from tornado.ioloop import IOLoop

pn.extension()


class State:
    def __init__(self):
        self.me = self
        self.pane = pn.pane.Markdown("state")
        self.rows = [[float(i), str(i)] for i in range(2_000)]


state = State()
pn.Column(state.pane, pn.widgets.Checkbox(name="on")).servable()
pn.state.on_session_destroyed(
    lambda context, state=state, loop=IOLoop.current(): loop.call_later(4, lambda: setattr(state, "expired", True))
)
