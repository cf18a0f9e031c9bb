"""Generators that a bound function returns: they run after its call, step by step, as somebody iterates.

What is handed on is a generator again, of the same kind, since param and Panel ask. A step is busy time
of the function and no call of it: that was counted when it returned the generator.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from ..apps import App
from .calls import Calls
from .inner_calls import InnerCall


def stepwise(calls: Calls, app: App, label: str, result: Any) -> Any:
    """Return what a user's function gave; if that is a generator, one that books its steps."""
    if type(result) is GeneratorType:
        return _steps(InnerCall(calls, app, label), result)
    if type(result) is AsyncGeneratorType:
        return _async_steps(InnerCall(calls, app, label), result)
    return result


def _steps(inner: InnerCall, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    take: Callable[[], Any] = generator.__next__
    try:
        while True:
            try:
                value = inner.step(take)
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield value
            except GeneratorExit:
                raise
            except BaseException as thrown:
                take = functools.partial(generator.throw, thrown)
            else:
                take = functools.partial(generator.send, sent)
    finally:
        generator.close()


async def _async_steps(inner: InnerCall, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    take: Callable[[], Any] = generator.__anext__
    try:
        while True:
            try:
                value = await inner.async_step(take)
            except StopAsyncIteration:
                return
            try:
                sent = yield value
            except GeneratorExit:
                raise
            except BaseException as thrown:
                take = functools.partial(generator.athrow, thrown)
            else:
                take = functools.partial(generator.asend, sent)
    finally:
        await generator.aclose()
