"""Fit a linear judge: multinomial logistic regression on TF-IDF of the words that the box reads, with the box's own weights file.

An example that allows several labels counts for each of them, in proportion to what the model makes of them (expectation maximisation of
the marginal likelihood). Every decision gets the same weight in all, and so do the labels of one decision, whatever their number of
examples: the judge knows nothing of how often a defect occurs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from edge.judges.linear.file import LinearModel, Term
from edge.judges.linear.judge import LinearJudge
from edge.judges.linear.terms import terms_of
from edge.judges.prompt import description_text
from export.spec import read_temperatures
from export.tuning.examples import Example, ExamplesError
from export.tuning.temperature import FittedTemperature, measure_temperature, without_measured
from firmware_config.bundle import LinearTemperature
from firmware_config.labels import Label
from firmware_config.measuring import MEASURES, Measuring
from firmware_config.write import write_atomic

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Values of C that are tried: the larger, the less the weights are held down."""

ROUNDS = 8
"""Rounds of expectation maximisation; without an example that allows several labels, one is enough."""

DIGITS = 10
"""Decimals of a weight in the file: scores change by less than 1e-8."""


@dataclass(frozen=True, slots=True)
class FittedLinear:
    """A linear model, the C that was chosen for it, and its AUROC and temperature on the validation examples.

    `measured` says that these have measured words; then `unmeasured_temperature` is that on the same examples without them.
    """

    model: LinearModel
    strength: float
    auroc: float
    temperature: float
    measured: Measuring
    unmeasured_temperature: float | None = None


def fit_linear(
    examples: Sequence[Example],
    validation: Sequence[Example],
    labels: Sequence[Label],
    *,
    strengths: Sequence[float] = STRENGTHS,
    measuring: Measuring = MEASURES,
) -> FittedLinear:
    """Fit on `examples`, choose C by the AUROC of "not ok" on `validation`; of equal ones the smallest.

    `labels` are those of the station, `measuring` says which measured words its pictures have, if they have some.

    Raises:
        ExamplesError: no example allows some label, or the validation examples are not both good and defective.
    """
    _require_every_label(examples, labels)
    _require_both_sides(validation, labels)
    fits: list[tuple[float, LinearModel, FittedTemperature]] = []
    for strength in sorted(strengths):
        model = fit_model(examples, labels, strength=strength)
        judge = LinearJudge(model, labels=model.labels, temperature=None)
        fits.append((strength, model, measure_temperature(judge, labels, validation)))
    strength, model, measured = max(fits, key=lambda fit: fit[2].auroc)
    said = measuring if any(example.words.measured for example in validation) else False
    if said is False:
        return FittedLinear(model, strength, measured.auroc, measured.temperature, said)
    judge = LinearJudge(model, labels=model.labels, temperature=None)
    unmeasured = measure_temperature(judge, labels, without_measured(validation))
    return FittedLinear(model, strength, measured.auroc, measured.temperature, said, unmeasured.temperature)


def fit_model(examples: Sequence[Example], labels: Sequence[Label], *, strength: float) -> LinearModel:
    """Fit with one C, `strength`; each label must be allowed by an example."""
    vectorizer, regression = fit_regression(examples, labels, strength=strength)
    weights, intercepts = regression.coef_, regression.intercept_
    if len(labels) == 2:  # scikit-learn keeps one row, the log-odds of the second label
        weights, intercepts = np.vstack([-weights / 2, weights / 2]), np.concatenate([-intercepts / 2, intercepts / 2])
    terms = {
        name: Term(idf=round(float(idf), DIGITS), weights=tuple(round(float(weight), DIGITS) for weight in column))
        for name, idf, column in zip(vectorizer.get_feature_names_out(), vectorizer.idf_, weights.T, strict=True)
    }
    names, rounded = tuple(label.name for label in labels), tuple(round(float(one), DIGITS) for one in intercepts)
    return LinearModel(labels=names, intercepts=rounded, terms=terms)


