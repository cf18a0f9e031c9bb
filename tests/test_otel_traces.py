"""Traces by OTLP: the story of a session as spans, without its secrets, from a real server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .support.collector import Collector, values
from .support.servers import bokeh_serve, panel_serve
from .support.tabs import ServerError
from .support.waiting import wait_until
from .test_otel_metrics import instrumented, pushing

APP = "/traced_bokeh"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def named(collector: Collector, name: str) -> Any:
    return wait_until(lambda: next((span for span in collector.spans() if span.name == name), None), 20, f"span {name}")


def parent(collector: Collector, span: Any) -> Any:
    def found() -> Any:
        return next((each for each in collector.spans() if each.span_id == span.parent_span_id), None)

    return wait_until(found, 20, f"the parent of {span.name}")


@pytest.mark.front_door
@pytest.mark.parametrize("way", ["otlp", "instrument"])
def test_what_the_app_traces_hangs_below_the_widget(collector: Collector, way: str) -> None:
    env = pushing(collector) | ({"BOKEH_EXPORTER_OTLP": "1"} if way == "otlp" else {})
    server = bokeh_serve("traced_bokeh.py", run=way == "otlp", env=env)
    secrets = ["MARKERquery", "MARKERkey", "MARKERcookie", "MARKERheader", "MARKERtext"]
    with instrumented(server) if way == "instrument" else server:
        headers = {"Cookie": "c=MARKERcookie", "X-Marker": "MARKERheader"}
        with server.open_tab(APP, query="q=MARKERquery", headers=headers) as tab:
            secrets.append(tab.session_id)
            tab.set("text", value="MARKERtext")
            tab.set("n", value=7)
            tab.click("go")
            with contextlib.suppress(ServerError):
                tab.click("fail")
            for name in ("in callback", "after await", "in thread", "in task"):
                callback = parent(collector, named(collector, name))
                assert values(callback.attributes)["code.function.name"].startswith("traced_bokeh.py:")
                assert Path(values(callback.attributes)["code.file.path"]).name == "traced_bokeh.py"
                assert values(callback.attributes)["code.line.number"] > 0
                interaction = parent(collector, callback)
                assert interaction.name in (f"property {APP}", f"next_tick {APP}")
                assert not interaction.parent_span_id
                creation = named(collector, f"create session {APP}")
                assert [link.span_id for link in interaction.links] == [creation.span_id]
            known = values(named(collector, f"property {APP}").attributes)["bokeh.session.hash"]
            assert known == values(creation.attributes)["bokeh.session.hash"]
            exemplars = [
                line for line in server.scrape().text.splitlines() if line.startswith("bokeh_") and " # {" in line
            ]
            traces = {span.trace_id.hex() for span in collector.spans()}
            assert any(trace in line for line in exemplars for trace in traces)
            failed = named(collector, "traced_bokeh.py:failing")
            assert values(failed.attributes)["error.type"] == "KeyError"
            assert [event.name for event in failed.events] == ["exception"]
        assert parent(collector, named(collector, f"build document {APP}")).name == f"create session {APP}"
        named(collector, f"destroy session {APP}")
        websockets = [
            span for span in collector.spans() if any(str(v).endswith("/ws") for v in values(span.attributes).values())
        ]
        assert not websockets
        if way == "instrument":
            request = parent(collector, named(collector, f"create session {APP}"))
            assert request.kind == 2  # of the HTTP server's own instrumentation
    events = {record.event_name: values(record.attributes) for record in collector.records()}
    assert {"bokeh.session.created", "bokeh.session.destroyed"} <= set(events)
    assert events["bokeh.session.destroyed"]["bokeh.session.hash"] == known
    assert events["bokeh.session.destroyed"]["bokeh.session.reason"] == "expired"
    received = collector.all_bytes()
    assert b"create session" in received
    leaked = [
        secret
        for secret in secrets
        if secret.encode() in received and not (secret == "MARKERquery" and way == "instrument")
    ]
    assert leaked == []


def test_what_is_built_again_is_an_event(collector: Collector) -> None:
    env = pushing(collector) | {"BOKEH_EXPORTER_OTLP": "1", "BOKEH_EXPORTER_COLLECT": "element"}
    with panel_serve("rebuilding_panel.py", env=env) as server, server.open_tab("/rebuilding_panel") as tab:
        tab.set("n", value=7)

        def rebuilt() -> list[dict[str, Any]]:
            records = [each for each in collector.records() if each.event_name == "bokeh.element.rebuilt"]
            return [values(each.attributes) for each in records]

        assert wait_until(rebuilt, 20, "the event") == [
            {
                "bokeh.app": "/rebuilding_panel", "bokeh.interaction.kind": "property", "bokeh.element": "Column",
                "bokeh.element.count": 1,
            }
        ]  # fmt: skip
