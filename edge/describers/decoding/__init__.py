"""Decoding loops that generate captions token by token: greedy with drafts, sampling, beam search. For captioners only."""
