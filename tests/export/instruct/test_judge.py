"""The scores of a tiny language model: those of the box, whatever was asked before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import BundleError
from edge.judges.graph import GraphModel
from edge.judges.label_judge import LabelJudge
from edge.judges.language_model import LanguageModel, Vocabulary
from edge.judges.llama import LlamaModel
from edge.judges.prompt import description_text
from edge.records import Words
from export.cache import Cache
from export.errors import LlmError
from export.instruct.form import FormName, form_of
from export.instruct.generation import MORE_TOKENS, Said, generate
from export.instruct.judge import LanguageModelScorers
from export.instruct.kept_rows import ROWS_IN_A_FILE, KeptRows, KeptRowsError, Row, Tokens
from export.instruct.pieces import Pieces
from export.instruct.states import StatesGraph, states_graph
from export.models.llm.adapter_file import write_adapter
from export.models.llm.gguf_weights import GgufWeights
from export.models.llm.graph import write_graph
from firmware_config.board import Board
from firmware_config.labels import Label
from tests.support.sample_records import words
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_llama import HEADS, KEY_VALUE_HEADS, WIDTH, write_llama

BOARD = Board(name="test", providers=("cpu",), threads=1, llm_graph="int8")
CONTEXT = 2048
LABELS = tuple(Label(name=name, decision="ng") for name in ("ok", "crack", "crack at a busbar"))
DESCRIPTIONS = (words("a dark line"), words("an even cell"), words("a dark line"))


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "model.gguf"
    write_llama(path)
    write_lora(path.with_name("lora.gguf"), seed=1)
    return path


def write_lora(path: Path, *, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def noise(*shape: int) -> NDArray[np.float32]:
        return (rng.normal(size=shape) / 4).astype(np.float32)

    matrices = {f"{layer}.q_proj": (noise(4, WIDTH), noise(WIDTH, 4)) for layer in range(2)}
    write_adapter(matrices, path, alpha=8, heads=HEADS, key_value_heads=KEY_VALUE_HEADS)


@pytest.fixture
def scorers(gguf: Path, tmp_path: Path) -> LanguageModelScorers:
    return opened(gguf, tmp_path / "cache")


def opened(
    gguf: Path, cache: Path, *, form: FormName = "box", board: Board = BOARD, report: list[str] | None = None
) -> LanguageModelScorers:
    lines = [] if report is None else report
    return LanguageModelScorers(gguf, LABELS, cache=cache, report=lines.append, form=form, board=board)


def judged_by_the_box(model: LanguageModel, adapter: Path | None = None) -> NDArray[np.float64]:
    judge = LabelJudge(model, labels=LABELS, prompt=form_of("box", LABELS).prompt, adapter=adapter, temperature=None)
    return np.array([judge.score(one).log_likelihoods for one in DESCRIPTIONS])


@pytest.mark.parametrize("adapted", [False, True])
def test_ranked_scores_are_those_of_the_judge_of_the_box_to_the_bit(
    gguf: Path,
    scorers: LanguageModelScorers,
    tmp_path: Path,
    adapted: bool,  # noqa: FBT001
) -> None:
    adapter = gguf.with_name("lora.gguf") if adapted else None
    write_graph(gguf, tmp_path / "box.onnx", "int8", context_tokens=CONTEXT, adapters=[gguf.with_name("lora.gguf")])
    box = GraphModel(tmp_path / "box.onnx", vocabulary=gguf, board=BOARD, context_tokens=CONTEXT)

    ranked = scorers.rank(DESCRIPTIONS, adapter)

    assert ranked.tolist() == judged_by_the_box(box, adapter).tolist()
    assert ranked.tolist() == opened(gguf, tmp_path / "other").rank(DESCRIPTIONS[::-1], adapter)[::-1].tolist()


def test_the_published_form_is_ranked_as_its_whole_prompts_are(gguf: Path, tmp_path: Path) -> None:
    """The oracle reads the whole prompt again for each token of the label."""
    fp32 = BOARD.model_copy(update={"llm_graph": "fp32"})
    form, vocabulary = form_of("published", LABELS), Vocabulary.of_file(gguf)
    whole = StatesGraph(graph_of(gguf, tmp_path), board=fp32, prefix=(), adapter=None)
    expected = []
    for described in DESCRIPTIONS:
        start = vocabulary.tokenize(form.prompt.prefix, special=True, begin=True) + vocabulary.tokenize(form.text(described))
        start += vocabulary.tokenize(form.prompt.suffix, special=True)
        answer, total = vocabulary.tokenize(form.prompt.answers[0]), 0.0
        for place, token in enumerate(answer):
            logits = whole.read([*start, *answer[:place]])[0][0].astype(np.float64)
            total += logits[token] - np.logaddexp.reduce(logits)
        expected.append(total)

    ranked = opened(gguf, tmp_path / "cache", form="published", board=fp32).rank(DESCRIPTIONS)

    assert ranked[:, 0] == pytest.approx(expected, abs=1e-3)


def graph_of(gguf: Path, folder: Path) -> Path:
    return states_graph(gguf, "fp32", adapter=None, context_tokens=CONTEXT, cache=Cache(folder / "graphs"), report=lambda _line: None)


def test_the_hidden_state_is_what_the_head_makes_the_next_token_of(gguf: Path, tmp_path: Path) -> None:
    fp32 = BOARD.model_copy(update={"llm_graph": "fp32"})
    vocabulary, form = Vocabulary.of_file(gguf), form_of("box", LABELS)
    prefix = vocabulary.tokenize(form.prompt.prefix, special=True, begin=True)
    text = vocabulary.tokenize(form.text(DESCRIPTIONS[0])) + vocabulary.tokenize(form.prompt.suffix)
    logits = StatesGraph(graph_of(gguf, tmp_path), board=fp32, prefix=prefix, adapter=None).read(text)[0][0]

    hidden = opened(gguf, tmp_path / "cache", board=fp32).hidden(DESCRIPTIONS)

    assert hidden.shape == (3, WIDTH)
    assert hidden.dtype == np.float32
    assert GgufWeights(gguf).weights("output.weight") @ hidden[0] == pytest.approx(logits, abs=1e-3)
    assert hidden[2].tolist() == hidden[0].tolist() != hidden[1].tolist()


def test_tokens_beside_each_other_are_read_as_if_alone(gguf: Path, tmp_path: Path) -> None:
    fp32 = BOARD.model_copy(update={"llm_graph": "fp32"})
    graph = StatesGraph(graph_of(gguf, tmp_path), board=fp32, prefix=(1, 300, 301), adapter=None)
    _, _, past = graph.read((302, 303))
    visible = np.array([[1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 0, 1]], np.bool_)

    logits, hidden, _ = graph.go_on([310, 311], 5, visible, past)

    for row, token in enumerate((310, 311)):
        alone = graph.read((302, 303, token))
        assert logits[row] == pytest.approx(alone[0][0], abs=1e-4)
        assert hidden[row] == pytest.approx(alone[1][0], abs=1e-4)


def test_a_generated_answer_goes_on_as_the_model_goes_on_after_the_whole_prompt(gguf: Path, tmp_path: Path) -> None:
    """The only label begins with all that the model could say, so that the search goes on to the end."""
    fp32 = BOARD.model_copy(update={"llm_graph": "fp32"})
    pieces, vocabulary, form = Pieces(gguf), Vocabulary.of_file(gguf), form_of("box", LABELS)
    prefix = vocabulary.tokenize(form.prompt.prefix, special=True, begin=True)
    text = vocabulary.tokenize(form.text(DESCRIPTIONS[0])) + vocabulary.tokenize(form.prompt.suffix)
    graph, greedy, length = StatesGraph(graph_of(gguf, tmp_path), board=fp32, prefix=prefix, adapter=None), list[int](), 3
    for _ in range(length + MORE_TOKENS):
        logits = graph.read([*text, *greedy])[0][0].astype(np.float64)
        logits[list(pieces.ends if not pieces.text(greedy) else (*pieces.ends, *pieces.breaks))] = -np.inf
        greedy.append(int(logits.argmax()))

    said = generate(graph, text, prefix_length=len(prefix), pieces=pieces, labels=[pieces.text(greedy)], longest=length, beams=1)

    assert said == Said(pieces.text(greedy), exact=True, text=pieces.text(greedy))


def test_what_was_scored_is_read_from_the_disk(gguf: Path, tmp_path: Path) -> None:
    first, second = opened(gguf, tmp_path), list[str]()
    adapter = gguf.with_name("lora.gguf")
    numbers = (first.rank(DESCRIPTIONS, adapter), first.hidden(DESCRIPTIONS), first.said(DESCRIPTIONS), first.empty())

    again = opened(gguf, tmp_path, report=second)

    assert [again.rank(DESCRIPTIONS, adapter).tolist(), again.hidden(DESCRIPTIONS).tolist(), again.empty().tolist()] == [
        numbers[0].tolist(),
        numbers[1].tolist(),
        numbers[3].tolist(),
    ]
    assert again.said(DESCRIPTIONS) == numbers[2]
    assert second == []


def test_an_adapter_that_was_tuned_again_under_its_name_gets_scores_of_its_own(gguf: Path, tmp_path: Path) -> None:
    scorers, adapter = opened(gguf, tmp_path / "cache"), tmp_path / "lora.gguf"
    write_lora(adapter, seed=1)
    first = scorers.rank(DESCRIPTIONS, adapter)

    write_lora(adapter, seed=2)

    assert np.abs(scorers.rank(DESCRIPTIONS, adapter) - first).max() > 1e-3
    assert scorers.rank(DESCRIPTIONS, gguf.with_name("lora.gguf")).tolist() == first.tolist()
    assert scorers.rank(DESCRIPTIONS).tolist() == opened(gguf, tmp_path / "other").rank(DESCRIPTIONS).tolist()


def test_contextual_calibration_has_a_description_without_content(scorers: LanguageModelScorers) -> None:
    nothing = Words((replace(DESCRIPTIONS[0].tags[0], word="N/A"),), (), ())

    assert description_text(nothing) == "Tags: N/A\n"
    assert scorers.empty().tolist() == scorers.rank([nothing])[0].tolist()


def test_the_length_of_a_label_counts_its_end_where_it_begins_another_one(gguf: Path, scorers: LanguageModelScorers) -> None:
    vocabulary = Vocabulary.of_file(gguf)
    counts = [len(vocabulary.tokenize(f" {label.name}")) for label in LABELS]

    assert scorers.lengths.tolist() == [counts[0], counts[1] + 1, counts[2]]


def test_a_description_that_is_too_long_loses_its_last_captions(scorers: LanguageModelScorers) -> None:
    long = words("a dark line", "x" * 600)

    assert scorers.rank([long]).tolist() == scorers.rank([words("a dark line")]).tolist()


def test_no_description_has_no_scores(scorers: LanguageModelScorers) -> None:
    assert scorers.rank([]).shape == (0, 3)
    assert scorers.hidden([]).shape[0] == 0
    assert scorers.generate([]) == ()


def test_a_model_that_cannot_be_a_graph_is_ranked_by_llama_cpp_and_has_no_hidden_states(tmp_path: Path) -> None:
    gguf, lines = tmp_path / "stretched.gguf", list[str]()
    write_llama(gguf, stretched=True)
    scorers = opened(gguf, tmp_path / "cache", report=lines)

    ranked = scorers.rank(DESCRIPTIONS)

    assert ranked == pytest.approx(judged_by_the_box(LlamaModel(gguf, board=BOARD, context_tokens=CONTEXT)), abs=1e-6)
    assert "llama.cpp" in lines[0] or "llama.cpp" in lines[1]
    with pytest.raises(LlmError, match="scales its rotary positions") as caught:
        scorers.hidden(DESCRIPTIONS)
    assert is_one_sentence(str(caught.value))


def test_labels_that_the_box_refuses_are_refused(gguf: Path, tmp_path: Path) -> None:
    odd = [Label(name="ok", decision="ok"), Label(name="</s>", decision="ng")]

    with pytest.raises(BundleError, match="control token"):
        LanguageModelScorers(gguf, odd, cache=tmp_path, report=lambda _line: None, board=BOARD).rank(DESCRIPTIONS)


class PulledPlug(Exception):  # noqa: N818
    """Ends a computation in the middle."""


def test_a_computation_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    texts, asked = [(number, 7) for number in range(100)], list[Tokens]()

    def compute(text: Tokens, *, until: int) -> Row:
        if len(asked) == until:
            raise PulledPlug
        asked.append(text)
        return {"rank": np.full(2, text[0] / 3), "text": "x" * (text[0] % 5)}

    with pytest.raises(PulledPlug):
        KeptRows(tmp_path / "rank").all_of(texts, lambda text: compute(text, until=80), what="judging", report=lambda _line: None)
    asked.clear()

    rows = KeptRows(tmp_path / "rank").all_of(texts[::-1], lambda text: compute(text, until=99), what="judging", report=lambda _line: None)

    assert len(asked) == len(texts) - ROWS_IN_A_FILE
    assert rows["rank"].tolist() == [[number / 3] * 2 for number in range(99, -1, -1)]
    assert rows["text"].tolist() == ["x" * (number % 5) for number in range(99, -1, -1)]


def test_a_damaged_file_of_scores_is_named_in_one_sentence(tmp_path: Path) -> None:
    kept, lines = KeptRows(tmp_path), list[str]()
    kept.all_of([(1, 2)], lambda _text: {"rank": np.zeros(2)}, what="judging", report=lines.append)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(KeptRowsError) as caught:
        kept.all_of([(1, 2)], lambda _text: {"rank": np.zeros(2)}, what="judging", report=lines.append)

    assert path.name in str(caught.value)
    assert is_one_sentence(str(caught.value))
