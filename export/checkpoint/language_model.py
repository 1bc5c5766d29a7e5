"""The configuration of a language model beside what llama.cpp computes: what llama.cpp would leave out is refused before long work.

llama.cpp knows a family of models by its name and computes what that family usually does. It ignores what a configuration says otherwise.
The proof compares the logits of every model; this is what can be known before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM

from export.checkpoint.folder import Checkpoint
from export.checkpoint.weights import check_weights
from export.errors import SpecError, reason_of

SILU = ("silu", "swish")
ACTIVATIONS: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("granite", "llama", "mistral", "mixtral", "olmo", "olmo2", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "smollm3"), SILU
)
"""The `hidden_act` that llama.cpp computes for a `model_type`, whatever config.json says (src/models of llama.cpp)."""

WINDOWLESS = frozenset({"granite", "llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "smollm3", "starcoder2"})
"""The `model_type` whose attention has no sliding window in llama.cpp."""


def check_language_model(checkpoint: Checkpoint, *, context_tokens: int) -> None:
    """Check that llama.cpp can compute what config.json says, for prompts of at most `context_tokens`; no weight is read.

    Raises:
        SpecError: transformers does not know the model, a weight is missing or too many, or llama.cpp would compute something else.
    """
    title = f"language model {checkpoint.folder}"
    try:
        config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except Exception as err:  # transformers raises what its configurations raise
        msg = f"{title}: its config.json is not known to transformers ({reason_of(err)}): give a model that it knows"
        raise SpecError(msg) from err
    _check_activation(title, config)
    _check_window(title, config, context_tokens)
    _check_positions(title, config, context_tokens)
    check_weights(checkpoint, AutoModelForCausalLM, config)


def window_of(config: Any) -> int | None:  # noqa: ANN401 -- a configuration of transformers
    """The number of tokens that a token sees, at least in some layers; None if it sees all before it."""
    window: Any = getattr(config, "sliding_window", None)
    layers = getattr(config, "layer_types", None)
    used = getattr(config, "use_sliding_window", True) and (layers is None or "sliding_attention" in layers)
    return int(window) if window and used else None


def _check_activation(title: str, config: Any) -> None:  # noqa: ANN401 -- a configuration of transformers
    known, found = ACTIVATIONS.get(config.model_type), getattr(config, "hidden_act", None)
    if known is not None and found not in known:
        what = f"hidden_act is {found!r}, and llama.cpp computes {known[0]} for a {config.model_type}"
        msg = f"{title}: {what}: give a model whose hidden_act is {known[0]}"
        raise SpecError(msg)


def _check_window(title: str, config: Any, context_tokens: int) -> None:  # noqa: ANN401 -- a configuration of transformers
    window = window_of(config)
    if window is not None and window < context_tokens and config.model_type in WINDOWLESS:
        what = f"sliding_window is {window}, less than the {context_tokens} tokens of context_tokens, and llama.cpp has no window"
        msg = f"{title}: {what} for a {config.model_type}: lower context_tokens in [llm], or give a model without a window"
        raise SpecError(msg)


def _check_positions(title: str, config: Any, context_tokens: int) -> None:  # noqa: ANN401 -- a configuration of transformers
    scaling = getattr(config, "rope_scaling", None) or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    trained: Any = scaling.get("original_max_position_embeddings") or getattr(config, "max_position_embeddings", context_tokens)
    if kind == "dynamic" and trained < context_tokens:
        what = (
            f"rope_scaling is 'dynamic' beyond {trained} tokens, which llama.cpp does not compute, and context_tokens is {context_tokens}"
        )
        msg = f"{title}: {what}: lower context_tokens in [llm], or give another model"
        raise SpecError(msg)
