"""Bytes at each edge: what the changes of an interaction came to when they were sent, by function and element.

A change belongs to the element that came with it, else to those of its new value, else to the one that it changes.
What belongs to no element stays with its function. So nothing is counted twice, and no more than was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

#: Changes of one interaction that get bytes of their own. Bytes of later ones count as unattributed.
_CHANGES = 1000


class Place(NamedTuple):
    """What a change is of, and the line of the user's that made it."""

    library: str
    cls: str
    path: str | None
    line: int | None


class Change:
    """A change of a document, or several of the same in a row. Text and numbers."""

    __slots__ = ("at", "bytes", "function", "made", "model", "number", "owners", "place")

    def __init__(
        self, number: int, function: str | None, model: str | None, made: Sequence[str], place: Place | None, at: float
    ) -> None:  # fmt: skip
        #: Its interaction, and the function of the user's that made it; None for none.
        self.number, self.function = number, function
        #: The id of the model that it changes, and of those at the top of its new value.
        self.model, self.made = model, made
        self.place, self.at = place, at
        #: What it came to; how many elements share it, once that is known.
        self.bytes = 0
        self.owners: Sequence[Any] = ()

    def repeats(self, number: int, function: str | None, model: str | None, made: Sequence[str]) -> bool:
        """Whether the next change is the same once more."""
        return not (made or self.made) and (self.number, self.function, self.model) == (number, function, model)


#: A change in a message, None where it is not known, and its weight there.
Share = tuple["Change | None", int]


def shared(size: int, weights: Sequence[int]) -> Iterator[int]:
    """Divide a number by weights, so that the parts add up to it."""
    whole, seen, given = sum(weights), 0, 0
    for weight in weights:
        seen += weight
        upto = size * seen // whole if whole else 0
        yield upto - given
        given = upto


class Changes(list[Change]):
    """The changes of one interaction."""

    def note(self, change: Change) -> None:
        """Add one."""
        if len(self) < _CHANGES:
            self.append(change)

    def came(self, key: Any, begin: float, end: float) -> None:
        """Say which element has come in this time: the innermost is reported first."""
        for change in reversed(self):
            if change.at < begin:
                break
            if change.at <= end and not change.owners:
                change.owners = (key,)

    def renamed(self, before: Any, key: Any) -> None:
        """Say that an element is known by another key."""
        for change in self:
            if change.owners == (before,):
                change.owners = (key,)

    def find(self, owners: Mapping[str, Any], known: Callable[[Change], Any]) -> None:
        """Settle which elements the changes belong to, as long as it is known which models are whose.

        Args:
            owners: the elements by the ids of their models.
            known: returns the element of a change's place; None where it has none.
        """
        for change in self:
            if not change.owners:
                found = dict.fromkeys(owners[model] for model in (*change.made, change.model or "") if model in owners)
                place = known(change) if not found else None
                change.owners = tuple(found) or ((place,) if place is not None else ())

    def by_element(self, models: Callable[[Any], int]) -> dict[Any, int]:
        """Return the bytes of each element; of no element by the function. Elements share by their models."""
        found: dict[Any, int] = {}
        for change in list(self):
            if not change.bytes:
                continue
            owners = change.owners or (change.function,)
            weights = [max(models(key), 1) for key in owners] if len(owners) > 1 else [1]
            for key, part in zip(owners, shared(change.bytes, weights), strict=True):
                found[key] = found.get(key, 0) + part
        return found
