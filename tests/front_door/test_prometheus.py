"""A real Prometheus scrapes real servers and answers PromQL about what was done to them."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from bokeh.client import pull_session

from ..support.servers import ServerProcess, bokeh_serve, panel_serve
from ..support.versions import PANEL_VERSION
from ..support.waiting import wait_until
from ..support.web import get

pytestmark = pytest.mark.once

Serve = Callable[[ServerProcess], ServerProcess]

TOKEN = "open-sesame"

#: Every second, on loopback. The last job is the second server's without its token.
CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: open
  static_configs: [{{targets: ["{open}"]}}]
- job_name: guarded
  authorization: {{credentials_file: {token_file}}}
  static_configs: [{{targets: ["{guarded}"]}}]
- job_name: locked_out
  static_configs: [{{targets: ["{guarded}"]}}]
"""


def start_prometheus(serve: Serve, folder: Path, **targets: str) -> ServerProcess:
    """Start Debian's Prometheus on a free port of the loopback, with its data in a folder of the test."""
    program = shutil.which("prometheus")
    assert program is not None, "prometheus is not here: apt-get install prometheus"
    token_file = folder / "token"
    token_file.write_text(TOKEN)
    config = folder / "prometheus.yml"
    config.write_text(CONFIGURATION.format(token_file=json.dumps(str(token_file)), **targets))
    return serve(
        ServerProcess([
            program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
            "--web.listen-address=127.0.0.1:{port}",
        ])
    )  # fmt: skip


class Prometheus:
    """Its HTTP API."""

    def __init__(self, server: ServerProcess) -> None:
        root = f"http://127.0.0.1:{server.ports[0]}"
        # It listens before it is ready, and answers 503 until then.
        wait_until(lambda: get(f"{root}/-/ready").status == 200, message="Prometheus is ready")
        self._url = f"{root}/api/v1"

    def ask(self, path: str) -> Any:
        answer = json.loads(get(f"{self._url}/{path}").text)
        assert answer["status"] == "success", answer
        return answer["data"]

    def by(self, promql: str, label: str = "") -> dict[str, float]:
        """Answer a query, by the values of one label of the result."""
        found = self.ask(f"query?query={quote(promql)}")["result"]
        return {sample["metric"].get(label, ""): float(sample["value"][1]) for sample in found}

    def value(self, promql: str) -> float | None:
        """Answer a query for one number, None if there is none."""
        found = self.by(promql)
        assert len(found) < 2, (promql, found)
        return next(iter(found.values()), None)

    def until(self, promql: str, wanted: object, label: str = "state") -> None:
        """Wait until the answer, numbers by a label, is what is wanted."""
        wait_until(lambda: self.by(promql, label) == wanted, 30, f"{promql} is {wanted}")


@contextmanager
def pulled(url: str) -> Iterator[Any]:
    """Open a session with ``bokeh.client``, which wants a thread with a current event loop."""
    with (
        closing(asyncio.new_event_loop()) as loop,
        ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=(loop,)) as pool,
    ):
        session = pool.submit(pull_session, url=url).result()
        yield session
        pool.submit(session.close).result()


@pytest.mark.front_door
def test_prometheus_scrapes_and_answers(serve: Serve, tmp_path: Path) -> None:
    plain = serve(bokeh_serve("slider_bokeh.py", lifetime_ms=4000))
    guarded_by = {"BOKEH_EXPORTER_TOKEN": TOKEN}
    if PANEL_VERSION:
        guarded, app = serve(panel_serve("slider_panel.py", env=guarded_by, lifetime_ms=4000)), "/slider_panel"
    else:
        guarded, app = serve(bokeh_serve("slider_bokeh.py", env=guarded_by, lifetime_ms=4000)), "/slider_bokeh"
    targets = {name: urlsplit(server.exporter_url).netloc for name, server in (("open", plain), ("guarded", guarded))}
    prometheus = Prometheus(start_prometheus(serve, tmp_path, **targets))

    # Zeros before the first session: what rate() needs in order to see the first one.
    prometheus.until("up", {"open": 1, "guarded": 1, "locked_out": 0}, "job")
    prometheus.until("bokeh_sessions_created_total", {"open": 0, "guarded": 0}, "job")
    prometheus.until("sum by (state) (bokeh_sessions)", {"connected": 0, "unused": 0, "blocked": 0, "pending": 0})

    tabs = [plain.open_tab("/slider_bokeh"), plain.open_tab("/slider_bokeh"), guarded.open_tab(app)]
    with pulled(f"{plain.url}/slider_bokeh") as session:
        assert session.document.get_model_by_name("out").text == "n = 0"
        # Nobody ever connects to the fourth session.
        assert plain.get("/slider_bokeh").status == 200
        prometheus.until(
            'sum by (state) (bokeh_sessions{job="open"})', {"connected": 3, "unused": 1, "blocked": 0, "pending": 0}
        )
        prometheus.until('bokeh_sessions{job="guarded",state="connected"}', {app: 1}, "app")
    for tab in tabs:
        tab.close()
    prometheus.until(
        'bokeh_sessions_destroyed_total{job="open"}', {"expired": 4, "requested": 0, "shutdown": 0}, "reason"
    )
    prometheus.until("sum by (job) (bokeh_sessions_created_total)", {"open": 4, "guarded": 1}, "job")
    prometheus.until("sum by (job) (bokeh_sessions_never_connected_total)", {"open": 1, "guarded": 0}, "job")
    prometheus.until("sum by (state) (bokeh_sessions)", {"connected": 0, "unused": 0, "blocked": 0, "pending": 0})

    rates = prometheus.by("sum by (job) (rate(bokeh_sessions_created_total[1m]))", "job")
    assert rates["open"] > rates["guarded"] > 0
    slow = "histogram_quantile(0.9, sum by (le) (rate(bokeh_session_create_duration_seconds_bucket[1m])))"
    built = prometheus.value(slow)
    assert built is not None
    assert 0 < built < 30
    # Joined, so that a panel can be cut by version; and the loop has ticked lately, as an alert would ask.
    assert prometheus.by(
        "sum by (job, bokeh) (bokeh_sessions_created_total * on (job, instance) group_left (bokeh)"
        " bokeh_exporter_build_info)", "job"
    ) == {"open": 4, "guarded": 1}  # fmt: skip
    late = prometheus.value("max(time() - bokeh_event_loop_last_tick_timestamp_seconds)")
    assert late is not None
    assert late < 5
    assert prometheus.by("bokeh_exporter_errors_total") == {}

    # Not one scrape was refused, cut short or too slow; the locked-out job never saw a number.
    problems = {target["labels"]["job"]: target["lastError"] for target in prometheus.ask("targets")["activeTargets"]}
    assert problems == {"open": "", "guarded": "", "locked_out": "server returned HTTP status 401 Unauthorized"}
    assert prometheus.by('min_over_time(up{job!="locked_out"}[1m])', "job") == {"open": 1, "guarded": 1}
    assert prometheus.by('{job="locked_out",__name__=~"bokeh.*"}') == {}
