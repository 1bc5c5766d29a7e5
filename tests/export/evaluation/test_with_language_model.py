"""The protocols with a real language model, tiny and random, and with its real tuning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.records import Words
from export.evaluation.evaluate import evaluate
from export.evaluation.models import Allowed, Neutral, neutral_labels
from export.evaluation.plan import Plan
from export.findings.scorers import Scorer
from export.instruct.form import FormName, form_of
from export.instruct.judge import LanguageModelScorers
from export.instruct.tuned import TuneSettings
from export.instruct.tuning import tune_judge
from firmware_config.labels import Label
from tests.support.drawn_corpora import LABELS, drawn_corpus
from tests.support.tiny_llama import TEMPLATE, write_llama


class Tunings:
    """`tune_judge` with a few steps."""

    def __init__(self, gguf: Path, folder: Path, form: FormName) -> None:
        self._gguf = gguf
        self._folder = folder
        self._settings = TuneSettings(steps=4, batch=4, rate=2e-2, check_every=2, template=TEMPLATE, form=form)

    def tune(
        self, words: Sequence[Words], allowed: Allowed, *, validation_words: Sequence[Words], validation_allowed: Allowed,
        labels: Sequence[Label], seed: int,
    ) -> Path:  # fmt: skip
        assert seed == 0
        return tune_judge(
            words, allowed, validation_words=validation_words, validation_labels=validation_allowed, labels=labels, gguf=self._gguf,
            settings=self._settings, folder=self._folder, report=print,
        ).adapter  # fmt: skip


RANKED: tuple[Scorer, ...] = ("box", "zero_shot_rank", "zero_shot_rank_mean", "zero_shot_rank_calibrated", "tuned", "neutral_labels")
GENERATED: tuple[Scorer, ...] = ("box", "zero_shot_generate", "tuned_generate")


@pytest.mark.long
@pytest.mark.parametrize(("form", "scorers"), [("box", RANKED), ("published", GENERATED)])
def test_a_real_language_model_is_compared(tmp_path: Path, form: FormName, scorers: tuple[Scorer, ...]) -> None:
    gguf, corpus, others = tmp_path / "tiny.gguf", drawn_corpus(("a", "b"), each=12, block=2), neutral_labels(LABELS)
    write_llama(gguf)
    judge, neutral = (
        LanguageModelScorers(gguf, labels, cache=tmp_path / "scores", report=print, form=form_of(form, labels, template=TEMPLATE))
        for labels in (LABELS, others)
    )
    plan = Plan(protocols=("leave_one_domain_out",), scorers=scorers, seeds=1, tune_examples=8, tune_checks=8)

    found = evaluate(
        corpus, plan, judge=judge, cache=tmp_path / "kept", report=print, tuner=Tunings(gguf, tmp_path / "tuned", form),
        neutral=Neutral(others, neutral),
    )  # fmt: skip

    measured = {one.scorer: one for one in found[0].measured}
    assert set(measured) == set(scorers)
    if form == "box":
        assert measured["tuned"].auroc is not None
        assert measured["zero_shot_rank"].auroc is not None
        assert measured["zero_shot_rank"].auroc_by_seed != measured["zero_shot_rank_calibrated"].auroc_by_seed
    else:
        assert measured["tuned_generate"].abstained is not None
