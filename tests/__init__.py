"""Tests of bokeh_exporter: real servers, real websockets, scrapes over HTTP."""
