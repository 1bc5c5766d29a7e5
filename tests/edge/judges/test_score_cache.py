from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from edge.daemon.metrics import Metrics
from edge.errors import JudgeError
from edge.judges.score_cache import RememberingJudge
from edge.judges.scripted import ScriptedJudge
from edge.records import Description, Scores
from tests.support.sample_records import description, scores


class Counting:
    """Judges by the length of the first caption, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, description: Description) -> Scores:
        self.asked.append(description.captions[0])
        return scores(0.9, 0.1 - len(description.captions[0]) / 1e3, len(description.captions[0]) / 1e3)


def remembering(judge: Counting, keep: int = 8) -> tuple[RememberingJudge, list[bool]]:
    told: list[bool] = []
    return RememberingJudge(ScriptedJudge(judge), keep=keep, told=told.append), told


def test_the_same_words_are_judged_once() -> None:
    judge = Counting()
    memory, told = remembering(judge)

    assert [memory.score(description(caption)) for caption in ("a", "bb", "a", "bb", "a")] == [
        judge(description(c)) for c in ("a", "bb", "a", "bb", "a")
    ]

    assert judge.asked[:2] == ["a", "bb"]
    assert told == [False, False, True, True, True]


def test_what_the_judge_does_not_read_makes_no_difference() -> None:
    judge = Counting()
    memory, told = remembering(judge)
    other = replace(description("a"), struck=("gone",), timings_ms=(("clip", 3.0),))
    other = replace(other, tags=tuple(replace(tag, score=tag.score / 2) for tag in other.tags))

    memory.score(description("a"))
    memory.score(other)

    assert told == [False, True]


def test_other_words_are_another_matter_and_so_is_their_order() -> None:
    judge = Counting()
    memory, told = remembering(judge)

    for captions in (("a", "b"), ("b", "a"), ("a",), ("a, b",)):
        memory.score(description(*captions))

    assert told == [False] * 4


def test_the_words_that_were_not_met_for_longest_are_forgotten() -> None:
    judge = Counting()
    memory, told = remembering(judge, keep=2)

    for caption in ("a", "b", "a", "c", "a", "b"):
        memory.score(description(caption))

    assert told == [False, False, True, False, True, False]


def test_what_cannot_be_judged_is_not_remembered() -> None:
    calls = []

    def fails(_: Description) -> Scores:
        calls.append(1)
        msg = "the model failed"
        raise JudgeError(msg)

    memory = RememberingJudge(ScriptedJudge(fails), keep=8, told=lambda _: None)

    for _ in range(2):
        with pytest.raises(JudgeError):
            memory.score(description("a"))
    assert len(calls) == 2


def test_threads_may_share_it() -> None:
    memory, told = remembering(Counting(), keep=3)
    wrong: list[str] = []

    def ask(start: int) -> None:
        for turn in range(300):
            caption = "x" * ((start + turn) % 7 + 1)
            if memory.score(description(caption)).probabilities[2] != len(caption) / 1e3:
                wrong.append(caption)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(told) == 1_200


def test_the_hit_rate_of_each_station_is_in_the_metrics() -> None:
    metrics = Metrics()
    memory = RememberingJudge(ScriptedJudge(Counting()), keep=8, told=lambda remembered: metrics.judged("cell-01", remembered))

    for caption in ("a", "a", "b", "a"):
        memory.score(description(caption))

    assert metrics.registry.get_sample_value("kotoba_judgements_total", {"station": "cell-01", "remembered": "yes"}) == 2
    assert metrics.registry.get_sample_value("kotoba_judgements_total", {"station": "cell-01", "remembered": "no"}) == 2
    assert metrics.registry.get_sample_value("kotoba_judgements_total", {"station": "cell-02", "remembered": "no"}) is None
