"""The model that is tuned: a GGUF of the llama family, or the folder of a checkpoint of Hugging Face."""

from __future__ import annotations

import hashlib
from pathlib import Path

from export.errors import LlmError
from export.instruct.form import Form
from export.instruct.learner import Learner, LlamaLearner
from export.models.llm.gguf_weights import GgufWeights
from export.progress import Report

LLAMA = "llama"
CHUNK_BYTES = 1 << 20


def model_digest(model: Path) -> str:
    """`sha256:` of the files that decide what a model says.

    Raises:
        LlmError: the model is not there.
    """
    files = (
        sorted(path for kind in ("*.safetensors", "*.json", "*.model", "*.txt") for path in model.glob(kind)) if model.is_dir() else [model]
    )
    if not files or not all(path.is_file() for path in files):
        msg = f"tuning {model}: it is no model: give a .gguf file, or the folder of a checkpoint with .safetensors files"
        raise LlmError(msg)
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() if model.is_dir() else b"")
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def learner_of(model: Path, form: Form, *, ends: bool, folder: Path, report: Report) -> Learner:
    """Load a model to be tuned; `ends` as for `export.instruct.learner.question_of`. `folder` keeps what a checkpoint is converted to.

    Raises:
        SpecError, LlmError: the model cannot be read, or none of its kind can be tuned.
    """
    report(f"loading {model.name}")
    if model.is_dir():
        from export.instruct.peft_learner import PeftLearner, converted

        return PeftLearner(model, converted(model, folder, digest=model_digest(model), report=report), form, ends=ends)
    architecture = GgufWeights(model).architecture
    if architecture != LLAMA:
        msg = f"tuning {model}: it is a {architecture}, and only a llama can be tuned from a GGUF: give the folder of its checkpoint"
        raise LlmError(msg)
    return LlamaLearner(model, form, ends=ends)
