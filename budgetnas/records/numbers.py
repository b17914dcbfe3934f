"""Numbers as a person reads them."""

from __future__ import annotations


def write_macs(macs: int) -> str:
    """Write MACs short: 864952004 as `0.865 G`."""
    return f"{macs / 1e9:.3f} G" if macs >= 1e8 else f"{macs / 1e6:.3f} M"


def plural(number: int, word: str) -> str:
    """Write a number of things: `1 seed`, `3 seeds`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def write_time(seconds: float) -> str:
    """Write a duration for a plan: `40 s`, `6 min`, `2.5 h`, `24 days`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.3g} days"


def write_percent(share: float, spread: float | None = None) -> str:
    """Write an accuracy in percent, with its standard deviation if there is one: `95.43`, `95.43 +- 0.12`."""
    return f"{100 * share:.2f}" + ("" if spread is None else f" +- {100 * spread:.2f}")


def write_interval(low: float, high: float) -> str:
    """Write an interval of shares in percent: `[96.4, 99.2]`."""
    return f"[{100 * low:.1f}, {100 * high:.1f}]"
