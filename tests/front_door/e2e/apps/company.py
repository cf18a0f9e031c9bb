"""The company package that the leaking apps import: it outlives their sessions and keeps what it is given."""

from __future__ import annotations

import time
from typing import Any

KEPT: list[Any] = []
BEGAN = time.monotonic()
