"""The objects that the hosts themselves keep, one in a process: they look like a leak, and are none."""

from __future__ import annotations

import sys

#: How many destroyed sessions of an app a host keeps.
HARMLESS = 1


def kept_by_host(retained: float, panel: bool | None = None) -> str | None:
    """Name what the host keeps, if that is all that is retained of an app's destroyed sessions.

    Args:
        retained: how many of them are.
        panel: whether the server runs Panel; None for the server that this is.
    """
    if retained != HARMLESS:
        return None
    if panel if panel is not None else "panel" in sys.modules:
        return "normal: Panel keeps one Document, however many visits come"
    return "normal: Bokeh keeps one session, however many visits come"
