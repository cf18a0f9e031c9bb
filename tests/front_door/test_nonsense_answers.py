"""What answers a command may be anything: one line, status 2, and nothing that writes the terminal."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bokeh_exporter.cli import main, reach

pytestmark = pytest.mark.once

ODD = b'"\\u001b]0;owned\\u0007\\r\\nforged"'
ANSWERS = [
    b"", b"[]", b"null", b"1" * 5000, b"[" * 100_000, b"\xff\xfe", b'{"schema": 1}', b'{"schema": 1, "verdict": 7}',
    b'{"schema": 1, "verdict": {"name": %s, "others": [], "since": 1e300, "evidence": [], "advice": ""}}' % ODD,
    b'{"retained": 7}', b'{"retained": [{"root": %s}]}' % ODD, b'{"retained": [[]]}', b'{"of": {}}',
]  # fmt: skip


#: What comes after the first bytes of an answer: no end, an end too early, a reset, bytes without end.
CUT = [
    *(b"HTTP/1.1 %d x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc" % status for status in (200, 500)),
    *(b"HTTP/1.1 %d x\r\nContent-Length: 9000\r\n\r\nabc" % status for status in (200, 500)),
    b"A" * 60_000 + b"\r\n\r\n", b'HTTP/1.1 200 x\r\n\r\n{"endless": "',
]  # fmt: skip


class _Handler(http.server.BaseHTTPRequestHandler):
    body, status = b"", 200

    def do_GET(self) -> None:
        self.send_response(self.status, "odd\x1b[31m")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815 - http.server looks for it

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.once
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("command", ["doctor", "explain", "capture"])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer[:30]))
def test_nonsense_is_one_line_and_status_2(
    url: str, command: str, answer: bytes, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    _Handler.body, _Handler.status = answer, status
    reach.answered.clear()
    with pytest.raises(SystemExit) as ended:
        main([command, url])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.startswith("bokeh-exporter: ")
    assert said.err.count("\n") == 1
    assert all(char.isprintable() or char == "\n" for char in said.err + said.out)


@pytest.mark.parametrize(("retained", "status"), [([], 0), (["leaked"], 1)])
def test_what_the_host_keeps_for_itself_is_no_leak(
    url: str, retained: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"root": text, "text": text, "path": []} for text in retained]
    constant = [{"root": "module bokeh", "text": "module bokeh: the host's own"}]
    _Handler.body, _Handler.status = json.dumps({"retained": rows, "constant": constant}).encode(), 200
    reach.answered.clear()
    with pytest.raises(SystemExit) as ended:
        main(["explain", url])
    assert ended.value.code == status
    said = capsys.readouterr().out
    assert "constant: module bokeh: the host's own" in said
    assert ("nothing is retained" in said) is (not retained)


@pytest.fixture(scope="module")
def liar() -> Iterator[tuple[str, list[bytes]]]:
    """Send what the test says; after a quote without end more of it, else cut the connection."""
    says: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while b"\r\n\r\n" not in connection.recv(65536):
                pass
            connection.sendall(says[-1])
            while says[-1].endswith(b'"'):
                connection.sendall(b"A" * 1_000_000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", says
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("command", ["doctor", "explain", "stacks", "watch"])
@pytest.mark.parametrize("answer", CUT, ids=lambda answer: str(answer[:30]))
def test_an_answer_without_an_end_is_one_line_and_status_2(
    liar: tuple[str, list[bytes]], command: str, answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    url, says = liar
    says.append(answer)
    reach.answered.clear()
    with pytest.raises(SystemExit) as ended:
        main([command, url])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.startswith("bokeh-exporter: ")
    assert said.err.count("\n") == 1
    assert len(said.err) < 1000
