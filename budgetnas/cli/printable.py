"""Words of others, fit for a terminal: what would move its cursor or is no text is written out."""

from __future__ import annotations

from budgetnas.records.text import printable

__all__ = ["printable"]
