"""A module of an app's: what it makes is made once in a process, for all sessions."""

import panel as pn

shared = pn.widgets.Select(name="shared", options=["a"])


def table(n: int) -> pn.Column:
    return pn.Column(pn.pane.Str(str(n)), pn.pane.Str("below"), name=f"made for {n}")
