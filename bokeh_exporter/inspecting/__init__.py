"""Inspect: build an app once as a session, in a child process, and say what it is made of and what each move rebuilds.

Used by the command and by the pytest plugin; no server imports it. The server is soak's, with the exporter's inventory
on. ``run`` is the course, ``moves`` what is moved and how it goes back, ``names`` what elements are called in the
source, ``report`` what was found, ``picture`` and ``html`` how it is drawn, ``advice`` what would make it in place,
``recomputes`` what would make the server work less, ``budgets`` what a test allows a move.
"""

from .report import Report
from .run import inspect, with_lifetime

__all__ = ["Report", "inspect", "with_lifetime"]
