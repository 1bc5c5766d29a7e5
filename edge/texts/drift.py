"""What is said to an operator when the words of a station have changed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language. `more` and `less` take a number; `weekdays` begin on Monday; `words` are those that are codes."""

    weekdays: dict[int, str]
    day: str
    changed: str
    back: str
    new: str
    gone: str
    more: str
    twice: str
    slightly_more: str
    less: str
    half: str
    slightly_less: str
    words: dict[str, str]
    head: str
    waiting: str
    nothing: str
    lasting: str
    told: str


ENGLISH = Texts(
    weekdays=dict(enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))),
    day="{weekday} {month_day} {time}",
    changed="since {since} '{word}' {how} on {station} ({count} of {parts}, before {before} of {parts_before})",
    back="since {since} '{word}' as often as before on {station} ({count} of {parts}, before {before} of {parts_before})",
    new="is new",
    gone="is no longer said",
    more="{times} times as often",
    twice="twice as often",
    slightly_more="more often",
    less="{times} times more rarely",
    half="half as often",
    slightly_less="less often",
    words={"unfamiliar": "unfamiliar", "new_condition": "new condition"},
    head="{station}: {parts} parts described from {start} to {end}",
    waiting="the reference has {here} of {needed} windows: nothing can be said yet",
    nothing="no word has changed",
    lasting="still so:",
    told="in this time:",
)

JAPANESE = Texts(
    weekdays=dict(enumerate(("月曜", "火曜", "水曜", "木曜", "金曜", "土曜", "日曜"))),
    day="{weekday} ({month_day}) {time}",
    changed="{since} から {station} で「{word}」が{how}({parts} 件中 {count} 件、以前は {parts_before} 件中 {before} 件)",
    back="{since} から {station} の「{word}」は以前の頻度に戻りました({parts} 件中 {count} 件、以前は {parts_before} 件中 {before} 件)",
    new="新しく現れています",
    gone="現れなくなりました",
    more="約 {times} 倍に増えています",
    twice="約 2 倍に増えています",
    slightly_more="増えています",
    less="約 {times} 分の 1 に減っています",
    half="約半分に減っています",
    slightly_less="減っています",
    words={"unfamiliar": "未知の画像", "new_condition": "見え方の変化"},
    head="{station}: {start} から {end} までに {parts} 件",
    waiting="基準の期間がまだ {here} / {needed} 個です。変化は判断できません",
    nothing="頻度が変わった言葉はありません",
    lasting="続いている変化:",
    told="この期間の変化:",
)

NUMBERS = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}
"""In English sentences; Japanese ones have figures."""

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
