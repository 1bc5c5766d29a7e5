from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from edge.judges.language_model import Vocabulary
from edge.records import Measured, Tag, Words
from export.errors import LlmError
from export.models.llm.adapter_file import base_of, write_lora
from export.models.llm.gguf_weights import GgufWeights
from export.tuning.average import average
from export.tuning.examples import KINDS_OF_WORDS, Example, augmented, only, read_examples
from export.tuning.lora_llama import LoraLlama
from export.tuning.tune import Tails, Tuner, Tuning, batch_of
from firmware_config.labels import Label
from tests.support.tiny_llama import TEMPLATE, write_llama

LABELS = (Label(name="good", decision="ok"), Label(name="crack", decision="ng"))
TAILS = Tails(((5,), (6, 7), (6, 8, 9)))


def words(*tags: str) -> Words:
    return Words(tuple(Tag(tag, 0.0) for tag in tags), (), ())


@pytest.fixture
def tuner(tmp_path: Path) -> Tuner:
    write_llama(tmp_path / "tiny.gguf")
    return Tuner(tmp_path / "tiny.gguf", vocabulary=Vocabulary.of_file(tmp_path / "tiny.gguf"), template=TEMPLATE, labels=LABELS)


def test_the_log_likelihood_of_a_label_is_the_sum_over_its_tokens() -> None:
    log_probabilities = torch.log_softmax(torch.randn(2, 1 + len(TAILS.inputs), 12, generator=torch.Generator().manual_seed(0)), -1)

    log_likelihoods = TAILS.log_likelihoods(log_probabilities)

    assert TAILS.inputs == [6, 6, 8]
    for row, actual in zip(log_probabilities, log_likelihoods, strict=True):
        expected = [row[0, 5], row[0, 6] + row[1, 7], row[0, 6] + row[2, 8] + row[3, 9]]
        assert actual.tolist() == pytest.approx([value.item() for value in expected])


def test_each_token_of_a_batch_attends_to_the_tokens_before_it_on_its_own_branch() -> None:
    ids, positions, visible = batch_of([[1, 2, 3], [4]], TAILS, prefix_length=10)

    assert ids.tolist() == [[1, 2, 3, 6, 6, 8], [4, 6, 6, 8, 0, 0]]
    assert positions[0].tolist() == [10, 11, 12, 13, 13, 14]
    assert positions[1, :4].tolist() == [10, 11, 11, 12]
    # A row attends to the columns with a 1: first the description, causally, then the branches 6 and 6 8, which ignore each other.
    assert visible[0].int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 0, 1, 0],
        [1, 1, 1, 0, 1, 1],
    ]
    assert visible[1].int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 0, 1, 0, 0, 0],
        [1, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]


def test_a_batch_gets_the_scores_of_whole_prompts_one_by_one(tuner: Tuner) -> None:
    descriptions = [tuner.tokens(words("dark line", "cell")), tuner.tokens(words("clean"))]

    with torch.no_grad():
        together = tuner.log_likelihoods(descriptions)
        for i, tokens in enumerate(descriptions):
            for j, tail in enumerate(tuner._tails.tokens):  # noqa: SLF001 -- the tokens of the labels are the tuner's own
                ids = torch.tensor([[*tokens, *tail]])
                positions = torch.arange(ids.shape[1])[None] + len(tuner._prefix)  # noqa: SLF001 -- as above
                causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()[None]
                hidden = tuner.model(tuner._prefix, ids, positions, causal)[0]  # noqa: SLF001 -- as above
                log_probabilities = torch.log_softmax((hidden @ tuner.model.head.T).float(), -1)
                alone = sum(log_probabilities[len(tokens) - 1 + k, token].item() for k, token in enumerate(tail))
                assert together[i, j].item() == pytest.approx(alone, abs=0.15)


