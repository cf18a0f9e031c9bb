"""Panel's components: where one is made, where an output is replaced, and which of them a page shows or a model has."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import FrameType, MethodType
from typing import Any

from ...state.safe_looks import attribute_of_class, attributes, is_a, partial_of, text_of, type_module
from . import Hosts
from .panel import state_of_panel
from .param import values_of, wrap_wherever_taken
from .patches import stack_level
from .seams import Attribute, Seam, family, find, is_of

#: Frames between ``Widget.from_param`` and the constructor of the widget.
_TO_FROM_PARAM = 30
#: Our own frames around it.
_OURS = __name__.partition(".")[0]


def _first(owner: Any, *args: object, **kwargs: object) -> tuple[Any]:
    return (owner,)


def _two(owner: Any, given: Any, *args: object, **kwargs: object) -> tuple[Any, Any]:
    return owner, given


SEAMS: tuple[Seam, ...] = (
    Seam(
        "panel.viewable:Viewable.__init__", "component_made", ("self",), "components created, alive and unused",
        facts=_first, hook="panel.Viewable.__init__",
    ),
    Seam(
        "panel.pane.base:ReplacementPane._update_inner", "output_replacing", ("self", "new_object"),
        "replacements and rebuilds of outputs", facts=_two, hook="panel.ReplacementPane._update_inner",
    ),
)  # fmt: skip

#: Where Panel makes models of components, or brings them up to date.
_UPDATING = tuple(
    Seam(
        f"panel.{target}", "models_updating", parameters, "the time that Panel takes for models", facts=_first,
        since=since, until=until, hook=f"panel.{target.partition(':')[2]}",
    )
    for target, parameters, since, until in (
        ("viewable:Renderable.get_root", ("self", "doc"), "", ""),
        ("reactive:Syncable._param_change", ("self",), "", ""),
        ("pane.base:PaneBase.get_root", ("self", "doc"), "", "1.4"),
        ("pane.base:PaneBase._update_pane", ("self",), "", "1.4"),
        ("pane.base:Pane.get_root", ("self", "doc"), "1.5", ""),
        ("pane.base:Pane._update_pane", ("self",), "1.5", ""),
    )
)  # fmt: skip
SEAMS += _UPDATING

#: Of each class of Panel's that has the method as its own, for what is there to be inspected.
_RENDERING = Seam(
    "panel.viewable:Renderable._get_model", "component_rendering", ("self", "doc"),
    "seconds of components in an inventory", facts=_first, hook="panel.Renderable._get_model",
)  # fmt: skip
_PLACE = Seam(
    "panel.util.warnings:find_stack_level", "warning", (), "the user's line in warnings of Panel's",
    wrap=stack_level("panel", "param"), hook="panel.find_stack_level",
)  # fmt: skip
FURTHER = (_RENDERING, _PLACE)

ATTRIBUTES = (
    Attribute("panel.pane.base:ReplacementPane._pane", "replacements and rebuilds of outputs"),
    Attribute("panel.viewable:Renderable._models", "components that nothing shows"),
    Attribute("panel.reactive:Syncable._property_mapping", "the parameter that a cause names"),
    Attribute("panel.viewable:Viewable._internal_callbacks", "components that nothing shows"),
)


def refresh(hosts: Hosts) -> None:
    """Wrap the method that makes the models of a component, on each class of Panel's that has its own."""
    base = _RENDERING.owner()
    for cls in family(base) if base is not None else ():
        if _RENDERING.name in vars(cls) and cls.__module__.startswith("panel."):
            hosts.wrap(cls, _RENDERING)
    wrap_wherever_taken(hosts, _PLACE, ("panel",), asked=True)


def shown(document: Any) -> Iterator[Any]:
    """Yield the roots of a document that have parts to select."""
    state = state_of_panel()
    for root, _, owner, _ in list(state._views.values()) if state is not None else ():
        if owner is document and hasattr(root, "select"):
            yield root


def content_of(output: Any) -> Any | None:
    """Return the pane that shows what an output returned."""
    return output._pane


def function_of(output: Any) -> Any | None:
    """Return the function whose result an output shows; None where it is no function's."""
    return _parameter(output, "object")


def drawn_in(pane: Any) -> Any | None:
    """Return the plot that a pane draws: a model of Bokeh's or something of HoloViews'; None for any other content."""
    panes = [sys.modules.get(name) for name in ("panel.pane.plot", "panel.pane.holoviews")]
    kinds = tuple(kind for kind in (getattr(panes[0], "Bokeh", None), getattr(panes[1], "HoloViews", None)) if kind)
    return _parameter(pane, "object") if is_a(pane, *kinds) else None


def has_model(component: Any) -> bool:
    """Whether a component, or what stands in for it, has a model in any document."""
    return bool(component._models) or any(each._models for each in stand_ins(component))


