"""Runs a script in a Python process that runs, by what Python 3.14 has for that (PEP 768, ``sys.remote_exec``).

No debugger is used, so on older Pythons there is no way. The script is put where the process can read it, which in a
container is another root than ours, and its answer is waited for in a file beside it. Such a process cannot read our
packages either: a copy is put there, if it has none of its own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

#: Seconds until it is said that it takes long, and until it is given up.
_SAYS, _WAITS = 3.0, 120.0
_OLD = (
    "Python {running} cannot run anything in another process, 3.14 and newer can: start the server with the exporter "
    "(bokeh-exporter run COMMAND, or panel serve --setup); where one runs with debug on, SIGUSR2 makes it explain"
)
_NO_RIGHT = "you may not trace process {pid}: be its user or root; a container needs the capability SYS_PTRACE"
#: What Python says of a process, by its words, and what to do then.
_REMEDIES = {
    "to a Python": "this command runs Python {running}; run it with the server's Python, 3.14 or newer",
    "not enabled": (
        "it was started with PYTHON_DISABLE_REMOTE_DEBUG or -X disable-remote-debug, which counts from its start on; "
        "start it without, or with the exporter (bokeh-exporter run COMMAND)"
    ),
}
_REMEDY = "give the PID of a server that runs Python {running}, as this command does"
#: What a server with Bokeh does not have, and the exporter needs in it.
_PACKAGES = ("bokeh_exporter", "prometheus_client", "psutil")
_SCRIPT = """
import importlib.util, json, os, sys
answer, paths = {answer!r}, []
if getattr(importlib.util.find_spec("bokeh_exporter"), "origin", None) is None:
    paths = [path for path in {paths!r} if path not in sys.path]
open(answer + ".begun", "w").close()
sys.path += paths
try:
    from bokeh_exporter import attaching
    {call}
except BaseException as error:
    for path in paths:
        sys.path.remove(path)
    with open(answer + ".part", "w") as file:
        json.dump({{"error": "the server cannot load bokeh_exporter: %s: %s" % (type(error).__name__, error)}}, file)
    os.replace(answer + ".part", answer)
"""


class RemoteError(Exception):
    """It cannot be done: one line with the remedy."""


def run_in(pid: int, call: str, say: Callable[[str], None], *, brings: bool = False) -> Mapping[str, Any]:
    """Let a process run a call of :mod:`bokeh_exporter.attaching`, and return its answer.

    Args:
        pid: of the process.
        call: a line of Python; it knows ``attaching``, ``answer``, the file for the answer, and ``paths``.
        say: hears, once, that it takes long.
        brings: whether a process with another root gets a copy of our packages, where it has none.

    Raises:
        RemoteError: Python, the system or the process refuses.
    """
    execute = getattr(sys, "remote_exec", None)
    if execute is None:
        raise RemoteError(_OLD.format(running=".".join(map(str, sys.version_info[:2]))))
    try:
        owner = psutil.Process(pid).uids().effective if hasattr(os, "getuid") else None
    except psutil.Error:
        raise RemoteError(f"there is no process {pid}, or you may not look at it") from None
    # A container has another root than we have, and its process cannot see our files.
    root = Path(f"/proc/{pid}/root") if Path(f"/proc/{pid}/root/tmp").is_dir() else None
    # As the process sees it; and there has to be such a script where we are, or Python refuses.
    seen = Path(tempfile.mkdtemp(prefix="bokeh-exporter-attach-", dir="/tmp" if root is not None else None))  # noqa: S108
    foreign = root is not None and not root.samefile("/")
    folder = root / "tmp" / seen.name if root is not None and foreign else seen
    packages, stays = folder / "packages", False
    try:
        try:
            folder.mkdir(mode=0o700, exist_ok=not foreign)
            _lay(call, seen, folder, owner, brings)
        except PermissionError:
            raise RemoteError(_NO_RIGHT.format(pid=pid)) from None
        except OSError as error:
            raise RemoteError(
                f"the script for process {pid} cannot be put where it reads ({error}): its /tmp must be writable"
            ) from None
        _execute(execute, pid, str(seen / "script.py"))
        answer = _answer(pid, folder / "answer.json", say)
        stays = str(seen / "packages") in answer.get("paths", ())
        return answer
    finally:
        # Modules are imported from a copy for ever.
        for path in {*(folder.iterdir() if stays else (folder,)), *((seen,) if foreign else ())} - {packages}:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _lay(call: str, seen: Path, folder: Path, owner: int | None, brings: bool) -> None:
    """Put the script into a folder, ``seen`` by the process, which is of ``owner``; and packages, if it has none."""
    paths, foreign = _paths(), folder != seen
    if foreign:
        paths = [str(seen / "packages")]
        for name in _PACKAGES if brings else ():
            _copy(name, folder / "packages")
    script = folder / "script.py"
    script.write_text(_SCRIPT.format(answer=str(seen / "answer.json"), paths=paths, call=call), encoding="utf-8")
    if foreign:
        shutil.copy(script, seen)
    if owner is not None and owner != os.geteuid():
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, -1)


def _copy(name: str, target: Path) -> None:
    spec = importlib.util.find_spec(name)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        shutil.copytree(folder, target / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))


def _paths() -> list[str]:
    """Return where this package is, and what it needs."""
    found = [str(Path(__file__).resolve().parents[2]), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return list(dict.fromkeys(found))


def _execute(execute: Any, pid: int, script: str) -> None:
    try:
        execute(pid, script)
    except PermissionError:
        raise RemoteError(_NO_RIGHT.format(pid=pid)) from None
    except (RuntimeError, OSError) as error:
        said = " ".join(str(part) for part in (error, error.__cause__) if part)
        running = ".".join(map(str, sys.version_info[:2]))
        remedy = next((line for words, line in _REMEDIES.items() if words in said), _REMEDY)
        raise RemoteError(
            f"Python does not let us into process {pid} ({said}): {remedy.format(running=running)}"
        ) from None


def _answer(pid: int, path: Path, say: Callable[[str], None]) -> Mapping[str, Any]:
    """Wait for the answer: the process runs the script when its main thread next runs Python."""
    begun, told, begins = time.monotonic(), False, Path(f"{path}.begun")
    while not path.exists():
        waited = time.monotonic() - begun
        if not psutil.pid_exists(pid):
            raise RemoteError(f"process {pid} has ended")
        runs = begins.exists()
        if waited > _WAITS:
            raise RemoteError(
                f"process {pid} has not answered for {_WAITS:.0f} s: it goes on with what it was asked for" if runs else
                f"process {pid} has not run any Python for {_WAITS:.0f} s in its main thread: it is blocked in C"
            )  # fmt: skip
        if waited > _SAYS and not told:
            say(f"waiting: process {pid} is {'at it' if runs else 'blocked'}, or its event loop is busy")
            told = True
        if not runs:
            _wake(pid)
        time.sleep(0.1)
    done: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "error" in done:
        raise RemoteError(str(done["error"]))
    return done


def _wake(pid: int) -> None:
    """Let a server that waits for something to happen run some Python: knock at its ports."""
    with contextlib.suppress(psutil.Error, OSError):
        for each in psutil.Process(pid).net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN:
                host = "127.0.0.1" if each.laddr.ip in ("0.0.0.0", "::", "127.0.0.1") else each.laddr.ip  # noqa: S104
                with contextlib.suppress(OSError), socket.create_connection((host, each.laddr.port), 0.5):
                    pass
