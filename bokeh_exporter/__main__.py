"""``python -m bokeh_exporter`` is the command ``bokeh-exporter``."""

from .cli import main

main()
