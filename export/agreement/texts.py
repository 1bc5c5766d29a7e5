"""The texts of an agreement study in English and Japanese; the pages themselves are page.en.md and page.ja.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from export.agreement.limits import Grade

Language: TypeAlias = Literal["en", "ja"]


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language: grades on the page, and what the form says."""

    grades: dict[Grade, str]
    welcome: str
    where: str
    shown: str
    keys: str
    help: str
    unknown: str
    nothing_to_undo: str
    stopped: str
    done: str


ENGLISH = Texts(
    grades={"acceptable": "acceptable", "marginal": "marginal", "unacceptable": "unacceptable"},
    welcome="{appraiser}: {parts} pictures, {trials} times each. {given} of {all} answers are in {out}. Each answer is saved at once.",
    where="trial {trial} of {trials}, answer {number} of {all}",
    shown="{path}   {width} x {height} pixels",
    keys="O = OK   N = NG   S = later   U = back   Q = stop   ? = help",
    help="O or 1: the part is OK. N or 2: the part is NG. S: show this picture again after the others of this trial. "
    "U: go back to the picture before and answer it again. Q: stop; the same command goes on later.",
    unknown="no such key: O, N, S, U, Q or ?",
    nothing_to_undo="there is no answer to go back to",
    stopped="stopped: {given} of {all} answers are in {out}; the same command goes on",
    done="done: all {all} answers of {appraiser} are in {out}",
)

JAPANESE = Texts(
    grades={"acceptable": "合格", "marginal": "要改善", "unacceptable": "不合格"},
    welcome="{appraiser}: 画像 {parts} 枚を {trials} 回ずつ判定します。"
    "{out} に回答 {given} / {all} 件があります。回答は 1 件ごとに保存されます。",
    where="{trials} 回中 {trial} 回目、全 {all} 件中 {number} 件目",
    shown="{path}   {width} x {height} 画素",
    keys="O = OK   N = NG   S = あとで   U = 戻る   Q = 中断   ? = 説明",
    help="O または 1: 良品 (OK)。N または 2: 不良品 (NG)。S: この回のほかの画像のあとで、もう一度表示します。"
    "U: 1 つ前の画像に戻り、判定し直します。Q: 中断します。同じコマンドで続きから再開できます。",
    unknown="使えるキーは O、N、S、U、Q、? です",
    nothing_to_undo="戻れる回答はありません",
    stopped="中断しました。{out} に回答 {given} / {all} 件があります。同じコマンドで再開できます",
    done="完了しました。{appraiser} の回答 {all} 件はすべて {out} にあります",
)

TEXTS: dict[Language, Texts] = {"en": ENGLISH, "ja": JAPANESE}
