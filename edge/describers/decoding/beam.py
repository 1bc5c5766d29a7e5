"""Beam search, the same as in transformers' `generate` with its default length penalty of 1: the mean log-probability ranks captions."""

from __future__ import annotations

import numpy as np

from edge.describers.decoding.decoder import Decoder, SpecialTokens, largest, log_softmax


def beam(decoder: Decoder, special: SpecialTokens, *, beams: int, max_tokens: int) -> list[int]:
    """Generate the best of `beams` captions with a decoder of one row; returns its tokens without the end token.

    The length in the mean includes the prompt and excludes the end token, as in transformers.

    Raises:
        DescribeError: the logits are not finite.
    """
    prompt = special.prompt
    first = log_softmax(decoder.step(np.array([prompt], np.int64))[:, -1])
    decoder.reorder([0] * beams)
    log_probabilities = np.repeat(first, beams, axis=0)
    # All beams hold the same caption at first, so only one of them may be continued.
    totals = np.full(beams, -np.inf)
    totals[0] = 0.0
    captions: list[list[int]] = [[] for _ in range(beams)]
    ended: list[tuple[float, list[int]]] = []
    for step in range(1, max_tokens + 1):
        length = len(prompt) + step - 1
        scores = (totals[:, None] + log_probabilities).ravel()
        continued: list[tuple[float, int, int]] = []
        for rank, candidate in enumerate(largest(scores, 2 * beams)):
            row, token = divmod(int(candidate), log_probabilities.shape[-1])
            if token == special.end:
                if rank < beams:
                    ended.append((float(scores[candidate]) / length, captions[row]))
            elif len(continued) < beams:
                continued.append((float(scores[candidate]), row, token))
        ended = sorted(ended, key=lambda caption: -caption[0])[:beams]
        captions = [[*captions[row], token] for _, row, token in continued]
        totals = np.array([total for total, _, _ in continued])
        if step == max_tokens or (len(ended) == beams and ended[-1][0] >= totals.max() / length):
            break
        decoder.reorder([row for _, row, _ in continued])
        log_probabilities = log_softmax(decoder.step(np.array([[token] for _, _, token in continued], np.int64))[:, -1])
    if len(ended) < beams:
        ended += [(float(total) / (len(prompt) + max_tokens - 1), caption) for total, caption in zip(totals, captions, strict=True)]
    return max(ended, key=lambda caption: caption[0])[1]