def test_tuning_raises_the_probability_of_the_allowed_labels_and_writes_the_trained_matrices(tuner: Tuner, tmp_path: Path) -> None:
    examples = [Example(words("dark line"), ("crack",), "a"), Example(words("clean"), ("good",), "b")] * 4
    log: list[str] = []

    def allowed_probability() -> float:
        with torch.no_grad():
            probabilities = torch.softmax(tuner.log_likelihoods([tuner.tokens(example.words) for example in examples[:2]]), -1)
        return float(probabilities[0, 1] + probabilities[1, 0]) / 2

    before = allowed_probability()
    tuner.tune(examples, Tuning(epochs=12, batch=4, learning_rate=2e-2), report=log.append)
    tuner.write(tmp_path / "adapter.gguf")

    assert allowed_probability() > max(before, 0.9)
    assert log[-1].startswith("24/24 ")
    assert all(np.abs(b).max() > 0 for _, b in tuner.model.lora().values())
    assert (tmp_path / "adapter.gguf").stat().st_size > 1_000


def test_only_the_last_layers_are_trained_if_so_configured(tuner: Tuner, tmp_path: Path) -> None:
    descriptions = [tuner.tokens(words("dark line")), tuner.tokens(words("clean", "bright"))]
    with torch.no_grad():
        before = tuner.log_likelihoods(descriptions)
    tuner.model = LoraLlama(tmp_path / "tiny.gguf", rank=4, alpha=8, adapted=("q_proj", "up_proj"), trained_layers=1)
    tuner._lower_states.clear()  # noqa: SLF001 -- hidden states of the other model

    with torch.no_grad():
        assert torch.equal(tuner.log_likelihoods(descriptions), before)
    assert {name.split(".")[0] for name in tuner.model.lora()} == {"1"}


def test_tuning_starts_again_from_its_seed(tuner: Tuner) -> None:
    examples = [Example(words("dark line"), ("crack",), "a"), Example(words("clean"), ("good",), "b")]

    def tuned(seed: int) -> np.ndarray:
        tuner.tune(examples, Tuning(epochs=2, batch=2, seed=seed), report=lambda _: None)
        return np.concatenate([b.ravel().copy() for _, b in tuner.model.lora().values()])

    first = tuned(1)

    assert not np.array_equal(tuned(2), first)
    assert np.array_equal(tuned(1), first)


def test_the_mean_adapter_changes_the_model_by_the_mean_of_the_changes(tuner: Tuner, tmp_path: Path) -> None:
    paths, changes = [], []
    for seed, rank in enumerate((4, 8)):
        tuner.model = LoraLlama(tmp_path / "tiny.gguf", rank=rank, alpha=16, adapted=("q_proj", "v_proj"))
        torch.manual_seed(seed)
        for name, part in tuner.model.named_parameters():
            if name.endswith(".b"):
                torch.nn.init.normal_(part)
        paths.append(tmp_path / f"{seed}.gguf")
        tuner.write(paths[-1])
        changes.append(changed(paths[-1]))

    average(paths, tmp_path / "mean.gguf")

    base = GgufWeights(tmp_path / "tiny.gguf").fingerprint
    assert {base_of(path) for path in (*paths, tmp_path / "mean.gguf")} == {base}
    mean = changed(tmp_path / "mean.gguf")
    assert mean.keys() == changes[0].keys()
    for name, change in mean.items():
        assert np.allclose(change, (changes[0][name] + changes[1][name]) / 2, atol=1e-4)


def test_adapters_of_different_matrices_or_mixed_ranks_are_not_averaged(tuner: Tuner, tmp_path: Path) -> None:
    for name, adapted in (("qv", ("q_proj", "v_proj")), ("qo", ("q_proj", "o_proj"))):
        tuner.model = LoraLlama(tmp_path / "tiny.gguf", rank=4, alpha=16, adapted=adapted)
        tuner.write(tmp_path / f"{name}.gguf")
    uneven = [(f"blk.0.{name}.weight.lora_a", np.zeros((rank, 8), np.float32)) for name, rank in (("attn_q", 2), ("attn_v", 3))]
    write_lora(uneven, tmp_path / "uneven.gguf", alpha=1.0)

    with pytest.raises(LlmError, match=r"qv.gguf and .*qo.gguf do not change the same matrices \(blk.0.attn_"):
        average([tmp_path / "qv.gguf", tmp_path / "qo.gguf"], tmp_path / "mean.gguf")
    with pytest.raises(LlmError, match=r"uneven.gguf has matrices of rank 2, 3"):
        average([tmp_path / "uneven.gguf"], tmp_path / "mean.gguf")
    assert not (tmp_path / "mean.gguf").exists()


