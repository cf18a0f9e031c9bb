"""Panel's own tests pass with the exporter in the process as they do without it.

They are run once, with ``bokeh_exporter.install(port=0)``. A test that fails is run again by itself, and if it
fails again, without the exporter: only a test that fails with it and passes without it is a failure of ours.
That is half of the time of comparing two whole runs, and a test of theirs that is at the mercy of the
machine's load does not become ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ..support.scrapes import Scrape
from ..support.servers import ROOT, environment
from ..support.versions import PANEL_VERSION, version_of

MODULES = ["test_server.py", "io/test_state.py", "io/test_handlers.py", "io/test_document.py"]
if PANEL_VERSION >= (1, 10):
    MODULES.append("io/test_asgi.py")

#: Fewer tests that pass than on any first class line: Panel's tests skip themselves where something is missing.
AT_LEAST = 190

#: What those tests import and what their own pyproject.toml says, which is not in the wheel.
NEEDS = ("httpx", "pytest-asyncio", "pytest-timeout", "pytest-xdist", "requests", "uvicorn", "fastapi")
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
timeout = 60
markers = flaky
"""


def run(folder: Path, tests: Sequence[str], *, exporter: bool, workers: int = 0) -> tuple[list[str], list[str]]:
    """Run tests of Panel and return those that passed and those that failed."""
    folder.mkdir()
    (folder / "pytest.ini").write_text(INI)
    theirs = Path(str(metadata.distribution("panel").locate_file("panel/tests")))
    # The variables of an outer run of pytest would make ours a worker of it.
    outer = {name: None for name in os.environ if name.startswith(("PYTEST_", "COVERAGE_"))}
    paths = [str(ROOT / "tests" / "support"), *environment({}).get("PYTHONPATH", "").split(os.pathsep)]
    with (folder / "log").open("wb") as output:
        subprocess.run(
            [
                sys.executable, "-m", "pytest", "-c", folder / "pytest.ini", "--rootdir", theirs, "-q", "-rf",
                "-p", "no:cacheprovider", *(("-p", "panel_plugin") if exporter else ()),
                *(("-n", str(workers)) if workers else ()),
                "--junitxml", folder / "results.xml", "-o", "junit_family=xunit1",
                *(f"{theirs}/{test}" for test in tests),
            ],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=400, check=False,
            env=environment({**outer, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "EXPOSITIONS": str(folder)}),
        )  # fmt: skip
    assert (folder / "results.xml").exists(), log(folder)
    passed, failed = [], []
    for case in ElementTree.parse(folder / "results.xml").iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            # A module that does not import is a case without a file.
            failed.append(f"{case.get('file', case.get('classname'))}::{case.get('name')}")
        elif case.find("skipped") is None:
            passed.append(f"{case.get('file')}::{case.get('name')}")
    return passed, failed


def log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")[-8000:]


if PANEL_VERSION >= (1, 9):  # the two first class lines

    @pytest.mark.long
    @pytest.mark.newest  # it is their newest tests that we have to pass, those of the ASGI host too
    @pytest.mark.timeout(500)  # 50 to 90 seconds, most of them waiting
    def test_panels_own_tests_pass_with_the_exporter(tmp_path: Path) -> None:
        missing = [distribution for distribution in NEEDS if not version_of(distribution)]
        assert not missing, f"Panel's own tests need: pip install {' '.join(missing)}"

        passed, failed = run(tmp_path / "with", MODULES, exporter=True, workers=2)
        assert len(passed) + len(failed) >= AT_LEAST, log(tmp_path / "with")
        if failed:
            _, failed = run(tmp_path / "again", failed, exporter=True)
        if failed:
            _, without = run(tmp_path / "without", failed, exporter=False)
            ours = sorted(set(failed) - set(without))
            assert not ours, f"with the exporter only: {ours}\n{log(tmp_path / 'again')}"

        scrapes = [Scrape(path.read_text()) for path in (tmp_path / "with").glob("*.txt")]
        assert len(scrapes) == 2, f"both workers serve to the end\n{log(tmp_path / 'with')}"
        for scraped in scrapes:
            # It was really there: it saw the sessions of those tests, and swallowed nothing.
            assert scraped.total("bokeh_sessions_created_total") > 20
            assert scraped.by("bokeh_exporter_errors_total", "component") == {}
            assert {labels for labels, fits in scraped.values("bokeh_exporter_hook_enabled").items() if not fits} <= {
                frozenset({("hook", "bokeh_fastapi.close_code")})
            }
