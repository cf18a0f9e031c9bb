"""What settles a course: when sessions have gone, who holds what stays, and whose memory grows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..diagnose.verdicts.judgement import GrowthKind
from .plan import ServerArgs
from .probe import Probe
from .report import Observed
from .visits import Visits

#: Seconds that sessions may stay beyond their lifetime before they count as staying.
PATIENCE = 2.0
#: Seconds to wait at most for sessions to expire, whatever lifetime the user's server has.
LONGEST_LIFETIME = 60.0
#: Seconds of tracing.
CAPTURE = 10.0


class Gone:
    """Waits for sessions to end."""

    def __init__(self, probe: Probe, server: ServerArgs) -> None:
        self._probe, self._server, self._stuck = probe, server, 0.0

    async def wait(self) -> None:
        """Wait until no session is left, or those that are left stay for longer than they may."""
        # Once some have stayed so will others: nobody waits for them as patiently again.
        lifetime = min(self._server.lifetime + 2 * self._server.check, LONGEST_LIFETIME)
        deadline = time.monotonic() + lifetime + (PATIENCE if not self._stuck else 0.5)
        while time.monotonic() < deadline:
            sample = await self._probe.sample()
            if sum(app.live for app in sample.apps.values()) <= self._stuck:
                return
            await asyncio.sleep(0.25)
        self._stuck = sum(app.live for app in sample.apps.values())


async def find_holders_and_trim(found: Observed, probe: Probe, say: Callable[[str, str], None]) -> None:
    """Ask who holds what, and whether a trim returns memory."""
    say("finding the holders", "")
    answer = await probe.post("/debug/explain")
    found.retained = list((answer or {}).get("retained") or [])
    say("trimming", "")
    trimmed = await probe.post("/debug/trim")
    if trimmed and trimmed.get("supported"):
        found.released = float(trimmed["released_bytes"])


async def capture(probe: Probe, visits: Visits, server: ServerArgs, gone: Gone) -> GrowthKind | None:
    """Trace allocations during a few more visits: growth that is traced is in buffers, other growth is native."""
    capturing = asyncio.create_task(probe.post(f"/debug/capture?seconds={CAPTURE:g}"))
    await asyncio.sleep(0.5)
    # The last of them are to be gone before the capture ends: what a session holds is not what stays.
    await visits.visits(1, CAPTURE - 2 * server.lifetime - 2, lambda: None)
    await gone.wait()
    await probe.post("/debug/collect")
    kind: GrowthKind | None = ((await capturing) or {}).get("of")
    return kind
