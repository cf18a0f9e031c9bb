"""The flight recorder of real servers that are really killed: by SIGKILL, and by the kernel for their memory."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bokeh_exporter.control.flight import SLOT, SLOTS, FlightRecorder, last_life, read

from ..conftest import Serve
from ..support import ServerProcess, bokeh_serve, get, wait_until

pytestmark = pytest.mark.once

LIMIT = 300_000_000


def recording(folder: Path, app: str = "slider_bokeh.py", **env: str) -> ServerProcess:
    return bokeh_serve(app, env={"BOKEH_EXPORTER_FLIGHT_RECORDER": str(folder), **env})


def kinds(folder: Path) -> set[str]:
    return {record["kind"] for path in folder.glob("*.bin") for record in read(path)}


def status(server: ServerProcess) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(f"{server.exporter_url}/api/v1/status").text)
    return found


@pytest.mark.front_door
def test_a_server_that_was_killed_is_told_of_by_the_next(serve: Serve, tmp_path: Path) -> None:
    first = serve(recording(tmp_path))
    assert status(first)["last_life"] is None
    wait_until(lambda: {"start", "sample", "summary"} <= kinds(tmp_path))
    os.kill(first.pid, 9)
    first.wait_exit()
    (path,) = tmp_path.glob("*.bin")
    assert path.stat().st_size == SLOT * SLOTS
    assert path.stat().st_mode & 0o777 == 0o600

    second = serve(recording(tmp_path))
    second.wait_log("last life ended .* without a shutdown: SIGKILL")
    life = status(second)["last_life"]
    assert (life["how"], life["last"]["summary"]["verdict"]) == ("killed", "healthy")
    asked = [sys.executable, "-m", "bokeh_exporter", "doctor", second.exporter_url]
    assert "last life ended" in subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60).stdout
    second.stop()

    third = serve(recording(tmp_path))
    third.wait_log("last life ended .* by an orderly shutdown")
    assert status(third)["last_life"]["how"] == "clean"
    # A second process of the folder takes a file of its own, and has no life before it.
    fourth = serve(recording(tmp_path))
    assert status(fourth)["last_life"] is None
    assert len(list(tmp_path.glob("*.bin"))) == 2


@contextlib.contextmanager
def limited() -> Iterator[Path]:
    """Make a cgroup with a memory limit, of whichever version there is."""
    places = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))
    for root, limit in places:
        made = Path(root) / f"bokeh-exporter-test-{os.getpid()}"
        try:
            made.mkdir()
        except OSError:
            continue
        try:
            if (made / limit).exists():
                (made / limit).write_text(str(LIMIT))
                yield made
                return
        finally:
            with contextlib.suppress(OSError):
                made.rmdir()
    pytest.skip("no cgroup with a memory limit can be made here: it takes root and a writable /sys/fs/cgroup")


@pytest.mark.front_door
def test_a_server_that_the_kernel_killed_says_so(serve: Serve, tmp_path: Path) -> None:
    with limited() as cgroup:

        def inside(app: str) -> ServerProcess:
            command = recording(tmp_path, app).command
            return ServerProcess(
                ["sh", "-c", f'echo $$ > {cgroup}/cgroup.procs && exec "$@"', "sh", *command],
                env={"BOKEH_EXPORTER_FLIGHT_RECORDER": str(tmp_path)}, wait=False,
            )  # fmt: skip

        first = serve(inside("eating_bokeh.py"))
        port = first.command[first.command.index("--port") + 1]
        assert first.exporter_url
        wait_until(lambda: "sample" in kinds(tmp_path))
        with contextlib.suppress(OSError):
            get(f"http://localhost:{port}/eating_bokeh?eat=1", timeout=60)
        assert first.wait_exit(60) == -9
        second = serve(inside("slider_bokeh.py"))
        second.wait_log(r"last life ended .* of the limit, killed by the kernel \(oom_kill \+1\)")
        assert status(second)["last_life"]["how"] == "oom_kill"
        second.stop()


@pytest.mark.front_door
def test_the_stack_at_a_stall_is_in_it(serve: Serve, tmp_path: Path) -> None:
    server = serve(
        recording(tmp_path, "blocked_bokeh.py", BOKEH_EXPORTER_STALL_AFTER="0.5", RELEASE=str(tmp_path / "go"))
    )
    with contextlib.suppress(OSError):
        get(f"{server.url}/blocked_bokeh?how=sleep", timeout=3)
    stalls = wait_until(
        lambda: [one for path in tmp_path.glob("*.bin") for one in read(path) if one["kind"] == "stall"]
    )
    assert any("blocked_bokeh.py" in line for line in stalls[0]["stack"])


@pytest.mark.front_door
def test_a_folder_that_cannot_be_used_is_one_line(serve: Serve, tmp_path: Path) -> None:
    server = serve(recording(tmp_path / "none"))
    server.wait_log("records no flight: there is no folder .*none; set BOKEH_EXPORTER_FLIGHT_RECORDER to a folder")


# --- the file --------------------------------------------------------------------------------------


def test_the_ring_keeps_the_newest_and_leaves_out_what_is_damaged(tmp_path: Path) -> None:
    recorder = FlightRecorder(str(tmp_path))
    for number in range(SLOTS + 10):
        recorder.write("sample", number=number)
    numbers = [record["number"] for record in read(recorder.path)]
    assert numbers == list(range(10, SLOTS + 10))
    content = bytearray(recorder.path.read_bytes())
    content[5 * SLOT + 40] ^= 1
    damaged = tmp_path / "damaged"
    damaged.write_bytes(content)
    assert len(read(damaged)) == SLOTS - 1
    recorder.write("sample", text="x" * 100_000, many=[["y" * 5000] * 50] * 50)
    assert read(recorder.path)[-1]["cut"] is True
    recorder.close()
    recorder.close()
    damaged.write_bytes(b"\xff" * 10_000)
    assert read(damaged) == []


def test_how_a_life_ended() -> None:
    records: list[dict[str, Any]] = [
        {"kind": "start", "time": 100.0},
        {"kind": "summary", "time": 950.0, "holders": ["61 sessions of /app held by module acme, CACHE"]},
        {"kind": "sample", "time": 1000.0, "share": 0.97, "share_of": "the limit", "oom_kills": 2, "sessions": 61},
    ]
    assert last_life([], None, 0.0) is None
    killed = last_life(records, 3.0, 1180.0)
    assert killed is not None
    assert killed.text == (
        "last life ended 3 min ago at 97 % of the limit, killed by the kernel (oom_kill +1), 61 sessions open, "
        "61 sessions of /app held by module acme, CACHE"
    )
    # The counter of another cgroup, and none at all, say nothing.
    for kills in (0.0, 2.0, None):
        life = last_life(records, kills, 1180.0)
        assert life is not None
        assert life.how == "killed"
    clean = last_life([*records, {"kind": "end", "time": 1001.0}], 3.0, 1180.0)
    assert clean is not None
    assert clean.how == "clean"
