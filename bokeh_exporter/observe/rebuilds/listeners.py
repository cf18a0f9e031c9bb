"""Whether somebody listens to a component: the user, or another component, but not the component or a part of it.

Many of Panel's classes watch their own parameters, some through parts that they make themselves, and say so nowhere. So
who owns a watcher is found from its function. One whose owner is not found counts as a listener: a component that is
in use must never be called unused.
"""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import Any

from ...state.safe_looks import is_a, partial_of, type_module
from .. import slots
from ..callbacks.names import is_framework
from ..hosts.panel_components import has_model, listeners_of
from ..hosts.param import called_by, kept_by, owner_of
from .source_lines import is_users, is_users_class

_DEPTH = 10


def is_used(component: Any) -> bool:
    """Whether a component has a model, or is listened to."""
    return has_model(component) or any(_listens(function, component) for function in listeners_of(component))


def _listens(function: Any, component: Any) -> bool:
    owners: list[Any] = []
    for _ in range(_DEPTH):
        if type(function) is MethodType:
            owners.append(owner_of(function.__self__))
            function = function.__func__
        elif (inner := called_by(function)) is not None or (inner := partial_of(function)) is not None:
            function = inner
        elif type(function) is not FunctionType:
            # An object that is called: param's only forget what was computed, anybody else's may do anything.
            return not is_framework(type_module(type(function)))
        elif is_users(function.__code__, function.__module__):
            return True
        else:
            cells = _cells(function)
            owners += [owner_of(cell) for cell in cells]
            inner = next((cell for cell in cells if is_a(cell, FunctionType, MethodType)), None)
            if inner is None:
                break
            function = inner
    owners = [owner for owner in owners if owner is not None]
    return not owners or any(not _is_part(owner, component) for owner in owners)


def _is_part(owner: Any, component: Any) -> bool:
    """Whether it is the component, or was made by the user's same line but not by the user, or is kept there."""
    if owner is component:
        return True
    mine, its = slots.site.get(component), slots.site.get(owner)
    if its is not None:
        return mine is not None and not its.direct and its[:2] == mine[:2]
    return not is_users_class(type(owner)) and any(each is owner for each in kept_by(component))


def _cells(function: FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    return found
