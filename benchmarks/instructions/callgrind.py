"""A server under ``valgrind --tool=callgrind``, and how many instructions it runs in a phase, by thread.

Only phases are counted; before the first the server runs without counting, which is several times faster. What the
kernel does is not seen. The counts depend neither on the machine's speed nor on what else it does, unless timers run:
they go by the clock, so operations are counted on servers whose timers are taken away.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..servers import App, Server, serve_command
from .profiles import Profile
from .serving import APPLIED

#: Seconds that callgrind is given to answer; it does between two system calls of the server.
_PATIENCE = 60.0
_SUMMARY = re.compile(r"^summary: (\d+)", re.MULTILINE)


@dataclass
class Phase:
    """What a server ran in a phase."""

    seconds: float = 0.0
    #: Instructions by thread, in the order in which they were started: the first runs the loop.
    threads: list[int] = field(default_factory=list)
    #: What each function ran by itself.
    profile: Profile = field(default_factory=lambda: Profile(()))

    @property
    def total(self) -> int:
        """The instructions of all threads."""
        return sum(self.threads)


class CountedServer(Server):
    """A server whose instructions are counted.

    Args:
        app: what it serves.
        parts: what of the exporter it has, see :mod:`.serving`.
        level: how deep it collects.
        simulated: whether profiles have misses of simulated caches and branches.
    """

    def __init__(self, app: App, parts: str, level: str | None = None, *, simulated: bool = False) -> None:
        self._parts, self._dumps, self._simulated = parts, 0, simulated
        self._counts = Path(tempfile.mkdtemp(prefix="counts_"))
        super().__init__(app, False, level)  # whether it has the exporter says ``parts``

    def pin(self) -> None:
        """Run anywhere: instructions do not depend on it."""

    def count(self) -> None:
        """Begin to count, and run slower from now on."""
        self._control("--instr=on")

    def serving(self, app: App, with_exporter: bool, lifetime: str, sweep: str) -> list[str]:
        """Serve through :mod:`.serving`, with the exporter and without, so that nothing else differs."""
        return [
            "env", f"COUNTS_FOLDER={self._counts}",
            "valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes",
            f"--callgrind-out-file={self._counts}/counted",
            *(("--cache-sim=yes", "--branch-sim=yes") if self._simulated else ()),
            sys.executable, "-m", "benchmarks.instructions.serving", self._parts,
            app.tool, *serve_command(app, self.port, lifetime, sweep)[3:],
        ]  # fmt: skip

    def stop(self, grace: float = 0.5) -> int | None:
        """End it at once: Bokeh would destroy its sessions first, which takes long here."""
        shutil.rmtree(self._counts, ignore_errors=True)
        return super().stop(grace)

    @contextmanager
    def phase(self) -> Iterator[Phase]:
        """Count what runs meanwhile. The phase has its numbers when it is over."""
        phase = Phase()
        self._control("--zero")
        begin = time.monotonic()
        yield phase
        # Apply now what was recorded to be applied later: it is part of what an operation costs.
        applied = self._counts / APPLIED
        applied.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        until = time.monotonic() + _PATIENCE
        while not applied.exists() and time.monotonic() < until:
            time.sleep(0.02)
        phase.seconds = time.monotonic() - begin
        self._control("--dump")
        self._dumps += 1
        paths = sorted(self._counts.glob(f"counted.{self._dumps}-*"))
        phase.profile = Profile(paths)
        for path in paths:
            found = _SUMMARY.search(path.read_text(errors="replace"))
            phase.threads.append(int(found.group(1)) if found is not None else 0)

    def _control(self, *what: str) -> None:
        command = ["callgrind_control", *what, str(self.pid)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE).stdout
        if "OK" not in said:
            raise RuntimeError(f"{' '.join(command)}: {said}")
