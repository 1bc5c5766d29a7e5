"""A judge is tuned on words: it learns, ends where validation gets no better, goes on after a kill, and its adapter is what it learned."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge.records import Words
from export.errors import LlmError
from export.instruct.errors import TuneError
from export.instruct.form import FormName
from export.instruct.tuned import Tuned, TuneSettings
from export.instruct.tuning import RECORD, STATE, tune_judge
from export.models.llm.adapter_file import base_of
from tests.support.repository import ROOT
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_llama import TEMPLATE, write_llama
from tests.support.tuned_words import EXAMPLES, LABELS, VALIDATION, loss_of, ranked

SETTINGS = TuneSettings(steps=6, batch=4, rate=2e-2, check_every=2, patience=4, template=TEMPLATE, word_dropout=0.0, kind_dropout=0.0)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    write_llama(path)
    return path


def tune(gguf: Path, folder: Path, settings: TuneSettings = SETTINGS, log: list[str] | None = None) -> Tuned:
    said: list[str] = [] if log is None else log
    return tune_judge(
        EXAMPLES.words,
        EXAMPLES.right,
        validation_words=VALIDATION.words,
        validation_labels=VALIDATION.right,
        labels=LABELS,
        gguf=gguf,
        settings=settings,
        folder=folder,
        report=said.append,
    )


def test_tuning_takes_the_step_that_is_best_on_validation_and_its_adapter_answers_so_in_llama_cpp(gguf: Path, tmp_path: Path) -> None:
    log: list[str] = []

    tuned = tune(gguf, tmp_path, replace(SETTINGS, steps=24, check_every=6), log=log)

    assert [check.step for check in tuned.curve] == [0, 6, 12, 18, 24]
    best = min(tuned.curve, key=lambda check: check.validation)
    assert (tuned.best_step, tuned.validation_loss, tuned.validation_auroc) == (best.step, best.validation, best.auroc)
    assert tuned.validation_loss < tuned.curve[0].validation / 2
    assert tuned.validation_auroc > 0.9
    assert "step 24 of 24" in log[-1]
    assert base_of(tuned.adapter) == tuned.fingerprint
    plain, changed = (ranked(gguf, adapter) for adapter in (None, tuned.adapter))
    assert loss_of(plain) == pytest.approx(tuned.curve[0].validation, abs=0.1)
    assert loss_of(changed) == pytest.approx(tuned.validation_loss, abs=0.1)


def test_the_same_data_and_settings_give_the_finished_tuning_again(gguf: Path, tmp_path: Path) -> None:
    first = tune(gguf, tmp_path)
    log: list[str] = []

    assert tune(gguf, tmp_path, log=log) == first
    assert log == []
    other = tune(gguf, tmp_path, replace(SETTINGS, seed=1))
    assert other.adapter.read_bytes() != first.adapter.read_bytes()
    assert other.digest != first.digest


@pytest.mark.long
@pytest.mark.parametrize("form", ["box", "published"])
def test_a_tuning_that_is_killed_goes_on_and_ends_with_the_same_bytes(form: FormName, gguf: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, form=form, word_dropout=0.2, kind_dropout=0.3)
    whole = tune(gguf, tmp_path / "whole", settings)
    script = (
        "import os, signal, sys\nfrom dataclasses import replace\nfrom pathlib import Path\n"
        "from export.instruct.tuning import tune_judge\n"
        "from tests.export.instruct.test_tuning import SETTINGS\nfrom tests.support.tuned_words import EXAMPLES, LABELS, VALIDATION\n"
        "def report(text):\n    if 'step 2 ' in text: os.kill(os.getpid(), signal.SIGKILL)\n"
        "tune_judge(EXAMPLES.words, EXAMPLES.right, validation_words=VALIDATION.words, validation_labels=VALIDATION.right, labels=LABELS,\n"
        "    gguf=Path(sys.argv[1]), folder=Path(sys.argv[2]), report=report,\n"
        "    settings=replace(SETTINGS, form=sys.argv[3], word_dropout=0.2, kind_dropout=0.3))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(gguf), str(tmp_path / "out"), form], check=False, timeout=120, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    (place,) = (tmp_path / "out").iterdir()
    assert [path.name for path in place.iterdir()] == [STATE]
    log: list[str] = []

    tuned = tune(gguf, tmp_path / "out", settings, log=log)

    assert [line.split(",")[0] for line in log if "step" in line] == ["tuning: step 4 of 6", "tuning: step 6 of 6"]
    assert tuned.adapter.read_bytes() == whole.adapter.read_bytes()
    assert tuned.curve == whole.curve
    assert not (place / STATE).exists()


def test_tuning_ends_when_validation_gets_no_better(gguf: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, rate=0.0, steps=20, patience=2)  # nothing is learned: no check is better than the first

    tuned = tune(gguf, tmp_path, settings)

    assert (tuned.best_step, tuned.curve[-1].step) == (0, 4)


def test_a_state_that_is_damaged_is_named(gguf: Path, tmp_path: Path) -> None:
    tuned = tune(gguf, tmp_path)
    (tuned.adapter.parent / RECORD).unlink()
    (tuned.adapter.parent / STATE).write_bytes(b"torn")

    with pytest.raises(TuneError, match=r"state\.pt is damaged") as raised:
        tune(gguf, tmp_path)
    assert is_one_sentence(str(raised.value))


def test_the_published_form_learns_the_answer_itself(gguf: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, form="published", balanced=False, steps=8, check_every=8)

    tuned = tune(gguf, tmp_path, settings)

    assert tuned.curve[0].validation > 10, "whole texts compete with the answer"
    assert tuned.validation_loss < tuned.curve[0].validation / 2


@pytest.mark.parametrize(
    ("words", "right", "message"),
    [
        (EXAMPLES.words[::2], EXAMPLES.right[::2], r"the training examples are 8 good and 0 defective, of 8 descriptions"),
        (
            EXAMPLES.words,
            ["good", *["dent"] * 15],
            r"'dent' is right for one of the training examples, and the judge answers good, crack, stain",
        ),
        (EXAMPLES.words[:2], EXAMPLES.right, r"8 good and 8 defective, of 2 descriptions"),
    ],
)
def test_examples_that_teach_nothing_are_refused_in_one_sentence(words: list[Words], right: list[str], message: str, gguf: Path) -> None:
    with pytest.raises(TuneError, match=message) as raised:
        tune_judge(
            words, right, validation_words=VALIDATION.words, validation_labels=VALIDATION.right, labels=LABELS, gguf=gguf,
            settings=SETTINGS, folder=gguf.parent, report=lambda _: None,
        )  # fmt: skip
    assert is_one_sentence(str(raised.value))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LlmError, match=r"nowhere\.gguf: it is no model") as raised:
        tune(tmp_path / "nowhere.gguf", tmp_path)
    assert is_one_sentence(str(raised.value))
