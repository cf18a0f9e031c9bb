"""The part of the retaining app that outlives its sessions, as a module of an app's own would."""

from collections.abc import Callable

#: Who wants to hear of news. Nothing is ever taken out again: that is the leak.
LISTENERS: list[Callable[[], str]] = []
