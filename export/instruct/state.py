"""The state of a tuning that was stopped: what was learned, what was best, and the curve so far."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.instruct.errors import TuneError
from export.instruct.tuned import Check
from firmware_config.write import write_atomic


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything but the data and the settings. `best_said` float64 (V, K) is what the best step said of the validation examples."""

    step: int
    seconds: float
    parameters: dict[str, Tensor]
    optimiser: dict[str, Any]
    best_parameters: dict[str, Tensor]
    best_said: Tensor
    best_step: int
    curve: tuple[Check, ...]

    @classmethod
    def new(cls, parameters: Mapping[str, Tensor], optimiser: torch.optim.Optimizer) -> State:
        """Before the first step."""
        learned = _copied(parameters)
        return cls(0, 0.0, learned, optimiser.state_dict(), learned, torch.empty(0), 0, ())

    @property
    def best(self) -> Check:
        """The point of the curve that is best on validation."""
        return next(check for check in self.curve if check.step == self.best_step)

    def learned(self, parameters: Mapping[str, Tensor], optimiser: torch.optim.Optimizer) -> State:
        """The state with what is learned now."""
        return replace(self, parameters=_copied(parameters), optimiser=optimiser.state_dict())

    def with_check(self, check: Check, said: NDArray[np.float64]) -> State:
        """The state with one more point of its curve."""
        if self.curve and check.validation >= self.best.validation:
            return replace(self, curve=(*self.curve, check))
        best = {"best_parameters": self.parameters, "best_said": torch.from_numpy(said), "best_step": check.step}
        return replace(self, curve=(*self.curve, check), **best)

    def put_into(self, parameters: Mapping[str, Tensor], optimiser: torch.optim.Optimizer) -> None:
        """Go on from here."""
        _copy_into(self.parameters, parameters)
        optimiser.load_state_dict(self.optimiser)

    def put_best_into(self, parameters: Mapping[str, Tensor]) -> None:
        """Go back to what was best on validation."""
        _copy_into(self.best_parameters, parameters)


def write_state(path: Path, state: State) -> None:
    """Replace the file of a state; a kill leaves the old one or the new one."""
    values = {name: getattr(state, name) for name in State.__dataclass_fields__}
    values["curve"] = [asdict(check) for check in state.curve]
    _write(path, values)


def read_state(path: Path) -> State | None:
    """The state that was written last, None if there is none. No code of the file is run.

    Raises:
        TuneError: the file is damaged.
    """
    if not path.exists():
        return None
    values = _read(path)
    return State(**{**values, "curve": tuple(Check(**check) for check in values["curve"])})


def write_learned(path: Path, parameters: Mapping[str, Tensor]) -> None:
    """Write what was learned, in the names of a learner: the GGUF adapter holds the same in those of llama.cpp."""
    _write(path, _copied(parameters))


def read_learned(path: Path, parameters: Mapping[str, Tensor]) -> None:
    """Put what was learned into a learner.

    Raises:
        TuneError: the file is damaged.
    """
    _copy_into(_read(path), parameters)


def _write(path: Path, values: Mapping[str, Any]) -> None:
    content = io.BytesIO()
    torch.save(values, content)
    write_atomic(path, content.getvalue())


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(torch.load(path, weights_only=True))
    except Exception as err:  # torch's reader raises what it meets
        msg = f"going on with the tuning of {path.parent}: its {path.name} is damaged: delete that folder, the tuning then begins again"
        raise TuneError(msg) from err


def _copied(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: part.detach().clone() for name, part in parameters.items()}


@torch.no_grad()
def _copy_into(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, part in target.items():
        part.copy_(source[name])
