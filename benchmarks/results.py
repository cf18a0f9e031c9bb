"""Results and the aims they are held against, as text and as JSON."""

from __future__ import annotations

import dataclasses
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from .pairs import Comparison, Spread

#: Ratio to the bare server that a round trip and a session creation may have.
RATIO_AIM = 1.02
#: Milliseconds of loop time that one sample may take at 1,000 sessions, whatever the heap holds.
SAMPLE_AIM = 1.0
#: Milliseconds that a scrape may take at 20 apps.
SCRAPE_AIM = 20.0
STATUS_AIM = 5.0
#: MB of resident memory that the exporter may add.
MEMORY_AIM = 10.0


@dataclass(frozen=True)
class Compared:
    """One quantity of a server with the exporter against the same without."""

    what: str
    app: str
    unit: str
    comparison: Comparison
    #: Which number the aim is about, and the aim; None where there is none.
    judged: Literal["ratio", "difference"] = "ratio"
    aim: float | None = None

    @property
    def verdict(self) -> str | None:
        """Whether the aim is met."""
        spread = self.comparison.ratio if self.judged == "ratio" else self.comparison.difference
        return None if self.aim is None or spread is None else spread.meets(self.aim)


@dataclass(frozen=True)
class Measured:
    """One quantity that only a server with the exporter has, or Bokeh's counterpart of it."""

    what: str
    at: str
    unit: str
    spread: Spread
    aim: float | None = None

    @property
    def verdict(self) -> str | None:
        """Whether the aim is met."""
        return None if self.aim is None else self.spread.meets(self.aim)


Result = Compared | Measured


def setting(null: bool) -> str:
    """Say what was measured with what."""
    names = [name for name in ("bokeh", "panel", "tornado") if _version(name)]
    versions = ", ".join(f"{name} {_version(name)}" for name in names)
    note = "; null run: neither server has the exporter" if null else ""
    return f"Python {platform.python_version()}, {versions}{note}"


def as_text(result: Result) -> str:
    """Format one result as a line."""
    if isinstance(result, Measured):
        spread, unit = result.spread, result.unit
        line = f"{result.what:<29} {result.at:<24} {_quantity(spread.median):>9} {unit:<3}"
        line += f" [{_quantity(spread.lower)} .. {_quantity(spread.upper)}]"
        return line + _aim(result.aim, f" {unit}", result.verdict)
    comparison = result.comparison
    bare, exporter = _quantity(comparison.bare), _quantity(comparison.exporter)
    line = f"{result.what:<29} {result.app:<7} {bare:>8} -> {exporter:>8} {result.unit:<5} "
    ratio, difference = comparison.ratio, comparison.difference
    if result.judged == "ratio" and ratio is not None:
        low, high = comparison.rounds
        line += f" x {ratio.median:.3f} [{ratio.lower:.3f} .. {ratio.upper:.3f}]"
        line += f"  surely {ratio.surely[0]:.3f} .. {ratio.surely[1]:.3f}"
        line += f"  rounds {low:.3f} .. {high:.3f}, {comparison.pairs} pairs"
        return line + _aim(result.aim, "", result.verdict)
    line += f" {difference.median:+.3g} [{difference.lower:+.3g} .. {difference.upper:+.3g}] {result.unit}"
    return line + f", {comparison.pairs} pairs" + _aim(result.aim, f" {result.unit}", result.verdict)


def as_json(results: list[Result], null: bool) -> str:
    """Format everything as one JSON document."""
    rows = [
        {"kind": type(result).__name__, **dataclasses.asdict(result), "verdict": result.verdict} for result in results
    ]
    return json.dumps({"setting": setting(null), "null": null, "results": rows}, indent=2)


def _aim(aim: float | None, unit: str, verdict: str | None) -> str:
    return "" if verdict is None else f"  aim <= {aim:g}{unit}: {verdict}"


def _quantity(number: float) -> str:
    return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
