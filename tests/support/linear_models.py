"""Linear judges that are small enough to check by hand, as files and as models."""

from __future__ import annotations

from collections.abc import Sequence

from edge.judges.linear.file import LinearModel, Term
from tests.support.sample_records import LABELS


def linear_model(labels: Sequence[str] = LABELS) -> LinearModel:
    """A judge of three labels that knows the words of `sample_records.words` and `judged_words.description`."""
    return LinearModel(
        labels=tuple(labels),
        intercepts=(0.1, 0.0, -0.1),
        terms={
            "tags": Term(idf=1.0, weights=(0.2, 0.1, 0.0)),
            "intact": Term(idf=2.0, weights=(3.0, -1.0, -1.0)),
            "crack": Term(idf=3.0, weights=(-4.0, 5.0, 0.0)),
            "dark": Term(idf=2.0, weights=(-2.0, 1.5, 0.5)),
            "cell": Term(idf=1.5, weights=(0.5, -0.5, 0.0)),
            "blue solar": Term(idf=2.5, weights=(1.0, 0.0, 0.0)),
        },
    )


def linear_file(model: LinearModel) -> bytes:
    return model.model_dump_json(by_alias=True).encode()
