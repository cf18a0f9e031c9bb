"""The leak cases, without the exporter until it is asked: ``python -m tests.leaks.attached [PREFIX...]``. Python 3.14.

Each server runs without the exporter, is visited, and then ``attach --explain`` has to name the holder that a server
with the exporter from the start names after the same visits. Prints a table, and ends with 1 if a line differs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import Any

from ..support import ServerProcess, bokeh_serve, panel_serve
from .cases import HERE, Case, cases

VISITS = int(os.environ.get("VISITS", "30"))
#: Seconds until the last session has expired, on a busy machine.
EXPIRES = 10.0


def serve(case: Case, watched: bool) -> ServerProcess:
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    env = {"PYTHONPATH": path, "BOKEH_EXPORTER_GRACE": "0.5"}
    if case.host == "panel":
        return panel_serve(HERE / case.file, *case.server_args, setup=watched, env=env).start()
    return bokeh_serve(HERE / case.file, *case.server_args, run=watched, env=env).start()


def visit(server: ServerProcess, case: Case) -> None:
    path = f"/{case.file.removesuffix('.py')}"
    for number in range(VISITS):
        with server.open_tab(path, (case.query or "").replace("{i}", str(number))) as tab:
            for model in tab.models if case.interact else ():
                if model["name"] == "Button" and "label" in model["attributes"]:
                    tab.click(model["attributes"]["label"])
    time.sleep(EXPIRES)


def attach(server: ServerProcess) -> tuple[dict[str, Any], float]:
    """Attach and explain; return the answer and how long it took."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "bokeh_exporter", "attach", str(server.pid), "--explain", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr.strip())
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer, time.monotonic() - begun


def holders(found: dict[str, Any]) -> dict[str, int]:
    """Return what holds most, first, and how many; keys of dictionaries and numbers differ between two servers."""
    rows: dict[str, int] = {}
    for each in found["retained"]:
        step = each["path"][0]["name"] if each["path"] else ""
        words = each["root"].removesuffix("._scheduled")  # a timer may run at the moment of the search
        name = re.sub(r"[0-9]+", "", f"{each['kind']}: {words} {step.partition('[')[0]}").strip()
        rows[name] = rows.get(name, 0) + each["count"]
    return rows


def compare(case: Case) -> tuple[bool, str]:
    server = serve(case, watched=False)
    try:
        visit(server, case)
        answer, seconds = attach(server)
    finally:
        server.stop()
    server = serve(case, watched=True)
    try:
        visit(server, case)
        known = holders(_explained(server))
    finally:
        server.stop()
    seen = holders(answer["explained"])
    good = set(seen) == set(known)
    words = f"{seconds:4.1f} s  left {answer['left']}\n       attached: {seen}"
    return good, words + ("" if good else f"\n       ledger:   {known}")


def _explained(server: ServerProcess) -> dict[str, Any]:
    command = [sys.executable, "-m", "bokeh_exporter", "explain", str(server.pid), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main(prefixes: list[str]) -> int:
    bad = 0
    for case in cases():
        if prefixes and not case.file.startswith(tuple(prefixes)):
            continue
        try:
            good, words = compare(case)
        except Exception as error:
            good, words = False, f"{type(error).__name__}: {error}"
        bad += not good
        print(f"{'ok  ' if good else 'FAIL'} {case.file:32} {words}", flush=True)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
