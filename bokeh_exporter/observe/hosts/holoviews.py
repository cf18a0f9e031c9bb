"""HoloViews: its elements, plots and streams, and where it calls the functions of users.

Nothing of it is imported here: it is wrapped once the app has imported it. A plotting backend comes later than
HoloViews itself, with ``hv.extension``, and its classes are wrapped when it has. Methods that many classes have of
their own are wrapped on each of HoloViews' classes, and never on a class of the user's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import Hosts, changing, panel_components
from .param import wrap_wherever_taken
from .patches import stack_level
from .seams import Attribute, Seam, family, is_of


def _element(element: Any, data: object = None, *rest: object, **named: Any) -> tuple[Any, bool, int]:
    """Say what is made, whether it is an element (else a dimension or container), and HoloViews' id of it."""
    cls = getattr(sys.modules.get("holoviews.core.element"), "Element", ())
    return element, isinstance(element, cls), named.get("plot_id") or id(element)


def _called(callable_: Any, *args: object, **kwargs: object) -> tuple[Any, Callable[[Any], bool]]:
    """Say which function is called, and how to recognise a result that HoloViews remembered."""
    memoized = getattr(callable_, "_memoized", None)

    def is_remembered(result: Any) -> bool:
        # What it remembered is handed out again without calling the function.
        if memoized is None or memoized is not callable_._memoized:
            return False
        return any(each is result for each in memoized.values())

    return callable_.callable, is_remembered


def _first(owner: Any, *args: object, **kwargs: object) -> tuple[Any]:
    return (owner,)


_CALLBACK = "holoviews.plotting.bokeh.callbacks:Callback"
_STREAM, _PLOT = "holoviews.streams:Stream", "holoviews.plotting.plot:GenericElementPlot"

SUBSCRIBING = Seam(
    f"{_STREAM}.add_subscriber", "subscriber_adding", ("self", "subscriber"), "calls of the subscribers of streams",
    wrap=changing("subscriber_adding", "subscriber"), hook="holoviews.Stream.add_subscriber",
)  # fmt: skip

SEAMS = (
    Seam(
        "holoviews.core.dimension:Dimensioned.__init__", "element_made", ("self", "data"), "elements created, unused",
        facts=_element, hook="holoviews.Dimensioned.__init__",
    ),
    Seam(
        "holoviews.core.spaces:Callable.__call__", "element_function_calling", ("self",),
        "calls of the functions of DynamicMaps", facts=_called, hook="holoviews.Callable.__call__",
    ),
    SUBSCRIBING,
    Seam(
        f"{_CALLBACK}.on_event", "stream_queueing", ("self", "event"), "which move of the mouse a function ran for",
        facts=_first, hook="holoviews.Callback.on_event",
    ),
    Seam(
        f"{_CALLBACK}.on_change", "stream_queueing", ("self", "attr", "old", "new"),
        "which change a function ran for", facts=_first, hook="holoviews.Callback.on_change",
    ),
    Seam(
        f"{_CALLBACK}.on_msg", "stream_answering", ("self", "msg"), "which move of the mouse a function ran for",
        facts=_first, hook="holoviews.Callback.on_msg",
    ),
)  # fmt: skip

#: Of each class of HoloViews that has the method as its own.
_METHODS = (
    Seam(
        f"{_STREAM}._on_trigger", "stream_triggered", ("self",), "triggered streams",
        facts=_first, hook="holoviews.Stream._on_trigger",
    ),
    Seam(
        f"{_PLOT}.initialize_plot", "plot_rendering", ("self",), "plots rendered, elements that no plot drew",
        facts=_first, hook="holoviews.Plot.initialize_plot",
    ),
    Seam(
        f"{_PLOT}.update_frame", "plot_updating", ("self",), "plots updated",
        facts=_first, hook="holoviews.Plot.update_frame",
    ),
)  # fmt: skip
_PLACE = Seam(
    "holoviews.util.warnings:find_stack_level", "warning", (), "the user's line in warnings of HoloViews'",
    wrap=stack_level("holoviews", "param", "pyviz_comms", "IPython.core"), hook="holoviews.find_stack_level",
)  # fmt: skip
FURTHER = (*_METHODS, _PLACE)

ATTRIBUTES = (
    Attribute("holoviews.core.spaces:Callable._memoized", "results that were remembered count as calls"),
    Attribute("holoviews.core.dimension:Dimensioned._plot_id", "elements that no plot drew"),
    Attribute("holoviews.plotting.plot:DimensionedPlot.hmap", "elements that no plot drew"),
    Attribute("holoviews.plotting.plot:DimensionedPlot.current_frame", "plots rendered and updated"),
)


def refresh(hosts: Hosts) -> None:
    """Wrap the methods that classes of HoloViews have of their own."""
    wrap_wherever_taken(hosts, _PLACE, ("holoviews",), asked=True)
    for seam in _METHODS:
        base = seam.owner()
        for cls in family(base) if base is not None else ():
            if seam.name in vars(cls) and cls.__module__.startswith("holoviews."):
                hosts.wrap(cls, seam)


# --- what is read ----------------------------------------------------------------------------------


def is_imported() -> bool:
    """Whether an app has imported HoloViews."""
    return "holoviews.streams" in sys.modules


def is_element(thing: object) -> bool:
    """Whether something is an element or a container of HoloViews'; the thing itself is not asked."""
    return is_of(thing, "holoviews.core.dimension", "Dimensioned")


def function_of(element: Any) -> Any | None:
    """Return the user's function whose results a DynamicMap shows; None of anything else."""
    return (
        getattr(element.callback, "callable", None) if is_of(element, "holoviews.core.spaces", "DynamicMap") else None
    )


def panes(document: Any) -> Iterator[tuple[Any, int]]:
    """Yield the panes of a document that show elements, with the id of each that a pane leads to."""
    cls = getattr(sys.modules.get("panel.pane.holoviews"), "HoloViews", None)
    for root in panel_components.shown(document) if cls is not None else ():
        for pane in root.select(cls):
            if hasattr(pane.object, "traverse"):
                for each in pane.object.traverse(lambda found: found):
                    yield pane, getattr(each, "_plot_id", 0)


def frame_of(plot: Any) -> Any | None:
    """Return the element that a plot shows."""
    return plot.current_frame


def id_of(element: Any) -> int:
    """Return HoloViews' id of an element, which is that of what it was made from."""
    found: int = getattr(element, "_plot_id", 0)
    return found


def drawn_by(plot: Any) -> Iterable[int]:
    """Return HoloViews' ids of what a plot draws."""
    return [id_of(each) for each in (plot.current_frame, getattr(plot, "hmap", None))]


def shown(document: Any) -> Iterator[int]:
    """Yield HoloViews' ids of all that the panes of a document lead to, inputs of DynamicMaps among them."""
    panes = sys.modules.get("panel.pane.holoviews")
    if panes is None:
        return
    waiting = [pane.object for root in panel_components.shown(document) for pane in root.select(panes.HoloViews)]
    seen: set[int] = set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or not hasattr(thing, "traverse"):
            continue
        seen.add(id(thing))
        for each in thing.traverse(lambda found: found):
            yield getattr(each, "_plot_id", 0)
            yield getattr(getattr(each, "_dataset", None), "_plot_id", 0)
            waiting.extend(getattr(getattr(each, "callback", None), "inputs", ()) or ())
