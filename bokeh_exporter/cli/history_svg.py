"""Six hours of a server as a picture: resident memory, the container's limit, sessions. SVG, written by hand.

Two panels below each other with one axis of time. Rejected: matplotlib, which is no dependency of ours, for two lines.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 760, 150, 70, 30, 50
Numbers = Sequence[float | None]


def picture(history: Mapping[str, Numbers]) -> str:
    """Return the history of ``/api/v1/status`` as SVG; with fewer than two rows a picture that says so."""
    times = [moment for moment in history.get("time", ()) if moment is not None]
    panels: list[tuple[str, float, list[tuple[str, str, Numbers]]]] = [
        ("Memory in MB", 1e6, [("resident", "#1f6f8b", history.get("rss_bytes", ())),
                               ("limit", "#b3261e", history.get("cgroup_limit_bytes", ()))]),
        ("Sessions", 1.0, [("live", "#1f6f8b", history.get("sessions", ())),
                           ("retained", "#b3261e", history.get("retained_sessions", ()))]),
    ]  # fmt: skip
    parts = [] if len(times) > 1 else [_text(_LEFT, _TOP - 12, "fewer than two samples yet")]
    for number, (title, unit, lines) in enumerate(panels):
        top = _TOP + number * (_HEIGHT + _GAP)
        parts += _panel(title, unit, lines, times, top) if len(times) > 1 else []
    width, height = _LEFT + _WIDTH + 20, _TOP + 2 * (_HEIGHT + _GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _panel(
    title: str, unit: float, lines: Sequence[tuple[str, str, Numbers]], times: Sequence[float], top: int
) -> list[str]:
    known = [value / unit for _, _, values in lines for value in values if value is not None]
    most = max(known, default=1.0) * 1.1 or 1.0
    first, last = times[0], times[-1]

    def at(moment: float, value: float) -> str:
        x = _LEFT + _WIDTH * (moment - first) / (last - first or 1)
        return f"{x:.1f},{top + _HEIGHT * (1 - value / unit / most):.1f}"

    parts = [
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>',
        _text(5, top + 12, f"{most:,.0f}"), _text(5, top + _HEIGHT, "0"),
        _text(_LEFT, top + _HEIGHT + 16, _clock(first)), _text(_LEFT + _WIDTH - 60, top + _HEIGHT + 16, _clock(last)),
    ]  # fmt: skip
    legend = title
    for name, color, values in lines:
        points = [at(moment, value) for moment, value in zip(times, values, strict=False) if value is not None]
        if points:
            legend += f", {name} {'red' if color == '#b3261e' else 'blue'}"
            parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="1.5"/>')
    return [*parts, _text(_LEFT, top - 8, legend)]


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x}" y="{y}">{text}</text>'


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(moment)) + " UTC"
