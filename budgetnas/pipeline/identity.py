"""What a study's numbers depend on, as it was begun, held against what is asked for now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetnas.config.study import FREE_KEYS
from budgetnas.exceptions import StudyMismatchError

_TOLD = 4


def hold_identity(
    recorded: Mapping[str, Any], identity: Mapping[str, Any], *, what: str, kept_in: Path | None = None
) -> None:
    """Hold a study to the identity that it was begun with, by dotted keys.

    Args:
        recorded: what it was begun with.
        identity: what is asked for now.
        what: names the study.
        kept_in: the file that holds all of its settings; None where there is none.

    Raises:
        StudyMismatchError: some of them have changed; names the first four, as they were and as they are.
    """
    now = json.loads(json.dumps(identity))  # a tuple comes back as a list
    before = {key: value for key, value in recorded.items() if key not in FREE_KEYS}
    changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    if changed:
        told = "; ".join(f"{key} was {before.get(key)!r}, is {now.get(key)!r}" for key in changed[:_TOLD])
        old, keep = "the old ones", ""
        if kept_in is not None:
            old += f" (`{kept_in}` holds them)"
            if all(key.startswith("full.") for key in changed):
                keep = f" with --set proxy.from_run={kept_in.parent}, which keeps the short trainings"
        raise StudyMismatchError(
            f"`{what}` was begun with other settings ({told}): give {old}, or another --name{keep}."
        )
