from __future__ import annotations

import re
from collections import Counter
from math import comb

import pytest

from export.studies.guideline.effort import PHASES
from export.studies.guideline.page import HERE, LANGUAGES, STARTER_ESCAPE, page, page_name
from export.studies.guideline.sample_size import (
    chance_to_pass,
    escaped_per_million,
    fewest_for_guarantee,
    fewest_parts,
    interval,
    least_wins,
    parts_to_collect,
    rule_of_three,
    spread_known,
    upper,
    worth,
)
from export.studies.guideline.tables import percent
from tests.support.repository import ROOT

MANY_DIGITS = re.compile(r"\d+(?:[.,]\d+)+|\d{2,}")


def chance_of_at_most(found: int, parts: int, share: float) -> float:
    """By its definition: the sum of the binomial chances."""
    return sum(comb(parts, number) * share**number * (1 - share) ** (parts - number) for number in range(found + 1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guideline_holds_the_figures_that_are_computed(language: str) -> None:
    found = next(one for one in LANGUAGES if one == language)
    text = (ROOT / "docs" / page_name(found)).read_text(encoding="utf-8")
    assert text == page(found), "write it anew: python -m export.studies.guideline.page docs"


def test_the_escape_of_the_starter_is_that_of_its_results() -> None:
    results = (ROOT / "docs/studies/results.md").read_text(encoding="utf-8")
    poly = results[results.rindex("### All poly cells") :]
    figure = STARTER_ESCAPE.replace(" ", "")
    assert re.search(rf"^\| language model on words \| none, min_confidence = 0\.7 \| {re.escape(figure)} ", poly, re.MULTILINE)


def test_both_languages_say_the_same_figures_in_the_same_order_of_chapters() -> None:
    english, japanese = ((HERE / f"{language}.md").read_text(encoding="utf-8") for language in LANGUAGES)
    for pattern in (r"\{\{ \w+ \}\}", r"^#+ (?:\d+)?", r"^- ", r"^\d+\. "):
        assert len(re.findall(pattern, english, re.MULTILINE)) == len(re.findall(pattern, japanese, re.MULTILINE)), pattern
    assert re.findall(r"^\{\{ \w+ \}\}$", english, re.MULTILINE) == re.findall(r"^\{\{ \w+ \}\}$", japanese, re.MULTILINE)
    figures = [Counter(MANY_DIGITS.findall(text)) for text in (english, japanese)]
    assert figures[0] == figures[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_of_the_guideline_lead_somewhere(language: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (HERE / f"{language}.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


@pytest.mark.parametrize(("found", "parts"), [(0, 20), (1, 50), (3, 149), (10, 300)])
def test_at_a_bound_what_was_found_is_as_unlikely_as_the_confidence_says(found: int, parts: int) -> None:
    assert chance_of_at_most(found, parts, upper(found, parts)) == pytest.approx(0.05)
    low, high = interval(found, parts)
    assert chance_of_at_most(found, parts, high) == pytest.approx(0.025)
    assert found == 0 or 1 - chance_of_at_most(found - 1, parts, low) == pytest.approx(0.025)
    assert found > 0 or low == 0


def test_the_interval_of_one_in_ten_is_the_published_one() -> None:
    # Of 10 parts 1 was found: 0.25 % to 44.50 %, as every table of exact binomial intervals has it.
    assert interval(1, 10) == pytest.approx((0.0025, 0.4450), abs=5e-5)
    assert upper(10, 10) == 1


@pytest.mark.parametrize(("limit", "parts"), [(0.01, 299), (0.05, 59), (0.1, 29)])
def test_without_a_miss_the_fewest_parts_are_those_of_success_runs(limit: float, parts: int) -> None:
    # 59 parts for 95 % / 95 %, 29 for 90 % / 95 %, 299 for 99 % / 95 %: the usual success runs.
    assert fewest_parts(limit) == parts
    assert (1 - limit) ** parts <= 0.05 < (1 - limit) ** (parts - 1)


@pytest.mark.parametrize("missed", [0, 1, 2, 5])
@pytest.mark.parametrize("limit", [0.01, 0.02, 0.1])
def test_a_plan_has_no_part_too_many(limit: float, missed: int) -> None:
    parts = fewest_parts(limit, missed=missed)
    assert chance_of_at_most(missed, parts, limit) <= 0.05 < chance_of_at_most(missed, parts - 1, limit)
    assert chance_to_pass(limit / 2, parts, missed=missed) == pytest.approx(chance_of_at_most(missed, parts, limit / 2))


def test_the_rule_of_three_is_a_little_above_the_exact_bound() -> None:
    assert all(upper(0, parts) < rule_of_three(parts) < 1.1 * upper(0, parts) for parts in (30, 100, 1_000))


def test_a_guarantee_needs_one_more_than_its_share_of_pictures() -> None:
    assert [fewest_for_guarantee(escape) for escape in (0.01, 0.02, 0.05)] == [99, 49, 19]
    assert all(1 / (fewest_for_guarantee(escape) + 1) <= escape < 1 / fewest_for_guarantee(escape) for escape in (0.01, 0.03, 0.07))


def test_neighbours_are_worth_less_and_the_same_part_again_nothing() -> None:
    assert worth(300, block=1, alike=0.5) == 300
    assert worth(300, block=30, alike=0) == 300
    assert worth(300, block=30, alike=1) == pytest.approx(10)


def test_a_sign_test_needs_six_of_six() -> None:
    assert [least_wins(differing) for differing in (5, 6, 10, 20)] == [None, 6, 9, 15]
    assert chance_of_at_most(20 - 15, 20, 0.5) <= 0.025 < chance_of_at_most(20 - 14, 20, 0.5)


def test_five_seeds_know_the_mean_to_a_little_more_than_a_deviation() -> None:
    assert spread_known(5) == pytest.approx(2.776 / 5**0.5, abs=1e-3)  # Student's t of 4 degrees of freedom


def test_parts_of_a_line_are_counted_up() -> None:
    assert parts_to_collect(149, defect_rate=0.01) == 14_900
    assert parts_to_collect(1, defect_rate=0.3) == 4
    assert escaped_per_million(0.01, 0.02) == pytest.approx(200)


def test_a_share_that_is_not_0_is_not_rounded_to_it() -> None:
    assert [percent(share) for share in (0, 0.00002, 0.02, 0.9999999, 1)] == ["0 %", "< 0.01 %", "2 %", "> 99.99 %", "100 %"]


def test_hours_are_those_of_all_people() -> None:
    agreement = next(phase for phase in PHASES if phase.times == 2)
    assert agreement.judging_hours == pytest.approx(50 * 3 * 2 * 20 / 3600)
    assert all(phase.hours > phase.judging_hours > 0 for phase in PHASES)
