"""``bokeh-exporter capture``: which lines of code allocate what stays, and whether Python owns it."""

from __future__ import annotations

import json
from typing import Any

import click

from ..diagnose.verdicts.series import size
from .common import SETTINGS
from .debug import post
from .target import reached, target_and_token

#: Seconds that reading the traces and answering may take besides.
_BESIDE = 120.0
_OWNERS = {
    "buffers": "Python owns the growth: objects, arrays and data frames",
    "native": "native code owns the growth, Python does not see it",
}


@click.command("capture", context_settings=SETTINGS, short_help="Show which lines of code allocate memory that stays.")
@target_and_token
@click.option(
    "--seconds",
    type=click.FloatRange(0, 600, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds to trace. Makes allocations several times slower.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the raw answer as JSON.")
def command(target: str | None, seconds: float, token: str | None, as_json: bool) -> None:
    """Trace what the server at TARGET, its PID or its exporter's URL, allocates and keeps.

    Default TARGET: your only server on this machine. A URL needs BOKEH_EXPORTER_DEBUG=1 on the server.
    Use the app while it traces.

    \b
    bokeh-exporter capture 4711
    bokeh-exporter capture http://127.0.0.1:10506 --seconds 300 --json
    """  # fmt: skip
    found = post(reached(target, token), f"/debug/capture?seconds={seconds:g}", token, timeout=seconds + _BESIDE)
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    owner = _OWNERS.get(found["of"], "too little growth to say whose it is")
    return [
        click.style(owner, bold=True),
        f"In {found['seconds']:.0f} s the process grew by {size(found['rss_growth_bytes'])}, "
        f"what Python allocated and kept by {size(found['traced_growth_bytes'])}. "
        f"Tracing itself used {size(found['cost_bytes'])}, freed now.",
        *(
            f"  {size(one['bytes']):>10} in {one['blocks']:>7} blocks  {one['file']}:{one['line']}"
            + (f", via {one['via']}" if one["via"] else "")
            for one in found["lines"]
        ),
    ]
