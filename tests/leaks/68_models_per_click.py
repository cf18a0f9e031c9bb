"""bokeh serve.  Retained models: each click shows a new model and a list that outlives the session keeps it.

The visitor who clicks a hundred times keeps so much that the few of each other visit look like nothing.
"""

from acme import registry
from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Button, Div


def main(doc, kept):
    button = Button(label="next")
    page = column(button)

    def clicked():
        shown = Div(text=str(len(kept)))
        kept.append(shown)
        page.children = [button, shown]

    button.on_click(clicked)
    doc.add_root(page)


main(curdoc(), registry.VISITORS)
