"""Figures as people read them: shares in percent, intervals behind them, a dash where nothing is known."""

from __future__ import annotations

from export.findings.figures import Figure, Share

NOTHING = "–"
NO_BREAK = "\u00a0"
"""A space at which no line ends."""
MANY = 1_000
"""From here on a figure is shown without decimals."""


def percent(share: float | None) -> str:
    """A share, 0..1, in percent with one decimal; 0 % and 100 % only where it is none or all."""
    if share is None:
        return NOTHING
    rounded = round(100 * share, 1)
    if 0 < share < 1:
        rounded = min(99.9, max(0.1, rounded))
    return f"{rounded:g}{NO_BREAK}%"


def between(low: float | None, high: float | None) -> str:
    """An interval of shares, 0..1, in percent."""
    return NOTHING if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f}{NO_BREAK}%"


def interval_of(found: Share | None) -> str:
    """The interval of a share; a dash where nothing was seen."""
    return NOTHING if found is None or not found.of else between(found.low, found.high)


def counted(found: Share) -> str:
    """How many of how many."""
    return f"{found.count:,} / {found.of:,}"


def decimals(value: float | None, digits: int = 3) -> str:
    """A figure such as an AUROC; minus 0 is 0."""
    if value is None:
        return NOTHING
    shown = f"{value:.{digits}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown.replace("-", "−")


def ends(found: Figure | None, digits: int = 3) -> str:
    """The interval of a figure, empty where none is known."""
    if found is None or found.low is None or found.high is None:
        return ""
    between_them = "–" if found.low >= 0 else " – "
    return f"{decimals(found.low, digits)}{between_them}{decimals(found.high, digits)}"


def plain(value: float | None) -> str:
    """A figure with up to three digits, and every digit before the point."""
    if value is None:
        return NOTHING
    if abs(value) >= MANY:
        return f"{value:,.0f}".replace("-", "−")
    shown = f"{float(f'{value:.3g}'):f}".rstrip("0").rstrip(".")
    return "0" if shown in {"-0", ""} else shown.replace("-", "−")


def amount(value: float) -> str:
    """Money, or parts, in whole numbers."""
    shown = f"{value:,.0f}"
    return "0" if shown == "-0" else shown.replace("-", "−")
