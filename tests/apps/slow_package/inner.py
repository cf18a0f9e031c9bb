"""What it imports in turn."""

import time

time.sleep(2.5)
READY = True
