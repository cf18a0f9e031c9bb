"""Documents that nobody in Python seems to hold: a leaked reference of C, and a function that runs for ever."""

import ctypes
import threading

from bokeh.io import curdoc
from bokeh.models import Slider


def keep(document: object) -> None:
    threading.Event().wait()


doc = curdoc()
doc.add_root(Slider(start=0, end=10, value=1, title="kept"))
how = doc.session_context.request.arguments.get("how", [b""])[0]
if how == b"frame":
    threading.Thread(target=keep, args=(doc,), name="keeper", daemon=True).start()
elif how == b"c":
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(doc))
