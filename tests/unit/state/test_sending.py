"""In whose name changes are sent, where what sends them never ends."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from bokeh_exporter.state.interactions import current, sending_for, sent_for


class Never:
    """Is awaited for ever."""

    def __await__(self) -> Generator[None, None, None]:
        while True:
            yield


async def shared() -> None:
    with sending_for([1 << 20, 2 << 20]):
        await Never()


@pytest.mark.parametrize("send", [lambda: sent_for(1 << 20, Never()), shared])
def test_what_never_ends_is_closed_in_another_context(send: Callable[[], Awaitable[Any]]) -> None:
    sending: Any = send()
    contextvars.copy_context().run(sending.send, None)
    sending.close()  # as the garbage collector does, in whatever context
    assert current.get() == 0
