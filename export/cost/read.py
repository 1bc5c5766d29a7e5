"""Read the specification of a cost study and the files that it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from export.cost.counted import counted_rates
from export.cost.spec import CostSpec, Rates
from export.cost.timings import Stage, read_timings
from export.errors import SpecError
from firmware_config.errors import first_mistake
from firmware_config.strict import read_values
from firmware_config.toml import read_toml

_System = TypeVar("_System", bound=Rates)


@dataclass(frozen=True, slots=True)
class Figures:
    """A specification whose rates and latency are those of the files that it names; `stages` is empty where it names no timings."""

    spec: CostSpec
    stages: tuple[Stage, ...] = ()


def read_figures(path: Path) -> Figures:
    """Read a specification.

    Raises:
        SpecError: the file, or one that it names, cannot be read or has a wrong value.
    """
    try:
        spec = read_values(CostSpec, read_toml(path))
    except ValidationError as err:
        msg = f"cost specification {path}: {first_mistake(err, CostSpec)}: correct it"
        raise SpecError(msg) from err
    except ValueError as err:
        msg = f"cost specification {path} {err}: give the TOML of one cost study"
        raise SpecError(msg) from err
    except OSError as err:
        msg = f"cost specification {path} cannot be read ({err.strerror}): give the path of an existing file"
        raise SpecError(msg) from err
    near, box = path.parent, spec.box
    stages: tuple[Stage, ...] = ()
    if box.timings is not None:
        latency_ms, stages = read_timings(near / box.timings, source=box.timings)
        box = box.model_copy(update={"latency_ms": latency_ms})
    present = None if spec.present is None else _counted(spec.present, near)
    return Figures(spec.model_copy(update={"box": _counted(box, near), "present": present}), stages)


def _counted(system: _System, near: Path) -> _System:
    """The system with the rates of its verdicts, if it names any."""
    if system.verdicts is None:
        return system
    return system.model_copy(update=counted_rates(near / system.verdicts, source=system.verdicts))
