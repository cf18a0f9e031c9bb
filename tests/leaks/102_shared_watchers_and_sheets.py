"""panel serve.  Process leak: each visit adds a style sheet to a class's list, and two watchers to a shared object."""

import panel as pn
from acme.settings import GLOBAL

pn.extension()
pn.widgets.Button._stylesheets.append(":host { --acme: 1 }")
GLOBAL.param.watch(lambda event: None, "threshold")
GLOBAL.param.watch(lambda event: None, "threshold")
pn.Column(pn.widgets.IntSlider(name="n"), pn.widgets.Button(name="go")).servable()
