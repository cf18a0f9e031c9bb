"""What users type is in no output: a marker in keys, names, titles, events and values, and each output searched."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ..conftest import Serve
from ..support import APPS, ServerError, bokeh_serve, get, wait_until
from ..support.collector import Collector
from ..support.versions import PANEL_VERSION

MARK = "qx7vw"
PANELS = ("cached", "memoized", "parameter", "watched") if PANEL_VERSION is not None else ()
HOLDERS = ("key", "pair", "thread", "target", "task", "logger", "attribute", "function")


def printed(*words: str) -> str:
    """Return what a command prints, both streams."""
    command = [sys.executable, "-m", "bokeh_exporter", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.front_door
def test_a_marker_in_all_that_a_user_may_give_is_in_no_output(serve: Serve) -> None:
    with Collector() as collector:
        environment = {
            "MARK": MARK, "BOKEH_EXPORTER_COLLECT": "all", "BOKEH_EXPORTER_DEBUG": "1", "BOKEH_EXPORTER_GRACE": "0.5",
            "BOKEH_EXPORTER_OTLP": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http_url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }  # fmt: skip
        panels = [str(APPS / "marked_panel.py")] if PANELS else []
        server = serve(bokeh_serve("marked_bokeh.py", *panels, env=environment))
        for how in HOLDERS:
            with server.open_tab("/marked_bokeh", f"how={how}") as tab:
                press = tab.find("press")
                tab.set("typed", value=f"{MARK} typed")
                tab.set("slider", title=f"{MARK} title")
                tab.set("slider", value=2)
                with pytest.raises(ServerError, match="can't resolve event"):
                    tab.event(f"{MARK}_event", "press")
                renamed = {"kind": "ModelChanged", "model": {"id": press["id"]}, "attr": "name", "new": f"{MARK} name"}
                tab.patch([renamed])
                tab.event("button_click", "press")
        for how in PANELS:
            with server.open_tab("/marked_panel", f"how={how}&q={MARK}") as tab:
                tab.set("typed", value=f"{MARK} typed")
        count = len(HOLDERS + PANELS)
        wait_until(lambda: server.scrape().total("bokeh_sessions_destroyed_total") == count, 60, "sessions destroyed")
        url = server.exporter_url
        explained = get(f"{url}/debug/explain", method="POST", data=b"", timeout=60)
        answer = json.loads(explained.text)
        assert sum(each["count"] for each in answer["retained"] + answer["constant"]) >= count
        assert len(answer["retained"]) >= count - 2, "holders by themselves"
        outputs = {
            "explain": explained.text,
            "metrics": get(f"{url}/metrics").text,
            "openmetrics": get(f"{url}/metrics", headers={"Accept": "application/openmetrics-text"}).text,
            "status": get(f"{url}/api/v1/status").text,
            "page": get(f"{url}/").text,
            **{
                name: get(f"{url}/debug/{name}", method="POST", data=b"", timeout=60).text
                for name in ("stacks", "census", "about", "capture?seconds=0.5")
            },
            **{name: printed(name, url, "--json") for name in ("report", "top")},
            "shown": printed("top", url, "--once"),
            "markdown": printed("report", url, "--markdown"),
        }
        assert "<string>:<function>" in outputs["metrics"]  # made of a text: no name
        assert "marked_bokeh.py:assigned" in outputs["metrics"]  # as the code has it
        assert "marked_bokeh.py:of_module" in outputs["metrics"]  # a module that there is not
        assert "marked_bokeh.py:<function>" in outputs["metrics"]  # nowhere in its file
        assert "keep (marked_bokeh.py" in explained.text
        wait_until(lambda: b"marked_bokeh.py:assigned" in collector.all_bytes(), 20, "the collector has them")
        # Bokeh's own lines quote the event that it refused, and tornado's the address where its oldest instrumentation
        # raises.
        theirs = (f"'{MARK}_event'", "Uncaught exception GET", "HTTPServerRequest(")
        outputs["log"] = "\n".join(line for line in server.log().splitlines() if not any(own in line for own in theirs))
        places = {name: text.find(MARK) for name, text in outputs.items()}
        found = {name: outputs[name][max(0, at - 80) : at + 40] for name, at in places.items() if at >= 0}
        assert not found
        assert MARK.encode() not in collector.all_bytes()
