"""Collection rules on a real server: what they gather reaches a folder, the log, OpenTelemetry and a web address."""

from __future__ import annotations

import http.server
import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Serve
from ..support import bokeh_serve, wait_until
from ..support.collector import Collector, values

pytestmark = [pytest.mark.once, pytest.mark.front_door]


@contextmanager
def receiver() -> Iterator[tuple[str, list[Any]]]:
    """A web address that keeps what is posted to it."""
    got: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        server.server_close()


def test_what_a_rule_gathers_reaches_every_place(serve: Serve, tmp_path: Path) -> None:
    with Collector() as collector, receiver() as (url, got):
        rule = {
            "name": "somebody-came", "metric": "bokeh_websocket_connections", "above": 0,
            "gather": ["stacks", "bundle"], "to": ["log", "otlp", f"folder:{tmp_path / 'found'}", url],
        }  # fmt: skip
        rules = tmp_path / "rules.json"
        rules.write_text(json.dumps([rule]))
        server = serve(bokeh_serve("slider_bokeh.py", env={
            "BOKEH_EXPORTER_COLLECTION_RULES": str(rules), "BOKEH_EXPORTER_OTLP": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http_url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_BLRP_SCHEDULE_DELAY": "200",
        }))  # fmt: skip
        assert "rule somebody-came" not in server.log()
        with server.open_tab("/slider_bokeh"):
            server.wait_log(r"rule somebody-came: stacks: \d+ threads", 30)
            wait_until(lambda: len(got) == 2, 60, "both at the web address")
            assert [each["gathered"] for each in got] == ["stacks", "bundle"]
            bundle = got[1]["content"]
            assert bundle.keys() >= {"about", "verdict", "explain", "stacks", "census"}
            assert bundle["census"]["objects"] > 10_000
            files = wait_until(lambda: found if len(found := sorted((tmp_path / "found").iterdir())) == 2 else None)
            assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
            assert json.loads(files[0].read_text())["rule"] == "somebody-came"

            def told() -> list[str] | None:
                records = [each for each in collector.records() if each.event_name == "bokeh.rule.gathered"]
                found = [str(values(each.attributes)["bokeh.rule.gathered"]) for each in records]
                return found if len(found) == 2 else None

            assert wait_until(told, 20, "both as events") == ["stacks", "bundle"]
        assert server.scrape().total("bokeh_exporter_errors_total") == 0


def test_a_rule_that_cannot_be_used_ends_the_program_with_one_line(serve: Serve, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([{"name": "one", "verdict": "lingering_sessions", "gathers": "explain"}]))
    server = serve(bokeh_serve("slider_bokeh.py", wait=False, env={"BOKEH_EXPORTER_COLLECTION_RULES": str(rules)}))
    assert server.wait_exit() == 64
    server.wait_log(r"rule one: the key 'gathers' is unknown; known are above, below, ")
    assert "Traceback" not in server.log()
