"""The endpoint over real sockets, and the exposition through the official parsers."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import gzip
import http.client
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bokeh_exporter.catalogue import CATALOGUE
from bokeh_exporter.config import Config
from bokeh_exporter.expose.access import FORMER
from bokeh_exporter.expose.http import Answer, Endpoint, EndpointError, Later, Limits, Request, Route, tls_context
from bokeh_exporter.expose.listening import LOOK, Renewal
from bokeh_exporter.expose.prometheus import Exposition, LevelCollector, build_registry_extras
from bokeh_exporter.state import Level, State
from bokeh_exporter.state.levels import snapshot
from bokeh_exporter.state.rows import is_event

from ...support.waiting import wait_until
from ...support.web import get

LOCAL = "127.0.0.1"
THREAD = "bokeh-exporter-http"
BIG = b"# a line of an exposition\n" * 4000
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
WHO = contextvars.ContextVar("WHO", default="nobody")


def plain(text: str | bytes) -> Route:
    return lambda request: Answer(200, text if isinstance(text, bytes) else text.encode(), "text/plain; charset=utf-8")


def broken(request: Request) -> Answer:
    raise SystemExit("secret detail")


def echo(request: Request) -> Answer:
    return Answer(200, f"{request.path} {request.query} {request.headers.get('x-ONE')}".encode(), "text/plain")


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/metrics"): plain("up 1\n"),
    ("GET", "/healthz"): plain("ok\n"),
    ("GET", "/big"): lambda request: Answer(200, BIG, OPENMETRICS),
    ("GET", "/huge"): plain(BIG * 200),
    ("GET", "/broken"): broken,
    ("GET", "/echo"): echo,
    ("GET", "/who"): lambda request: Answer(200, WHO.get().encode(), "text/plain"),
    ("POST", "/debug/trim"): plain("{}"),
}


class Run:
    """Endpoints that are closed after the test, and what they reported."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.endpoints: list[Endpoint] = []

    def __call__(self, token: str | None = None, tls: ssl.SSLContext | None = None, **limits: float) -> Endpoint:
        endpoint = self.make(token, **limits)
        endpoint.start(LOCAL, [0], tls)
        return endpoint

    def make(self, token: str | None = None, **limits: float) -> Endpoint:
        endpoint = Endpoint(
            ROUTES, open_paths=frozenset({"/healthz"}), token=token, on_error=self.errors.append,
            limits=Limits(**limits),  # type: ignore[arg-type]
        )  # fmt: skip
        self.endpoints.append(endpoint)
        return endpoint


@pytest.fixture
def run() -> Iterator[Run]:
    made = Run()
    yield made
    for endpoint in made.endpoints:
        endpoint.close()
    assert not [thread for thread in threading.enumerate() if thread.name == THREAD]
    assert [type(error) for error in made.errors if not isinstance(error, SystemExit)] == []


@contextlib.contextmanager
def client(endpoint: Endpoint, send: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection((LOCAL, endpoint.port), timeout=10) as sock:
        sock.sendall(send)
        yield sock


def rest(sock: socket.socket) -> bytes:
    """Read until the other side closes; a reset is a close."""
    read = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            read += chunk
    return read


# --- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/metrics", 200, None), ("HEAD", "/metrics", 200, None), ("POST", "/debug/trim", 200, None),
        ("GET", "/favicon.ico", 204, None), ("GET", "/nowhere", 404, None), ("POST", "/metrics", 405, "GET, HEAD"),
        ("OPTIONS", "/metrics", 405, "GET, HEAD"), ("GET", "/debug/trim", 405, "POST"),
        ("HEAD", "/debug/trim", 405, "POST"), ("GET", "/broken", 500, None),
    ],
)  # fmt: skip
def test_statuses(run: Run, method: str, path: str, status: int, allow: str | None) -> None:
    answer = get(run().url + path, method=method)
    assert (answer.status, answer.headers["Allow"]) == (status, allow)
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert answer.headers["Server"] is None
    assert b"secret" not in answer.body
    assert [type(error) for error in run.errors] == ([SystemExit] if status == 500 else [])


