"""The file of a linear judge: `judges/NAME.json` of a bundle. `export/tuning/linear.py` writes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from edge.errors import BundleError
from edge.judges.linear.terms import terms_of
from firmware_config.errors import first_mistake
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json
from firmware_config.verified_file import StoredFile, content_of

MAX_LINEAR_BYTES = 16_000_000
"""Room for 50,000 terms with a weight for each of 20 labels."""
MAX_TERMS = 100_000

EVERYWHERE = 1.0
"""The idf of a term that stands in every example, such as the heading of the tags: it says nothing of a picture."""

ADVICE = "fit it again"

Name = Annotated[str, Field(min_length=1, max_length=64)]


class Term(BaseModel):
    """A word or a pair of words: how rare it is (inverse document frequency), and its weight for each label."""

    model_config = STRICT
    idf: float = Field(ge=EVERYWHERE, le=100)
    weights: tuple[float, ...]


class LinearModel(BaseModel):
    """Multinomial logistic regression on TF-IDF: log-odds of a label are its intercept and the sum of the weights of the words."""

    model_config = STRICT
    schema_id: Literal["kotoba.linear/1"] = Field(default="kotoba.linear/1", alias="schema")
    labels: tuple[Name, ...] = Field(min_length=2, max_length=64)
    intercepts: tuple[float, ...] = Field(description="One for each label, in their order, as the weights of a term are.")
    terms: dict[str, Term] = Field(min_length=1, max_length=MAX_TERMS)

    @model_validator(mode="after")
    def _fits_together(self) -> LinearModel:
        count = len(self.labels)
        if len(set(self.labels)) != count:
            msg = "a label is listed twice"
            raise ValueError(msg)
        if len(self.intercepts) != count:
            msg = f"there are {len(self.intercepts)} intercepts for {count} labels"
            raise ValueError(msg)
        for name, term in self.terms.items():
            if len(term.weights) != count:
                msg = f"the term {name[:80]!r} has {len(term.weights)} weights for {count} labels"
                raise ValueError(msg)
            if name not in terms_of(name):
                msg = f"{name[:80]!r} is neither a word nor a pair of words in lower case, so no description can hold it"
                raise ValueError(msg)
        return self


def read_linear(file: StoredFile) -> LinearModel:
    """Read the file of a linear judge.

    Raises:
        BundleError: it cannot be read, is too large, or is no linear judge.
        ManifestError: its content is not what the manifest of its bundle lists.
    """
    try:
        raw = content_of(file, limit=MAX_LINEAR_BYTES)
    except OSError as err:
        msg = f"linear judge {file} cannot be read ({err.strerror}): take the bundle from its builder again"
        raise BundleError(msg) from err
    if len(raw) > MAX_LINEAR_BYTES:
        msg = f"linear judge {file} has more than {MAX_LINEAR_BYTES} bytes: {ADVICE} on fewer words"
        raise BundleError(msg)
    try:
        return read_json(LinearModel, raw)
    except ValueError as err:
        msg = f"linear judge {file}: {first_mistake(err)}: {ADVICE}"
        raise BundleError(msg) from err
