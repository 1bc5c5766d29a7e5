"""Verdicts on parts whose truth is known, counted into the rates of a system."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from export.cost.amount import Amount
from export.errors import SpecError
from firmware_config.errors import first_mistake
from firmware_config.regular_file import read_limited
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json

RATES = ("escape", "overkill", "review_bad", "review_good")

MAX_VERDICTS_BYTES = 200_000_000
"""About ten million lines."""

TRUTHS = ("good", "bad")
DECISIONS = ("OK", "NG", "REVIEW", "FAULT")


class Counts(BaseModel):
    """How a system decided on good and on defective parts: the content of a JSON file of a pilot."""

    model_config = STRICT
    schema_name: Literal["kotoba.counts/1"] = Field(alias="schema")
    bad: int = Field(ge=1, description="Defective parts.")
    escaped: int = Field(ge=0, description="Of them: OK.")
    bad_reviewed: int = Field(ge=0, description="Of them: REVIEW or FAULT, for a person to look at.")
    good: int = Field(ge=1, description="Good parts.")
    rejected: int = Field(ge=0, description="Of them: NG.")
    good_reviewed: int = Field(ge=0, description="Of them: REVIEW or FAULT.")

    @model_validator(mode="after")
    def _within(self) -> Counts:
        for part, whole, name in (
            (self.escaped + self.bad_reviewed, self.bad, "bad"),
            (self.rejected + self.good_reviewed, self.good, "good"),
        ):
            if part > whole:
                msg = f"{part} decisions are counted on {whole} {name} parts"
                raise ValueError(msg)
        return self


def counted_rates(path: Path, *, source: str) -> dict[str, Amount]:
    """The four rates of a file of verdicts (CSV) or of counts (.json), by name.

    Raises:
        SpecError: the file cannot be read, has a wrong value, or holds no good or no defective part.
    """
    try:
        raw = read_limited(path, MAX_VERDICTS_BYTES)
        counts = read_json(Counts, raw) if path.suffix == ".json" else _counts(raw.decode("utf-8-sig"))
    except ValidationError as err:
        msg = f"counts {path}: {first_mistake(err, Counts)}: correct it"
        raise SpecError(msg) from err
    except (ValueError, csv.Error) as err:
        msg = f"verdicts {path}: {err}: give a CSV file with the columns truth and decision"
        raise SpecError(msg) from err
    except OSError as err:
        msg = f"verdicts {path} cannot be read ({err.strerror}): give the path of an existing file"
        raise SpecError(msg) from err
    return {
        "escape": Amount(count=counts.escaped, of=counts.bad, source=source),
        "overkill": Amount(count=counts.rejected, of=counts.good, source=source),
        "review_bad": Amount(count=counts.bad_reviewed, of=counts.bad, source=source),
        "review_good": Amount(count=counts.good_reviewed, of=counts.good, source=source),
    }


def _counts(text: str) -> Counts:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [name for name in ("truth", "decision") if name not in (rows.fieldnames or ())]
    if missing:
        msg = f"there is no column {missing[0]}"
        raise ValueError(msg)
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows:
        truth, decision = (row["truth"] or "").strip().lower(), (row["decision"] or "").strip().upper()
        if truth not in TRUTHS:
            msg = f"line {rows.line_num} has the truth {truth!r}, not good or bad"
            raise ValueError(msg)
        if decision not in DECISIONS:
            msg = f"line {rows.line_num} has the decision {decision!r}, not OK, NG, REVIEW or FAULT"
            raise ValueError(msg)
        counted[truth, decision] += 1
    totals = {truth: sum(counted[truth, decision] for decision in DECISIONS) for truth in TRUTHS}
    for truth, name in (("bad", "defective"), ("good", "good")):
        if totals[truth] == 0:
            msg = f"none of its parts is {name}, so that no rate can be told"
            raise ValueError(msg)
    return Counts(
        schema="kotoba.counts/1",
        bad=totals["bad"],
        escaped=counted["bad", "OK"],
        bad_reviewed=counted["bad", "REVIEW"] + counted["bad", "FAULT"],
        good=totals["good"],
        rejected=counted["good", "NG"],
        good_reviewed=counted["good", "REVIEW"] + counted["good", "FAULT"],
    )
