"""Debugging without a restart: the local socket of a real server, and the commands that find it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..conftest import Serve
from ..support import ServerProcess, bokeh_serve, get, wait_until

pytestmark = [
    pytest.mark.once,
    pytest.mark.front_door,
    pytest.mark.skipif(os.name == "nt", reason="there are no Unix sockets"),
]


@pytest.fixture
def place() -> Iterator[Path]:
    """A short folder for sockets: their paths may have 107 characters."""
    made = Path(tempfile.mkdtemp(prefix="sock"))
    yield made
    shutil.rmtree(made)


def serving(place: Path, **env: str) -> ServerProcess:
    return bokeh_serve("slider_bokeh.py", env={"TMPDIR": str(place), **env})


def ours(place: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(place), **env}
    return subprocess.run(
        [sys.executable, "-m", "bokeh_exporter", *arguments],
        capture_output=True, text=True, check=False, timeout=60, env=environment,
    )  # fmt: skip


def sockets(place: Path) -> list[Path]:
    return list(place.glob("bokeh-exporter-*/*.sock"))


def test_commands_work_without_the_switch_for_the_servers_own_user(serve: Serve, place: Path) -> None:
    server = serve(serving(place))
    url = server.exporter_url
    (socket,) = wait_until(lambda: sockets(place))
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    for name in ("explain", "stacks", "capture", "census", "trim", "about", "drain"):
        assert get(f"{url}/debug/{name}", method="POST").status == 404, name

    pid = str(server.pid)
    assert ours(place, "explain", pid).stdout == "nothing is retained\n"
    assert ours(place, "explain").stdout == "nothing is retained\n"
    # One a second is answered: who comes too soon waits, in place of failing.
    with ThreadPoolExecutor() as together:
        for each in together.map(lambda _: ours(place, "stacks", pid), range(3)):
            assert "thread MainThread" in each.stdout, each.stderr
    if sys.platform == "linux":  # as from an ephemeral container, which has other files and sees the process
        assert "thread MainThread" in ours(place, "stacks", pid, TMPDIR=f"/proc/{pid}/root{place}").stdout
    assert json.loads(ours(place, "census", pid, "--json").stdout)["objects"] > 10_000
    assert json.loads(ours(place, "capture", pid, "--seconds", "0.2", "--json").stdout)["seconds"] >= 0.2
    trimmed = ours(place, "trim", pid)
    assert trimmed.returncode == 0 or "nothing was trimmed" in trimmed.stderr
    assert ours(place, "doctor", pid).stdout.startswith("healthy")
    # By URL it is TCP, which stays closed, and says what helps.
    refused = ours(place, "explain", url)
    assert refused.returncode == 2
    assert "give the server's PID" in refused.stderr
    assert ours(place, "doctor", url.removeprefix("http://")).stdout.startswith("healthy")

    assert "draining" in ours(place, "drain", pid).stdout
    assert server.wait_exit() == 0
    assert sockets(place) == []


def test_no_socket_where_it_is_not_wanted(serve: Serve, place: Path) -> None:
    server = serve(serving(place, BOKEH_EXPORTER_LOCAL_DEBUG="0"))
    assert server.exporter_url
    assert sockets(place) == []


def test_a_folder_that_others_may_open_is_not_used(serve: Serve, place: Path) -> None:
    folder = place / f"bokeh-exporter-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o755)
    server = serve(serving(place))
    server.wait_log("no local socket: .* is not this user's own folder with mode 0700: remove it")
    assert server.exporter_url


def test_a_server_that_was_killed_leaves_no_socket_to_the_next(serve: Serve, place: Path) -> None:
    first = serve(serving(place))
    (left,) = wait_until(lambda: sockets(place))
    os.kill(first.pid, 9)
    first.wait_exit()
    second = serve(serving(place))
    assert second.exporter_url
    (there,) = sockets(place)
    assert there != left


def test_several_servers_are_told_apart_and_the_tokens_file_is_read(serve: Serve, place: Path) -> None:
    (place / "token").write_text("t0psecret\n")
    first, second = serve(serving(place)), serve(serving(place, BOKEH_EXPORTER_TOKEN="t0psecret"))
    assert first.exporter_url
    url = second.exporter_url
    several = ours(place, "explain")
    assert several.returncode == 2
    assert str(first.pid) in several.stderr
    assert str(second.pid) in several.stderr
    token = {"BOKEH_EXPORTER_TOKEN_FILE": str(place / "token")}
    assert ours(place, "doctor", url, **token).stdout.startswith("healthy")
    assert ours(place, "doctor", url).returncode == 2
    missing = ours(place, "doctor", url, BOKEH_EXPORTER_TOKEN_FILE=str(place / "none"))
    assert missing.returncode == 64
    assert "none cannot be read (No such file" in missing.stderr
