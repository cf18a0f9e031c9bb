"""Build the distributions, check them, and try each in an empty environment.

``build`` writes the source distribution, and the wheel that is built from it, into FOLDER (``dist``), and lets twine
check them; the tools are those of the group ``release``, in the environment that runs this. ``try`` installs what is in
FOLDER, the wheel with all extras and the source distribution with none, each into an empty environment of each tested
Python that is found (or of those that are given, such as 3.12), and starts what a user starts.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import lines

from bokeh_exporter import tested  # found because lines has put the tree on the path

#: Seconds for a server to answer on a busy machine.
START = 90.0
APP = """
from bokeh.io import curdoc
from bokeh.models import Slider
curdoc().add_root(Slider(start=0, end=9, value=1))
"""
#: What the extras bring, found as pytest and OpenTelemetry find it: the fixture and the instrumentation.
ENTRY_POINTS = """
from importlib.metadata import entry_points
for group in ("console_scripts", "pytest11", "opentelemetry_instrumentor"):
    found = [each for each in entry_points(group=group) if each.value.startswith("bokeh_exporter")]
    found[0].load()
"""


class ReleaseError(Exception):
    """What was started is not as it should be."""


def build(folder: Path) -> None:
    """Write both distributions into a folder, which gets nothing else, and check them.

    Raises:
        subprocess.CalledProcessError: a tool, which has said why, did not accept them.
    """
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, lines.ROOT], check=True)
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *sorted(folder.iterdir())], check=True)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def answer(url: str, server: subprocess.Popen[bytes]) -> str:
    """Ask until it answers.

    Raises:
        ReleaseError: the server ended, or did not answer in time.
    """
    deadline = time.monotonic() + START
    while True:
        if server.poll() is not None:
            raise ReleaseError(f"the server ended with {server.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5) as found:  # noqa: S310  (it is on the loopback)
                return str(found.read().decode())
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise ReleaseError(f"{url} does not answer") from None
            time.sleep(0.2)


def start(programs: Path, folder: Path) -> None:
    """Serve an app by the command, scrape it, and ask it how it is."""
    (folder / "app.py").write_text(APP, encoding="utf-8")
    port, metrics = free_port(), free_port()
    settings = {**clean_environment(), "BOKEH_EXPORTER_PORT": str(metrics)}
    bokeh = [str(programs / "python"), "-m", "bokeh", "serve", "app.py", "--port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [str(programs / "bokeh-exporter"), "run", *bokeh], cwd=folder, env=settings, stdout=quiet, stderr=quiet
    ) as server:
        try:
            url = f"http://127.0.0.1:{metrics}"
            if 'bokeh_sessions{app="/app"' not in answer(f"{url}/metrics", server):
                raise ReleaseError("the app is not in /metrics")
            subprocess.run([programs / "bokeh-exporter", "doctor", url], env=settings, check=True, stdout=quiet)
        finally:
            server.terminate()
            server.wait(30)


def clean_environment() -> dict[str, str]:
    """Return the environment without what would change Python or the exporter."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("BOKEH", "PYTHON", "PYTEST"))}


def attempt(python: str, distribution: Path, extras: str, beside: Path | None) -> None:
    """Install a distribution into an empty environment, and use it.

    Args:
        python: which makes the environment.
        distribution: the file.
        extras: as pip takes them, ``[all]``, or nothing.
        beside: the folder of packages where the dependencies are; without one they are installed.

    Raises:
        subprocess.CalledProcessError: something that is run failed, and has said why.
        ReleaseError: something that is run has another outcome.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, inside = Path(name), clean_environment()
        subprocess.run([python, "-m", "venv", folder / "venv"], check=True, env=inside)
        programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        pip = [str(programs / "python"), "-m", "pip"]
        install = [*pip, "install", "-qq", "--disable-pip-version-check", f"{distribution.resolve()}{extras}"]
        if beside is not None:
            install += ["--no-deps", "--no-build-isolation"]
            where = "import sysconfig; print(sysconfig.get_path('purelib'))"
            found = subprocess.run([programs / "python", "-c", where], check=True, capture_output=True, text=True)
            (Path(found.stdout.strip()) / "beside.pth").write_text(f"{beside}\n", encoding="utf-8")
        subprocess.run(install, check=True, cwd=folder, env=inside)
        if beside is None:
            subprocess.run([*pip, "check"], check=True, env=inside, stdout=subprocess.DEVNULL)
        ours = programs / "bokeh-exporter"
        said = subprocess.run([ours, "--version"], check=True, env=inside, capture_output=True, text=True)
        if f"-{said.stdout.split()[-1]}" not in distribution.name:
            raise ReleaseError(f"{distribution.name} says that it is {said.stdout}")
        for command in ("dashboards", "rules"):
            subprocess.run([ours, command, folder / command], check=True, env=inside, stdout=subprocess.DEVNULL)
        if extras:
            subprocess.run([programs / "python", "-c", ENTRY_POINTS], check=True, env=inside)
        start(programs, folder)


def try_all(folder: Path, beside: Path | None, versions: list[str]) -> int:
    """Try what is in a folder, and return how many attempts there were."""
    tried = 0
    for version in versions:
        python = lines.find_python(version)
        if python is None:
            lines.say(f"not tried: there is no Python {version} here")
            continue
        for distribution in sorted((*folder.glob("*.whl"), *folder.glob("*.tar.gz"))):
            extras = "[all]" if distribution.suffix == ".whl" else ""
            attempt(python, distribution, extras, beside)
            tried += 1
            lines.say(f"Python {version}: {distribution.name}{extras} installs and starts")
    return tried


def main() -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("build", "try"))
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"))
    parser.add_argument("python", nargs="*", default=sorted({line.python for line in tested.LINES}))
    parser.add_argument("--beside", type=Path, help="a folder of installed packages, in place of installing them")
    asked = parser.parse_args()
    if asked.command == "build":
        build(asked.folder)
        return 0
    return int(try_all(asked.folder, asked.beside, asked.python) == 0)


if __name__ == "__main__":
    sys.exit(main())
