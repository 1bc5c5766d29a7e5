"""The judge on a language model of two layers, on llama.cpp and as a graph, against full prompts by llama-cpp-python's own class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import llama_cpp
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from edge.describers.scripted import ScriptedDescriber
from edge.errors import BundleError, JudgeError
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits, fault
from edge.judges.graph import GraphModel
from edge.judges.label_judge import LabelJudge
from edge.judges.language_model import LanguageModel
from edge.judges.llama import LlamaModel
from edge.judges.prompt import CONTENT_FREE, Example, Prompt, description_text
from edge.judges.scoring import Scoring
from edge.records import Reason, Scores, Tag, Words
from export.models.llm.adapter_file import write_adapter
from export.models.llm.graph import write_graph
from firmware_config.board import Board
from firmware_config.labels import Label
from tests.support.sample_records import BUNDLE, LABELS, MODELS, description, frame, station, words
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_llama import HEADS, KEY_VALUE_HEADS, TEMPLATE, WIDTH, write_llama

BOARD = Board(name="test", providers=("cpu",), threads=1)
CONTEXT = 2048
Reference = Callable[[Sequence[int]], NDArray[np.float64]]
TOLERANCE_NATS = 2e-4
"""The same sums in another order, in float32."""

EXAMPLES = TEMPLATE.replace("{description}", "{examples}{description}")
WORDS = words("a dark line")
SETS = {
    "plain": ("good", "crack", "stain"),
    "sharing first tokens": ("dark area", "dark corner", "dark edge", "good"),
    "one begins another": ("dark", "dark edge", "dark edges", "good"),
    "Japanese": ("良品", "割れ", "割れと汚れ"),
}
SCORINGS: tuple[Scoring, ...] = ("rank", "contextual", "generate")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_llama(folder / "model.gguf")
    for seed, name in ((1, "one"), (2, "two")):
        rng = np.random.default_rng(seed)
        wide = KEY_VALUE_HEADS * WIDTH // HEADS
        matrices = {
            f"{layer}.{part}": (rng.normal(size=(8, WIDTH)).astype(np.float32), (rng.normal(size=(out, 8)) / 8).astype(np.float32))
            for layer, (part, out) in product(range(2), (("q_proj", WIDTH), ("v_proj", wide)))
        }
        write_adapter(matrices, folder / f"{name}.gguf", alpha=16, heads=HEADS, key_value_heads=KEY_VALUE_HEADS)
    return folder


def open_model(folder: Path, engine: str) -> LanguageModel:
    """model.gguf of a folder, which as a graph takes the adapters there."""
    gguf, graph = folder / "model.gguf", folder / "model.onnx"
    if engine == "llama.cpp":
        return LlamaModel(gguf, board=BOARD, context_tokens=CONTEXT)
    write_graph(gguf, graph, "fp32", context_tokens=CONTEXT, adapters=[path for path in folder.glob("*.gguf") if path != gguf])
    return GraphModel(graph, vocabulary=gguf, board=BOARD, context_tokens=CONTEXT)


def open_spoilt(folder: Path, engine: str, spoilt: float) -> LanguageModel:
    """A model in which the logit of one word is always `spoilt`."""
    write_llama(folder / "model.gguf", spoilt=spoilt if engine == "llama.cpp" else None)
    model = open_model(folder, engine)
    if engine == "llama.cpp":
        return model
    graph = onnx.load(folder / "model.onnx")
    (output,) = (tensor for tensor in graph.graph.initializer if tensor.name == "output.weight")
    values = numpy_helper.to_array(output).copy()
    values[:, values.shape[1] // 2] = spoilt
    output.CopyFrom(numpy_helper.from_array(values, "output.weight"))
    onnx.save(graph, folder / "model.onnx")
    return GraphModel(folder / "model.onnx", vocabulary=folder / "model.gguf", board=BOARD, context_tokens=CONTEXT)


@pytest.fixture(scope="module", params=["llama.cpp", "graph"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(folder: Path, engine: str) -> LanguageModel:
    return open_model(folder, engine)


@pytest.fixture(scope="module")
def reference(folder: Path, engine: str) -> Reference:
    """Log-probabilities (T, V) after each token of a whole text; keys and values in F16, as llama.cpp keeps them, or in F32, as a graph."""
    kept = llama_cpp.GGML_TYPE_F16 if engine == "llama.cpp" else llama_cpp.GGML_TYPE_F32
    llama = llama_cpp.Llama(
        str(folder / "model.gguf"), n_ctx=CONTEXT, logits_all=True, n_threads=1, type_k=kept, type_v=kept, verbose=False
    )

    def log_probabilities(tokens: Sequence[int]) -> np.ndarray:
        llama.reset()
        llama.eval(list(tokens))
        logits = np.array(llama.scores[: len(tokens)], np.float64)
        return np.asarray(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))

    return log_probabilities


def labels_of(names: Sequence[str], meaning: str = "") -> tuple[Label, ...]:
    """The first is ok; without `meaning` every second one has a meaning."""
    return tuple(
        Label(name=name, meaning=meaning or ("" if i % 2 else f"meaning {i} 意味"), decision="ng" if i else "ok")
        for i, name in enumerate(names)
    )


def judge_of(
    model: LanguageModel,
    names: Sequence[str],
    *,
    scoring: Scoring = "rank",
    adapter: Path | None = None,
    examples: Sequence[Example] = (),
    meaning: str = "",
) -> LabelJudge:
    labels = labels_of(names, meaning)
    prompt = Prompt.parse(EXAMPLES, labels, examples=examples)
    return LabelJudge(model, labels=labels, prompt=prompt, adapter=adapter, temperature=None, scoring=scoring)


def expected(model: LanguageModel, reference: Reference, names: Sequence[str], scoring: Scoring, text: str) -> list[float]:
    """Log-likelihoods by the definition: a whole prompt for each label."""
    prompt = Prompt.parse(EXAMPLES, labels_of(names))
    start = model.tokenize(prompt.prefix, special=True, begin=True) + model.tokenize(text) + model.tokenize(prompt.suffix, special=True)
    ends = [2, model.tokenize("\n")[-1]]
    answers = [tuple(model.tokenize(answer)) for answer in prompt.answers]
    found = []
    for own in answers:
        after = reference([*start, *own])[len(start) - 1 :]
        total = 0.0
        for depth in range(len(own) + 1):
            next_ones = {other[depth] for other in answers if other[:depth] == own[:depth] and len(other) > depth}
            if depth == len(own) and not next_ones:
                break
            at = {token: after[depth, token] for token in next_ones}
            if own[:depth] in answers:
                at[-1] = np.logaddexp.reduce(after[depth, ends])
            step = at[own[depth] if depth < len(own) else -1]
            total += step - np.logaddexp.reduce(list(at.values())) if scoring == "generate" else step
        found.append(total)
    return found


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
@pytest.mark.parametrize("scoring", SCORINGS)
def test_one_decode_for_all_labels_equals_a_whole_prompt_for_each(
    model: LanguageModel, reference: Reference, names: tuple[str, ...], scoring: Scoring
) -> None:
    wanted = np.array(expected(model, reference, names, scoring, description_text(WORDS)))
    if scoring == "contextual":
        wanted -= expected(model, reference, names, scoring, CONTENT_FREE)

    scores = judge_of(model, names, scoring=scoring).score(WORDS)

    assert np.abs(np.array(scores.log_likelihoods) - wanted).max() < TOLERANCE_NATS
    assert scores.method == scoring
    require_sound(scores, names)


def require_sound(scores: Scores, names: Sequence[str]) -> None:
    assert scores.labels == tuple(names)
    assert all(map(math.isfinite, (*scores.log_likelihoods, *scores.probabilities)))
    assert sum(scores.probabilities) == pytest.approx(1.0)
    assert not scores.calibrated


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_what_generation_may_say_has_a_probability_of_one_in_all(model: LanguageModel, names: tuple[str, ...]) -> None:
    scores = judge_of(model, names, scoring="generate").score(WORDS)

    assert sum(map(math.exp, scores.log_likelihoods)) == pytest.approx(1.0)


def test_a_label_that_is_a_prefix_of_another_is_not_likelier_for_that(model: LanguageModel) -> None:
    short, long = judge_of(model, ("d", "dx")).score(WORDS).log_likelihoods

    # As a mere prefix "d" could never be less likely than "dx".
    assert short < long


@pytest.mark.parametrize("scoring", SCORINGS)
def test_sixty_four_labels_are_judged(model: LanguageModel, scoring: Scoring) -> None:
    names = [f"{a}{b}" for a, b in product("abcdefgh", repeat=2)]

    scores = judge_of(model, names, scoring=scoring).score(WORDS)

    require_sound(scores, names)
    assert len(set(scores.log_likelihoods)) == 64


def test_examples_that_need_several_batches_are_read(model: LanguageModel, reference: Reference) -> None:
    examples = [(words("a long dark line through the whole cell, from edge to edge"), "crack")] * 6
    prompt = Prompt.parse(EXAMPLES, labels_of(SETS["plain"]), examples=examples)
    start = model.tokenize(prompt.prefix, special=True, begin=True)
    whole = start + model.tokenize(description_text(WORDS)) + model.tokenize(prompt.suffix, special=True)

    scores = judge_of(model, SETS["plain"], examples=examples).score(WORDS)

    assert len(start) > 512
    for answer, found in zip(prompt.answers, scores.log_likelihoods, strict=True):
        tail = model.tokenize(answer)
        after = reference(whole + tail)[len(whole) - 1 :]
        assert found == pytest.approx(sum(after[i, token] for i, token in enumerate(tail)), abs=TOLERANCE_NATS)


def variants(of: Words) -> list[Words]:
    """The words, and the words without each tag and each caption."""
    tags = [replace(of, tags=of.tags[:i] + of.tags[i + 1 :]) for i in range(len(of.tags))]
    captions = [replace(of, captions=of.captions[:i] + of.captions[i + 1 :]) for i in range(len(of.captions))]
    return [of, *tags, *captions]


def test_many_descriptions_at_once_are_scored_as_one_after_the_other(model: LanguageModel) -> None:
    judge = judge_of(model, SETS["one begins another"])
    many = variants(Words(tuple(Tag(f"word {i}", 0.3) for i in range(20)), (Tag("even", 0.2),), ("a dark line", "an edge")))
    one_by_one = [judge.score(each) for each in many]

    together = judge.score_each(many)

    for one, other in zip(one_by_one, together, strict=True):
        assert np.abs(np.subtract(one.log_likelihoods, other.log_likelihoods)).max() < TOLERANCE_NATS
        assert replace(one, log_likelihoods=(), probabilities=()) == replace(other, log_likelihoods=(), probabilities=())
    assert judge.score_each([]) == ()
    assert judge.score_each(many) == together


def test_scores_are_the_same_to_the_last_bit_whatever_came_between(folder: Path, model: LanguageModel) -> None:
    one, two, none = (judge_of(model, SETS["plain"], adapter=adapter) for adapter in (folder / "one.gguf", folder / "two.gguf", None))
    first = [judge.score(WORDS) for judge in (one, two, none)]
    one.score_each([words("a" * i) for i in range(1, 30)])
    two.score(words("another matter"))

    again = [judge.score(WORDS) for judge in (none, two, one)][::-1]

    assert again == first
    assert all(a.log_likelihoods != b.log_likelihoods for a, b in pairwise(first))


def test_two_adapters_on_one_model_judge_as_each_alone(folder: Path, model: LanguageModel, engine: str) -> None:
    shared = [judge_of(model, SETS["plain"], adapter=folder / f"{name}.gguf") for name in ("one", "two")]
    for turn in range(3):
        for name, judge in zip(("one", "two"), shared, strict=True):
            alone = open_model(folder, engine)
            caption = words(f"turn {turn}")
            assert judge_of(alone, SETS["plain"], adapter=folder / f"{name}.gguf").score(caption) == judge.score(caption)


@pytest.mark.parametrize("spoilt", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_an_error_each_time(tmp_path: Path, spoilt: float, engine: str) -> None:
    broken = open_spoilt(tmp_path, engine, spoilt)

    for scoring in ("rank", "generate"):
        judge = judge_of(broken, SETS["plain"], scoring=scoring)
        for _ in range(2):
            with pytest.raises(JudgeError, match="gave logits that are not finite: verify the bundle") as caught:
                judge.score(WORDS)
            assert is_one_sentence(str(caught.value))
    with pytest.raises(JudgeError, match="not finite"):
        judge_of(broken, SETS["plain"], scoring="contextual")


@pytest.mark.parametrize("spoilt", [math.nan, math.inf, -math.inf])
def test_a_picture_that_was_judged_by_such_logits_is_a_fault(tmp_path: Path, spoilt: float, engine: str) -> None:
    judge = judge_of(open_spoilt(tmp_path, engine, spoilt), LABELS)
    describer = ScriptedDescriber({"part.png": description()})

    found = Inspector(station(), describer=describer, judge=judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS).inspect(
        frame()
    )

    assert found.verdict == fault(Reason.JUDGE_FAILED)
    assert "not finite" in str(found.detail)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path, model: LanguageModel) -> None:
    rng = np.random.default_rng(0)
    matrices = {"0.q_proj": (rng.normal(size=(8, 96)).astype(np.float32), rng.normal(size=(96, 8)).astype(np.float32))}
    write_adapter(matrices, tmp_path / "other.gguf", alpha=16, heads=4, key_value_heads=2)

    with pytest.raises(BundleError, match=r"adapter .*other\.gguf does not fit the language model .*: export it for this model") as caught:
        judge_of(model, SETS["plain"], adapter=tmp_path / "other.gguf")
    assert is_one_sentence(str(caught.value))


REFUSED: dict[str, tuple[Callable[[LanguageModel], LabelJudge], str]] = {
    "meanings that fill the context": (
        lambda model: judge_of(model, [f"{i:02}" for i in range(64)], meaning="x" * 30),
        "the instruction with 64 labels and its examples is [0-9]+ tokens, too many for a context of 2048",
    ),
    "names that fill a decode": (
        lambda model: judge_of(model, [f"{i:02} {'x' * 20}" for i in range(12)]),
        "the 12 labels are 300 tokens, at most 256 fit: shorten their names",
    ),
    "two names that the model reads alike": (
        lambda model: judge_of(model, ["dark area", "dark\u2581area"]),
        "label 'dark\u2581area' has the same tokens as label 'dark area': give it another name",
    ),
    "a control token in a label": (lambda model: judge_of(model, ["good", "</s>"]), "must not hold a control token of the language model"),
    "a control token in an example": (
        lambda model: judge_of(model, ["good", "crack"], examples=[(words("a </s> line"), "good")]),
        "must not hold a control token of the language model",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_station_that_could_only_fail_with_every_picture_is_refused(model: LanguageModel, case: str) -> None:
    make, said = REFUSED[case]
    with pytest.raises(BundleError, match=said) as caught:
        make(model)
    assert is_one_sentence(str(caught.value))


def test_a_control_token_in_a_description_is_read_as_plain_text(model: LanguageModel) -> None:
    assert 2 in model.tokenize("</s>", special=True)
    assert 2 not in model.tokenize("</s>")
    require_sound(judge_of(model, SETS["plain"]).score(words("a </s> line")), SETS["plain"])


def test_words_that_are_too_many_lose_captions_and_then_fail(model: LanguageModel) -> None:
    judge = judge_of(model, SETS["plain"])
    require_sound(judge.score(words(*["a line"] * 200)), SETS["plain"])
    endless = Words(tuple(Tag("x" * 60, 0.3) for _ in range(20)), (Tag("even", 0.2),), ())
    with pytest.raises(JudgeError, match=r"tags and attributes alone are [0-9]+ tokens, at most [0-9]+ fit") as caught:
        judge.score(endless)
    assert is_one_sentence(str(caught.value))
