"""Soak: serve an app on loopback, visit it as browsers do, and judge what stays in memory.

Used by the command and by the pytest plugin; no server imports it. ``plan`` is what is asked for,
``server`` the subprocess, ``visitor`` a tab without a browser, ``widgets`` what a user would do on the
page, ``probe`` the exporter's endpoints, ``run`` the course of it all, ``report`` what it found.
"""

from .plan import Plan, UsageError
from .report import Report
from .run import soak
from .server import SoakError

__all__ = ["Plan", "Report", "SoakError", "UsageError", "soak"]
