"""What a soak found, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..diagnose import Judgement, Sample
from ..diagnose.verdicts.series import size

#: Visits that come first and are in no count.
WARM_UP = 2


def total(sample: Sample, name: str) -> float:
    """Return a number summed over all apps."""
    return float(sum(getattr(app, name) or 0 for app in sample.apps.values()))


def lines(content: Mapping[str, Any], judgement: Judgement, used: Sequence[tuple[int, Sample]]) -> Iterator[str]:
    """Yield the lines of a report; the first is the verdict.

    Args:
        content: what ``--json`` prints.
        judgement: the verdict.
        used: in the long visit, after so many uses.
    """
    of = f" of {judgement.process_growth_of}" if judgement.process_growth_of else ""
    others = f", also {', '.join(judgement.others)}" if judgement.others else ""
    yield f"{judgement.name}{of}{others}"
    yield from (f"  {text}" for text in content["evidence"])
    yield f"  {judgement.advice}"
    if judgement.beside:
        yield f"  Note that {', '.join(judgement.beside)} is on, which uses more memory over time."
    for harm in content["harm"]:
        yield f"also harms users: {harm['text']}"
        yield f"  {harm['advice']}"
    each = _signed(content["bytes_per_session"])
    yield f"sessions            {content['sessions']}, {each} each; {WARM_UP} warm-up visits before them are left out"
    yield (
        f"retained            {content['retained_sessions']} sessions, {content['retained_models']} models; "
        f"{content['pending_sessions']} sessions wait for a collection"
    )
    if content["constant"]:
        yield f"constant            {content['constant']}"
    yield f"lingering           {content['lingering_sessions']} sessions"
    yield from _per_use(used)
    if content["used"]:
        yield "used                " + ", ".join(f"{name} {times}x" for name, times in content["used"].items())
    for name, why in content["not_used"].items():
        yield f"not used            {name}: {why}"
    if not content["attributed_bytes"] and content["attributed_rank"]:
        # Memory that comes and goes within callbacks counts each time that it comes.
        yield f"  most during         {', '.join(content['attributed_rank'])}; the numbers exceed the process's own"
    for activity, number in content["attributed_bytes"].items():
        if number and activity == "left_over":
            yield f"  outside these          {_signed(number)}"
        elif number:
            yield f"  during {activity:18} {_signed(number)}"
    for held in content["retained"]:
        yield from _holder(held)


def _per_use(used: Sequence[tuple[int, Sample]]) -> Iterator[str]:
    if len(used) < 2 or used[-1][0] <= used[0][0]:
        return
    (before, first), (after, last) = used[0], used[-1]
    uses = after - before
    numbers = (
        ("models", total(last, "models") - total(first, "models")),
        ("blocks of Python", (last.process.blocks or 0) - (first.process.blocks or 0)),
    )
    grown = _signed(((last.process.heap or 0) - (first.process.heap or 0)) / uses)
    each = ", ".join([*(f"{number / uses:+.1f} {what}" for what, number in numbers), grown])
    yield f"each interaction    {each} ({uses} of them)"


def _signed(number: float) -> str:
    """Write a change in bytes for people."""
    return f"{'-' if number < 0 else '+'}{size(abs(number))}"


def _holder(held: Mapping[str, Any]) -> Iterator[str]:
    yield f"held by             {held.get('root', '?')}"
    yield f"  {held.get('text', '')}"
