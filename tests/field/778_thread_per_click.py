"""holoviz/panel#778: a click starts a thread that works for a moment and adds its results to the page."""

import functools
import threading
import time

import panel as pn

pn.extension()
button, rows = pn.widgets.Button(name="Run"), pn.Column()


def add(number: int) -> None:
    rows[:] = [f"step {number}"]


def work(doc: object) -> None:
    for number in range(3):
        time.sleep(0.1)
        doc.add_next_tick_callback(functools.partial(add, number))  # type: ignore[attr-defined]


def run(event: object) -> None:
    threading.Thread(target=work, args=(pn.state.curdoc,)).start()


button.on_click(run)
pn.Column(button, rows).servable()
