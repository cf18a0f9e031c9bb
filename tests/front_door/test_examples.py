"""The examples of the documents, run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import Serve
from ..support import ROOT, python_script, wait_until
from ..support.servers import environment
from ..support.versions import PANEL_VERSION

PYTHON = tuple(sys.version_info)
pytestmark = pytest.mark.front_door


def examples(document: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)


def test_the_example_of_the_readme_is_a_program_that_runs_and_ends(tmp_path: Path) -> None:
    (example,) = examples("README.md")
    script = tmp_path / "exporter.py"
    script.write_text(example)
    for command in ([str(script)], ["-c", example]):
        ended = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, timeout=60, env=environment({})
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.alone("port 5006")
@pytest.mark.skipif(PANEL_VERSION is None, reason="no Panel here")
def test_the_example_from_code_serves_an_app_and_its_numbers(serve: Serve, tmp_path: Path) -> None:
    script = tmp_path / "served.py"
    script.write_text(examples("docs/hosts/code.md")[0])
    server = serve(python_script(script, wait=False))
    server.wait_log("serves http://127.0.0.1:[0-9]+/metrics, level callback, all hooks active")
    wait_until(lambda: server.scrape().total("bokeh_exporter_hook_enabled") > 0, 20, "an answer")
    assert "failed inside" not in server.log()


@pytest.mark.alone("port 5006")
@pytest.mark.skipif(PANEL_VERSION is None, reason="no Panel here")
def test_a_program_whose_main_thread_has_ended_is_told_apart_from_one_without_threads_left(
    serve: Serve, tmp_path: Path
) -> None:
    script = tmp_path / "threaded.py"
    script.write_text(examples("docs/hosts/code.md")[0].replace("show=False", "show=False, threaded=True"))
    server = serve(python_script(script, wait=False))
    ended = "does not listen: .* the main thread of the program has ended: serve in it, or let it wait"
    server.wait_log("serves http://127.0.0.1:[0-9]+/metrics" if PYTHON[:2] != (3, 12) else ended)
    assert "failed inside" not in server.log()
