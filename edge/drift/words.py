"""What is counted of an inspection: its tags, attributes and measured words, the station's terms in captions, and whether it is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from edge.records import Inspection, Reason

Kind: TypeAlias = Literal["tag", "attribute", "measured", "term", "reason"]

FOLLOWED_REASONS = (Reason.UNFAMILIAR, Reason.NEW_CONDITION)


class Word(NamedTuple):
    """A word whose share is followed. A term is one of the station's controlled vocabulary, found in a caption."""

    kind: Kind
    text: str


def words_of(inspection: Inspection, *, terms: Sequence[str] = ()) -> frozenset[Word] | None:
    """The words of a picture, each once; None where nothing was described, so that there is nothing to count."""
    if inspection.description is None:
        return None
    said = inspection.description.words
    captions = "\n".join(said.captions).casefold()
    return frozenset(
        (
            *(Word("tag", tag.word) for tag in said.tags),
            *(Word("attribute", tag.word) for tag in said.attributes),
            *(Word("measured", measured.word) for measured in said.measured),
            *(Word("term", term) for term in terms if _stands_in(term.casefold(), captions)),
            *(Word("reason", reason.value) for reason in FOLLOWED_REASONS if reason in inspection.verdict.reasons),
        )
    )


def _stands_in(term: str, captions: str) -> bool:
    return term in captions and re.search(rf"(?<!\w){re.escape(term)}(?!\w)", captions) is not None
