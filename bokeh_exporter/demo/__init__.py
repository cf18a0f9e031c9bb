"""A demonstration: three small apps on loopback with the exporter in them, and visitors that use them.

Of the apps one is clean, one keeps its sessions, one rebuilds everything at each step of a slider. Times are short
(lifetime of sessions, grace, period of the verdict): within two minutes the status page says which is which.
"""

from .driver import drive
from .server import APPS, DemoError, DemoServer, PrometheusServer

__all__ = ["APPS", "DemoError", "DemoServer", "PrometheusServer", "drive"]
