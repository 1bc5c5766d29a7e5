"""The models that scores come from, each opened when a score is missing: the box's judge, and the graph that gives hidden states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from edge.judges.graph import GraphModel
from edge.judges.label_judge import LabelJudge
from edge.judges.language_model import LanguageModel
from edge.judges.llama import LlamaModel
from export.cache import Cache, Step, sha256
from export.errors import LlmError
from export.instruct.form import Form
from export.instruct.kept_rows import Tokens
from export.instruct.pieces import Pieces
from export.instruct.states import StatesGraph, states_graph, targets_of
from export.instruct.stems import CONTEXT_TOKENS
from export.models.llm.graph import graph_obstacle
from export.progress import Report
from firmware_config.board import Board
from firmware_config.labels import Label

JUDGED = Step("judged", modules=("edge.judges.graph", "edge.judges.llama", "edge.judges.scoring", "export.instruct.generation"))
"""The code that decides the scores of a text; the text itself, made into tokens, is a key of its own."""


class OpenedModels:
    """One judge and one states graph are open at a time, for the adapters that were asked last; see `export.instruct.judge`."""

    def __init__(self, gguf: Path, labels: Sequence[Label], form: Form, *, board: Board, cache: Path, report: Report) -> None:
        self._gguf, self._labels, self._form, self._board = gguf, labels, form, board
        self._cache, self._report = Cache(cache), report
        self._digest = sha256(gguf)
        self._judge: tuple[tuple[str, ...] | None, LanguageModel] | None = None
        self._loaded: dict[Path, str] = {}
        self._states: tuple[str, StatesGraph] | None = None

    @cached_property
    def pieces(self) -> Pieces:
        """The vocabulary as text."""
        return Pieces(self._gguf)

    def folder(self, adapter: Path | None) -> Path:
        """Where the scores of this model, form and adapter are kept."""
        prompt = self._form.prompt
        text = hashlib.sha256(json.dumps([prompt.prefix, prompt.suffix, prompt.answers]).encode()).hexdigest()
        settings = [self._digest, text, self._board.llm_graph, self._board.llm_gpu_layers, adapter and sha256(adapter)]
        return self._cache.folder / f"{JUDGED.name}-{self._cache.key(JUDGED, inputs=(), settings=settings)}"

    def judge(self, adapter: Path | None) -> LanguageModel:
        """The box's language model, ready for this adapter.

        Raises:
            BundleError, LlmError: the model or the adapter cannot be loaded, or the labels cannot be judged.
        """
        if adapter is None and self._judge is not None:
            return self._judge[1]  # a place for an adapter that is empty adds zeros
        targets = () if adapter is None else targets_of(adapter)
        digest = "" if adapter is None else sha256(adapter)
        if self._judge is None or self._judge[0] not in (None, targets) or (adapter and self._loaded.get(adapter, digest) != digest):
            self._judge, self._loaded = None, {}
            self._judge = self._open(adapter, targets)
        model = self._judge[1]
        if adapter is not None and adapter not in self._loaded:
            model.load_adapter(adapter)
            model.keep_only(())
            self._loaded[adapter] = digest
        return model

    def states(self, adapter: Path | None, prefix: Tokens) -> StatesGraph:
        """The graph with hidden states.

        Raises:
            LlmError: the model with this adapter cannot be a graph.
            BundleError: it cannot be loaded, or the adapter does not fit.
        """
        key = "" if adapter is None else sha256(adapter)
        if self._states is None or self._states[0] != key:
            why = "the board has none" if self._board.llm_graph is None else self._obstacle(adapter)
            if why is not None:
                msg = f"hidden states and generated answers need {self._gguf} as a graph, and {why}: leave these scorers out"
                raise LlmError(msg)
            self._states = None
            self._states = key, StatesGraph(self._graph(adapter), board=self._board, prefix=prefix, adapter=adapter)
        return self._states[1]

    def _open(self, adapter: Path | None, targets: tuple[str, ...]) -> tuple[tuple[str, ...] | None, LanguageModel]:
        """The model, and the tensors that adapters of it may change; None: any."""
        model: LanguageModel
        why = self._obstacle(adapter)
        changes: tuple[str, ...] | None = targets
        if self._board.llm_graph is None or self._board.llm_gpu_layers != 0 or why is not None:
            self._report(f"{self._gguf.name} judges on llama.cpp: {why or 'so the board says'}\n")
            model, changes = LlamaModel(self._gguf, board=self._board, context_tokens=CONTEXT_TOKENS), None
        else:
            model = GraphModel(self._graph(adapter), vocabulary=self._gguf, board=self._board, context_tokens=CONTEXT_TOKENS)
        # It refuses labels and instructions that the box would refuse.
        LabelJudge(model, labels=self._labels, prompt=self._form.prompt, adapter=None, temperature=None)
        return changes, model

    def _obstacle(self, adapter: Path | None) -> str | None:
        precision = self._board.llm_graph
        return None if precision is None else graph_obstacle(self._gguf, precision, () if adapter is None else (adapter,))

    def _graph(self, adapter: Path | None) -> Path:
        precision = self._board.llm_graph
        if precision is None:
            msg = f"board {self._board.name} has no precision for a graph: set llm_graph"
            raise LlmError(msg)
        return states_graph(self._gguf, precision, adapter=adapter, context_tokens=CONTEXT_TOKENS, cache=self._cache, report=self._report)
