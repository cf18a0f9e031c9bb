"""Run the checks and tests, each line of Python, Bokeh and Panel in an environment of its own.

Usage: python .ci/lines.py prepare [GROUP] | lint | test [PYTEST ARGUMENT...] | soak [PREFIX OF A CASE...]

``.venv`` is made with the Python that this runs on. ``prepare`` installs the package, Panel and a dependency group
of pyproject.toml. ``test`` installs the programs that tests start where apt can, runs the checks, then pytest on every
line whose Python is found: a missing one is named at the end, and in CI it is an error. A test that fails is a failed
run: none gets a second try. ``soak`` soaks the leak cases of tests/leaks on the newest lines. What is installed already
is left alone.
The versions of the lines are those of bokeh_exporter/tested.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CI = os.environ.get("CI", "").lower() in ("1", "true")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
sys.path.insert(0, str(ROOT))

from bokeh_exporter import tested  # noqa: E402  (only now it can be found; it needs nothing that is installed)

#: Four workers on CI's two cores, as a test mostly waits for a server: three took three quarters of them, and five are
#: no faster. One that has run out of tests takes another's: long tests lie beside each other.
PARALLEL = ("-n", "4", "--dist", "worksteal", "--durations", "10")
#: Program -> Debian's package that has it.
PROGRAMS = {
    "prometheus": "prometheus", "promtool": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager",
    "chromium": "chromium", "nginx": "nginx-light",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Versions that are tested together."""

    python: str
    pins: tuple[str, ...]
    folder: str
    #: What of the suite is run.
    select: tuple[str, ...] = ()
    #: What of the package, and which dependency group, is installed; of the line of ``.venv`` it is ``dev``.
    package: str = ".[panel]"
    group: str = "test"
    #: A file of constraints for pip, below the root.
    constraints: str = ""

    @property
    def title(self) -> str:
        """What the line is called in the output."""
        return " ".join((f"Python {self.python}", *self.pins))


def pins(line: tested.Line) -> tuple[str, ...]:
    """Return what pip installs for a line."""
    bokeh = tested.pin("bokeh", line.bokeh)
    return (bokeh,) if line.panel is None else (bokeh, tested.pin("panel", line.panel))


_OLDEST, *_NEWEST, _NEXT = tested.LINES
#: The newest pair that each Python takes, and the oldest pair, with the lowest version of everything else, on which the
#: front door is enough.
NEWEST = tuple(Line(line.python, pins(line), f".venv-{line.python}") for line in _NEWEST)
OLDEST = Line(
    _OLDEST.python, pins(_OLDEST), ".venv-oldest", ("-m", "front_door and not once"), constraints=".ci/lowest.txt"
)
#: What of the suite the second of the newest lines runs: what knows the hosts. The line of Bokeh's next release runs
#: the tests that start no server on the same Python.
AGAIN = ("tests/front_door", "tests/unit/observe")
#: Bokeh's next release, for which there is no Panel yet: what is marked for it, and the tests that start no server.
NEXT = Line(_NEXT.python, pins(_NEXT), ".venv-4", ("-m", "bokeh4 and not once"), ".", "test-core")


def lines() -> list[Line]:
    """List the lines; the first is the one of ``.venv``, whatever Python that has."""
    mine = next((line for line in NEWEST if line.python == HERE), Line(HERE, (), ""))
    others = [replace(line, select=("-m", marks(line, "not once"), *AGAIN)) for line in NEWEST if line != mine]
    return [replace(mine, folder=".venv", group="dev", select=("-m", marks(mine))), *others, OLDEST, NEXT]


def marks(line: Line, *more: str) -> str:
    """Say by their marks which tests one of the newest lines runs."""
    return " and ".join((*more, "not e2e", *(() if line == NEWEST[-1] else ("not newest",))))


# --- environments --------------------------------------------------------------------------------


