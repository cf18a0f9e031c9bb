"""What apps count themselves, in the JSON file that ``COUNTS`` names: not an app itself.

One table for the process, whatever its sessions and threads; tests compare it with a scrape.
"""

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

#: What is booked on an interaction.
BOOKED = (
    "app", "bytes_sent", "callbacks", "errors", "kind", "messages", "models", "number", "patches", "rss_change",
    "rss_known", "seconds", "time",
)  # fmt: skip

_path = Path(os.environ["COUNTS"])
_lock = threading.Lock()
_counts: dict[str, dict[str, int]] = {}
_seen: dict[str, list[int]] = {}
_gates: dict[str, asyncio.Event] = {}
_told: dict[str, Any] = {}


def count(table: str, key: str, number: int = 1) -> None:
    """Add to one number of a table."""
    with _lock:
        _add(table, key, number)
        _write()


def called(label: str, kind: str | None = None) -> None:
    """Count the call of a callback by the label it should have, and by what set it off."""
    with _lock:
        _add("calls", label, 1)
        if kind is not None:
            _add("kinds", kind, 1)
        _write()


def failed(label: str) -> ValueError:
    """Count a failure and return what is to be raised."""
    count("errors", label)
    return ValueError(f"{label} raises")


def saw(place: str, number: int) -> None:
    """Note a number seen at a place."""
    with _lock:
        _seen.setdefault(place, []).append(number)
        _write()


def tell(key: str, value: Any) -> None:
    """Write anything that JSON can hold."""
    with _lock:
        _told[key] = value
        _write()


def gate(name: str) -> asyncio.Event:
    """Return an event that callbacks of one session wait for and those of another set."""
    return _gates.setdefault(name, asyncio.Event())


def has(table: str, key: str) -> bool:
    """Whether something was counted."""
    with _lock:
        return key in _counts.get(table, {})


def _add(table: str, key: str, number: int) -> None:
    row = _counts.setdefault(table, {})
    row[key] = row.get(key, 0) + number


def _write() -> None:
    new = _path.with_suffix(".new")
    new.write_text(json.dumps({**_counts, **_told, "seen": _seen}), encoding="utf-8")
    new.replace(_path)
