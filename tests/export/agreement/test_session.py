"""The order in which parts are asked."""

from __future__ import annotations

from itertools import pairwise

import pytest

from export.agreement.session import Question, Session, order_of

PARTS = [f"{number}.png" for number in range(6)]


@pytest.mark.parametrize("seed", range(40))
def test_each_trial_has_every_part_once_and_none_comes_twice_in_a_row(seed: int) -> None:
    order = order_of(PARTS[: 2 + seed % 5], trials=3, seed=seed, appraiser="A")

    for trial in (1, 2, 3):
        assert sorted(question.part for question in order if question.trial == trial) == PARTS[: 2 + seed % 5]
    assert [question.trial for question in order] == sorted(question.trial for question in order)
    assert all(one.part != after.part for one, after in pairwise(order))


def test_an_order_belongs_to_seed_and_appraiser_and_not_to_the_listing_of_the_folder() -> None:
    order = order_of(PARTS, trials=2, seed=1, appraiser="A")

    assert order_of(PARTS[::-1], trials=2, seed=1, appraiser="A") == order
    assert order_of(PARTS, trials=2, seed=2, appraiser="A") != order
    assert order_of(PARTS, trials=2, seed=1, appraiser="B") != order


def test_what_is_put_off_never_moves_into_another_trial() -> None:
    one, two, again = Question(1, "a"), Question(1, "b"), Question(2, "a")
    session = Session([one, two, again], [])

    session.later()
    assert session.question == two
    session.answered()
    assert session.question == one
    session.later()
    assert session.question == one
    session.answered()
    assert session.question == again


def test_a_session_goes_on_behind_its_answers_and_back_into_them() -> None:
    one, two = Question(1, "a"), Question(1, "b")
    session = Session([one, two], [two])

    assert (session.question, session.given) == (one, 1)
    assert session.back() == two
    assert (session.question, session.given) == (two, 0)
    assert session.back() is None
