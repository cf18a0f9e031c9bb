"""What is awaited, noted step by step: values and errors pass through, and the time between steps is nobody's."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from bokeh_exporter.observe.callbacks.async_steps import Noted


def run(awaitable: object) -> tuple[object, list[tuple[float, float]]]:
    noted: list[tuple[float, float]] = []

    async def main() -> object:
        return await Noted(awaitable, lambda begin, end: noted.append((begin, end)))  # type: ignore[arg-type]

    return asyncio.run(main()), noted


def test_each_step_is_noted_and_the_result_passes() -> None:
    async def three() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "done"

    result, noted = run(three())
    assert (result, len(noted)) == ("done", 3)
    assert all(begin <= end for begin, end in noted)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(noted))


def test_what_it_raises_passes() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(fails())


def test_what_is_thrown_into_it_reaches_it() -> None:
    seen = []

    async def waits() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        async def noted() -> None:
            await Noted(waits(), lambda begin, end: None)

        task = asyncio.ensure_future(noted())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]
