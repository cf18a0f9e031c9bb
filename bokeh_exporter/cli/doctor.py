"""``bokeh-exporter doctor`` (skeleton)."""

from __future__ import annotations

import click


@click.command("doctor")
@click.argument("target")
def command(target: str) -> None:
    """Say how a running server is."""
    raise click.UsageError("not built yet")
