"""Drafts: guesses of the next tokens of a caption. The decoder checks several of them in one step.

Pictures of one production line get few different sentences, so most of a caption can be guessed. A step with a dozen tokens takes less than
twice the time of a step with one, because most of a step is loading weights. So the guessed tokens are fed together with the last token,
and those that the decoder itself would generate are accepted (speculative decoding, arXiv 2211.17192, with a lookup table as in arXiv
2304.04487 instead of a second model). Drafts come from the bundle only, so the words of a picture never depend on earlier pictures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer

from edge.bundle.open import Bundle
from firmware_config.board import Board

CONTEXT_TOKENS = 8
"""Most last tokens of a caption that are looked up."""

EDGE = -1
"""Marks the start and the end of a caption in the table. No tokenizer has this id."""


class Drafts:
    """A table of the most frequent next token after up to CONTEXT_TOKENS last tokens. The longest known run of last tokens decides.

    `captions` are tokens without prompt and end token. A caption that is given twice counts twice.
    """

    def __init__(self, captions: Iterable[Sequence[int]]) -> None:
        counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for caption in captions:
            tokens = (EDGE, *caption, EDGE)
            for end in range(1, len(tokens)):
                for start in range(max(0, end - CONTEXT_TOKENS), end):
                    counts[tokens[start:end]][tokens[end]] += 1
        self._next = {context: followers.most_common(1)[0][0] for context, followers in counts.items()}

    def after(self, tokens: Sequence[int], *, most: int) -> list[int]:
        """Guess at most `most` tokens that follow `tokens`, the caption so far; empty if the table has no next token or has the end."""
        context, draft = (EDGE, *tokens), list[int]()
        while len(draft) < most:
            runs = (context[start:] for start in range(max(0, len(context) - CONTEXT_TOKENS), len(context)))
            token = next((self._next[run] for run in runs if run in self._next), EDGE)
            if token == EDGE:
                break
            draft.append(token)
            context = (*context, token)
        return draft


def open_drafts(bundle: Bundle, path: str | None, tokenizer: Tokenizer, *, board: Board) -> Drafts:
    """Read the drafts of a bundle from `path`, a text file with one caption a line; without a path there are none.

    On TensorRT drafts are not used, because it compiles an engine again, for minutes, when a step has more tokens than any before.

    Raises:
        BundleError: the file is not UTF-8 text.
    """
    if path is None or board.providers[0] == "tensorrt":
        return Drafts([])
    captions = bundle.text(path).splitlines()
    return Drafts(encoding.ids for encoding in tokenizer.encode_batch(captions, add_special_tokens=False))
