"""A study as whoever reads its files may see it: without the password of its storage."""

from __future__ import annotations

from dataclasses import replace

from budgetnas.config.study import StudyConfig
from budgetnas.storage.database import public_url


def public(config: StudyConfig) -> StudyConfig:
    """Return the study with no password in the address of its storage."""
    url = config.output.storage
    return config if url is None else replace(config, output=replace(config.output, storage=public_url(url)))
