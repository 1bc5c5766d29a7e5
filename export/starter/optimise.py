"""The optimiser of the starter's towers: Muon for the matrices inside the blocks, AdamW for everything else.

Muon (Jordan et al. 2024, in torch since 2.9) orthogonalises each update; on these small transformers it reaches a given loss in
about half the samples, which on two CPU cores is the difference between one hour and two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises; it then falls along a cosine to 2 % of its peak."""


class Optimiser:
    """Steps two optimisers along one schedule and keeps an exponential moving average of the weights."""

    def __init__(self, modules: Iterable[nn.Module], *, learning_rate: float, steps: int, ema: float = 0.998) -> None:
        self._modules = nn.ModuleList(modules)
        inner: list[nn.Parameter] = []
        outer: list[nn.Parameter] = []
        for name, parameter in self._modules.named_parameters():
            if parameter.requires_grad:
                (inner if parameter.ndim == 2 and ".layer" in name and "embed" not in name else outer).append(parameter)  # noqa: PLR2004
        self._optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(inner, lr=learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(outer, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98)),
        ]
        self._peak = learning_rate
        self._steps = steps
        self._done = 0
        self._ema_decay = ema
        self._ema = {name: value.detach().clone() for name, value in self._modules.state_dict().items()}

    def step(self, loss: torch.Tensor) -> None:
        """Go one step down the gradient of `loss`."""
        warm = self._done / (WARM_UP * self._steps)
        fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, self._done / self._steps)))
        for optimiser in self._optimisers:
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = self._peak * min(1.0, warm) * fall
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._modules.parameters(), 1.0)
        for optimiser in self._optimisers:
            optimiser.step()
        self._done += 1
        decay = min(self._ema_decay, (1 + self._done) / (10 + self._done))
        with torch.no_grad():
            for name, value in self._modules.state_dict().items():
                if value.is_floating_point():
                    self._ema[name].lerp_(value, 1 - decay)

    def swap_average(self) -> None:
        """Exchange the weights and their moving average (call again to exchange them back)."""
        current = {name: value.detach().clone() for name, value in self._modules.state_dict().items()}
        self._modules.load_state_dict(self._ema)
        self._ema = current
