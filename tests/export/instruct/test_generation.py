from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from export.instruct.generation import MORE_TOKENS, Said, generate, label_said, may_say
from export.instruct.pieces import Pieces
from tests.support.tiny_llama import write_llama

LABELS = ("crack", "Dark  area", "\u50b7")
TEXT = (7, 8)
PREFIX = 3


class ScriptedReader:
    """Follows a table from what was generated so far to the logits after it; a text without an entry ends. It checks what is visible."""

    def __init__(self, table: Mapping[tuple[int, ...], Mapping[int, float]], *, size: int, end: int) -> None:
        self._table, self._size, self._end = table, size, end
        self.runs = 0

    def read(self, text: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, NDArray[Any]]]:
        assert tuple(text) == TEXT
        return self._logits([()]), np.zeros((1, 1), np.float32), {"read": np.zeros(0, np.int64)}

    def go_on(
        self, tokens: Sequence[int], position: int, visible: NDArray[np.bool_], past: Mapping[str, NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, NDArray[Any]]]:
        self.runs += 1
        read = np.concatenate([past["read"], np.array(tokens)])
        before = PREFIX + len(TEXT)
        assert visible.shape == (len(tokens), before + len(read))
        assert visible[:, :before].all()
        texts = [tuple(int(token) for token in read[row[before:]]) for row in visible]
        assert [text[-1] for text in texts] == list(tokens)
        assert {len(text) for text in texts} == {position - before + 1}
        return self._logits(texts), np.zeros((len(tokens), 1), np.float32), {"read": read}

    def _logits(self, texts: Sequence[tuple[int, ...]]) -> NDArray[np.float32]:
        logits = np.full((len(texts), self._size), -np.inf, np.float32)
        for row, text in zip(logits, texts, strict=True):
            for token, logit in self._table.get(text, {self._end: 0.0}).items():
                row[token] = logit
        return logits


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    path = tmp_path_factory.mktemp("tiny") / "model.gguf"
    write_llama(path)
    return Pieces(path)


def tokens_of(pieces: Pieces, text: str) -> list[int]:
    """One token for each character; the tiny vocabulary has each, and line breaks as bytes."""
    return [next(token for token in range(pieces.size) if pieces.raw(token) == character.encode()) for character in text]


def said(pieces: Pieces, table: Mapping[tuple[int, ...], Mapping[int, float]], labels: Sequence[str], *, beams: int = 4) -> Said:
    reader = ScriptedReader(table, size=pieces.size, end=pieces.ends[0])
    return generate(reader, TEXT, prefix_length=PREFIX, pieces=pieces, labels=labels, longest=max(map(len, labels)), beams=beams)


@pytest.mark.parametrize(
    ("text", "label", "exact"),
    [
        ("crack", "crack", True),
        (" crack ", "crack", True),
        ("Crack.", "crack", False),
        ('"dark area"', "Dark  area", False),
        ("\u300c\u50b7\u300d\u3002", "\u50b7", False),
        ("a crack", None, False),
        ("cracked", None, False),
        ("crac", None, False),
        ("", None, False),
    ],
)
def test_an_answer_says_a_label_but_for_case_white_space_and_marks_and_a_paraphrase_says_none(
    text: str,
    label: str | None,
    exact: bool,  # noqa: FBT001
) -> None:
    assert label_said(text, LABELS) == (label, exact)


@pytest.mark.parametrize(
    ("text", "can"), [("", True), (" '", True), ("Dark a", True), ("crack.", True), ("the", False), ("crack is", False)]
)
def test_a_text_that_has_left_every_label_is_hopeless(text: str, can: bool) -> None:  # noqa: FBT001
    assert may_say(text, LABELS) is can


def test_the_likeliest_answer_may_begin_with_a_less_likely_token(pieces: Pieces) -> None:
    a, b, c = tokens_of(pieces, "abc")
    table = {(): {a: 1.0, b: 0.9}, (a,): dict.fromkeys(range(100), 0.0), (b,): {c: 5.0}}

    assert said(pieces, table, ["a", "bc"], beams=4) == Said("bc", exact=True, text="bc")
    assert said(pieces, table, ["a", "bc"], beams=1).label != "bc"


def test_line_breaks_before_an_answer_do_not_end_it_and_one_behind_it_does(pieces: Pieces) -> None:
    (a,) = tokens_of(pieces, "a")
    (line_break, *_) = pieces.breaks
    table = {
        (): {line_break: 3.0},
        (line_break,): {line_break: 3.0},
        (line_break,) * 2: {a: 3.0},
        (line_break, line_break, a): {line_break: 3.0},
    }

    assert said(pieces, table, ["a"], beams=1) == Said("a", exact=True, text="a")


def test_a_search_stops_as_soon_as_no_label_can_be_said(pieces: Pieces) -> None:
    a, x = tokens_of(pieces, "ax")
    reader = ScriptedReader({(x,) * n: {x: 9.0} for n in range(50)}, size=pieces.size, end=pieces.ends[0])

    found = generate(reader, TEXT, prefix_length=PREFIX, pieces=pieces, labels=["a" * 30], longest=30, beams=1)

    assert found == Said(None, exact=False, text="x")
    assert reader.runs == 0
    assert a != x


def test_an_answer_that_never_ends_is_cut(pieces: Pieces) -> None:
    (dot,) = tokens_of(pieces, ".")
    reader = ScriptedReader({(dot,) * n: {dot: 9.0} for n in range(50)}, size=pieces.size, end=pieces.ends[0])

    assert generate(reader, TEXT, prefix_length=PREFIX, pieces=pieces, labels=["a"], longest=1, beams=1).label is None
    assert reader.runs == 1 + MORE_TOKENS


def test_many_beams_find_what_an_exhaustive_search_finds(pieces: Pieces) -> None:
    letters = tokens_of(pieces, "abc")
    rng, end = np.random.default_rng(3), pieces.ends[0]
    for _ in range(20):
        table = {
            text: {token: float(rng.normal()) * 2 for token in (*letters, end)}
            for length in range(3)
            for text in product(letters, repeat=length)
        }

        def mean(text: tuple[int, ...], table: Mapping[tuple[int, ...], Mapping[int, float]] = table) -> float:
            total = 0.0
            for place, token in enumerate((*text, end)):
                row = table.get(text[:place], {end: 0.0})
                total += row[token] - float(np.logaddexp.reduce(list(row.values())))
            return total / (len(text) + 1)

        texts = [text for length in range(4) for text in product(letters, repeat=length)]
        best = max(texts, key=mean)
        labels = ["".join("abc"[letters.index(token)] for token in text) for text in texts if text]

        found = said(pieces, table, labels, beams=400)

        assert found.text == "".join("abc"[letters.index(token)] for token in best)


def test_the_pieces_of_a_text_are_the_text(tmp_path: Path) -> None:
    write_llama(tmp_path / "model.gguf")
    pieces = Pieces(tmp_path / "model.gguf")

    assert pieces.text(tokens_of(pieces, "crack")) == "crack"
    assert pieces.text(["\u50b7".encode()[0] + 3]) == ""  # half a character
