"""``bokeh-exporter setup-script``: where the script for Panel's ``--setup`` is."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("setup-script")
def command() -> None:
    """Print the path of the script to give to panel serve --setup.

    \b
    panel serve app.py --setup "$(bokeh-exporter setup-script)"
    """
    click.echo(Path(__file__).resolve().parent.parent / "setup_script.py")
