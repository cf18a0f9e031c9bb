"""Apps that keep something of each session, each in its own way, and one that does not: not an app itself."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bokeh.models import Button, Column, Div, Range1d, Slider, Spinner
from bokeh.plotting import figure
from truth import KEPT, attached  # type: ignore[import-not-found]


class Fragile(Div):  # type: ignore[misc]
    """A model that cannot be destroyed."""

    def destroy(self) -> None:
        raise ValueError("kept_functions.py: destroy raises")


def clean(doc: Any) -> None:
    """Keeps nothing."""
    plot = figure(width=100, height=100)
    plot.line([1, 2, 3], [4, 5, 6])
    doc.add_root(Column(children=[Slider(name="n", start=0, end=9, value=0), plot]))
    attached(doc)


def document(doc: Any) -> None:
    """Keeps the Document, as a dictionary of users does: it is emptied when it is destroyed."""
    doc.add_root(Slider(name="n", start=0, end=9, value=0))
    attached(doc)
    KEPT.append(doc)


def plot(doc: Any) -> None:
    """Keeps a figure, and all models that it refers to; the Document goes."""
    kept = figure(width=100, height=100)
    kept.line([1, 2, 3], [4, 5, 6])
    doc.add_root(kept)
    attached(doc)
    KEPT.append((kept, kept.references()))  # ``destroy`` empties the figure


def removed(doc: Any) -> None:
    """Keeps a model that is removed again while the session lives."""
    kept = Div(text="removed")
    doc.add_root(Slider(name="n", start=0, end=9, value=0))
    doc.add_root(kept)
    attached(doc)
    doc.remove_root(kept)
    KEPT.append(kept)


def late(doc: Any) -> None:
    """Keeps a model that ``make`` makes, and ``show`` adds and removes again."""
    make, show = Button(name="make", label="make"), Button(name="show", label="show")

    def shown() -> None:
        doc.add_root(KEPT[-1])
        doc.remove_root(KEPT[-1])

    make.on_click(lambda: KEPT.append(Div(text="late")))
    show.on_click(shown)
    doc.add_root(Column(children=[make, show]))


def orphan(doc: Any) -> None:
    """Keeps a model that is never added."""
    doc.add_root(Slider(name="n", start=0, end=9, value=0))
    attached(doc)
    KEPT.append(Range1d())


def zombie(doc: Any) -> None:
    """Keeps nothing, and cannot be destroyed."""
    doc.add_root(Column(children=[Fragile(text="fragile"), Div(text="div")]))
    attached(doc)


def threads(doc: Any) -> None:
    """Makes models in four threads at once when ``go`` is pressed, keeps each tenth and shows none."""
    go, out = Button(name="go", label="go"), Div(name="out", text="")

    def make(_number: int) -> None:
        models = [Spinner() for _ in range(100)]
        KEPT.extend(models[::10])

    def press() -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(make, range(8)))
        out.text = "done"

    go.on_click(press)
    doc.add_root(Column(children=[go, out]))
    attached(doc)


#: The sweep stops at a session that raises, so that app is the last.
APPS = {f"/{app.__name__}": app for app in (clean, document, plot, removed, late, orphan, threads, zombie)}
