"""holoviz/panel#2651: one component in pn.state.cache is shown by all sessions, and a thread changes it."""

import threading
import time

import panel as pn

pn.extension()
if "streaming" not in pn.state.cache:
    pn.state.cache["streaming"] = pn.pane.Markdown("hello")

    def update() -> None:
        while True:
            time.sleep(0.5)
            pn.state.cache["streaming"].object = f"# {time.monotonic():.0f}"

    threading.Thread(target=update, daemon=True).start()
pn.Row(pn.state.cache["streaming"], height=90).servable()
