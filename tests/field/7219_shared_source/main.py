"""bokeh/bokeh#7219: each session watches a source of a shared module, which a thread of the server fills.

Truth: the source keeps each session's watcher, and that the document, for ever.
"""

import sys
from pathlib import Path

from bokeh.io import curdoc

sys.path.insert(0, str(Path(__file__).parent))
from shared_views import build

build(curdoc())
