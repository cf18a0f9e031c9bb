"""Bad input: one line that names the thing and the remedy. A bad value ends the start, a bad circumstance does not."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ..support.servers import (
    APPS,
    ServerProcess,
    StartError,
    answers,
    bokeh_serve,
    environment,
    free_port,
    panel_serve,
    python_script,
)
from ..support.waiting import wait_until
from ..support.web import get

pytestmark = pytest.mark.once

Serve = Callable[[ServerProcess], ServerProcess]


def our_lines(log: str) -> list[str]:
    """Return the lines of the exporter that are no start line."""
    return [line for line in log.splitlines() if "bokeh_exporter" in line.lower() and " serves http" not in line]


# --- what ends the start: status 64 ----------------------------------------------------------------


def run(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """``bokeh-exporter run WORDS``."""
    return subprocess.run(
        [sys.executable, "-m", "bokeh_exporter", "run", *words], capture_output=True, text=True, env=environment(env)
    )


MARK = [sys.executable, "-c", "print('the command ran')"]


@pytest.mark.parametrize(
    ("flags", "env", "says"),
    [
        (["--port", "80a"], {}, "--port: '80a' cannot be used, it must be a whole number from 0 to 65535"),
        (
            [],
            {"BOKEH_EXPORTER_PORT": "70000"},
            "BOKEH_EXPORTER_PORT: '70000' cannot be used, it must be a whole number",
        ),
        (["--sample-period", "0"], {}, "--sample-period: '0' cannot be used, it must be a number of seconds from 0.05"),
        (["--collect", "deep"], {}, "--collect: 'deep' cannot be used, it must be one of session, update, callback"),
        ([], {"BOKEH_EXPORTER_DISABLED": "yes"}, "BOKEH_EXPORTER_DISABLED: 'yes' cannot be used, it must be 0 or 1"),
        (
            [],
            {"BOKEH_EXPORTER_TOKEN": "t0psecret", "BOKEH_EXPORTER_TOKEN_FILE": "secrets"},
            "BOKEH_EXPORTER_TOKEN and BOKEH_EXPORTER_TOKEN_FILE are both set: keep one of them",
        ),
        (["--token", "t0psecret", "--token-file", "f"], {}, "are both set: keep one of them"),
        (["--tls-cert", "a.pem"], {}, "TLS_CERT is set without BOKEH_EXPORTER_TLS_KEY: TLS needs both, or neither"),
        ([], {"BOKEH_EXPORTER_TLS_KEY": "a.key"}, "TLS_KEY is set without BOKEH_EXPORTER_TLS_CERT: TLS needs both"),
    ],
)
def test_run_with_a_bad_value(flags: Sequence[str], env: dict[str, str], says: str) -> None:
    done = run(*flags, *MARK, **env)
    assert (done.returncode, done.stdout) == (64, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert "t0psecret" not in done.stderr


def test_run_with_an_unknown_flag() -> None:
    done = run("--prot", "1", *MARK)
    assert (done.returncode, done.stdout) == (64, "")
    assert "no such option" in done.stderr
    assert "--prot" in done.stderr
    assert "--port" in done.stderr  # the remedy


def test_run_without_a_command() -> None:
    done = run("--port", "0")
    assert (done.returncode, done.stdout) == (64, "")
    assert "COMMAND" in done.stderr


def test_run_with_a_command_that_is_not_there() -> None:
    done = run("bokehh", "serve", "app.py")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == (
        "bokeh-exporter run: 'bokehh' is not a command on the path: "
        "check its spelling, or activate the environment it is in\n"
    )


@pytest.mark.front_door
@pytest.mark.parametrize("how", ["setup by variable", "setup by keyword", "lifecycle", "run of a setup"])
def test_a_bad_value_ends_the_server_before_it_listens(serve: Serve, how: str) -> None:
    bad: dict[str, str | None] = {"BOKEH_EXPORTER_SAMPLE_PERIOD": "soon"}
    says = "bokeh_exporter: BOKEH_EXPORTER_SAMPLE_PERIOD: 'soon' cannot be used, it must be a number of seconds"
    if how == "setup by variable":
        server = panel_serve("slider_panel.py", env=bad)
    elif how == "setup by keyword":
        server = panel_serve("slider_panel.py", setup=APPS / "bad_setup.py")
        says = says.replace("BOKEH_EXPORTER_SAMPLE_PERIOD", "sample_period")
    elif how == "lifecycle":
        server = bokeh_serve("lifecycle_app", run=False, env=bad)
    else:
        server = panel_serve("slider_panel.py", "--setup", APPS / "bad_setup.py", run=True)
        says = says.replace("BOKEH_EXPORTER_SAMPLE_PERIOD", "sample_period")
    with pytest.raises(StartError) as ended:
        serve(server)
    assert ended.value.returncode == 64
    (line,) = our_lines(ended.value.log)
    assert line.startswith(says)
    assert "Traceback" not in ended.value.log
    assert "running at" not in ended.value.log


@pytest.mark.front_door
def test_a_bad_value_under_num_procs_ends_all_of_it(serve: Serve) -> None:
    """Panel runs the script in the children after they listen; tornado would start each of them a hundred times."""
    server = panel_serve(
        "slider_panel.py", "--num-procs", "2", env={"BOKEH_EXPORTER_SAMPLE_PERIOD": "soon"}, wait=False
    )
    serve(server)
    server.wait_exit()
    wait_until(lambda: not answers(server.ports[0]), message="no child holds the port")
    assert 1 <= len(our_lines(server.log())) <= 2


# --- what the app runs on with ---------------------------------------------------------------------


@contextlib.contextmanager
def held(address: str = "127.0.0.1") -> Iterator[int]:
    """Hold a port."""
    with socket.socket() as sock:
        sock.bind((address, 0))
        sock.listen()
        yield sock.getsockname()[1]


def app_runs_without_endpoint(server: ServerProcess, says: str) -> str:
    """The app works, and the log has the one line, as an error and without a traceback. Return the line."""
    with server.open_tab("/slider_bokeh") as tab:
        tab.set("n", value=3)
        assert tab.value("out", "text") == "n = 3"
    server.wait_log("bokeh_exporter does not listen")
    (line,) = our_lines(server.log())
    assert re.search(says, line), line
    assert line.endswith("The app and the hooks keep running")
    assert "Traceback" not in server.log()
    assert " serves http" not in server.log()
    return line


def a_file(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "token"
    if kind == "empty":
        path.write_text(" \n")
    elif kind == "folder":
        path.mkdir()
    elif kind == "bytes":
        path.write_bytes(b"\xff\xfe\xfa")
    return path


@pytest.mark.front_door
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", r"BOKEH_EXPORTER_TOKEN_FILE=\S+token cannot be read \(.*No such file.*\): give a file that this"),
        ("folder", r"BOKEH_EXPORTER_TOKEN_FILE=\S+token cannot be read \(.*\): give a file that this user may read"),
        ("bytes", r"BOKEH_EXPORTER_TOKEN_FILE=\S+token cannot be read \(.*\): give a file that this user may read"),
        ("empty", r"BOKEH_EXPORTER_TOKEN_FILE=\S+token is empty: put the token into it"),
    ],
)
def test_a_token_file_that_gives_no_token_leaves_the_endpoint_closed(
    serve: Serve, tmp_path: Path, kind: str, says: str
) -> None:
    port = free_port()
    server = serve(
        bokeh_serve(
            "slider_bokeh.py",
            env={"BOKEH_EXPORTER_TOKEN_FILE": str(a_file(tmp_path, kind)), "BOKEH_EXPORTER_PORT": str(port)},
        )
    )
    app_runs_without_endpoint(server, says)
    assert not answers(port)


@pytest.mark.front_door
def test_a_certificate_that_is_missing_leaves_the_endpoint_closed(serve: Serve, tmp_path: Path) -> None:
    port = free_port()
    env = {
        "BOKEH_EXPORTER_TLS_CERT": str(tmp_path / "cert.pem"),
        "BOKEH_EXPORTER_TLS_KEY": str(tmp_path / "key.pem"),
        "BOKEH_EXPORTER_PORT": str(port),
    }
    server = serve(bokeh_serve("slider_bokeh.py", env=env))
    app_runs_without_endpoint(
        server, r"BOKEH_EXPORTER_TLS_CERT=\S+cert.pem cannot be read \(No such file or directory\)"
    )
    assert not answers(port)


@pytest.mark.front_door
def test_a_port_in_use(serve: Serve) -> None:
    with held() as port:
        server = serve(bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_PORT": str(port)}))
        app_runs_without_endpoint(
            server, rf"port {port} on 127.0.0.1 is in use: .*set BOKEH_EXPORTER_PORT to another \(0 takes a free one\)"
        )


#: A server without the rights of root that matter here. Another user could not read the tests in every folder.
WITHOUT_RIGHTS = [
    "setpriv", "--inh-caps=-all", "--bounding-set=-net_bind_service,-dac_override,-dac_read_search", "--",
]  # fmt: skip


@pytest.mark.front_door
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere everybody may listen on low ports")
@pytest.mark.parametrize("what", ["port", "token file"])
def test_what_this_user_may_not_have(serve: Serve, tmp_path: Path, what: str) -> None:
    secret = a_file(tmp_path, "")
    secret.write_text("t0psecret")
    secret.chmod(0)
    says = r"BOKEH_EXPORTER_TOKEN_FILE=\S+token cannot be read \(.*Permission denied.*\): give a file that this user"
    env = {"BOKEH_EXPORTER_TOKEN_FILE": str(secret)}
    if what == "port":
        if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
            pytest.skip("everybody may listen on low ports here")
        env = {"BOKEH_EXPORTER_PORT": "81"}
        says = "this user may not listen on port 81 of 127.0.0.1: set BOKEH_EXPORTER_PORT to one from 1024 up"
    server = bokeh_serve("slider_bokeh.py", env=env)
    if os.geteuid() == 0:
        server.command[:0] = WITHOUT_RIGHTS
    line = app_runs_without_endpoint(serve(server), says)
    assert "t0psecret" not in line


# --- what is only said -----------------------------------------------------------------------------


@pytest.mark.front_door
def test_unknown_variables_and_a_public_address_warn(serve: Serve) -> None:
    env = {"BOKEH_EXPORTER_ADDRESS": "0.0.0.0", "BOKEH_EXPORTER_PROT": "1", "BOKEH_EXPORTER_XYZZY": "1"}
    server = serve(bokeh_serve("slider_bokeh.py", env=env))
    assert get(server.exporter_url.replace("0.0.0.0", "127.0.0.1") + "/metrics").status == 200
    misspelt, unknown, public = our_lines(server.log())
    assert "BOKEH_EXPORTER_PROT is not a bokeh_exporter variable: did you mean BOKEH_EXPORTER_PORT?" in misspelt
    assert "BOKEH_EXPORTER_XYZZY is not a bokeh_exporter variable: known are BOKEH_EXPORTER_ADDRESS, " in unknown
    assert "bokeh_exporter listens on 0.0.0.0 without a token: anyone who reaches it can read it" in public
    assert public.endswith("Set BOKEH_EXPORTER_TOKEN_FILE")


@pytest.mark.front_door
def test_a_public_address_with_a_token_does_not_warn(serve: Serve, tmp_path: Path) -> None:
    secret = a_file(tmp_path, "")
    secret.write_text("t0psecret\n")
    env = {"BOKEH_EXPORTER_ADDRESS": "0.0.0.0", "BOKEH_EXPORTER_TOKEN_FILE": str(secret)}
    server = serve(bokeh_serve("slider_bokeh.py", env=env))
    url = server.exporter_url.replace("0.0.0.0", "127.0.0.1") + "/metrics"
    assert get(url).status == 401
    assert get(url, token="t0psecret").status == 200
    assert our_lines(server.log()) == []
    assert "t0psecret" not in server.log()


@pytest.mark.front_door
def test_disabled_hooks_nothing_and_opens_nothing(serve: Serve) -> None:
    port = free_port()
    server = serve(
        python_script("server_functions.py", env={"BOKEH_EXPORTER_DISABLED": "1", "BOKEH_EXPORTER_PORT": str(port)})
    )
    with server.open_tab("/good") as tab:
        tab.set("n", value=3)
        assert tab.value("out", "text") == "n = 3"
    (line,) = our_lines(server.log())
    assert line.endswith("bokeh_exporter is switched off by BOKEH_EXPORTER_DISABLED")
    assert not answers(port)
