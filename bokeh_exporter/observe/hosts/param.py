"""Param: where it calls a watcher, and where it evaluates a bound function. Under Panel users' functions run there."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any

from ...state.safe_calls import is_async
from ...state.safe_looks import attribute_of_class, attributes
from . import Hosts
from .patches import stack_level
from .seams import Attribute, Seam

_MODULE = "param.parameterized"
#: Packages whose modules have taken the function that evaluates by its name.
_EVALUATING = ("param", "panel", "holoviews", "hvplot")
#: What is on the stack between a constructor and the one who calls it: ``override_initialization`` is param's.
CONSTRUCTING = frozenset({"__call__", "__new__", "override_initialization", "panel"})


def _watchers_called(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    event, changed, patches = hosts.event("watcher_calling"), hosts.event("parameters_changed"), hosts.patches
    run = event.runner()

    @functools.wraps(original)
    def execute_watcher(parameters: Any, watcher: Any, events: Any) -> Any:
        if run is None or not patches.on:
            return original(parameters, watcher, events)
        try:
            function = watcher.fn
            awaited = is_async(function)
            # @param.depends(watch=True): param's caller of a method, a partial of a function of its own.
            name = (attributes(function) or {}).get("_watcher_name") if type(function) is functools.partial else None
            if type(name) is str:
                function = attribute_of_class(watcher.cls, name) or function
            if awaited:  # param schedules it: subscribers change what it will schedule
                ours = event.change(watcher.fn, function)
                watcher = watcher if ours is watcher.fn else watcher._replace(fn=ours)
        except Exception as error:
            hosts.swallow(error)
            awaited = None
        leave = changed.enter(events) if changed.observed else None
        try:
            if awaited is not False:
                return original(parameters, watcher, events)
            return run(functools.partial(original, parameters, watcher, events), function)
        finally:
            if leave is not None:
                leave(None, None)

    return execute_watcher


_EVALUATE = Seam(
    f"{_MODULE}:eval_function_with_deps", "bound_function_evaluating", ("function",), "calls of bound functions",
    facts=lambda function: (function,), hook="param.eval_function_with_deps",
)  # fmt: skip

SEAMS = (
    Seam(  # As of Bokeh's metaclass, see bokeh_models.
        f"{_MODULE}:ParameterizedMetaclass.__call__", "element_constructing", (),
        "seconds of components in an inventory", facts=lambda cls, *args, **kwargs: (cls,),
        hook="param.ParameterizedMetaclass.__call__",
    ),
    Seam(
        f"{_MODULE}:Parameters._execute_watcher", "watcher_calling", (), "calls of watchers and depending methods",
        wrap=_watchers_called, hook="param.Parameters._execute_watcher", also=("parameters_changed",),
    ),
)  # fmt: skip

_PLACE = Seam(
    "param._utils:_find_stack_level", "warning", (), "the user's line in warnings of Param's",
    wrap=stack_level("param", "numbergen"), hook="param.find_stack_level",
)  # fmt: skip

#: Seams of owners that are only known at run time, see :func:`refresh`.
FURTHER = (_EVALUATE, _PLACE)

ATTRIBUTES = (
    Attribute(f"{_MODULE}:Watcher.fn", "calls of watchers and depending methods"),
    Attribute(f"{_MODULE}:Watcher.cls", "the names of depending methods"),
)


def refresh(hosts: Hosts) -> None:
    """Wrap the evaluation of bound functions in each module that has taken it by its name."""
    wrap_wherever_taken(hosts, _EVALUATE, _EVALUATING)
    wrap_wherever_taken(hosts, _PLACE, ("param",), asked=True)


def wrap_wherever_taken(hosts: Hosts, seam: Seam, packages: Iterable[str], *, asked: bool = False) -> None:
    """Wrap a function of a module, there and in each module of some packages that has taken it by its name."""
    module = sys.modules.get(seam.target.partition(":")[0])
    function = getattr(module, seam.name, None)
    if function is None or hosts.is_wrapped(module, seam):  # who takes it from now on takes ours
        return
    for name, each in list(sys.modules.items()):
        if name.partition(".")[0] in packages and vars(each).get(seam.name) is function:
            hosts.wrap(each, seam, asked=asked)


def owner_of(thing: Any) -> Any | None:
    """Return the object whose parameters something is or has: itself, or that of a ``param`` namespace; else None."""
    module = sys.modules.get(_MODULE)
    if module is None:
        return None
    if type(thing) is module.Parameters:
        thing = thing.self_or_cls
    return thing if issubclass(type(thing), module.Parameterized) else None


def called_by(function: Any) -> Any | None:
    """Return the method that param's caller of a depending method calls; None for anything else."""
    if type(function) is functools.partial and "function" in function.keywords:
        return function.keywords["function"]
    return None


def changes_in(events: Any) -> list[tuple[Any, str]]:
    """Return what has changed, of what a watcher is given: the object or class, and the name of its parameter."""
    return [(each.obj if each.obj is not None else each.cls, each.name) for each in events]


def kept_by(owner: Any) -> list[Any]:
    """Return what a parameterized object keeps: its attributes, and the values of its parameters."""
    return [*list(owner.__dict__.values()), *list(values_of(owner).values())]


def values_of(owner: Any) -> dict[str, Any]:
    """Return the values of an object's parameters that are its own, by their names."""
    values = getattr(getattr(owner, "__dict__", {}).get("_param__private"), "values", None)
    return values if isinstance(values, dict) else {}


def watcher_count(thing: Any) -> int | None:
    """Return how many watchers an object has on its parameters; None for what has no parameters, classes too."""
    module = sys.modules.get(_MODULE)
    if module is None or not issubclass(type(thing), module.Parameterized):
        return None
    watchers = getattr(thing.__dict__.get("_param__private"), "watchers", None)
    if not isinstance(watchers, dict):
        return 0
    return sum(len(each) for by_kind in list(watchers.values()) for each in list(by_kind.values()))
