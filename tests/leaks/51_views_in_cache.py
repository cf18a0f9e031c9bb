"""panel serve.  Session leak: each visitor's view is put into pn.state.cache under a fresh key, "to restore it later"."""
import uuid

import panel as pn

pn.extension()

name = pn.widgets.TextInput(name="name")
view = pn.Column("# Dashboard", name, pn.bind(lambda name: f"Hello {name}", name))
pn.state.cache[f"view-{uuid.uuid4()}"] = view
view.servable()
