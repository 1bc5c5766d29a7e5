"""An answer that the language model generates, and the label that it says.

A label is said if the answer is its name, exactly or but for upper and lower case, white space, and marks around it. A paraphrase counts
as none, as published: "a cracked cell" is not "crack".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from export.instruct.pieces import Pieces
from export.instruct.states import Past

BEAMS = 4
"""As published; 1 is greedy."""

MORE_TOKENS = 6
"""An answer may be that much longer than the longest label: line breaks before it, quotation marks, a full stop."""

AROUND = " \t\"'`*.,:;!?()[]{}<>-_\u3002\u3001\u300c\u300d"
"""What may stand around a label, and counts for nothing."""


class Reader(Protocol):
    """What `generate` asks of a language model; `export.instruct.states.StatesGraph` explains both."""

    def read(self, text: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32], Past]:
        """Logits and state after a text, and what was read until there."""
        ...

    def go_on(
        self, tokens: Sequence[int], position: int, visible: NDArray[np.bool_], past: Past
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Past]:
        """The same after each of some tokens beside each other."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """The label that an answer says, None if it says none; whether it is the exact name; the text, as far as it was generated."""

    label: str | None
    exact: bool
    text: str


@dataclass(frozen=True, slots=True)
class _Beam:
    tokens: tuple[int, ...]
    total: float
    columns: tuple[int, ...]
    """Where its tokens stand among all that were read after the description."""

    @property
    def mean(self) -> float:
        return self.total / max(1, len(self.tokens))


def label_said(text: str, labels: Sequence[str]) -> tuple[str | None, bool]:
    """The label that a text says, and whether by its exact name."""
    if text.strip() in labels:
        return text.strip(), True
    plain = _plain(text)
    return next((label for label in labels if _plain(label) == plain), None), False


def may_say(text: str, labels: Sequence[str]) -> bool:
    """Whether a text that goes on can still say a label."""
    return any(_plain(label).startswith(_plain(text)) for label in labels)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(AROUND)


def generate(
    graph: Reader, text: Sequence[int], *, prefix_length: int, pieces: Pieces, labels: Sequence[str], longest: int, beams: int = BEAMS
) -> Said:
    """The likeliest answer after a description (tokens) by beam search: of the answers found, that with the highest mean per token.

    An answer ends with an end of text or of its first line that is not empty; it is cut after `longest` tokens (of the longest label) and
    MORE_TOKENS. The search ends as soon as `beams` answers are found, as no other can become likelier, or as none can say a label any more.
    """
    logits, _, past = graph.read(text)
    live, found = [_Beam((), 0.0, ())], list[_Beam]()
    said: Callable[[_Beam], str] = lambda beam: pieces.text(beam.tokens)  # noqa: E731
    read = 0
    for length in range(longest + MORE_TOKENS):
        ended, going = _next(live, logits, pieces, beams=beams)
        found += ended
        best = max((beam.mean for beam in found), default=-np.inf)
        # What comes can only take away from the total of a text.
        likelier = bool(going) and going[0].total / (longest + MORE_TOKENS) > best
        hopeless = not any(may_say(said(beam), labels) for beam in going) and not any(label_said(said(beam), labels)[0] for beam in found)
        live = going
        if len(found) >= beams or hopeless or (found and not likelier):
            break
        before = prefix_length + len(text)
        visible = np.zeros((len(going), before + read + len(going)), np.bool_)
        visible[:, :before] = True
        live = []
        for row, beam in enumerate(going):
            columns = (*beam.columns, read + row)
            visible[row, [before + column for column in columns]] = True
            live.append(_Beam(beam.tokens, beam.total, columns))
        logits, _, past = graph.go_on([beam.tokens[-1] for beam in live], before + length, visible, past)
        read += len(live)
    answer = said(max(found or live, key=lambda beam: beam.mean))
    return Said(*label_said(answer, labels), answer)


def _next(live: Sequence[_Beam], logits: NDArray[np.float32], pieces: Pieces, *, beams: int) -> tuple[list[_Beam], list[_Beam]]:
    """Of the likeliest ways on, those that end, and those that go on, the likeliest first; at most `beams` each.

    An end that is not among the `beams` likeliest ways does not count. All tokens that end an answer are one way.
    """
    wide = logits.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(-1, keepdims=True))
    end = pieces.ends[0]
    for row, beam in enumerate(live):
        ending = [*pieces.ends, *(pieces.breaks if pieces.text(beam.tokens) else ())]
        together = np.logaddexp.reduce(wide[row, ending])
        wide[row, ending] = -np.inf
        wide[row, end] = together
    totals = (wide + np.array([beam.total for beam in live])[:, None]).ravel()
    count = min(2 * beams, len(totals))
    likeliest = np.argpartition(-totals, count - 1)[:count]
    ended, going = list[_Beam](), list[_Beam]()
    for rank, place in enumerate(sorted(likeliest.tolist(), key=lambda place: (-totals[place], place))):
        parent, token = live[place // wide.shape[1]], place % wide.shape[1]
        beam = _Beam((*parent.tokens, token), float(totals[place]), parent.columns)
        if not np.isfinite(totals[place]):
            break  # fewer ways than beams
        if token == end:
            ended += [beam] if rank < beams else []
        elif len(going) < beams:
            going.append(beam)
    return ended, going
