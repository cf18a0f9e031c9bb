"""Traces by OTLP: the story of a session as spans, without its secrets, from a real server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bokeh_exporter.catalogue import SCHEMA_URL

from ..support.collector import Collector, values
from ..support.servers import ServerProcess, bokeh_serve, panel_serve, python_script, uvicorn
from ..support.tabs import ServerError
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until
from .test_otel_metrics import instrumented, pushing

APP = "/traced_bokeh"
Env = dict[str, str | None]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def named(collector: Collector, name: str) -> Any:
    return wait_until(lambda: next((span for span in collector.spans() if span.name == name), None), 20, f"span {name}")


def find_all(collector: Collector, name: str, count: int) -> list[Any]:
    def found() -> list[Any] | None:
        spans = [span for span in collector.spans() if span.name == name]
        return spans if len(spans) >= count else None

    return wait_until(found, 20, f"{count} spans {name}")


def parent(collector: Collector, span: Any) -> Any:
    def found() -> Any:
        return next((each for each in collector.spans() if each.span_id == span.parent_span_id), None)

    assert span.parent_span_id, f"{span.name} has no parent"
    return wait_until(found, 20, f"the parent of {span.name}")


def otlp_panel(env: Env) -> ServerProcess:
    return panel_serve("traced_bokeh.py", env=env | {"BOKEH_EXPORTER_OTLP": "1"})


def instrumented_bokeh(env: Env) -> ServerProcess:
    """Asked for in both ways: there are providers, so none is made."""
    env = env | {"BOKEH_EXPORTER_OTLP": "1", "OTEL_SERVICE_NAME": "theirs"}
    return instrumented(bokeh_serve("traced_bokeh.py", run=False, env=env))


def otlp_panel_asgi(env: Env) -> ServerProcess:
    return panel_serve("traced_bokeh.py", "--server", "asgi", env=env | {"BOKEH_EXPORTER_OTLP": "1"})


def instrumented_fastapi(env: Env) -> ServerProcess:
    return instrumented(uvicorn("asgi_traced:app", env=env))


#: Host, protocol, and what is before the app's path.
WAYS = [
    pytest.param(otlp_panel, "http/protobuf", "", id="otlp-panel"),
    pytest.param(instrumented_bokeh, "grpc", "", id="instrument-bokeh"),
    *(
        [
            pytest.param(otlp_panel_asgi, "grpc", "", id="otlp-panel-asgi"),
            pytest.param(instrumented_fastapi, "grpc", "/bokeh", id="instrument-fastapi"),
        ]
        if HAS_ASGI
        else []
    ),
]


@pytest.mark.front_door
@pytest.mark.parametrize(("host", "protocol", "prefix"), WAYS)
def test_what_the_app_traces_hangs_below_the_widget(
    collector: Collector, host: Callable[[Env], ServerProcess], protocol: str, prefix: str
) -> None:
    with host(pushing(collector, protocol)) as server:
        markers = ["MARKERsession", "MARKERquery", "MARKERkey", "MARKERcookie", "MARKERheader", "MARKERtext"]
        headers = {"Cookie": "c=MARKERcookie", "X-Marker": "MARKERheader"}
        assert server.get(prefix + APP + "?bokeh-session-id=MARKERsession&MARKERquery").status == 200
        with server.open_tab(prefix + APP, query="q=MARKERquery", headers=headers) as tab:
            markers += [tab.session_id, tab.token]
            tab.set("text", value="MARKERtext")
            tab.set("n", value=7)
            tab.click("go")
            with contextlib.suppress(ServerError):
                tab.click("fail")
            creations = {span.span_id: span for span in find_all(collector, f"create session {APP}", 2)}
            linked: set[bytes] = set()
            for name in ("in callback", "after await", "in thread", "in task"):
                callback = parent(collector, named(collector, name))
                assert values(callback.attributes)["code.function.name"].startswith("traced_bokeh.py:")
                assert Path(values(callback.attributes)["code.file.path"]).name == "traced_bokeh.py"
                assert values(callback.attributes)["code.line.number"] > 0
                interaction = parent(collector, callback)
                assert interaction.name in (f"property {APP}", f"next_tick {APP}")
                assert not interaction.parent_span_id
                linked.update(link.span_id for link in interaction.links)
            assert len(linked) == 1
            creation = creations[linked.pop()]
            known = values(named(collector, f"property {APP}").attributes)["bokeh.session.hash"]
            assert known == values(creation.attributes)["bokeh.session.hash"]
            failed = named(collector, "traced_bokeh.py:failing")
            assert values(failed.attributes)["error.type"] == "KeyError"
            assert [event.name for event in failed.events] == ["exception"]
            # Of the HTTP server's own instrumentation: tornado's, ASGI's or FastAPI's.
            assert parent(collector, creation).kind == 2
            check_exemplars(server, collector)
        assert parent(collector, named(collector, f"build document {APP}")).name == f"create session {APP}"
        # Of the host's sweep, which may have begun within some request.
        assert [span.parent_span_id for span in find_all(collector, f"destroy session {APP}", 2)] == [b"", b""]
        server.terminate()
        server.wait_exit()
        assert "Overriding of current" not in server.log()
        assert "on ended span" not in server.log()  # OpenTelemetry's, of an attribute that came too late
    services = {
        each["service.name"] for signal in ("metrics", "traces", "logs") for each in collector.resources(signal)
    }
    assert len(services) == 1
    assert (services == {"theirs"}) == (host is instrumented_bokeh)
    events = [(record.event_name, values(record.attributes)) for record in collector.records()]
    told = {name: attributes for name, attributes in events if attributes.get("bokeh.session.hash") == known}
    assert {"bokeh.session.created", "bokeh.session.destroyed"} <= set(told)
    assert told["bokeh.session.destroyed"]["bokeh.session.reason"] == "expired"
    # Those of the HTTP server's instrumentation, beside ours.
    assert collector.metric_names() & {"http.server.duration", "http.server.active_requests"}
    received = collector.all_bytes()
    assert b"create session" in received
    assert b"/ws" not in received  # no WebSocket in a span, or in the attributes of a duration
    assert [marker for marker in markers if marker.encode() in received] == []


def check_exemplars(server: ServerProcess, collector: Collector) -> None:
    """Histograms of OpenMetrics and of OTLP name traces that were exported."""

    def traced() -> set[str]:
        return {span.trace_id.hex() for span in collector.spans()}

    def scraped() -> bool:
        lines = [line for line in server.scrape().text.splitlines() if "_bucket{" in line and " # {" in line]
        return any(f'trace_id="{trace}"' in line for line in lines for trace in traced())

    def exported() -> bool:
        return any(exemplar.trace_id.hex() in traced() for exemplar in collector.exemplars())

    wait_until(scraped, 20, "an exemplar in a scrape")
    wait_until(exported, 20, "an exemplar in an export")


RAISING = [
    pytest.param(lambda env: python_script("server_functions.py", "--install", "no", env=env), id="tornado"),
    *([pytest.param(lambda env: uvicorn("asgi_bare:app", env=env), id="asgi")] if HAS_ASGI else []),
]


@pytest.mark.parametrize("host", RAISING)
def test_what_a_failed_build_says_is_in_no_span(collector: Collector, host: Callable[[Env], ServerProcess]) -> None:
    """Not in ours, and not in those of the HTTP server's instrumentation, through which it passes."""
    with instrumented(host(pushing(collector))) as server:
        assert server.get("/raising").status == 500
        creation = named(collector, "create session /raising")
        request = parent(collector, creation)
        assert request.kind == 2
        assert request.status.code == 2
        assert values(creation.attributes)["error.type"] == "ValueError"
        assert "the app function raises" in server.log()
        server.terminate()
        server.wait_exit()
    assert b"the app function raises" not in collector.all_bytes()


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
    for signal in ("metrics", "traces", "logs"):  # the server has ended and sent the rest
        assert collector.schema_urls(signal) == {SCHEMA_URL}, signal


