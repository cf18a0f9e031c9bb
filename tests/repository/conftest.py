"""The distributions, built once for all tests that look into them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that is built from it, both accepted by twine."""
    absent = [name for name in ("build", "twine", "hatch_fancy_pypi_readme") if find_spec(name) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}; pip install --group release")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the workers' folders are beside each other
        shared = shared.parent
    folder = shared / "distributions"
    # One worker builds them, the others wait for it.
    with (shared / "distributions.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            command = [sys.executable, str(ROOT / ".ci" / "release.py"), "build", str(shared / "building")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            (shared / "building").rename(folder)
    return folder
