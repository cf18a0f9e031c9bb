"""What ``panel serve app.py --setup`` is given: ``bokeh-exporter setup-script`` prints its path."""

from bokeh_exporter.installation import install_as_program

install_as_program()
