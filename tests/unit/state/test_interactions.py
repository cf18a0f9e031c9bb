"""In whose name bytes are booked: of the interaction under way, or of those that made what is sent."""

from __future__ import annotations

import asyncio

import pytest

from bokeh_exporter.state.interactions import Interaction, Interactions, current, senders, sending_for, sent_for

pytestmark = pytest.mark.once


def three(known: Interactions) -> list[Interaction]:
    return [known.begin("/app", "periodic") for _ in range(3)]


def test_bytes_are_of_who_made_the_change_not_of_who_sends() -> None:
    known = Interactions()
    maker, sender, _ = three(known)
    token = current.set(sender.number)
    with sending_for([maker.number, maker.number]):
        assert list(senders(2)) == [maker.number] * 2
        known.sent(100)
    known.sent(1)
    with sending_for([0]):  # a change of nobody's: whoever sends it
        known.sent(10)
    current.reset(token)
    assert (maker.bytes_sent, sender.bytes_sent) == (100, 11)


def test_a_message_with_changes_of_several_is_shared_by_their_number() -> None:
    known = Interactions()
    first, second, _ = three(known)
    numbers = [first.number, first.number, second.number]
    with sending_for(numbers):
        assert senders(3) == numbers
        known.sent(900)
    assert (first.bytes_sent, second.bytes_sent) == (600, 300)
    known.sent(5)  # of none
    assert (first.bytes_sent, second.bytes_sent) == (600, 300)


def test_what_is_awaited_later_is_sent_in_the_name_of_its_maker() -> None:
    known = Interactions()
    maker, sender, _ = three(known)

    async def send(size: int) -> int:
        await asyncio.sleep(0)
        known.sent(size)
        return size

    async def main() -> int:
        current.set(sender.number)
        size: int = await sent_for(maker.number, send(7))
        await sent_for(sender.number, send(1))
        await sent_for(0, send(2))
        return size

    assert asyncio.run(main()) == 7
    assert (maker.bytes_sent, sender.bytes_sent) == (7, 3)