def listeners_of(component: Any) -> list[Any]:
    """Return what is called when a parameter of a component changes, without what Panel registers on each."""
    own = {id(watcher) for watcher in component._internal_callbacks}  # to compare them would compare users' functions
    return [
        watcher.fn
        for by_kind in list(component.param.watchers.values()) for watchers in list(by_kind.values())
        for watcher in watchers if id(watcher) not in own
    ]  # fmt: skip


def component_of(listeners: Iterable[Any]) -> Any | None:
    """Return the component that listens to a model, given what is registered on it."""
    viewable = sys.modules.get("panel.viewable")
    if viewable is None:
        return None
    for listener in listeners:
        while (inner := partial_of(listener)) is not None:
            listener = inner
        owner = listener.__self__ if type(listener) is MethodType else None
        if is_a(owner, viewable.Renderable):
            return owner
    return None


def parameter_of(component: Any, name: str) -> str | None:
    """Return the text of a parameter; None where it has none, or the class answers by code of its own."""
    return text_of(_parameter(component, name))


def _parameter(component: Any, name: str) -> Any | None:
    found = attribute_of_class(type(component), name)
    if found is None or not (type_module(type(found)) or "").startswith(("param.", "panel.")):
        return None
    return object.__getattribute__(component, name)


def parameters_of(component: type) -> dict[str, str]:
    """Return, by the property of its model, the parameter of a class of components, where the two differ."""
    mapping = getattr(component, "_property_mapping", None)
    pairs = list(mapping.items()) if isinstance(mapping, dict) else []
    known = {parameter for parameter, _ in pairs}
    return {name: parameter for parameter, name in pairs[::-1] if name not in known}


def is_component(thing: object) -> bool:
    """Whether something is a component of Panel's; the thing itself is not asked."""
    return is_of(thing, "panel.viewable", "Viewable")


def is_from_param(frame: FrameType | None, made: object) -> bool:
    """Whether a frame is ``Widget.from_param``, or what that calls to construct the widget of a parameter.

    Up to Panel 1.4 it makes a ``Param`` pane on the way.
    """
    if not is_of(made, "panel.widgets.base", "Widget"):
        return False
    for _ in range(_TO_FROM_PARAM):
        module = frame.f_globals.get("__name__") if frame is not None else None
        if frame is None or not isinstance(module, str) or not module.startswith(("panel.", "param.", _OURS)):
            return False
        if frame.f_code.co_name == "from_param":
            return True
        frame = frame.f_back
    return False


def is_output(thing: object) -> bool:
    """Whether something is a component that shows what a function of the user's returns."""
    return is_of(thing, "panel.param", "ParamRef")


def stand_ins(component: Any) -> list[Any]:
    """Return what ``pn.panel`` may put on a page in the place of a ``Param`` pane: its box, or a widget in it."""
    box = (attributes(component) or {}).get("_widget_box") if is_of(component, "panel.param", "Param") else None
    return [box, *(_parameter(box, "objects") or ())] if box is not None else []


def models_made_by(component: Any) -> list[Any]:
    """Return the models that a component or what stands in for it has made, one for each page that shows it."""
    made = [made[0] for made in list(component._models.values())]
    return made or [made[0] for each in stand_ins(component) for made in list(each._models.values())]


def default_value(component: Any) -> bool | float | None:
    """Return the default of the ``value`` of a component in JavaScript, if it is a number or a boolean."""
    if not is_of(component, "panel.custom", "ReactiveESM") or "value" not in component.param:
        return None
    default = type(component).param["value"].default
    return default if isinstance(default, (bool, int, float)) else None


#: Lists of style sheets and scripts that all sessions share, by the name of their attribute on a class of components.
_SHEETS = ("_stylesheets", "_css", "stylesheets")


def shared_lists() -> Iterator[tuple[str, Any]]:
    """Yield what Panel shares among all sessions and that may grow, with its name: views, and lists of style sheets."""
    state, viewable = state_of_panel(), sys.modules.get("panel.viewable")
    if state is None or viewable is None:
        return
    yield "panel.state._views", state._views
    for name in ("raw_css", "css_files"):
        files = values_of(find("panel.config", "config")).get(name)
        if type(files) is list:
            yield f"panel.config.{name}", files
    waiting, seen = [viewable.Viewable], set()
    while waiting:
        cls = waiting.pop()
        waiting += [each for each in type.__subclasses__(cls) if each not in seen]
        seen.add(cls)
        for name in _SHEETS:
            sheets = vars(cls).get(name)
            sheets = getattr(sheets, "default", sheets)  # of a parameter what all have that have no value of their own
            if type(sheets) is list:
                yield f"{cls.__name__}.{name}", sheets
