"""What a study's numbers depend on, as it was begun, held against what is asked for now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetnas.config.study import FREE_KEYS
from budgetnas.exceptions import StudyMismatchError
from budgetnas.storage.study import StudyStore

_TOLD = 4


def hold_identity(store: StudyStore, identity: Mapping[str, Any], *, what: str, kept_in: Path | None = None) -> None:
    """Hold a study to the identity that it recorded, by dotted keys.

    Args:
        store: has the identity that it was begun with.
        identity: the one that is asked for now.
        what: names the study.
        kept_in: the file that holds all of its settings; None where there is none.

    Raises:
        StudyMismatchError: some of them have changed; names the first four, as they were and as they are.
    """
    now = json.loads(json.dumps(identity))  # a tuple comes back as a list
    before = {key: value for key, value in store.facts["identity"].items() if key not in FREE_KEYS}
    changed = [
        f"{key} was {before.get(key)!r}, is {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise StudyMismatchError(
            f"`{what}` was begun with other settings ({'; '.join(changed[:_TOLD])}): give the old ones"
            f"{f' (`{kept_in}` holds them)' if kept_in else ''}, or another --name."
        )