def test_a_request_says_path_query_and_headers(run: Run) -> None:
    url = run().url
    assert get(url + "/echo?a=1&a=2&b=", headers={"X-One": "yes"}).text == "/echo {'a': ['1', '2'], 'b': ['']} yes"
    with client(run.endpoints[0], b"GET http://proxied/echo?a=1 HTTP/1.0\r\n\r\n") as sock:
        assert rest(sock).endswith(b"/echo {'a': ['1']} None")


def test_head_says_what_get_would(run: Run) -> None:
    endpoint = run()
    with client(endpoint, b"HEAD /big HTTP/1.1\r\nConnection: close\r\n\r\n") as sock:
        head, _, body = rest(sock).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(BIG)}".encode() in head
    assert body == b""


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("*", True), ("", False), ("gzip;q=0", False), ("br", False)],
)
def test_gzip(run: Run, accepts: str, packed: bool) -> None:
    endpoint = run()
    answer = get(endpoint.url + "/big", headers={"Accept-Encoding": accepts})
    assert answer.headers["Content-Encoding"] == ("gzip" if packed else None)
    assert (answer.headers["Vary"], answer.headers["Content-Type"]) == ("Accept-Encoding", OPENMETRICS)
    assert (gzip.decompress(answer.body) if packed else answer.body) == BIG
    assert get(endpoint.url + "/metrics", headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] is None


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("/metrics", "Bearer tök-en", 200), ("/metrics", "bEARER  tök-en ", 200), ("/metrics", "", 401),
        ("/metrics", "Bearer", 401), ("/metrics", "Bearer tök", 401), ("/metrics", "Bearer \xff\xfe", 401),
        ("/metrics", "Basic tök-en", 401), ("/metrics", "tök-en", 401), ("/healthz", "", 200),
        ("/favicon.ico", "", 204), ("/broken", "", 401),
    ],
)  # fmt: skip
def test_token(run: Run, path: str, given: str, status: int) -> None:
    header = b"Authorization: " + given.encode("latin-1" if "\xff" in given else "utf-8") + b"\r\n" if given else b""
    with client(run("tök-en"), f"GET {path} HTTP/1.0\r\n".encode() + header + b"\r\n") as sock:
        answer = rest(sock)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"www-authenticate: bearer\r\n" in answer.lower()) == (status == 401)


def test_an_empty_token_opens_nothing(run: Run) -> None:
    with pytest.raises(EndpointError, match="BOKEH_EXPORTER_TOKEN"):
        run.make(" ")


# --- listening ---------------------------------------------------------------------------------


def test_port_in_use_and_span(run: Run) -> None:
    first, second = run().port, run.make()
    with pytest.raises(EndpointError, match=rf"^port {first} on 127.0.0.1 is in use: .*BOKEH_EXPORTER_PORT"):
        second.start(LOCAL, [first])
    with socket.socket() as free:
        free.bind((LOCAL, 0))
        port = free.getsockname()[1]
    assert second.start(LOCAL, [first, port]) == second.port == port
    assert get(second.url + "/metrics").status == 200
    with pytest.raises(EndpointError, match=r"every port from .* is in use"):
        run.make().start(LOCAL, [first, port])


@pytest.mark.parametrize(
    ("address", "ports", "says"),
    [
        ("203.0.113.7", [0], "203.0.113.7 is not one of this machine: set BOKEH_EXPORTER_ADDRESS"),
        ("no-such-host.invalid", [0], "'no-such-host.invalid' is unknown: set BOKEH_EXPORTER_ADDRESS"),
        ("a" * 80, [0], "is unknown"),
        (LOCAL, [], "no port to try: set BOKEH_EXPORTER_PORT"),
    ],
)
def test_what_cannot_be_listened_on(run: Run, address: str, ports: Sequence[int], says: str) -> None:
    with pytest.raises(EndpointError, match=says) as caught:
        run.make().start(address, ports)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["localhost", "::1", "0.0.0.0"])
