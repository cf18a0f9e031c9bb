"""What is imported outlives the sessions, as a package of the app does."""

from bokeh.document import Document
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from shared_feed import feed


def build(doc: Document) -> None:
    own = ColumnDataSource(data={"x": [], "y": []})

    def draw() -> None:
        own.data = dict(feed.data)

    def arrived(attr: str, old: object, new: object) -> None:
        doc.add_next_tick_callback(draw)

    feed.on_change("data", arrived)
    plot = figure(height=200, width=300)
    plot.line("x", "y", source=own)
    doc.add_root(plot)
