from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.records import Inspection, Measured, Reason
from edge.review.explain import explain
from edge.review.reproduce import reproduce
from edge.texts.reasons import REASONS
from tests.support.judged_words import judging_options, rejudger, verdict, write_lines

DARKER = "much darker than usual"


def explained(tmp_path: Path, inspection: Inspection, *options: str) -> int:
    lines = write_lines(tmp_path / "lines.jsonl", [inspection])
    return main(["explain", inspection.id[:6], "--jsonl", str(lines), *judging_options(), *options])


def test_each_word_of_a_verdict_gets_its_effect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(tmp_path, verdict(1), "--json") == 0
    explanation = json.loads(capsys.readouterr().out)
    words = [(effect["kind"], effect["word"]) for effect in explanation["effects"]]
    assert words == [
        ("tag", "tag 1"), ("tag", "cell"), ("attribute", "dark"), ("caption", "a cell , a line 1"),
        ("phrase", "a cell"), ("phrase", "a line 1"),
    ]  # fmt: skip
    assert explanation["side"] == "ng"
    assert explanation["digests"]["prompt"] == explanation["inspection"]["judge"]["prompt"]
    assert explanation["inspection"]["id"] == verdict(1).id


def test_an_effect_is_what_judging_without_the_word_gives() -> None:
    stored = verdict(1)
    assert stored.description is not None
    words = stored.description.words
    without = replace(stored.description, words=replace(words, tags=words.tags[1:]))
    scores, decided = rejudger().judge(without)
    bad = sum(chance for label, chance in zip(scores.labels, scores.probabilities, strict=True) if label != "good")

    explanation = explain(rejudger(), stored)

    effect = explanation.effects[0]
    assert effect.probability_without == pytest.approx(bad, abs=0.01)
    assert effect.decision_without is decided.decision
    assert np.sign(effect.log_odds) == np.sign(explanation.probability - effect.probability_without)


@pytest.mark.parametrize(("language", "shown"), [("en", f"measured: {DARKER}   ("), ("ja", f"測定: {DARKER} [通常より非常に暗い]   (")])
def test_a_measured_word_is_named_with_its_effect(tmp_path: Path, language: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = verdict(1)
    assert plain.description is not None
    words = replace(plain.description.words, measured=(Measured(DARKER, 6.5), Measured("softer than usual", 3.0)))
    description = replace(plain.description, words=words)
    scores, decided = rejudger().judge(description)
    stored = replace(plain, description=description, scores=scores, verdict=decided)

    assert explained(tmp_path, stored, "--language", language) == 0
    assert shown in capsys.readouterr().out
    kinds = [(effect.kind, effect.word) for effect in explain(rejudger(), stored).effects]
    assert kinds[3:5] == [("measured", DARKER), ("measured", "softer than usual")]
    assert reproduce(rejudger(), stored) is None


@pytest.mark.parametrize("language", ["en", "ja"])
def test_an_explanation_is_in_the_language_of_the_operator(tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    doubted = replace(verdict(1), verdict=replace(verdict(1).verdict, reasons=(Reason.LOW_MARGIN,)))
    assert explained(tmp_path, doubted, "--language", language) == 0
    printed = capsys.readouterr().out
    assert f"{REASONS[Reason.LOW_MARGIN][language]} (low_margin)" in printed
    assert "no print" in printed  # struck
    assert verdict(1).models_digest in printed
    assert verdict(1).settings_digest in printed


def test_an_explanation_is_drawn_with_the_picture_that_was_judged(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "part.png"), pixels)
    seen = replace(verdict(1), evidence_sha256=hashlib.sha256(pixels.tobytes()).hexdigest())
    assert explained(tmp_path, seen, "--png", str(tmp_path / "with.png"), "--picture", str(tmp_path / "part.png")) == 0
    assert explained(tmp_path, seen, "--png", str(tmp_path / "without.png")) == 0
    drawn, plain = cv2.imread(str(tmp_path / "with.png")), cv2.imread(str(tmp_path / "without.png"))
    assert drawn is not None
    assert plain is not None
    assert drawn.shape[1] == plain.shape[1] == 1120
    assert drawn.shape[0] > plain.shape[0]


def test_another_picture_than_the_one_judged_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "other.png"), np.full((40, 60, 3), 7, np.uint8))
    assert explained(tmp_path, verdict(1), "--png", str(tmp_path / "out.png"), "--picture", str(tmp_path / "other.png")) == 1
    assert "is not the one of inspection" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_scores_that_this_judge_does_not_give_are_not_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = verdict(1).scores
    assert scores is not None
    assert explained(tmp_path, replace(verdict(1), scores=replace(scores, probabilities=(0.5, 0.25, 0.25)))) == 1
    assert "ng has probability" in capsys.readouterr().err