def test_addresses(run: Run, address: str) -> None:
    if ":" in address and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    endpoint = run.make()
    endpoint.start(address, [0])
    assert get(endpoint.url + "/metrics").status == 200


def script(code: str) -> str:
    """Run code in a process of its own, warnings being errors."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


START = """
import os, resource, socket, sys
from bokeh_exporter.expose.http import Answer, Endpoint, EndpointError
errors = []
endpoint = Endpoint({("GET", "/"): lambda request: Answer(200, b"fine", "text/plain")},
    open_paths=frozenset(), token=None, on_error=errors.append)
"""


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give up its rights")
def test_port_without_the_right() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
        pytest.skip("everybody may listen on low ports here")
    said = script(
        START
        + """
os.setuid(65534)
try: endpoint.start("127.0.0.1", [81])
except EndpointError as error: print(error)
"""
    )
    assert said == "this user may not listen on port 81 of 127.0.0.1: set BOKEH_EXPORTER_PORT to one from 1024 up"


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on descriptors to set")
def test_out_of_files_it_waits_and_does_not_spin() -> None:
    said = script(
        START
        + """
import time
port = endpoint.start("127.0.0.1", [0])
with socket.create_connection(("127.0.0.1", port)) as first:  # all files that starting takes are closed again
    first.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    while first.recv(1000): pass
