"""The thresholds of the verdicts: one table, each an option with a measured reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _between(least: float, most: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if not least <= value <= most:  # NaN fails this too
            raise ValueError
        return value

    return parse


def _threshold(default: float, least: float, most: float, help: str, reason: str) -> Any:
    kind = type(default)
    wants = f"a {'whole ' if kind is int else ''}number from {least:g} to {most:g}"
    metadata = {"parse": _between(least, most, kind), "wants": wants, "help": help, "secret": False, "reason": reason}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Thresholds:
    """From where on numbers are evidence. ``Config`` inherits them, so each is an option."""

    judge_sessions: int = _threshold(10, 2, 1_000_000, "Destroyed sessions before growth per session is judged.", "")
