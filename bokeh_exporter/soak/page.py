"""The page as a user sees it: which widgets are there now, and which of them can be seen.

It starts from the document's JSON and follows the server's patches and the visitor's own changes. What is invisible,
in an invisible or collapsed parent, in a tab that is not on top or in a closed dialog is not used: Clear and Undo of
a chat would empty it between two questions. A full parse with Bokeh's classes was rejected: see clients/protocol.py.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from ..clients.protocol import Json, models
from .streams import Streamed
from .widgets import Control, control, kind_of, left_alone

#: Of a source that is streamed to 50 times a second, those of two minutes.
_STREAMS = 6000
#: Attributes that name models without showing them.
_NOT_SHOWN = frozenset({
    "js_property_callbacks", "js_event_callbacks", "callback", "args", "source", "tags", "stylesheets",
    "subscribed_events",
})  # fmt: skip
#: Panel's layouts that hide their content: class -> attribute, and what it is while it is not in the JSON.
_CLOSED = {"Card": ("collapsed", True, True), "Modal": ("open", False, False), "Dialog": ("open", False, False)}


class Page:
    """The models of one open page.

    Args:
        document: the JSON of the document.

    Attributes:
        streams: the last messages that appended rows to data sources.
        changed: the last changes, the ids of models and what of them was changed.
    """

    def __init__(self, document: Json) -> None:
        self.streams: deque[Streamed] = deque(maxlen=_STREAMS)
        self.changed: deque[tuple[str, str]] = deque(maxlen=_STREAMS)
        self._models: dict[str, Json] = {}
        self._roots: list[str] = []
        self._first: set[str] = set()
        self._uses: Counter[object] = Counter()
        self.replace(document)
        self._first = set(self._models)

    def replace(self, document: Json) -> None:
        """Take a document that was pulled again."""
        self._models.clear()
        self._learn(document)
        self._roots = [root["id"] for root in document.get("roots", ())]

    def apply(self, event: Json) -> None:
        """Follow one event of a PATCH-DOC, the server's or our own."""
        self._learn(event)
        changed = event.get("model") or event.get("column_source")
        if isinstance(changed, dict) and "id" in changed:
            self.changed.append((changed["id"], str(event.get("attr", "data"))))
        if event["kind"] == "ColumnsStreamed":
            streamed = Streamed.of(event, time.monotonic())
            if streamed is not None:
                self.streams.append(streamed)
            return
        named = event.get("model")
        model = self._models.get(named["id"]) if isinstance(named, dict) and "id" in named else None
        if model is None:
            return
        if event["kind"] == "ModelChanged":
            model["attributes"][event["attr"]] = event["new"]
        elif event["kind"] == "RootAdded":
            self._roots.append(model["id"])
        elif event["kind"] == "RootRemoved" and model["id"] in self._roots:
            self._roots.remove(model["id"])

    def attributes(self, model: str) -> Json:
        """Return the attributes of a model that are not at their default, by its id."""
        return dict(self._models.get(model, {}).get("attributes", {}))

    def assume(self, model: str, value: Any) -> None:
        """Take a value for that of a component in JavaScript, where the JSON leaves it out for being the default."""
        data = self._models.get(model, {}).get("attributes", {}).get("data")
        if isinstance(data, dict) and isinstance(data.get("attributes"), dict):
            data["attributes"].setdefault("value", value)

    def kind(self, model: str) -> str:
        """Return the class of a model without its module, by its id."""
        return kind_of(self._models[model]) if model in self._models else ""

    def visible(self) -> list[Control]:
        """Return what can be seen and used now, in the order of the page."""
        found = [control(model) for model in self._seen()]
        return [each for each in found if each is not None and not each.disabled]

    def not_usable(self) -> dict[str, str]:
        """Return what is on the page and cannot be used now, with the reason."""
        seen = {model["id"] for model in self._seen()}
        found = {}
        for model in self._models.values():
            each = control(model)
            if left_alone(model):
                found[left_alone(model)] = "soak does not fill in passwords or files"
            elif each is not None and model["id"] not in seen:
                found[each.name] = "not visible"
            elif each is not None and each.disabled:
                found[each.name] = "disabled"
        return found

    def next(self, times: int | None = None, undoing: bool = True) -> Control | None:
        """Return what to use next: what opens a closed part first, then what was used the least.

        Models that came later count by their name: of a hundred messages with a button each, the buttons take one turn.

        Args:
            times: only what was used less often.
            undoing: also what ends something that was started.
        """
        found = [each for each in self.visible() if undoing or not each.undoes]
        if times is not None:
            found = [each for each in found if self.uses(each) < max(times, each.least)]
        # Once each only: an Accordion of which one part is open at a time closes another for it.
        return min(found, key=lambda each: (not each.opens or self.uses(each) > 0, self.uses(each)), default=None)

    def was_there(self, used: Control) -> bool:
        """Whether it has been on the page from the beginning."""
        return used.id in self._first

    def uses(self, used: Control) -> int:
        """How often it was used on this page."""
        return self._uses[self._key(used)]

    def count(self, used: Control) -> None:
        """It was used once more."""
        self._uses[self._key(used)] += 1

    def _key(self, each: Control) -> object:
        return each.id if each.id in self._first else each.name

    def _learn(self, content: object) -> None:
        for model in models(content):
            self._models[model["id"]] = model

    def _seen(self) -> Iterator[Json]:
        done: set[str] = set()
        stack: list[object] = [{"id": root} for root in reversed(self._roots) if not self._in_closed_modal(root)]
        while stack:
            here = stack.pop()
            if isinstance(here, list):
                stack.extend(reversed(here))
            elif isinstance(here, dict) and "id" in here:
                model = self._models.get(here["id"])
                if model is not None and model["id"] not in done and _shown(model):
                    done.add(model["id"])
                    yield model
                    stack.extend(reversed(_parts(model)))
            elif isinstance(here, dict):
                stack.extend(reversed(list(here.values())))

    def _in_closed_modal(self, root: str) -> bool:
        """Whether a root is in the modal of Panel's template, which two counters of another root open and close."""
        model = self._models.get(root)
        if model is None or "modal" not in (model["attributes"].get("tags") or ()):
            return False
        for each in self._models.values():
            if kind_of(each) == "TemplateActions":
                made = each["attributes"]
                return int(made.get("open_modal", 0)) <= int(made.get("close_modal", 0))
        return True


def _shown(model: Json) -> bool:
    data = model["attributes"].get("data")
    inner = data.get("attributes", {}) if isinstance(data, dict) else {}
    return model["attributes"].get("visible") is not False and inner.get("visible") is not False


def _parts(model: Json) -> list[object]:
    """Return what of a model is shown with it."""
    attributes, kind = model["attributes"], kind_of(model)
    if kind in _CLOSED:
        name, default, closed = _CLOSED[kind]
        if attributes.get(name, default) is closed and not (kind == "Card" and attributes.get("collapsible") is False):
            return list((attributes.get("children") or ())[:1]) if kind == "Card" else []
    if kind == "Tabs":
        tabs, active = attributes.get("tabs") or [], attributes.get("active") or 0
        return [tabs[active]] if 0 <= active < len(tabs) else []
    return [value for name, value in attributes.items() if name not in _NOT_SHOWN]
