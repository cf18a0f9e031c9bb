"""Elements: what is rebuilt, by which app, in which phase, of which class."""

from __future__ import annotations

from ..board import Board
from ..panels import GREEN, ORANGE, Column, Query, Row, lines, stat, table
from ..promql import by, chosen, increase, quantile, rate, top_rates

MODELS, COMPONENTS = "bokeh_models_created_total", "panel_components_created_total"
ELEMENTS, PLOTS = "holoviews_elements_created_total", "holoviews_plot_updates_total"
REPLACED = "panel_replacements_total"
PHASE_COLORS = {"init": "blue", "update": "orange"}


def per_update(built: str) -> str:
    """Return how many are built for each message that a browser sends."""
    messages = by("sum", "app", rate(chosen("bokeh_websocket_received_messages_total", message="PATCH-DOC")))
    return f"{by('sum', 'app', rate(chosen(built, phase='update')))}\n/\n({messages} > 0)"


def range_of(metric: str, **labels: str) -> str:
    """Return the increase over the whole range of the board."""
    return increase(chosen(metric, **labels), "$__range")


NOW = Row("Now", [
    stat("Models alive", "If it rises with a flat number of sessions: open Leak hunt.",
         Query(by("sum", "", chosen("bokeh_models"))), width=4),
    stat("Largest document", "If it is in the thousands: pages open slowly, and each session costs that many.",
         Query(by("max", "", chosen("bokeh_document_models_max"))), width=4),
    stat("Panel components alive", "If it rises with a flat number of sessions: something keeps them; open Leak hunt.",
         Query(by("sum", "", chosen("panel_components"))), width=4, none="no Panel", empty=True),
    stat("Rebuilt models", "If it is much larger than what was built for new sessions: events rebuild the page.",
         Query(by("sum", "", range_of(MODELS, phase="update"))), width=4, unit="short", decimals=1),
    stat("Bound outputs rebuilt",
         "If it is near 100 %: `pn.bind` returns new layouts; return the same object and update it.",
         Query(f"{by('sum', '', range_of(REPLACED, mode='rebuilt'))} / {by('sum', '', range_of(REPLACED))}"), width=4,
         unit="percentunit", decimals=0, steps=((None, GREEN), (0.5, ORANGE)), none="none", empty=True),
    stat("Plots drawn from scratch",
         "If it is near 100 %: HoloViews elements are rendered again instead of updated; use a DynamicMap.",
         Query(f"{by('sum', '', range_of(PLOTS, mode='render'))} / {by('sum', '', range_of(PLOTS))}"), width=4,
         unit="percentunit", decimals=0, steps=((None, GREEN), (0.5, ORANGE)), none="none", empty=True),
])  # fmt: skip

WHICH = Row("What is rebuilt most?", [
    table("Rebuilt by app and class",
          "If a class is built in *update* far more often than in *init*: the callbacks of that app throw it away and "
          "rebuild it. Change its properties instead.",
          {"app": "App", "model": "Class"},
          [Column(f"topk(25, {by('sum', 'app, model', range_of(MODELS, phase='update'))} > 0)", "Built in update", decimals=0),
           Column(by("sum", "app, model", range_of(MODELS, phase="init")), "Built in init", decimals=0)],
          width=12, height=9, sort="Built in update", empty=True),
    lines("Built by phase", "If *update* is above *init*: more is thrown away than shown to new visitors.",
          Query(by("sum", "phase", rate(chosen(MODELS))), "{{phase}}"), colors=PHASE_COLORS, width=6, height=9),
    lines("Models built per event from a browser", "If it is far above 1: one click builds a whole layout.",
          Query(per_update(MODELS), "{{app}}"), unit="short", width=6, height=9, empty=True),
])  # fmt: skip

