"""python asgi_shutdown.py - the core of Bokeh's ASGI host makes a session, stops, and the count is printed."""

import asyncio

from app_functions import slider  # type: ignore[import-not-found]
from bokeh.server.asgi import BokehASGI
from bokeh.util.token import generate_jwt_token, generate_session_id

import bokeh_exporter

exporter = bokeh_exporter.install()
app = BokehASGI({"/good": slider})


async def main() -> None:
    await app.core.start()
    session = generate_session_id()
    context = app.core.applications["/good"]
    await app.core.create_session_if_needed(context, session, None, generate_jwt_token(session))
    await app.core.stop()
    count = exporter.state.registry.get_sample_value(
        "bokeh_sessions_destroyed_total", {"app": "/good", "reason": "shutdown"}
    )
    print("shutdown", count)


asyncio.run(main())
