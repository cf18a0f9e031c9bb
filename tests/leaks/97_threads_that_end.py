"""panel serve.  NOT a leak: each session has a thread and a task, which end with it."""

import asyncio
import threading

import panel as pn

pn.extension()

stop = threading.Event()
pane = pn.pane.Markdown("working")


def work(stop, pane):
    while not stop.wait(0.2):
        len(pane.object)


threading.Thread(target=work, args=(stop, pane), daemon=True).start()


def end(context, stop=stop):
    stop.set()


pn.state.on_session_destroyed(end)
pn.Column(pane, pn.widgets.Toggle(name="on")).servable()
