"""The leak cases, soaked: ``python -m tests.leaks.cases [PREFIX...]`` prints a table and ends with 1 if one is wrong.

``--folder tests/field`` soaks the situations from public reports (docs/field.md) in the same way. The truth is measured
in the server by ``groundtruth/sitecustomize.py``, which knows nothing of the exporter: when the visits that count
begin, and when they are over.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bokeh

from bokeh_exporter.soak import Plan, soak
from bokeh_exporter.soak.report import Report

HERE = Path(__file__).resolve().parent
BOKEH_310 = tuple(int(part) for part in bokeh.__version__.split(".")[:2]) >= (3, 10)


@dataclass(frozen=True)
class Case:
    """One app, and what soak must say of it on the installed line."""

    file: str
    host: str
    verdict: str
    process_growth_of: str | None
    interact: bool
    query: str | None
    server_args: tuple[str, ...]
    folder: Path = HERE

    def plan(self, sessions: int) -> Plan:
        return Plan.of(self.folder / self.file, host=self.host, sessions=sessions, interact=self.interact,
                       query=self.query, server_args=self.server_args)  # fmt: skip


def cases(folder: Path = HERE) -> list[Case]:
    found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["cases"]
    return [
        Case(
            case["file"], case["host"],
            case.get("verdict_bokeh310", case["verdict"]) if BOKEH_310 else case["verdict"],
            case.get("process_growth_of"), case.get("interact", False), case.get("query"),
            tuple(case.get("server_args", ())), folder,
        )
        for case in found
    ]  # fmt: skip


class Truth:
    """The agent in the server: what is counted at a moment, by a walk of the heap."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.base: Mapping[str, Any] = {}
        self.end: Mapping[str, Any] = {}

    def hear(self, step: str, detail: str) -> None:
        """Look when soak says that it has come to a step at which nothing is going on."""
        if step == "warming up":
            self.ask("/arm")
        elif step == "keeping the page open" and not self.base:
            self.base = self.ask("/probe?gc=3")
        elif step == "all visits are over":
            self.end = self.ask("/probe?gc=3")

    def ask(self, path: str) -> dict[str, Any]:
        port = int(self._file.read_text())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=100) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def counts(self) -> dict[str, int]:
        """Return what soak's report must say."""

        def grown(name: str) -> int:
            return max(0, int(self.end[name] - self.base[name]))

        # The visit that stays open is there at the base.
        lingering = int(self.end["sessions_in_app_context"] - self.base["sessions_in_app_context"] + 1)
        return {
            "retained_sessions": grown("docs_destroyed_uncollected"),
            "retained_models": grown("models_destroyed_doc"),
            "lingering_sessions": max(0, lingering),
        }


@contextmanager
def truth() -> Iterator[Truth]:
    """Put the agent into servers that are started meanwhile."""
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "LEAK_GT_FILE")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "port"
        os.environ["LEAK_GT_FILE"] = str(file)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE / "groundtruth"), before["PYTHONPATH"]]))
        try:
            yield Truth(file)
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def check(case: Case, sessions: int = 30) -> tuple[Report, Truth, list[str]]:
    """Soak a case and return the report, the truth, and what is wrong."""
    with truth() as measured:
        report = soak(case.plan(sessions), measured.hear)
    content, wrong = report.content, []
    if content["verdict"] != case.verdict:
        wrong.append(f"verdict {content['verdict']}, not {case.verdict}")
    if content["process_growth_of"] != case.process_growth_of:
        wrong.append(f"growth of {content['process_growth_of']}, not {case.process_growth_of}")
    for name, number in measured.counts().items():
        if content[name] != number:
            wrong.append(f"{name} {content[name]}, in truth {number}")
    return report, measured, wrong


def main(prefixes: list[str]) -> int:
    bad = 0
    print(f"Python {sys.version.split()[0]}, Bokeh {bokeh.__version__}")
    folder = HERE
    if prefixes[:1] == ["--folder"]:
        folder, prefixes = Path(prefixes[1]).resolve(), prefixes[2:]
    for case in cases(folder):
        if prefixes and not case.file.startswith(tuple(prefixes)):
            continue
        begin = time.monotonic()
        try:
            report, _, wrong = check(case)
            got = report.content["verdict"]
            got += f" of {report.content['process_growth_of']}" if report.content["process_growth_of"] else ""
        except Exception as error:
            got, wrong = "-", [f"{type(error).__name__}: {error}"]
        bad += bool(wrong)
        expected = case.verdict + (f" of {case.process_growth_of}" if case.process_growth_of else "")
        seconds = time.monotonic() - begin
        mark = "FAIL" if wrong else "ok  "
        print(f"{mark} {case.file:32} {expected:26} {got:26} {seconds:3.0f} s  {'; '.join(wrong)}", flush=True)
        if got != "-":
            for line in report.content["evidence"]:
                print(f"       {line}", flush=True)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