def find_python(version: str) -> str | None:
    """Find a Python by its version: this one, one on the path, or one that pyenv has."""
    if version == HERE:
        return sys.executable
    name = f"python{version}"
    candidates = [shutil.which(name)]
    if shutil.which("pyenv"):
        # pyenv's own python3.12 on the path refuses to run unless that version is the chosen one.
        found = subprocess.run(["pyenv", "whence", name], capture_output=True, text=True, check=False).stdout.split()
        for each in reversed(found):
            prefix = subprocess.run(["pyenv", "prefix", each], capture_output=True, text=True, check=False).stdout
            candidates.append(str(Path(prefix.strip()) / "bin" / name))
    return next((python for python in candidates if python and works(python)), None)


def works(python: str | Path) -> bool:
    """Whether a Python starts; a moved environment's does not."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def python_in(folder: str) -> Path:
    """Return the Python of an environment."""
    return ROOT / folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(line: Line, base: str, *wanted: str) -> None:
    """Make the environment of a line, and install in it what is not there yet.

    Raises:
        subprocess.CalledProcessError: pip, which has said why, could not.
    """
    python = python_in(line.folder)
    if not works(python):
        say(f"making {line.folder} with Python {line.python}")
        if base == sys.executable:
            venv.create(ROOT / line.folder, clear=True, with_pip=True)
        else:
            subprocess.run([base, "-m", "venv", "--clear", str(ROOT / line.folder)], check=True)
    # What was installed for what: a change of either is a reason to ask pip again.
    read = [ROOT / name for name in ("pyproject.toml", line.constraints) if name]
    asked = json.dumps([*wanted, *line.pins, *(path.read_text(encoding="utf-8") for path in read)])
    stamp = ROOT / line.folder / f"installed-{'-'.join(word.strip('-.[]') for word in wanted)}"
    digest = hashlib.sha256(asked.encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    say(f"installing into {line.folder} ({line.title})")
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    # Dependency groups need pip 25.1.
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True, cwd=ROOT)
    constraints = ["-c", line.constraints] if line.constraints else []
    subprocess.run([*pip, "--editable", *wanted, *line.pins, *constraints], check=True, cwd=ROOT)
    stamp.write_text(digest, encoding="utf-8")


# --- steps ---------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print a line of ours; what the tools print stays as it is."""
    print(f"== {text}", flush=True)


def run(title: str, *command: str | Path) -> str:
    """Run one step and return its line of the summary."""
    say(title)
    start = time.monotonic()
    # Servers of the tests must not see options of the exporter that are set outside. And each of pytest's workers
    # would compile every test again, 5 s each, where bytecode is not written.
    outside = ("BOKEH_EXPORTER_", "PYTHONDONTWRITEBYTECODE")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(outside)}
    status = subprocess.run([str(word) for word in command], cwd=ROOT, env=environ, check=False).returncode
    result = "passed" if status == 0 else f"FAILED with status {status}"
    return f"{result} in {time.monotonic() - start:.0f} s: {title}"


def checks() -> list[str]:
    """Run what needs no server: style, types, generated files."""
    line = lines()[0]
    prepare(line, sys.executable, ".[panel]", "--group", "dev")
    python = python_in(line.folder)
    return [
        run("ruff check", python, "-m", "ruff", "check", "."),
        run("ruff format", python, "-m", "ruff", "format", "--check", "."),
        run("mypy --strict", python, "-m", "mypy"),
        run("generated documents unchanged", python, "docs/build.py", "--check"),
        run("documentation site without warnings", python, "-m", "mkdocs", "build", "--strict", "--quiet"),
        run("dashboards, rules and runbooks unchanged", python, "grafana/build.py", "--check"),
    ]


