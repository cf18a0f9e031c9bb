"""What is seen working: servers with one mechanism each, a driver that visits them, Prometheus, Alertmanager.

Prometheus and Alertmanager are Debian's. Every server is a job of its own, so an alert's ``job`` says
which mechanism it is about. Alerts end at a webhook of the test's.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from ...support.servers import ServerProcess, bokeh_serve, panel_serve
from ...support.tabs import Tab
from ...support.waiting import wait_until
from ...support.web import get
from .shortened import write_rules

APPS = Path(__file__).resolve().parent / "apps"

#: Everything sees more at the deepest level, and judges sooner than a user's server does.
ENVIRONMENT = {
    "BOKEH_EXPORTER_COLLECT": "all", "BOKEH_EXPORTER_GRACE": "1", "BOKEH_EXPORTER_VERDICT_PERIOD": "2",
    "BOKEH_EXPORTER_COLLECT_GARBAGE_LIMIT": "5", "BOKEH_EXPORTER_SAMPLE_PERIOD": "0.5", "PYTHONPATH": str(APPS),
}  # fmt: skip

PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: {rules}
alerting:
  alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]
scrape_configs: {jobs}
"""
ALERTMANAGER = """
route: {{receiver: test, group_by: ["..."], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: test, webhook_configs: [{{url: "{webhook}"}}]}}]
"""


class Case(NamedTuple):
    """A server, and the alert that it must raise."""

    job: str
    alert: str | None
    #: How often the driver comes by; a stalled server answers nobody after the first.
    visits: int = 10**6
    #: It comes by every so many rounds.
    every: int = 1


CASES = (
    Case("clean_bokeh", None),
    Case("clean_panel", None),
    Case("rebuilding_panel", None, every=5),
    Case("retained_bokeh", "BokehSessionsRetained"),
    Case("lingering_bokeh", "BokehSessionsLingering", 12),
    Case("buffers_bokeh", "BokehNativeGrowth"),
    Case("stalled_bokeh", "BokehEventLoopStalled", 1),
)


class Webhook:
    """Where Alertmanager sends alerts."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        alerts = self.alerts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                alerts.extend(body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def firing(self, job: str) -> set[str]:
        """Return the alerts of a job that have ever arrived."""
        return {alert["labels"]["alertname"] for alert in list(self.alerts) if alert["labels"].get("job") == job}

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Prometheus:
    """Its HTTP API."""

    def __init__(self, server: ServerProcess) -> None:
        self.url = f"http://127.0.0.1:{server.ports[0]}"
        wait_until(lambda: get(f"{self.url}/-/ready").status == 200, 60, "Prometheus is ready", ignoring=(OSError,))

    def query(self, promql: str) -> list[dict[str, Any]]:
        """Answer a query.

        Raises:
            AssertionError: Prometheus refuses it.
        """
        answer = json.loads(get(f"{self.url}/api/v1/query?query={quote(promql)}", timeout=30).text)
        assert answer["status"] == "success", (promql, answer)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def firing(self, job: str) -> set[str]:
        """Return the alerts of a job that have fired at any time."""
        found = self.query(f'max_over_time(ALERTS{{alertstate="firing",job="{job}"}}[1h])')
        return {sample["metric"]["alertname"] for sample in found}


class Stack:
    """All that runs; made by :func:`running`."""

    def __init__(self, servers: dict[str, ServerProcess], prometheus: Prometheus, webhook: Webhook) -> None:
        self.servers, self.prometheus, self.webhook = servers, prometheus, webhook
        #: Visits that failed, and why.
        self.troubles: list[str] = []


def _visit(job: str, tab: Tab) -> None:
    for value in (2, 3, 5):
        tab.set("k", value=value)
    if job == "rebuilding_panel":
        tab.click("fail", wait=False)
    tab.close()


def drive(servers: dict[str, ServerProcess], until: threading.Event, troubles: list[str]) -> None:
    """Visit every server in turn; a third of the machine is left to those that watch."""
    left = {case.job: case.visits for case in CASES}
    for number in itertools.count():
        for job, every in ((case.job, case.every) for case in CASES):
            if until.is_set():
                return
            if left[job] and number % every == 0:
                left[job] -= 1
                try:
                    _visit(job, servers[job].open_tab(f"/{job}"))
                except (AssertionError, LookupError, TimeoutError, OSError) as error:
                    # A busy machine may let one visit time out; what must be seen does not hang on one.
                    troubles.append(f"{job}: {error!r}")
        until.wait(0.3)


def start_server(job: str) -> ServerProcess:
    """Describe the server of a case."""
    serve = panel_serve if job.endswith("panel") else bokeh_serve
    return serve(APPS / f"{job}.py", env=ENVIRONMENT)


def start_watchers(folder: Path, serve: Callable[[ServerProcess], ServerProcess], webhook: Webhook,
                   servers: dict[str, ServerProcess]) -> Prometheus:  # fmt: skip
    """Start Alertmanager and Prometheus with the shipped rules, shortened."""
    programs = {name: shutil.which(name) for name in ("prometheus", "prometheus-alertmanager")}
    assert all(programs.values()), "apt-get install prometheus prometheus-alertmanager"
    (folder / "alertmanager.yml").write_text(ALERTMANAGER.format(webhook=webhook.url))
    alertmanager = serve(ServerProcess([
        str(programs["prometheus-alertmanager"]), f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/alerts", "--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]))  # fmt: skip
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [urlsplit(server.exporter_url).netloc]}]}
        for job, server in servers.items()
    ]
    rules = [str(path) for path in write_rules(folder)]
    (folder / "prometheus.yml").write_text(
        PROMETHEUS.format(rules=json.dumps(rules), alertmanager=alertmanager.ports[0], jobs=json.dumps(jobs))
    )
    return Prometheus(serve(ServerProcess([
        str(programs["prometheus"]), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        "--web.listen-address=127.0.0.1:{port}",
    ])))  # fmt: skip


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """Start everything, visit until the end, end everything."""
    with contextlib.ExitStack() as ends:

        def serve(server: ServerProcess) -> ServerProcess:
            ends.callback(server.stop)
            return server.start()

        webhook = Webhook()
        ends.callback(webhook.close)
        with ThreadPoolExecutor(3) as pool:
            servers = dict(zip((case.job for case in CASES),
                               pool.map(lambda case: serve(start_server(case.job)), CASES), strict=True))  # fmt: skip
        prometheus = start_watchers(folder, serve, webhook, servers)
        stack, enough = Stack(servers, prometheus, webhook), threading.Event()
        driver = threading.Thread(target=drive, args=(servers, enough, stack.troubles), name="driver")
        driver.start()
        ends.callback(driver.join)
        ends.callback(enough.set)
        yield stack
