"""The shipped rules with time shortened by one factor: ``for``, windows, offsets, intervals. Thresholds stay."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "grafana" / "rules"
#: An hour becomes a minute.
FACTOR = 60

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
#: Where PromQL and rule files have durations: ``[30m]``, ``[30m:1m]``, ``offset 1h``, ``for: 15m``, ``interval: 1m``.
_DURATION = re.compile(r"(?P<before>\[|:(?=\d+[smhd]\])|\boffset |\bfor: |\binterval: )(?P<number>\d+)(?P<unit>[smhd])")


def shorten(text: str, factor: int = FACTOR) -> str:
    """Divide every duration of a rule file."""

    def shorter(found: re.Match[str]) -> str:
        milliseconds = int(found["number"]) * _SECONDS[found["unit"]] * 1000 // factor
        return f"{found['before']}{milliseconds}ms"

    return _DURATION.sub(shorter, text)


def write_rules(folder: Path, factor: int = FACTOR) -> list[Path]:
    """Write the shipped rules, shortened, and return the files."""
    files = []
    for source in sorted(RULES.glob("bokeh-*.yaml")):
        files.append(folder / source.name)
        files[-1].write_text(shorten(source.read_text(encoding="utf-8"), factor), encoding="utf-8")
    return files
