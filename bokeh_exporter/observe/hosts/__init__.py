"""The hosts: Bokeh, tornado, Panel and what else serves an app. Only files of this folder know their internals."""
