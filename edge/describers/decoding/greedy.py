"""Greedy decoding: always the most likely token. Drafts save steps; in a graph with fp32 activations they change no token."""

from __future__ import annotations

import numpy as np

from edge.describers.decoding.decoder import Decoder, SpecialTokens
from edge.describers.decoding.drafts import Drafts

MAX_DRAFT_TOKENS = 24
"""Most drafted tokens in one step. A CPU computes a step of so many tokens in little more than twice the time of a step of one."""


def greedy(decoder: Decoder, special: SpecialTokens, *, max_tokens: int, drafts: Drafts) -> list[int]:
    """Generate one caption with a decoder of one row; returns its tokens without the end token.

    Drafted tokens are fed together with the last token. They are accepted up to the first that is not the decoder's most likely token.

    Raises:
        DescribeError: the logits are not finite.
    """
    feed: list[int] = list(special.prompt)
    caption: list[int] = []
    draft_tokens = MAX_DRAFT_TOKENS
    while len(caption) < max_tokens:
        draft = drafts.after(caption, most=min(draft_tokens, max_tokens - len(caption) - 1))
        logits = decoder.step(np.array([[*feed, *draft]], np.int64))
        predicted = logits[0, -1 - len(draft) :].argmax(-1).tolist()
        stops = (drafted != token or token == special.end for drafted, token in zip(draft, predicted, strict=False))
        accepted = next((position for position, stop in enumerate(stops) if stop), len(draft))
        decoder.drop(len(draft) - accepted)
        draft_tokens = MAX_DRAFT_TOKENS if accepted else draft_tokens // 2  # a rejected draft costs time and saves none
        feed = predicted[accepted : accepted + 1]
        if feed == [special.end]:
            return [*caption, *predicted[:accepted]]
        caption += predicted[: accepted + 1]
    return caption
