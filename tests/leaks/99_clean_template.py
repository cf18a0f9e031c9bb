"""panel serve.  Healthy: a template whose page is built anew by every move, 45 models at a time with a table among them."""

import pandas as pd
import panel as pn

pn.extension("tabulator")

amount = pn.widgets.FloatSlider(name="amount", start=0, end=1)
chosen = pn.widgets.MultiChoice(name="chosen", options=list("abcd"))
name = pn.widgets.TextInput(name="name")
switch = pn.widgets.Toggle(name="switch")
frame = pd.DataFrame({"x": range(20)})


@pn.depends(amount, chosen, name, switch)
def view(amount, chosen, name, switch):
    return pn.Column(
        f"{amount} {chosen} {name} {switch}",
        pn.widgets.Tabulator(frame, height=100),
        pn.indicators.Number(value=amount, name="amount"),
    )


template = pn.template.FastListTemplate(title="Clean", theme="dark")
template.sidebar.extend([amount, chosen, name, switch])
template.main.append(view)
template.servable()
