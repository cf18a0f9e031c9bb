"""A thread of the server fills the shared source."""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from shared_feed import feed


def on_server_loaded(server_context: object) -> None:
    def receive() -> None:
        count = 0
        while True:
            time.sleep(0.5)
            count += 1
            feed.data = {"x": list(range(50)), "y": [(count * k) % 17 for k in range(50)]}

    threading.Thread(target=receive, name="receiver", daemon=True).start()
