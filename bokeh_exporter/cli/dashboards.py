"""``bokeh-exporter dashboards DIR``: the Grafana boards, out of the package."""

from __future__ import annotations

from pathlib import Path

import click

from .shipped import copy


@click.command("dashboards", short_help="Write the Grafana dashboards into a folder.")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def command(directory: Path) -> None:
    """Write the Grafana dashboards and a provisioning file into DIR.

    Import the JSON files in Grafana (Dashboards, New, Import), or let Grafana read DIR:

    \b
    bokeh-exporter dashboards /var/lib/grafana/dashboards/bokeh
    """
    for path in copy("dashboards", "*.json", directory):
        click.echo(path)
    for path in copy("provisioning/dashboards", "*.yaml", directory / "provisioning" / "dashboards",
                     {"/var/lib/grafana/dashboards/bokeh": str(directory.resolve())}):  # fmt: skip
        click.echo(path)
