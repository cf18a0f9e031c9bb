"""panel serve.  Session leak: each session registers its clean-up with atexit, which is the end of the process."""
import atexit

import panel as pn

pn.extension()


class Job:
    def __init__(self):
        self.bar = pn.indicators.Progress(value=10)
        self.layout = pn.Column("# Job", self.bar)
        atexit.register(self.stop)

    def stop(self):
        self.bar.value = 0


Job().layout.servable()
