"""What answers a command may be anything: one line, status 2, and nothing that writes the terminal."""

from __future__ import annotations

import http.server
import json
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
