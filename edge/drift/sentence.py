"""A change in one sentence: "since Tuesday 3 Nov 14:00 'uneven light' three times as often on cell-02 (12 of 400, before 4 of 400)"."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Literal

from edge.drift.watch import Change
from edge.texts.drift import ENGLISH, NUMBERS, TEXTS, Texts

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TWICE = 1.75
"""From this factor on a word is said twice as often."""


def sentence(change: Change, *, station: str, language: Literal["en", "ja"], zone: tzinfo | None = None) -> str:
    """Say a change to people; times are in `zone`, None: that of this machine."""
    texts = TEXTS[language]
    text = texts.changed if change.news == "changed" else texts.back
    word = texts.words.get(change.word.text, change.word.text) if change.word.kind == "reason" else change.word.text
    return text.format(
        since=moment(change.since, texts, zone=zone),
        word=word,
        how=_how(change, texts),
        station=station,
        count=change.count,
        parts=change.parts,
        before=change.before,
        parts_before=change.parts_before,
    )


def moment(at: datetime, texts: Texts, *, zone: tzinfo | None = None) -> str:
    """A time with the day of the week."""
    local = at.astimezone(zone)
    month_day = f"{local.day} {MONTHS[local.month - 1]}" if texts is ENGLISH else f"{local.month}/{local.day}"
    return texts.day.format(weekday=texts.weekdays[local.weekday()], month_day=month_day, time=f"{local:%H:%M}")


def _how(change: Change, texts: Texts) -> str:
    if not change.before:
        return texts.new
    if not change.count:
        return texts.gone
    ratio = change.count / change.parts / (change.before / change.parts_before)
    times = round(max(ratio, 1 / ratio))
    number = NUMBERS.get(times, str(times)) if texts is ENGLISH else str(times)
    if ratio >= TWICE:
        return texts.twice if times <= 2 else texts.more.format(times=number)
    if ratio > 1:
        return texts.slightly_more
    if ratio > 1 / TWICE:
        return texts.slightly_less
    return texts.half if times <= 2 else texts.less.format(times=number)