def test_what_goes_wrong_is_an_event(collector: Collector, tmp_path: Path) -> None:
    release = tmp_path / "release"
    env = pushing(collector) | {
        "BOKEH_EXPORTER_OTLP": "1", "RELEASE": str(release), "BOKEH_EXPORTER_STALL_AFTER": "1",
        "BOKEH_EXPORTER_GRACE": "0.3", "BOKEH_EXPORTER_COLLECT_GARBAGE_LIMIT": "0.05",
        "BOKEH_EXPORTER_VERDICT_PERIOD": "0.3",
    }  # fmt: skip

    def told(name: str) -> list[Any]:
        return [record for record in collector.records() if record.event_name == name]

    with bokeh_serve("troubled_bokeh.py", env=env) as server:
        with server.open_tab("/troubled_bokeh") as tab:
            tab.click("block", wait=False)
            (stalled,) = wait_until(lambda: told("bokeh.event_loop.stalled"), 30, "the stall's event")
            (verdict,) = wait_until(lambda: told("bokeh.memory.verdict"), 30, "the verdict's event")
            release.touch()
        found = values(stalled.attributes)
        assert found["bokeh.event_loop.stall.age"] >= 1
        assert found["bokeh.event_loop.culprit"] == "/troubled_bokeh: troubled_bokeh.py:blocks"
        assert values(verdict.attributes) == {
            "bokeh.memory.verdict": "event_loop_stalled", "bokeh.memory.verdict.previous": "healthy",
        }  # fmt: skip
        uncollected = wait_until(lambda: told("bokeh.session.uncollected"), 30, "the uncollected session's event")[0]
        found = values(uncollected.attributes)
        assert found["bokeh.app"] == "/troubled_bokeh"
        assert found["bokeh.models"] >= 1
        assert found["bokeh.session.uncollected.age"] >= 0.3
        healthy = wait_until(lambda: told("bokeh.memory.verdict")[1:], 30, "the end of the verdict")[0]
        assert values(healthy.attributes)["bokeh.memory.verdict.previous"] == "event_loop_stalled"
        assert {record.severity_text for record in (stalled, verdict, uncollected)} == {"WARN"}
        assert healthy.severity_text == (
            "INFO" if values(healthy.attributes)["bokeh.memory.verdict"] == "healthy" else "WARN"
        )
    assert b"MARKERkept" not in collector.all_bytes()
