"""panel serve.  Growth inside a session: each click appends a message to a Column, as a chat without a limit does."""

import panel as pn

pn.extension()

log = pn.Column()
button = pn.widgets.Button(name="say")
button.on_click(lambda event: log.append(pn.pane.Markdown(f"message {event.new}")))
pn.Column(button, log).servable()
