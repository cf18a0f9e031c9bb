"""``bokeh-exporter rules DIR``: the Prometheus rules, out of the package."""

from __future__ import annotations

from pathlib import Path

import click

from .shipped import copy

#: What the shipped files say where a site has an address of its own.
GRAFANA, RUNBOOKS = "http://localhost:3000", "https://runbooks.example.com/bokeh-exporter"


@click.command("rules", short_help="Write alerts and runbooks into a folder.")
@click.option("--grafana", metavar="URL", default=GRAFANA, show_default=True, help="Root of your Grafana.")
@click.option("--runbooks", metavar="URL", default=RUNBOOKS, show_default=True, help="Where you serve the runbooks.")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def command(directory: Path, grafana: str, runbooks: str) -> None:
    """Write the Prometheus recording rules, the alerts and their runbooks into DIR.

    \b
    bokeh-exporter rules /etc/prometheus/bokeh --grafana https://grafana.example.com
    and in prometheus.yml: rule_files: [/etc/prometheus/bokeh/*.yaml]
    """
    addresses = {GRAFANA: grafana.rstrip("/"), RUNBOOKS: runbooks.rstrip("/")}
    for path in copy("rules", "bokeh-*.yaml", directory, addresses):
        click.echo(path)
    for path in copy("runbooks", "*.md", directory / "runbooks"):
        click.echo(path)