client = socket.socket()
client.settimeout(20)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True: taken.append(os.dup(0))
except OSError: pass
client.connect(("127.0.0.1", port))
client.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
while not errors: time.sleep(0.01)
busy = time.process_time()
while len(errors) < 2: time.sleep(0.01)
busy = time.process_time() - busy
for fd in taken: os.close(fd)
answer = client.recv(1000)
print(errors[0].errno, len(errors), busy < 0.5, answer[-4:].decode())
client.close()
endpoint.close()
"""
    )
    assert said == f"{errno.EMFILE} 2 True fine"


# --- TLS ---------------------------------------------------------------------------------------


def pem(folder: Path, name: str, *extra: str) -> tuple[str, str]:
    cert, key = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run([*command, *(extra or ["-nodes"])], check=True, capture_output=True, timeout=30)
    return cert, key


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return pem(tmp_path_factory.mktemp("tls"), "good")


def test_tls(run: Run, pair: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint = run("t", tls_context(*pair), idle=0.5)
    trust = ssl.create_default_context(cafile=pair[0])
    assert endpoint.url.startswith("https://")
    with contextlib.ExitStack() as stack:
        bad = [stack.enter_context(client(endpoint, send)) for send in (b"", b"\x16\x03\x01\x02", b"GET /\r\n\r\n")]
        start = time.monotonic()
        assert get(endpoint.url + "/metrics", token="t", context=trust).text == "up 1\n"
        assert get(endpoint.url + "/big", token="t", context=trust).body == BIG
        assert time.monotonic() - start < 1.0
        for sock in bad:  # the handshake is within the idle time
            rest(sock)
    assert [record for record in caplog.records if record.name.startswith("tornado")] == []


def test_tls_files(pair: tuple[str, str], tmp_path: Path) -> None:
    cert, key = pair
    other, locked = pem(tmp_path, "other"), pem(tmp_path, "locked", "-passout", "pass:abcd")
    text = tmp_path / "text.pem"
    text.write_text("hello")
    for files, says in {
        (str(tmp_path / "none.pem"), key): r"TLS_CERT=.*none.pem cannot be read \(No such file",
        (cert, str(tmp_path / "none.key")): r"TLS_KEY=.*none.key cannot be read",
        (cert, str(tmp_path)): "TLS_KEY=.* cannot be read",
        (cert, other[1]): "belong together",
        (str(text), key): "are no certificate and its key",
        locked: "locked.key wants a passphrase",
    }.items():
        with pytest.raises(EndpointError, match=says) as caught:
            tls_context(*files)
        assert "\n" not in str(caught.value)


def test_files_that_change_are_read_again(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    clock = [1000.0]
    for module in ("listening", "access"):  # they have a time module of their own: the endpoint's loop uses time, too
        monkeypatch.setattr(f"bokeh_exporter.expose.{module}.time", SimpleNamespace(monotonic=lambda: clock[0]))
    token, (cert, key) = tmp_path / "token", pem(tmp_path, "first")
    token.write_text("old")
    endpoint = run("old", tls_context(cert, key))
    renewal = Renewal(Config(token_file=str(token), tls_cert=cert, tls_key=key), endpoint)

    def look() -> None:
        clock[0] += LOOK
        renewal.look()

    def asks(word: str, trusted: str) -> int:
        trust = ssl.create_default_context(cafile=trusted)
        return get(f"{endpoint.url}/metrics", token=word, context=trust).status

    kept = http.client.HTTPSConnection(LOCAL, endpoint.port, context=ssl.create_default_context(cafile=cert))
    kept.request("GET", "/metrics", headers={"Authorization": "Bearer old"})
    assert kept.getresponse().read() == b"up 1\n"
    renewed, first = pem(tmp_path, "second"), tmp_path / "first-copy.pem"
    shutil.copy(cert, first)

    # Half of what is new: what was there stays, and is told once.
    shutil.copy(renewed[0], cert)
    token.write_text("")
    for _ in range(2):
        look()
    assert asks("old", str(first)) == 200
    stays = [record.getMessage() for record in caplog.records if "the previous one stays" in record.getMessage()]
    assert [one.split()[1] for one in stays] == ["token", "certificate"]

    shutil.copy(renewed[1], key)
    token.write_text("new")
    look()
    assert asks("new", renewed[0]) == 200
    assert asks("bad", renewed[0]) == 401
    assert asks("old", renewed[0]) == 200, "whoever scrapes has the new one a little later"
    # The connection that was open goes on.
    kept.request("GET", "/metrics", headers={"Authorization": "Bearer old"})
    assert kept.getresponse().status == 200
    kept.close()
    clock[0] += FORMER
    assert asks("old", renewed[0]) == 401


# --- clients that misbehave --------------------------------------------------------------------

MALFORMED = [
    b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"\x00\xff\x16\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nbad\r\n\r\n",
    b"POST /debug/trim HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST /debug/trim HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000,
    b"POST /debug/trim HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"x" * 20000, b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n",
]  # fmt: skip


def test_malformed_requests_are_closed_and_leave_no_log(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    general = logging.getLogger("tornado.general")
    filters = list(general.filters)
    endpoint = run(idle=1.0, body=1.0)
    for bad in MALFORMED:
        with client(endpoint) as sock:
            with contextlib.suppress(ConnectionError):  # it may refuse before everything is sent
                sock.sendall(bad)
            assert rest(sock)[:12] in (b"", b"HTTP/1.1 400"), bad[:60]
    with client(endpoint, b"POST /debug/trim HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc") as sock:
        assert rest(sock) == b""
    assert get(endpoint.url + "/metrics").status == 200
    general.info("the host's own line")
    endpoint.close()
    assert general.filters == filters
    assert [record.message for record in caplog.records if record.name != "asyncio"] == ["the host's own line"]


def test_what_a_client_does_not_take_is_dropped(run: Run) -> None:
    endpoint = run(idle=0.5, connections=1)
    with client(endpoint, b"GET /huge HTTP/1.1\r\n\r\n"):
        wait_until(lambda: get(endpoint.url + "/metrics").status == 200, ignoring=(OSError,))


def test_who_is_new_gets_the_place_of_who_has_been_silent_for_longest(run: Run) -> None:
    endpoint = run(connections=3)
    with contextlib.ExitStack() as stack:
        inside = []
        for _ in range(3):  # one after the other: who is answered first has been silent for longest
            inside.append(stack.enter_context(client(endpoint, b"GET /metrics HTTP/1.1\r\n\r\n")))
            assert inside[-1].recv(4096).startswith(b"HTTP/1.1 200")
        assert get(endpoint.url + "/healthz").status == 200
        assert rest(inside[0]) == b""
        inside[2].sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert inside[2].recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("send", [b"", b"GET /metr", b"POST /debug/trim HTTP/1.1\r\nContent-Length: 9\r\n\r\n"])
def test_silent_connections_keep_no_health_check_and_no_scrape_out(run: Run, send: bytes) -> None:
    endpoint = run(connections=20)
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(client(endpoint, send))
            assert get(endpoint.url + "/healthz", timeout=5).status == 200
        assert get(endpoint.url + "/metrics", timeout=5).status == 200


def test_readers_that_do_not_read_take_no_memory_and_no_place(run: Run) -> None:
    endpoint = run(connections=30, unsent=3 * len(BIG) * 200)
    asked = b"GET /huge HTTP/1.1\r\n\r\n" * 20  # pipelined: only one of them is being answered
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.connect((LOCAL, endpoint.port))
            with contextlib.suppress(ConnectionError):
                sock.sendall(asked)
        assert get(endpoint.url + "/healthz", timeout=5).status == 200
        server = endpoint._server
        assert server is not None
        wait_until(lambda: sum(place.unsent for place in list(server._places.values())) <= 3 * len(BIG) * 200)
        assert len(server._places) <= 30


def test_what_raises_is_one_answer_and_nothing_in_the_hosts_log(
    run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    url = run().url
    for origin in ("http://[", "http://[::1", "//[", "\xe9://[x"):
        assert get(url + "/debug/trim", method="POST", headers={"Origin": origin}).status == 403
    for query in ("&".join(f"a{number}=1" for number in range(500)), "%ff=%c3&a=%00"):
        assert get(f"{url}/echo?{query}").status in (200, 400)
    monkeypatch.setitem(ROUTES, ("GET", "/later"), lambda request: Later(lambda: 1 / 0))  # type: ignore[arg-type, return-value]
    later = run()
    assert get(later.url + "/later").status == 500

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert get(later.url + "/later").status == 503
    assert get(later.url + "/metrics").status == 200
    assert [type(error) for error in run.errors] == [ZeroDivisionError, RuntimeError]
    run.errors.clear()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("tornado")] == []


def test_wrong_tokens_are_limited_and_never_lock_the_right_one_out(run: Run) -> None:
    url = run(token="right").url
    statuses = [get(url + "/metrics", token=f"wrong{number}").status for number in range(15)]
    assert statuses == [401] * 10 + [429] * 5
    assert get(url + "/metrics", token="right").status == 200
    assert get(url + "/metrics").status == 401  # nobody has guessed here
    assert get(url + "/healthz").status == 200


def test_idle_connections_cost_little(run: Run) -> None:
    endpoint = run(connections=500)  # those of one round may still be closing in the next
    get(endpoint.url + "/metrics")
    threads, before = threading.active_count(), resident()
    for _ in range(5):
        with contextlib.ExitStack() as stack:
            for send in [b"", b"GET /metr"] * 100:
                stack.enter_context(client(endpoint, send))
            assert get(endpoint.url + "/metrics").status == 200
            assert threading.active_count() == threads
    # 1,000 connections came and went: far less than the 16 KiB of one read buffer each has stayed.
    assert resident() - before < 8e6


def resident() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


# --- its place in the process ------------------------------------------------------------------


def test_close_frees_port_and_thread_from_any_thread(run: Run) -> None:
    endpoint = run()
    port = endpoint.port
    with client(endpoint, b"GET /metrics HTTP/1.1\r\n\r\n") as sock:
        assert sock.recv(4096)
        threads = [threading.Thread(target=endpoint.close) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        endpoint.close()
        assert rest(sock) == b""
    assert endpoint.start(LOCAL, [port]) == port
    with pytest.raises(RuntimeError, match="already running"):
        endpoint.start(LOCAL, [0])


def test_a_route_that_hangs_holds_up_neither_close_nor_the_port(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bokeh_exporter.expose.connections._JOIN", 0.2)
    entered, release = threading.Event(), threading.Event()

    def hang(request: Request) -> Answer:
        entered.set()
        release.wait(30)
        return Answer(200, b"", "")

    endpoint = Endpoint({("GET", "/"): hang}, open_paths=frozenset(), token=None, on_error=run.errors.append)
    port = endpoint.start(LOCAL, [0])
    with client(endpoint, b"GET / HTTP/1.0\r\n\r\n"):
        assert entered.wait(10)
        start = time.monotonic()
        endpoint.close()
        assert time.monotonic() - start < 2.0
        assert run.make().start(LOCAL, [port]) == port
        release.set()
        wait_until(lambda: [thread.name for thread in threading.enumerate()].count(THREAD) == 1)


def test_a_route_may_close_its_endpoint(run: Run) -> None:
    def close(request: Request) -> Answer:
        endpoint.close()
        return Answer(200, b"", "")

    endpoint = Endpoint({("GET", "/"): close}, open_paths=frozenset(), token=None, on_error=run.errors.append)
    endpoint.start(LOCAL, [0])
    with client(endpoint, b"GET / HTTP/1.0\r\n\r\n") as sock:
        rest(sock)
    wait_until(lambda: THREAD not in [thread.name for thread in threading.enumerate()])


def test_it_takes_nothing_from_its_host(run: Run) -> None:
    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            raise AssertionError("the host's policy was asked for a loop")

    token = WHO.set("the host's document")
    asyncio.set_event_loop_policy(Policy())
    try:
        endpoint = run()
        assert get(endpoint.url + "/who").text == "nobody"
        endpoint.close()
    finally:
        asyncio.set_event_loop_policy(None)
        WHO.reset(token)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_abandons_and_the_parent_serves_on(run: Run) -> None:
    endpoint = run()
    kept = http.client.HTTPConnection(LOCAL, endpoint.port, timeout=10)

    def ask() -> bytes:
        kept.request("GET", "/metrics")
        return kept.getresponse().read()

    assert ask() == b"up 1\n"
    (told, tell), (waits, release) = os.pipe(), os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what this is about
        child = os.fork()
    if child == 0:
        try:
            os.close(release)
            before = open_files()
            endpoint.abandon()
            endpoint.close()
            os.write(tell, str(before - open_files()).encode())
            os.read(waits, 1)  # until the parent has closed it
        finally:
            os._exit(0)
    os.close(tell)
    try:
        assert os.read(told, 10) == b"2"  # the listening socket and the connection
        assert ask() == b"up 1\n"
        assert get(endpoint.url + "/metrics").status == 200
        endpoint.close()
        # Nothing in the child, which still lives, keeps the port or the connection open.
        assert kept.sock is not None
        assert kept.sock.recv(1) == b""
        assert run.make().start(LOCAL, [endpoint.port]) == endpoint.port
    finally:
        for fd in (told, release, waits):
            os.close(fd)
        os.waitpid(child, 0)
        kept.close()


# --- the exposition ----------------------------------------------------------------------------

READ = [
    Level("bokeh_sessions", 3.0, ("/a", "connected")),
    Level("bokeh_sessions", 2.0, ("/a", "connected")),
    Level("bokeh_exporter_build_info", 1.0, ("1", "2", "", "4")),
    Level("bokeh_cgroup_memory_events_total", 7.0, ("oom_kill",)),
]


@pytest.fixture
def state() -> State:
    state = State()
    state.touch_app("/a")
    state.histogram("bokeh_session_duration_seconds", "/a").observe(2)
    state.counter("bokeh_exporter_errors_total", 'quote " \\ and\nline').inc()
    state.levels.replace("loop", snapshot([Level("bokeh_sessions", 4.0, ("/a", "connected"))]))
    build_registry_extras(state.registry)
    build_registry_extras(state.registry)  # as after a second start
    state.registry.register(LevelCollector(state, lambda: READ))
    return state


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", OPENMETRICS),
    ],
)
def test_every_family_in_both_formats(state: State, accept: str, content_type: str) -> None:
    got, body = Exposition(state.registry)(accept)
    assert got.startswith(content_type)
    parse = parse_openmetrics if content_type == OPENMETRICS else parse_text
    families = {family.name: family for family in parse(body.decode())}
    samples = {(s.name, *s.labels.values()): s.value for family in families.values() for s in family.samples}
    kinds = {"counter": "_total", "info": "_info"} if parse is parse_openmetrics else {"counter": "_total"}
    for metric in CATALOGUE:
        assert metric.name.removesuffix(kinds.get(metric.kind, "")) in families, metric.name
    assert samples["bokeh_sessions", "/a", "connected"] == 9
    assert samples["bokeh_cgroup_memory_events_total", "oom_kill"] == 7
    assert {"process_resident_memory_bytes", "python_info"} <= families.keys()
    assert not [name for name, *_ in samples if name.endswith("_created")]


def test_an_accept_that_makes_no_sense_is_answered(state: State) -> None:
    # Which format it gets is prometheus_client's affair, and has changed; some of its versions raise.
    for accept in ("application/openmetrics-text;version=not.a.number", "text/plain;version=x", ";;=,", "\xff"):
        assert b"bokeh_sessions" in Exposition(state.registry)(accept)[1]


def test_names_restrict(state: State) -> None:
    def names(*wanted: str) -> set[str]:
        return {s.name for f in parse_text(Exposition(state.registry)("", wanted)[1].decode()) for s in f.samples}

    assert names("bokeh_sessions", "bokeh_sessions_created_total") == {"bokeh_sessions", "bokeh_sessions_created_total"}
    stem = "bokeh_session_duration_seconds"
    assert names(stem) == {stem + "_bucket", stem + "_sum", stem + "_count"}
    assert names("bokeh_exporter_build_info") == {"bokeh_exporter_build_info"}
    assert names("nonsense") == set()


def test_created_stays_on_for_the_host() -> None:
    registry = CollectorRegistry()
    Counter("jobs", "Jobs", registry=registry).inc()
    Histogram("wait", "Wait", registry=registry).observe(1)
    assert b"_created" not in Exposition(registry)(OPENMETRICS)[1]
    assert registry.get_sample_value("jobs_created") is not None


def test_registering_reads_nothing_and_a_bad_level_costs_only_itself() -> None:
    state, calls = State(), 0

    def read() -> list[Level]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise RuntimeError("broken")
        return [Level("bokeh_sessions", 1.0, ("/a",)), Level("nonsense", 1.0), *READ]

    state.registry.register(LevelCollector(state, read))
    assert calls == 0
    assert b'state="connected"} 5.0' in Exposition(state.registry)("")[1]
    text = Exposition(state.registry)("")[1].decode()
    assert "# TYPE bokeh_sessions gauge" in text
    assert 'bokeh_exporter_errors_total{component="levels"} 3.0' in Exposition(state.registry)("")[1].decode()
    assert sum(not is_event(metric) for metric in CATALOGUE) == len(list(LevelCollector(state, read).describe()))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_it(state: State) -> None:
    body = Exposition(state.registry)("")[1]
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
