"""Running what trains from Python: silent, resumable, interrupted only where nothing is half-written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from budgetnas.api.arguments import in_python

if TYPE_CHECKING:
    from budgetnas.pipeline.progress import Listener

Result = TypeVar("Result")


def driven(
    work: Callable[..., Result], words: Sequence[str], listener: Listener | None, *, notes: Iterable[str]
) -> Result:
    """Do the work and return its result.

    Args:
        work: trains; takes a listener and the `command` that is recorded with the run.
        words: that command.
        listener: hears notes, plan, progress and news; None for nobody.
        notes: for the user, before anything trains.
    """
    from budgetnas.pipeline.progress import Check, Everyone, Listener
    from budgetnas.pipeline.signals import Interruptions

    interruptions = Interruptions()
    everyone = Everyone(Check(interruptions.tick), listener or Listener())
    for note in notes:
        everyone.told(in_python(note))
    with interruptions.listening():
        return work(everyone, command=words)
