"""Fitting a linear judge: the box computes what scikit-learn computes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.judges.linear.file import read_linear
from edge.judges.linear.judge import LinearJudge
from edge.judges.prompt import description_text
from edge.records import Measured, Tag, Words
from export.cli import main
from export.spec import read_temperatures
from export.tuning.examples import Example, ExamplesError
from export.tuning.linear import fit_linear, fit_model, fit_regression, write_linear
from firmware_config.bundle import LinearTemperature
from firmware_config.labels import Label
from tests.support.station_files import station_toml

LABELS = (Label(name="good", decision="ok"), Label(name="crack", decision="ng"), Label(name="stain", decision="ng"))
NAMES = tuple(label.name for label in LABELS)
TELLING = {
    "good": ("intact cell", "even surface", "busbars"),
    "crack": ("crack", "thin line", "hairline crack"),
    "stain": ("stain", "dark spot", "soft edge"),
}


def examples(count: int, *, seed: int, allowed: Sequence[Sequence[str]] | None = None) -> list[Example]:
    """Descriptions in which many words speak for another label."""
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        label = NAMES[number % 3]
        said = [str(rng.choice(TELLING[label if rng.random() < 0.4 else str(rng.choice(NAMES))])) for _ in range(5)]
        words = Words((Tag(said[0], 0.0), Tag(said[1], 0.0)), (Tag(said[2], 0.0),), (f"a {said[3]} , a {said[4]}",))
        right = (label,) if allowed is None else next(group for group in allowed if label in group)
        made.append(Example(words, tuple(right), f"{seed}-{number}"))
    return made


@pytest.mark.parametrize("labels", [LABELS, LABELS[:2]], ids=["three labels", "two labels"])
def test_the_box_computes_the_scores_of_scikit_learn(labels: Sequence[Label]) -> None:
    names = [label.name for label in labels]
    fitted_on, others = ([one for one in examples(120, seed=seed) if set(names) & set(one.allowed)] for seed in (0, 1))
    vectorizer, regression = fit_regression(fitted_on, labels, strength=3.0)
    expected = regression.predict_log_proba(vectorizer.transform([description_text(one.words) for one in others]))

    judge = LinearJudge(fit_model(fitted_on, labels, strength=3.0), labels=names, temperature=None)

    scores = np.array([judge.score(one.words).log_likelihoods for one in others])
    np.testing.assert_allclose(scores, expected, atol=1e-6, rtol=0)


def test_the_strength_is_chosen_on_validation_examples_and_the_temperature_fitted_there() -> None:
    fitted_on, validation = examples(90, seed=0), examples(60, seed=1)

    fitted = fit_linear(fitted_on, validation, LABELS, strengths=(1e-6, 1.0))

    assert fitted.model == fit_model(fitted_on, LABELS, strength=fitted.strength)
    assert fitted.auroc > 0.8
    assert fitted.auroc == max(fit_linear(fitted_on, validation, LABELS, strengths=(one,)).auroc for one in (1e-6, 1.0))
    assert 0.05 < fitted.temperature < 20


def test_an_example_that_only_says_defective_teaches_no_kind_of_defect_but_that_it_is_one() -> None:
    known = examples(60, seed=0)
    unsure = examples(240, seed=1, allowed=[("good",), ("crack", "stain")])
    held_out = examples(150, seed=2)

    without, with_unsure = (
        LinearJudge(fit_model(some, LABELS, strength=3.0), labels=NAMES, temperature=None) for some in (known, known + unsure)
    )

    def surprise(judge: LinearJudge) -> float:
        return -sum(judge.score(one.words).log_likelihoods[NAMES.index(one.allowed[0])] for one in held_out) / len(held_out)

    assert surprise(with_unsure) < surprise(without)


def test_a_fitted_judge_is_written_with_its_temperature_beside_the_others(tmp_path: Path) -> None:
    fitted = fit_linear(examples(60, seed=0), examples(30, seed=1), LABELS, strengths=(1.0,))
    (tmp_path / "temperatures.json").write_text('[{"adapter": null, "template": "default", "temperature": 2.0}]')

    for _ in range(2):  # written again, it replaces itself
        path = write_linear(tmp_path, "words", fitted)

    assert path == tmp_path / "judges" / "words.json"
    assert read_linear(path) == fitted.model
    assert read_temperatures(tmp_path)[1:] == (LinearTemperature(linear="words", temperature=round(fitted.temperature, 4)),)


def test_a_judge_that_reads_measured_words_has_a_temperature_for_stations_without_them_too(tmp_path: Path) -> None:
    def measured(some: Sequence[Example]) -> list[Example]:
        darker = {"good": (), "crack": (Measured("darker than usual", 3.0),), "stain": (Measured("darker than usual", 3.0),)}
        return [replace(one, words=replace(one.words, measured=darker[one.allowed[0]])) for one in some]

    fitted = fit_linear(measured(examples(60, seed=0)), measured(examples(30, seed=1)), LABELS, strengths=(1.0,), measuring=("darker",))
    write_linear(tmp_path, "words", fitted)

    assert fitted.unmeasured_temperature is not None
    assert fitted.unmeasured_temperature > fitted.temperature, "without the word that tells it is less sure"
    assert read_temperatures(tmp_path) == (
        LinearTemperature(linear="words", temperature=round(fitted.temperature, 4), measured=("darker",)),
        LinearTemperature(linear="words", temperature=round(fitted.unmeasured_temperature, 4), measured=False),
    )


def test_the_same_examples_give_the_same_file(tmp_path: Path) -> None:
    first, second = (
        write_linear(tmp_path / name, "words", fit_linear(examples(60, seed=0), examples(30, seed=1), LABELS)) for name in "ab"
    )
    assert first.read_bytes() == second.read_bytes()


def test_a_label_without_an_example_is_refused() -> None:
    with pytest.raises(ExamplesError, match="no example allows 'stain'"):
        fit_linear([one for one in examples(60, seed=0) if one.allowed != ("stain",)], examples(30, seed=1), LABELS)


def test_validation_examples_of_one_side_are_refused() -> None:
    with pytest.raises(ExamplesError, match="0 of 20 validation examples are good"):
        fit_linear(examples(60, seed=0), [one for one in examples(30, seed=1) if one.allowed != ("good",)], LABELS)


def as_line(example: Example) -> str:
    words = example.words
    tags, attributes = ([tag.word for tag in tags] for tags in (words.tags, words.attributes))
    said = {"tags": tags, "attributes": attributes, "captions": words.captions}
    return json.dumps({"source": example.source, "description": said, "allowed": example.allowed}) + "\n"


def fitted_by_the_command(folder: Path, *, name: str = "words") -> int:
    for file, some in (("train.jsonl", examples(60, seed=0)), ("validation.jsonl", examples(30, seed=1))):
        (folder / file).write_text("".join(map(as_line, some)))
    (folder / "station.toml").write_text(station_toml(labels={label.name: label.decision for label in LABELS}))
    arguments = ["--validation", str(folder / "validation.jsonl"), "--station", str(folder / "station.toml")]
    return main(["linear", str(folder / "train.jsonl"), *arguments, "--name", name, "--out", str(folder / "artefacts")])


def test_the_command_fits_a_judge_and_says_how_good_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fitted_by_the_command(tmp_path) == 0
    assert "validation: AUROC of not ok 0." in capsys.readouterr().out
    assert read_linear(tmp_path / "artefacts" / "judges" / "words.json").labels == NAMES


def test_a_name_that_a_station_could_not_give_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fitted_by_the_command(tmp_path, name="../words") == 1
    assert "naming a linear judge '../words': give letters" in capsys.readouterr().err
    assert not (tmp_path / "artefacts").exists()
