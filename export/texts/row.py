"""One row of a text data set: what is known about a picture and the words that a box says of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, Field

from edge.records import Degree, Description, Measured, Tag, Words
from export.texts.picture import Picture, Split
from firmware_config.strict import STRICT

SCORE_DIGITS = 6
"""Of cosines and measures: what lies behind is noise of the last bits."""

ScoredWord = tuple[str, float]


class Row(BaseModel):
    """A row. One of a picture that could not be described has `error`, one sentence, and no words: no picture is left out."""

    model_config = STRICT
    id: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    """The sha256 of the file's bytes, None where they cannot be read."""
    source: str
    label: str | None
    domain: str
    split: Split | None
    block: str
    """Neighbours have the same one. A picture without known neighbours has its id, so that copies stay together."""
    tags: tuple[ScoredWord, ...] = ()
    attributes: tuple[ScoredWord, ...] = ()
    captions: tuple[str, ...] = ()
    measures: tuple[ScoredWord, ...] = ()
    """Words of how the picture differs from good ones, each with how many spreads it is beyond them."""
    struck: tuple[tuple[str, str], ...] = ()
    """Where it stood (tag, attribute, caption) and what the quality filter took out."""
    printed_text: bool | None = None
    """None where the station does not look for it, or the picture could not be described."""
    familiarity: float | None = None
    """The distance from the known pictures of the station, about 1 for known ones; None without a memory. `degree` is its word."""
    degree: Degree | None = None
    width: int | None = None
    height: int | None = None
    models_digest: str
    describe_digest: str
    error: str | None = None

    @property
    def words(self) -> Words:
        """As the judge reads them."""
        return Words(
            tags=tuple(Tag(word, score) for word, score in self.tags),
            attributes=tuple(Tag(word, score) for word, score in self.attributes),
            captions=self.captions,
            measured=tuple(Measured(word, value) for word, value in self.measures),
        )


def row_of(
    picture: Picture,
    description: Description,
    *,
    identity: str,
    size: tuple[int, int],
    looks_for_text: bool,
    models_digest: str,
    describe_digest: str,
) -> Row:
    """The row of a described picture; `size` is (width, height) in pixels."""
    words, known = description.words, description.familiarity
    return Row(
        id=identity,
        source=picture.source,
        label=picture.label,
        domain=picture.domain,
        split=picture.split,
        block=picture.block or identity,
        tags=_scored(words.tags),
        attributes=_scored(words.attributes),
        captions=words.captions,
        measures=tuple((one.word, round(float(one.value), SCORE_DIGITS)) for one in words.measured),
        struck=tuple((one.where, one.text) for one in description.struck),
        printed_text=description.printed_text if looks_for_text else None,
        familiarity=None if known is None else round(float(known.distance), SCORE_DIGITS),
        degree=None if known is None else known.degree,
        width=size[0],
        height=size[1],
        models_digest=models_digest,
        describe_digest=describe_digest,
    )


def failed_row(
    picture: Picture, error: str, *, identity: str | None, models_digest: str, describe_digest: str, size: tuple[int, int] | None = None
) -> Row:
    """The row of a picture that could not be read or described."""
    return Row(
        id=identity,
        source=picture.source,
        label=picture.label,
        domain=picture.domain,
        split=picture.split,
        block=picture.block or identity or picture.source,
        width=size and size[0],
        height=size and size[1],
        models_digest=models_digest,
        describe_digest=describe_digest,
        error=error,
    )


def _scored(tags: Iterable[Tag]) -> tuple[ScoredWord, ...]:
    return tuple((tag.word, round(float(tag.score), SCORE_DIGITS)) for tag in tags)