def missing_programs() -> list[str]:
    """List the programs that tests start and that are not here."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def install_programs() -> str | None:
    """Install by apt what tests start, as root or by sudo without a password; say and return what is missing then."""
    missing = missing_programs()
    packages = list(dict.fromkeys(PROGRAMS[program] for program in missing))
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    if missing and shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if not root or (shutil.which("sudo") and subprocess.run([*root, "true"], check=False).returncode == 0):
            say(f"installing {', '.join(packages)} for the tests that start them")
            quiet = [*root, "env", "DEBIAN_FRONTEND=noninteractive"]
            subprocess.run([*quiet, "apt-get", "update", "-qq"], check=False)
            subprocess.run([*quiet, *command], stdout=subprocess.DEVNULL, check=False)
            missing = missing_programs()
    if not missing:
        return None
    text = f"not here: {', '.join(missing)}; the tests that start them fail. On Debian: {' '.join(command)}"
    say(text)
    return text


def install(line: Line) -> str | None:
    """Make the environment of a line; return its line of the summary if that cannot be."""
    base = find_python(line.python)
    if base is None:
        return f"{'FAILED' if CI else 'INCOMPLETE'}: {line.title} was not run: there is no Python {line.python} here"
    try:
        prepare(line, base, line.package, "--group", line.group)
    except subprocess.CalledProcessError as error:
        return f"FAILED with status {error.returncode}: installing for {line.title}"
    return None


def test(line: Line, installed: Callable[[], str | None], arguments: list[str]) -> str:
    """Run pytest on one line, once it is installed, and return its line of the summary."""
    problem = installed()
    if problem is not None:
        return problem
    # Else each server of a test compiles the package again, 0.3 s each: they write no bytecode.
    subprocess.run([python_in(line.folder), "-m", "compileall", "-q", "bokeh_exporter"], check=False, cwd=ROOT)
    pytest: list[str | Path] = [python_in(line.folder), "-m", "pytest", *line.select]
    pytest += ["-o", f"cache_dir={line.folder}/pytest_cache"]
    return run(f"pytest, {line.title}", *pytest, *PARALLEL, *arguments)


def soak(line: Line, prefixes: list[str]) -> str:
    """Soak the leak cases on one line and return its line of the summary."""
    problem = install(line)
    if problem is not None:
        return problem
    return run(f"leak cases, {line.title}", python_in(line.folder), "-m", "tests.leaks.cases", *prefixes)


def suite(arguments: list[str]) -> list[str]:
    """Run the checks, then pytest on each line; return the summary.

    What waits for the network is done beside: programs while the first line is installed and checked, the other lines,
    one by one, while that is tested.
    """
    first, *others = lines()
    with ThreadPoolExecutor(1) as programs, ThreadPoolExecutor(1) as background:
        here = programs.submit(install_programs)
        installed: dict[Line, Callable[[], str | None]] = {first: partial(install, first)}
        installed[first]()  # before the others, which have time
        installed |= {line: background.submit(install, line).result for line in others}
        summary = checks()
        missing = here.result()
        summary += [test(line, done, arguments) for line, done in installed.items()]
    if missing is not None:
        summary.append(f"FAILED: {missing}")
    return summary


def main(command: str, arguments: list[str]) -> int:
    """Run one command."""
    if sys.version_info < (3, 10):  # noqa: UP036  (whoever types `make test` has what python3 there is)
        print(f"Python 3.10 or newer is needed, this is {HERE}: make test PYTHON=python3.11", file=sys.stderr)
        return 64
    if command == "prepare":
        groups = [word for group in arguments for word in ("--group", group)]
        prepare(lines()[0], sys.executable, ".[panel]", *groups)
        return 0
    if command == "soak":
        summary = [soak(line, arguments) for line in lines() if line not in (OLDEST, NEXT)]
    elif command == "lint":
        summary = checks()
    else:
        summary = suite(arguments)
    for result in summary:
        say(result)
    return int(any(result.startswith("FAILED") for result in summary))


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("prepare", "lint", "test", "soak"):
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except subprocess.CalledProcessError as error:
        say(f"FAILED with status {error.returncode}: {' '.join(map(str, error.cmd))}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
