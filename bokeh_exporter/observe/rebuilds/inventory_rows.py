"""What is known of each element of a session, as JSON can hold it: what it consists of, whether it is shown or used."""

from __future__ import annotations

import re
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...state.safe_looks import namespace
from ...state.wording import escaped
from .. import slots
from ..callbacks.names import name_of
from ..hosts import holoviews, panel_components
from ..hosts.bokeh_documents import has_model
from ..hosts.bokeh_models import is_data_source, is_model, parts_of, set_values
from ..hosts.bokeh_server import SCRIPT_MODULES
from ..memory.data_sources import bytes_in
from .listeners import is_used
from .places import MadeAt
from .source_lines import is_users_file

#: Interactions in which one element was rendered, the last ones.
_RENDERED = 200
#: Names that param makes of a class and a number.
_NUMBERED = re.compile(r"[A-Z][A-Za-z]+\d{5,}")


class Made:
    """An element, and where it was made."""

    def __init__(self, library: str, element: Any, key: int | str, direct: bool, place: MadeAt, time: float) -> None:
        self.library, self.key, self.direct, self.place, self.time = library, key, direct, place, time
        self.cls, self.reference, self.seconds = type(element).__name__, weakref.ref(element), 0.0
        #: The interactions in which its models were made: what Panel copies from and drops has none.
        self.rendered: deque[float] = deque(maxlen=_RENDERED)
        #: Whether a plot that was there shows it, and whether Panel copied its values to a component that was there.
        self.updated = self.copied = False


class Shown:
    """What a document shows."""

    def __init__(self, document: Any, attached: set[str], unused: set[int | str], build: float) -> None:
        self._page, self._attached, self._unused, self._build = document, attached, unused, build
        self._selected = {id(each) for root in panel_components.shown(document) for each in root.select()}
        self._panes: dict[int, list[Any]] = {}
        for pane, key in holoviews.panes(document):
            self._panes.setdefault(key, []).append(pane)
        self._drawn = set(holoviews.shown(document))

    def row(self, made: Made, element: Any, named: Mapping[int, str]) -> dict[str, Any] | None:
        """Return what is known of an element; None of one that is none by itself."""
        cls, place, function = made.cls, made.place, made.place.function
        if not made.direct:
            function = _result_of(element) if made.library == "panel" else function
            drawn = made.library == "holoviews" and (made.rendered or made.updated or id(element) in named)
            if not (drawn or (made.library == "panel" and function)):
                return None
            if made.library == "panel":
                content = panel_components.content_of(element)
                site = slots.site.get(content)
                if content is None or (site is not None and site.direct):
                    return None  # what the function made is listed itself
                cls = type(content).__name__
        models = self._parts(made.library, made.key, element)
        return {
            "library": made.library, "class": cls, "variable": named.get(id(element)),
            "label": _label(element), "path": place.path, "line": place.line, "function": function,
            "caller": place.caller, "at_import": place.at_import, "interaction": made.time,
            "output": not made.direct and made.library == "panel",
            "result_of": _result_of(element),
            "rendered": [made.time] if str(made.key) in self._attached else list(made.rendered),
            "updated": made.updated, "copied": made.copied,
            "default": panel_components.default_value(element) if made.library == "panel" else None,
            "seconds": made.seconds, **self._state(made.library, made.key, element, made.time, models),
        }  # fmt: skip

    def named(self, address: int, named: Mapping[int, str]) -> dict[str, Any] | None:
        """Return what is known of a model or component that a variable holds and that a framework's function made."""
        for cls, element in _held(address, named):
            site = slots.site.get(element)
            library = library_of(element)
            if library not in ("bokeh", "panel") or site is None:
                return None
            key = str(element.id) if library == "bokeh" else id(element)
            models = self._parts(library, key, element)
            return {
                "library": library, "class": cls, "variable": named[address], "label": _label(element),
                "path": site.file, "line": site.line, "function": None, "caller": None, "at_import": False,
                "interaction": self._build, "output": False, "result_of": None, "seconds": None,
                "rendered": [self._build], "updated": False, "copied": False, "default": None,
                **self._state(library, key, element, self._build, models),
            }  # fmt: skip
        return None

    def _parts(self, library: str, key: int | str, element: Any) -> list[Any]:
        if element is None:
            return []
        if library == "bokeh":
            return parts_of([element])
        panes = self._panes.get(int(key), []) if library == "holoviews" else [element]
        return parts_of([model for pane in panes for model in panel_components.models_made_by(pane)])

    def _state(self, library: str, key: int | str, element: Any, time: float, models: Sequence[Any]) -> dict[str, Any]:
        here = [model for model in models if has_model(self._page, model.id)]
        if library == "bokeh":
            shown = used = element is not None and has_model(self._page, str(key))
        elif library == "panel":
            shown = bool(here)
            used = shown or key in self._selected or (element is not None and is_used(element))
        else:
            shown = used = key in self._drawn
        if time == self._build:
            used = key not in self._unused
        return {
            "shown": shown, "used": used, "models": len(models), "ids": [str(model.id) for model in models],
            "bytes": bytes_in([each for each in models if is_data_source(each)]),
        }  # fmt: skip


def _result_of(element: Any) -> str | None:
    """Return the bare name of the function whose result an output of Panel's or a DynamicMap shows."""
    function = element.object if panel_components.is_output(element) else holoviews.function_of(element)
    label = name_of(function) if function is not None else None
    return label.rpartition(":")[2] if label is not None else None


def _label(element: Any) -> str | None:
    """Return the label that a user reads on an element."""
    for name in ("label", "title", "name") if element is not None else ():
        text = set_values(element).get(name) if is_model(element) else getattr(element, name, None)
        if isinstance(text, str) and text and not _NUMBERED.fullmatch(text):
            return escaped(text)
    return None


def library_of(thing: object) -> str | None:
    """Return which library's element a thing is; None if it is none."""
    if is_model(thing):
        return "bokeh"
    if panel_components.is_component(thing):
        return "panel"
    return "holoviews" if holoviews.is_element(thing) else None


def _modules() -> Iterable[dict[str, Any]]:
    """Yield the names of the app's script, then of the user's modules."""
    for name, module in reversed(list(sys.modules.items())):
        file = getattr(module, "__file__", None)
        if name.startswith(SCRIPT_MODULES) or (isinstance(file, str) and is_users_file(file, name)):
            yield namespace(module)


def variables() -> dict[int, str]:
    """Return the variables of scripts and modules by the address of what they hold."""
    found: dict[int, str] = {}
    for names in _modules():
        for name, value in list(names.items()):
            if not name.startswith("__") and library_of(value) is not None:
                found.setdefault(id(value), name)
    return found


def _held(address: int, named: Mapping[int, str]) -> Iterable[tuple[str, Any]]:
    for names in _modules():
        value = names.get(named[address])
        if value is not None and id(value) == address:
            yield type(value).__name__, value
