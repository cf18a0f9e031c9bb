"""bokeh serve.  Process growth, buffers: each visit's export, one bytes object, is kept for a download that never comes."""

import uuid

from acme import registry
from bokeh.io import curdoc
from bokeh.models import Div

registry.DOC_BY_USER[uuid.uuid4().hex] = b"x" * 3_000_000
curdoc().add_root(Div(text="export ready"))
