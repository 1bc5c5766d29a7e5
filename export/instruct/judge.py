"""What a language model makes of descriptions: log-likelihoods of labels, generated answers, hidden states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.judges.language_model import Vocabulary
from edge.judges.scoring import label_log_likelihoods
from edge.judges.token_tree import TokenTree
from edge.records import Words
from export.instruct.form import Form, FormName, form_of
from export.instruct.generation import BEAMS, Said, generate
from export.instruct.kept_rows import KeptRows, Row, Tokens
from export.instruct.opened import OpenedModels
from export.instruct.states import StatesGraph
from export.instruct.stems import Stems
from export.progress import Report
from firmware_config.board import Board, read_board
from firmware_config.labels import Label


class JudgeScorers(Protocol):
    """Scores of N descriptions for K labels by one language model, without or with a LoRA adapter (a GGUF file)."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each label, int64 (K,)."""
        ...

    def rank(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float64]:
        """Log-likelihood of each label after each description, in nats: float64 (N, K), the sum over its tokens."""
        ...

    def empty(self, adapter: Path | None = None) -> NDArray[np.float64]:
        """Log-likelihood of each label after a description without content, float64 (K,), for contextual calibration."""
        ...

    def generate(self, words: Sequence[Words], adapter: Path | None = None) -> tuple[str | None, ...]:
        """The label that the model generates after each description; None where it says something else: a paraphrase is none."""
        ...

    def hidden(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float32]:
        """The last hidden state before the label, after the last norm: float32 (N, H)."""
        ...


class LanguageModelScorers:
    """`JudgeScorers` of a GGUF, each distinct text once for each adapter, kept in the folder `cache`.

    Log-likelihoods come from the box's own judge: the int8 graph (of `board`, None: that of `cpu`), one description after the other, so
    that a description has the same numbers in any company; llama.cpp where the model cannot be a graph, which `report` says. Hidden states
    and generated answers need the graph. `form` is a prompt, or the name of one with its usual texts. A description that is too long loses
    its last captions, as on the box. `beams` of the search for generated answers; 1 is greedy.

    Raises:
        BundleError: the GGUF cannot be read, a label has no token, or two have the same.
        OSError: the GGUF cannot be read.
    """

    def __init__(
        self,
        gguf: Path,
        labels: Sequence[Label],
        *,
        cache: Path,
        report: Report,
        form: FormName | Form = "box",
        board: Board | None = None,
        beams: int = BEAMS,
    ) -> None:
        self.labels = tuple(label.name for label in labels)
        self._form = form_of(form, labels) if isinstance(form, str) else form
        self._stems = Stems(Vocabulary.of_file(gguf), self._form)
        self._beams = beams
        self._report = report
        self._models = OpenedModels(
            gguf, labels, self._form, board=read_board("cpu") if board is None else board, cache=cache, report=report
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """See `JudgeScorers.lengths`; the end of the answer counts, where a label is the start of another one."""
        return np.array([len(answer) for answer in self._stems.answers])

    def rank(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float64]:
        """See `JudgeScorers.rank`.

        Raises:
            EdgeError, ExportError: the model, the adapter or the cache cannot be used.
        """
        return self._ranked([self._stems.of(one) for one in words], adapter)

    def empty(self, adapter: Path | None = None) -> NDArray[np.float64]:
        """See `JudgeScorers.empty`; raises as `rank`."""
        return np.asarray(self._ranked([self._stems.empty], adapter)[0])

    def hidden(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float32]:
        """See `JudgeScorers.hidden`; raises as `rank`, and LlmError where the model cannot be a graph."""
        states = self._kept("hidden", words, adapter, lambda graph, stem: {"hidden": graph.hidden(stem)}, what="hidden states")
        return np.asarray(states["hidden"], np.float32) if words else np.zeros((0, 0), np.float32)

    def generate(self, words: Sequence[Words], adapter: Path | None = None) -> tuple[str | None, ...]:
        """See `JudgeScorers.generate`; raises as `hidden`."""
        return tuple(said.label for said in self.said(words, adapter))

    def said(self, words: Sequence[Words], adapter: Path | None = None) -> tuple[Said, ...]:
        """What the model generates after each description, with the text that it said; raises as `hidden`."""
        pieces, longest = self._models.pieces, int(self.lengths.max())

        def one(graph: StatesGraph, stem: Tokens) -> Row:
            count = len(self._stems.prefix)
            said = generate(graph, stem, prefix_length=count, pieces=pieces, labels=self.labels, longest=longest, beams=self._beams)
            return {"label": said.label or "", "exact": said.exact, "text": said.text}

        rows = self._kept(f"said-{self._beams}", words, adapter, one, what="generated answers")
        if not words:
            return ()
        columns = (rows[name].tolist() for name in ("label", "exact", "text"))
        return tuple(Said(label or None, exact, text) for label, exact, text in zip(*columns, strict=True))

    def _ranked(self, stems: Sequence[Tokens], adapter: Path | None) -> NDArray[np.float64]:
        opened = cache(lambda: self._models.judge(adapter))  # only if a score is missing, and once

        def one(stem: Tokens) -> Row:
            model, tree = opened(), TokenTree([stem], self._stems.answers)
            with model.lock:
                asked = model.ask(self._stems.prefix, tree, adapter)
            return {"rank": label_log_likelihoods(tree, asked, "rank")}

        rows = KeptRows(self._models.folder(adapter) / "rank").all_of(stems, one, what="judging", report=self._report)
        return np.asarray(rows["rank"], np.float64) if stems else np.zeros((0, len(self.labels)))

    def _kept(
        self, kind: str, words: Sequence[Words], adapter: Path | None, one: Callable[[StatesGraph, Tokens], Row], *, what: str
    ) -> dict[str, NDArray[Any]]:
        opened = cache(lambda: self._models.states(adapter, self._stems.prefix))
        stems = [self._stems.of(described) for described in words]
        kept = KeptRows(self._models.folder(adapter) / kind)
        return kept.all_of(stems, lambda stem: one(opened(), stem), what=what, report=self._report)
