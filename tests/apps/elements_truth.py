"""What models a document holds, by Bokeh's public change events: the truth that the rebuild ledger is compared with."""

from collections import Counter
from typing import Any

from app_counts import tell  # type: ignore[import-not-found]
from bokeh.document.events import ModelChangedEvent
from bokeh.model import Model

_PARTS = ("children", "tabs", "child", "elements", "renderers")


def _led(value: Any) -> dict[str, str]:
    """Return id and class of the models that a value leads to, by Bokeh's own walk."""
    if isinstance(value, Model):
        return {each.id: type(each).__name__ for each in value.references()}
    if isinstance(value, (list, tuple)):
        return {key: cls for each in value for key, cls in _led(each).items()}
    return {}


def watch(doc: Any, name: str) -> None:
    """Tell, after each change, which models the document holds and which of a changed part were there before."""
    parts: dict[tuple[str, str], dict[str, str]] = {}
    stayed: dict[str, str] = {}

    def look() -> dict[str, str]:
        held: dict[str, str] = {}
        for root in doc.roots:
            for model in root.references():
                held[model.id] = type(model).__name__
                for part in _PARTS:
                    if part in model.properties():
                        parts[model.id, part] = _led(getattr(model, part))
        return held

    def changed(event: Any) -> None:
        if isinstance(event, ModelChangedEvent) and event.attr in _PARTS:
            before = parts.get((event.model.id, event.attr), {})
            stayed.update(before.items() & _led(getattr(event.model, event.attr)).items())
        tell(f"truth.{name}", {"held": look(), "stayed": stayed})

    doc.on_change(changed)
    tell(f"truth.{name}", {"held": look(), "stayed": stayed})


def counted(before: dict[str, str], after: dict[str, str]) -> dict[str, int]:
    """Count by class what is in one and not in the other."""
    return dict(Counter(cls for key, cls in before.items() if key not in after))