def changed(adapter: Path) -> dict[str, np.ndarray]:
    """The change that an adapter makes to each matrix, as llama.cpp computes it: alpha / rank * B A."""
    reader = gguf.GGUFReader(adapter)
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    parts = {tensor.name: np.array(tensor.data, np.float64) for tensor in reader.tensors}
    return {
        name.removesuffix(".lora_a"): alpha / len(a) * parts[name.replace("lora_a", "lora_b")] @ a
        for name, a in parts.items()
        if name.endswith("lora_a")
    }


def test_examples_are_read_with_words_labels_and_source(tmp_path: Path) -> None:
    record = {
        "description": {"tags": ["crack"], "attributes": ["a dark line"], "captions": ["a cell"]},
        "allowed": ["crack", "stain"],
        "source": "painted",
    }
    (tmp_path / "examples.jsonl").write_text(json.dumps(record) + "\n")

    (example,) = read_examples(tmp_path / "examples.jsonl", LABELS)

    assert example.allowed == ("crack", "stain")
    assert example.words == Words((Tag("crack", 0.0),), (Tag("a dark line", 0.0),), ("a cell",))


def test_only_some_kinds_of_words_are_left() -> None:
    everything = Words((Tag("crack", 0.5),), (Tag("long", 0.5),), ("a crack",), (Measured("darker", 1.0),))
    for kind in KINDS_OF_WORDS:
        left = only(everything, (kind,))
        assert getattr(left, kind) == getattr(everything, kind)
        assert sum(len(getattr(left, other)) for other in KINDS_OF_WORDS) == 1


def test_whole_kinds_of_what_the_eye_says_are_dropped_and_something_is_always_said() -> None:
    words = Words((Tag("crack", 0.0),), (Tag("a dark line", 0.0),), ("a cell",))
    darker = replace(words, measured=(Measured("darker than usual", 3.0),))

    def less(words: Words) -> list[Words]:
        examples = [Example(words, ("crack",), f"{i}") for i in range(400)]
        return [example.words for example in augmented(examples, dropout=0.0, kinds=0.5, seed=1)]

    said, measured = less(words), less(darker)

    for kind in ("tags", "attributes", "captions"):
        assert np.mean([not getattr(one, kind) for one in measured]) == pytest.approx(0.5, abs=0.1), kind
    assert all(one.measured == darker.measured for one in measured)
    assert all(one.tags or one.attributes or one.captions for one in said)
    assert sum(one == words for one in said) > 400 / 8 * 1.4, "what would say nothing says everything"


def test_augmented_words_are_shuffled_and_dropped_and_nothing_else_changes() -> None:
    tags, attributes = tuple(Tag(f"tag {i}", 0.0) for i in range(6)), tuple(Tag(f"attribute {i}", 0.0) for i in range(5))
    examples = [Example(Words(tags, attributes, ("a cell",)), ("crack",), f"{i}") for i in range(400)]

    dropped = augmented(examples, dropout=0.2, kinds=0.0, seed=1)
    whole = augmented(examples, dropout=0.0, kinds=0.0, seed=1)

    for before, after in zip(examples, dropped, strict=True):
        assert (after.allowed, after.source) == (before.allowed, before.source)
        assert set(after.words.tags) <= set(tags)
        assert set(after.words.attributes) <= set(attributes)
    assert np.mean([len(after.words.tags) for after in dropped]) == pytest.approx(0.8 * 6, abs=0.2)
    assert np.mean([len(after.words.captions) for after in dropped]) == pytest.approx(0.8, abs=0.07)
    assert all(set(after.words.tags) == set(tags) for after in whole)
    assert {after.words.tags[0] for after in whole} == set(tags), "each word comes first at times"
    assert augmented(examples, dropout=0.2, kinds=0.0, seed=1) == dropped
    assert augmented(examples, dropout=0.2, kinds=0.0, seed=2) != dropped
