from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from edge.judges.language_model import Vocabulary
from edge.records import Tag, Words
from export.models.llm.gguf_file import LlmError, write_lora
from export.tuning.average import average
from export.tuning.examples import Example, read_examples, varied
from export.tuning.lora_llama import LoraLlama
from export.tuning.tune import Student, Tails, Tuning, batch_of
from firmware_config.labels import Label
from tests.support.tiny_llama import TEMPLATE, write_llama

LABELS = (Label(name="good", decision="ok"), Label(name="crack", decision="ng"))
TAILS = Tails(((5,), (6, 7), (6, 8, 9)))


def words(*tags: str) -> Words:
    return Words(tuple(Tag(tag, 0.0) for tag in tags), (), ())


@pytest.fixture
def student(tmp_path: Path) -> Student:
    write_llama(tmp_path / "tiny.gguf")
    return Student(tmp_path / "tiny.gguf", vocabulary=Vocabulary.of_file(tmp_path / "tiny.gguf"), template=TEMPLATE, labels=LABELS)


def test_log_likelihoods_are_the_sums_over_each_tails_tokens() -> None:
    chances = torch.log_softmax(torch.randn(2, 1 + len(TAILS.inputs), 12, generator=torch.Generator().manual_seed(0)), -1)

    found = TAILS.log_likelihoods(chances)

    assert TAILS.inputs == [6, 6, 8]
    for i in range(2):
        row = chances[i]
        by_hand = [row[0, 5], row[0, 6] + row[1, 7], row[0, 6] + row[2, 8] + row[3, 9]]
        assert found[i].tolist() == pytest.approx([value.item() for value in by_hand])


def test_a_batch_shows_each_token_what_stands_before_it_on_its_own_branch() -> None:
    ids, positions, visible = batch_of([[1, 2, 3], [4]], TAILS, prefix_length=10)

    assert ids.tolist() == [[1, 2, 3, 6, 6, 8], [4, 6, 6, 8, 0, 0]]
    assert positions[0].tolist() == [10, 11, 12, 13, 13, 14]
    assert positions[1, :4].tolist() == [10, 11, 11, 12]
    # Rows see, columns are seen: the description causally, then the branches 6 and 6 8, which do not see each other.
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


def test_a_batch_scores_as_whole_prompts_one_by_one_do(student: Student) -> None:
    shared = [student.shared(words("dark line", "cell")), student.shared(words("clean"))]

    with torch.no_grad():
        together = student.log_likelihoods(shared)
        for i, tokens in enumerate(shared):
            for j, tail in enumerate(student._tails.tokens):  # noqa: SLF001 -- the tokens of the labels, taken once by the student
                ids = torch.tensor([[*tokens, *tail]])
                positions = torch.arange(ids.shape[1])[None] + len(student._prefix)  # noqa: SLF001 -- as above
                causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()[None]
                hidden = student.model(student._prefix, ids, positions, causal)[0]  # noqa: SLF001 -- as above
                chances = torch.log_softmax((hidden @ student.model.head.T).float(), -1)
                alone = sum(chances[len(tokens) - 1 + k, token].item() for k, token in enumerate(tail))
                assert together[i, j].item() == pytest.approx(alone, abs=0.15)


def test_tuning_makes_the_allowed_labels_likelier_and_the_written_adapter_holds_what_was_learned(student: Student, tmp_path: Path) -> None:
    examples = [Example(words("dark line"), ("crack",), "a"), Example(words("clean"), ("good",), "b")] * 4
    said: list[str] = []

    def right() -> float:
        with torch.no_grad():
            chances = torch.softmax(student.log_likelihoods([student.shared(example.words) for example in examples[:2]]), -1)
        return float(chances[0, 1] + chances[1, 0]) / 2

    before = right()
    student.tune(examples, Tuning(epochs=12, batch=4, learning_rate=2e-2), say=said.append)
    student.write(tmp_path / "adapter.gguf")

    assert right() > max(before, 0.9)
    assert said[-1].startswith("24/24 ")
    assert all(np.abs(b).max() > 0 for _, b in student.model.lora().values())
    assert (tmp_path / "adapter.gguf").stat().st_size > 1_000


def test_only_the_upper_layers_learn_where_that_is_said(student: Student, tmp_path: Path) -> None:
    every = [student.shared(words("dark line")), student.shared(words("clean", "bright"))]
    with torch.no_grad():
        before = student.log_likelihoods(every)
    student.model = LoraLlama(tmp_path / "tiny.gguf", rank=4, alpha=8, adapted=("q_proj", "up_proj"), learning=1)
    student._lower.clear()  # noqa: SLF001 -- what the frozen layers of the other model made of them

    with torch.no_grad():
        assert torch.equal(student.log_likelihoods(every), before)
    assert {name.split(".")[0] for name in student.model.lora()} == {"1"}


