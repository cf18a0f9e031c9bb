"""``bokeh-exporter capture``: a real server allocates, the command names the line and whose memory it is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ..conftest import Serve
from ..support import bokeh_serve, wait_until


def capture(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bokeh_exporter", "capture", url, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(("how", "owner"), [("arrays", "buffers"), ("native", "native")])
def test_a_capture_names_the_line_and_the_owner(serve: Serve, how: str, owner: str) -> None:
    server = serve(bokeh_serve("allocating_bokeh.py", env={"BOKEH_EXPORTER_DEBUG": "1"}))
    tab = server.open_tab("/allocating_bokeh", query=f"how={how}")

    def traced() -> dict[str, Any] | None:
        done = capture(server.exporter_url, "--seconds", "2", "--json")
        if "too soon" in done.stderr:
            return None
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    found = wait_until(traced, 60, "a capture")
    assert found["of"] == owner, found
    assert found["rss_growth_bytes"] > 2 * 2**20
    line = found["lines"][0]
    # What Python does not know of has no line; Python's own has the very one.
    assert (line["file"].endswith("allocating_bokeh.py") and line["bytes"] > 2**20) == (owner == "buffers"), found
    tab.close()


def test_what_cannot_be_captured_is_one_line(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py"))
    off = capture(server.exporter_url, "--seconds", "1")
    assert (off.returncode, off.stdout, off.stderr.count("\n")) == (2, "", 1)
    assert "BOKEH_EXPORTER_DEBUG=1" in off.stderr
    assert capture(server.exporter_url, "--seconds", "0").returncode == 64
