"""The proof of a converted language model: tokens and logits on llama.cpp beside those of transformers, and of PEFT for each adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from export.checkpoint import Checkpoint
from export.checkpoint.adapter import Adapter
from export.checkpoint.language_model import window_of
from export.checkpoint.weights import loaded
from export.checkpoint.words import own_tokenizer
from export.errors import LlmError, reason_of
from export.models.llm.gguf_process import ROWS, ask_llama_cpp
from export.progress import Report
from export.proof.figures import Measured, agreement, edit_distance, error

_INSTRUCTION = """Judge the part by these words. Answers:
- intact: no defect can be seen
- crack: a dark line
- dark area: a part is dark
tags: busbar, dark line, grid finger
caption: a monocrystalline cell with a long crack near the left busbar
Answer:"""
TEXTS = (
    _INSTRUCTION,
    "The surface is clean and even, 3 of 120 parts were rejected at 10:45; scratches are 0.2 mm wide. Is the part good? It is",
    "A scratch runs from the upper left corner to the middle. There is no rust.\n\nVerdict: the part is not good, because",
)
"""What is read in the proof: an instruction as a box gives it, figures and signs, and plain sentences."""


def prove(checkpoint: Checkpoint, adapters: Sequence[Adapter], made: Path, *, context_tokens: int, report: Report) -> tuple[Measured, ...]:
    """Compare `made`/model.gguf and `made`/adapters/NAME.gguf with what they were made from.

    The figures of an adapter compare what it changes: its logits minus those of the model alone.

    Raises:
        LlmError: llama.cpp cannot load the model or an adapter, or aborts; or PEFT cannot load an adapter.
        SpecError: transformers cannot load the model, or a weight is not finite.
    """
    report("proving the language model")
    own = own_tokenizer(checkpoint)
    model = loaded(checkpoint, AutoModelForCausalLM)
    prompts = _prompts(own, model.config, context_tokens)
    names = [adapter.folder.name for adapter in adapters]
    files = [None, *(made / f"adapters/{name}.gguf" for name in names)]
    answer = ask_llama_cpp(made / "model.gguf", texts=TEXTS, prompts=prompts, adapters=files, made_from=checkpoint.folder)
    wanted, found = _logits(model, prompts), _centred(answer.logits[0])
    if wanted.shape != found.shape:
        sizes = f"{found.shape[1]} tokens in the GGUF and {wanted.shape[1]} in the model"
        msg = f"language model {checkpoint.folder}: the vocabulary has {sizes}: give the config.json that belongs to the tokenizer"
        raise LlmError(msg)
    tokens = [own(text, add_special_tokens=False).input_ids for text in TEXTS]
    measured = [
        Measured("llm.tokens", "edit_distance", "gguf", float(np.mean([*map(edit_distance, tokens, answer.tokens)]))),
        Measured("llm.logits", "agreement", "gguf", agreement(wanted, found)),
        Measured("llm.logits", "error", "gguf", error(wanted, found)),
    ]
    for adapter, rows in zip(adapters, answer.logits[1:], strict=True):
        report(f"proving the adapter {adapter.folder.name}")
        measured.append(
            Measured(
                f"llm.{adapter.folder.name}", "error", "adapter", error(_adapted(model, adapter, prompts) - wanted, _centred(rows) - found)
            )
        )
    return tuple(measured)


def _prompts(own: Any, config: Any, context_tokens: int) -> list[list[int]]:  # noqa: ANN401 -- of transformers
    """The tokens of the texts as transformers begins them; one is longer than the model's window, if it has one."""
    prompts = [own(text).input_ids[:context_tokens] for text in TEXTS]
    window = window_of(config)
    if window is not None and window < context_tokens:
        long = [token for row in prompts for token in row]
        length = min(context_tokens, window + 2 * ROWS)
        prompts[0] = (long * (length // len(long) + 1))[:length]
    return prompts


def _logits(model: Any, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:  # noqa: ANN401 -- of transformers or PEFT
    """Logits after the last tokens of each prompt, float32 (rows of all prompts, V), centred."""
    with torch.no_grad():
        return _centred([model(input_ids=torch.tensor([list(row)])).logits[0, -ROWS:].float().numpy() for row in prompts])


def _adapted(model: Any, adapter: Adapter, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:  # noqa: ANN401 -- of transformers
    from peft import PeftModel

    try:
        tuned = PeftModel.from_pretrained(model, adapter.folder, local_files_only=True).eval()
    except Exception as err:  # PEFT raises what its layers raise
        msg = f"adapter {adapter.folder} cannot be loaded by peft ({reason_of(err)}): give the model that it was trained on"
        raise LlmError(msg) from err
    found = _logits(tuned, prompts)
    tuned.unload()
    return found


def _centred(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Logits without the mean of their row, which says nothing: float32 (rows, V)."""
    logits = np.concatenate(rows)
    return logits - logits.mean(-1, keepdims=True)
