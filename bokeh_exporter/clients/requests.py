"""One HTTP request of a program that may end before the answer comes."""

from __future__ import annotations

import asyncio

from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient

#: Seconds that a cancelled request may still take.
LAST = 5.0


async def fetch(request: HTTPRequest, largest: int) -> HTTPResponse:
    """Send a request with a client of its own and return the answer of at most ``largest`` bytes.

    A caller that is cancelled waits up to 5 s for the answer: tornado closes the socket of a request that ends, but not
    of one whose event loop ends first.

    Raises:
        HTTPClientError: the answer is an error, or came too late.
        OSError: there is no connection.
    """
    client = SimpleAsyncHTTPClient(force_instance=True, max_buffer_size=largest)
    answer = asyncio.ensure_future(client.fetch(request))
    try:
        return await asyncio.shield(answer)
    except asyncio.CancelledError:
        await asyncio.wait([answer], timeout=LAST)
        if answer.done() and not answer.cancelled():
            answer.exception()  # else asyncio logs that nobody asked for it
        raise
    finally:
        client.close()
