"""Run by Python at its start, because ``bokeh-exporter run`` put this folder on the path.

Takes itself off the path again, runs the user's own ``sitecustomize`` that it hides, and arms.
"""

import importlib
import json
import os
import sys


def _start() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  (no pathlib in every start-up)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]  # noqa: PTH100
    ours = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")  # the next one on the path
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", ours)  # Python's import looks for what it has just imported
    given = os.environ.get("_BOKEH_EXPORTER_RUN")
    if given is None:
        return
    try:
        from bokeh_exporter import startup
    except ImportError:
        os.environ.pop("_BOKEH_EXPORTER_RUN")
        sys.stderr.write(
            f"bokeh-exporter run: {sys.executable} cannot import bokeh_exporter, so it runs without: "
            "install bokeh-exporter into that environment\n"
        )
        return
    # A server that spawns new workers needs our entries until a worker has what it serves.
    if not any(os.path.basename(word) in ("uvicorn", "hypercorn") for word in sys.orig_argv[1:12]):  # noqa: PTH119
        startup.strip(os.environ)
    startup.arm(json.loads(given))


_start()
