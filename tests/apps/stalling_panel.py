"""panel serve: the button ``blocks`` blocks the event loop until the file ``RELEASE`` appears."""

import os
import sys
import time
from typing import Any

import panel as pn


async def blocks(event: Any) -> None:
    sys.stderr.write("blocked\n")
    sys.stderr.flush()
    end = time.monotonic() + 60
    while time.monotonic() < end and not os.path.exists(os.environ["RELEASE"]):  # noqa: PTH110
        time.sleep(0.05)


button = pn.widgets.Button(name="blocks")
button.on_click(blocks)
pn.Row(button).servable()
