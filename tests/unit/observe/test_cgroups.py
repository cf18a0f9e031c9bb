"""Memory of the container, from recorded trees of every layout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bokeh_exporter.observe.memory.cgroups import Cgroups

from .trees import CGROUP_V1, ROOT_V2, STAT_V1, UNLIMITED, UNLIMITED_64K, frame, numbers, plant, v1, v2

pytestmark = pytest.mark.once

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

SCOPE = "system.slice/docker-4f2a.scope"
MIB = 1 << 20

#: What the recorded files of one cgroup say besides usage and limit.
REST_V2 = {
    ("inactive_file_bytes",): 3051520,
    ("events_total", "high"): 7,
    ("events_total", "max"): 42,
    ("events_total", "oom"): 3,
    ("events_total", "oom_kill"): 2,
    ("stall_seconds_total", "some"): 2.5,
    ("stall_seconds_total", "full"): 0.75,
}
REST_V1 = {("inactive_file_bytes",): 3051520, ("events_total", "max"): 42, ("events_total", "oom_kill"): 2}


class Machine:
    """A recorded machine in a folder: its /proc/self/cgroup and its /sys/fs/cgroup."""

    def __init__(self, folder: Path) -> None:
        self.proc = folder / "proc"
        self.root = folder / "cgroup"

    def says(self, lines: str) -> None:
        plant(self.proc, {"self/cgroup": lines})

    def has(self, place: str, files: dict[str, str]) -> None:
        plant(self.root / place, files)

    def numbers(self) -> dict[tuple[str, ...], float]:
        return numbers(Cgroups(frame(), self.proc, self.root))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def container(machine: Machine) -> Machine:
    """A v2 container with its own namespace: the usual one."""
    machine.says("0::/\n")
    machine.has("", v2(300 * MIB, str(512 * MIB)))
    return machine


# --- v2 ----------------------------------------------------------------------------------------


def test_v2_on_the_host(machine: Machine) -> None:
    machine.says(f"0::/{SCOPE}\n")
    machine.has("", ROOT_V2)
    machine.has("system.slice", v2(900 * MIB))
    machine.has(SCOPE, v2(300 * MIB, str(512 * MIB)))
    assert machine.numbers() == {("usage_bytes",): 300 * MIB, ("limit_bytes",): 512 * MIB, **REST_V2}


def test_v2_in_a_container_with_a_namespace(container: Machine) -> None:
    assert container.numbers() == {("usage_bytes",): 300 * MIB, ("limit_bytes",): 512 * MIB, **REST_V2}


@pytest.mark.parametrize("path", [f"/{SCOPE}", "/../cri-containerd-4f2a.scope", "/.."])
def test_v2_path_that_is_the_hosts(container: Machine, path: str) -> None:
    # A container without a namespace of its own, or a process moved out of it. systemd may run inside.
    container.says(f"0::{path}\n")
    container.has("system.slice", v2(1 * MIB))
    plant(container.root.parent, v2(7 * MIB))  # where ".." would lead
    plant(container.root.parent / "cri-containerd-4f2a.scope", v2(8 * MIB))
    assert container.numbers()["usage_bytes",] == 300 * MIB


@pytest.mark.parametrize(
    ("limits", "lowest"),
    [
        (("max", "max", "max"), None),
        (("max", "max", "512"), 512),
        (("max", "256", "512"), 256),
        (("128", "256", "512"), 128),
        (("128", "max", "max"), 128),
        (("4096", "max", "0"), 0),
    ],
)
def test_v2_lowest_limit_on_the_way_up(machine: Machine, limits: tuple[str, ...], lowest: int | None) -> None:
    machine.says("0::/kubepods/pod1\n")
    for place, limit in zip(("", "kubepods", "kubepods/pod1"), limits, strict=True):
        machine.has(place, v2(1 * MIB, limit))
    machine.has("kubepods/pod2", v2(1 * MIB, "1"))  # a neighbour's is none of ours
    assert machine.numbers().get(("limit_bytes",)) == lowest


def test_v2_controller_not_handed_down(machine: Machine) -> None:
    # The kernel charges such a process to the nearest cgroup above that has the controller.
    machine.says("0::/user.slice/app.scope\n")
    machine.has("", ROOT_V2)
    machine.has("user.slice", v2(77 * MIB))
    machine.has("user.slice/app.scope", {"cgroup.controllers": "\n", "cgroup.procs": "12\n"})
    assert machine.numbers() == {("usage_bytes",): 77 * MIB, **REST_V2}


def test_v2_without_the_controller_keeps_its_own_pressure(machine: Machine) -> None:
    machine.says("0::/app\n")
    machine.has("", ROOT_V2)
    machine.has("app", {"memory.pressure": v2(0)["memory.pressure"]})
    assert machine.numbers() == {("stall_seconds_total", "some"): 2.5, ("stall_seconds_total", "full"): 0.75}


# --- v1 and hybrid -----------------------------------------------------------------------------


def test_v1_on_the_host(machine: Machine) -> None:
    machine.says(CGROUP_V1.format("/docker/4f2a"))
    machine.has("memory", v1(9000 * MIB))
    machine.has("memory/docker", v1(900 * MIB, f"{1024 * MIB}\n"))
    machine.has("memory/docker/4f2a", v1(300 * MIB, f"{2048 * MIB}\n"))
    assert machine.numbers() == {("usage_bytes",): 300 * MIB, ("limit_bytes",): 1024 * MIB, **REST_V1}


def test_v1_in_a_container(machine: Machine) -> None:
    # The path is the host's, the container sees its own cgroup mounted.
    machine.says(CGROUP_V1.format("/kubepods/pod1/4f2a"))
    machine.has("memory", v1(300 * MIB, f"{512 * MIB}\n"))
    assert machine.numbers() == {("usage_bytes",): 300 * MIB, ("limit_bytes",): 512 * MIB, **REST_V1}


@pytest.mark.parametrize("unlimited", [UNLIMITED, UNLIMITED_64K])
def test_v1_without_limit(machine: Machine, unlimited: str) -> None:
    machine.says(CGROUP_V1.format("/"))
    machine.has("memory", v1(300 * MIB, unlimited))
    assert machine.numbers() == {("usage_bytes",): 300 * MIB, **REST_V1}


def test_v1_limit_of_an_ancestor_out_of_sight(machine: Machine) -> None:
    machine.says(CGROUP_V1.format("/kubepods/pod1/4f2a"))
    seen = v1(300 * MIB)
    seen["memory.stat"] = STAT_V1.replace("hierarchical_memory_limit 9223372036854771712",
                                          f"hierarchical_memory_limit {700 * MIB}")  # fmt: skip
    machine.has("memory", seen)
    assert machine.numbers()["limit_bytes",] == 700 * MIB


def test_v1_before_oom_kills_were_counted(machine: Machine) -> None:
    machine.says(CGROUP_V1.format("/"))
    machine.has("memory", {**v1(300 * MIB), "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"})
    assert [key for key in machine.numbers() if key[0] == "events_total"] == [("events_total", "max")]


def test_hybrid_with_the_controller_in_v1(machine: Machine) -> None:
    machine.says(CGROUP_V1.format("/docker/4f2a") + "0::/\n")
    machine.has("unified", {"cgroup.controllers": "\n", "memory.pressure": ROOT_V2["memory.pressure"]})
    machine.has("memory", v1(9000 * MIB))
    machine.has("memory/docker/4f2a", v1(300 * MIB, f"{512 * MIB}\n"))
    assert machine.numbers() == {("usage_bytes",): 300 * MIB, ("limit_bytes",): 512 * MIB, **REST_V1}


def test_hybrid_with_the_controller_in_v2(machine: Machine) -> None:
    machine.says("2:cpu,cpuacct:/\n1:name=systemd:/app\n0::/app\n")
    machine.has("unified", ROOT_V2)
    machine.has("unified/app", v2(300 * MIB, str(512 * MIB)))
    assert machine.numbers() == {("usage_bytes",): 300 * MIB, ("limit_bytes",): 512 * MIB, **REST_V2}


def test_v2_with_a_cgroup_that_is_called_unified(container: Machine) -> None:
    container.has("unified", v2(1 * MIB))
    assert container.numbers()["usage_bytes",] == 300 * MIB


# --- what cannot be had ------------------------------------------------------------------------


def test_no_proc(machine: Machine) -> None:
    machine.has("", v2(300 * MIB))
    assert machine.numbers() == {}


@pytest.mark.parametrize("lines", ["", "\n", "nonsense\n", "1:name=systemd:/\n2:cpu,cpuacct:/\n"])
def test_no_memory_cgroup(machine: Machine, lines: str) -> None:
    machine.says(lines)
    machine.has("", v2(300 * MIB))
    assert machine.numbers() == {}


@pytest.mark.parametrize("lines", ["0::/\n", f"0::/{SCOPE}\n", CGROUP_V1.format("/docker/4f2a")])
def test_nothing_mounted(machine: Machine, lines: str) -> None:
    machine.says(lines)
    assert machine.numbers() == {}


@pytest.mark.parametrize(
    ("file", "text", "missing"),
    [
        ("memory.current", "", {("usage_bytes",)}),
        ("memory.current", "-1\n", {("usage_bytes",)}),
        ("memory.max", "many\n", {("limit_bytes",)}),
        ("memory.stat", "anon 1\ninactive_file\n", {("inactive_file_bytes",)}),
        ("memory.events", "high 7\nmax 42\noom x\noom_kill 2\n", {("events_total", "oom")}),
        ("memory.events", "high 7\nmax 42\noom 3\noom_kill 2 2\n", {("events_total", "oom_kill")}),
        ("memory.pressure", "some avg10=0.00 total=\nfull total=750000\n", {("stall_seconds_total", "some")}),
        ("memory.pressure", "some\nfull avg10=0.00 total=750000\nmost total=1", {("stall_seconds_total", "some")}),
    ],
)  # fmt: skip
def test_malformed_costs_its_own_number_only(
    container: Machine, file: str, text: str, missing: set[tuple[str, ...]]
) -> None:
    before = container.numbers()
    container.has("", {file: text})
    assert container.numbers() == {key: value for key, value in before.items() if key not in missing}


@pytest.mark.parametrize(
    ("file", "family"),
    [
        ("memory.current", "usage_bytes"),
        ("memory.max", "limit_bytes"),
        ("memory.stat", "inactive_file_bytes"),
        ("memory.events", "events_total"),
        ("memory.pressure", "stall_seconds_total"),
    ],
)
def test_file_that_vanishes(container: Machine, file: str, family: str) -> None:
    before = container.numbers()
    (container.root / file).unlink()
    (container.root / file).symlink_to("gone")  # listed, and not there when it is opened
    assert container.numbers() == {key: value for key, value in before.items() if key[0] != family}


@linux
@pytest.mark.parametrize("target", ["/proc/self/mem", "/proc/self"])
def test_pressure_that_cannot_be_read(container: Machine, target: str) -> None:
    # Kernels without PSI fail with EOPNOTSUPP on open or on read. These fail there with EISDIR and EIO.
    (container.root / "memory.pressure").unlink()
    (container.root / "memory.pressure").symlink_to(target)
    assert {key[0] for key in container.numbers()} == {
        "usage_bytes", "limit_bytes", "inactive_file_bytes", "events_total",
    }  # fmt: skip


def test_process_that_is_moved(machine: Machine) -> None:
    for place, usage in (("one", 1 * MIB), ("two", 2 * MIB)):
        machine.has(place, v2(usage))
    observer = Cgroups(frame(), machine.proc, machine.root)
    for place, usage in (("one", 1 * MIB), ("two", 2 * MIB)):
        machine.says(f"0::/{place}\n")
        assert numbers(observer)["usage_bytes",] == usage


def test_name_that_is_not_utf8(machine: Machine) -> None:
    plant(machine.proc / "self", {})
    (machine.proc / "self" / "cgroup").write_bytes(b"0::/caf\xe9:1\n")
    machine.has("", ROOT_V2)
    machine.has("caf\udce9:1", v2(5 * MIB))
    assert machine.numbers()["usage_bytes",] == 5 * MIB
