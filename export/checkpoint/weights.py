"""The weights of a checkpoint beside those that its class of model has: none may be missing, left over, of another shape or not finite.

Transformers gives a missing weight random numbers and only warns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig

from export.checkpoint.folder import LOAD_SAFELY, Checkpoint
from export.errors import SpecError, reason_of

BUFFERS = re.compile(r"(^|\.)(position_ids|rotary_emb\.inv_freq|masked_bias|num_batches_tracked|h\.\d+\.attn\.bias)$")
"""Constants that older versions of transformers saved beside the weights; the model computes them itself."""

NAMED = 3
"""The most weights that a message names."""


def check_weights(checkpoint: Checkpoint, kind: Any, config: PretrainedConfig) -> None:  # noqa: ANN401 -- a class of transformers
    """Compare the headers of the files with the weights of a model of the class `kind`; no weight is read.

    Raises:
        SpecError: a weight is missing, left over, or has another shape than config.json says.
    """
    found = checkpoint.shapes
    try:
        with torch.device("meta"):
            model = kind._from_config(config) if hasattr(kind, "_from_config") else kind.from_config(config)  # noqa: SLF001 -- as AutoModel does
        model.tie_weights()
    except Exception as err:  # transformers raises what its layers raise
        msg = f"{checkpoint.folder / 'config.json'} describes no model ({reason_of(err)}): take the file of the published checkpoint"
        raise SpecError(msg) from err
    wanted = model.state_dict(keep_vars=True)
    prefix = f"{model.base_model_prefix}."
    named = {name: next((one for one in (name, name.removeprefix(prefix)) if one in found), None) for name in wanted}
    there = {id(wanted[name]) for name, file_name in named.items() if file_name is not None}
    missing = [name for name in named if named[name] is None and id(wanted[name]) not in there]
    what, title = type(model).__name__, f"checkpoint {checkpoint.folder}"
    if missing:
        msg = f"{title} lacks {_listed(missing)} of a {what}, which would be random: give a complete checkpoint of that class"
        raise SpecError(msg)
    ignored = [BUFFERS, *map(re.compile, model._keys_to_ignore_on_load_unexpected or ())]  # noqa: SLF001 -- as from_pretrained does
    left_over = [name for name in found.keys() - set(named.values()) if not any(one.search(name) for one in ignored)]
    if left_over:
        msg = f"{title} holds {_listed(sorted(left_over))}, which a {what} does not have: give a checkpoint of that class"
        raise SpecError(msg)
    for name, file_name in named.items():
        if file_name is not None and found[file_name] != tuple(wanted[name].shape):
            sizes = f"has the shape {found[file_name]}, expected {tuple(wanted[name].shape)} by config.json"
            msg = f"{title}: the weight {file_name} {sizes}: give the config.json that belongs to the weights"
            raise SpecError(msg)


def loaded(checkpoint: Checkpoint, kind: Any) -> nn.Module:  # noqa: ANN401 -- a class of transformers
    """Load a model of the class `kind` in fp32.

    Raises:
        SpecError: transformers cannot read it, or a weight is missing, of another shape or not finite.
    """
    try:
        model, report = kind.from_pretrained(checkpoint.folder, output_loading_info=True, **LOAD_SAFELY)
    except Exception as err:  # transformers raises what its layers raise
        msg = f"checkpoint {checkpoint.folder} cannot be loaded by transformers ({reason_of(err)}): give a complete checkpoint"
        raise SpecError(msg) from err
    wrong = [*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])]
    if wrong:
        msg = f"checkpoint {checkpoint.folder} lacks {_listed(wrong)} of a {type(model).__name__}: give a complete checkpoint"
        raise SpecError(msg)
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            msg = f"checkpoint {checkpoint.folder}: the weight {name} holds numbers that are not finite: take it from its source again"
            raise SpecError(msg)
    return model.eval()


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    shown = ", ".join(every[:NAMED]) + (", ..." if len(every) > NAMED else "")
    return f"{len(every)} weight{'s' if len(every) > 1 else ''} ({shown})"
