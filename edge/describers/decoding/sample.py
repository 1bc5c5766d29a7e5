"""Sampling: each token is drawn from the most likely ones. With one seed a picture always gets the same captions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.describers.decoding.decoder import Decoder, Ids, Logits, SpecialTokens, largest
from firmware_config.station import Describe


def sample(decoder: Decoder, special: SpecialTokens, *, settings: Describe, with_greedy: bool = False) -> list[list[int]]:
    """Generate `settings.samples` captions in one batch; returns their tokens without the end token.

    `with_greedy` adds the greedy caption as the first row of the batch. The decoder must have one row for each caption. Only
    `settings.seed` seeds the draws, so a picture always gets the same captions.

    Raises:
        DescribeError: the logits are not finite.
    """
    samples, greedy = settings.samples, int(with_greedy)
    count = greedy + samples
    rng = np.random.default_rng(settings.seed)
    captions: list[list[int]] = [[] for _ in range(count)]
    feed = np.repeat(np.array([special.prompt], np.int64), count, axis=0)
    unfinished = np.ones(count, bool)
    for _ in range(settings.max_tokens):
        logits = decoder.step(feed)[:, -1]
        # A caption that has ended still uses a draw, so that the draws of a caption do not depend on the length of the others.
        sampled = draw_tokens(logits[greedy:], rng.random(samples), top_k=settings.top_k, temperature=settings.temperature)
        tokens = np.concatenate([logits[:greedy].argmax(-1), sampled])
        unfinished &= tokens != special.end
        if not unfinished.any():
            break
        for row in np.flatnonzero(unfinished):
            captions[row].append(int(tokens[row]))
        feed = np.where(unfinished, tokens, special.pad).astype(np.int64)[:, None]
    return captions


def draw_tokens(logits: Logits, draws: NDArray[np.float64], *, top_k: int, temperature: float) -> Ids:
    """Draw a token for each row of `logits`, float32 (N, V), among its `top_k` largest; returns int64 (N,).

    `draws`, float64 (N,), are random numbers in [0, 1). Probabilities are summed in the order of token ids. In the order of probability,
    two tokens that differ in the last bit could change places between processors, and captions would differ.
    """
    tokens = np.empty(len(logits), np.int64)
    for row, (row_logits, draw) in enumerate(zip(logits, draws, strict=True)):
        candidates = np.sort(largest(row_logits, top_k))
        wide = row_logits[candidates].astype(np.float64)
        cumulative = np.cumsum(np.exp((wide - wide.max()) / temperature))
        tokens[row] = candidates[min(np.searchsorted(cumulative, draw * cumulative[-1], side="right"), len(candidates) - 1)]
    return tokens
