"""A bundle for an issue and the view in a terminal, of a real server with secrets on its command line."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

from bokeh_exporter.cli.history_svg import picture
from bokeh_exporter.cli.report import reproduces
from bokeh_exporter.cli.top import bars
from bokeh_exporter.expose.about import masked

from ..conftest import Serve
from ..support import bokeh_serve

pytestmark = pytest.mark.once

SECRET = "hunter2hunter2"


def ours(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bokeh_exporter", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)


@pytest.mark.front_door
def test_a_bundle_has_what_is_needed_and_no_secret(serve: Serve, tmp_path: Path) -> None:
    env = {
        "BOKEH_EXPORTER_TOKEN": SECRET, "BOKEH_EXPORTER_VERDICT_PERIOD": "0.5", "BOKEH_EXPORTER_COLLECT": "element",
        "BOKEH_EXPORTER_SHOW_VALUES": "1", "BOKEH_SECRET_KEY": SECRET, "BOKEH_COOKIE_SECRET": SECRET,
    }  # fmt: skip
    server = serve(bokeh_serve("slider_bokeh.py", f"--cookie-secret={SECRET}", env=env))
    assert server.exporter_url
    path = tmp_path / "report.zip"
    with server.open_tab("/slider_bokeh") as tab:
        assert tab
        done = ours("report", str(server.pid), "-o", str(path))
        assert done.returncode == 0, done.stderr
        markdown = ours("report", str(server.pid), "--markdown")
        shown = ours("top", server.exporter_url, "--token", SECRET, "--once")
    with zipfile.ZipFile(path) as bundle:
        files = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert set(files) == {"report.md", "status.json", "about.json", "explain.json", "stacks.txt", "history.svg"}
    assert [name for name in files if name not in done.stdout] == []
    assert [name for name, text in (*files.items(), ("stdout", markdown.stdout)) if SECRET in text] == []
    about = json.loads(files["about.json"])
    assert about["options"]["token"] == "***"
    assert {"bokeh", "tornado", "numpy"} <= set(about["versions"])
    assert "--cookie-secret=***" in about["command_line"]
    ElementTree.fromstring(files["history.svg"])
    for text in (files["report.md"], markdown.stdout):
        assert "**Verdict: `healthy`**" in text
        assert "slider_bokeh.py --host bokeh --interact" in text
        assert "thread MainThread" in text
    assert "/slider_bokeh" in shown.stdout
    assert "\x1b[2J" not in shown.stdout

    # Over TCP, where debugging is off: what can be had, and what is missing.
    less = ours("report", server.exporter_url, "--token", SECRET, "--json")
    assert json.loads(less.stdout)["missing"].keys() == {"about", "explain", "stacks"}


def test_a_command_line_loses_its_secrets() -> None:
    line = [
        "python", "-m", "panel", "serve", "app.py", "--oauth-secret", "abc", "--oauth-key=def", "--port", "5006",
        "postgres://me:pw@db/x", "http://me:pw@h/?token=x", "A1b2C3d4E5f6G7h8I9j0K1l2M3", "--basic-auth", "cred.json",
        "--args", "--who", "me",
    ]  # fmt: skip
    assert masked(line) == [
        "python", "-m", "panel", "serve", "app.py", "--oauth-secret", "***", "--oauth-key=***", "--port", "5006",
        "postgres://***@db/x", "http://***@h/?***", "***", "--basic-auth", "***", "--args", "***",
    ]  # fmt: skip


def test_the_command_that_reproduces_it() -> None:
    assert reproduces(["python", "-m", "panel", "serve", "a b.py", "--port", "1"]) == (
        "bokeh-exporter soak 'a b.py' --host panel --interact"
    )
    assert (
        reproduces(["/bin/bokeh", "serve", "--port", "1", "app.py"])
        == "bokeh-exporter soak app.py --host bokeh --interact"
    )
    assert reproduces(["uvicorn", "app:app"]) is None


def test_pictures_of_little() -> None:
    for history in ({}, {"time": [1.0]}, {"time": [1.0, 61.0], "rss_bytes": [None, 2e6], "sessions": [0.0, 0.0]}):
        ElementTree.fromstring(picture(history))  # type: ignore[arg-type]
    assert bars([1.0, 2.0, 3.0]) == "▁▄█"
    assert bars([1.0, 1.0]) == "▁▁"
