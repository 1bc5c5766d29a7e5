"""llama.cpp in a process of its own: what it cannot load, or what makes it abort, becomes a sentence of the process that asked.

`ask_llama_cpp` starts this file with the paths of a request and of an answer.
"""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from export.errors import MAX_REASON, LlmError

TIMEOUT_S = 3600
"""Long enough for some hundred tokens of seventy billion weights; a process that takes longer hangs."""

ROWS = 32
"""Logits are kept for the last tokens of a prompt only: a vocabulary of 256,000 tokens has a megabyte for each."""

ERROR_LEVEL = 4
"""Of ggml's log."""

ROOT = Path(__file__).parents[3]
"""The folder that holds our packages."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`tokens` of each text, and the `logits` of each adapter (None first: without one) and prompt, float32 (at most ROWS, V)."""

    tokens: list[list[int]]
    logits: list[list[NDArray[np.float32]]]


def ask_llama_cpp(
    model: Path,
    *,
    texts: Sequence[str] = (),
    prompts: Sequence[Sequence[int]] = (),
    adapters: Sequence[Path | None] = (None,),
    made_from: Path | None = None,
) -> Answer:
    """Load a GGUF, turn `texts` into tokens, and compute the logits of `prompts` with each of `adapters`.

    `made_from` is the checkpoint of the GGUF, which an error names in its place.

    Raises:
        LlmError: llama.cpp cannot load the model or an adapter, fails on a prompt, or aborts.
    """
    with tempfile.TemporaryDirectory(prefix="kotoba-") as scratch:
        request, answer = Path(scratch) / "request.json", Path(scratch) / "answer.npz"
        named = [None if adapter is None else str(adapter.absolute()) for adapter in adapters]
        request.write_text(
            json.dumps({"model": str(model.absolute()), "texts": list(texts), "prompts": [list(row) for row in prompts], "adapters": named})
        )
        command = [sys.executable, "-m", "export.models.llm.gguf_process", str(request), str(answer)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False, cwd=ROOT)
        except (OSError, subprocess.TimeoutExpired) as err:
            msg = f"language model {made_from or model}: llama.cpp did not end ({err}): give another model"
            raise LlmError(msg) from err
        if done.returncode:
            msg = f"language model {made_from or model}: llama.cpp {_reason(done)}: give a model or an adapter that it can run"
            raise LlmError(msg)
        with np.load(answer) as arrays:
            logits = [[arrays[f"{i}-{j}"] for j in range(len(prompts))] for i in range(len(adapters))]
            return Answer(json.loads(str(arrays["tokens"])), logits)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """What the other process died of, as the end of a sentence."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    telling = [line for line in lines if "GGML_ASSERT" in line or "error loading model" in line]
    last = (telling[:1] or lines[-1:] or ["no reason given"])[0].partition("error loading model: ")
    reason = (last[2] or last[0])[:MAX_REASON].rstrip(".: ")
    return f"aborted ({signal.Signals(-done.returncode).name}: {reason})" if done.returncode < 0 else f"refuses it ({reason})"


def main(request: Path, answer: Path) -> None:
    """Answer a request; what llama.cpp calls an error goes to stderr."""
    asked = json.loads(request.read_text())
    llama_cpp.llama_log_set(_errors_only, ctypes.c_void_p(0))
    model = llama_cpp.llama_model_load_from_file(asked["model"].encode(), llama_cpp.llama_model_default_params())
    if not model:
        sys.exit(1)
    arrays: dict[str, Any] = {"tokens": np.array(json.dumps([_tokens(model, text) for text in asked["texts"]]))}
    for i, adapter in enumerate(asked["adapters"]):
        lora = llama_cpp.llama_adapter_lora_init(model, adapter.encode()) if adapter else None
        if adapter and not lora:
            sys.exit(f"{_last_error[-1] if _last_error else 'the file is no adapter of this model'} (adapter {Path(adapter).name})")
        for j, prompt in enumerate(asked["prompts"]):
            arrays[f"{i}-{j}"] = _logits(model, lora, prompt)
    with answer.open("wb") as file:
        np.savez(file, **arrays)


_last_error: list[str] = []


@llama_cpp.llama_log_callback
def _errors_only(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    if level == ERROR_LEVEL:
        line = text.decode(errors="replace").strip()
        _last_error.append(line)
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _tokens(model: ctypes.c_void_p, text: str) -> list[int]:
    raw = text.encode()
    buffer = (llama_cpp.llama_token * (len(raw) + 8))()
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    # Without the tokens that begin a text, and with special tokens read as such: as a box reads an instruction.
    count = llama_cpp.llama_tokenize(vocabulary, raw, len(raw), buffer, len(buffer), False, True)  # noqa: FBT003 -- a C function
    return list(buffer[: max(count, 0)])


def _logits(model: ctypes.c_void_p, lora: ctypes.c_void_p | None, prompt: Sequence[int]) -> NDArray[np.float32]:
    """Logits after the last tokens of a prompt, float32 (at most ROWS, V). Keys and values stay in F32: only weights are rounded."""
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = max(len(prompt), 64)
    settings.type_k = settings.type_v = 0
    settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama_cpp.llama_init_from_model(model, settings)
    if not context:
        sys.exit("a context cannot be made")
    if lora is not None:
        llama_cpp.llama_set_adapters_lora(context, (llama_cpp.llama_adapter_lora_p_ctypes * 1)(lora), 1, (ctypes.c_float * 1)(1.0))
    batch, first = llama_cpp.llama_batch_init(len(prompt), 0, 1), max(0, len(prompt) - ROWS)
    batch.n_tokens = len(prompt)
    for index, token in enumerate(prompt):
        batch.token[index], batch.pos[index], batch.n_seq_id[index] = token, index, 1
        batch.seq_id[index][0], batch.logits[index] = 0, index >= first
    code = llama_cpp.llama_decode(context, batch)
    if code:
        sys.exit(f"a prompt of {len(prompt)} tokens fails (llama_decode returned {code})")
    width = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    rows = [np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, row), (width,)).copy() for row in range(first, len(prompt))]
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    return np.stack(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
