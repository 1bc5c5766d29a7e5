"""Ranges, intervals, turning points and outcomes of a cost study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.texts.cost import ENGLISH, TEXTS
from export.cost.amount import Amount, between
from export.cost.inputs import inputs_of, middles
from export.cost.model import saving, total
from export.cost.sensitivity import turning_point
from export.cost.sentences import plain, sentences
from export.cost.spec import CostSpec
from export.cost.study import study
from export.errors import SpecError
from firmware_config.strict import read_values

CERTAIN: dict[str, Any] = {
    "plant": {
        "name": "p",
        "currency": "JPY",
        "parts_per_day": 1000,
        "defect_rate": 0.01,
        "days_per_year": 200,
        "hours_per_day": 10,
        "peak_factor": 1,
    },
    "prices": {"escape": 100, "overkill": 10, "operator_hour": 60, "engineer_hour": 100, "kwh": 0, "box": 1000},
    "box": {
        "escape": 0.1,
        "overkill": 0,
        "review_bad": 0,
        "review_good": 0,
        "latency_ms": 100,
        "joules_per_picture": 0,
        "idle_watts": 0,
        "years": 2,
    },
    "effort": {
        "review_minutes": 1,
        "reviewer_miss": 0,
        "labels": 0,
        "label_minutes": 1,
        "integration_hours": 10,
        "upkeep_hours": 0,
    },
    "draws": {"count": 1000},
}
"""A year without a box costs 2,000 defective parts x 100 = 200,000; with one 20,000 + 500 + 500."""


def spec_with(**changes: dict[str, Any]) -> CostSpec:
    sections = {**CERTAIN, **{name: {**CERTAIN.get(name, {}), **values} for name, values in changes.items()}}
    return read_values(CostSpec, sections)


def test_without_ranges_the_interval_is_the_value() -> None:
    found = study(spec_with())

    assert found.baseline == "none"
    assert (found.saving.low, found.saving.value, found.saving.high) == pytest.approx((179_000,) * 3)
    assert found.outcome == "pays"
    assert found.tornado == ()
    assert found.more_escapes_share == 0


def test_an_assumption_is_a_figure_that_is_not_set() -> None:
    assert study(spec_with()).assumed == ("box.pictures_per_part",)


def test_a_box_that_costs_more_than_it_saves_is_told_with_the_dearest_line() -> None:
    found = study(spec_with(present={"escape": 0.1, "overkill": 0}, prices={"box": 50_000}))

    answer = sentences(found, ENGLISH)[0]

    assert found.outcome == "loses"
    assert answer.startswith("This does not pay for you, because hardware, spread over its years costs 25,000 JPY a year more")
    assert sentences(found, TEXTS["ja"])[0].startswith("この工場では採算が合いません。")
    assert found.payback_years is None


def test_more_escapes_than_today_are_told_although_the_box_is_cheaper() -> None:
    found = study(spec_with(present={"escape": 0.05, "overkill": 0, "cost_per_year": 100_000}))

    assert found.outcome == "pays"
    assert any(sentence.startswith("In 100 % of the draws the box passes more defective parts") for sentence in sentences(found, ENGLISH))


def test_boxes_are_bought_whole() -> None:
    # 1000 parts in 10 hours: one in 36 s. At 25 s a picture a box is busy for 69 % of the time, at 26 s for 72 %, which is over 70 %.
    assert [study(spec_with(box={"latency_ms": latency_ms})).boxes for latency_ms in (25_000, 26_000, 51_000)] == [1, 2, 3]


def test_the_interval_of_one_uniform_doubt_is_that_of_its_triangle() -> None:
    found = study(spec_with(prices={"escape": {"value": 100, "low": 50, "high": 150}}, draws={"count": 200_000}))

    # Of a symmetrical triangle between a and b, the share p lies below a + (b - a) sqrt(p / 2).
    low = 50 + 100 * np.sqrt(0.025 / 2)
    assert found.saving.low == pytest.approx(1_800 * low - 1_000, rel=0.005)
    assert found.saving.high == pytest.approx(1_800 * (200 - low) - 1_000, rel=0.005)


def test_a_tornado_is_one_figure_at_a_time_and_the_widest_comes_first() -> None:
    found = study(spec_with(prices={"escape": {"value": 100, "low": 50, "high": 150}, "box": {"value": 1000, "low": 500, "high": 2000}}))

    first, second = found.tornado
    assert (first.key, second.key) == ("prices.escape", "prices.box")
    assert (first.saving_at_low, first.saving_at_high) == pytest.approx((89_000, 269_000))
    assert (second.saving_at_low, second.saving_at_high) == pytest.approx((179_250, 178_500))
    assert first.turns_at == pytest.approx(1_000 / 1_800)


@given(escape=st.floats(0, 0.9), price=st.floats(1, 1_000), box=st.floats(1, 1e6))
def test_at_a_turning_point_both_cost_the_same(escape: float, price: float, box: float) -> None:
    of = middles(inputs_of(spec_with(box={"escape": escape}, prices={"escape": price, "box": box})))

    turns_at = turning_point(of, "prices.escape", "none")

    if turns_at is not None:
        there = {**of, "prices.escape": np.asarray(turns_at)}
        assert float(saving(there, "none")) == pytest.approx(0, abs=1e-6 * float(total(there, "none")))
    else:
        assert float(saving({**of, "prices.escape": np.asarray(100 * price)}, "none")) < 0


def test_a_table_holds_the_saving_at_each_pair() -> None:
    found = study(spec_with(break_even={"row_values": [50.0, 100.0], "column_values": [0.01, 0.02, 0.5]}))

    # Saving = 200,000 parts x defect rate x 0.9 x price - 1,000.
    assert found.table.savings[1] == pytest.approx((179_000, 359_000, 8_999_000))
    assert found.table.savings[0][1] == pytest.approx(179_000)


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"rows": "prices.escapes"}, "there is no figure 'prices.escapes'"),
        ({"rows": "plant.defect_rate"}, "rows and columns are both plant.defect_rate"),
        ({"column_values": [2.0]}, "2 is no value of plant.defect_rate"),
        ({"rows": "prices.kwh"}, "prices.kwh is 0"),
    ],
)
def test_an_impossible_table_is_refused(choice: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        study(spec_with(break_even=choice))


def test_a_counted_share_has_its_clopper_pearson_interval() -> None:
    none = Amount(count=0, of=100)
    some = Amount(count=6, of=300)

    # None of n: (alpha / 2)^(1 / n) = 1 - p. The other is a published property: P(X >= 6 | low) = P(X <= 6 | high) = 2.5 %.
    assert (none.least, none.most) == pytest.approx((0, 1 - 0.025 ** (1 / 100)))
    from scipy.stats import binom

    assert 1 - binom.cdf(5, 300, some.least) == pytest.approx(0.025)
    assert binom.cdf(6, 300, some.most) == pytest.approx(0.025)
    assert Amount(count=100, of=100).most == 1


@pytest.mark.parametrize("amount", [between(3, 1, 9), Amount(count=3, of=50), Amount(value=4.0)])
def test_draws_keep_to_what_is_possible(amount: Amount) -> None:
    drawn = amount.drawn(np.random.default_rng(3), 2_000)

    low, high = (0, 1) if amount.count is not None else (amount.least, amount.most)
    assert low <= drawn.min() <= amount.middle <= drawn.max() <= high


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.000012345, "0.000012"), (0, "0"), (-0.0, "0"), (1234.5, "1,234"), (999.96, "1000"), (0.025, "0.025"), (24, "24")],
)
def test_a_figure_is_shown_plainly(value: float, shown: str) -> None:
    assert plain(value) == shown


def test_every_figure_has_a_name_in_both_languages() -> None:
    keys = [one.key for one in inputs_of(spec_with(present={"escape": 0, "overkill": 0}))]
    assert [sorted(texts.names) for texts in TEXTS.values()] == [sorted(keys)] * 2
