"""Convert language models from Hugging Face to GGUF.

llama.cpp's own converter does it, in a process of its own and in the version that the box runs.
"""

from __future__ import annotations

import ctypes
import importlib.util
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import llama_cpp
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from safetensors.torch import load_file, save_file

from export.checkpoint import Checkpoint, read_checkpoint, read_json
from export.checkpoint.adapter import CONFIG, WEIGHTS, Adapter
from export.checkpoint.language_model import check_language_model
from export.errors import LlmError
from export.models.llm.gguf_quantize import silent, strip_chat_template
from export.progress import Report

CONVERTER_ENV = "KOTOBA_LLAMA_CPP"
CONVERT_TIMEOUT_S = 4 * 3600
"""Long enough for seventy billion weights; a converter that takes longer hangs."""

INSTRUCTION = "Judge the part by these words. Answers:\n{labels}\n{description}Answer with one of the answers, and nothing else."
"""The instruction in the template, inside the turns of the model's chat format."""


def converter() -> Path:
    """The folder of convert_hf_to_gguf.py: KOTOBA_LLAMA_CPP, a checkout of llama.cpp, or else the one inside the installed llama_cpp.

    Raises:
        LlmError: the folder does not hold it.
    """
    given = os.environ.get(CONVERTER_ENV)
    spec = importlib.util.find_spec("llama_cpp")
    beside = [Path(folder) / "converter" for folder in (spec.submodule_search_locations or [] if spec else [])]
    for folder in [Path(given)] if given else beside:
        if (folder / "convert_hf_to_gguf.py").is_file():
            return folder
    where = given or "the installed llama-cpp-python"
    msg = f"llama.cpp's converter is not in {where}: set {CONVERTER_ENV} to a checkout of llama.cpp, or install with `make`"
    raise LlmError(msg)


def converter_files() -> tuple[Path, ...]:
    """The source files of the converter, sorted: they decide what it writes.

    Raises:
        LlmError: the converter is not there.
    """
    folder = converter()
    return tuple(sorted(path for part in ("*.py", "conversion/**/*.py", "gguf-py/gguf/**/*.py") for path in folder.glob(part)))


def convert_model(checkpoint: Checkpoint, target: Path) -> None:
    """Write a checkpoint as GGUF F16, without its chat template.

    Raises:
        LlmError: llama.cpp's converter does not know the model or cannot read it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        rough = Path(scratch) / "model.gguf"
        _run("convert_hf_to_gguf.py", [str(checkpoint.folder.absolute()), "--outtype", "f16", "--outfile", str(rough)], checkpoint.folder)
        strip_chat_template(rough, target)


def convert_adapter(adapter: Adapter, base: Checkpoint, target: Path) -> None:
    """Write a LoRA folder of PEFT as a GGUF adapter of `base`.

    Raises:
        LlmError: llama.cpp's converter refuses it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        folder = _scaled(adapter, Path(scratch) / "adapter")
        arguments = ["--base", str(base.folder.absolute()), "--outtype", "f32", "--outfile", str(target.absolute()), str(folder.absolute())]
        _run("convert_lora_to_gguf.py", arguments, adapter.folder)


def _scaled(adapter: Adapter, folder: Path) -> Path:
    """A copy of an adapter in which llama.cpp's scale is that of PEFT; the folder itself if it is already."""
    if all(math.isclose(factor, 1.0, rel_tol=1e-6) for factor in adapter.factors.values()):
        return adapter.folder
    weights = load_file(adapter.folder / WEIGHTS)
    for module, factor in adapter.factors.items():
        name = f"base_model.model.{module}.lora_B.weight"
        weights[name] = weights[name].float() * factor
    folder.mkdir()
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    shutil.copyfile(adapter.folder / CONFIG, folder / CONFIG)
    return folder


