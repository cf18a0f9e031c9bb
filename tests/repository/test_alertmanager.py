"""The shipped inhibition rules in a real Alertmanager: of two alerts with one cause, one is sent."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ..support.waiting import wait_until

pytestmark = pytest.mark.once

CONFIG = Path(__file__).parents[2] / "deploy" / "compose" / "alertmanager.yml"
POD = {"job": "bokeh", "namespace": "apps", "pod": "sales-0"}


def ask(url: str, content: object = None) -> Any:
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
            return json.loads(text) if text else {}
    except (urllib.error.URLError, ConnectionError):
        return None


def test_of_two_alerts_with_one_cause_one_is_sent(tmp_path: Path) -> None:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program is not None, "Alertmanager is not here: apt-get install prometheus-alertmanager"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api/v2/alerts"
    flags = [f"--config.file={CONFIG}", f"--storage.path={tmp_path}", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    labels = [
        {"alertname": "BokehMemoryExhaustionImminent", **POD},
        {"alertname": "BokehMemoryExhaustionPredicted", **POD},
        {"alertname": "BokehMemoryExhaustionPredicted", **POD, "pod": "sales-1"},
        {"alertname": "BokehEventLoopStalled", **POD, "instance": "10.0.0.1:10506"},
        {"alertname": "BokehEventLoopLagHigh", **POD, "instance": "10.0.0.1:10506"},
    ]
    with subprocess.Popen([program, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: ask(url, [{"labels": each} for each in labels]) is not None, message="Alertmanager")

            def quiet() -> set[tuple[str, str]]:
                return {
                    (alert["labels"]["alertname"], alert["labels"]["pod"])
                    for alert in ask(url) or ()
                    if alert["status"]["state"] == "suppressed"
                }

            wanted = {("BokehMemoryExhaustionPredicted", "sales-0"), ("BokehEventLoopLagHigh", "sales-0")}
            # The first group is sent after 30 s: only then does Alertmanager look at what inhibits what.
            wait_until(lambda: quiet() == wanted, timeout=60, message="two of five are inhibited")
        finally:
            process.terminate()
            process.wait(30)
