"""What a user changes of each widget is a property that its class has: else nothing moves, and nothing says so."""

from __future__ import annotations

import contextlib
import importlib

from bokeh.model import Model

from bokeh_exporter.inspecting.moves import _DEFAULTS
from bokeh_exporter.soak.rules import RULES


def test_each_rule_changes_a_property_of_its_class() -> None:
    for module in ("bokeh.models", "panel.models.widgets", "panel.models.icon", "panel.models.layout"):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    classes = {name.rpartition(".")[2]: cls for name, cls in Model.model_class_reverse_map.items()}
    rows = [*((kind, attribute) for kind, (attribute, _) in RULES.items()), *_DEFAULTS]
    known = [(kind, attribute) for kind, attribute in rows if kind in classes]
    assert len(known) > len(rows) / 2
    wrong = [(kind, attribute) for kind, attribute in known if attribute not in classes[kind].properties()]
    assert not wrong
