"""A checkpoint of Hugging Face with a LoRA by PEFT: any causal language model that llama.cpp knows too.

Its tokens are those of the GGUF that it is converted to, so that the box reads what was learned. Descriptions are padded in front, so that
all answers of a batch end in the same columns, and only these get logits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from edge.judges.language_model import Vocabulary
from edge.records import Words
from export.checkpoint.adapter import read_adapter
from export.errors import LlmError, reason_of
from export.instruct.form import Form
from export.instruct.learner import Tokens, question_of
from export.models.llm.adapter_file import BASE_KEY
from export.models.llm.convert import convert_adapter, convert_model, read_llm
from export.models.llm.gguf_weights import GgufWeights
from export.progress import Report
from export.tuning.tune import ADAPTED, ALPHA, RANK, TRAINED_LAYERS, batch_of

NAME = "default"
"""PEFT's name of the adapter."""


def converted(model: Path, folder: Path, *, digest: str, report: Report) -> Path:
    """The GGUF (F16) of a checkpoint, made once; `digest` is that of the checkpoint.

    Raises:
        SpecError, LlmError: llama.cpp cannot compute the model.
    """
    target = folder / f"model-{digest.removeprefix('sha256:')[:32]}.gguf"
    if not target.is_file():
        checkpoint = read_llm(model)
        report(f"converting {model.name} to GGUF F16")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            convert_model(checkpoint, Path(scratch) / "model.gguf")
            (Path(scratch) / "model.gguf").replace(target)
    return target


class PeftLearner:
    """See `export.instruct.learner.Learner`. `model` is the folder, `file` its GGUF."""

    def __init__(self, model: Path, file: Path, form: Form, *, ends: bool) -> None:
        self._folder, self._form = model, form
        self._vocabulary, weights = Vocabulary.of_file(file), GgufWeights(file)
        self._question = question_of(form, self._vocabulary, weights, ends=ends)
        self._fingerprint = weights.fingerprint
        config = AutoConfig.from_pretrained(model, local_files_only=True, trust_remote_code=False)
        layers = range(max(0, config.num_hidden_layers - TRAINED_LAYERS), config.num_hidden_layers)
        lora = LoraConfig(
            r=RANK, lora_alpha=int(ALPHA), target_modules=list(ADAPTED), layers_to_transform=list(layers), task_type="CAUSAL_LM"
        )
        whole = AutoModelForCausalLM.from_pretrained(
            model, local_files_only=True, trust_remote_code=False, dtype=torch.float32, attn_implementation="sdpa"
        )
        try:
            self._model = get_peft_model(whole, lora, adapter_name=NAME).eval()
        except ValueError as err:
            msg = (
                f"tuning {model}: PEFT puts no LoRA on {', '.join(ADAPTED)} of it ({reason_of(err)}): give a model that has these matrices"
            )
            raise LlmError(msg) from err

    @property
    def fingerprint(self) -> str:
        """See `Learner`."""
        return self._fingerprint

    def tokens(self, words: Words) -> Tokens:
        """See `Learner`."""
        return (*self._vocabulary.tokenize(self._form.text(words)), *self._question.suffix)

    def prepare(self, descriptions: Iterable[Tokens]) -> None:
        """Nothing is kept: a checkpoint may be large."""

    def log_likelihoods(self, descriptions: Sequence[Tokens]) -> Tensor:
        """See `Learner`."""
        prefix, tails = self._question.prefix, self._question.tails
        whole = [(*prefix, *tokens) for tokens in descriptions]
        ids, positions, visible = batch_of(whole, tails, prefix_length=0)
        longest = max(map(len, whole))
        for row, tokens in enumerate(whole):
            room = longest - len(tokens)
            ids[row], positions[row] = ids[row].roll(room), positions[row].roll(room)
            visible[row] = visible[row].roll((room, room), (0, 1))
        mask = torch.zeros(visible.shape).masked_fill(~visible, torch.finfo(torch.float32).min)[:, None]
        said = self._model(
            input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False, logits_to_keep=1 + len(tails.inputs)
        )
        return tails.log_likelihoods(torch.log_softmax(said.logits.float(), -1))

    def parameters(self) -> dict[str, Tensor]:
        """See `Learner`."""
        return {name: part for name, part in self._model.named_parameters() if part.requires_grad}

    def restart(self, seed: int) -> None:
        """See `Learner`."""
        torch.manual_seed(seed)
        for part in self._model.modules():
            if isinstance(part, LoraLayer):
                part.reset_lora_parameters(NAME, init_lora_weights=True)

    def write(self, path: Path) -> None:
        """See `Learner`. llama.cpp's converter writes the adapter; the fingerprint is added."""
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = read_llm(self._folder)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            self._model.save_pretrained(Path(scratch) / "peft")
            convert_adapter(read_adapter(Path(scratch) / "peft", checkpoint), checkpoint, Path(scratch) / "rough.gguf")
            stamp(Path(scratch) / "rough.gguf", Path(scratch) / "adapter.gguf", fingerprint=self._fingerprint)
            (Path(scratch) / "adapter.gguf").replace(path)


def stamp(source: Path, target: Path, *, fingerprint: str) -> None:
    """Copy a GGUF adapter with alpha and matrices, and add the fingerprint of its model."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, arch=str(reader.fields["general.architecture"].contents()))
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(reader.fields[gguf.Keys.Adapter.LORA_ALPHA].contents()))
    writer.add_string(BASE_KEY, fingerprint)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, np.ascontiguousarray(tensor.data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
