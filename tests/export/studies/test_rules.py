"""The study of changed rules: what counts as followed, and what as wrong."""

from __future__ import annotations

from edge.records import Decision, Description, Tag, Verdict, Words
from export.studies.rules import Cells, Outcome, Way, outcome
from tests.support.sample_records import scores, station

NG, OK = Verdict(Decision.NG, "crack", 0.9), Verdict(Decision.OK, "good", 0.9)


def described(number: int) -> Description:
    return Description(Words((Tag(f"tag {number}", 0.3),), (Tag("dark", 0.2),), (f"caption {number}",)))


def test_a_way_is_good_if_it_changes_the_meant_cells_and_no_others() -> None:
    descriptions = tuple(map(described, range(6)))
    before, after = [NG, NG, NG, NG, OK, OK], [OK, NG, OK, OK, NG, OK]
    meant = (True, True, True, False, False, False)
    cells = Cells(descriptions, (scores(),) * 6, tuple(before), {"A": meant})
    taught = ((descriptions[0].words, "good"),)

    assert outcome(Way("A", "judge", "name", station()), cells, before, after) == Outcome(3, 0, 2, 3, 1, 1)
    assert outcome(Way("A", "judge", "name", station(), taught), cells, before, after) == Outcome(2, 0, 1, 3, 1, 1)
