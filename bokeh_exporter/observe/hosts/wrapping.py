"""Wrappers for what the usual one (facts, enter, original, leave) does not do: give the host another argument.

That is how what the user registers is timed: the host is given a function that calls it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import Hosts
from .seams import Wrap


def changing(event: str, argument: str) -> Wrap:
    """Return what wraps a method so that subscribers of an event may change its first argument.

    Args:
        event: the event; its ``change`` is given the argument's value, and nothing else.
        argument: the name of the argument, as some pass it by name.
    """

    def wrap(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
        patches, change = hosts.patches, hosts.event(event).change

        @functools.wraps(original)
        def wrapper(owner: Any, *args: Any, **kwargs: Any) -> Any:
            if patches.on:
                if args:
                    args = change(args[0]), *args[1:]
                elif argument in kwargs:
                    kwargs[argument] = change(kwargs[argument])
            return original(owner, *args, **kwargs)

        return wrapper

    return wrap
