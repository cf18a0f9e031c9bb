"""Whatever a user hands to a host, it is the same with the exporter: result, exception, log, and whose code runs.

A matrix of odd objects and of all places that take one: half of the objects note each of their methods that somebody
runs, the others raise there, too, what no ``except Exception`` catches.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ..support import APPS
from ..support.servers import environment

pytestmark = pytest.mark.front_door


def tried(flavour: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(APPS / "odd_places.py"), flavour, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment({}))


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


@pytest.mark.timeout(300)  # two programs of ten seconds, beside whatever else is running
def test_no_hook_changes_what_comes_of_an_odd_object() -> None:
    same_with_and_without("plain")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_no_hook_changes_what_comes_of_an_odd_object_under_panel() -> None:
    without = same_with_and_without("panel")
    named = without["warnings"]["named"]  # by Panel's warnings: the same lines, of the file that asked for them
    assert all("odd_places.py:" in line for line in named)


def same_with_and_without(flavour: str) -> dict[str, Any]:
    bare, watched = tried(flavour), tried(flavour, "watched")
    without, found = said(bare), said(watched)
    assert found.pop("errors") == {"counted": []}  # no hook failed, which would be a number lost
    assert len(found) > 1500
    assert len(without["dropped"]["named"]) == 2
    differ = {place: (without[place], found[place]) for place in without if without[place] != found[place]}
    assert not differ
    return without