def fit_regression(examples: Sequence[Example], labels: Sequence[Label], *, strength: float) -> tuple[TfidfVectorizer, LogisticRegression]:
    """The fit itself, as scikit-learn holds it; classes are the numbers of the labels."""
    vectorizer = TfidfVectorizer(analyzer=terms_of, sublinear_tf=True)
    values = vectorizer.fit_transform([description_text(example.words) for example in examples])
    allowed = np.array([[label.name in example.allowed for label in labels] for example in examples], np.float64)
    rows, columns = np.nonzero(allowed)
    shares, parts = allowed / allowed.sum(-1, keepdims=True), _parts(labels)
    regression = LogisticRegression(C=strength, max_iter=3_000)
    for _ in range(ROUNDS if len(rows) > len(examples) else 1):
        regression.fit(values[rows], columns, sample_weight=_balanced(shares, parts)[rows, columns])
        likely = regression.predict_proba(values) * allowed
        shares = likely / likely.sum(-1, keepdims=True)
    return vectorizer, regression


def _parts(labels: Sequence[Label]) -> NDArray[np.float64]:
    """The part of all weight that each label gets, float64 (K,): the same for each decision, and for each label of a decision."""
    decisions = [label.decision for label in labels]
    return np.array([1 / len(set(decisions)) / decisions.count(decision) for decision in decisions])


def _balanced(shares: NDArray[np.float64], parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights float64 (N, K) of N examples for K labels: each label has its part of N."""
    return np.asarray(shares * (len(shares) * parts / shares.sum(0)))


def write_linear(artefacts: Path, name: str, fitted: FittedLinear) -> Path:
    """Write judges/NAME.json and its entries in temperatures.json into a folder of artefacts, which a bundle is built from.

    Returns the path of the judge.

    Raises:
        ExamplesError: the name is none for a judge, or a file cannot be written.
        SpecError: temperatures.json is wrong.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        msg = f"naming a linear judge {name!r}: give letters, digits, - and _, as [judge] linear takes them"
        raise ExamplesError(msg)
    path, temperatures = artefacts / "judges" / f"{name}.json", artefacts / "temperatures.json"
    others = [one for one in read_temperatures(artefacts) if not (isinstance(one, LinearTemperature) and one.linear == name)]
    found = [(fitted.temperature, fitted.measured)]
    if fitted.unmeasured_temperature is not None:
        found.append((fitted.unmeasured_temperature, False))
    entries = [*others, *(LinearTemperature(linear=name, temperature=round(one, 4), measured=measured) for one, measured in found)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, as_lines(fitted.model).encode())
        write_atomic(temperatures, (json.dumps([entry.model_dump(mode="json") for entry in entries], indent=1) + "\n").encode())
    except OSError as err:
        msg = f"linear judge {path} cannot be written ({err.strerror}): give --out a folder that can be written"
        raise ExamplesError(msg) from err
    return path


def as_lines(model: LinearModel) -> str:
    """The file of a linear judge: JSON with one line for each term, so that a person can read it and compare two of them."""
    values = model.model_dump(mode="json", by_alias=True)
    lines = [f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(term)}" for name, term in values.pop("terms").items()]
    head = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
    return "{" + head + ',\n"terms": {\n' + ",\n".join(lines) + "\n}}\n"


def _require_every_label(examples: Sequence[Example], labels: Sequence[Label]) -> None:
    seen = {label for example in examples for label in example.allowed}
    missing = [label.name for label in labels if label.name not in seen]
    if missing:
        msg = f"fitting a linear judge: no example allows {', '.join(map(repr, missing))}: add examples of each label, or remove the label"
        raise ExamplesError(msg)


def _require_both_sides(validation: Sequence[Example], labels: Sequence[Label]) -> None:
    good = {label.name for label in labels if label.decision == "ok"}
    count = sum(bool(good & set(example.allowed)) for example in validation)
    if count in {0, len(validation)}:
        msg = f"fitting a linear judge: {count} of {len(validation)} validation examples are good: give good and defective ones"
        raise ExamplesError(msg)
