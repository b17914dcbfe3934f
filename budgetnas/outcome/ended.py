"""How a search ended, in the words that are recorded with it and read back."""

from __future__ import annotations

CUT_OFF = "it was cut off, or is still at work"
ALL_DONE = "all trials were done"
RAN_OUT = "the band ran out of architectures"


def is_finished(stopped: str) -> bool:
    """Tell whether a search that ended so has nothing left to do."""
    return stopped in (ALL_DONE, RAN_OUT)
