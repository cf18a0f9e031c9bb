"""panel serve --reuse-sessions, ?theme=t{i}.  Lingering: each value of the query makes a session that is kept for ever."""

import panel as pn

pn.extension()
pn.Column("# Start page", pn.widgets.IntSlider(name="k", start=0, end=9, value=1)).servable()
