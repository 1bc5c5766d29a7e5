"""Generate the captions of one picture with a station's settings."""

from __future__ import annotations

from collections.abc import Callable

from edge.describers.decoding.beam import beam
from edge.describers.decoding.decoder import Decoder, SpecialTokens
from edge.describers.decoding.drafts import Drafts
from edge.describers.decoding.greedy import greedy
from edge.describers.decoding.sample import sample
from firmware_config.station import Describe


def generate(
    start: Callable[[int], Decoder], special: SpecialTokens, *, settings: Describe, drafts: Drafts, one_batch: bool
) -> list[list[int]]:
    """Generate the greedy or beam caption and then the sampled ones; returns their tokens without the end token.

    `start` makes a decoder on the picture for a number of captions. `one_batch` generates the greedy caption in the batch of the sampled
    ones, which saves time on a GPU. On a CPU it saves none, and a dynamic int8 graph has one scale for a batch, so the greedy caption
    would depend on the rest of the batch.

    Raises:
        DescribeError: the logits are not finite.
    """
    samples = settings.samples
    if one_batch and samples and settings.beams == 1:
        return sample(start(1 + samples), special, settings=settings, with_greedy=True)
    if settings.beams > 1:
        first = beam(start(1), special, beams=settings.beams, max_tokens=settings.max_tokens)
    else:
        first = greedy(start(1), special, max_tokens=settings.max_tokens, drafts=drafts)
    return [first, *(sample(start(samples), special, settings=settings) if samples else [])]
