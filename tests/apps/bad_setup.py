"""panel serve --setup: a user's own script with a bad value in it."""

import bokeh_exporter

bokeh_exporter.install(sample_period="soon")
