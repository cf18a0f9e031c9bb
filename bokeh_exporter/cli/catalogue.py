"""``bokeh-exporter catalogue``: every metric, for people and machines."""

from __future__ import annotations

import dataclasses
import json

import click

from .. import catalogue as rows


@click.command("catalogue")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(as_json: bool) -> None:
    """Print every metric: name, type, labels and meaning.

    \b
    bokeh-exporter catalogue
    bokeh-exporter catalogue --json
    """
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(metric) for metric in rows.CATALOGUE], indent=2))
        return
    for title, metrics in rows.groups():
        click.echo(click.style(title, bold=True))
        for metric in metrics:
            labels = "{" + ",".join(metric.label_names) + "}" if metric.labels else ""
            click.echo(f"  {metric.name}{labels}  {metric.kind}\n      {metric.help}")
