"""panel serve: a script that raises, which Panel shows to the user with status 200."""

import panel as pn

pn.panel("never seen").servable()
raise ValueError("raising_panel.py raises")
