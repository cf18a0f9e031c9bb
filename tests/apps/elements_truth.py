"""What models a document holds, by Bokeh's public change events: the truth that the rebuild ledger is compared with."""

from collections.abc import Callable
from typing import Any

from app_counts import tell  # type: ignore[import-not-found]
from bokeh.document.events import ModelChangedEvent
from bokeh.model import Model

_PARTS = ("children", "tabs", "child", "elements", "renderers", "stylesheets")


def _led(value: Any) -> dict[str, str]:
    """Return id and class of the models that a value leads to, by Bokeh's own walk."""
    if isinstance(value, Model):
        return {each.id: type(each).__name__ for each in value.references()}
    if isinstance(value, (list, tuple)):
        return {key: cls for each in value for key, cls in _led(each).items()}
    return {}


def watch(doc: Any, name: str) -> Callable[[], None]:
    """Tell, after each change, which models the document holds and which of a changed part were there before.

    Returns:
        what looks again: Panel sends the events of what it holds back by itself, and nobody is told of them.
    """
    parts: dict[tuple[str, str], tuple[list[str], dict[str, str]]] = {}
    history: list[dict[str, str]] = []

    def look() -> None:
        held: dict[str, str] = {}
        stayed: dict[str, str] = {}
        for root in doc.roots:
            for model in root.references():
                held[model.id] = type(model).__name__
                for part in _PARTS:
                    if part not in model.properties():
                        continue
                    value = getattr(model, part)
                    now = [each.id for each in value if isinstance(each, Model)] if isinstance(value, list) else []
                    led = _led(value)
                    before, was_led = parts.get((model.id, part), (now, led))
                    parts[model.id, part] = now, led
                    if now != before:
                        stayed.update(led.items() & was_led.items())
        history.append(stayed)
        tell(f"truth.{name}", {"held": held, "stayed": history})

    doc.on_change(lambda event: look() if isinstance(event, ModelChangedEvent) else None)
    look()
    return look
