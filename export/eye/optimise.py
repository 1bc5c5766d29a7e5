"""The optimiser of the captions: Muon for the matrices inside the blocks, AdamW for everything else.

Muon (Jordan et al. 2024) orthogonalises each update and needs fewer samples for the same loss, which matters on two CPU cores.
`torch.optim.Muon` is not used: it iterates in bfloat16, which a CPU without AVX512-BF16 emulates, and a step took 8 s instead of 0.1 s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""
AVERAGE = 0.998
"""Decay of the moving average of the weights."""


class Optimiser:
    """Muon and AdamW on one learning-rate schedule, and an exponential moving average of the weights.

    The learning rate falls along a cosine to 2 % of its peak.
    """

    def __init__(self, modules: Iterable[nn.Module], *, learning_rate: float, steps: int) -> None:
        self._modules = nn.ModuleList(modules)
        inner: list[nn.Parameter] = []
        outer: list[nn.Parameter] = []
        for name, parameter in self._modules.named_parameters():
            if parameter.requires_grad:
                (inner if parameter.ndim == 2 and ".layer" in name and "embed" not in name else outer).append(parameter)
        self._optimisers: list[torch.optim.Optimizer] = [
            _Muon(inner, lr=learning_rate),
            torch.optim.AdamW(outer, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98)),
        ]
        self._peak = learning_rate
        self._steps = steps
        self._steps_done = 0
        self._ema = {name: value.detach().clone() for name, value in self._modules.state_dict().items()}

    def step(self, loss: torch.Tensor) -> None:
        """Take one step down the gradient of `loss`."""
        warm = self._steps_done / (WARM_UP * self._steps)
        fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, self._steps_done / self._steps)))
        for optimiser in self._optimisers:
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = self._peak * min(1.0, warm) * fall
        loss.backward()
        nn.utils.clip_grad_norm_(self._modules.parameters(), 1.0)
        for optimiser in self._optimisers:
            optimiser.step()
        self._steps_done += 1
        decay = min(AVERAGE, (1 + self._steps_done) / (10 + self._steps_done))
        with torch.no_grad():
            for name, value in self._modules.state_dict().items():
                if value.is_floating_point():
                    self._ema[name].lerp_(value, 1 - decay)

    def swap_average(self) -> None:
        """Exchange the weights and their moving average; a second call exchanges them back."""
        current = {name: value.detach().clone() for name, value in self._modules.state_dict().items()}
        self._modules.load_state_dict(self._ema)
        self._ema = current


class _Muon(torch.optim.Optimizer):
    """Muon in float32. Updates are scaled by 0.2 * sqrt(longer side), so that AdamW's learning rates fit (Liu et al. 2025)."""

    def __init__(self, parameters: list[nn.Parameter], *, lr: float, momentum: float = 0.95, weight_decay: float = 0.05) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                average = state.setdefault("average", torch.zeros_like(parameter))
                average.lerp_(parameter.grad, 1 - group["momentum"])
                update = _orthogonal(parameter.grad.lerp(average, group["momentum"]))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(parameter.shape)))


def _orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Approximate the nearest (semi-)orthogonal matrix by five Newton-Schulz steps with Jordan's coefficients."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix) / (matrix.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x
