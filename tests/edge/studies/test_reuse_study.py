from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edge.describers.reuse import Look
from edge.records import Decision, Description, Tag, Verdict
from edge.reuse_study import Seen, interval, play
from firmware_config.station import Reuse

LIMITS = Reuse(max_grey=1.0, min_cosine=0.99)


def seen(caption: str, grey: float, decision: Decision, *, defective: bool | None = None) -> Seen:
    look = Look(np.full((32, 32), grey, np.float32), (300, 300), np.array([1.0, 0.0], np.float32))
    return Seen(look, Description((Tag("cell", 0.3),), (Tag("intact", 0.2),), (caption,)), decision, 50.0, defective)


def by_caption(description: Description) -> Verdict:
    return Verdict(Decision.OK if description.captions == ("a good cell",) else Decision.NG, "x", 0.9)


def line() -> Sequence[Seen]:
    good, bad = "a good cell", "a cracked cell"
    return [
        seen(good, 100, Decision.OK),
        seen(good, 100.2, Decision.OK),
        seen(bad, 100.4, Decision.NG, defective=True),
        seen(bad, 150, Decision.NG, defective=True),
        seen(bad, 150, Decision.NG, defective=True),
    ]


def test_a_defect_that_the_limits_do_not_notice_becomes_ok_and_is_counted() -> None:
    outcome = play(line(), LIMITS, by_caption)
    assert (outcome.pictures, outcome.reused, outcome.changed, outcome.became_ok) == (5, 3, 1, 1)
    assert (outcome.defects, outcome.missed) == (3, 1)
    assert outcome.saved_ms == 150.0


def test_tight_limits_change_no_verdict() -> None:
    outcome = play(line(), Reuse(max_grey=0.1, min_cosine=0.99), by_caption)
    assert (outcome.reused, outcome.changed, outcome.became_ok) == (1, 0, 0)


def test_a_verdict_is_asked_for_only_where_captions_differ() -> None:
    asked = []

    def verdict_on(description: Description) -> Verdict:
        asked.append(description)
        return by_caption(description)

    play(line(), LIMITS, verdict_on)
    assert [description.captions for description in asked] == [("a good cell",)]


@pytest.mark.parametrize(
    ("count", "of", "said"),
    [(0, 0, "none known"), (0, 300, "0 (up to 1.00%)"), (0, 1, "0 (up to 100.00%)"), (5, 100, "5: 5.00% (2.15% to 11.18%)")],
)
def test_intervals_are_those_of_the_text_books(count: int, of: int, said: str) -> None:
    assert interval(count, of) == said
