"""The answer of a cost study in sentences, for people who read nothing else."""

from __future__ import annotations

from edge.texts.cost import Texts
from export.cost.model import LINES
from export.cost.study import Interval, Study

MANY = 1_000
"""From here on a figure is shown without decimals."""


def plain(value: float) -> str:
    """A figure with up to four digits, and every digit before the point."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 -- NaN
        return str(value)
    shown = f"{value:,.0f}" if abs(value) >= MANY else f"{float(f'{value:.4g}'):f}".rstrip("0").rstrip(".")
    return "0" if shown in {"-0", ""} else shown


def whole(value: float) -> str:
    """Money, or parts, in whole numbers."""
    shown = f"{value:,.0f}"
    return "0" if shown == "-0" else shown


def percent(share: float) -> str:
    """A share of the draws; 100 % and 0 % only where it is all or none."""
    rounded = round(100 * share, 1)
    if 0 < share < 1:
        rounded = min(99.9, max(0.1, rounded))
    return f"{rounded:g} %"


def ends(interval: Interval) -> dict[str, str]:
    """The places low and high of a text."""
    return {"low": whole(interval.low), "high": whole(interval.high)}


def sentences(study: Study, texts: Texts) -> tuple[str, ...]:
    """The answer, the most important sentence first."""
    currency, other = study.spec.plant.currency, texts.systems[study.baseline]
    dearest = max(LINES, key=lambda line: study.box.lines[line] - study.other.lines[line])
    found = [
        texts.outcomes[study.outcome].format(
            share=percent(study.paying_share),
            other=other,
            line=texts.lines[dearest],
            amount=whole(study.box.lines[dearest] - study.other.lines[dearest]),
            currency=currency,
        ),
        texts.saving.format(
            box=whole(study.box.total.value),
            there=whole(study.other.total.value),
            other=other,
            currency=currency,
            saving=whole(study.saving.value),
            **ends(study.saving),
        ),
        texts.escapes.format(
            box=whole(study.box.escaped.value),
            **ends(study.box.escaped),
            there=whole(study.other.escaped.value),
            there_low=whole(study.other.escaped.low),
            there_high=whole(study.other.escaped.high),
            other=other,
        ),
    ]
    if study.more_escapes_share > 0:
        found.append(texts.more_escapes.format(share=percent(study.more_escapes_share), other=other))
    found.append(texts.once.format(investment=whole(study.investment), boxes=study.boxes, currency=currency))
    return (*found, _payback(study, texts), *_hangs_on(study, texts), _assumptions(study, texts))


def _payback(study: Study, texts: Texts) -> str:
    if study.payback_years is None:
        return texts.no_payback
    return texts.payback.format(years=f"{study.payback_years:.1f}", life=plain(study.spec.box.years.middle))


def _hangs_on(study: Study, texts: Texts) -> tuple[str, ...]:
    if not study.tornado:
        return ()
    bar, currency = study.tornado[0], study.spec.plant.currency
    name = texts.names[bar.key]
    told = texts.hangs_on.format(
        name=name,
        low=plain(bar.low),
        high=plain(bar.high),
        at_low=whole(bar.saving_at_low),
        at_high=whole(bar.saving_at_high),
        currency=currency,
    )
    return (told,) if bar.turns_at is None else (told, texts.turns_at.format(name=name, value=plain(bar.turns_at)))


def _assumptions(study: Study, texts: Texts) -> str:
    if not study.assumed:
        return texts.no_assumptions
    return texts.assumptions.format(count=len(study.assumed), all=len(study.inputs))
