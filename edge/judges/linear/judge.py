"""Scores each label of a station by fixed weights of the words: no language model, and every weight can be read.

It cannot follow an instruction: it knows the labels that it was fitted on, by their names, and no meaning, example or template.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from edge.calibration.scales import probabilities
from edge.errors import BundleError, JudgeError
from edge.judges.linear.file import EVERYWHERE, LinearModel
from edge.judges.linear.terms import terms_of, tf_idf
from edge.judges.prompt import description_text
from edge.records import Scores, Words


class LinearJudge:
    """Judges words with a linear model; `labels` are those of the station, in its order.

    `temperature` divides the log-probabilities before the softmax; None: the probabilities are not calibrated. `digest` is that of the
    model's file, which goes into the scores.

    Raises:
        BundleError: the model does not know a label of the station.
    """

    scoring = "linear"
    prompt_digest = prefix = None

    def __init__(self, model: LinearModel, *, labels: Sequence[str], temperature: float | None, digest: str | None = None) -> None:
        unknown = [label for label in labels if label not in model.labels]
        if unknown:
            msg = (
                f"the linear judge does not know {', '.join(map(repr, unknown))}: it was fitted for {', '.join(model.labels)}, the station "
                f"has {', '.join(labels)}: give the labels the names that it knows, or fit a judge for these"
            )
            raise BundleError(msg)
        self.adapter_digest = digest
        self._model = model
        self._idf = {name: term.idf for name, term in model.terms.items()}
        self._labels = tuple(labels)
        self._columns = {label: model.labels.index(label) for label in labels}
        self._temperature = temperature

    def prepare(self) -> None:
        """Nothing: no language model is asked."""

    def score(self, words: Words) -> Scores:
        """Score every label; see `edge.interfaces.Judge`. The log-likelihoods are log-probabilities among all labels of the model.

        Raises:
            JudgeError: the model knows no word of the description.
        """
        logits = self._logits(self._values(words))
        top = max(logits)
        total = top + math.log(math.fsum(math.exp(logit - top) for logit in logits))
        log_likelihoods = tuple(logits[column] - total for column in self._columns.values())
        return Scores(
            labels=self._labels,
            log_likelihoods=log_likelihoods,
            probabilities=tuple(map(float, probabilities(np.array(log_likelihoods), self._temperature or 1.0))),
            method=self.scoring,
            prompt_tokens=0,
            calibrated=self._temperature is not None,
            adapter=self.adapter_digest,
        )

    def score_each(self, descriptions: Sequence[Words]) -> tuple[Scores, ...]:
        """Score many descriptions, each as `score` does.

        Raises:
            JudgeError: as `score`.
        """
        return tuple(map(self.score, descriptions))

    def weigh(self, words: Words, label: str, other: str) -> tuple[float, Mapping[str, float]]:
        """What speaks for one label against another, in nats: the intercepts, and each known term of the description, largest first.

        Their sum is the difference of the two log-likelihoods.

        Raises:
            JudgeError: as `score`.
        """
        one, two = self._columns[label], self._columns[other]
        values, terms, intercepts = self._values(words), self._model.terms, self._model.intercepts
        shares = {name: value * (terms[name].weights[one] - terms[name].weights[two]) for name, value in values.items()}
        return intercepts[one] - intercepts[two], dict(sorted(shares.items(), key=lambda share: -abs(share[1])))

    def _values(self, words: Words) -> Mapping[str, float]:
        """The TF-IDF of the known terms of a description."""
        terms = terms_of(description_text(words))
        if not any(self._idf.get(term, EVERYWHERE) > EVERYWHERE for term in terms):
            msg = "the linear judge knows no word of the description: fit it on words of this bundle, or judge with the language model"
            raise JudgeError(msg)
        return tf_idf(terms, self._idf)

    def _logits(self, values: Mapping[str, float]) -> list[float]:
        """The log-odds of all labels of the model, up to a common constant."""
        terms = [(value, self._model.terms[name].weights) for name, value in values.items()]
        return [
            math.fsum([intercept, *(value * weights[column] for value, weights in terms)])
            for column, intercept in enumerate(self._model.intercepts)
        ]
