"""As ``marked_bokeh.py``, of Panel's: what somebody typed is in keys of caches, in names and in values."""

import os
from collections.abc import Callable
from typing import Any

import marked_store  # type: ignore[import-not-found]  # beside this script
import panel as pn
import param

MARK = os.environ["MARK"]
doc: Any = pn.state.curdoc
how = doc.session_context.request.arguments.get("how", [b""])[0].decode()


def made(name: str) -> Callable[..., Any]:
    names: dict[str, Any] = {"__name__": __name__}
    exec(f"def {name}(*values): return '{MARK} result'", names)
    function: Callable[..., Any] = names[name]
    return function


@pn.cache  # type: ignore[untyped-decorator]
def remembered(typed: str, how: str) -> list[Any]:
    return [pn.state.curdoc] if how == "memoized" else []


typed = pn.widgets.TextInput(name="typed", value=f"{MARK} before")
typed.param.watch(made(f"{MARK}_watched"), "value")
choice = pn.widgets.Select(name=f"{MARK} choice", options={f"{MARK} label": f"{MARK} option"})
pn.Column(typed, choice, pn.bind(made(f"{MARK}_bound"), typed), pn.Tabs((f"{MARK} tab", "text"))).servable()
remembered(f"{MARK} argument", how)
if how == "cached":
    pn.state.cache[f"{MARK} key"] = {f"{MARK} inner": doc}
elif how == "parameter":
    holder = type("Holder", (param.Parameterized,), {})()
    holder.param.add_parameter(f"{MARK}_parameter", param.Parameter(doc))
    setattr(holder, f"{MARK}_parameter", [doc])
    marked_store.HOLDERS.append(holder)
elif how == "watched":
    watched = type("Watched", (param.Parameterized,), {})()
    watched.param.add_parameter(f"{MARK}_watched", param.Parameter(1))
    watched.param.watch(lambda event, kept=doc: None, f"{MARK}_watched")
    marked_store.HOLDERS.append(watched)
