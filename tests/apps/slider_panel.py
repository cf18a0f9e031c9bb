"""panel serve: a slider ``n``, a button ``go``, and the text input ``out``, which depends on both."""

import panel as pn

pn.extension()

n = pn.widgets.IntSlider(name="n", start=0, end=1000, value=0)
go = pn.widgets.Button(name="go")


def text(n: int, pressed: int) -> str:
    return f"n = {n}, go = {pressed}"


out = pn.widgets.TextInput(name="out", value=pn.bind(text, n, go.param.clicks))
pn.Column(n, go, out).servable()