def test_tuning_with_a_seed_begins_anew(student: Student) -> None:
    examples = [Example(words("dark line"), ("crack",), "a"), Example(words("clean"), ("good",), "b")]

    def tuned(seed: int) -> np.ndarray:
        student.tune(examples, Tuning(epochs=2, batch=2, seed=seed), say=lambda _: None)
        return np.concatenate([b.ravel().copy() for _, b in student.model.lora().values()])

    first = tuned(1)

    assert not np.array_equal(tuned(2), first)
    assert np.array_equal(tuned(1), first)


def test_an_average_changes_the_model_by_the_mean_of_the_changes(student: Student, tmp_path: Path) -> None:
    paths, changes = [], []
    for seed, rank in enumerate((4, 8)):
        student.model = LoraLlama(tmp_path / "tiny.gguf", rank=rank, alpha=16, adapted=("q_proj", "v_proj"))
        torch.manual_seed(seed)
        for name, part in student.model.named_parameters():
            if name.endswith(".b"):
                torch.nn.init.normal_(part)
        paths.append(tmp_path / f"{seed}.gguf")
        student.write(paths[-1])
        changes.append(changed(paths[-1]))

    average(paths, tmp_path / "mean.gguf")

    mean = changed(tmp_path / "mean.gguf")
    assert mean.keys() == changes[0].keys()
    for name, change in mean.items():
        assert np.allclose(change, (changes[0][name] + changes[1][name]) / 2, atol=1e-4)


def test_adapters_of_other_matrices_or_of_several_ranks_have_no_average(student: Student, tmp_path: Path) -> None:
    for name, adapted in (("qv", ("q_proj", "v_proj")), ("qo", ("q_proj", "o_proj"))):
        student.model = LoraLlama(tmp_path / "tiny.gguf", rank=4, alpha=16, adapted=adapted)
        student.write(tmp_path / f"{name}.gguf")
    uneven = [(f"blk.0.{name}.weight.lora_a", np.zeros((rank, 8), np.float32)) for name, rank in (("attn_q", 2), ("attn_v", 3))]
    write_lora(uneven, tmp_path / "uneven.gguf", alpha=1.0)

    with pytest.raises(LlmError, match=r"qv.gguf and .*qo.gguf do not change the same matrices \(blk.0.attn_"):
        average([tmp_path / "qv.gguf", tmp_path / "qo.gguf"], tmp_path / "mean.gguf")
    with pytest.raises(LlmError, match=r"uneven.gguf has matrices of rank 2, 3"):
        average([tmp_path / "uneven.gguf"], tmp_path / "mean.gguf")
    assert not (tmp_path / "mean.gguf").exists()


def changed(adapter: Path) -> dict[str, np.ndarray]:
    """By how much an adapter changes each matrix, as llama.cpp computes it: alpha over rank, times B A."""
    reader = gguf.GGUFReader(adapter)
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    parts = {tensor.name: np.array(tensor.data, np.float64) for tensor in reader.tensors}
    return {
        name.removesuffix(".lora_a"): alpha / len(a) * parts[name.replace("lora_a", "lora_b")] @ a
        for name, a in parts.items()
        if name.endswith("lora_a")
    }


def test_examples_are_read_with_their_words_alone(tmp_path: Path) -> None:
    record = {
        "description": {"tags": ["crack"], "attributes": ["a dark line"], "captions": ["a cell"]},
        "allowed": ["crack", "stain"],
        "source": "painted",
    }
    (tmp_path / "examples.jsonl").write_text(json.dumps(record) + "\n")

    (example,) = read_examples(tmp_path / "examples.jsonl", LABELS)

    assert example.allowed == ("crack", "stain")
    assert example.words == Words((Tag("crack", 0.0),), (Tag("a dark line", 0.0),), ("a cell",))


def test_varied_words_lose_their_order_and_some_of_them_and_nothing_else_changes() -> None:
    tags, attributes = tuple(Tag(f"tag {i}", 0.0) for i in range(6)), tuple(Tag(f"attribute {i}", 0.0) for i in range(5))
    examples = [Example(Words(tags, attributes, ("a cell",)), ("crack",), f"{i}") for i in range(400)]

    found = varied(examples, left_out=0.2, seed=1)
    whole = varied(examples, left_out=0.0, seed=1)

    for before, after in zip(examples, found, strict=True):
        assert (after.allowed, after.source) == (before.allowed, before.source)
        assert set(after.words.tags) <= set(tags)
        assert set(after.words.attributes) <= set(attributes)
    assert np.mean([len(after.words.tags) for after in found]) == pytest.approx(0.8 * 6, abs=0.2)
    assert np.mean([len(after.words.captions) for after in found]) == pytest.approx(0.8, abs=0.07)
    assert all(set(after.words.tags) == set(tags) for after in whole)
    assert {after.words.tags[0] for after in whole} == set(tags), "any word may stand first"
    assert varied(examples, left_out=0.2, seed=1) == found
    assert varied(examples, left_out=0.2, seed=2) != found
