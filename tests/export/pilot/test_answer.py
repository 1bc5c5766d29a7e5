"""The answer of a pilot follows from limits and intervals; what is not shown is not a go."""

from __future__ import annotations

import pytest

from export.chapters.decided import share
from export.findings.box import Attack, Attacked, Decided
from export.findings.comparison import Comparison, Measured
from export.findings.figures import Figure
from export.findings.findings import Answer, Limits
from export.findings.scorers import Scorer
from export.pilot.answer import Saving, answer, more_defects
from export.pilot.shares import parts_to_show

LIMITS = Limits(escape=0.02, overkill=0.1, review=0.2)


def decided(domain: str = "new", *, escaped: int = 0, bad: int = 300, rejected: int = 3, reviewed: int = 10, seen: bool = False) -> Decided:
    good = 300
    return Decided(
        domain=domain,
        seen=seen,
        rule="as_it_comes",
        good={"OK": good - rejected - reviewed, "NG": rejected, "REVIEW": reviewed},
        bad={"OK": escaped, "NG": bad - escaped},
        escape=share(escaped, bad),
        overkill=share(rejected, good),
        review=share(reviewed, good + bad),
        passed=share(good - rejected - reviewed, good),
        reasons={},
    )


def comparison(target: str, **behind: tuple[float, float, float]) -> Comparison:
    def measured(scorer: Scorer, figure: Figure | None) -> Measured:
        return Measured(
            scorer=scorer, seeds=1, auroc=None, auroc_by_seed=(), macro_f1=None, balanced_accuracy=None, escape=None, overkill=None,
            behind_reference=figure,
        )  # fmt: skip

    figures = {name: Figure(value=value, low=low, high=high) for name, (value, low, high) in behind.items()}
    return Comparison(
        protocol="leave_one_domain_out", sources=("a",), target=target, good=10, bad=10, blocks=5, reference="box",
        measured=(measured("box", None), *(measured(name, figure) for name, figure in figures.items())),  # type: ignore[arg-type]
    )  # fmt: skip


def found(*parts: Decided, comparisons: tuple[Comparison, ...] = (), attack: Attack | None = None, saving: Saving | None = None) -> Answer:
    return answer(parts, comparisons, attack, saving, limits=LIMITS)


def codes(given: Answer) -> list[str]:
    return [reason.code for reason in given.reasons]


def test_a_box_within_all_limits_is_a_go() -> None:
    given = found(decided())

    assert (given.outcome, codes(given), given.more_defects) == ("go", [], None)
    assert (given.escape.count, given.escape.of) == (0, 300)


def test_what_taught_the_bundle_does_not_count() -> None:
    given = found(decided(), decided("old", escaped=200, seen=True))

    assert given.outcome == "go"
    assert given.escape.of == 300


@pytest.mark.parametrize(
    ("parts", "outcome", "expected"),
    [
        (decided(escaped=30), "no_go", ["escape_above_limit", "domain_fails"]),
        (decided(escaped=3), "not_enough", ["escape_not_shown"]),
        (decided(bad=100), "not_enough", ["too_few_defects", "escape_not_shown"]),
        (decided(bad=0), "not_enough", ["one_class"]),
        (decided(rejected=60), "no_go", ["overkill_above_limit"]),
        (decided(rejected=35), "not_enough", ["overkill_above_limit"]),
        (decided(reviewed=200), "no_go", ["review_above_limit"]),
    ],
)
def test_a_missed_limit_is_a_reason(parts: Decided, outcome: str, expected: list[str]) -> None:
    given = found(parts)

    assert (given.outcome, codes(given)) == (outcome, expected)


def test_nothing_unseen_is_not_enough() -> None:
    given = found(decided(seen=True))

    assert (given.outcome, codes(given), given.escape.of) == ("not_enough", ["one_class"], 0)


def test_one_domain_that_fails_is_a_no_go_though_all_together_pass() -> None:
    given = found(decided("large", bad=3_000), decided("small", bad=60, escaped=6))

    assert given.outcome == "no_go"
    assert codes(given) == ["domain_fails"]
    assert given.reasons[0].values["domain"] == "small"


def test_one_escape_in_the_smallest_of_many_domains_is_no_reason() -> None:
    given = found(
        decided("large", bad=3_000), *(decided(f"small {number}", bad=1) for number in range(4)), decided("one", bad=1, escaped=1)
    )

    assert (given.outcome, codes(given)) == ("go", [])


def test_a_control_that_is_better_stands_beside_a_go() -> None:
    tables = (
        comparison("a", vision_probe=(-0.05, -0.08, -0.02), darkness=(0.1, 0.05, 0.2)),
        comparison("b", vision_probe=(-0.1, -0.2, -0.05), darkness=(-0.1, -0.2, 0.01)),
    )

    given = found(decided(), comparisons=tables)

    assert given.outcome == "go"
    assert codes(given) == ["control_is_better", "words_add_nothing"]
    assert given.reasons[0].values == {"scorer": "vision_probe", "target": "b", "targets": 2, "ahead": 0.1, "low": 0.05, "high": 0.2}


def test_words_add_something_where_one_target_shows_the_box_ahead_of_each_control_without_words() -> None:
    tables = (comparison("a", vision_probe=(0.0, -0.1, 0.1)), comparison("b", vision_probe=(0.1, 0.02, 0.2)))

    assert codes(found(decided(), comparisons=tables)) == []


def test_other_protocols_say_nothing_of_controls() -> None:
    table = comparison("a", vision_probe=(-0.05, -0.08, -0.02)).model_copy(update={"protocol": "few_shot", "shots": 32})

    assert codes(found(decided(), comparisons=(table,))) == []


def test_printed_text_that_the_guard_lets_through_stands_beside_a_go() -> None:
    way = Attacked(way="large", pictures=100, ok_unguarded=share(60, 100), ok_guarded=share(10, 100), found=share(90, 100))
    attack = Attack(texts=("OK",), ways=(way,), false_finds=share(0, 100), example=None)

    given = found(decided(), attack=attack)

    assert (given.outcome, codes(given)) == ("go", ["text_fools_it"])


def test_a_box_that_costs_more_is_a_no_go_and_an_open_saving_is_none() -> None:
    assert codes(found(decided(), saving=Saving(-10.0, -20.0, -1.0, "EUR"))) == ["costs_more"]
    assert found(decided(), saving=Saving(-10.0, -20.0, -1.0, "EUR")).outcome == "no_go"
    assert found(decided(), saving=Saving(-10.0, -20.0, 1.0, "EUR")).outcome == "go"


def test_more_defects_are_those_that_would_show_the_limit() -> None:
    for escaped, bad in ((0, 100), (1, 120), (2, 200)):
        more = more_defects(share(escaped, bad), 0.02)
        assert more is not None
        rate = escaped / bad
        assert share(-int(-rate * (bad + more) // 1), bad + more).high <= 0.02

    assert more_defects(share(0, 300), 0.02) is None
    assert more_defects(share(10, 300), 0.02) is None


def test_without_an_escape_183_parts_show_two_per_cent() -> None:
    assert parts_to_show(0.02) == 183
    assert share(0, 183).high <= 0.02 < share(0, 182).high
