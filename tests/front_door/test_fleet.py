"""Servers that belong together, in one table: the processes of one --num-procs, and peers that the options name."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Serve
from ..support import bokeh_serve, get, wait_until
from .test_switching_on import neighbours

pytestmark = pytest.mark.once


def rows(url: str, token: str | None = None) -> list[dict[str, Any]]:
    answer = get(f"{url}/api/v1/fleet", token=token)
    assert answer.status == 200
    found: list[dict[str, Any]] = json.loads(answer.text)["processes"]
    return found


def test_processes_and_peers_are_one_table(serve: Serve, tmp_path: Path) -> None:
    base = neighbours(2)
    file = tmp_path / "token"
    file.write_text("secret-of-peers")
    guarded = {"BOKEH_EXPORTER_PORT": str(base), "BOKEH_EXPORTER_TOKEN_FILE": str(file)}
    two = serve(bokeh_serve("slider_bokeh.py", "--num-procs", "2", env=guarded))
    peers = f"http://127.0.0.1:{base},http://127.0.0.1:{base + 1}/metrics,http://127.0.0.1:9"
    env = {"BOKEH_EXPORTER_PEERS": peers, "BOKEH_EXPORTER_PEERS_TOKEN_FILE": str(file)}
    one = serve(bokeh_serve("slider_bokeh.py", env=env))
    with two.open_tab("/slider_bokeh"):

        def sees_the_tab() -> bool:
            return sum(row.get("connected") or 0 for row in rows(one.exporter_url)) == 1

        wait_until(sees_the_tab, 20, "the tab of a peer is in the table")
        mine, *others = rows(one.exporter_url)
        assert mine["this"]
        assert mine["pid"] == one.pid
        assert mine["rss_bytes"] > 1e7
        assert [row["url"] for row in others] == [
            *(f"http://127.0.0.1:{base + each}" for each in (0, 1)),
            "http://127.0.0.1:9",
        ]
        assert [row["problem"] for row in others] == [None, None, "it cannot be asked: Connection refused"]
        assert {row["verdict"] for row in others[:2]} == {"healthy"}
        assert len({row["pid"] for row in [mine, *others[:2]]}) == 3
        # The two find each other by themselves, and nobody asks in circles.
        siblings = rows(f"http://127.0.0.1:{base + 1}", "secret-of-peers")
        assert {row["pid"] for row in siblings} == {row["pid"] for row in others[:2]}
        assert get(f"http://127.0.0.1:{base}/api/v1/fleet").status == 401

    command = [sys.executable, "-m", "bokeh_exporter", "top", one.exporter_url, "http://127.0.0.1:9"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    lines = [line for line in shown.splitlines() if line.startswith("http")]
    assert len(lines) == 4, shown
    assert "healthy" in lines[1]
    assert "secret" not in json.dumps(rows(one.exporter_url)) + shown + one.log()


@pytest.fixture
def trickling() -> Iterator[int]:
    """Yield the port of a peer whose answer has a byte more each quarter of a second, and no end."""
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.25):
                connection.sendall(b"a")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)


def test_a_name_stands_for_all_its_addresses_and_a_peer_that_does_not_answer_is_said(
    serve: Serve, trickling: int
) -> None:
    guarded = serve(bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_TOKEN": "another"}))
    port = guarded.exporter_url.rpartition(":")[2]
    peers = f"localhost:{port},localhost,http://127.0.0.1:{trickling}"
    one = serve(bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_PEERS": peers}))
    found = rows(one.exporter_url)
    assert [row["this"] for row in found] == [True, False, *[False] * (len(found) - 2)]
    assert "BOKEH_EXPORTER_PEERS_TOKEN_FILE" in found[1]["problem"]
    assert found[-1]["problem"] == "it cannot be asked: it did not end its answer in 3 s"
    # The name without a port has the own one: this process itself, which is in the table once.
    assert [row["pid"] for row in found if "pid" in row] == [one.pid]


def test_what_is_no_peer_is_refused_in_one_line(serve: Serve) -> None:
    server = serve(
        bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_PEERS": "http://user:password@host"}, wait=False)
    )
    assert server.wait_exit() == 64
    assert "BOKEH_EXPORTER_PEERS" in server.log()
    assert "URLs with commas between them" in server.log()
    assert "password" not in server.log()
