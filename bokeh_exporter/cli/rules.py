"""``bokeh-exporter rules DIR``: the Prometheus rules, out of the package."""

from __future__ import annotations

from pathlib import Path

import click

from .shipped import copy

#: What the shipped files say where a site has an address of its own.
GRAFANA = "http://localhost:3000"
RUNBOOKS = "http://{{ $labels.instance }}/runbooks"
RUNBOOKS_OF_JOB = (
    "http://{{ with printf `up{job=%q} == 1` $labels.job | query }}{{ . | first | label `instance` }}{{ end }}/runbooks"
)


@click.command("rules", short_help="Write alerts and runbooks into a folder.")
@click.option("--grafana", metavar="URL", default=GRAFANA, show_default=True, help="Root of your Grafana.")
@click.option("--runbooks", metavar="URL", help="Where you serve the runbooks.  [default: the exporter's /runbooks]")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def command(directory: Path, grafana: str, runbooks: str | None) -> None:
    """Write the Prometheus recording rules, the alerts and their runbooks into DIR.

    \b
    bokeh-exporter rules /etc/prometheus/bokeh --grafana https://grafana.example.com
    and in prometheus.yml: rule_files: [/etc/prometheus/bokeh/*.yaml]
    """
    addresses = {GRAFANA: grafana.rstrip("/")}
    if runbooks is not None:
        addresses |= dict.fromkeys((RUNBOOKS, RUNBOOKS_OF_JOB), runbooks.rstrip("/"))
    for path in copy("rules", "bokeh-*.yaml", directory, addresses):
        click.echo(path)
    for path in copy("runbooks", "*.md", directory / "runbooks"):
        click.echo(path)
