"""Prometheus' web configuration file, on the endpoint itself: certificates of clients, users, a rate limit."""

from __future__ import annotations

import base64
import contextlib
import ssl
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bokeh_exporter.config import Config, ConfigError
from bokeh_exporter.expose.http import Answer, Endpoint, EndpointError, Route
from bokeh_exporter.expose.listening import LOOK, Renewal, open_endpoint
from bokeh_exporter.expose.web.config import read_web_config
from bokeh_exporter.expose.web.rate import RateLimit
from bokeh_exporter.expose.web.users import Users

from ...support.web import get
from .test_http import pem

ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/metrics"): lambda request: Answer(200, b"up 1\n", "text/plain"),
    ("GET", "/healthz"): lambda request: Answer(200, b"ok\n", "text/plain"),
}

Open = Callable[[str], Endpoint]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


@pytest.fixture
def serve(file: Path) -> Iterator[Open]:
    """Open endpoints as a file wants them."""
    with contextlib.ExitStack() as stack:

        def make(text: str) -> Endpoint:
            file.write_text(text)
            config = Config(port=0, web_config_file=str(file))
            endpoint = open_endpoint(config, ROUTES, lambda error: None)
            stack.callback(endpoint.close)
            return endpoint

        yield make


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def hashed(password: str) -> str:
    bcrypt = pytest.importorskip("bcrypt")
    return str(bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode())


# --- TLS --------------------------------------------------------------------------------------------


def test_clients_need_a_certificate_of_the_authority(serve: Open, tmp_path: Path) -> None:
    cert, _ = pem(tmp_path, "server")
    client, stranger = pem(tmp_path, "client"), pem(tmp_path, "stranger")
    endpoint = serve(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  min_version: TLS12\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: client.pem\n"
    )

    def asks(pair: tuple[str, str] | None) -> int:
        trust = ssl.create_default_context(cafile=cert)
        if pair is not None:
            trust.load_cert_chain(*pair)
        return get(f"{endpoint.url}/metrics", context=trust).status

    assert endpoint.url.startswith("https://")
    assert asks(client) == 200
    for pair in None, stranger:
        with pytest.raises((OSError, urllib.error.URLError)):
            asks(pair)


# --- users ------------------------------------------------------------------------------------------


def test_users_ask_with_their_password(serve: Open) -> None:
    endpoint = serve(f"basic_auth_users:\n  alice: {hashed('pass:word')}\n")

    def asks(headers: dict[str, str]) -> int:
        return get(f"{endpoint.url}/metrics", headers=headers).status

    refused = get(f"{endpoint.url}/metrics")
    assert (refused.status, refused.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    assert get(f"{endpoint.url}/healthz").status == 200
    assert asks(basic("alice", "pass:word")) == 200
    assert asks(basic("alice", "wrong")) == asks(basic("bob", "pass:word")) == asks({"Authorization": "Basic ?"}) == 401
    # Whoever guesses is slowed down; who was right once is let in all the same.
    guesses = [asks(basic("alice", f"guess {number}")) for number in range(12)]
    assert guesses[-1] == 429
    assert asks(basic("alice", "pass:word")) == 200


def test_hashes_are_computed_so_often_a_minute_and_once_for_who_is_right() -> None:
    clock, computed = [0.0], list[bytes]()

    def check(password: bytes, stored: bytes) -> bool:
        computed.append(password)
        return password == stored

    users = Users({"alice": b"right"}, check, lambda: clock[0])

    def knows(user: str, password: str) -> bool | None:
        return users.knows(basic(user, password)["Authorization"].partition(" ")[2])

    assert [knows("alice", "right") for _ in range(3)] == [True, True, True]
    assert computed == [b"right"]
    assert knows("nobody", "right") is False
    assert len(computed) == 2, "an unknown user takes as long as a known one"
    answers = [knows("alice", str(number)) for number in range(40)]
    assert answers == [False] * 28 + [None] * 12
    assert knows("alice", "right") is True
    clock[0] = 61.0
    assert knows("alice", "0") is False


# --- the rate ---------------------------------------------------------------------------------------


def test_requests_beyond_the_rate_wait_and_probes_do_not(serve: Open) -> None:
    endpoint = serve("rate_limit:\n  interval: 1h\n  burst: 2\n")
    answers = [get(f"{endpoint.url}/metrics") for _ in range(3)]
    assert [each.status for each in answers] == [200, 200, 429]
    assert 3500 < int(answers[2].headers["Retry-After"]) <= 3600
    assert get(f"{endpoint.url}/healthz").status == 200


def test_a_bucket_fills_up_again() -> None:
    clock = [0.0]
    rate = RateLimit(2.0, 2, lambda: clock[0])
    assert [rate.wait() for _ in range(3)] == [0.0, 0.0, 2.0]
    clock[0] = 1.0
    assert rate.wait() == 1.0
    clock[0] = 100.0
    assert [rate.wait() for _ in range(3)] == [0.0, 0.0, 2.0]


# --- the file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tls_config: {}", "the key 'tls_config', which is not offered; known are basic_auth_users, rate_limit, tls_"),
        ("http_server_config: {http2: true}", "the key 'http_server_config', which is not offered"),
        ("tls_server_config: {cert: x}", "tls_server_config has the key 'cert', which is not offered"),
        ("tls_server_config: {cert_file: a.pem}", "it needs cert_file and key_file"),
        ("tls_server_config: [1]", "tls_server_config must have keys and values"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}",
            "must be one of NoC",
        ),
        ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "client_ca_file goes with"),
        ("rate_limit: {interval: fast}", "interval is a time such as 100ms"),
        ("rate_limit: {interval: 1s, burst: 0}", "burst a number from 1 up"),
        ("basic_auth_users: [alice]", "must have a name and a hash in each line"),
        ("a: [", "is not YAML at line"),
        ("- a", "the file must have keys and values"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises((ConfigError, EndpointError), match=said) as refused:
        read_web_config(str(file))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"BOKEH_EXPORTER_WEB_CONFIG_FILE=.* cannot be read"):
        read_web_config(str(file))


def test_a_password_that_is_not_hashed_is_refused(file: Path) -> None:
    pytest.importorskip("bcrypt")
    file.write_text("basic_auth_users: {alice: secret}")
    with pytest.raises(ConfigError, match="what stands for 'alice' is no hash of bcrypt's") as refused:
        read_web_config(str(file))
    assert "secret" not in str(refused.value)


def test_the_file_is_read_again_when_it_changes(serve: Open, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("bokeh_exporter.expose.listening.time", SimpleNamespace(monotonic=lambda: clock[0]))
    endpoint = serve("rate_limit: {interval: 1h, burst: 1}\n")
    renewal = Renewal(Config(port=0, web_config_file=str(file)), endpoint)
    assert [get(f"{endpoint.url}/metrics").status for _ in range(2)] == [200, 429]
    file.write_text("rate_limit: {interval: 1h, burst: 50}\n")
    clock[0] += LOOK
    renewal.look()
    assert [get(f"{endpoint.url}/metrics").status for _ in range(3)] == [200, 200, 200]
    file.write_text("nonsense: 1\n")
    clock[0] += LOOK
    renewal.look()
    assert get(f"{endpoint.url}/metrics").status == 200, "what was there stays in use"
