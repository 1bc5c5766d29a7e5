"""Read checkpoints, folders in the layout of Hugging Face: check them before any long work begins, and run no code that they hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from export.errors import SpecError, reason_of

MAX_JSON_BYTES = 64 << 20
"""Limit of a JSON file; the tokenizer.json of a large vocabulary has some ten megabytes."""

KINDS: Mapping[str, tuple[str, ...]] = {
    "CLIP": ("clip", "siglip"),
    "BLIP": ("blip",),
    "CLIP or BLIP": ("clip", "siglip", "blip"),
}
"""The `model_type` in config.json for CLIP and BLIP. For a language model llama.cpp's converter decides what it accepts."""

ARCHITECTURES: Mapping[str, tuple[str, ...]] = {
    "CLIP": ("CLIPModel", "SiglipModel"),
    "BLIP": ("BlipForConditionalGeneration",),
    "CLIP or BLIP": ("CLIPModel", "SiglipModel", "BlipForConditionalGeneration"),
}
"""The `architectures` of config.json that hold what is exported: a BLIP that answers questions has the same `model_type` as a captioner."""

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
"""The weights in one file, and the list of the files of weights in parts. Transformers reads no others."""

LOAD_SAFELY: Mapping[str, Any] = {
    "local_files_only": True,
    "use_safetensors": True,
    "trust_remote_code": False,
    "torch_dtype": "float32",
    "attn_implementation": "eager",
}
"""Arguments of transformers' `from_pretrained`: nothing from the network, no pickle, no code of the checkpoint's own."""

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with config.json and weights as safetensors."""

    folder: Path
    config: Mapping[str, Any]

    @property
    def model_type(self) -> str:
        """The `model_type` in config.json: "clip", "siglip", "blip", "llama", ..."""
        return str(self.config.get("model_type", ""))

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the weights and the tokenizer, sorted: the inputs of an export."""
        return tuple(path for path in sorted(self.folder.iterdir()) if path.suffix in {".json", ".safetensors", ".txt", ".model"})

    @property
    def parameters(self) -> int:
        """The number of weights.

        Raises:
            SpecError: a file of weights is not in safetensors.
        """
        return sum(map(math.prod, self.shapes.values()))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by its name, from the headers of the files.

        Raises:
            SpecError: a part of the weights is missing, or a file is not in safetensors.
        """
        return {name: shape for path in self._weight_files for name, shape in shapes_of(path).items()}

    def file_of(self, weight: str) -> Path | None:
        """The file that holds a weight; None if there is none.

        Raises:
            SpecError: see `shapes`.
        """
        return next((path for path in self._weight_files if weight in shapes_of(path)), None)

    @property
    def _weight_files(self) -> tuple[Path, ...]:
        if (self.folder / SINGLE).is_file():
            return (self.folder / SINGLE,)
        if not (self.folder / INDEX).is_file():
            msg = f"checkpoint {self.folder} holds neither {SINGLE} nor {INDEX}, which lists weights in parts: copy the checkpoint again"
            raise SpecError(msg)
        listed = read_json(self.folder / INDEX).get("weight_map")
        if not isinstance(listed, dict) or not all(isinstance(name, str) and Path(name).name == name for name in listed.values()):
            msg = f"{self.folder / INDEX} does not say which file holds which weight: copy the checkpoint again"
            raise SpecError(msg)
        return tuple(self.folder / name for name in sorted(set(listed.values())))


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a safetensors file by its name; only the header is read.

    Raises:
        SpecError: the file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118 -- not a mapping
    except (OSError, SafetensorError) as err:
        msg = f"weights {path} cannot be read ({err}): copy the checkpoint again"
        raise SpecError(msg) from err


def read_checkpoint(folder: Path, *, kind: str) -> Checkpoint:
    """Read config.json of a checkpoint and check its files; no weight is read. `kind` is one of KINDS or "language model".

    Raises:
        SpecError: the folder is missing, is of another kind, brings code of its own, or has no weights in safetensors.
    """
    if not folder.is_dir():
        msg = f"{kind} checkpoint {folder} is no folder: give the path of a folder in the layout of Hugging Face"
        raise SpecError(msg)
    config = read_json(folder / "config.json")
    wanted, found = KINDS.get(kind), config.get("model_type")
    if wanted is not None and found not in wanted:
        msg = f"{kind} checkpoint {folder} is of the type {found!r}, expected {' or '.join(wanted)}: give another folder"
        raise SpecError(msg)
    _require_known(folder, config, kind=kind)
    if config.get("auto_map") or list(folder.glob("*.py")):
        msg = (
            f"{kind} checkpoint {folder} brings code of its own (trust_remote_code), which is never run here: take a model that needs none"
        )
        raise SpecError(msg)
    if not list(folder.glob("*.safetensors")):
        pickles = [path.name for pattern in PICKLES for path in folder.glob(pattern)]
        what = f"only pickles ({pickles[0]}), which can run code: convert them to safetensors" if pickles else "no weights (*.safetensors)"
        msg = f"{kind} checkpoint {folder} holds {what}"
        raise SpecError(msg)
    return Checkpoint(folder, config)


def _require_known(folder: Path, config: Mapping[str, Any], *, kind: str) -> None:
    """Check that the class of the model is one that can be exported, and that its weights are numbers as trained."""
    wanted, found = ARCHITECTURES.get(kind), config.get("architectures") or []
    if wanted is not None and found and not set(wanted) & set(found):
        msg = f"{kind} checkpoint {folder} holds a {found[0]}, expected {' or '.join(wanted)}: give a checkpoint of that class"
        raise SpecError(msg)
    if config.get("quantization_config"):
        method = dict(config["quantization_config"]).get("quant_method", "an unknown method")
        msg = f"{kind} checkpoint {folder} is quantized ({method}): give the checkpoint before it was quantized"
        raise SpecError(msg)


def read_json(path: Path) -> Mapping[str, Any]:
    """Read a JSON object of a checkpoint.

    Raises:
        SpecError: missing, too large or not an object.
    """
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(MAX_JSON_BYTES))
    except OSError as err:
        msg = f"{path} cannot be read ({err.strerror}): give a complete checkpoint folder"
        raise SpecError(msg) from err
    except (ValueError, RecursionError) as err:
        msg = f"{path} is not JSON ({err}): give a complete checkpoint folder"
        raise SpecError(msg) from err
    if not isinstance(values, dict):
        msg = f"{path} is not a JSON object: give a complete checkpoint folder"
        raise SpecError(msg)
    return values


def load_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """The fast tokenizer of a checkpoint, without the padding and truncation that were saved with it.

    Raises:
        SpecError: tokenizer.json is missing or cannot be parsed.
    """
    path = checkpoint.folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as err:  # tokenizers raises bare Exceptions
        msg = f"{path} cannot be read ({reason_of(err)}): save the fast tokenizer with save_pretrained"
        raise SpecError(msg) from err
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
