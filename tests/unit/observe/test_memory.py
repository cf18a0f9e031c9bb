"""Resident memory, from recorded status files and from this very process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bokeh_exporter.observe.memory.process import PROC, ResidentMemory

from .trees import STATUS, frame, numbers, plant

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


def read(proc: Path) -> dict[tuple[str, ...], float]:
    """Return the kinds alone; what the allocator says is of this process, wherever its files are."""
    return {key: value for key, value in numbers(ResidentMemory(frame(), proc)).items() if key[0] == "rss_bytes"}


def status(tmp_path: Path, text: str) -> Path:
    return plant(tmp_path / "proc", {"self/status": text})


def test_kinds_in_bytes(tmp_path: Path) -> None:
    assert read(status(tmp_path, STATUS)) == {
        ("rss_bytes", "anon"): 163844096,
        ("rss_bytes", "file"): 46080000,
        ("rss_bytes", "shmem"): 114688,
    }


def test_malformed_line_costs_its_own_number_only(tmp_path: Path) -> None:
    for bad in ("RssFile:\t", "RssFile:\t  x45 kB", "RssFile:\t   45000 MB", "RssFile:\t  45000"):
        text = STATUS.replace("RssFile:\t   45000 kB", bad)
        assert set(read(status(tmp_path, text))) == {("rss_bytes", "anon"), ("rss_bytes", "shmem")}, bad


def test_name_of_the_program_in_another_encoding(tmp_path: Path) -> None:
    proc = status(tmp_path, "")
    (proc / "self" / "status").write_bytes(STATUS.replace("python", "caf\xe9").encode("latin-1"))
    assert read(proc)["rss_bytes", "file"] == 46080000


@linux
def test_kinds_sum_to_what_psutil_sees() -> None:
    ballast = b"x" * (64 << 20)  # so that a few percent is more than what the test itself allocates
    kinds = read(PROC)
    rss = psutil.Process().memory_info().rss
    assert set(kinds) == {("rss_bytes", "anon"), ("rss_bytes", "file"), ("rss_bytes", "shmem")}
    assert sum(kinds.values()) == pytest.approx(rss, rel=0.03)
    assert kinds["rss_bytes", "anon"] > len(ballast)


@linux
def test_linux_never_imports_psutil() -> None:
    program = (
        "import sys; sys.modules['psutil'] = None\n"  # importing it now raises
        "from bokeh_exporter.observe.memory.process import resident\n"
        "assert set(resident()) == {'anon', 'file', 'shmem'}, resident()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_without_proc(tmp_path: Path) -> None:
    kinds = read(tmp_path / "nothing")
    assert set(kinds) == {("rss_bytes", "anon")}
    assert kinds["rss_bytes", "anon"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.03)


def test_status_that_does_not_tell_the_kinds(tmp_path: Path) -> None:
    # gVisor, and Linux before 4.5
    text = "".join(line for line in STATUS.splitlines(keepends=True) if not line.startswith("Rss"))
    kinds = read(status(tmp_path, text))
    assert set(kinds) == {("rss_bytes", "anon")}
    assert kinds["rss_bytes", "anon"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.03)


@linux
def test_absent_where_psutil_fails_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "nothing"))
    assert read(tmp_path / "nothing") == {}


def test_absent_without_psutil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert read(tmp_path / "nothing") == {}
