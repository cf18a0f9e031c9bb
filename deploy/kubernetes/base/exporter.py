import bokeh_exporter

bokeh_exporter.install()
