"""What a soak asks the exporter in its server: numbers, collections, trim, and who holds what."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import HTTPClientError, HTTPRequest

from ..clients.requests import fetch
from ..diagnose import Sample, sample_of
from ..state import numbers as shapes

#: Seconds for an answer: finding out who holds what looks at the whole heap.
PATIENCE = 120.0
#: Seconds for a number.
SCRAPE = 30.0
#: Bytes of an answer at most.
LARGEST = 2**28


class ProbeError(Exception):
    """The exporter does not answer, or not with what is asked."""


class Probe:
    """The exporter's endpoints of one server."""

    def __init__(self, root: str, token: str) -> None:
        self._root = root
        self._headers = {"Authorization": f"Bearer {token}"}

    async def numbers(self) -> shapes.Numbers:
        """Scrape.

        Raises:
            ProbeError: there is no answer.
        """
        body = await self._ask("GET", "/metrics", SCRAPE)
        families = text_string_to_metric_families(body.decode())
        samples: Iterable[Any] = (sample for family in families for sample in family.samples)
        return shapes.of_samples(samples)

    async def sample(self) -> Sample:
        """Scrape, and return what a verdict needs of it.

        Raises:
            ProbeError: there is no answer.
        """
        numbers = await self.numbers()
        return sample_of(numbers, time.time())

    async def stalls(self, since: float) -> list[str]:
        """Return why nobody was served, a line for each time that it was seen since that Unix time.

        Raises:
            ProbeError: there is no answer.
        """
        status = json.loads(await self._ask("GET", f"/api/v1/status?since={time.time()}", SCRAPE))
        return [str(each["text"]) for each in status["verdict"]["stalls"] if each["time"] > since]

    async def interactions(self, count: int) -> list[Any]:
        """Return the last interactions as ``/api/v1/status`` has them, the newest first.

        Raises:
            ProbeError: there is no answer.
        """
        status = json.loads(await self._ask("GET", f"/api/v1/status?interactions={count}", SCRAPE))
        return list(status["interactions"])

    async def post(self, path: str) -> Any:
        """Ask a debug endpoint; None where the server has none of that name.

        Raises:
            ProbeError: it fails.
        """
        try:
            return json.loads(await self._ask("POST", path, PATIENCE))
        except _MissingError:
            return None
        except ValueError:
            raise ProbeError(f"{path}: the answer is not JSON") from None

    async def _ask(self, method: str, path: str, timeout: float) -> bytes:
        request = HTTPRequest(
            self._root + path, method=method, headers=self._headers, body=b"" if method == "POST" else None,
            request_timeout=timeout, connect_timeout=timeout,
        )  # fmt: skip
        try:
            while True:
                try:
                    answer = await fetch(request, LARGEST)
                    return bytes(answer.body)
                except HTTPClientError as error:
                    if error.code == 404:
                        raise _MissingError(path) from None
                    wait = await _patience(error)
                    if not wait:
                        raise ProbeError(f"{path}: HTTP {error.code} {error.message}") from None
        except OSError as error:
            raise ProbeError(f"{path}: {error}") from None


class _MissingError(ProbeError):
    """There is no such endpoint."""


async def _patience(error: HTTPClientError) -> bool:
    """Wait as the endpoint asks, if another request was too near."""
    if error.code not in (409, 429):
        return False
    headers = error.response.headers if error.response is not None else {}
    await asyncio.sleep(float(headers.get("Retry-After", 1)))
    return True
