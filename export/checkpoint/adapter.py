"""LoRA folders of PEFT: what a GGUF adapter can carry, and the scale of each matrix as PEFT has it. Everything else is refused by its name.

llama.cpp multiplies a matrix by alpha / rank, with one alpha for the file. PEFT can have an alpha for each matrix, and divide by the root.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.checkpoint.folder import Checkpoint, read_json, shapes_of
from export.errors import LlmError

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"

FOLLOWED = frozenset(
    {"r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "target_modules", "exclude_modules", "layers_to_transform",
     "layers_pattern", "base_model_name_or_path", "peft_type", "bias", "init_lora_weights"}
)  # fmt: skip
HARMLESS = frozenset(
    {"task_type", "inference_mode", "lora_dropout", "revision", "peft_version", "auto_mapping", "megatron_core", "qalora_group_size",
     "runtime_config", "eva_config", "loftq_config"}
)  # fmt: skip
"""Keys that do not change what a trained adapter computes."""

PLAIN_STARTS = frozenset({"gaussian", "orthogonal", "eva"})
"""The `init_lora_weights` that leave the weights of the base as they are; PiSSA, OLoRA, LoftQ and CorDA change them."""

MATRIX = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
COPY = re.compile(r"base_model\.model\.(?P<module>.+)\.base_layer\.weight")
"""The weights of the model itself, which PEFT copies into the adapter where the head or the word embedding is adapted."""

MERGE = "merge it into the model with peft's merge_and_unload and give that model"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA folder that fits its base. `factors` maps a matrix of the base to what B is multiplied with, so that llama.cpp scales as PEFT.

    `base` is the name of the model that it was trained on, "" if it names none.
    """

    folder: Path
    base: str
    factors: Mapping[str, float]

    @property
    def files(self) -> tuple[Path, Path]:
        """The files that decide what it computes."""
        return self.folder / CONFIG, self.folder / WEIGHTS


def read_adapter(folder: Path, base: Checkpoint) -> Adapter:
    """Read adapter_config.json and the header of the weights, and compare them with the model `base`.

    Raises:
        LlmError: it is not a LoRA, holds what a GGUF adapter cannot carry, or belongs to another model.
        SpecError: adapter_config.json is missing or not JSON.
    """
    if not (folder / WEIGHTS).is_file():
        msg = f"adapter {folder} holds no {WEIGHTS}: save it with peft's save_pretrained(safe_serialization=True)"
        raise LlmError(msg)
    config = read_json(folder / CONFIG)
    kind = config.get("peft_type")
    if kind != "LORA":
        msg = f"adapter {folder} is of the type {kind!r}: only LORA can be carried by llama.cpp"
        raise LlmError(msg)
    _check_keys(folder, config)
    named = str(config.get("base_model_name_or_path") or "")
    _check_base(folder, named, base)
    return Adapter(folder, named, _factors(folder, config, base))


def _check_keys(folder: Path, config: Mapping[str, Any]) -> None:
    for key, value in config.items():
        if key not in FOLLOWED | HARMLESS and value:
            msg = f"adapter {folder}: {key} is {str(value)[:80]!r}, which a GGUF adapter cannot carry: {MERGE}"
            raise LlmError(msg)
    if config.get("bias", "none") != "none":
        msg = f"adapter {folder}: bias is {config['bias']!r}, and a GGUF adapter carries no biases: {MERGE}"
        raise LlmError(msg)
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in PLAIN_STARTS:
        msg = f"adapter {folder}: init_lora_weights is {start!r}, which changes the weights of the model itself: {MERGE}"
        raise LlmError(msg)


def _check_base(folder: Path, named: str, base: Checkpoint) -> None:
    """Check the name of the model that an adapter was trained on. PEFT records nothing else of it."""
    if not named:
        return
    elsewhere = Path(named)
    if elsewhere.is_dir():
        same = elsewhere.resolve() == base.folder.resolve() or _digest(elsewhere) == _digest(base.folder)
    else:
        same = elsewhere.name.casefold() in {
            base.folder.absolute().name.casefold(),
            Path(str(base.config.get("_name_or_path"))).name.casefold(),
        }
    if not same:
        what = f"was trained on {named!r} (base_model_name_or_path), and the model is {base.folder}"
        msg = f"adapter {folder} {what}: give its own model, or correct {CONFIG} if both are the same"
        raise LlmError(msg)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _factors(folder: Path, config: Mapping[str, Any], base: Checkpoint) -> dict[str, float]:
    shapes = shapes_of(folder / WEIGHTS)
    matrices: dict[str, dict[str, tuple[int, ...]]] = {}
    copies = {name: found["module"] for name in shapes if (found := COPY.fullmatch(name))}
    for name, shape in shapes.items():
        found = MATRIX.fullmatch(name)
        if found is None and name not in copies:
            msg = f"adapter {folder}: the tensor {name} is no matrix of a LoRA, and a GGUF adapter carries nothing else: {MERGE}"
            raise LlmError(msg)
        if found is not None:
            matrices.setdefault(found["module"], {})[found["side"]] = shape
    for name, module in copies.items():
        if module not in matrices or not _same(folder / WEIGHTS, name, base, f"{module}.weight"):
            msg = f"adapter {folder}: {name} is no copy of {module} in the model: give the model that it was trained on, or {MERGE}"
            raise LlmError(msg)
    alpha, rank = config.get("lora_alpha", 8), config.get("r", 8)
    own = base.shapes
    factors = {}
    for module, sides in matrices.items():
        module_rank, module_alpha = (
            _of_pattern(config.get(key), module, usual) for key, usual in (("rank_pattern", rank), ("alpha_pattern", alpha))
        )
        _check_matrix(folder, module, sides, module_rank, own)
        divisor = math.sqrt(module_rank) if config.get("use_rslora") else module_rank
        if not alpha > 0 or not module_alpha > 0:
            msg = f"adapter {folder}: lora_alpha of {module} is {module_alpha if alpha > 0 else alpha}, expected a number above 0: {MERGE}"
            raise LlmError(msg)
        factors[module] = (module_alpha / divisor) / (alpha / module_rank)
    return factors


def _same(path: Path, name: str, base: Checkpoint, weight: str) -> bool:
    """Whether a tensor of a file is the same as a weight of the model."""
    from safetensors import safe_open

    other = base.file_of(weight)
    if other is None:
        return False
    with safe_open(path, framework="pt") as one, safe_open(other, framework="pt") as two:
        return bool((one.get_tensor(name).float() == two.get_tensor(weight).float()).all())


def _of_pattern(pattern: Mapping[str, Any] | None, module: str, usual: float) -> float:
    """The value of the first key that matches the end of a module's name, as in peft.utils.other.get_pattern_key."""
    return next((value for key, value in (pattern or {}).items() if re.match(rf"(.*\.)?({key})$", module)), usual)


def _check_matrix(folder: Path, module: str, sides: Mapping[str, tuple[int, ...]], rank: float, own: Mapping[str, tuple[int, ...]]) -> None:
    """Check that the two halves of a LoRA belong together and to a matrix of the model."""
    shape = own.get(f"{module}.weight") or own.get(f"{module.partition('.')[2]}.weight")
    if shape is None:
        msg = f"adapter {folder} changes {module}, which is no matrix of the model: give the model that it was trained on"
        raise LlmError(msg)
    expected = {"A": (rank, shape[-1]), "B": (shape[0], rank)}
    if sides != expected:
        what = f"has for {module} the shapes {dict(sorted(sides.items()))}, expected {expected} by its {CONFIG} and the model"
        msg = f"adapter {folder} {what}: give the model that it was trained on"
        raise LlmError(msg)
