"""panel serve: one of every class of Panel, panel-material-ui and Bokeh that can be made without anything, none shown.

The names of those made are written to ``COUNTS``, those that could not be made with the reason.
"""

import contextlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import panel as pn
import panel.chat
import panel.layout
import panel.pane
import panel.template
import panel.widgets
import param
from bokeh.io import curdoc
from bokeh.model import Model
from panel.viewable import Viewable

with contextlib.suppress(ImportError):
    import panel_material_ui  # noqa: F401
warnings.simplefilter("ignore")


def below(cls: type) -> set[type]:
    found: set[type] = set(cls.__subclasses__())
    return found.union(*(below(each) for each in found))


def ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in ("bokeh", "panel", "panel_material_ui") and cls.__name__[0] != "_"


kept: list[Any] = []
made: dict[str, list[str]] = {"panel": [], "bokeh": []}
failed: dict[str, str] = {}
for library, base in (("panel", Viewable), ("bokeh", Model)):
    for cls in sorted(filter(ours, below(base)), key=lambda each: (each.__module__, each.__name__)):
        try:
            kept.append(cls())
        except Exception as error:
            failed[cls.__name__] = str(error)[:80]
        else:
            made[library].append(type(kept[-1]).__name__)  # a call may return another class
Path(os.environ["COUNTS"]).write_text(json.dumps({"made": made, "failed": failed}))


class Listens(param.Parameterized):  # type: ignore[misc, unused-ignore]
    heard = param.Parameter()

    @param.depends("heard.value", watch=True)  # type: ignore[untyped-decorator, unused-ignore]
    def hears(self) -> None:
        pass


listened = [pn.widgets.IntSlider(name="listened to") for _ in range(6)]
kept.append(pn.panel(pn.bind(str, listened[0])))
listened[1].param.watch(print, "value")
kept.append(pn.widgets.IntSlider(value=listened[2].param.value))
listened[3].link(kept[-1], value="value")
kept.append(Listens(heard=listened[4]))
kept.append(listened[5].rx() * 2)
kept.append(pn.panel(kept[-1]))

body, go = pn.Column(), pn.widgets.Button(name="go")


def results(event: object) -> None:
    texts = [pn.pane.Str(str(number)) for number in range(4)]
    body[:] = [pn.Tabs(*(("tab", text) for text in texts), dynamic=True)]


go.on_click(results)
pn.Column(go, body).servable()
curdoc().on_session_destroyed(lambda context: kept.clear())
