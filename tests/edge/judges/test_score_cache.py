from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from edge.daemon.metrics import Metrics
from edge.errors import JudgeError
from edge.judges.score_cache import CachedJudge
from edge.judges.scripted import ScriptedJudge
from edge.records import Scores, Words
from tests.support.sample_records import scores, words


def by_length(judged: Words) -> Scores:
    """Scores that differ with the length of the first caption."""
    length = len(judged.captions[0]) / 1e3
    return scores(0.9, 0.1 - length, length)


def cached(size: int = 8) -> tuple[CachedJudge, list[bool]]:
    lookups: list[bool] = []
    return CachedJudge(ScriptedJudge(by_length), size=size, on_lookup=lookups.append), lookups


def test_the_same_words_are_judged_once() -> None:
    judge, lookups = cached()

    found = [judge.score(words(caption)) for caption in ("a", "bb", "a", "bb", "a")]

    assert found == [by_length(words(caption)) for caption in ("a", "bb", "a", "bb", "a")]
    assert lookups == [False, False, True, True, True]


def test_the_cosines_of_tags_make_no_difference() -> None:
    judge, lookups = cached()
    once = words("a")
    fainter = replace(once, tags=tuple(replace(tag, score=tag.score / 2) for tag in once.tags))

    judge.score(once)
    judge.score(fainter)

    assert lookups == [False, True]


def test_other_words_or_another_order_of_words_are_judged() -> None:
    judge, lookups = cached()

    for captions in (("a", "b"), ("b", "a"), ("a",), ("a, b",)):
        judge.score(words(*captions))

    assert lookups == [False] * 4


def test_a_full_cache_drops_the_least_recently_used_words() -> None:
    judge, lookups = cached(size=2)

    for caption in ("a", "b", "a", "c", "a", "b"):
        judge.score(words(caption))

    assert lookups == [False, False, True, False, True, False]


def test_a_failed_judgement_is_not_cached() -> None:
    calls = []

    def fails(judged: Words) -> Scores:
        calls.append(judged)
        msg = "the model failed"
        raise JudgeError(msg)

    judge = CachedJudge(ScriptedJudge(fails), size=8, on_lookup=lambda _: None)

    for _ in range(2):
        with pytest.raises(JudgeError):
            judge.score(words("a"))
    assert len(calls) == 2


def test_threads_may_share_a_cache() -> None:
    judge, lookups = cached(size=3)
    wrong: list[str] = []

    def ask(start: int) -> None:
        for turn in range(300):
            caption = "x" * ((start + turn) % 7 + 1)
            if judge.score(words(caption)) != by_length(words(caption)):
                wrong.append(caption)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(lookups) == 1_200


def test_the_metrics_count_lookups_by_station() -> None:
    metrics = Metrics()
    judge = CachedJudge(ScriptedJudge(by_length), size=8, on_lookup=lambda hit: metrics.judged("cell-01", hit))

    for caption in ("a", "a", "b", "a"):
        judge.score(words(caption))

    assert metrics.registry.get_sample_value("kotoba_judgements_total", {"station": "cell-01", "cached": "yes"}) == 2
    assert metrics.registry.get_sample_value("kotoba_judgements_total", {"station": "cell-01", "cached": "no"}) == 2
    assert metrics.registry.get_sample_value("kotoba_judgements_total", {"station": "cell-02", "cached": "no"}) is None
