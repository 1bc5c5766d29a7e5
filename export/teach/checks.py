"""What the judges say of the pictures that check them: painted ones on held-out good pictures, held-out good ones, labelled ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from edge.interfaces import Judge
from edge.records import Scores, Words
from export.tuning.examples import Example
from firmware_config.labels import Label
from firmware_config.write import write_atomic

GROUPS = ("checks", "good-checks", "labelled-checks")
"""Files of words, NAME.jsonl, that nothing was tuned on; pictures/NAME-N.jpg are their pictures."""
LANGUAGE_MODEL, LINEAR = "language model", "linear judge"


class RememberingJudge:
    """A judge that scores the same words once: a language model takes a tenth of a second or more for them."""

    def __init__(self, judge: Judge) -> None:
        self._score = lru_cache(maxsize=None)(judge.score)

    def score(self, words: Words) -> Scores:
        """As the judge scores them.

        Raises:
            JudgeError: the judge failed.
        """
        return self._score(words)


def write_checks(path: Path, judges: Mapping[str, Judge], groups: Mapping[str, Sequence[Example]], labels: Sequence[Label]) -> None:
    """Write `labels` and, by group and judge, the log-likelihood of each label for each picture.

    Raises:
        JudgeError: a judge failed.
    """
    said = {
        group: {name: [list(judge.score(example.words).log_likelihoods) for example in examples] for name, judge in judges.items()}
        for group, examples in groups.items()
    }
    values = {"labels": [label.name for label in labels], "log_likelihoods": said}
    write_atomic(path, (json.dumps(values) + "\n").encode())
