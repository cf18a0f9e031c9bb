"""bokeh serve: ``out`` says, as JSON, what the server and a child process see of ``bokeh-exporter run``."""

import json
import os
import subprocess
import sys

from bokeh.io import curdoc
from bokeh.models import Div

CHILD = """
import json, os, sys
print(json.dumps({
    "variables": sorted(name for name in os.environ if name.startswith("_BOKEH_EXPORTER")),
    "path": os.environ.get("PYTHONPATH"),
    "ours": [name for name in sys.modules if name.startswith("bokeh_exporter")],
    "sitecustomize": getattr(sys.modules.get("sitecustomize"), "MINE", None),
}))
"""

child = json.loads(subprocess.run([sys.executable, "-c", CHILD], capture_output=True, check=True, text=True).stdout)
here = {
    "variables": sorted(name for name in os.environ if name.startswith("_BOKEH_EXPORTER")),
    "path": os.environ.get("PYTHONPATH"),
    "sitecustomize": getattr(sys.modules.get("sitecustomize"), "MINE", None),
    "entries": [entry for entry in sys.path if entry.endswith("site") and "bokeh_exporter" in entry],
}
curdoc().add_root(Div(name="out", text=json.dumps({"child": child, "server": here})))