BOKEH = Row("Bokeh", [
    lines("Built in update, by class", "If one class leads: find the callback that makes it.",
          Query(top_rates("app, model", chosen(MODELS, phase="update")), "{{app}} {{model}}"), width=12, many=True,
          empty=True),
    lines("Built in init, by class", "If it jumps without visitors: probes build sessions.",
          Query(top_rates("app, model", chosen(MODELS, phase="init")), "{{app}} {{model}}"), width=12, many=True),
    lines("Models in documents", "If it climbs with a flat number of sessions: callbacks add and never remove.",
          Query(by("sum", "app", chosen("bokeh_document_models")), "{{app}}"),
          Query(by("max", "app", chosen("bokeh_document_models_max")), "largest {{app}}"), width=12, many=True),
    lines("Time to work out a document's models", "If it is a large part of an update: put changes into one "
          "`with doc.models.freeze():`, or Panel's `hold`.",
          Query(quantile(0.95, chosen("bokeh_document_recompute_seconds_bucket"), "app"), "{{app}}"), width=12, many=True),
    lines("Change events", "If *ModelChangedEvent* is high: set several properties at once with `update()`, or hold.",
          Query(top_rates("app, event", chosen("bokeh_document_events_total")), "{{app}} {{event}}"), width=12, many=True),
    lines("Bytes sent per event from a browser", "If it is large: whole data goes out; use `patch` or `stream`.",
          Query(f"{by('sum', 'app', rate(chosen('bokeh_websocket_sent_bytes_total')))}\n/\n"
                f"({by('sum', 'app', rate(chosen('bokeh_websocket_received_messages_total', message='PATCH-DOC')))} > 0)",
                "{{app}}"), unit="bytes", width=12, many=True, empty=True),
    lines("Callback duration, p95", "If it rises with what is built: building is what takes the time.",
          Query(quantile(0.95, chosen("bokeh_callback_duration_seconds_bucket"), "app"), "{{app}}"), width=12, many=True),
])  # fmt: skip

PANEL = Row("Panel (needs BOKEH_EXPORTER_COLLECT=element)", [
    lines("Components by phase", "If *update* is high: callbacks create panes and widgets.",
          Query(by("sum", "app, phase", rate(chosen(COMPONENTS))), "{{app}} {{phase}}"), empty=True),
    table("Components by app and class", "If one is made in *update* again and again: make it once, set its `object` or `value`.",
          {"app": "App", "component": "Class"},
          [Column(f"topk(25, {by('sum', 'app, component', range_of(COMPONENTS, phase='update'))} > 0)", "In update", decimals=0),
           Column(by("sum", "app, component", range_of(COMPONENTS, phase="init")), "In init", decimals=0)],
          width=8, height=8, sort="In update", empty=True),
    lines("Bound outputs: in place or rebuilt", "If *rebuilt* leads: the function returns another layout each time.",
          Query(by("sum", "app, component, mode", rate(chosen(REPLACED))), "{{app}} {{component}} {{mode}}"), empty=True),
])  # fmt: skip

HOLOVIEWS = Row("HoloViews (needs BOKEH_EXPORTER_COLLECT=element)", [
    lines("Elements by phase", "If *update* is high: each event creates elements; normal for a DynamicMap only.",
          Query(by("sum", "app, element, phase", rate(chosen(ELEMENTS))), "{{app}} {{element}} {{phase}}"), empty=True),
    lines("Plots: drawn from scratch or updated", "If *render* is above *update*: plots are thrown away; return them from a DynamicMap.",
          Query(by("sum", "app, element, mode", rate(chosen(PLOTS))), "{{app}} {{element}} {{mode}}"), empty=True),
    lines("Page ready", "If it rises: larger documents, or slower lines, until Panel's page is drawn.",
          Query(quantile(0.95, chosen("panel_render_duration_seconds_bucket"), "app"), "p95 {{app}}"), empty=True),
])  # fmt: skip

BOARD = Board(
    "bokeh-elements", "Bokeh: Elements",
    "What is rebuilt, by which app, in which phase, of which class: renders and updates.",
    [NOW, WHICH, BOKEH, PANEL, HOLOVIEWS],
)  # fmt: skip
