"""The tables of a study, beside the worked example of AIAG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.agreement.kappa import Kappa, Marks
from export.agreement.limits import FALSE_ALARM_RATE, MISS_RATE, grade_of_effectiveness, grade_of_rate
from export.agreement.ratings import Appraiser, Study, read_study
from export.agreement.tables import AgainstStandard, OfAppraiser, Tables, tables_of
from tests.support.published_agreement import ratings


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    path = tmp_path / "ratings.csv"
    path.write_text(ratings(), encoding="utf-8")
    return tables_of(read_study(path))


def of(tables: Tables, name: str) -> OfAppraiser:
    return next(one for one in tables.appraisers if one.name == name)


def against(tables: Tables, name: str) -> AgainstStandard:
    found = of(tables, name).standard
    assert found is not None
    return found


def rounded(kappa: Kappa) -> float:
    assert kappa.value is not None
    return round(kappa.value, 2)


# By hand, as AIAG does it. Effectiveness: A 42 / 50 = 84 %, B 45 / 50 = 90 %, C 40 / 50 = 80 %. Misses, of 16 x 3 answers:
# A 3 / 48 = 6.25 %, B 3 / 48, C 6 / 48 = 12.5 %. False alarms, of 34 x 3 answers: A 5 / 102 = 4.90 %, B 2 / 102 = 1.96 %,
# C 9 / 102 = 8.82 %.
# Limits: effectiveness 90 and 80 %, misses 2 and 5 %, false alarms 5 and 10 %.
@pytest.mark.parametrize(
    ("name", "right", "missed", "alarmed", "grades"),
    [
        ("A", 42, 3, 5, ("marginal", "unacceptable", "acceptable")),
        ("B", 45, 3, 2, ("acceptable", "unacceptable", "acceptable")),
        ("C", 40, 6, 9, ("marginal", "unacceptable", "marginal")),
    ],
)
def test_effectiveness_misses_and_false_alarms_are_those_of_the_manual(
    tables: Tables, name: str, right: int, missed: int, alarmed: int, grades: tuple[str, str, str]
) -> None:
    found = against(tables, name)

    assert (found.effectiveness.count, found.effectiveness.of) == (right, 50)
    assert found.missed is not None
    assert found.alarmed is not None
    assert (found.missed.count, found.missed.of) == (missed, 48)
    assert (found.alarmed.count, found.alarmed.of) == (alarmed, 102)
    assert (found.effectiveness_grade, found.missed.grade, found.alarmed.grade) == grades
    assert found.grade == "unacceptable"  # the worst of the three


# The manual prints 71 and 93 %, 78 and 97 %, 66 and 90 %.
@pytest.mark.parametrize(("name", "low", "high"), [("A", 0.71, 0.93), ("B", 0.78, 0.97), ("C", 0.66, 0.90)])
def test_intervals_within_an_appraiser_are_those_of_the_manual(tables: Tables, name: str, low: float, high: float) -> None:
    within = of(tables, name).within

    assert within is not None
    assert within == against(tables, name).effectiveness  # nobody was wrong three times
    assert (round(within.low or 0.0, 2), round(within.high or 0.0, 2)) == (low, high)


def test_parts_with_one_answer_of_all_are_those_of_the_manual(tables: Tables) -> None:
    assert tables.people is not None
    assert tables.people.standard is not None
    assert (tables.people.between.count, tables.people.standard.count) == (39, 39)
    # The manual prints whole percents: 64 and 89 %; the upper end is 88.5 %.
    assert (tables.people.between.low, tables.people.between.high) == pytest.approx((0.64, 0.89), abs=0.006)
    assert tables.everybody is None
    assert len(tables.differing) == 11


# By hand for A and B: of 150 answers 44 + 97 agree, 0.94. By chance (50 x 47 + 100 x 103) / 150^2 = 0.5622 would.
# (0.94 - 0.5622) / (1 - 0.5622) = 0.86.
def test_cohens_kappas_in_pairs_and_against_the_reference_are_those_of_the_manual(tables: Tables) -> None:
    assert {f"{pair.one}{pair.other}": rounded(pair.kappa) for pair in tables.pairs} == {"AB": 0.86, "AC": 0.78, "BC": 0.79}
    assert {name: rounded(against(tables, name).kappa) for name in "ABC"} == {"A": 0.88, "B": 0.92, "C": 0.77}


def study(standard: Marks | None, *appraisers: Appraiser) -> Study:
    return Study(tuple(f"part {number}" for number in range(len(appraisers[0].answers))), standard, appraisers)


def test_an_appraiser_who_is_always_wrong_agrees_with_himself_and_not_with_the_standard() -> None:
    standard = np.array([True, False, True, False])
    wrong = Appraiser("wrong", np.repeat(~standard[:, None], 2, axis=1))

    (found,) = tables_of(study(standard, wrong)).appraisers

    assert found.within is not None
    assert found.standard is not None
    assert (found.within.count, found.standard.effectiveness.count) == (4, 0)
    assert (found.standard.always_ok_but_bad, found.standard.always_ng_but_good, found.standard.mixed) == (2, 2, 0)
    assert found.standard.kappa.value == pytest.approx(-1.0)


def test_one_trial_has_nothing_within_and_no_bad_part_has_no_miss_rate() -> None:
    (found,) = tables_of(study(np.zeros(3, np.bool_), Appraiser("A", np.zeros((3, 1), np.bool_)))).appraisers

    assert found.within is None
    assert found.within_kappa is None
    assert found.standard is not None
    assert found.standard.missed is None
    assert found.standard.parts_missed.share is None
    assert found.standard.grade == "acceptable"


def test_people_and_the_box_are_counted_apart_and_together() -> None:
    standard = np.array([True, False, True])
    marks = standard[:, None]
    box = Appraiser("box", np.array([[True], [True], [True]]), is_box=True)

    tables = tables_of(study(standard, Appraiser("A", marks), Appraiser("B", marks), box))

    assert tables.people is not None
    assert tables.everybody is not None
    assert (tables.people.between.count, tables.everybody.between.count) == (3, 2)
    assert tables.everybody.names == ("A", "B", "box")
    assert [(part.part, part.standard, part.answers) for part in tables.differing] == [("part 1", "OK", {"A": "O", "B": "O", "box": "N"})]


def test_without_a_standard_there_is_agreement_and_nothing_about_who_is_right() -> None:
    answers = np.array([[True, True], [False, True]])

    tables = tables_of(study(None, Appraiser("A", answers), Appraiser("B", answers)))

    assert tables.bad_parts is None
    assert tables.appraisers[0].standard is None
    assert tables.people is not None
    assert tables.people.standard is None
    assert [(part.part, part.standard) for part in tables.differing] == [("part 1", None)]


def test_limits_belong_to_the_better_grade() -> None:
    assert [grade_of_effectiveness(share) for share in (0.9, 0.899, 0.8, 0.799)] == ["acceptable", "marginal", "marginal", "unacceptable"]
    assert [grade_of_rate(rate, MISS_RATE) for rate in (0.02, 0.021, 0.05, 0.051)] == ["acceptable", "marginal", "marginal", "unacceptable"]
    assert [grade_of_rate(rate, FALSE_ALARM_RATE) for rate in (0.05, 0.051, 0.1, 0.101)] == [
        "acceptable",
        "marginal",
        "marginal",
        "unacceptable",
    ]
