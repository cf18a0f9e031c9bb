"""Not an app: at each level, Panel and HoloViews are imported once the exporter is there, used, and it goes again.

Prints what of ours is in the libraries' classes and modules, and on ``sys.meta_path``, before, during and after.
"""

import json
import sys
import warnings
from types import FunctionType
from typing import Any

import bokeh_exporter

LIBRARIES = ("bokeh", "panel", "param", "holoviews", "hvplot", "tornado", "pyviz_comms")


def ours() -> list[str]:
    """Return the name of each entry of the libraries' modules and classes that is a function of ours."""
    found = set()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in LIBRARIES:
            continue
        for key, value in list(vars(module).items()):
            members = list(vars(value).items()) if isinstance(value, type) else []
            for label, each in [(key, value), *((f"{key}.{attribute}", entry) for attribute, entry in members)]:
                if isinstance(each, FunctionType) and "bokeh_exporter" in each.__code__.co_filename:
                    found.add(f"{name}:{label}")
        loader: Any = getattr(getattr(module, "__spec__", None), "loader", None)
        if "exec_module" in getattr(loader, "__dict__", ()):
            found.add(f"{name}: loader")
    return sorted(found)


def finders() -> int:
    return sum(type(each).__module__.startswith("bokeh_exporter") for each in sys.meta_path)


def use() -> int:
    """Import what is left to import, build a document, change it; return how many models it holds."""
    import holoviews as hv
    import panel as pn
    from bokeh.document import Document

    hv.extension("bokeh")
    slider = pn.widgets.IntSlider()
    pipe = hv.streams.Pipe(data=1)
    drawn = hv.DynamicMap(lambda data: hv.Curve([data]), streams=[pipe])
    document: Any = pn.Column(slider, pn.bind(lambda n: pn.Row(str(n)), slider), drawn).server_doc(Document())
    slider.value = 1
    pipe.send(2)
    return len(document.models)


warnings.simplefilter("ignore")
told: dict[str, Any] = {"before": [ours(), finders()]}
for level in "all", "element":
    with bokeh_exporter.install(port=0, collect=level):
        held = use()
        told[level] = {"during": [ours(), finders()], "held": held}
    told[level]["after"] = [ours(), finders(), use()]
sys.stdout.write(json.dumps(told) + "\n")
