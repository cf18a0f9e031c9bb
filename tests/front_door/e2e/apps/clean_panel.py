"""Healthy: widgets, pn.bind on the session's own widgets, a periodic callback."""

import panel as pn

pn.extension()
k = pn.widgets.IntSlider(name="k", start=0, end=1000, value=1)
clock = pn.indicators.Number(name="ticks", value=0)
pn.state.add_periodic_callback(lambda: clock.param.update(value=clock.value + 1), period=400)
pn.Column(k, clock, pn.bind(lambda k: f"**k = {k}**", k)).servable()
