"""What `kotoba-edge review` prints around verdicts and answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language."""

    has_picture: str
    no_picture: str
    is_gone: str
    picture: str
    answered: str
    answer: str
    labels: str
    reasons: str
    detail: str
    words: str
    not_explained: str
    unsure_clock: str
    kept: str
    again: str
    lesson: str
    not_taught: str
    summary: str
    nothing: str


ENGLISH = Texts(
    has_picture="picture",
    no_picture="no picture",
    is_gone="no longer there: {path}",
    picture="picture",
    answered="answered {label!r} by {by} at {at}{note}",
    answer="answer with: kotoba-edge review answer {id} LABEL",
    labels="labels",
    reasons="why not OK",
    detail="detail",
    words="words",
    not_explained="not explained",
    unsure_clock="the clock was not synchronised",
    kept="kept: {what} is {label!r}, the verdict was {verdict}",
    again="answered before: {what} is {label!r}",
    lesson="lesson {number}",
    not_taught="not taught: {why}",
    summary="{count} to answer",
    nothing="nothing to answer",
)

JAPANESE = Texts(
    has_picture="画像あり",
    no_picture="画像なし",
    is_gone="画像は削除済みです: {path}",
    picture="画像",
    answered="回答済み: {label!r}({by}、{at}){note}",
    answer="回答方法: kotoba-edge review answer {id} ラベル",
    labels="ラベル",
    reasons="OK でない理由",
    detail="詳細",
    words="言葉",
    not_explained="説明できません",
    unsure_clock="時計が同期していませんでした",
    kept="保存しました: {what} は {label!r}(判定は {verdict})",
    again="すでに回答済みです: {what} は {label!r}",
    lesson="学習例 {number}",
    not_taught="学習には使われません: {why}",
    summary="未回答 {count} 件",
    nothing="未回答はありません",
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
