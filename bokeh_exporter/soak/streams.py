"""Data that a page is sent without bounds: a stream whose ``rollover`` is missing, or rises with each message.

The visitor sees every ``ColumnsStreamed`` message, with its rows and its bound. A bound that stays is enough to call
the source bounded, however large it is; so a full window is not waited for. Reading the heap was rejected: 96 kB/s of
NumPy data in a visit of 15 s is within what the heap of a busy session moves by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..clients.protocol import Json
from ..diagnose import Evidence, Judgement
from ..diagnose.verdicts.judgement import HEALTHY, PRECEDENCE, SESSION
from ..diagnose.verdicts.series import size

#: Messages of a source, and seconds between the first and the last of them, above which a stream is no burst.
LEAST, SPREAD = 4, 4.0
#: Bytes per second that matter: 1 MB per day, for one open page.
MATERIAL = 1e6 / 86400
_BOUND = "Give stream() a rollover that stays the same, or replace the data: older rows are on no plot."
#: Bytes of a value whose type is not known: a float, or a reference.
_VALUE = 8


@dataclass(frozen=True)
class Streamed:
    """One message that appended rows.

    Attributes:
        time: seconds, of a monotonic clock.
        source: id of the model.
        columns: their names.
        rows: how many were appended.
        bytes: about how many that is on the server.
        rollover: the bound in rows, None without one.
    """

    time: float
    source: str
    columns: tuple[str, ...]
    rows: int
    bytes: int
    rollover: int | None

    @classmethod
    def of(cls, event: Json, time: float) -> Streamed | None:
        """Read a ``ColumnsStreamed`` event, None if it has another shape than is known."""
        columns = _columns(event.get("data"))
        model, rollover = event.get("model"), event.get("rollover")
        if not columns or not isinstance(model, dict) or "id" not in model:
            return None
        rows = max(size for size, _ in columns.values())
        total = sum(size * width for size, width in columns.values())
        bound = rollover if isinstance(rollover, int) else None
        return cls(time, str(model["id"]), tuple(sorted(columns)), rows, total, bound)


@dataclass(frozen=True)
class Unbounded:
    """A source that grows for as long as its page is open.

    Attributes:
        columns: of the source.
        rows_per_second: that it grows by.
        bytes_per_second: about what that is.
        rollover: the last bound, None without one.
    """

    columns: tuple[str, ...]
    rows_per_second: float
    bytes_per_second: float
    rollover: int | None

    def text(self) -> str:
        """Return the sentence for a report."""
        names = ", ".join(self.columns[:4]) + (", ..." if len(self.columns) > 4 else "")
        bound = "without rollover" if self.rollover is None else "with a rollover that rises as well"
        return (
            f"the data source with the columns {names} is streamed to {bound}: it grows by "
            f"{self.rows_per_second:,.0f} rows, about {size(self.bytes_per_second)}, per second"
        )


def unbounded(seen: Sequence[Streamed], begun: float, ended: float) -> list[Unbounded]:
    """Return the sources that were streamed to without bounds between two times in which nobody used the page."""
    found = []
    for source in dict.fromkeys(each.source for each in seen):
        course = [each for each in seen if each.source == source and begun <= each.time <= ended]
        if len(course) < LEAST or course[-1].time - course[0].time < SPREAD:
            continue
        seconds = course[-1].time - course[0].time
        # The first message fills no time that was seen.
        rows, total = sum(each.rows for each in course[1:]), sum(each.bytes for each in course[1:])
        if _rises([each.rollover for each in course]) and total / seconds >= MATERIAL:
            found.append(Unbounded(course[-1].columns, rows / seconds, total / seconds, course[-1].rollover))
    return found


def with_streams(judgement: Judgement, streams: Sequence[Unbounded]) -> Judgement:
    """Add what the visitor saw on the page, which no number of the server shows."""
    if not streams:
        return judgement
    found = tuple(
        Evidence(SESSION, each.text(), value=each.bytes_per_second, reason="data", bytes=each.bytes_per_second)
        for each in streams
    )
    names = {judgement.name, *judgement.others, SESSION} - {HEALTHY}
    leading, *others = (name for name in PRECEDENCE if name in names)
    evidence = tuple(
        each for name in (leading, *others)
        for each in (*(found if name == SESSION else ()), *(own for own in judgement.evidence if own.verdict == name))
    )  # fmt: skip
    advice = _BOUND if leading == SESSION else judgement.advice
    reasons = tuple(dict.fromkeys(each.reason for each in evidence if each.verdict == leading and each.reason))
    return replace(judgement, name=leading, others=tuple(others), evidence=evidence, advice=advice, reasons=reasons)


def _rises(bounds: Sequence[int | None]) -> bool:
    """Whether there is no bound, or it rises in both halves of a course."""
    numbers = [math.inf if bound is None else bound for bound in bounds]
    first, middle, last = numbers[0], numbers[len(numbers) // 2], numbers[-1]
    return last == math.inf or first < middle < last


def _columns(data: Any) -> dict[str, tuple[int, int]]:
    """Return the length of each column that is streamed, and the bytes of one of its values."""
    if isinstance(data, dict) and data.get("type") == "map":
        data = {name: column for name, column in data.get("entries", ()) if isinstance(name, str)}
    if not isinstance(data, dict):
        return {}
    return {name: size for name, column in data.items() if (size := _size(column)) is not None}


def _size(column: Any) -> tuple[int, int] | None:
    if isinstance(column, list):
        return len(column), _VALUE
    if isinstance(column, dict) and column.get("type") == "ndarray" and column.get("shape"):
        shape, width = column["shape"], "".join(filter(str.isdigit, str(column.get("dtype", ""))))
        return int(shape[0]), (int(width) // 8 if width else _VALUE) * math.prod(shape[1:])
    return None
