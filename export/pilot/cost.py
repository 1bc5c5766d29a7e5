"""The cost study of a pilot: the plant's own figures, with the rates of the box as the pilot counted them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from export.cost.counted import RATES, Counts
from export.cost.read import read_figures
from export.cost.spec import CostSpec
from export.cost.study import study
from export.errors import BuildError, SpecError
from export.findings.box import Decided
from export.pilot.answer import Saving
from firmware_config.commented_toml import toml_key, toml_value
from firmware_config.errors import first_mistake
from firmware_config.strict import read_values
from firmware_config.toml import read_toml
from firmware_config.write import write_atomic

COUNTS, COST = "counts.json", "cost.toml"
MADE_HERE = "# Made by the pilot: the plant's own figures, with the rates of the box as the pilot counted them."
TO_BE_COUNTED = {"escape": 0.0, "overkill": 0.0}
"""Stand for the rates that are not known yet when the specification is looked at."""


def require_cost(path: Path) -> None:
    """Check the specification of a cost study before a pilot begins.

    Raises:
        SpecError: it cannot be read or has a wrong value.
    """
    _with_rates(path, TO_BE_COUNTED, near=path.parent)


def counts_of(installed: Sequence[Decided]) -> Counts | None:
    """The decisions on domains that taught nothing; None where they have no good or no defective part."""
    unseen = [one for one in installed if not one.seen]

    def total(name: str, *decisions: str) -> int:
        return sum(counts.get(decision, 0) for one in unseen for counts in [getattr(one, name)] for decision in decisions)

    bad, good = (total(name, "OK", "NG", "REVIEW", "FAULT") for name in ("bad", "good"))
    if not bad or not good:
        return None
    return Counts(
        schema="kotoba.counts/1",
        bad=bad,
        escaped=total("bad", "OK"),
        bad_reviewed=total("bad", "REVIEW", "FAULT"),
        good=good,
        rejected=total("good", "NG"),
        good_reviewed=total("good", "REVIEW", "FAULT"),
    )


def write_costs(counts: Counts, path: Path, out: Path) -> tuple[Path, Saving]:
    """Write counts.json and the specification of the cost study with these rates; returns its path, and what the box saves.

    Raises:
        SpecError: the specification, or a file that it names, has a wrong value.
        BuildError: a file cannot be written.
    """
    values = _with_rates(path, {"verdicts": COUNTS}, near=out)
    try:
        write_counts(counts, out)
        write_atomic(out / COST, _toml(values).encode())
    except OSError as err:
        msg = f"the costs of the pilot cannot be written into {out} ({err.strerror}): make room, or give another folder as --out"
        raise BuildError(msg) from err
    figures = read_figures(out / COST)
    saved = study(figures.spec, figures.stages).saving
    return out / COST, Saving(saved.value, saved.low, saved.high, figures.spec.plant.currency)


def write_counts(counts: Counts, out: Path) -> None:
    """Write counts.json, which a cost study takes as verdicts."""
    write_atomic(out / COUNTS, (json.dumps(counts.model_dump(mode="json", by_alias=True), indent=2) + "\n").encode())


def remove_costs(out: Path) -> None:
    """Take away what `write_counts` and `write_costs` have written into a folder, not a specification of somebody else.

    Raises:
        OSError: a file cannot be read or taken away.
    """
    (out / COUNTS).unlink(missing_ok=True)
    cost = out / COST
    if cost.is_file() and cost.read_bytes().startswith(MADE_HERE.encode()):
        cost.unlink()


def _with_rates(path: Path, rates: Mapping[str, object], *, near: Path) -> dict[str, Any]:
    """The values of a specification, with these rates of the box; files that it names are named as seen from `near`."""
    try:
        values = read_toml(path)
        box = {key: value for key, value in values.get("box", {}).items() if key not in {*RATES, "verdicts"}}
        values["box"] = {**box, **rates}
        for section, key in (("box", "timings"), ("present", "verdicts")):
            if isinstance(values.get(section), dict) and key in values[section]:
                values[section] = values[section] | {key: os.path.relpath((path.parent / values[section][key]).absolute(), near.absolute())}
        read_values(CostSpec, values)
    except ValidationError as err:
        msg = f"cost specification {path}: {first_mistake(err, CostSpec)}: correct it"
        raise SpecError(msg) from err
    except (ValueError, TypeError, AttributeError) as err:
        msg = f"cost specification {path} {err}: give the TOML of one cost study"
        raise SpecError(msg) from err
    except OSError as err:
        msg = f"cost specification {path} cannot be read ({err.strerror}): give the path of an existing file"
        raise SpecError(msg) from err
    return values


def _toml(values: Mapping[str, Any]) -> str:
    lines = [MADE_HERE]
    for name, section in values.items():
        lines += ["", f"[{toml_key(name)}]", *(f"{toml_key(key)} = {toml_value(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"
