from __future__ import annotations

import numpy as np
import pytest

from edge.describers.decoding.decoder import Logits
from edge.describers.decoding.sample import draw_tokens

VOCABULARY, ROWS = 50, 20_000


def logits() -> Logits:
    return np.random.default_rng(3).normal(0, 1.5, VOCABULARY).astype(np.float32)


@pytest.mark.parametrize(("top_k", "temperature"), [(8, 1.0), (8, 0.5), (VOCABULARY, 2.0), (VOCABULARY + 1, 1.0)])
def test_tokens_are_drawn_as_often_as_they_are_likely_and_only_from_the_top_k(top_k: int, temperature: float) -> None:
    row = logits()
    drawn = draw_tokens(np.tile(row, (ROWS, 1)), np.random.default_rng(0).random(ROWS), top_k=top_k, temperature=temperature)
    chances = np.exp(row.astype(np.float64) / temperature) * (row >= np.sort(row)[-min(top_k, VOCABULARY)])
    chances /= chances.sum()
    share = np.bincount(drawn, minlength=VOCABULARY) / ROWS
    assert np.abs(share - chances).max() < 4 * np.sqrt(0.25 / ROWS)
    assert not share[chances == 0].any()


@pytest.mark.parametrize("draw", [0.0, 0.5, np.nextafter(1.0, 0.0)])
def test_the_first_and_the_last_draw_give_a_token(draw: float) -> None:
    (token,) = draw_tokens(logits()[None], np.array([draw]), top_k=5, temperature=1.0)
    assert token in np.argsort(-logits())[:5]


def test_two_tokens_that_swap_their_order_in_the_last_bit_change_no_draw() -> None:
    first_larger = logits()
    first, second = np.argsort(-first_larger)[:2]
    first_larger[second] = first_larger[first]
    second_larger = first_larger.copy()
    first_larger[first] = np.nextafter(first_larger[first], np.float32(99))
    second_larger[second] = np.nextafter(second_larger[second], np.float32(99))
    draws = np.random.default_rng(1).random(ROWS)
    before, after = (draw_tokens(np.tile(row, (ROWS, 1)), draws, top_k=5, temperature=1.0) for row in (first_larger, second_larger))
    assert (before != after).sum() <= 1


def test_a_token_of_probability_zero_is_never_drawn() -> None:
    row = np.array([[-5000.0, 0.0, 1.0, -5000.0]], np.float32)
    draws = (0.0, 0.2, 0.5, np.nextafter(1.0, 0.0))
    assert {int(draw_tokens(row, np.array([draw]), top_k=4, temperature=1.0)[0]) for draw in draws} == {1, 2}


def test_no_rows_give_no_tokens() -> None:
    assert draw_tokens(np.empty((0, VOCABULARY), np.float32), np.empty(0), top_k=5, temperature=1.0).shape == (0,)
