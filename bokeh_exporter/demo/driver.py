"""The visitors of the demonstration: each opens an app, moves its slider, leaves.

Their number is limited, since what the retaining app keeps is not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from tornado.websocket import WebSocketClosedError

from ..soak.visitor import CallbackError, Tab, Unanswered

#: Visits of each app, uses of the slider in each, and seconds between two uses and two visits.
VISITS, USES, PAUSE, BREAK = 24, 4, 0.1, 0.3
ANSWER = 10.0


async def drive(apps: Sequence[str], progress: Callable[[int, int], None]) -> None:
    """Visit the apps in turn.

    Args:
        apps: the addresses of the pages.
        progress: hears how many visits of how many are over.

    Raises:
        VisitError: a page cannot be loaded.
    """
    number = VISITS * len(apps)
    for made in range(number):
        await _visit(apps[made % len(apps)])
        progress(made + 1, number)
        await asyncio.sleep(BREAK)


async def _visit(url: str) -> None:
    tab = await Tab.open(url)
    try:
        with contextlib.suppress(CallbackError, Unanswered, WebSocketClosedError):
            for _ in range(USES):
                for control in tab.page.visible():
                    await tab.use(control, ANSWER)
                await asyncio.sleep(PAUSE)
    finally:
        await tab.close()
