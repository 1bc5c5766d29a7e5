"""The contract of every judge; the real one runs on the starter bundle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from edge.bundle.open import open_trusted_bundle
from edge.interfaces import Judge
from edge.judges import open_language_model, open_station_judge
from edge.judges.linear.judge import LinearJudge
from edge.judges.score_cache import CachedJudge
from edge.judges.scripted import ScriptedJudge
from export.bundle.compare_models import without_graph
from firmware_config.board import read_board
from firmware_config.station import read_station
from tests.support.linear_models import linear_model
from tests.support.repository import KEYS, STARTER
from tests.support.sample_records import LABELS, scores, words


@dataclass(frozen=True)
class Tried:
    judge: Judge
    labels: tuple[str, ...]


def real(*, gguf: bool = False, method: str = "rank") -> Tried:
    """The starter's judge, on its graph, or on its GGUF by llama.cpp."""
    bundle = open_trusted_bundle(STARTER, keys=KEYS)
    station = read_station(bundle.file("golden/station.toml"))
    station = station.model_copy(update={"judge": station.judge.model_copy(update={"method": method})})
    bundle = replace(bundle, manifest=without_graph(bundle.manifest)) if gguf else bundle
    model = open_language_model(bundle, board=read_board("cpu"))
    return Tried(open_station_judge(model, bundle=bundle, station=station), tuple(label.name for label in station.labels))


def cached() -> Tried:
    tried = real()
    return Tried(CachedJudge(tried.judge, size=8, on_lookup=lambda _: None), tried.labels)


JUDGES: dict[str, Callable[[], Tried]] = {
    "scripted": lambda: Tried(ScriptedJudge(lambda _: scores()), LABELS),
    "graph": real,
    "graph, contextual": lambda: real(method="contextual"),
    "graph, generating": lambda: real(method="generate"),
    "llama.cpp": lambda: real(gguf=True),
    "llama.cpp, generating": lambda: real(gguf=True, method="generate"),
    "linear": lambda: Tried(LinearJudge(linear_model(), labels=LABELS, temperature=2.0), LABELS),
    "cached": cached,
}


@pytest.fixture(params=JUDGES, scope="module")
def tried(request: pytest.FixtureRequest) -> Tried:
    return JUDGES[request.param]()


def test_every_label_of_the_station_is_scored_in_its_order(tried: Tried) -> None:
    judged = tried.judge.score(words("a crack"))
    assert judged.labels == tried.labels
    assert len(judged.log_likelihoods) == len(judged.probabilities) == len(tried.labels)


def test_every_number_is_finite_and_the_probabilities_sum_to_one(tried: Tried) -> None:
    judged = tried.judge.score(words("a crack"))
    assert all(map(math.isfinite, (*judged.log_likelihoods, *judged.probabilities)))
    assert all(0 <= probability <= 1 for probability in judged.probabilities)
    assert sum(judged.probabilities) == pytest.approx(1.0)


def test_the_same_words_get_the_same_scores_whatever_came_between(tried: Tried) -> None:
    first = tried.judge.score(words("a crack"))
    tried.judge.score(words("an intact cell", "no damage", "nothing but busbars and fingers"))
    assert tried.judge.score(words("a crack")) == first


def test_a_very_long_description_is_still_judged(tried: Tried) -> None:
    judged = tried.judge.score(words(*["a long crack through the whole cell from the upper left"] * 60))
    assert judged.labels == tried.labels
