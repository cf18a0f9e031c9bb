"""Where the numbers live: events in prometheus_client objects, levels in snapshots."""

from .levels import Level, Levels, Snapshot
from .metrics import State

__all__ = ["Level", "Levels", "Snapshot", "State"]