def plain_template(checkpoint: Checkpoint, model: Path) -> str:
    """The model's chat format as an instruction template. It is rendered here, once; a box never executes a chat template.

    `model` is the GGUF of the checkpoint. It decides whether llama.cpp adds the begin token to every text.

    Raises:
        LlmError: the checkpoint's chat template cannot be rendered, or llama.cpp cannot read the vocabulary of `model`.
    """
    settings = read_json(checkpoint.folder / "tokenizer_config.json")
    alone = checkpoint.folder / "chat_template.jinja"
    chat = alone.read_text(encoding="utf-8") if alone.is_file() else settings.get("chat_template")
    if isinstance(chat, list):
        chat = next((entry.get("template") for entry in chat if entry.get("name") == "default"), None)
    if not chat:
        return INSTRUCTION + "\n"
    tokens = {name: _text(settings.get(name)) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
    try:
        # Sandboxed: a chat template is code by the model's author (CVE-2024-34359).
        text = (
            ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
            .from_string(chat)
            .render(messages=[{"role": "user", "content": INSTRUCTION}], add_generation_prompt=True, **tokens)
        )
    except (TemplateError, TypeError, ValueError) as err:
        msg = f"the chat template of {checkpoint.folder} cannot be read ({err}): write an instruction template by hand"
        raise LlmError(msg) from err
    if _adds_begin_token(model):
        text = text.removeprefix(tokens["bos_token"])
    return text + ("" if text.endswith("\n") else "\n")


def read_llm(folder: Path, *, context_tokens: int = 2048) -> Checkpoint:
    """Check the folder of a language model, for prompts of at most `context_tokens`; no weight is read.

    Which models are possible, llama.cpp's converter decides later, and the proof.

    Raises:
        SpecError: see `export.checkpoint.read_checkpoint` and `export.checkpoint.language_model.check_language_model`.
    """
    checkpoint = read_checkpoint(folder, kind="language model")
    check_language_model(checkpoint, context_tokens=context_tokens)
    return checkpoint


def _adds_begin_token(model: Path) -> bool:
    settings = llama_cpp.llama_model_default_params()
    settings.vocab_only = True
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    loaded = llama_cpp.llama_model_load_from_file(str(model).encode(), settings)
    if not loaded:
        msg = f"the vocabulary of {model} cannot be read by llama.cpp: convert the model again"
        raise LlmError(msg)
    adds = bool(llama_cpp.llama_vocab_get_add_bos(llama_cpp.llama_model_get_vocab(loaded)))
    llama_cpp.llama_model_free(loaded)
    return adds


def _text(token: object) -> str:
    """tokenizer_config.json writes a special token as text or as an object."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _run(script: str, arguments: list[str], about: Path) -> None:
    folder = converter()
    command = [sys.executable, str(folder / script), *arguments]
    quiet = {"PYTHONWARNINGS": "ignore", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CONVERT_TIMEOUT_S, check=False, env=os.environ | quiet)
    except (OSError, subprocess.TimeoutExpired) as err:
        msg = f"converting {about}: llama.cpp's converter did not end ({err}): convert it by hand and give the .gguf file"
        raise LlmError(msg) from err
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        msg = f"converting {about}: llama.cpp's converter refused it ({lines[-1][:300] if lines else done.returncode}): give another model"
        raise LlmError(msg)


def llm_parts(checkpoint: Checkpoint, adapters: Sequence[Adapter], out: Path, *, report: Report) -> None:
    """Write `out`/model.gguf in F16, `out`/adapters/NAME.gguf and `out`/templates/default.txt.

    Raises:
        LlmError: llama.cpp refuses the model, or an adapter does not belong to it.
    """
    report("converting the language model to GGUF F16")
    convert_model(checkpoint, out / "model.gguf")
    for adapter in adapters:
        name = adapter.folder.name
        report(f"converting the adapter {name}, made for {adapter.base or 'a model that it does not name'}")
        convert_adapter(adapter, checkpoint, out / f"adapters/{name}.gguf")
    (out / "templates").mkdir()
    (out / "templates/default.txt").write_text(plain_template(checkpoint, out / "model.gguf"), encoding="utf-8")
