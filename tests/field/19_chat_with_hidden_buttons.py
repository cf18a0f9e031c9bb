"""A chat whose Clear, Undo and Rerun are hidden: each question adds messages that nobody can remove."""

import panel as pn

pn.extension()


def answer(contents: str, user: str, instance: object) -> str:
    return f"You said {len(contents)} characters"


chat = pn.chat.ChatInterface(callback=answer, show_rerun=False, show_undo=False, show_clear=False)
ask = pn.widgets.Button(name="Ask")
ask.on_click(lambda event: chat.send("A question", user="User", respond=True))
pn.Column(ask, chat).servable()
