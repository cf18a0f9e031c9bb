"""Starting and stopping in every order, from several threads, and from within each other."""

from __future__ import annotations

import threading

from bokeh_exporter.switch import Switch

from ..support.waiting import wait_until


def test_an_end_that_comes_during_a_step_waits_and_takes_it_back() -> None:
    did: list[str] = []
    opening, go_on = threading.Event(), threading.Event()
    switch = Switch(lambda: did.append("end"))

    def opens() -> None:
        opening.set()
        assert go_on.wait(20)
        did.append("open")

    starting = threading.Thread(target=lambda: switch.during(opens))
    starting.start()
    assert opening.wait(20)
    ends = [threading.Thread(target=switch.turn_off) for _ in range(3)]
    for thread in ends:
        thread.start()
    wait_until(lambda: switch.off)
    assert did == []
    go_on.set()
    for thread in (starting, *ends):
        thread.join(20)
    assert did == ["open", "end"]
    switch.during(lambda: did.append("late"))
    assert did == ["open", "end"]


def test_an_end_from_within_a_step() -> None:
    did: list[str] = []
    switch = Switch(lambda: did.append("end"))

    def opens() -> None:
        switch.during(switch.turn_off)
        did.append("open")

    switch.during(opens)
    assert did == ["open", "end"]


def test_a_step_that_hangs_ends_everything_itself() -> None:
    did: list[str] = []
    hanging, go_on = threading.Event(), threading.Event()
    switch = Switch(lambda: did.append("end"), patience=0.05)

    def hangs() -> None:
        hanging.set()
        assert go_on.wait(20)
        did.append("open")

    starting = threading.Thread(target=lambda: switch.during(hangs))
    starting.start()
    assert hanging.wait(20)
    switch.turn_off()
    assert did == []
    go_on.set()
    starting.join(20)
    assert did == ["open", "end"]
