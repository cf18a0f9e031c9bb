"""bokeh serve: the first session imports a package that takes two seconds; what it imports in turn sleeps, too."""

import sys
from pathlib import Path

from bokeh.io import curdoc
from bokeh.models import Div

sys.path.insert(0, str(Path(__file__).parent))
import slow_package  # type: ignore[import-not-found]

curdoc().add_root(Div(text=str(slow_package.READY)))
