"""A plugin that gives back what a session had locked."""

import asyncio

from bokeh.application.handlers import Handler


class Releasing(Handler):
    def modify_document(self, doc):
        pass

    async def on_session_destroyed(self, session_context):
        await asyncio.get_running_loop().create_future()


def plug_in(application):
    if not any(isinstance(handler, Releasing) for handler in application.handlers):
        application.add(Releasing())
