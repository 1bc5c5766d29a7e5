"""A checkpoint of Hugging Face is tuned with PEFT, and its GGUF adapter answers in llama.cpp as the tuned checkpoint does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import GPTNeoXConfig, LlamaConfig, Qwen2Config

from export.errors import LlmError
from export.instruct.form import form_of
from export.instruct.learner import judged
from export.instruct.models import learner_of
from export.instruct.peft_learner import PeftLearner
from export.instruct.tuned import Tuned, TuneSettings
from export.instruct.tuning import tune_judge
from export.models.llm.adapter_file import base_of
from export.models.llm.gguf_weights import GgufWeights
from tests.support.odd_language_models import write_language_model
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_llama import TEMPLATE, write_llama
from tests.support.tuned_words import EXAMPLES, LABELS, VALIDATION, loss_of, ranked

SETTINGS = TuneSettings(
    steps=8, batch=4, rate=1e-2, check_every=4, patience=4, template=TEMPLATE, word_dropout=0.0, kind_dropout=0.0
)  # fmt: skip
TOLERANCE_NATS = 0.25
"""The GGUF holds 16 bits, and labels have several tokens."""


def silent(_: str) -> None:
    """Takes progress."""


def tuned_on(model: Path, folder: Path) -> Tuned:
    return tune_judge(
        EXAMPLES.words, EXAMPLES.right, validation_words=VALIDATION.words, validation_labels=VALIDATION.right, labels=LABELS,
        gguf=model, settings=SETTINGS, folder=folder, report=silent,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [pytest.param(LlamaConfig, marks=pytest.mark.long), pytest.param(Qwen2Config, marks=pytest.mark.slow)])
def test_the_adapter_of_a_checkpoint_answers_in_llama_cpp_as_it_was_learned(kind: type, tmp_path: Path) -> None:
    checkpoint = write_language_model(tmp_path / "checkpoint", kind)

    tuned = tuned_on(checkpoint, tmp_path / "out")

    assert tuned.validation_loss < tuned.curve[0].validation
    (model,) = (tmp_path / "out").glob("model-*.gguf")
    assert base_of(tuned.adapter) == tuned.fingerprint == GgufWeights(model).fingerprint
    plain, changed = (ranked(model, adapter) for adapter in (None, tuned.adapter))
    learner = learner_of(checkpoint, form_of("box", LABELS, template=TEMPLATE), ends=False, folder=tmp_path / "out", report=silent)
    untuned = judged(learner, [learner.tokens(words) for words in VALIDATION.words])
    assert np.abs(plain - untuned).max() < TOLERANCE_NATS
    assert np.abs(changed - plain).max() > 1
    assert loss_of(changed) == pytest.approx(tuned.validation_loss, abs=0.1)


def test_a_gguf_of_another_family_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_llama(tmp_path / "llama.gguf")
    renamed = (tmp_path / "llama.gguf").read_bytes().replace(b"llama", b"qwen2")
    (tmp_path / "other.gguf").write_bytes(renamed)

    with pytest.raises(LlmError, match="it is a qwen2, and only a llama can be tuned from a GGUF") as raised:
        tuned_on(tmp_path / "other.gguf", tmp_path)
    assert is_one_sentence(str(raised.value))


def test_a_checkpoint_without_the_matrices_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_llama(tmp_path / "tiny.gguf")
    checkpoint = write_language_model(tmp_path / "checkpoint", GPTNeoXConfig, intermediate_size=128)

    with pytest.raises(LlmError, match="PEFT puts no LoRA on q_proj") as raised:
        PeftLearner(checkpoint, tmp_path / "tiny.gguf", form_of("box", LABELS), ends=False)
    assert is_one_sentence(str(raised.value))
